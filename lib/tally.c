/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "netns.h"
#include "tally.h"

/* The ledger of one namespace. Both balances are 0 when all that was counted was told of.
 *
 * `begun`: established by the counters as of *before* the tables were read, less those told of. What is counted there
 * and still lives is in the tables, so the balance is never more than those that came and went. It is less by those
 * that are told of and were not counted yet: no more than this look tells of. A table may miss a row for once: hence
 * only what stays for two looks is said.
 *
 * `ended`: ends by the counters as of *after* the tables, less those told of and those of the unobserved. What is
 * counted may still have stood in the tables: hence what the next look tells of is taken off before it is said. */
struct count {
        uint64_t netns, generation;
        bool known;                     /* there is a look to go on from */
        bool read;                      /* the counters were read at this look */
        bool begins;                    /* with this look: what it tells of is in the counters already */
        uint64_t begun_total, aborts_total, shutdowns_total;    /* the counters */
        int64_t begun, begun_before;
        int64_t ended, ended_before;
        uint64_t new_aborts, new_shutdowns;     /* counted since the look before */
        uint64_t aborts, shutdowns;     /* these and what is left of those before */
        uint64_t aborts_told, shutdowns_told;   /* that causes were put down to */
        uint64_t ups, established, others;      /* told of in this look */
};

struct tally {
        struct count *counts;           /* sorted by number */
        size_t n;
};

int tally_new(struct tally **ret) {
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

struct tally *tally_free(struct tally *t) {
        if (!t)
                return NULL;

        free(t->counts);
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
        const struct snapshot_head *head = snapshot_head(s);
        const struct netns *netns = snapshot_namespaces(s);
        const struct counter *counters = snapshot_counters(s);
        struct count *counts, *c = NULL;

        counts = calloc(head->n_namespaces + UINT64_C(1), sizeof(*counts));
        if (!counts)
                return NULL;
        for (uint32_t i = 0; i < head->n_namespaces; i++)
                counts[i] = (struct count) {
                        .netns = netns[i].netns,
                        .generation = netns[i].generation,
                        .begun_total = netns[i].begun,
                        .begins = true,
                };

        for (uint32_t i = 0; i < head->n_counters; i++) {
                uint64_t value = (uint64_t) counters[i].value;

                if (!c || c->netns != counters[i].netns)
                        c = find(counts, head->n_namespaces, counters[i].netns);
                if (!c)
                        continue;
                if (strcmp(counters[i].name, "SctpAborteds") == 0)
                        c->aborts_total = value;
                else if (strcmp(counters[i].name, "SctpShutdowns") == 0) {
                        c->shutdowns_total = value;
                        c->known = c->read = snapshot_netns(s, c->netns)->begun_given;
                }
        }

        return counts;
}

/* What was counted at a look, and not told of at that one. */
static uint64_t left(uint64_t new, uint64_t all, uint64_t told) {
        return MIN(new, all - MIN(all, told));
}

/* Goes on from where the namespace's ledger was; a new one begins with nothing. */
static void go_on(struct count *c, const struct count *before) {
        if (!before->known || !netns_may_be_same(before->generation, c->generation))
                return;

        /* Nobody counts backwards: where that is so it is another namespace after all. */
        if (c->read && (c->begun_total < before->begun_total || c->aborts_total < before->aborts_total ||
                        c->shutdowns_total < before->shutdowns_total))
                return;

        if (!c->read) {
                c->known = true;
                c->begun_total = before->begun_total;
                c->aborts_total = before->aborts_total;
                c->shutdowns_total = before->shutdowns_total;
        }
        c->new_aborts = c->aborts_total - before->aborts_total;
        c->new_shutdowns = c->shutdowns_total - before->shutdowns_total;
        c->aborts = c->new_aborts + left(before->new_aborts, before->aborts, before->aborts_told);
        c->shutdowns = c->new_shutdowns + left(before->new_shutdowns, before->shutdowns, before->shutdowns_told);
        c->begins = false;
        c->begun_before = before->begun;
        c->begun = before->begun + (int64_t) (c->begun_total - before->begun_total);
        c->ended_before = before->ended;
        c->ended = before->ended + (int64_t) (c->new_aborts + c->new_shutdowns);
}

int tally_begin(struct tally *t, const struct snapshot *before, const struct snapshot *after) {
        size_t n = snapshot_head(after)->n_namespaces;
        struct count *counts;

        if (!t->counts) {
                t->counts = read_counts(before);
                t->n = snapshot_head(before)->n_namespaces;
        }
        counts = read_counts(after);
        if (!t->counts || !counts) {
                free(counts);
                return -ENOMEM;
        }

        for (size_t i = 0, j = 0; i < n; i++) {
                while (j < t->n && t->counts[j].netns < counts[i].netns)
                        j++;
                if (j < t->n && t->counts[j].netns == counts[i].netns)
                        go_on(counts + i, t->counts + j);
        }

        free(t->counts);
        t->counts = counts;
        t->n = n;
        return 0;
}

struct count *tally_count(struct tally *t, uint64_t netns) {
        return find(t->counts, t->n, netns);
}

void count_up(struct count *c) {
        c->ups++;
}

void count_down(struct count *c, bool established) {
        if (established)
                c->established++;
        else
                c->others++;
}

struct evidence count_evidence(const struct count *c) {
        return (struct evidence) {
                .known = c->read,
                .aborts = c->aborts,
                .shutdowns = c->shutdowns,
                .established = c->established,
                .others = c->others,
        };
}

void count_cause(struct count *c, enum cause cause) {
        if (cause == CAUSE_GRACEFUL)
                c->shutdowns_told++;
        else if (cause == CAUSE_ABORTED || cause == CAUSE_RETRANSMISSIONS_EXHAUSTED)
                c->aborts_told++;
}

/* What is there for certain, of two balances. */
static int64_t settled(int64_t before, int64_t now) {
        return MAX(MIN(before, now), (int64_t) 0);
}

void count_unobserved(struct count *c, uint64_t *ret_established, uint64_t *ret_failed) {
        int64_t others, told, established, failed, perhaps;

        *ret_established = *ret_failed = 0;
        if (c->begins)
                return;

        /* Of those that were never established the ones that nobody answered are not counted. */
        others = MIN(MAX((int64_t) (c->aborts + c->shutdowns) - (int64_t) c->established, (int64_t) 0), (int64_t) c->others);
        told = (int64_t) c->established + others;

        c->begun -= (int64_t) c->ups;
        established = settled(c->begun_before, c->begun);
        c->begun -= established;

        /* So many more may have been established: their ends are no others' failures. */
        perhaps = MAX(c->begun + (int64_t) c->ups, (int64_t) 0);
        c->ended -= told + established;
        failed = settled(c->ended_before - told - established - perhaps, c->ended - perhaps);
        c->ended -= failed;

        *ret_established = (uint64_t) established;
        *ret_failed = (uint64_t) failed;
}
