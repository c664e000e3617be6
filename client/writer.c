/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/ioctl.h>

#include "pager.h"
#include "text.h"
#include "writer.h"

struct writer_ops {
        int (*object)(struct writer *w, json_t *object);
        int (*finish)(struct writer *w, const char *legend);
};

struct writer {
        const struct writer_ops *ops;
        const struct options *options;
        struct grid *grid;
        bool begun;
};

static int output_error(void) {
        return ferror(stdout) ? -EPIPE : 0;
}

/* A terminal may obey C1 control characters, which JSON does not escape. */
static size_t json_flags(const struct options *o) {
        return (o->output == OUTPUT_JSON_PRETTY ? JSON_INDENT(2) : JSON_COMPACT) |
               (o->terminal ? JSON_ENSURE_ASCII : 0);
}

static int dump(json_t *object, size_t flags, const char *indent) {
        _cleanup_free_ char *text = NULL;
        char *line;

        text = json_dumps(object, flags);
        if (!text)
                return -ENOMEM;
        /* Line feeds inside strings are escaped: those here are the layout's. */
        for (char *rest = text; (line = strsep(&rest, "\n"));)
                printf("%s%s%s", indent, line, rest ? "\n" : "");
        return output_error();
}

static void array_next(struct writer *w) {
        if (!w->begun)
                pager_open(w->options);
        (void) fputs(w->begun ? "," : "[", stdout);
        w->begun = true;
}

static int array_object(struct writer *w, json_t *object) {
        bool pretty = w->options->output == OUTPUT_JSON_PRETTY;

        array_next(w);
        if (pretty)
                printf("\n");
        return dump(object, json_flags(w->options), pretty ? "  " : "");
}

static int array_finish(struct writer *w, const char *legend) {
        bool pretty = w->options->output == OUTPUT_JSON_PRETTY;

        (void) legend;
        if (!w->begun)
                printf("[]\n");
        else
                printf("%s]\n", pretty ? "\n" : "");
        return output_error();
}

static int stream_object(struct writer *w, json_t *object) {
        int r;

        r = dump(object, JSON_COMPACT | (json_flags(w->options) & JSON_ENSURE_ASCII), "");
        if (r < 0)
                return r;
        printf("\n");
        (void) fflush(stdout);
        return output_error();
}

static int stream_finish(struct writer *w, const char *legend) {
        (void) w;
        (void) legend;
        return output_error();
}

static int table_object(struct writer *w, json_t *object) {
        return grid_add(w->grid, object);
}

static void emit(const char *text, size_t length, enum style style, void *userdata) {
        writer_style(userdata, text, length, style);
}

static int table_finish(struct writer *w, const char *legend) {
        void *o = (void *) w->options;
        bool narrow;

        narrow = grid_fit(w->grid, writer_width(w->options), false);
        pager_open(w->options);
        if (w->options->legend) {
                grid_draw_header(w->grid, emit, o);
                printf("\n");
        }
        for (size_t row = 0; row < grid_rows(w->grid); row++)
                for (size_t line = 0; line < grid_row_lines(w->grid, row); line++) {
                        grid_draw_line(w->grid, row, line, emit, o);
                        printf("\n");
                }
        if (w->options->terminal && w->options->legend && (legend || narrow))
                printf("\n%s%s\n", legend ?: "", narrow ? legend ? " (more with --wide)" : "(more with --wide)" : "");
        return output_error();
}

static const struct writer_ops array_ops = { .object = array_object, .finish = array_finish };
static const struct writer_ops stream_ops = { .object = stream_object, .finish = stream_finish };
static const struct writer_ops table_ops = { .object = table_object, .finish = table_finish };

struct writer *writer_new(const struct options *o, enum writer_kind kind,
                          const struct column *columns, size_t n_columns) {
        _cleanup_(writer_free_p) struct writer *w = NULL;

        w = calloc(1, sizeof(*w));
        if (!w)
                return NULL;
        w->options = o;
        if (kind == WRITER_STREAM)
                w->ops = &stream_ops;
        else if (o->output != OUTPUT_TABLE)
                w->ops = &array_ops;
        else {
                w->ops = &table_ops;
                w->grid = grid_new(columns, n_columns, o->terminal ? LAYOUT_STACKED : LAYOUT_JOINED, o);
                if (!w->grid)
                        return NULL;
        }
        return steal_ptr(w);
}

struct writer *writer_free(struct writer *w) {
        if (!w)
                return NULL;
        grid_free(w->grid);
        free(w);
        return NULL;
}

bool writer_takes_text(const struct writer *w) {
        return w->ops == &array_ops && w->options->output == OUTPUT_JSON_SHORT && !w->options->terminal;
}

int writer_text(struct writer *w, const char *text, size_t length) {
        array_next(w);
        (void) fwrite(text, 1, length, stdout);
        return output_error();
}

int writer_object(struct writer *w, json_t *object) {
        return w->ops->object(w, object);
}

int writer_finish(struct writer *w, const char *legend) {
        return w->ops->finish(w, legend);
}

int writer_document(const struct options *o, json_t *object) {
        int r;

        pager_open(o);
        r = dump(object, json_flags(o), "");
        if (r < 0)
                return r;
        printf("\n");
        return output_error();
}

void writer_style(const struct options *o, const char *text, size_t length, enum style style) {
        static const char *const sequences[_STYLES] = {
                [STYLE_PLAIN] = "",
                [STYLE_HEADER] = "\x1b[1m",
                [STYLE_DIM] = "\x1b[2m",
                [STYLE_WARNING] = "\x1b[33m",
                [STYLE_TROUBLE] = "\x1b[1;31m",
        };
        bool styled = o->color && style != STYLE_PLAIN;

        if (styled)
                (void) fputs(sequences[style], stdout);
        (void) fwrite(text, 1, length, stdout);
        if (styled)
                (void) fputs("\x1b[0m", stdout);
}

unsigned writer_width(const struct options *o) {
        const char *columns = getenv("COLUMNS");
        struct winsize size;
        uint64_t n;

        if (!o->terminal || o->wide)
                return 0;
        if (columns && text_to_u64(columns, strlen(columns), 10, UINT16_MAX, &n) >= 0 && n > 0)
                return (unsigned) n;
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) >= 0 && size.ws_col > 0)
                return size.ws_col;
        return 80;
}
