/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "changes.h"
#include "index.h"
#include "netns.h"
#include "scan-carry.h"

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
        [CHANGE_STEP] = "step",
};

const char *change_type_name(int type) {
        return type >= 0 && type < _CHANGE_TYPE_MAX ? type_names[type] : NULL;
}

const char *certainty_name(int certainty) {
        if (certainty == CERTAINTY_EXACT)
                return "exact";
        return certainty == CERTAINTY_HIGH ? "high" : "low";
}

struct walk {
        const struct snapshot *before, *after;
        const struct association *old, *new;
        uint32_t n_old, n_new;
        uint32_t *new_of_old;           /* index + 1 in `new`; 0: gone */
        bool *matched;                  /* by index in `new` */
        bool figures;
        struct unobserved *tally;       /* or NULL */
        struct news_told *told;         /* or NULL: nothing was told between the two, */
        uint32_t *told_of_old, *told_of_new;    /* else by index: index + 1 in `told`; 0: nothing was */
        bool *told_matched;             /* by index in `told` */
        const struct path *removed;     /* of the old row, told of as removed: it is none of its paths any more */
        change_handler handler;
        void *userdata;
};

static int tell(const struct walk *w, struct change *change) {
        change->at = snapshot_head(w->after)->started_realtime;
        return w->handler(change, w->userdata);
}

/* How long the association's state had lasted. */
static uint64_t state_lasted(const struct walk *w, const struct association *old) {
        uint64_t now = snapshot_head(w->after)->started_monotonic;

        if (!old || !FIELD_GIVEN(old, ASSOCIATION_LAST_CHANGE) || now <= old->last_change_monotonic)
                return 0;

        return now - old->last_change_monotonic;
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
                        if (!w->matched[j] && !association_state_begins_anew(a->state, w->new[j].state) &&
                            snapshot_same_association(w->before, a, w->after, w->new + j)) {
                                w->new_of_old[i] = j + 1;
                                w->matched[j] = true;
                        }
        }

        return 0;
}

/* How long a path's state had lasted. When the first that was seen of it began is known of an association that was
 * seen to begin. */
static uint64_t path_lasted(const struct walk *w, const struct association *a, const struct path *p) {
        uint64_t now = snapshot_head(w->after)->started_monotonic;

        if (!FIELD_GIVEN(p, PATH_STATE_SINCE) || now <= p->state_since_monotonic ||
            (!FIELD_GIVEN(a, ASSOCIATION_LAST_CHANGE) && p->state_since <= a->observed_since))
                return 0;

        return now - p->state_since_monotonic;
}

static struct change change_of(const struct walk *w, enum change_type type,
                               const struct association *old, const struct association *new) {
        return (struct change) {
                .type = type,
                .certainty = CERTAINTY_HIGH,
                .snapshot = w->after,
                .association = new,
                .old_state = (old ?: new)->state,
                .new_state = new->state,
                .path_old_state = -1,
                .path_new_state = -1,
        };
}

static int tell_state(const struct walk *w, enum change_type type, const struct association *old,
                      const struct association *new, int old_state, int new_state) {
        struct change c = change_of(w, type, old, new);

        c.old_state = old_state;
        c.new_state = new_state;
        c.duration_usec = old && old->state == old_state ? state_lasted(w, old) : 0;
        return tell(w, &c);
}

static int tell_impaired(const struct walk *w, const struct association *old, const struct association *new) {
        struct change c = change_of(w, CHANGE_IMPAIRED, old, new);
        uint64_t now = snapshot_head(w->after)->started_monotonic;
        bool established = old && old->state == ASSOCIATION_ESTABLISHED;
        uint8_t reasons = 0;

        if (established)
                reasons = old->impairment_known ? old->impaired : old->last_impaired;
        if (!new->impairment_known || new->impaired == reasons)
                return 0;
        /* Of one that was established and could never be judged it is not known whether this is new. */
        if (established && !old->impairment_known && !old->judged)
                return 0;

        c.reasons = new->impaired;
        if (!new->impaired) {
                c.type = CHANGE_RECOVERED;
                c.reasons = reasons;
                if (old->impaired_since_monotonic > 0 && now > old->impaired_since_monotonic)
                        c.duration_usec = now - old->impaired_since_monotonic;
        }
        return tell(w, &c);
}

