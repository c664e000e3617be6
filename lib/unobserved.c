/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "netns.h"
#include "unobserved.h"

/* What news have told of one namespace since the last look. */
struct heard {
        uint64_t netns;
        uint64_t ups, downs;            /* all but those ends that are not counted */
        uint64_t aborts, shutdowns;     /* of the ends */
};

/* The ledger of one namespace, in the kernel's own numbers: what was counted, and how much of it is told of.
 *
 * `begun_told` is what there was before the first look, those told of as established and the unobserved. Tables are
 * read before the counters, so that all told of is counted. What was counted UNOBSERVED_LOOKS looks ago and still lives has
 * been shown since: by how much `begun` of then exceeds `begun_told` of now, so many have come and gone. They may be
 * more, where some of those told of have begun since; when it is calm they are just these.
 *
 * `ended_told` likewise is what there was, ends told of, the unobserved established, and the unobserved failed. The
 * last are what `ended` of then exceeds the rest by, less all whose end may be told of yet: rows that were not seen,
 * and all that is counted as established and not told of. */
struct count {
        uint64_t netns, generation;
        bool known;                     /* there is a measure */
        bool read;                      /* the counters are known of this look, */
        bool looked;                    /* and the tables were read before */
        uint64_t begun, aborts, shutdowns;      /* the counters */
        uint64_t begun_told, ended_told;
        struct {
                uint64_t begun, ended;
        } looks[UNOBSERVED_LOOKS];           /* the oldest first */
        uint64_t new_aborts, new_shutdowns;     /* counted since the look before */
        uint64_t all_aborts, all_shutdowns;     /* these, and what is left of those before */
        uint64_t aborts_told, shutdowns_told, told;     /* that causes were put down to; all but those not counted */
        uint64_t ups, unseen;
        uint64_t established, others, lost;     /* ends told of in this look; those unseen, of both kinds */
        bool measured;                  /* what there is at this look is the measure */
        uint64_t heard_ups, heard_downs;        /* told by news since the look before; some are counted after this one */
        uint64_t left_established, left_failed; /* unobserved as of the look before, if all had been told by then */
        unsigned told_looks;            /* see struct unobserved */
};

struct unobserved {
        struct count *counts;           /* sorted by number */
        size_t n;
        struct heard *heard;            /* likewise */
        size_t n_heard, allocated_heard;
        unsigned told_looks;            /* looks in a row, since the one before which news have told all; if they go on,
                                         * UNOBSERVED_LOOKS + 1 */
};

int unobserved_new(struct unobserved **ret) {
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

struct unobserved *unobserved_free(struct unobserved *t) {
        if (!t)
                return NULL;

        free(t->counts);
        free(t->heard);
        free(t);
        return NULL;
}

static struct count *find(struct count *counts, size_t n, uint64_t netns) {
        size_t low = 0, high = n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (counts[middle].netns < netns)
                        low = middle + 1;
                else
                        high = middle;
        }

        return low < n && counts[low].netns == netns ? counts + low : NULL;
}

/* The counters of each namespace of the snapshot. */
static struct count *read_counts(const struct snapshot *s) {
        enum { ACTIVE = 1, PASSIVE = 2, ABORTS = 4, SHUTDOWNS = 8, ALL = 15 };
        const struct snapshot_head *head = snapshot_head(s);
        const struct netns *netns = snapshot_namespaces(s);
        const struct counter *counters = snapshot_counters(s);
        struct count *counts, *c = NULL;
        unsigned found = 0;

        counts = calloc(head->n_namespaces + UINT64_C(1), sizeof(*counts));
        if (!counts)
                return NULL;
        for (uint32_t i = 0; i < head->n_namespaces; i++)
                counts[i] = (struct count) {
                        .netns = netns[i].netns,
                        .generation = netns[i].generation,
                        .looked = !netns[i].idle && netns[i].error[0] == '\0' &&
                                  head->sources[SOURCE_ASSOCS].result != SOURCE_FAILED,
                };

