/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>

#include "builder.h"
#include "changes.h"
#include "clock.h"

/* What finding the changes between two made-up snapshots costs beside copying one of them. Both are made in turns in
 * one process, and the best of each counts.
 *
 *      bench-changes ROWS      associations with two paths each, of which one in a hundred has changed */

#define ROUNDS 25
#define CHANGED_EVERY 100

/* In turns: another state, a path that does not work, another primary, an end and a beginning. */
static int add_row(struct builder *b, uint32_t i, bool after) {
        unsigned kind = after && i % CHANGED_EVERY == 0 ? 1 + i / CHANGED_EVERY % 4 : 0;
        struct association *a;
        struct address *local;
        int r;

        r = builder_add_address(b, &local);
        if (r < 0)
                return r;
        *local = (struct address) { .family = AF_INET, .bytes = { 10, 0, 0, 1 } };
        for (uint8_t j = 0; j < 2; j++) {
                struct path *p;

                r = builder_add_path(b, &p);
                if (r < 0)
                        return r;
                p->address = (struct address) {
                        .family = AF_INET,
                        .primary = (kind == 3) == (j == 1),
                        .bytes = { 10, 1 + j, (uint8_t) (i >> 8), (uint8_t) i },
                };
                p->state = kind == 2 && j == 1 ? PATH_INACTIVE : PATH_ACTIVE;
                FIELD_GIVE(p, PATH_STATE);
        }
        r = builder_add_association(b, &a);
        if (r < 0)
                return r;

        a->netns = 5;
        /* One has ended, and another one has taken its place. */
        a->id = kind == 4 ? UINT32_MAX - i : i + 1;
        a->local_port = 2905;
        a->peer_port = (uint16_t) (2905 + (i >> 16));
        a->state = kind == 1 ? ASSOCIATION_SHUTDOWN_PENDING : ASSOCIATION_ESTABLISHED;
        a->local = (struct range) { (uint32_t) b->n_addresses - 1, 1 };
        a->paths = (struct range) { (uint32_t) b->n_paths - 2, 2 };
        a->impairment_known = kind != 1;
        a->impaired = kind == 2;
        FIELD_GIVE(a, ASSOCIATION_ID);
        FIELD_GIVE(a, ASSOCIATION_STATE);
        return 0;
}

static int make(uint32_t rows, bool after, struct snapshot **ret) {
        static const char *const counters[] = {
                "SctpActiveEstabs", "SctpPassiveEstabs", "SctpAborteds", "SctpShutdowns",
        };
        struct builder b = {};
        struct netns *n;
        int r;

        b.head.available = true;
        b.head.started_monotonic = b.head.started_realtime = (1 + after) * USEC_PER_SEC;
        for (size_t i = 0; i < _SOURCE_MAX; i++)
                b.head.sources[i].result = SOURCE_READ;
        r = builder_add_netns(&b, &n);
        if (r >= 0)
                *n = (struct netns) { .netns = 5, .has_sctp = 1 };
        for (uint32_t i = 0; r >= 0 && i < rows; i++)
                r = add_row(&b, i, after);
        for (size_t i = 0; r >= 0 && i < ELEMENTS(counters); i++) {
                struct counter *c;

                r = builder_add_counter(&b, &c);
                if (r >= 0) {
                        *c = (struct counter) { .netns = 5, .value = after * rows / 100 };
                        snprintf(c->name, sizeof(c->name), "%s", counters[i]);
                }
        }
        if (r >= 0)
                r = builder_finish(&b, ret);
        builder_done(&b);
        return r;
}

static int count(const struct change *c, void *userdata) {
        (void) c;
        (*(uint64_t *) userdata)++;
        return 0;
}

static int find(const struct snapshot *before, const struct snapshot *after, uint64_t *ret_changes) {
        _cleanup_(unobserved_free_p) struct unobserved *tally = NULL;
        int r = unobserved_new(&tally);

        *ret_changes = 0;
        return r < 0 ? r : changes_find(before, after, false, tally, NULL, count, ret_changes);
}

int main(int argc, char *argv[]) {
        _cleanup_(snapshot_unref_p) struct snapshot *before = NULL, *after = NULL;
        uint64_t copying = UINT64_MAX, finding = UINT64_MAX, changes = 0, size;
        uint32_t rows = argc > 1 ? (uint32_t) strtoul(argv[1], NULL, 10) : 50000;
        _cleanup_free_ void *copy = NULL;
        int r;

        r = make(rows, false, &before);
        if (r >= 0)
                r = make(rows, true, &after);
        if (r >= 0) {
                size = snapshot_head(after)->size;
                copy = malloc(size);
                r = copy ? 0 : -ENOMEM;
        }
        for (unsigned i = 0; r >= 0 && i < ROUNDS; i++) {
                uint64_t start = clock_usec(CLOCK_PROCESS_CPUTIME_ID), middle;

                memcpy(copy, snapshot_head(after), size);
                /* Or the copy that nobody reads is none. */
                __asm__ volatile("" : : "r"(copy) : "memory");
                middle = clock_usec(CLOCK_PROCESS_CPUTIME_ID);
                r = find(before, after, &changes);
                finding = MIN(finding, clock_usec(CLOCK_PROCESS_CPUTIME_ID) - middle);
                copying = MIN(copying, middle - start);
        }
        if (r < 0) {
                fprintf(stderr, "bench-changes: %s\n", strerror(-r));
                return EXIT_FAILURE;
        }

        printf("rows %" PRIu32 " bytes %" PRIu64 " changes %" PRIu64 " copy_us %" PRIu64 " find_us %" PRIu64 "\n",
               rows, size, changes, copying, finding);
        return EXIT_SUCCESS;
}
