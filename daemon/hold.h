/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "snapshot.h"

/* Who reads from a snapshot bit by bit keeps it alive; a slow reader must not keep many. */

/* Snapshots kept alive besides the newest; then the readers of the oldest are ended. */
#define HOLD_SNAPSHOTS_MAX 4u

struct hold {
        TAILQ_ENTRY(hold) entry;
        struct snapshot *snapshot;
        void (*evict)(struct hold *h);          /* must end in hold_remove() */
};

TAILQ_HEAD(hold_list, hold);

/* Takes a reference of its own. */
void hold_add(struct hold_list *list, struct hold *h, struct snapshot *s, void (*evict)(struct hold *h));
void hold_remove(struct hold_list *list, struct hold *h);

/* Evicts the readers of the oldest snapshots until no more than HOLD_SNAPSHOTS_MAX besides `newest` are held. */
void hold_limit(struct hold_list *list, const struct snapshot *newest);
