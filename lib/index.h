/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "snapshot.h"

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
/* IPv4-mapped addresses hash as IPv4. */
uint64_t index_hash_address(uint64_t seed, const struct address *address);

/* Associations by their ports and each pair of a local and a peer address: what tells them apart while they
 * have no id. Of each side so many addresses count; those behind them come and go with the first ones. */
#define INDEX_ADDRESSES_MAX 8u

/* How many entries the association takes. */
size_t index_pairs(const struct association *a);

/* `local` and `paths` are the association's own, `.count` of its ranges. */
void index_add_pairs(struct index *x, const struct association *a, const struct address *local,
                     const struct path *paths, uint32_t element);

/* Walks the elements that may share a pair with the association, some of them more than once. *pair and
 * *cursor start as 0. */
bool index_next_pair(const struct index *x, const struct association *a, const struct address *local,
                     const struct path *paths, size_t *pair, size_t *cursor, uint32_t *ret);
