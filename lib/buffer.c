/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "buffer.h"
#include "macro.h"

void buffer_done(struct buffer *b) {
        free(b->data);
        *b = (struct buffer) {};
}

void buffer_put(struct buffer *b, const char *data, size_t length) {
        if (b->failed)
                return;
        if (length > b->allocated - b->length) {
                size_t more = MAX(b->allocated * 2, b->length + MAX(length, (size_t) 4096));
                char *bigger = realloc(b->data, more);

                if (!bigger) {
                        b->failed = true;
                        return;
                }
                b->data = bigger;
                b->allocated = more;
        }

        memcpy(b->data + b->length, data, length);
        b->length += length;
}

void buffer_puts(struct buffer *b, const char *text) {
        buffer_put(b, text, strlen(text));
}
