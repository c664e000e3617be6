/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <string.h>

#include "page.h"
#include "plain.h"
#include "writer.h"

/* Text is not made narrower than this. */
#define PAGE_TEXT_MIN 20u

void page_line(const struct options *o, enum style style, const char *key, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, format);
        text = plain_vformat(format, ap);
        va_end(ap);
        printf("%*s%c ", PAGE_KEY_WIDTH, key ?: "", key ? ':' : ' ');
        writer_style(o, text ?: "", strlen(text ?: ""), style);
        printf("\n");
}

void page_text(const struct options *o, const char *key, const char *text) {
        size_t width = writer_width(o), room;

        room = width > PAGE_KEY_WIDTH + 2 + PAGE_TEXT_MIN ? width - PAGE_KEY_WIDTH - 2 :
                width > 0 ? PAGE_TEXT_MIN : SIZE_MAX;
        while (*text) {
                size_t length = strlen(text), n = length;

                if (length > room) {
                        for (n = room; n > 0 && text[n] != ' '; n--)
                                ;
                        n = n > 0 ? n : strcspn(text, " ");
                }
                page_line(o, STYLE_PLAIN, key, "%.*s", (int) n, text);
                key = NULL;
                text += n + strspn(text + n, " ");
        }
}
