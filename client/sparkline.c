/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "macro.h"
#include "sparkline.h"

#define LEVELS 8

static int level_of(int64_t value, int64_t greatest) {
        double height = value > 0 ? (double) value * (LEVELS - 1) / (double) greatest : 0;
        int level = (int) height;

        /* Upwards, so that a little is seen to be more than nothing. */
        return MIN(level + (height > level), LEVELS - 1);
}

void sparkline(const int64_t *values, size_t n, bool utf8, char *buffer) {
        static const char *const blocks[LEVELS] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" },
                *const ascii[LEVELS] = { "_", ".", ":", "-", "=", "+", "*", "#" };
        int64_t greatest = 0;

        for (size_t i = 0; i < n; i++)
                greatest = MAX(greatest, values[i]);
        for (size_t i = 0; i < n; i++) {
                const char *character = values[i] == SPARKLINE_ABSENT ? " " :
                        (utf8 ? blocks : ascii)[level_of(values[i], greatest)];

                buffer = stpcpy(buffer, character);
        }
        *buffer = '\0';
}
