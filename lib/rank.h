/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Rows by a number, which a sort puts in order in linear time. */
struct rank {
        uint64_t number;
        uint64_t key;                   /* the caller's */
        uint32_t row;
};

/* Those of the same number stay as they were. -ENOMEM. */
int rank_sort(struct rank *ranks, size_t n);
