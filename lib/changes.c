/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "carry.h"
#include "changes.h"
#include "index.h"
#include "netns.h"

static const char *const type_names[_CHANGE_TYPE_MAX] = {
        [CHANGE_ASSOCIATION_UP] = "association_up",
        [CHANGE_ASSOCIATION_STATE] = "association_state",
        [CHANGE_ASSOCIATION_DOWN] = "association_down",
        [CHANGE_ASSOCIATION_RESTART] = "association_restart",
        [CHANGE_PATH_STATE] = "path_state",
        [CHANGE_PATH_ADDED] = "path_added",
        [CHANGE_PATH_REMOVED] = "path_removed",
        [CHANGE_PRIMARY_CHANGED] = "primary_changed",
        [CHANGE_IMPAIRED] = "impaired",
        [CHANGE_RECOVERED] = "recovered",
        [CHANGE_ENDPOINT_ADDED] = "endpoint_added",
        [CHANGE_ENDPOINT_REMOVED] = "endpoint_removed",
        [CHANGE_UNOBSERVED] = "unobserved",
        [CHANGE_FIGURES] = NULL,
};

const char *change_type_name(int type) {
        return type >= 0 && type < _CHANGE_TYPE_MAX ? type_names[type] : NULL;
}

const char *certainty_name(int certainty) {
        return certainty == CERTAINTY_HIGH ? "high" : "low";
}

struct walk {
        const struct snapshot *before, *after;
        const struct association *old, *new;
        uint32_t n_old, n_new;
        uint32_t *new_of_old;           /* index + 1 in `new`; 0: gone */
        bool *matched;                  /* by index in `new` */
        bool figures;
        change_handler handler;
        void *userdata;
};

static int tell(const struct walk *w, struct change *change) {
        change->at = snapshot_head(w->after)->started_realtime;
        return w->handler(change, w->userdata);
}

static int tell_association(const struct walk *w, enum change_type type, enum certainty certainty,
                            const struct association *old, const struct association *new) {
        const struct snapshot_head *head = snapshot_head(w->after);
        struct change change = {
                .type = type,
                .certainty = certainty,
                .snapshot = new ? w->after : w->before,
                .association = new ?: old,
                .old_state = old ? old->state : ASSOCIATION_CLOSED,
                .new_state = new ? new->state : ASSOCIATION_CLOSED,
        };

        if (old && FIELD_GIVEN(old, ASSOCIATION_LAST_CHANGE) && head->started_monotonic > old->last_change_monotonic)
                change.duration_usec = head->started_monotonic - old->last_change_monotonic;

        return tell(w, &change);
}

static int tell_endpoint(const struct walk *w, enum change_type type,
                         const struct snapshot *s, const struct endpoint *e) {
        struct change change = { .type = type, .certainty = CERTAINTY_HIGH, .snapshot = s, .endpoint = e };

        return tell(w, &change);
}

/* A namespace gets the inode of one that has ended: then nothing in it is what it was. */
static bool same_netns(const struct walk *w, uint64_t number) {
        const struct netns *old = snapshot_netns(w->before, number), *new = snapshot_netns(w->after, number);

        return !old || !new || netns_may_be_same(old->generation, new->generation);
}

/* Whether `lacks` looked for the namespace that `has` knows: where the scanner's own alone is watched, nothing has
 * ended in the others, nor begun when they are watched again. */
static bool is_watched(const struct snapshot *lacks, const struct snapshot *has, uint64_t netns) {
        const struct snapshot_head *head = snapshot_head(lacks);

        return !head->available || head->sources[SOURCE_NAMESPACES].result == SOURCE_READ ||
               !snapshot_netns(has, netns) || snapshot_netns(lacks, netns);
}

/* Both are sorted by namespace and id. */
static void match_by_id(struct walk *w) {
        uint32_t i = 0, j = 0;

        while (i < w->n_old && j < w->n_new) {
                int c = CMP(w->old[i].netns, w->new[j].netns);

                if (c == 0)
                        c = CMP(w->old[i].id, w->new[j].id);
                if (c == 0 && w->old[i].id != 0 && same_netns(w, w->old[i].netns)) {
                        w->new_of_old[i] = j + 1;
                        w->matched[j] = true;
                }
                if (c <= 0)
                        i++;
                if (c >= 0)
                        j++;
        }
}

