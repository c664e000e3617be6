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

uint64_t index_hash_peer(uint16_t local_port, uint16_t peer_port, const struct address *peer) {
        uint64_t high = 0, low = 0;
        uint32_t ipv4;

        memcpy(&high, peer->bytes, 8);
        memcpy(&low, peer->bytes + 8, 8);
        if (peer->family == AF_INET) {
                memcpy(&ipv4, peer->bytes, 4);
                high = 0;
                low = (uint64_t) ntohl(ipv4);
        } else if (high == 0 && be64toh(low) >> 32 == 0xffff)
                low = be64toh(low) & UINT32_MAX;

        return index_hash(low ^ index_hash(high ^ ((uint64_t) local_port << 16 | peer_port)));
}
