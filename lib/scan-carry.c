/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "scan-carry.h"

static void set_changed(struct association *a, const struct snapshot_head *head) {
        a->last_change = head->started_realtime;
        a->last_change_monotonic = head->started_monotonic;
        FIELD_GIVE(a, ASSOCIATION_LAST_CHANGE);
}

static void set_observed(struct association *a, const struct snapshot_head *head) {
        a->observed_since = head->started_realtime;
        FIELD_GIVE(a, ASSOCIATION_OBSERVED_SINCE);
        a->flaps = 0;
        FIELD_GIVE(a, ASSOCIATION_FLAPS);
}

static void answer_path(struct path *path, const struct diag_association *answer) {
        struct path_detail *d = &path->detail;
        const struct path_detail *from = &answer->path;

        /* What only the socket options tell stays. */
        d->srtt = from->srtt;
        d->cwnd = from->cwnd;
        d->ssthresh = from->ssthresh;
        d->partial_bytes_acked = from->partial_bytes_acked;
        d->flight_size = from->flight_size;
        d->error_count = from->error_count;
        if ((answer->path_given >> (PATH_HEARTBEAT_INTERVAL - FIELD_DETAIL)) & 1)
                d->heartbeat_interval = from->heartbeat_interval;
        if ((answer->path_given >> (PATH_SACK_DELAY - FIELD_DETAIL)) & 1)
                d->sack_delay = from->sack_delay;
        path->given[1] |= answer->path_given;
}

#define DETAIL_BIT(index) (UINT64_C(1) << ((index) - FIELD_DETAIL))
/* What other sources than sock_diag tell. */
#define NOT_DIAGS (DETAIL_BIT(ASSOCIATION_OPTIONS_AT) | DETAIL_BIT(ASSOCIATION_ORIGINAL_PORT))

void scan_carry_answer(struct builder *b, struct association *a, const struct diag_association *answer) {
        struct association_detail detail = answer->detail;

        detail.diag_at = b->head.started_realtime;
        detail.options_at = a->detail.options_at;
        detail.original = a->detail.original;
        detail.original_port = a->detail.original_port;
        detail.original_asked = a->detail.original_asked;
        detail.options_asked = a->detail.options_asked;
        detail.diag_asked = 1;
        a->detail = detail;
        a->given[1] = (a->given[1] & NOT_DIAGS) | answer->given;
        FIELD_GIVE(a, ASSOCIATION_DIAG_AT);

        for (uint32_t i = 0; answer->primary.family != 0 && i < a->paths.count; i++)
                if (address_equal(&b->paths[a->paths.first + i].address, &answer->primary))
                        answer_path(b->paths + a->paths.first + i, answer);
}

static void carry_path(const struct scan_tables *t, struct association *a, struct path *path, const struct path *p) {
        const struct snapshot_head *head = &t->builder->head;
        int before = path_last_state(p), now = path_last_state(path);

        if (!t->anew && !t->listing) {
                path->detail = p->detail;
                path->given[1] = p->given[1];
        }
        if (before == PATH_ACTIVE && now >= 0 && now != PATH_ACTIVE)
                a->flaps++;
        path->last_state = (uint8_t) ((now >= 0 ? now : before) + 1);
        /* A row that is missing for once is no other state. */
        if (!FIELD_GIVEN(path, PATH_STATE) || path->state == (FIELD_GIVEN(p, PATH_STATE) ? p->state : before)) {
                path->state_since = p->state_since;
                path->state_since_monotonic = p->state_since_monotonic;
        } else {
                path->state_since = head->started_realtime;
                path->state_since_monotonic = head->started_monotonic;
        }
        path->heartbeat_missing = path->heartbeat_pending ? 0 : (uint8_t) MIN(p->heartbeat_missing + 1, 2);
}

static void begin_path(const struct snapshot_head *head, struct path *path) {
        path->state_since = head->started_realtime;
        path->state_since_monotonic = head->started_monotonic;
        path->last_state = (uint8_t) (path_last_state(path) + 1);
        path->heartbeat_missing = !path->heartbeat_pending;
}

