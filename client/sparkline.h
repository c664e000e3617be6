/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A row of numbers as a row of characters. */

/* Not known: a gap. */
#define SPARKLINE_ABSENT INT64_MIN
/* Bytes of one character at most. */
#define SPARKLINE_BYTES 3u

/* One character for each value, as high as it is between 0 and the greatest of them: U+2581 to U+2588, or ASCII. Only
 * what is 0 (or less) is as low as 0. `buffer` has room for SPARKLINE_BYTES each and the NUL. */
void sparkline(const int64_t *values, size_t n, bool utf8, char *buffer);
