/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "builder.h"
#include "rank.h"

/* One for each association, or endpoint: its network namespace's number, and behind it its id or port, of 32 bits
 * each. */
struct listed_places {
        struct rank *at;
        size_t n, allocated;
};

/* What one walk through the kernel's own lists of associations and endpoints showed (bpf/listing.bpf.c): those of all
 * network namespaces, each once, with what the tables, sock_diag and the socket options tell of them.
 * Zero-initialised. */
struct bpf_listing {
        struct association *associations;       /* as they came; some twice. Ranges are of the arrays here */
        struct endpoint *endpoints;
        struct address *addresses;
        struct path *paths;
        uint64_t *seen;                 /* keys of associations that were met, but are listed elsewhere */
        size_t n_associations, n_endpoints, n_addresses, n_paths, n_seen;
        size_t allocated[5];
        struct listed_places association_places, endpoint_places;
        uint64_t key;                   /* of the association or endpoint that came last */
        bool key_is_endpoint;
        uint64_t hz;                    /* of the kernel's jiffies; 0: not known. The caller's to set */
        uint64_t at;                    /* realtime, usec: when the walk began. The caller's to set */
        uint64_t cpu_usec;              /* that another thread took for it. The caller's to set */
};

void bpf_listing_done(struct bpf_listing *l);

/* Forgets all rows, for another walk. Their room stays, unless it is much more than the last walk needed. */
void bpf_listing_clear(struct bpf_listing *l);

/* Takes in one record (bpf/record.h). -EBADMSG: it is none, or not of the association or endpoint before it; -ENOMEM;
 * -E2BIG beyond the snapshot's maxima. */
int bpf_listing_add(struct bpf_listing *l, const void *record, size_t size);

/* Sorts the rows; of one that was listed twice the later one stays. -EAGAIN: an association was met and never listed,
 * because its primary path changed meanwhile: the walk is to be made again. -ENOMEM. */
int bpf_listing_finish(struct bpf_listing *l);

/* Adds the rows of one network namespace to the builder. -ENOMEM; -E2BIG. */
int bpf_listing_build(const struct bpf_listing *l, uint64_t netns, struct builder *b);

/* The first namespace above `netns` that has associations or endpoints; 0: there is none. */
uint64_t bpf_listing_next_netns(const struct bpf_listing *l, uint64_t netns);
