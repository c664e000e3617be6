/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* A text that grows. Zero-initialised. When memory is out it is `failed` and takes no more: asked for once, at
 * the end. */
struct buffer {
        char *data;                     /* not NUL-terminated */
        size_t length, allocated;
        bool failed;
};

void buffer_done(struct buffer *b);

/* Makes room; false: it has failed. */
bool buffer_grow(struct buffer *b, size_t length);

/* Rows consist of many short pieces. */
static inline void buffer_put(struct buffer *b, const char *data, size_t length) {
        if (length >= b->allocated - b->length && !buffer_grow(b, length))
                return;

        memcpy(b->data + b->length, data, length);
        b->length += length;
}

/* Room for so many characters at the end: the caller puts them there and adds to `length` how many they were. NULL: it has
 * failed. */
static inline char *buffer_room(struct buffer *b, size_t length) {
        if (length >= b->allocated - b->length && !buffer_grow(b, length))
                return NULL;

        return b->data + b->length;
}

static inline void buffer_puts(struct buffer *b, const char *text) {
        buffer_put(b, text, strlen(text));
}

static inline void buffer_putc(struct buffer *b, char c) {
        if (b->length == b->allocated && !buffer_grow(b, 1))
                return;

        b->data[b->length++] = c;
}
