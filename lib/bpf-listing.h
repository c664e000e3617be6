/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "builder.h"

/* What one walk through the kernel's own list of associations showed (bpf/listing.bpf.c): those of all network
 * namespaces, each once, with what the tables, sock_diag and the socket options tell of them. Zero-initialised. */
struct bpf_listing {
        struct listed *rows;
        struct address *addresses;
        struct path *paths;
        uint64_t *seen;                 /* keys of associations that were met, but are listed elsewhere */
        struct listed_place *places;    /* of the rows, each association's once, by network namespace and id; made when
                                         * it is finished */
        size_t n_rows, n_addresses, n_paths, n_seen, n_places;
        size_t allocated[4];
        uint64_t hz;                    /* of the kernel's jiffies; 0: not known. The caller's to set */
        uint64_t at;                    /* realtime, usec: when the walk began. The caller's to set */
};

void bpf_listing_done(struct bpf_listing *l);

/* Forgets all rows, for another walk. */
void bpf_listing_clear(struct bpf_listing *l);

/* Takes in one record (bpf/record.h). -EBADMSG: it is none, or not of the association before it; -ENOMEM; -E2BIG beyond
 * the snapshot's maxima. */
int bpf_listing_add(struct bpf_listing *l, const void *record, size_t size);

/* Sorts the rows; of one that was listed twice the later one stays. -EAGAIN: an association was met and never listed,
 * because its primary path changed meanwhile: the walk is to be made again. -ENOMEM. */
int bpf_listing_finish(struct bpf_listing *l);

/* Adds the rows of one network namespace to the builder. -ENOMEM; -E2BIG. */
int bpf_listing_build(const struct bpf_listing *l, uint64_t netns, struct builder *b);

/* The first namespace above `netns` that has associations; 0: there is none. */
uint64_t bpf_listing_next_netns(const struct bpf_listing *l, uint64_t netns);
