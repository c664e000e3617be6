/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "cells.h"

/* What the live view shows: associations as they come and go, in an order, those that a text matches, and which of
 * them the cursor is at. One that is new, changed or gone is marked so for some seconds. */

/* Bytes that a filter may have. */
#define ROWS_FILTER_MAX 64u

/* How long a mark stays. */
#define ROWS_MARK_USEC (8 * USEC_PER_SEC)

/* What a row's place goes by. */
struct row_key {
        enum { KEY_NONE, KEY_NUMBER, KEY_TEXT } kind;
        json_int_t number;
        char *text;
};

struct row {
        json_t *object;
        char mark;                      /* '+' new, '~' changed, '-' gone; 0: none */
        uint64_t marked;                /* when */

        /* The rest is for rows.c. */
        json_int_t netns, id, local_port, peer_port;    /* id 0: none yet */
        uint64_t serial;
        unsigned telling;               /* of the state of things that told it last */
        size_t bytes;
        bool shown;                     /* it has a place in the order */
        bool removed;                   /* but held */
        struct row_key key;
        char *text;                     /* that the filter is looked for in; NULL: not made yet */
        struct row *same;               /* another one of the same ports that has no id */
        TAILQ_ENTRY(row) entry, marking;
};

struct rows;

/* `columns` are the cells that are looked at to sort and to filter. */
int rows_new(const struct column *columns, size_t n_columns, const struct options *o, struct rows **ret);
struct rows *rows_free(struct rows *s);
DEFINE_CLEANUP(struct rows *, rows_free)

/* All associations are going to be told. */
void rows_begin(struct rows *s);
/* One as it is now. -ENOMEM. */
int rows_put(struct rows *s, json_t *association, uint64_t now);
/* They have been: those that were not among them are gone. */
void rows_ready(struct rows *s, uint64_t now);
/* An object Change that has an association. -ENOMEM. */
int rows_change(struct rows *s, json_t *change, uint64_t now);
/* Takes out what has been gone long enough, and marks that are old. Whether there were any. */
bool rows_expire(struct rows *s, uint64_t now);

/* Of all, whether they are shown or not; of what is gone not. */
const struct totals *rows_totals(const struct rows *s);
/* Some are not here because of a limit: of rows, or of their size. */
bool rows_left_out(const struct rows *s);
/* So many have a place in the order, and so many there are. */
size_t rows_count(const struct rows *s);
size_t rows_total(const struct rows *s);
struct row *rows_at(struct rows *s, size_t index);

/* By a column, upwards or downwards; what has nothing there comes last. No such column: by namespace and id. */
int rows_sort(struct rows *s, size_t column, bool reverse);
/* Shows those alone that have all words of the text in one of these columns (bits), or as their peer's name, their
 * command or their container. Case does not matter. "": all */
int rows_filter(struct rows *s, const char *text, uint64_t columns);

/* The cursor stays at its row while others come and go. Until it is moved, and once it is moved to the very first row,
 * it stays at whatever row is the first. */
size_t rows_cursor(const struct rows *s);
/* Beyond the end: to the last. */
void rows_move(struct rows *s, size_t index);

/* The row stays valid, even when it is taken out, until it is let go. One at a time, NULL: none. */
void rows_hold(struct rows *s, struct row *row);
struct row *rows_held(const struct rows *s);