        for (uint32_t i = 0; i < head->n_counters; i++) {
                uint64_t value = (uint64_t) counters[i].value;

                if (!c || c->netns != counters[i].netns) {
                        c = find(counts, head->n_namespaces, counters[i].netns);
                        found = 0;
                }
                if (!c)
                        continue;
                if (strcmp(counters[i].name, "SctpActiveEstabs") == 0) {
                        c->begun += value;
                        found |= ACTIVE;
                } else if (strcmp(counters[i].name, "SctpPassiveEstabs") == 0) {
                        c->begun += value;
                        found |= PASSIVE;
                } else if (strcmp(counters[i].name, "SctpAborteds") == 0) {
                        c->aborts = value;
                        found |= ABORTS;
                } else if (strcmp(counters[i].name, "SctpShutdowns") == 0) {
                        c->shutdowns = value;
                        found |= SHUTDOWNS;
                }
                c->read = found == ALL;
        }

        return counts;
}

/* What there is at this look is no news. */
static void set_measure(struct count *c) {
        c->known = c->read;
        c->measured = true;
        c->begun_told = c->begun;
        c->ended_told = c->aborts + c->shutdowns;
        for (unsigned i = 0; i < UNOBSERVED_LOOKS; i++) {
                c->looks[i].begun = c->begun_told;
                c->looks[i].ended = c->ended_told;
        }
}

/* What was counted at a look, of one kind and in all, and not told of at that one. */
static uint64_t left(uint64_t new, uint64_t all, uint64_t told, uint64_t all_left) {
        return MIN(MIN(new, all - MIN(all, told)), all_left);
}

static int hear(struct unobserved *t, uint64_t netns, struct heard **ret) {
        size_t low = 0, high = t->n_heard;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (t->heard[middle].netns < netns)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == t->n_heard || t->heard[low].netns != netns) {
                if (t->n_heard >= t->allocated_heard) {
                        size_t more = MAX(t->allocated_heard * 2, (size_t) 16);
                        struct heard *bigger = reallocarray(t->heard, more, sizeof(*bigger));

                        if (!bigger)
                                return -ENOMEM;
                        t->heard = bigger;
                        t->allocated_heard = more;
                }
                memmove(t->heard + low + 1, t->heard + low, (t->n_heard - low) * sizeof(*t->heard));
                t->heard[low] = (struct heard) { .netns = netns };
                t->n_heard++;
        }

        *ret = t->heard + low;
        return 0;
}

int unobserved_tell_up(struct unobserved *t, uint64_t netns) {
        struct heard *h;
        int r = hear(t, netns, &h);

        if (r >= 0)
                h->ups++;
        return r;
}

int unobserved_tell_down(struct unobserved *t, uint64_t netns, bool established, enum cause cause) {
        struct heard *h;
        int r;

        /* That nobody answers is not counted, nor is what ICMP ends; of others that were never established it is not
         * known. */
        if (cause == CAUSE_INIT_TIMEOUT || cause == CAUSE_UNREACHABLE || (cause == CAUSE_UNKNOWN && !established))
                return 0;
        r = hear(t, netns, &h);
        if (r < 0)
                return r;

        h->downs++;
        h->shutdowns += cause == CAUSE_GRACEFUL;
        h->aborts += cause == CAUSE_ABORTED || cause == CAUSE_RETRANSMISSIONS_EXHAUSTED;
        return 0;
}

/* Both are sorted by number. News are ahead of the counters, not behind: they come before the look does. */
static void take_heard(struct unobserved *t, struct count *counts, size_t n) {
        for (size_t i = 0, j = 0; i < t->n_heard; i++) {
                const struct heard *h = t->heard + i;
                struct count *c;

                while (j < n && counts[j].netns < h->netns)
                        j++;
                if (j == n || counts[j].netns != h->netns || counts[j].measured)
                        continue;
                c = counts + j;
                c->begun_told += h->ups;
                c->ended_told += h->downs;
                c->heard_ups = h->ups;
                c->heard_downs = h->downs;
                c->new_aborts -= MIN(c->new_aborts, h->aborts);
                c->new_shutdowns -= MIN(c->new_shutdowns, h->shutdowns);
                c->all_aborts -= MIN(c->all_aborts, h->aborts);
                c->all_shutdowns -= MIN(c->all_shutdowns, h->shutdowns);
        }
        t->n_heard = 0;
}