/* Those that had no id, by ports and addresses: they may have got one since. */
static int match_without_id(struct walk *w) {
        _cleanup_(index_done) struct index x = {};
        size_t n_pairs = 0;
        int r;

        for (uint32_t j = 0; j < w->n_new; j++)
                if (!w->matched[j])
                        n_pairs += index_pairs(w->new + j);
        r = index_init(&x, n_pairs);
        if (r < 0)
                return r;
        for (uint32_t j = 0; j < w->n_new; j++)
                if (!w->matched[j])
                        index_add_pairs(&x, w->new + j, snapshot_addresses(w->after, w->new[j].local),
                                        snapshot_paths(w->after, w->new[j].paths), j);

        for (uint32_t i = 0; i < w->n_old; i++) {
                const struct association *a = w->old + i;
                const struct address *local = snapshot_addresses(w->before, a->local);
                const struct path *paths = snapshot_paths(w->before, a->paths);
                size_t pair = 0, cursor = 0;
                uint32_t j;

                if (a->id != 0 || !same_netns(w, a->netns))
                        continue;
                while (w->new_of_old[i] == 0 && index_next_pair(&x, a, local, paths, &pair, &cursor, &j))
                        if (!w->matched[j] && snapshot_same_association(w->before, a, w->after, w->new + j)) {
                                w->new_of_old[i] = j + 1;
                                w->matched[j] = true;
                        }
        }

        return 0;
}

static int tell_step(const struct walk *w, const struct association *old, const struct association *new) {
        if (new->state == ASSOCIATION_ESTABLISHED)
                return tell_association(w, CHANGE_ASSOCIATION_UP, CERTAINTY_HIGH, old, new);

        return tell_association(w, CHANGE_ASSOCIATION_STATE, CERTAINTY_HIGH, old, new);
}

static bool same_figures(const struct walk *w, const struct association *old, const struct association *new) {
        const struct path *p = snapshot_paths(w->before, old->paths), *q = snapshot_paths(w->after, new->paths);
        const struct address *x = snapshot_addresses(w->before, old->local),
                             *y = snapshot_addresses(w->after, new->local);
        struct association a = *old, b = *new;

        /* Where the lists stand in their snapshots, and how the row was come by, is nobody's figure. */
        a.local.first = b.local.first = a.paths.first = b.paths.first = 0;
        a.owners.first = b.owners.first = 0;
        a.unseen = b.unseen = 0;
        /* When it was asked for is not what it says. */
        a.detail.diag_at = b.detail.diag_at = a.detail.options_at = b.detail.options_at = 0;
        a.detail.diag_asked = a.detail.options_asked = a.detail.original_asked = 0;
        b.detail.diag_asked = b.detail.options_asked = b.detail.original_asked = 0;

        return memcmp(&a, &b, sizeof(a)) == 0 &&
               memcmp(p, q, old->paths.count * sizeof(*p)) == 0 &&
               memcmp(x, y, old->local.count * sizeof(*x)) == 0;
}

static int tell_kept(const struct walk *w, const struct association *old, const struct association *new) {
        if (old->state != new->state)
                return tell_step(w, old, new);
        if (w->figures && !same_figures(w, old, new))
                return tell_association(w, CHANGE_FIGURES, CERTAINTY_HIGH, old, new);

        return 0;
}

/* The scan gives an association up at its last look; before, only at the kernel's word: ENOENT, or another one
 * at the same ends. Of what ends with its namespace, or cannot be looked at, the kernel says nothing. */
static enum certainty end_certainty(const struct walk *w, const struct association *old) {
        const struct netns *netns = snapshot_netns(w->after, old->netns);

        return netns && netns->error[0] == '\0' && same_netns(w, old->netns) && old->unseen + 1 < CARRY_LOOKS_MAX ?
                CERTAINTY_HIGH : CERTAINTY_LOW;
}

