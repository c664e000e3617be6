/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "macro.h"

/* A table of text: cells made from JSON objects, laid out in columns. A cell holds any number of
 * lines, several addresses for instance. */

enum style {
        STYLE_PLAIN,
        STYLE_HEADER,
        STYLE_DIM,
        STYLE_WARNING,
        STYLE_TROUBLE,
        _STYLES,
};

enum layout {
        LAYOUT_STACKED,         /* lines of a cell one under the other: for a terminal */
        LAYOUT_JOINED,          /* in one line with commas, all columns, nothing cut: for a pipe */
        LAYOUT_FIRST,           /* the first line, and "+2" for the others: for the live view */
};

enum when {
        WHEN_ALWAYS,
        WHEN_TERMINAL,
        WHEN_WIDE,              /* in a pipe, and where the width does not matter */
        WHEN_DIFFERENT,         /* if not all rows have the same */
        WHEN_KNOWN,             /* if any row has something there */
};

struct grid;

struct column {
        const char *title;
        const char *member;     /* of the object, shown as it is, where there is no render() */
        void (*render)(struct grid *g, json_t *object);         /* calls grid_put() for each line */
        const char *sort;       /* the number that its order goes by where the text's would not do */
        bool right;             /* aligned so */
        uint8_t drop;           /* when the terminal is too narrow the highest goes first; 0: stays */
        uint8_t when;           /* enum when */
};

/* `userdata` is for render(). */
struct grid *grid_new(const struct column *columns, size_t n_columns, enum layout layout, const void *userdata);
struct grid *grid_free(struct grid *g);
DEFINE_CLEANUP(struct grid *, grid_free)

/* Forgets the rows. */
void grid_clear(struct grid *g);
size_t grid_rows(const struct grid *g);
size_t grid_columns(const struct grid *g);
enum layout grid_layout(const struct grid *g);
const void *grid_userdata(const struct grid *g);

/* Adds a row for the object. -ENOMEM. */
int grid_add(struct grid *g, json_t *object);

/* The cells of one object in these columns (bits) as they are, a line each; malloc'ed. Forgets the rows. */
char *grid_text(struct grid *g, uint64_t columns, json_t *object);

/* Adds a line to the cell that is being rendered; escaped, so that a terminal takes no harm. */
void grid_put(struct grid *g, enum style style, const char *format, ...) _printf_(3, 4);

/* Puts a sign behind the title of one column. No such column: behind none. */
void grid_mark(struct grid *g, size_t column, const char *sign);

/* Measures the columns for lines of at most `width` (0: any). Returns whether columns were left out
 * or cells must be cut. With `keep` no column becomes narrower than it was before, and none that was wanted
 * for what it held is unwanted now. */
bool grid_fit(struct grid *g, unsigned width, bool keep);
/* Whether it is not left out. */
bool grid_shows(const struct grid *g, size_t column);

/* Gives out the text piece by piece, after grid_fit(). The text is not NUL-terminated. */
typedef void (*grid_emit)(const char *text, size_t length, enum style style, void *userdata);

void grid_draw_header(const struct grid *g, grid_emit emit, void *userdata);
/* A row is as many lines as its highest cell. */
size_t grid_row_lines(const struct grid *g, size_t row);
void grid_draw_line(const struct grid *g, size_t row, size_t line, grid_emit emit, void *userdata);