static int tell_path(const struct walk *w, enum change_type type, const struct association *old,
                     const struct association *new, const struct path *before, const struct path *after) {
        struct change c = change_of(w, type, old, new);

        c.path = after ?: before;
        c.path_old_state = before ? path_last_state(before) : -1;
        c.path_new_state = after ? path_last_state(after) : -1;
        if (before && FIELD_GIVEN(before, PATH_STATE) && before->state == c.path_old_state)
                c.duration_usec = path_lasted(w, old, before);
        return tell(w, &c);
}

static const struct path *find_path(const struct path *paths, uint32_t n, const struct address *address,
                                    uint32_t *cursor) {
        /* They keep their order: the next one is nearly always the one. */
        for (uint32_t i = 0; i < n; i++) {
                const struct path *p = paths + (*cursor + i) % n;

                if (address_equal(&p->address, address)) {
                        *cursor = (uint32_t) (p - paths) + 1;
                        return p;
                }
        }

        return NULL;
}

/* While an association is set up its paths are only being found out. A state that a look did not give, or that is
 * unknown for the moment, is none: the last one that was goes on. */
static int tell_paths(const struct walk *w, const struct association *old, const struct association *new) {
        const struct path *p = snapshot_paths(w->before, old->paths), *q = snapshot_paths(w->after, new->paths);
        uint32_t cursor = 0;
        int r = 0;

        if (old->state < ASSOCIATION_ESTABLISHED)
                return 0;
        for (uint32_t i = 0; r >= 0 && i < new->paths.count; i++) {
                const struct path *before = find_path(p, old->paths.count, &q[i].address, &cursor);

                if (before && before == w->removed)
                        before = NULL;
                else if (!before && old->partial)
                        continue;
                if (!before)
                        r = tell_path(w, CHANGE_PATH_ADDED, old, new, NULL, q + i);
                else if (path_last_state(before) >= 0 && path_last_state(q + i) >= 0 &&
                         path_last_state(before) != path_last_state(q + i))
                        r = tell_path(w, CHANGE_PATH_STATE, old, new, before, q + i);
        }
        for (uint32_t i = cursor = 0; r >= 0 && i < old->paths.count; i++)
                if (p + i != w->removed && !find_path(q, new->paths.count, &p[i].address, &cursor)) {
                        struct change c = change_of(w, CHANGE_PATH_REMOVED, old, new);

                        c.snapshot = w->before;
                        c.association = old;
                        c.path = p + i;
                        c.path_old_state = path_last_state(p + i);
                        r = tell(w, &c);
                }

        return r;
}

/* Nobody is told of a primary that one of the looks did not see marked. */
static int tell_primary(const struct walk *w, const struct association *old, const struct association *new) {
        const struct path *p = snapshot_primary(w->before, old), *q = snapshot_primary(w->after, new);
        struct change c = change_of(w, CHANGE_PRIMARY_CHANGED, old, new);

        if (old->state < ASSOCIATION_ESTABLISHED || !p || !q || address_equal(&p->address, &q->address))
                return 0;

        c.old_primary = &p->address;
        return tell(w, &c);
}

/* RFC 9260 section 5.2.4, action A: the same association with new tags on both sides. */
static bool is_restart(const struct association *old, const struct association *new) {
        return FIELD_GIVEN(old, ASSOCIATION_LOCAL_TAG) && FIELD_GIVEN(new, ASSOCIATION_LOCAL_TAG) &&
               FIELD_GIVEN(old, ASSOCIATION_PEER_TAG) && FIELD_GIVEN(new, ASSOCIATION_PEER_TAG) &&
               old->state >= ASSOCIATION_ESTABLISHED && old->detail.peer_tag != 0 && new->detail.peer_tag != 0 &&
               old->detail.local_tag != new->detail.local_tag && old->detail.peer_tag != new->detail.peer_tag;
}

