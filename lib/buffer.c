/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "buffer.h"
#include "macro.h"

void buffer_done(struct buffer *b) {
        free(b->data);
        *b = (struct buffer) {};
}

bool buffer_grow(struct buffer *b, size_t length) {
        size_t more = MAX(b->allocated * 2, b->length + MAX(length + 1, (size_t) 4096));
        char *bigger = b->failed ? NULL : realloc(b->data, more);

        if (!bigger) {
                /* From now on there is no room for anything. */
                b->failed = true;
                b->allocated = b->length;
                return false;
        }

        b->data = bigger;
        b->allocated = more;
        return true;
}