/* `p` is the same association in the scan before; NULL: it was not there. */
static void carry_paths(struct scan_tables *t, struct association *a,
                        const struct snapshot *previous, const struct association *p) {
        struct builder *b = t->builder;

        for (uint32_t i = 0; i < a->paths.count; i++) {
                struct path *path = b->paths + a->paths.first + i;
                const struct path *before = NULL;

                for (uint32_t j = 0; p && !before && j < p->paths.count; j++) {
                        before = snapshot_paths(previous, p->paths) + j;
                        if (!address_equal(&before->address, &path->address))
                                before = NULL;
                }

                if (before)
                        carry_path(t, a, path, before);
                else
                        begin_path(&b->head, path);
                if (FIELD_GIVEN(path, PATH_STATE))
                        FIELD_GIVE(path, PATH_STATE_SINCE);
        }
}

/* A listing has told all the rest. */
static void carry_original(const struct scan_tables *t, struct association *a, const struct association *p) {
        if (t->anew)
                return;
        a->detail.original = p->detail.original;
        a->detail.original_port = p->detail.original_port;
        a->detail.original_asked = p->detail.original_asked;
        a->given[1] |= p->given[1] & DETAIL_BIT(ASSOCIATION_ORIGINAL_PORT);
}

/* Hands on to the row what earlier scans knew of the same association. */
static void carry(struct scan_tables *t, struct association *a, const struct snapshot *previous,
                  const struct association *p) {
        static const uint64_t handed_on = UINT64_C(1) << ASSOCIATION_OBSERVED_SINCE |
                                          UINT64_C(1) << ASSOCIATION_LAST_CHANGE |
                                          UINT64_C(1) << ASSOCIATION_FLAPS;

        a->observed_since = p->observed_since;
        a->last_change = p->last_change;
        a->last_change_monotonic = p->last_change_monotonic;
        a->flaps = p->flaps;
        a->last_impaired = p->last_impaired;
        a->judged = p->judged;
        a->impaired_since_monotonic = p->impaired_since_monotonic;
        a->given[0] |= p->given[0] & handed_on;
        if (t->listing)
                carry_original(t, a, p);
        else if (!t->anew) {
                a->detail = p->detail;
                a->given[1] = p->given[1];
        }
        if (a->state != p->state)
                set_changed(a, &t->builder->head);
        carry_paths(t, a, previous, p);
}

/* An association of the scan before that no table shows. It stays unless the kernel, asked about it,
 * says that it is gone: tables miss rows that nobody touched while others come and go. */
static int keep_unless_gone(struct scan_tables *t, struct lookup *l, const struct snapshot *previous,
                            const struct association *p, bool looked) {
        struct diag_association found = {};
        struct builder *b = t->builder;
        struct association *a;
        bool same;
        int r;

        r = lookup_association(l, p, snapshot_addresses(previous, p->local),
                               snapshot_paths(previous, p->paths), &found);
        if (r == -ENOENT && lookup_proven(l, b))
                return 0;
        if (r >= 0 && association_state_begins_anew(p->state, (int) found.state))
                return 0;

        /* Other tags: the peer restarted, or another association has taken its place. The tables will tell. */
        same = r >= 0 && (!FIELD_GIVEN(p, ASSOCIATION_LOCAL_TAG) || p->detail.local_tag == found.detail.local_tag);
        if (!same && looked && p->unseen + 1 >= SCAN_CARRY_LOOKS_MAX)
                return 0;

        r = builder_copy_association(b, p, snapshot_addresses(previous, p->local), snapshot_paths(previous, p->paths),
                                     &a);
        if (r < 0)
                return r;
        a->unseen = same ? 0 : p->unseen + looked;
        if (t->anew) {
                a->detail = (struct association_detail) {};
                a->given[1] = 0;
                for (uint32_t i = 0; i < a->paths.count; i++)
                        b->paths[a->paths.first + i].given[1] = 0;
        }
        if (same) {
                a->inode = found.inode;
                scan_carry_answer(b, a, &found);
                if (a->state != found.state) {
                        a->state = (int8_t) found.state;
                        set_changed(a, &b->head);
                }
        }

        return 0;
}