/* Goes on from where the namespace's ledger was. */
static void go_on(struct count *c, const struct count *before) {
        uint64_t all = before->all_aborts + before->all_shutdowns, all_left = all - MIN(all, before->told);

        /* Nobody counts backwards: where that is so it is another namespace after all. */
        if (!before->known || (c->read && (c->begun < before->begun || c->aborts < before->aborts ||
                                           c->shutdowns < before->shutdowns))) {
                set_measure(c);
                return;
        }

        if (!c->read) {
                c->begun = before->begun;
                c->aborts = before->aborts;
                c->shutdowns = before->shutdowns;
        }
        c->known = true;
        c->begun_told = before->begun_told;
        c->ended_told = before->ended_told;
        c->left_established = before->left_established;
        c->left_failed = before->left_failed;
        memcpy(c->looks, before->looks, sizeof(c->looks));
        c->new_aborts = c->aborts - before->aborts;
        c->new_shutdowns = c->shutdowns - before->shutdowns;
        c->all_aborts = c->new_aborts + left(before->new_aborts, before->all_aborts, before->aborts_told, all_left);
        c->all_shutdowns = c->new_shutdowns + left(before->new_shutdowns, before->all_shutdowns, before->shutdowns_told,
                                                   all_left);
}

/* Whether news have told all that happened from one look to the next. */
static bool all_told(const struct snapshot *before, const struct snapshot *after) {
        const struct snapshot_head *b = snapshot_head(before), *a = snapshot_head(after);

        return b->events_on && a->events_on && b->events_lost == a->events_lost;
}

int unobserved_begin(struct unobserved *t, const struct snapshot *before, const struct snapshot *after) {
        const struct snapshot_head *head = snapshot_head(before);
        /* Whether a namespace that was not there is new, and has counted from 0. */
        bool all = !head->available || head->sources[SOURCE_NAMESPACES].result == SOURCE_READ;
        size_t n = snapshot_head(after)->n_namespaces;
        struct count *counts;

        if (!t->counts) {
                t->counts = read_counts(before);
                t->n = head->n_namespaces;
                /* What was there before is no news. */
                t->told_looks = UNOBSERVED_LOOKS;
                for (size_t i = 0; t->counts && i < t->n; i++)
                        set_measure(t->counts + i);
        }
        counts = read_counts(after);
        if (!t->counts || !counts) {
                free(counts);
                return -ENOMEM;
        }

        for (size_t i = 0, j = 0; i < n; i++) {
                const struct count zero = { .known = true };

                while (j < t->n && t->counts[j].netns < counts[i].netns)
                        j++;
                if (j < t->n && t->counts[j].netns == counts[i].netns)
                        go_on(counts + i, netns_may_be_same(t->counts[j].generation, counts[i].generation) ?
                              t->counts + j : &zero);
                else if (all)
                        go_on(counts + i, &zero);
                else
                        set_measure(counts + i);
        }
        take_heard(t, counts, n);
        t->told_looks = all_told(before, after) ? MIN(t->told_looks, UNOBSERVED_LOOKS) + 1 : 0;
        for (size_t i = 0; i < n; i++)
                counts[i].told_looks = t->told_looks;

        free(t->counts);
        t->counts = counts;
        t->n = n;
        return 0;
}

struct count *unobserved_count(struct unobserved *t, uint64_t netns) {
        return find(t->counts, t->n, netns);
}

void count_up(struct count *c) {
        c->ups++;
}

void count_unseen(struct count *c) {
        c->unseen++;
}

void count_down(struct count *c, bool established, bool unseen) {
        if (established)
                c->established++;
        else
                c->others++;
        c->lost += unseen && !established;
}

