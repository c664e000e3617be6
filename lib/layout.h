/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <fcntl.h>

#include "snapshot.h"

/* What the maker and the reader of a snapshot's block agree on, and nobody else needs. */

/* "SCTPMON" and the sizes of the structures: a block of another layout is not taken for ours. */
#define SNAPSHOT_MAGIC                                                                          \
        (UINT64_C(0x5343545000000000) ^ (uint64_t) sizeof(struct snapshot_head) << 24 ^         \
         (uint64_t) sizeof(struct association) << 12 ^ (uint64_t) sizeof(struct endpoint) << 4 ^ \
         (uint64_t) sizeof(struct path) ^ (uint64_t) sizeof(struct netns) << 32 ^ \
         (uint64_t) sizeof(struct process) << 40 ^ (uint64_t) sizeof(struct happening) << 48)

#define SNAPSHOT_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define SNAPSHOT_SEAL_TRIES_MAX 5u

/* What nobody has mapped to write is sealed, or a negative errno. */
int snapshot_seal(int fd);