/* `old` is NULL where it is seen for the first time. */
static int tell_step(const struct walk *w, const struct association *old, const struct association *new) {
        struct count *count = w->tally ? unobserved_count(w->tally, new->netns) : NULL;
        int state = old ? old->state : ASSOCIATION_CLOSED, r;

        if (count && state < ASSOCIATION_ESTABLISHED && new->state >= ASSOCIATION_ESTABLISHED)
                count_up(count);
        if (new->state == ASSOCIATION_ESTABLISHED)
                return tell_state(w, CHANGE_ASSOCIATION_UP, old, new, state, ASSOCIATION_ESTABLISHED);
        if (new->state < ASSOCIATION_ESTABLISHED || state >= ASSOCIATION_ESTABLISHED)
                return tell_state(w, CHANGE_ASSOCIATION_STATE, old, new, state, new->state);

        /* It is ending: there is no way to that but by having been established (RFC 9260 section 4). */
        r = tell_state(w, CHANGE_ASSOCIATION_UP, old, new, state, ASSOCIATION_ESTABLISHED);
        return r < 0 ? r : tell_state(w, CHANGE_ASSOCIATION_STATE, old, new, ASSOCIATION_ESTABLISHED, new->state);
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

        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-*): a snapshot's holes are zeroes. */
        return memcmp(&a, &b, sizeof(a)) == 0 &&
               memcmp(p, q, old->paths.count * sizeof(*p)) == 0 &&
               memcmp(x, y, old->local.count * sizeof(*x)) == 0;
}

static int tell_kept(const struct walk *w, const struct association *old, const struct association *new) {
        struct count *count = w->tally && new->unseen > 0 ? unobserved_count(w->tally, new->netns) : NULL;
        int r = 0;

        if (count)
                count_unseen(count);
        if (is_restart(old, new)) {
                struct change c = change_of(w, CHANGE_ASSOCIATION_RESTART, old, new);

                c.old_local_tag = old->detail.local_tag;
                c.old_peer_tag = old->detail.peer_tag;
                r = tell(w, &c);
        }
        if (r >= 0 && old->state != new->state)
                r = tell_step(w, old, new);
        if (r >= 0)
                r = tell_primary(w, old, new);
        if (r >= 0)
                r = tell_paths(w, old, new);
        if (r >= 0)
                r = tell_impaired(w, old, new);
        if (r >= 0 && w->figures && old->state == new->state && !same_figures(w, old, new))
                r = tell_state(w, CHANGE_FIGURES, old, new, old->state, new->state);

        return r;
}

static int tell_new(const struct walk *w, const struct association *new) {
        int r = tell_step(w, NULL, new);

        return r < 0 ? r : tell_impaired(w, NULL, new);
}

/* What is closed is no association any more, or not yet one, though the kernel has a row: it keeps those that ended
 * before a one_to_one listener accepted them until it does (sctp_cmd_delete_tcb). */
static bool is_association(const struct association *a) {
        return a->state != ASSOCIATION_CLOSED;
}

/* The scan gives an association up at its last look; before, only at the kernel's word: ENOENT, or another one
 * at the same ends. Of what ends with its namespace, or cannot be looked at, the kernel says nothing. */
static enum certainty end_certainty(const struct walk *w, const struct association *old) {
        const struct netns *netns = snapshot_netns(w->after, old->netns);

        return netns && netns->error[0] == '\0' && same_netns(w, old->netns) && old->unseen + 1 < SCAN_CARRY_LOOKS_MAX ?
                CERTAINTY_HIGH : CERTAINTY_LOW;
}

static bool is_gone(const struct walk *w, uint32_t i) {
        const uint32_t j = w->new_of_old[i];

        return is_association(w->old + i) &&
               (j > 0 ? !is_association(w->new + j - 1) : is_watched(w->after, w->before, w->old[i].netns));
}

/* The tally of the namespace that it was in; NULL: there is none. */
static struct count *count_of(const struct walk *w, const struct association *old) {
        return w->tally && same_netns(w, old->netns) ? unobserved_count(w->tally, old->netns) : NULL;
}

static struct ending ending_of(const struct walk *w, const struct association *old, const struct count *count) {
        const struct evidence evidence = count ? count_evidence(count) : (struct evidence) {};
        const struct path *p = snapshot_paths(w->before, old->paths);
        uint64_t hz = snapshot_head(w->before)->hz, now = snapshot_head(w->after)->started_realtime,
                 looked = snapshot_head(w->before)->started_realtime;
        struct ending e = {
                .state = old->state,
                .init_retransmissions =
                        FIELD_GIVEN(old, ASSOCIATION_INIT_RETRANSMISSIONS) ? old->init_retransmissions : 0,
                .init_known = FIELD_GIVEN(old, ASSOCIATION_INIT_RETRANSMISSIONS),
                .errors_max = FIELD_GIVEN(old, ASSOCIATION_MAX_RETRANSMISSIONS) ? old->max_retransmissions : 0,
                .counted = evidence.known,
                .aborts = evidence.aborts,
                .shutdowns = evidence.shutdowns,
                .established = evidence.established,
                .others = evidence.others,
                .paths = old->paths.count,
        };

