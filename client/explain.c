/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "cells.h"
#include "explain.h"
#include "guess.h"
#include "json.h"
#include "page.h"
#include "pager.h"
#include "writer.h"

/* Names that are suggested for a word that is none. */
#define SUGGESTIONS_MAX 6u
/* So many letters may be a part of a name. */
#define PART_MIN 3u

static json_t *object_of(const struct explanation *e) {
        return json_pack("{ss ss ss* ss* ss* ss* ss}", "name", e->name, "subject", e->subject, "columns", e->columns,
                         "unit", e->unit, "source", e->source, "reference", e->reference, "text", e->text);
}

static const struct column columns[] = {
        { .title = "NAME", .member = "name" },
        { .title = "OF", .member = "subject", .drop = 1 },
        { .title = "COLUMNS", .member = "columns", .drop = 2 },
        { .title = "UNIT", .member = "unit", .drop = 3 },
        { .title = "MEANING", .member = "text" },
};

static int page(const struct options *o, const struct explanation *e, bool first) {
        pager_open(o);
        if (!first)
                printf("\n");
        page_line(o, STYLE_HEADER, "Name", "%s", e->name);
        page_line(o, STYLE_PLAIN, "Of", "%s", e->subject);
        if (e->columns)
                page_line(o, STYLE_PLAIN, "Columns", "%s", e->columns);
        if (e->unit)
                page_line(o, STYLE_PLAIN, "Unit", "%s", e->unit);
        if (e->source)
                page_line(o, STYLE_PLAIN, "Source", "%s", e->source);
        if (e->reference)
                page_line(o, STYLE_PLAIN, "Reference", "%s", e->reference);
        page_text(o, "Meaning", e->text);
        return ferror(stdout) ? -EPIPE : 0;
}

/* Names of which the word is a part, or that have a column of which it is one; else the nearest. */
static void suggest(const char *word) {
        struct guess guess = { .word = word };
        char text[512] = "";
        unsigned n = 0;

        for (size_t i = 0; i < n_explanations; i++) {
                const char *name = explanations[i].name, *columns_of = explanations[i].columns ?: "";
                size_t length = strlen(text);

                guess_name(&guess, name);
                if (n < SUGGESTIONS_MAX && strlen(word) >= PART_MIN && !strstr(text, name) &&
                    (strcasestr(name, word) || strcasestr(columns_of, word)))
                        snprintf(text + length, sizeof(text) - length, "%s%s", n++ > 0 ? ", " : "", name);
        }
        say("Nothing is called \"%s\". All there is: sctpctl explain", word);
        if (guess.name || text[0])
                say("Did you mean %s?", text[0] ? text : guess.name);
}

static int explain_word(const struct options *o, struct writer *w, const char *word, unsigned *ret_n) {
        const struct explanation *e;
        size_t cursor = 0;
        int r = 0;

        for (*ret_n = 0; r >= 0 && (e = explain_find(word, &cursor)); (*ret_n)++) {
                _cleanup_(json_decref_p) json_t *object = NULL;

                if (o->output == OUTPUT_TABLE)
                        r = page(o, e, *ret_n == 0);
                else
                        r = (object = object_of(e)) ? writer_object(w, object) : -ENOMEM;
        }
        return r;
}

static int explain_all(struct writer *w) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n_explanations; i++) {
                _cleanup_(json_decref_p) json_t *object = object_of(explanations + i);

                r = object ? writer_object(w, object) : -ENOMEM;
        }
        return r;
}

enum code verb_explain(const struct options *o) {
        _cleanup_(writer_free_p) struct writer *w = NULL;
        unsigned n = 1;
        int r;

        w = writer_new(o, WRITER_LIST, columns, ELEMENTS(columns));
        if (!w)
                return say_out_of_memory();
        r = o->argument ? explain_word(o, w, o->argument, &n) : explain_all(w);
        if (r >= 0 && n > 0 && (!o->argument || o->output != OUTPUT_TABLE))
                r = writer_finish(w, NULL);
        if (r == -ENOMEM)
                return say_out_of_memory();
        if (n == 0) {
                suggest(o->argument);
                return CODE_NOT_THERE;
        }
        return CODE_DONE;
}
