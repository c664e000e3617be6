/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

/* A hash index: which elements of an array may have a key. The caller compares the keys themselves. */
struct index {
        uint32_t *slots;                /* index of the element + 1; 0: free */
        size_t mask;
};

/* For up to `n` entries. -ENOMEM. */
int index_init(struct index *x, size_t n);
void index_done(struct index *x);

void index_add(struct index *x, uint64_t hash, uint32_t element);

/* Walks the elements that may have this hash, those added first first. *cursor starts as 0. */
bool index_next(const struct index *x, uint64_t hash, size_t *cursor, uint32_t *ret);

uint64_t index_hash(uint64_t key);

/* Of an association's ports and one of its peer addresses. IPv4-mapped addresses hash as IPv4. */
uint64_t index_hash_peer(uint16_t local_port, uint16_t peer_port, const struct address *peer);