        if (FIELD_GIVEN(old, ASSOCIATION_OVERALL_ERRORS) && FIELD_GIVEN(old, ASSOCIATION_DIAG_AT)) {
                e.errors_known = true;
                e.errors = old->detail.overall_errors;
                e.errors_age_usec = now > old->detail.diag_at ? now - old->detail.diag_at : 0;
                e.errors_fresh = old->detail.diag_at >= looked;
        }
        /* T2-shutdown's timeouts count, too. */
        if (old->state > ASSOCIATION_ESTABLISHED && FIELD_GIVEN(old, ASSOCIATION_SHUTDOWN_RETRANSMISSIONS) &&
            old->shutdown_retransmissions > e.errors) {
                e.errors_known = true;
                e.errors = old->shutdown_retransmissions;
                e.errors_age_usec = now - MIN(now, looked);
                e.errors_fresh = old->unseen == 0;
        }
        for (uint32_t i = 0; i < old->paths.count; i++) {
                if (FIELD_GIVEN(p + i, PATH_STATE)) {
                        e.paths_active += p[i].state == PATH_ACTIVE;
                        e.paths_troubled += p[i].state == PATH_INACTIVE || p[i].state == PATH_PF;
                }
                if (FIELD_GIVEN(p + i, PATH_RTO) && hz > 0 && p[i].rto > 0) {
                        uint64_t rto = p[i].rto * USEC_PER_SEC / hz;

                        e.rto_usec = e.rto_usec > 0 ? MIN(e.rto_usec, rto) : rto;
                }
        }

        return e;
}

static int tell_down(const struct walk *w, const struct association *old) {
        struct count *count = count_of(w, old);
        struct ending ending = ending_of(w, old, count);
        bool certain = false;
        struct change c = {
                .type = CHANGE_ASSOCIATION_DOWN,
                .certainty = end_certainty(w, old),
                .snapshot = w->before,
                .association = old,
                .old_state = old->state,
                .new_state = ASSOCIATION_CLOSED,
                .duration_usec = state_lasted(w, old),
                .path_old_state = -1,
                .path_new_state = -1,
        };

        if (w->tally)
                c.cause = cause_find(&ending, &certain);
        c.cause_certainty = certain && c.certainty == CERTAINTY_HIGH ? CERTAINTY_HIGH : CERTAINTY_LOW;
        if (count)
                count_cause(count, c.cause);
        return tell(w, &c);
}

static int tell_unobserved(const struct walk *w) {
        const struct netns *netns = snapshot_namespaces(w->after);
        int r = 0;

        for (uint32_t i = 0; r >= 0 && w->tally && i < snapshot_head(w->after)->n_namespaces; i++) {
                struct count *count = unobserved_count(w->tally, netns[i].netns);
                struct change c = {
                        .type = CHANGE_UNOBSERVED,
                        .certainty = CERTAINTY_HIGH,
                        .snapshot = w->after,
                        .netns = netns[i].netns,
                };

                if (!count)
                        continue;
                count_unobserved(count, &c.established, &c.failed);
                if (c.established > 0 || c.failed > 0)
                        r = tell(w, &c);
        }

        return r;
}

static int find_told(const struct walk *w, const struct snapshot *s, const struct association *a,
                     const struct news_told_entry **ret) {
        *ret = news_told_find(w->told, a);
        return *ret ? 0 : news_told_find_ends(w->told, s, a, s == w->after, ret);
}

/* Which of the associations the news have told of. */
static int match_told(struct walk *w) {
        const struct news_told_entry *e;

        for (uint32_t i = 0; i < w->n_old; i++) {
                int r = find_told(w, w->before, w->old + i, &e);

                if (r < 0)
                        return r;
                if (e && same_netns(w, w->old[i].netns)) {
                        w->told_of_old[i] = (uint32_t) (e - news_told_at(w->told, 0)) + 1;
                        w->told_matched[w->told_of_old[i] - 1] = true;
                }
        }
        for (uint32_t j = 0; j < w->n_new; j++) {
                int r = find_told(w, w->after, w->new + j, &e);

                if (r < 0)
                        return r;
                if (e) {
                        w->told_of_new[j] = (uint32_t) (e - news_told_at(w->told, 0)) + 1;
                        w->told_matched[w->told_of_new[j] - 1] = true;
                }
        }

        return 0;
}

