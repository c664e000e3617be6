/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "varlink.h"

static int take_text(const char *text, size_t length, struct message **ret) {
        struct message *m = malloc(sizeof(*m) + length);

        if (!m)
                return -ENOMEM;
        *m = (struct message) { .refs = 1, .length = length };
        memcpy(m->text, text, length);
        *ret = m;
        return 0;
}

int message_new(json_t *parameters, const char *error, bool continues, struct message **ret) {
        _cleanup_free_ char *text = NULL;
        size_t length;
        int r;

        r = varlink_reply_format(parameters, error, continues, &text, &length);
        json_decref(parameters);
        return r < 0 ? r : take_text(text, length, ret);
}

void message_begin(struct buffer *text, const char *member) {
        text->length = 0;
        buffer_puts(text, "{\"parameters\":{\"");
        buffer_puts(text, member);
        buffer_puts(text, "\":");
}

int message_end(struct buffer *text, struct message **ret) {
        static const char end[] = "},\"continues\":true}";

        buffer_put(text, end, sizeof(end));
        if (text->failed) {
                buffer_done(text);
                return -ENOMEM;
        }
        return take_text(text->data, text->length, ret);
}

struct message *message_ref(struct message *m) {
        m->refs++;
        return m;
}

struct message *message_unref(struct message *m) {
        if (m && --m->refs == 0)
                free(m);

        return NULL;
}

size_t message_size(const struct message *m) {
        return sizeof(*m) + m->length;
}
