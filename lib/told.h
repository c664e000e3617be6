/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "macro.h"
#include "snapshot.h"

/* What news have told of associations since the last look, so that the next one neither repeats it nor takes what is
 * older for what is new. */

struct told_entry {
        struct snapshot *news;          /* that the row below is in */
        const struct association *association;  /* as it was told last; one that has ended as it was before */
        uint64_t at;                    /* monotonic: its last happening */
        bool gone;
};

/* What happened so shortly before a look began may have been under way when that read it. */
#define TOLD_SLACK_USEC (100 * USEC_PER_MSEC)

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

/* What was told last of an association of `s`, by its id; while it has none by its tag or, where that is not known, by
 * its ends. NULL: nothing. */
const struct told_entry *told_find(const struct told *t, const struct snapshot *s, const struct association *a);

size_t told_count(const struct told *t);
/* Until the next told_add() or told_forget(). */
const struct told_entry *told_at(const struct told *t, size_t i);

/* Forgets those to which nothing has happened at this time (monotonic) or later. -ENOMEM: none. */
int told_forget(struct told *t, uint64_t since);