struct evidence count_evidence(const struct count *c) {
        return (struct evidence) {
                .known = c->read,
                .aborts = c->all_aborts,
                .shutdowns = c->all_shutdowns,
                .established = c->established,
                .others = c->others,
        };
}

void count_cause(struct count *c, enum cause cause) {
        c->told += cause != CAUSE_INIT_TIMEOUT && cause != CAUSE_UNREACHABLE;
        if (cause == CAUSE_GRACEFUL)
                c->shutdowns_told++;
        else if (cause == CAUSE_ABORTED || cause == CAUSE_RETRANSMISSIONS_EXHAUSTED)
                c->aborts_told++;
}

/* How many of the ends told of can have been counted. Those that nobody answered are not. */
static uint64_t ends_counted(const struct count *c) {
        uint64_t counted = c->all_aborts + c->all_shutdowns, seen = c->others - c->lost;

        if (c->read)
                seen = MIN(seen, counted - MIN(counted, c->established));
        return c->established + seen + c->lost;
}

/* What has been counted up to now is no news; what is told of and will be counted stays so. */
static void settle(struct count *c) {
        uint64_t ended = c->aborts + c->shutdowns;

        c->begun_told = MAX(c->begun_told, c->begun);
        c->ended_told = MAX(c->ended_told, ended);
        for (unsigned i = 0; i < UNOBSERVED_LOOKS; i++) {
                c->looks[i].begun = c->begun;
                c->looks[i].ended = ended;
        }
}

/* By how much what was counted then exceeds what is told of. */
static void find_rest(const struct count *c, uint64_t begun_then, uint64_t ended_then, uint64_t *ret_established,
                      uint64_t *ret_failed) {
        uint64_t established = begun_then - MIN(begun_then, c->begun_told), begun, rest;

        /* Of those told by news some may not have been counted yet, in the place of others that have. */
        begun = c->begun + c->heard_ups;
        rest = c->ended_told + established + c->unseen + (begun - MIN(begun, c->begun_told + established));

        *ret_established = established;
        *ret_failed = ended_then - MIN(ended_then, rest);
}

static void find_unobserved(struct count *c, uint64_t *ret_established, uint64_t *ret_failed) {
        uint64_t ended = c->aborts + c->shutdowns;

        if (c->told_looks == UNOBSERVED_LOOKS) {
                /* Where all that was counted since has been told, what is left was before. The kernel counts a moment
                 * before it tells: what is left at two looks. */
                find_rest(c, c->begun, ended, ret_established, ret_failed);
                *ret_established = MIN(*ret_established, c->left_established);
                *ret_failed = MIN(*ret_failed, c->left_failed);
        } else
                find_rest(c, c->looks[0].begun, c->looks[0].ended, ret_established, ret_failed);
        c->begun_told += *ret_established;
        c->ended_told += *ret_established + *ret_failed;
        find_rest(c, c->begun, ended, &c->left_established, &c->left_failed);

        memmove(c->looks, c->looks + 1, sizeof(c->looks) - sizeof(c->looks[0]));
        c->looks[UNOBSERVED_LOOKS - 1].begun = c->begun;
        c->looks[UNOBSERVED_LOOKS - 1].ended = ended;
}

void count_unobserved(struct count *c, uint64_t *ret_established, uint64_t *ret_failed) {
        uint64_t ended = c->aborts + c->shutdowns;

        *ret_established = *ret_failed = 0;
        c->begun_told += c->ups;
        c->ended_told += ends_counted(c);
        if (!c->known || !c->read)
                return;

        /* Some are not counted: two ends that both began (section 5.2), one that was counted before the first look. */
        c->begun_told = MIN(c->begun_told, c->begun + c->heard_ups);
        c->ended_told = MIN(c->ended_told, ended + c->heard_downs);
        if (c->told_looks > UNOBSERVED_LOOKS)
                settle(c);
        else if (c->looked)
                find_unobserved(c, ret_established, ret_failed);
}
