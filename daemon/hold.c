/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hold.h"

void hold_add(struct hold_list *list, struct hold *h, struct snapshot *s, void (*evict)(struct hold *h)) {
        struct hold *behind;

        h->snapshot = snapshot_ref(s);
        h->evict = evict;

        /* In the order of their snapshots, so that readers of the same one stand together. */
        TAILQ_FOREACH_REVERSE(behind, list, hold_list, entry)
                if (snapshot_head(behind->snapshot)->serial <= snapshot_head(s)->serial)
                        break;
        if (behind)
                TAILQ_INSERT_AFTER(list, behind, h, entry);
        else
                TAILQ_INSERT_HEAD(list, h, entry);
}

void hold_remove(struct hold_list *list, struct hold *h) {
        TAILQ_REMOVE(list, h, entry);
        h->snapshot = snapshot_unref(h->snapshot);
}

void hold_limit(struct hold_list *list, const struct snapshot *newest) {
        const struct snapshot *last = NULL;
        unsigned held = 0;
        struct hold *h;

        TAILQ_FOREACH(h, list, entry)
                if (h->snapshot != last && h->snapshot != newest) {
                        last = h->snapshot;
                        held++;
                }

        for (; held > HOLD_SNAPSHOTS_MAX; held--) {
                const struct snapshot *oldest = TAILQ_FIRST(list)->snapshot;

                while ((h = TAILQ_FIRST(list)) && h->snapshot == oldest)
                        h->evict(h);
        }
}
