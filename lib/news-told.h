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

struct news_told_entry {
        struct snapshot *news;          /* that the row below is in */
        const struct association *association;  /* as it was told last; one that has ended as it was before */
        uint64_t at;                    /* monotonic: its last happening */
        bool gone;
        const struct path *removed;     /* the row has a path that was removed then; NULL: it has not */
        uint32_t misses;                /* looks in a row that should have shown it and did not, */
        bool kept;                      /* this one may not have been able to: it is not to be forgotten */
};

/* So many associations are remembered; what happens to more is told by looks alone. */
#define NEWS_TOLD_MAX 65536u

struct news_told;

int news_told_new(struct news_told **ret);
struct news_told *news_told_free(struct news_told *t);
DEFINE_CLEANUP(struct news_told *, news_told_free)

/* Whether there is room for what is told of this row. */
bool news_told_has_room(const struct news_told *t, const struct association *a);

/* Remembers row `i` of the news as it was told; ask news_told_has_room() first. -ENOMEM: nothing is remembered. */
int news_told_add(struct news_told *t, struct snapshot *news, uint32_t i);

/* What was told of the association last, by its id or, while it has none, by its tag; NULL: nothing. */
const struct news_told_entry *news_told_find(const struct news_told *t, const struct association *a);

/* The same for one of a look that did not tell its tag, by its ends. Several may have had them, one after the other:
 * then it is the first, in a look from before, or the last. *ret is NULL if there is none. -ENOMEM. */
int news_told_find_ends(struct news_told *t, const struct snapshot *s, const struct association *a, bool last,
                        const struct news_told_entry **ret);

size_t news_told_count(const struct news_told *t);
/* Until the next news_told_add() or news_told_forget(). */
const struct news_told_entry *news_told_at(const struct news_told *t, size_t i);

/* The next news_told_forget() leaves it. `missed`: it should have been shown. */
void news_told_keep(struct news_told *t, size_t i, bool missed);

/* The rows of a look, by what news call associations. Zero-initialised; -ENOMEM. */
struct news_told_rows {
        const struct snapshot *look;
        struct index index;
};
int news_told_rows_init(struct news_told_rows *rows, const struct snapshot *look);
void news_told_rows_done(struct news_told_rows *rows);
const struct association *news_told_rows_find(const struct news_told_rows *rows, const struct association *a);

/* Forgets those to which nothing has happened at this time (monotonic) or later, and that are not to be kept. -ENOMEM:
 * none. */
int news_told_forget(struct news_told *t, uint64_t since);
