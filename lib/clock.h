/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>
#include <time.h>

#include "macro.h"

static inline uint64_t clock_usec(clockid_t clock) {
        struct timespec ts;

        (void) clock_gettime(clock, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

/* The running kernel's tick: CLOCK_MONOTONIC_COARSE moves by one jiffy. 0 if it does not say. */
static inline uint64_t clock_hz(void) {
        struct timespec ts;

        if (clock_getres(CLOCK_MONOTONIC_COARSE, &ts) < 0 || ts.tv_sec != 0 || ts.tv_nsec <= 0)
                return 0;
        return (UINT64_C(1000000000) + (uint64_t) ts.tv_nsec / 2) / (uint64_t) ts.tv_nsec;
}
