/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <langinfo.h>
#include <string.h>
#include <wchar.h>

#include "paint.h"

enum pair {
        PAIR_WARNING = 1,
        PAIR_TROUBLE,
        PAIR_NEW,
        PAIR_CHANGED,
};

static attr_t styles[_STYLES];
static bool colors, utf8;

void paint_open(bool color) {
        utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
        styles[STYLE_HEADER] = styles[STYLE_WARNING] = styles[STYLE_TROUBLE] = A_BOLD;
        styles[STYLE_DIM] = A_DIM;
        colors = color && has_colors() && start_color() != ERR && use_default_colors() != ERR;
        if (!colors)
                return;
        (void) init_pair(PAIR_WARNING, COLOR_YELLOW, -1);
        (void) init_pair(PAIR_TROUBLE, COLOR_RED, -1);
        (void) init_pair(PAIR_NEW, COLOR_GREEN, -1);
        (void) init_pair(PAIR_CHANGED, COLOR_CYAN, -1);
        styles[STYLE_WARNING] = COLOR_PAIR(PAIR_WARNING);
        styles[STYLE_TROUBLE] = COLOR_PAIR(PAIR_TROUBLE) | A_BOLD;
}

bool paint_utf8(void) {
        return utf8;
}

attr_t paint_style(enum style style) {
        return styles[style];
}

attr_t paint_mark(char mark, bool fresh) {
        enum pair pair = mark == '+' ? PAIR_NEW : mark == '-' ? PAIR_TROUBLE : PAIR_CHANGED;

        if (!mark)
                return A_NORMAL;
        return (fresh ? A_BOLD : A_DIM) | (colors ? COLOR_PAIR(pair) : 0);
}

static size_t ascii(const char *text, size_t length) {
        size_t n = 0;

        while (n < length && text[n] >= ' ' && text[n] <= '~')
                n++;
        return n;
}

/* Bytes of the character at the start. Width -1: not for this terminal. */
static size_t character(const char *text, size_t length, int *ret_width) {
        mbstate_t state = {};
        wchar_t wide;
        size_t n = 1;

        while (n < length && ((unsigned char) text[n] & 0xc0) == 0x80)
                n++;
        *ret_width = mbrtowc(&wide, text, n, &state) == n ? wcwidth(wide) : -1;
        return n;
}

void paint_emit(const char *text, size_t length, enum style style, void *userdata) {
        struct pen *pen = userdata;
        attr_t own = styles[style];

        (void) attrset((int) (own | (PAIR_NUMBER(own) ? pen->all & ~A_COLOR : pen->all)));
        while (length > 0 && pen->left > 0) {
                size_t n = MIN(ascii(text, length), (size_t) pen->left);
                int width = (int) n;

                if (n > 0)
                        (void) addnstr(text, width);
                else {
                        n = character(text, length, &width);
                        if (width > pen->left)
                                break;
                        (void) addnstr(width < 0 ? "?" : text, width < 0 ? 1 : (int) n);
                        width = width < 0 ? 1 : width;
                }
                pen->left -= width;
                text += n;
                length -= n;
        }
        (void) attrset(A_NORMAL);
}

void paint_line(int y, attr_t attribute, const char *text) {
        struct pen pen = { .all = attribute, .left = COLS };

        (void) move(y, 0);
        paint_emit(text, strlen(text), STYLE_PLAIN, &pen);
}
