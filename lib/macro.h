/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Cleanup by scope: a variable marked so is released when its block is left, by whatever way. */
#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))

#define DEFINE_CLEANUP(type, func)                      \
        static inline void func##_p(type *p) {          \
                if (*p)                                 \
                        func(*p);                       \
        }

static inline void free_p(void *p) {
        free(*(void **) p);
}

static inline void close_p(const int *fd) {
        if (*fd >= 0)
                (void) close(*fd);
}

DEFINE_CLEANUP(FILE *, fclose)

#define _cleanup_free_ _cleanup_(free_p)
#define _cleanup_close_ _cleanup_(close_p)
#define _cleanup_fclose_ _cleanup_(fclose_p)

/* Hands the value on and forgets it here, so that the cleanup finds nothing to release. */
#define steal_ptr(p)                                    \
        ({                                              \
                __typeof__(p) _stolen = (p);            \
                (p) = NULL;                             \
                _stolen;                                \
        })

static inline int steal_fd(int *fd) {
        int stolen = *fd;

        *fd = -EBADF;
        return stolen;
}

#define ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))
#define CMP(a, b) (((a) > (b)) - ((a) < (b)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)
