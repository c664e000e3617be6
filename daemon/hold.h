/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "alias.h"
#include "server.h"
#include "snapshot.h"

/* Who reads from a snapshot bit by bit keeps it alive; slow readers must not keep many. Those of the same one share the
 * replies that tell its rows: the text of each is made once for all that come by at about the same time. */

/* The limits; tests make them smaller. */
#ifndef HOLD_BYTES_MAX
/* Snapshots kept alive besides the newest; then the readers of the oldest are ended, */
#define HOLD_BYTES_MAX          (128u * 1024u * 1024u)
/* Replies kept of one snapshot while several read from it, as long as they are no more than it takes itself. */
#define HOLD_REPLIES_BYTES_MAX  (16u * 1024u * 1024u)
#endif
/* but so many are kept however large they are. */
#define HOLD_SNAPSHOTS_MIN      4u

enum row_kind {
        ROW_ENDPOINT,
        ROW_ASSOCIATION,
        ROW_NAMESPACE,
        _ROW_KIND_MAX,
};

struct hold {
        TAILQ_ENTRY(hold) entry;
        struct snapshot *snapshot;
        struct shared *shared;                  /* with all others who read from it */
        void (*evict)(struct hold *h);          /* must end in hold_remove() */
};

TAILQ_HEAD(hold_list, hold);

/* Takes a reference of its own. -ENOMEM: nothing is held. */
int hold_add(struct hold_list *list, struct hold *h, struct snapshot *s, void (*evict)(struct hold *h));
void hold_remove(struct hold_list *list, struct hold *h);

/* The reply { "endpoint": … }, { "association": … } or { "namespace": … } that tells the i'th one of the snapshot;
 * *ret is the caller's. */
int hold_reply(struct hold *h, enum row_kind kind, uint32_t i, const struct alias_table *aliases,
               struct message **ret);

/* Peers have other names now. */
void hold_forget_replies(struct hold_list *list);

/* Evicts readers of the oldest snapshots until no more are held than the limits allow. */
void hold_limit(struct hold_list *list, const struct snapshot *newest);
