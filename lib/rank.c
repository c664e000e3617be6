/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "macro.h"
#include "rank.h"

/* By one byte at a time, from the lowest one on; most of them are the same in all. */
int rank_sort(struct rank *ranks, size_t n) {
        _cleanup_free_ struct rank *spare = NULL;
        struct rank *from = ranks, *to;
        uint64_t differing = 0;

        for (size_t i = 1; i < n; i++)
                differing |= ranks[i].number ^ ranks[0].number;
        if (differing == 0)
                return 0;
        to = spare = reallocarray(NULL, n, sizeof(*spare));
        if (!spare)
                return -ENOMEM;
        for (unsigned shift = 0; shift < 64; shift += 8) {
                size_t first[UINT8_MAX + 2] = {};

                if ((uint8_t) (differing >> shift) == 0)
                        continue;
                for (size_t i = 0; i < n; i++)
                        first[(uint8_t) (from[i].number >> shift) + 1]++;
                for (size_t i = 1; i <= UINT8_MAX; i++)
                        first[i] += first[i - 1];
                for (size_t i = 0; i < n; i++)
                        to[first[(uint8_t) (from[i].number >> shift)]++] = from[i];
                from = to;
                to = from == spare ? ranks : spare;
        }

        if (from != ranks)
                memcpy(ranks, from, n * sizeof(*ranks));
        return 0;
}
