/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "plain.h"
#include "text.h"

char *plain_vformat(const char *format, va_list ap) {
        _cleanup_free_ char *text = NULL;
        int length;

        length = vasprintf(&text, format, ap);
        if (length < 0) {
                text = NULL;
                return NULL;
        }
        /* Backslashes alone do no harm, and are mostly of text that was escaped before. */
        for (const char *p = text; *p; p++)
                if (*p < ' ' || *p > '~')
                        return text_escape(text, (size_t) length);
        return steal_ptr(text);
}

char *plain_format(const char *format, ...) {
        char *text;
        va_list ap;

        va_start(ap, format);
        text = plain_vformat(format, ap);
        va_end(ap);
        return text;
}

/* A character begins with a byte that continues none. */
static bool begins(char c) {
        return ((unsigned char) c & 0xc0) != 0x80;
}

unsigned plain_width(const char *text, size_t length) {
        unsigned width = 0;

        for (size_t i = 0; i < length; i++)
                width += begins(text[i]);
        return width;
}

size_t plain_cut(const char *text, size_t length, unsigned width) {
        for (size_t i = 0; i < length; i++)
                if (begins(text[i]) && width-- == 0)
                        return i;
        return length;
}
