/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A text that grows. Zero-initialised. When memory is out it is `failed` and takes no more: asked for once, at
 * the end. */
struct buffer {
        char *data;                     /* not NUL-terminated */
        size_t length, allocated;
        bool failed;
};

void buffer_done(struct buffer *b);

void buffer_put(struct buffer *b, const char *data, size_t length);
void buffer_puts(struct buffer *b, const char *text);
