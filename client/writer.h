/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grid.h"
#include "sctpctl.h"

/* What verbs write to: they hand over JSON objects, and the options say whether a table or JSON comes
 * out. Errors of standard output show in its ferror(). */

enum writer_kind {
        WRITER_LIST,            /* a table, or one JSON array */
        WRITER_STREAM,          /* JSON objects, one a line, at once */
};

struct writer;

struct writer *writer_new(const struct options *o, enum writer_kind kind,
                          const struct column *columns, size_t n_columns);
struct writer *writer_free(struct writer *w);
DEFINE_CLEANUP(struct writer *, writer_free)

/* -ENOMEM; -EPIPE: nobody reads any more */
int writer_object(struct writer *w, json_t *object);
/* Whether objects come out as the daemon writes them, so that they need not be read and written again: one array of
 * compact JSON for a program. */
bool writer_takes_text(const struct writer *w);
/* The same as writer_object() with an object's text, where that is so. -EPIPE. */
int writer_text(struct writer *w, const char *text, size_t length);
/* Without it a list stays unfinished, so that nobody takes a part for the whole. The legend (NULL: none)
 * goes below a table, for a person at a terminal only. */
int writer_finish(struct writer *w, const char *legend);

/* One object that stands alone, as JSON. */
int writer_document(const struct options *o, json_t *object);

/* Writes text in a style, if colour is wanted. */
void writer_style(const struct options *o, const char *text, size_t length, enum style style);

/* The terminal's width; 0: no terminal, or the person wants it wide */
unsigned writer_width(const struct options *o);