static const struct news_told_entry *news_told_entry(const struct walk *w, const uint32_t *told_of, uint32_t i) {
        return told_of && told_of[i] > 0 ? news_told_at(w->told, told_of[i] - 1) : NULL;
}

/* Happenings bear the time at which the kernel began to act; what it did was to be seen somewhat later. */
#define SEEN_AFTER_USEC (100 * USEC_PER_MSEC)

/* What happened from then on the look may have seen or not. */
static uint64_t unsure_since(const struct snapshot *after) {
        uint64_t started = snapshot_head(after)->started_monotonic;

        return started - MIN(started, SEEN_AFTER_USEC);
}

static bool is_newer(const struct walk *w, const struct news_told_entry *e) {
        return e->at >= unsure_since(w->after);
}

/* The same walk, with what was told last as the state of before. */
static struct walk since_told(const struct walk *w, const struct news_told_entry *e) {
        struct walk v = *w;

        v.before = e->news;
        v.removed = e->removed;
        return v;
}

/* Gone, and not told of yet. */
static bool has_ended(const struct walk *w, uint32_t i) {
        const struct news_told_entry *e = news_told_entry(w, w->told_of_old, i);

        return is_gone(w, i) && (!e || (!e->gone && !is_newer(w, e)));
}

static int tell_old(const struct walk *w, uint32_t i) {
        const struct news_told_entry *e = news_told_entry(w, w->told_of_old, i);
        struct walk v;

        if (!has_ended(w, i))
                return 0;
        if (!e)
                return tell_down(w, w->old + i);
        v = since_told(w, e);
        return tell_down(&v, e->association);
}

/* One that was told of, and what the look shows of it. */
static int tell_since(const struct walk *w, const struct news_told_entry *e, const struct association *new) {
        struct walk v;

        if (is_newer(w, e))
                return 0;
        /* The scan has only kept its row: nobody has shown it since its end. */
        if (e->gone && new->unseen > 0) {
                news_told_keep(w->told, (size_t) (e - news_told_at(w->told, 0)), false);
                return 0;
        }
        if (e->gone)
                return tell_new(w, new);
        v = since_told(w, e);
        return tell_kept(&v, e->association, new);
}

static int tell_both(const struct walk *w, uint32_t i) {
        const struct association *new = w->new_of_old[i] != 0 ? w->new + w->new_of_old[i] - 1 : NULL;
        const struct news_told_entry *e;

        if (!new || !is_association(new))
                return 0;
        /* The row of before may be of one that ended between the same ends, and was told so. */
        e = news_told_entry(w, w->told_of_new, w->new_of_old[i] - 1) ?: news_told_entry(w, w->told_of_old, i);
        return e ? tell_since(w, e, new) : tell_kept(w, w->old + i, new);
}

static int tell_other(const struct walk *w, uint32_t j) {
        const struct association *new = w->new + j;
        const struct news_told_entry *e = news_told_entry(w, w->told_of_new, j);

        if (w->matched[j] || !is_association(new) || !is_watched(w->before, w->after, new->netns))
                return 0;
        return e ? tell_since(w, e, new) : tell_new(w, new);
}

/* The tables miss new rows, and the scan does not know yet of those that none has shown: see UNOBSERVED_LOOKS. */
static bool may_be_missed(const struct walk *w, const struct news_told_entry *e) {
        const struct snapshot_head *head = snapshot_head(w->after);

        return head->sources[SOURCE_LISTING].result != SOURCE_READ &&
               (head->sources[SOURCE_ASSOCS].result == SOURCE_FAILED || e->misses + 1 < UNOBSERVED_LOOKS);
}

/* Its beginning was told, and its end was missed. */
static bool has_ended_told(const struct walk *w, const struct news_told_entry *e) {
        return !w->told_matched[e - news_told_at(w->told, 0)] && !e->gone && !is_newer(w, e) &&
               is_association(e->association) && !may_be_missed(w, e);
}

static int tell_told(const struct walk *w, uint32_t i) {
        const struct news_told_entry *e = news_told_at(w->told, i);
        struct walk v = since_told(w, e);

        if (has_ended_told(w, e))
                return tell_down(&v, e->association);
        if (!w->told_matched[i] && may_be_missed(w, e) && !e->gone)
                news_told_keep(w->told, i, snapshot_head(w->after)->sources[SOURCE_ASSOCS].result != SOURCE_FAILED);
        return 0;
}

