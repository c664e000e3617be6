/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "grid.h"
#include "plain.h"

#define GAP 2u
/* A cell that must be cut keeps this much. */
#define CUT_WIDTH_MIN 8u

struct line {
        size_t text;            /* offset */
        uint32_t length;
        uint32_t width;
        enum style style;
};

struct grid {
        const struct column *columns;
        size_t n_columns;
        enum layout layout;
        const void *userdata;
        size_t marked;          /* column */
        const char *sign;       /* behind its title */

        char *text;
        size_t text_used, text_allocated;
        struct line *lines;
        size_t n_lines, lines_allocated;
        size_t *cells;          /* the first line of each cell, row after row */
        size_t n_cells, cells_allocated;
        int error;

        struct {
                unsigned width;
                bool wanted, hidden;
        } *shape;
};

struct grid *grid_new(const struct column *columns, size_t n_columns, enum layout layout, const void *userdata) {
        _cleanup_(grid_free_p) struct grid *g = NULL;

        g = calloc(1, sizeof(*g));
        if (!g)
                return NULL;
        g->shape = calloc(n_columns, sizeof(*g->shape));
        if (!g->shape)
                return NULL;
        g->columns = columns;
        g->n_columns = n_columns;
        g->layout = layout;
        g->userdata = userdata;
        g->marked = n_columns;
        return steal_ptr(g);
}

struct grid *grid_free(struct grid *g) {
        if (!g)
                return NULL;
        free(g->text);
        free(g->lines);
        free(g->cells);
        free(g->shape);
        free(g);
        return NULL;
}

void grid_clear(struct grid *g) {
        g->text_used = g->n_lines = g->n_cells = 0;
        g->error = 0;
}

size_t grid_rows(const struct grid *g) {
        return g->n_cells / g->n_columns;
}

size_t grid_columns(const struct grid *g) {
        return g->n_columns;
}

enum layout grid_layout(const struct grid *g) {
        return g->layout;
}

const void *grid_userdata(const struct grid *g) {
        return g->userdata;
}

static int reserve(void *array, size_t size, size_t needed, size_t *allocated) {
        void **p = array, *q;
        size_t n;

        if (needed <= *allocated)
                return 0;
        n = MAX(needed, MAX(*allocated * 2, (size_t) 64));
        q = reallocarray(*p, n, size);
        if (!q)
                return -ENOMEM;
        *p = q;
        *allocated = n;
        return 0;
}

static int put_text(struct grid *g, enum style style, const char *text) {
        size_t length = strlen(text);
        int r;

        r = reserve(&g->text, 1, g->text_used + length, &g->text_allocated);
        if (r >= 0)
                r = reserve(&g->lines, sizeof(*g->lines), g->n_lines + 1, &g->lines_allocated);
        if (r < 0)
                return r;
        if (length > 0)
                memcpy(g->text + g->text_used, text, length);
        g->lines[g->n_lines++] = (struct line) {
                .text = g->text_used,
                .length = (uint32_t) length,
                .width = plain_width(text, length),
                .style = style,
        };
        g->text_used += length;
        return 0;
}

void grid_put(struct grid *g, enum style style, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, format);
        text = plain_vformat(format, ap);
        va_end(ap);
        if (!text || put_text(g, style, text) < 0)
                g->error = -ENOMEM;
}