static int find_associations(struct walk *w) {
        int r = 0;

        match_by_id(w);
        r = match_without_id(w);

        /* What ended comes before what began: the same peer may have come back. */
        for (uint32_t i = 0; r >= 0 && i < w->n_old; i++)
                if (w->new_of_old[i] == 0 && is_watched(w->after, w->before, w->old[i].netns))
                        r = tell_association(w, CHANGE_ASSOCIATION_DOWN, end_certainty(w, w->old + i),
                                             w->old + i, NULL);
        for (uint32_t i = 0; r >= 0 && i < w->n_old; i++)
                if (w->new_of_old[i] != 0)
                        r = tell_kept(w, w->old + i, w->new + w->new_of_old[i] - 1);
        for (uint32_t j = 0; r >= 0 && j < w->n_new; j++)
                if (!w->matched[j] && is_watched(w->before, w->after, w->new[j].netns))
                        r = tell_step(w, NULL, w->new + j);

        return r;
}

static int compare_endpoints(const struct snapshot *s, const struct endpoint *e,
                             const struct snapshot *t, const struct endpoint *f) {
        const struct address *x = snapshot_addresses(s, e->local), *y = snapshot_addresses(t, f->local);
        int c;

        c = CMP(e->netns, f->netns);
        if (c == 0)
                c = CMP(e->local_port, f->local_port);
        if (c == 0)
                c = CMP(e->inode, f->inode);
        /* The socket tells them apart; without it, their addresses. */
        for (uint32_t i = 0; c == 0 && e->inode == 0 && i < e->local.count && i < f->local.count; i++)
                c = address_compare(x + i, y + i);

        return c;
}

/* The first at or behind `i` that listens. */
static uint32_t next_listener(const struct endpoint *e, uint32_t n, uint32_t i) {
        while (i < n && e[i].unlisted)
                i++;

        return i;
}

static int find_endpoints(struct walk *w) {
        const struct endpoint *old = snapshot_endpoints(w->before), *new = snapshot_endpoints(w->after);
        uint32_t n_old = snapshot_head(w->before)->n_endpoints, n_new = snapshot_head(w->after)->n_endpoints;
        uint32_t i = next_listener(old, n_old, 0), j = next_listener(new, n_new, 0);
        int r = 0;

        while (r >= 0 && (i < n_old || j < n_new)) {
                int c = i == n_old ? 1 : j == n_new ? -1 : compare_endpoints(w->before, old + i, w->after, new + j);

                if (c < 0 && is_watched(w->after, w->before, old[i].netns))
                        r = tell_endpoint(w, CHANGE_ENDPOINT_REMOVED, w->before, old + i);
                else if (c > 0 && is_watched(w->before, w->after, new[j].netns))
                        r = tell_endpoint(w, CHANGE_ENDPOINT_ADDED, w->after, new + j);
                if (c <= 0)
                        i = next_listener(old, n_old, i + 1);
                if (c >= 0)
                        j = next_listener(new, n_new, j + 1);
        }

        return r;
}

int changes_find(const struct snapshot *before, const struct snapshot *after, bool figures, struct tally *tally,
                 change_handler handler, void *userdata) {
        _cleanup_free_ uint32_t *new_of_old = NULL;
        _cleanup_free_ bool *matched = NULL;
        struct walk w = {
                .before = before,
                .after = after,
                .old = snapshot_associations(before),
                .new = snapshot_associations(after),
                .n_old = snapshot_head(before)->n_associations,
                .n_new = snapshot_head(after)->n_associations,
                .figures = figures,
                .handler = handler,
                .userdata = userdata,
        };
        int r;

        (void) tally;
        if (!snapshot_head(after)->available)
                return 0;

        w.new_of_old = new_of_old = calloc(w.n_old + UINT64_C(1), sizeof(*new_of_old));
        w.matched = matched = calloc(w.n_new + UINT64_C(1), sizeof(*matched));
        if (!new_of_old || !matched)
                return -ENOMEM;

        r = find_endpoints(&w);
        if (r >= 0)
                r = find_associations(&w);

        return r < 0 ? r : 0;
}