/* Causes are found beside all that ended in the same namespace. */
static void count_ends(const struct walk *w) {
        for (uint32_t i = 0; w->tally && i < w->n_old; i++) {
                const struct news_told_entry *e = news_told_entry(w, w->told_of_old, i);
                const struct association *old = e ? e->association : w->old + i;
                struct count *count = has_ended(w, i) ? count_of(w, old) : NULL;

                if (count)
                        count_down(count, old->state >= ASSOCIATION_ESTABLISHED, old->unseen > 0);
        }
        for (uint32_t i = 0; w->tally && w->told && i < news_told_count(w->told); i++) {
                const struct news_told_entry *e = news_told_at(w->told, i);
                struct count *count = has_ended_told(w, e) ? count_of(w, e->association) : NULL;

                if (count)
                        count_down(count, e->association->state >= ASSOCIATION_ESTABLISHED, false);
        }
}

static int find_associations(struct walk *w) {
        int r;

        match_by_id(w);
        r = match_without_id(w);
        if (r >= 0 && w->tally)
                r = unobserved_begin(w->tally, w->before, w->after);
        if (r < 0)
                return r;
        if (w->told)
                r = match_told(w);
        if (r < 0)
                return r;
        count_ends(w);

        /* What ended comes before what began: the same peer may have come back. */
        for (uint32_t i = 0; r >= 0 && i < w->n_old; i++)
                r = tell_old(w, i);
        for (uint32_t i = 0; r >= 0 && w->told && i < news_told_count(w->told); i++)
                r = tell_told(w, i);
        for (uint32_t i = 0; r >= 0 && i < w->n_old; i++)
                r = tell_both(w, i);
        for (uint32_t j = 0; r >= 0 && j < w->n_new; j++)
                r = tell_other(w, j);

        return r < 0 ? r : tell_unobserved(w);
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

int changes_find(const struct snapshot *before, const struct snapshot *after, bool figures, struct unobserved *tally,
                 struct news_told *told, change_handler handler, void *userdata) {
        _cleanup_free_ uint32_t *new_of_old = NULL, *told_of_old = NULL, *told_of_new = NULL;
        _cleanup_free_ bool *matched = NULL, *told_matched = NULL;
        struct walk w = {
                .before = before,
                .after = after,
                .old = snapshot_associations(before),
                .new = snapshot_associations(after),
                .n_old = snapshot_head(before)->n_associations,
                .n_new = snapshot_head(after)->n_associations,
                .figures = figures,
                .tally = tally,
                .told = told && news_told_count(told) > 0 ? told : NULL,
                .handler = handler,
                .userdata = userdata,
        };
        int r;

        if (!snapshot_head(after)->available)
                return 0;

        w.new_of_old = new_of_old = calloc(w.n_old + UINT64_C(1), sizeof(*new_of_old));
        w.matched = matched = calloc(w.n_new + UINT64_C(1), sizeof(*matched));
        if (!new_of_old || !matched)
                return -ENOMEM;
        if (w.told) {
                w.told_of_old = told_of_old = calloc(w.n_old + UINT64_C(1), sizeof(*told_of_old));
                w.told_of_new = told_of_new = calloc(w.n_new + UINT64_C(1), sizeof(*told_of_new));
                w.told_matched = told_matched = calloc(news_told_count(told), sizeof(*told_matched));
                if (!told_of_old || !told_of_new || !told_matched)
                        return -ENOMEM;
        }
        r = find_endpoints(&w);
        if (r >= 0)
                r = find_associations(&w);
        if (r >= 0 && w.told)
                r = news_told_forget(told, unsure_since(after));

        return r < 0 ? r : 0;
}

static struct change change_of_happening(const struct snapshot *news, uint32_t i) {
        const struct association *a = snapshot_associations(news) + i;
        const struct happening *h = snapshot_happenings(news) + i;

        return (struct change) {
                .type = h->type,
                .certainty = CERTAINTY_EXACT,
                .at = h->at,
                .snapshot = news,
                .association = a,
                .old_state = h->old_state,
                .new_state = h->new_state,
                .duration_usec = h->duration_usec,
                .path = h->path != UINT32_MAX ? snapshot_paths(news, a->paths) + h->path : NULL,
                .path_old_state = h->path_old_state,
                .path_new_state = h->path_new_state,
                .old_primary = h->old_primary.family != 0 ? &h->old_primary : NULL,
                .old_local_tag = h->old_local_tag,
                .old_peer_tag = h->old_peer_tag,
                .cause = h->cause,
                .cause_certainty = CERTAINTY_EXACT,
                .trigger = h->trigger.kind != TRIGGER_NONE ? &h->trigger : NULL,
        };
}

/* What it cannot take in it reports as unobserved. */
static void tell_tally(struct unobserved *tally, const struct change *c) {
        uint64_t netns = c->association->netns;
        bool established = c->old_state >= ASSOCIATION_ESTABLISHED;

        if (c->type == CHANGE_ASSOCIATION_UP && !established)
                (void) unobserved_tell_up(tally, netns);
        else if (c->type == CHANGE_ASSOCIATION_DOWN)
                (void) unobserved_tell_down(tally, netns, established, c->cause);
}

/* Whether the association has become, in the look, what the change made of it. */
static bool is_shown(const struct snapshot *look, const struct association *row, const struct change *c) {
        const struct path *paths = snapshot_paths(look, row->paths), *primary = snapshot_primary(c->snapshot, c->association);
        const struct path *path = NULL;
        uint32_t cursor = 0;

        if (c->path)
                path = find_path(paths, row->paths.count, &c->path->address, &cursor);
        switch (c->type) {
        case CHANGE_ASSOCIATION_RESTART:
                return FIELD_GIVEN(row, ASSOCIATION_LOCAL_TAG) &&
                       row->detail.local_tag == c->association->detail.local_tag;
        case CHANGE_PATH_STATE:
                return path && path_last_state(path) == c->path_new_state;
        case CHANGE_PATH_ADDED:
                return path;
        case CHANGE_PATH_REMOVED:
                return !path;
        case CHANGE_PRIMARY_CHANGED:
                path = snapshot_primary(look, row);
                return path && primary && address_equal(&path->address, &primary->address);
        default:
                return false;
        }
}

/* Whether the look has it: what is not in it any more has ended before, whatever else is told of it, unless it began
 * after. */
static bool is_in_look(const struct news_told_rows *rows, const struct news_told *told, const struct change *c) {
        const struct association *row;

        /* What it did before was not; a step by itself never is. */
        if (!rows->look || news_told_find(told, c->association) || c->type == CHANGE_STEP)
                return false;
        row = news_told_rows_find(rows, c->association);
        /* A look that met it at its very end, or beginning. */
        if (row && !is_association(row))
                row = NULL;
        if (c->type == CHANGE_ASSOCIATION_UP || c->type == CHANGE_ASSOCIATION_STATE)
                return row ? row->state >= c->new_state : c->old_state != ASSOCIATION_CLOSED;
        return !row || is_shown(rows->look, row, c);
}

int changes_tell(struct snapshot *news, const struct snapshot *look, bool early, struct news_told *told,
                 struct unobserved *tally, bool *ret_left, change_handler handler, void *userdata) {
        const struct snapshot_head *head = look ? snapshot_head(look) : NULL;
        uint64_t since = head && early ? head->started_monotonic : 0;
        uint64_t until = !head ? 0 : early ? UINT64_MAX : head->started_monotonic + head->duration_usec;
        _cleanup_(news_told_rows_done) struct news_told_rows rows = {};
        int r = 0;

        *ret_left = false;
        /* They are in the order of their times, and it hardly ever happens that one is told so late. */
        if (snapshot_head(news)->n_happenings > 0 && snapshot_happenings(news)->at_monotonic <= until)
                r = news_told_rows_init(&rows, look);
        for (uint32_t i = 0; r >= 0 && i < snapshot_head(news)->n_happenings; i++) {
                struct change change = change_of_happening(news, i);
                uint64_t at = snapshot_happenings(news)[i].at_monotonic;

                if (at < since || (at <= until && is_in_look(&rows, told, &change)))
                        continue;
                if (change.type == CHANGE_STEP) {
                        r = handler(&change, userdata);
                        continue;
                }
                /* Untold it is found by the look; told and not remembered it would be found again. */
                if (!news_told_has_room(told, change.association) || news_told_add(told, news, i) < 0) {
                        *ret_left = true;
                        continue;
                }
                if (tally)
                        tell_tally(tally, &change);
                r = handler(&change, userdata);
        }

        return r < 0 ? r : 0;
}
