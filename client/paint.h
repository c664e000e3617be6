/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <curses.h>

#include "grid.h"

/* How text gets onto the screen of the live view. */

/* To be called when the screen is open. Without colour there are bold and dim text. */
void paint_open(bool color);
/* Whether the terminal takes more than ASCII. */
bool paint_utf8(void);

attr_t paint_style(enum style style);
/* Of a row that is new ('+'), changed ('~') or gone ('-'): just now, or some seconds ago. */
attr_t paint_mark(char mark, bool fresh);

/* A grid_emit whose userdata is a pen. Never writes beyond the edge; what the terminal cannot show becomes a question
 * mark. */
struct pen {
        attr_t all;             /* of the whole line */
        int left;               /* columns until the right edge */
};

void paint_emit(const char *text, size_t length, enum style style, void *userdata);

/* A line from its left edge. */
void paint_line(int y, attr_t attribute, const char *text);
