/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "snapshot.h"

/* A snapshot in the making. The readers of lib/proc.h append to it, the scan joins what they found, and
 * builder_finish() turns it into an immutable snapshot. Its arrays are open to those who fill it;
 * ranges of elements index the builder's own arrays. Zero-initialised. */
struct builder {
        struct snapshot_head head;              /* counts and offsets are set by builder_finish() */
        struct endpoint *endpoints;
        struct association *associations;
        struct path *paths;
        struct address *addresses;
        struct counter *counters;
        struct complaint *complaints;
        struct netns *namespaces;
        struct process *processes;
        uint32_t *owners;
        struct happening *happenings;
        size_t n_endpoints, n_associations, n_paths, n_addresses, n_counters, n_complaints, n_namespaces, n_processes,
               n_owners, n_happenings;
        size_t allocated[10];
};

void builder_done(struct builder *b);

/* For another snapshot. The arrays' room stays, unless that of one is much more than this one needed. */
void builder_clear(struct builder *b);

/* Of elements: so many, or fewer, are never too much. */
#define BUILDER_SPARE_MIN 1024u

static inline bool builder_is_spare(size_t allocated, size_t n) {
        return allocated > BUILDER_SPARE_MIN && allocated / 4 > n;
}

/* Append one zeroed element; *ret is valid until the next append of that kind. -ENOMEM; -E2BIG beyond
 * the snapshot's maxima. */
int builder_add_endpoint(struct builder *b, struct endpoint **ret);
int builder_add_association(struct builder *b, struct association **ret);
int builder_add_path(struct builder *b, struct path **ret);
int builder_add_address(struct builder *b, struct address **ret);
int builder_add_counter(struct builder *b, struct counter **ret);
int builder_add_netns(struct builder *b, struct netns **ret);
/* Processes are added in the order of their pids. */
int builder_add_process(struct builder *b, struct process **ret);
/* Appends the index of a process. */
int builder_add_owner(struct builder *b, uint32_t process);

/* Of the association that is added with it. They are added in the order of their times. */
int builder_add_happening(struct builder *b, struct happening **ret);

/* Copy a row with its addresses and paths, `.count` of its ranges, without its owners. *ret is valid until the next
 * append of that kind. -ENOMEM; -E2BIG beyond the snapshot's maxima. */
int builder_copy_endpoint(struct builder *b, const struct endpoint *e, const struct address *local);
int builder_copy_association(struct builder *b, const struct association *a, const struct address *local,
                             const struct path *paths, struct association **ret);

/* Counts a malformed row against its source and keeps the first ones in words. */
void builder_complain(struct builder *b, enum source source, unsigned line, const char *format, ...) _printf_(4, 5);

/* Sorts, folds repeated rows (the later one stays; of news each one does, where it is) and makes the snapshot in a sealed memfd. */
int builder_finish(struct builder *b, struct snapshot **ret);
