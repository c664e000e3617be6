/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "cells.h"
#include "explain.h"
#include "json.h"
#include "source.h"
#include "writer.h"

/* The first sentence, so that a line fits a terminal: `sctpctl explain` says more. */
static int meaning_length(const struct explanation *e) {
        const char *end = strstr(e->text, ". ");

        return end ? (int) (end - e->text) : (int) strcspn(e->text, ".");
}

/* A counter that never moved is in the background. */
static enum style style_of(json_t *row) {
        return member_int(row, "value") == 0 ? STYLE_DIM : STYLE_PLAIN;
}

static void cell_name(struct grid *g, json_t *row) {
        grid_put(g, style_of(row), "%s", member_string(row, "name"));
}

static void cell_value(struct grid *g, json_t *row) {
        grid_put(g, style_of(row), "%" JSON_INTEGER_FORMAT, member_int(row, "value"));
}

static void cell_meaning(struct grid *g, json_t *row) {
        const struct explanation *e;
        size_t cursor = 0;

        e = explain_find(member_string(row, "name"), &cursor);
        if (e && strcmp(e->subject, "counter") == 0)
                grid_put(g, style_of(row), "%.*s", meaning_length(e), e->text);
}

static const struct column columns[] = {
        { .title = "NAME", .render = cell_name },
        { .title = "VALUE", .render = cell_value, .right = true },
        { .title = "MEANING", .render = cell_meaning },
};

static enum code print_table(const struct options *o, json_t *counters) {
        _cleanup_(writer_free_p) struct writer *w = NULL;
        const char *name;
        json_t *value;
        int r = 0;

        w = writer_new(o, WRITER_LIST, columns, ELEMENTS(columns));
        if (!w)
                return say_out_of_memory();
        json_object_foreach(counters, name, value) {
                _cleanup_(json_decref_p) json_t *row = NULL;

                row = json_pack("{s:s, s:O}", "name", name, "value", value);
                r = row ? writer_object(w, row) : -ENOMEM;
                if (r < 0)
                        break;
        }
        if (r >= 0)
                r = writer_finish(w, NULL);
        return r == -ENOMEM ? say_out_of_memory() : CODE_DONE;
}

enum code verb_stats(const struct options *o) {
        _cleanup_(json_decref_p) json_t *counters = NULL;
        enum code code;

        if (o->raw)
                return source_raw(o, SOURCE_SNMP);

        code = source_counters(o, &counters);
        if (code != CODE_DONE)
                return code;
        if (o->output == OUTPUT_TABLE)
                return print_table(o, json_object_get(counters, "counters"));
        return writer_document(o, counters) == -ENOMEM ? say_out_of_memory() : CODE_DONE;
}