static void put_member(struct grid *g, json_t *value) {
        if (json_is_string(value))
                grid_put(g, STYLE_PLAIN, "%s", json_string_value(value));
        else if (json_is_integer(value))
                grid_put(g, STYLE_PLAIN, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
}

static int add_cell(struct grid *g, const struct column *column, json_t *object) {
        size_t first = g->n_lines;

        if (reserve(&g->cells, sizeof(*g->cells), g->n_cells + 1, &g->cells_allocated) < 0)
                return -ENOMEM;
        g->cells[g->n_cells++] = first;
        if (column->render)
                column->render(g, object);
        else
                put_member(g, json_object_get(object, column->member));
        if (g->n_lines == first)
                grid_put(g, STYLE_PLAIN, "-");
        return g->error;
}

int grid_add(struct grid *g, json_t *object) {
        int r = 0;

        for (size_t i = 0; i < g->n_columns && r >= 0; i++)
                r = add_cell(g, g->columns + i, object);
        return r;
}

char *grid_text(struct grid *g, uint64_t columns, json_t *object) {
        char *text, *p;
        int r = 0;

        grid_clear(g);
        for (size_t i = 0; i < g->n_columns && r >= 0; i++)
                if (columns >> i & 1)
                        r = add_cell(g, g->columns + i, object);
        text = p = r < 0 ? NULL : malloc(g->text_used + g->n_lines + 1);
        if (!text)
                return NULL;
        for (size_t i = 0; i < g->n_lines; i++) {
                if (i > 0)
                        *p++ = '\n';
                memcpy(p, g->text + g->lines[i].text, g->lines[i].length);
                p += g->lines[i].length;
        }
        *p = '\0';
        grid_clear(g);
        return text;
}

void grid_mark(struct grid *g, size_t column, const char *sign) {
        g->marked = column;
        g->sign = sign;
}

static const struct line *cell_lines(const struct grid *g, size_t row, size_t column, size_t *ret_count) {
        size_t cell = row * g->n_columns + column;

        *ret_count = (cell + 1 < g->n_cells ? g->cells[cell + 1] : g->n_lines) - g->cells[cell];
        return g->lines + g->cells[cell];
}

/* "+3": what follows the first line */
static size_t more_text(size_t n, char buffer[static 24]) {
        return (size_t) snprintf(buffer, 24, " +%zu", n - 1);
}

static unsigned cell_width(const struct grid *g, size_t row, size_t column) {
        const struct line *lines;
        unsigned width = 0;
        char more[24];
        size_t n;

        lines = cell_lines(g, row, column, &n);
        switch (g->layout) {

        case LAYOUT_STACKED:
                for (size_t i = 0; i < n; i++)
                        width = MAX(width, lines[i].width);
                break;

        case LAYOUT_JOINED:
                for (size_t i = 0; i < n; i++)
                        width += lines[i].width + (i > 0);
                break;

        case LAYOUT_FIRST:
                width = lines[0].width + (n > 1 ? (unsigned) more_text(n, more) : 0);
                break;
        }
        return width;
}

static bool cell_equal(const struct grid *g, size_t a, size_t b, size_t column) {
        const struct line *la, *lb;
        size_t n, m;

        la = cell_lines(g, a, column, &n);
        lb = cell_lines(g, b, column, &m);
        if (n != m)
                return false;
        for (size_t i = 0; i < n; i++)
                if (la[i].length != lb[i].length ||
                    memcmp(g->text + la[i].text, g->text + lb[i].text, la[i].length) != 0)
                        return false;
        return true;
}

/* Of a cell in which nothing was put grid_add() makes a hyphen. */
static bool cell_empty(const struct grid *g, size_t row, size_t column) {
        const struct line *lines;
        size_t n;

        lines = cell_lines(g, row, column, &n);
        return n == 1 && lines->length == 1 && g->text[lines->text] == '-';
}

static bool column_wanted(const struct grid *g, size_t column, bool wide) {
        switch ((enum when) g->columns[column].when) {

        case WHEN_ALWAYS:
                return true;

        case WHEN_TERMINAL:
                return g->layout != LAYOUT_JOINED;

        case WHEN_WIDE:
                return wide;

        case WHEN_DIFFERENT:
                for (size_t row = 1; row < grid_rows(g); row++)
                        if (!cell_equal(g, 0, row, column))
                                return true;
                return false;

        case WHEN_KNOWN:
                for (size_t row = 0; row < grid_rows(g); row++)
                        if (!cell_empty(g, row, column))
                                return true;
                return false;
        }
        return true;
}

static unsigned total_width(const struct grid *g) {
        unsigned total = 0;

        for (size_t i = 0; i < g->n_columns; i++)
                if (!g->shape[i].hidden)
                        total += g->shape[i].width + (total > 0 ? GAP : 0);
        return total;
}

/* The title, and the sign behind it. */
static unsigned title_width(const struct grid *g, size_t column) {
        unsigned width = (unsigned) strlen(g->columns[column].title);

        return column == g->marked ? width + plain_width(g->sign, strlen(g->sign)) : width;
}

bool grid_shows(const struct grid *g, size_t column) {
        return !g->shape[column].hidden;
}

bool grid_fit(struct grid *g, unsigned width, bool keep) {
        bool narrow = false;

        for (size_t i = 0; i < g->n_columns; i++) {
                unsigned w = title_width(g, i);

                g->shape[i].wanted = column_wanted(g, i, width == 0) || (keep && g->shape[i].wanted);
                g->shape[i].hidden = !g->shape[i].wanted;
                for (size_t row = 0; row < grid_rows(g); row++)
                        w = MAX(w, cell_width(g, row, i));
                g->shape[i].width = keep ? MAX(w, g->shape[i].width) : w;
        }
        if (width == 0)
                return false;

        while (total_width(g) > width) {
                size_t victim = g->n_columns;

                for (size_t i = 0; i < g->n_columns; i++)
                        if (!g->shape[i].hidden && g->columns[i].drop > 0 &&
                            (victim == g->n_columns || g->columns[i].drop > g->columns[victim].drop))
                                victim = i;
                if (victim == g->n_columns)
                        break;
                g->shape[victim].hidden = narrow = true;
        }

        /* Nothing is left to leave out: cut the widest. Numbers stay whole. */
        while (total_width(g) > width) {
                size_t victim = g->n_columns;

                for (size_t i = 0; i < g->n_columns; i++)
                        if (!g->shape[i].hidden && !g->columns[i].right && g->shape[i].width > CUT_WIDTH_MIN &&
                            (victim == g->n_columns || g->shape[i].width > g->shape[victim].width))
                                victim = i;
                if (victim == g->n_columns)
                        break;
                g->shape[victim].width--;
                narrow = true;
        }
        return narrow;
}

size_t grid_row_lines(const struct grid *g, size_t row) {
        size_t height = 1, n;

        if (g->layout == LAYOUT_STACKED)
                for (size_t i = 0; i < g->n_columns; i++)
                        if (!g->shape[i].hidden) {
                                (void) cell_lines(g, row, i, &n);
                                height = MAX(height, n);
                        }
        return height;
}

/* Spaces are held back until text follows, so that no line ends in them. */
struct drawing {
        grid_emit emit;
        void *userdata;
        unsigned pending;
};

static void draw(struct drawing *d, const char *text, size_t length, enum style style) {
        static const char spaces[] = "                                ";

        if (length == 0)
                return;
        while (d->pending > 0) {
                unsigned n = MIN(d->pending, (unsigned) sizeof(spaces) - 1);

                d->emit(spaces, n, STYLE_PLAIN, d->userdata);
                d->pending -= n;
        }
        d->emit(text, length, style, d->userdata);
}

/* The middle goes: of an address with its port both ends matter. */
static void draw_cut(struct drawing *d, const char *text, size_t length, unsigned width, enum style style) {
        unsigned all = plain_width(text, length), tail = (width - 1) / 2;
        size_t end = plain_cut(text, length, all - tail);

        draw(d, text, plain_cut(text, length, width - 1 - tail), style);
        draw(d, "…", strlen("…"), style);
        draw(d, text + end, length - end, style);
}

void grid_draw_header(const struct grid *g, grid_emit emit, void *userdata) {
        struct drawing d = { .emit = emit, .userdata = userdata };
        bool first = true;

        for (size_t i = 0; i < g->n_columns; i++) {
                const char *title = g->columns[i].title;
                unsigned width = title_width(g, i), padding;
                size_t length = strlen(title);

                if (g->shape[i].hidden)
                        continue;
                d.pending += first ? 0 : GAP;
                first = false;
                if (g->shape[i].width < width) {
                        draw_cut(&d, title, length, g->shape[i].width, STYLE_HEADER);
                        continue;
                }
                padding = g->shape[i].width - width;
                d.pending += g->columns[i].right ? padding : 0;
                draw(&d, title, length, STYLE_HEADER);
                if (i == g->marked)
                        draw(&d, g->sign, strlen(g->sign), STYLE_HEADER);
                d.pending += g->columns[i].right ? 0 : padding;
        }
}

static void draw_cell(const struct grid *g, struct drawing *d, size_t row, size_t column, size_t line) {
        const struct line *lines;
        unsigned width = g->shape[column].width, used;
        char more[24];
        size_t n;

        lines = cell_lines(g, row, column, &n);
        if (g->layout == LAYOUT_STACKED) {
                if (line >= n) {
                        d->pending += width;
                        return;
                }
                lines += line;
                used = lines->width;
        } else
                used = cell_width(g, row, column);

        if (used > width) {
                unsigned room = width;

                if (g->layout == LAYOUT_FIRST && n > 1)
                        room -= MIN(width - 2, (unsigned) more_text(n, more));
                if (lines->width > room)
                        draw_cut(d, g->text + lines->text, lines->length, room, lines->style);
                else
                        draw(d, g->text + lines->text, lines->length, lines->style);
                if (room < width)
                        draw(d, more, strlen(more), STYLE_PLAIN);
                return;
        }

        d->pending += g->columns[column].right ? width - used : 0;
        draw(d, g->text + lines->text, lines->length, lines->style);
        if (g->layout == LAYOUT_JOINED)
                for (size_t i = 1; i < n; i++) {
                        draw(d, ",", 1, STYLE_PLAIN);
                        draw(d, g->text + lines[i].text, lines[i].length, lines[i].style);
                }
        else if (g->layout == LAYOUT_FIRST && n > 1)
                draw(d, more, more_text(n, more), STYLE_PLAIN);
        d->pending += g->columns[column].right ? 0 : width - used;
}

void grid_draw_line(const struct grid *g, size_t row, size_t line, grid_emit emit, void *userdata) {
        struct drawing d = { .emit = emit, .userdata = userdata };
        bool first = true;

        for (size_t i = 0; i < g->n_columns; i++) {
                if (g->shape[i].hidden)
                        continue;
                d.pending += first ? 0 : GAP;
                first = false;
                draw_cell(g, &d, row, i, line);
        }
}
