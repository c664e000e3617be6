/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index.h"
#include "macro.h"
#include "snapshot.h"

/* What news have told of associations since the last look, so that the next one neither repeats it nor takes what is
 * older for what is new. */

struct told_entry {
        struct snapshot *news;          /* that the row below is in */
        const struct association *association;  /* as it was told last; one that has ended as it was before */
        uint64_t at;                    /* monotonic: its last happening */
        bool gone;
        const struct path *removed;     /* the row has a path that was removed then; NULL: it has not */
        uint32_t misses;                /* looks in a row that should have shown it and did not, */
        bool kept;                      /* this one may not have been able to: it is not to be forgotten */
};

/* So many associations are remembered; what happens to more is told by looks alone. */
#define TOLD_MAX 65536u

struct told;

int told_new(struct told **ret);
struct told *told_free(struct told *t);
DEFINE_CLEANUP(struct told *, told_free)

/* Whether there is room for what is told of this row. */
bool told_has_room(const struct told *t, const struct association *a);

/* Remembers row `i` of the news as it was told; ask told_has_room() first. -ENOMEM: nothing is remembered. */
int told_add(struct told *t, struct snapshot *news, uint32_t i);

/* What was told of the association last, by its id or, while it has none, by its tag; NULL: nothing. */
const struct told_entry *told_find(const struct told *t, const struct association *a);

/* The same for one of a look that did not tell its tag, by its ends. Several may have had them, one after the other:
 * then it is the first, in a look from before, or the last. *ret is NULL if there is none. -ENOMEM. */
int told_find_ends(struct told *t, const struct snapshot *s, const struct association *a, bool last,
                   const struct told_entry **ret);

size_t told_count(const struct told *t);
/* Until the next told_add() or told_forget(). */
const struct told_entry *told_at(const struct told *t, size_t i);

/* The next told_forget() leaves it. `missed`: it should have been shown. */
void told_keep(struct told *t, size_t i, bool missed);

/* The rows of a look, by what news call associations. Zero-initialised; -ENOMEM. */
struct told_rows {
        const struct snapshot *look;
        struct index index;
};
int told_rows_init(struct told_rows *rows, const struct snapshot *look);
void told_rows_done(struct told_rows *rows);
const struct association *told_rows_find(const struct told_rows *rows, const struct association *a);

/* Forgets those to which nothing has happened at this time (monotonic) or later, and that are not to be kept. -ENOMEM:
 * none. */
int told_forget(struct told *t, uint64_t since);
