/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <netinet/in.h>
#include <string.h>

#include "index.h"
#include "macro.h"

int index_init(struct index *x, size_t n) {
        size_t size = 16;

        /* At most half full: a walk meets a free slot soon. */
        while (size < 2 * n)
                size *= 2;

        x->slots = calloc(size, sizeof(*x->slots));
        if (!x->slots)
                return -ENOMEM;
        x->mask = size - 1;
        return 0;
}

void index_done(struct index *x) {
        free(x->slots);
        *x = (struct index) {};
}

void index_add(struct index *x, uint64_t hash, uint32_t element) {
        size_t i = hash & x->mask;

        while (x->slots[i] != 0)
                i = (i + 1) & x->mask;
        x->slots[i] = element + 1;
}

bool index_next(const struct index *x, uint64_t hash, size_t *cursor, uint32_t *ret) {
        uint32_t slot = x->slots[(hash + *cursor) & x->mask];

        if (slot == 0)
                return false;

        (*cursor)++;
        *ret = slot - 1;
        return true;
}

uint64_t index_hash(uint64_t key) {
        key *= UINT64_C(0x9e3779b97f4a7c15);
        return key ^ key >> 32;
}

uint64_t index_hash_address(uint64_t seed, const struct address *address) {
        uint64_t high = 0, low = 0;
        uint32_t ipv4;

        memcpy(&high, address->bytes, 8);
        memcpy(&low, address->bytes + 8, 8);
        if (address->family == AF_INET) {
                memcpy(&ipv4, address->bytes, 4);
                high = 0;
                low = (uint64_t) ntohl(ipv4);
        } else if (high == 0 && be64toh(low) >> 32 == 0xffff)
                low = be64toh(low) & UINT32_MAX;

        return index_hash(low ^ index_hash(high ^ seed));
}

/* Without a local address, the peer's alone. */
static uint32_t n_local(const struct association *a) {
        return MIN(MAX(a->local.count, 1u), INDEX_ADDRESSES_MAX);
}

size_t index_pairs(const struct association *a) {
        return (size_t) n_local(a) * MIN(a->paths.count, INDEX_ADDRESSES_MAX);
}

static uint64_t hash_pair(const struct association *a, const struct address *local, const struct path *paths,
                          size_t pair) {
        uint64_t hash = index_hash_address((uint64_t) a->local_port << 16 | a->peer_port,
                                           &paths[pair / n_local(a)].address);

        return a->local.count > 0 ? index_hash_address(hash, local + pair % n_local(a)) : hash;
}

void index_add_pairs(struct index *x, const struct association *a, const struct address *local,
                     const struct path *paths, uint32_t element) {
        for (size_t pair = 0; pair < index_pairs(a); pair++)
                index_add(x, hash_pair(a, local, paths, pair), element);
}

bool index_next_pair(const struct index *x, const struct association *a, const struct address *local,
                     const struct path *paths, size_t *pair, size_t *cursor, uint32_t *ret) {
        for (; *pair < index_pairs(a); (*pair)++, *cursor = 0)
                if (index_next(x, hash_pair(a, local, paths, *pair), cursor, ret))
                        return true;

        return false;
}