/* A table of endpoints that could not be read this time says nothing of their end. */
static int carry_endpoints(struct scan_tables *t, const struct snapshot *previous) {
        const struct endpoint *e = snapshot_endpoints(previous);
        int r = 0;

        for (uint32_t i = 0; r >= 0 && i < snapshot_head(previous)->n_endpoints; i++)
                if (e[i].netns == t->netns && !e[i].unlisted)
                        r = builder_copy_endpoint(t->builder, e + i, snapshot_addresses(previous, e[i].local));

        return r;
}

/* The first association of the namespace, and how many it has: they stand together. */
static const struct association *rows_of(const struct snapshot *s, uint64_t netns, uint32_t *ret_n) {
        const struct association *a = snapshot_associations(s);
        uint32_t low = 0, high = snapshot_head(s)->n_associations, n = 0;

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (a[middle].netns < netns)
                        low = middle + 1;
                else
                        high = middle;
        }
        while (low + n < snapshot_head(s)->n_associations && a[low + n].netns == netns)
                n++;

        *ret_n = n;
        return a + low;
}

static int carry_associations(struct scan_tables *t, struct lookup *l, const struct snapshot *previous, bool looked) {
        struct builder *b = t->builder;
        const struct netns *before = snapshot_netns(previous, t->netns);
        size_t n_read = b->n_associations;
        _cleanup_free_ bool *known = NULL;
        const struct association *p;
        uint32_t n;
        int r;

        known = calloc(MAX(n_read, (size_t) 1), sizeof(*known));
        if (!known)
                return -ENOMEM;

        p = rows_of(previous, t->netns, &n);
        /* Another namespace, that has got the number of one that is gone. */
        if (before && !netns_may_be_same(before->generation, t->generation))
                n = 0;
        for (uint32_t i = 0; i < n; i++, p++) {
                struct association *a = NULL;

                if (p->id != 0)
                        a = scan_tables_find_id(t, p->id);
                if (!a) {
                        r = scan_tables_find_ends(t, previous, p, &a);
                        if (r < 0)
                                return r;
                        /* Another one at the same addresses and ports: ours has been replaced. */
                        if (a && (p->id != 0 || association_state_begins_anew(p->state, a->state)))
                                continue;
                }
                if (a && (size_t) (a - b->associations) < n_read) {
                        carry(t, a, previous, p);
                        known[a - b->associations] = true;
                        continue;
                }

                /* A listing misses nothing. */
                r = t->listing ? 0 : keep_unless_gone(t, l, previous, p, looked);
                if (r < 0)
                        return r;
        }

        for (size_t i = t->first_association; i < n_read; i++)
                if (!known[i]) {
                        set_observed(b->associations + i, &b->head);
                        set_changed(b->associations + i, &b->head);
                        carry_paths(t, b->associations + i, NULL, NULL);
                }

        return 0;
}

int scan_carry_namespace(struct scan_tables *t, struct lookup *l, const struct snapshot *previous, unsigned read) {
        struct builder *b = t->builder;
        int r;

        /* Who looks once observes nothing. */
        if (b->head.serial == 0)
                return 0;
        if (!previous) {
                for (size_t i = t->first_association; i < b->n_associations; i++) {
                        set_observed(b->associations + i, &b->head);
                        carry_paths(t, b->associations + i, NULL, NULL);
                }
                return 0;
        }

        /* A table that could not be read misses nothing. */
        r = carry_associations(t, l, previous, read & (1u << SOURCE_ASSOCS));
        if (r >= 0 && !(read & (1u << SOURCE_EPS)))
                r = carry_endpoints(t, previous);

        return r;
}
