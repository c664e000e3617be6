/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cells.h"
#include "list.h"
#include "writer.h"

struct run {
        const struct options *options;
        const struct list *list;
        struct writer *writer;
        struct totals totals;
};

static int handle_row(json_t *row, void *userdata) {
        struct run *run = userdata;

        totals_count(&run->totals, row, +1);
        return writer_object(run->writer, row);
}

static int handle(json_t *object, void *userdata) {
        struct run *run = userdata;

        return run->list->expand ? run->list->expand(run->options, object, handle_row, run) : handle_row(object, run);
}

static int handle_text(const char *text, size_t length, void *userdata) {
        struct run *run = userdata;

        run->totals.total++;
        return writer_text(run->writer, text, length);
}

enum code list_run(const struct options *o, const struct list *list) {
        _cleanup_(writer_free_p) struct writer *writer = NULL;
        _cleanup_free_ char *legend = NULL;
        struct run run = { .options = o, .list = list, .totals.state_name = list->state_name };
        enum code code;
        int r;

        if (o->raw)
                return source_raw(o, list->listing->table);

        run.writer = writer = writer_new(o, WRITER_LIST, list->columns, list->n_columns);
        if (!writer)
                return say_out_of_memory();
        code = source_list(o, list->listing, handle,
                           writer_takes_text(writer) && !list->expand ? handle_text : NULL, &run);
        if (code != CODE_DONE)
                return code;
        legend = totals_text(&run.totals, list->singular, list->plural);
        r = legend ? writer_finish(writer, legend) : -ENOMEM;
        if (r == -ENOMEM)
                return say_out_of_memory();

        if (run.totals.total == 0 && options_filtered(o)) {
                say("No %s matches.", list->singular);
                return CODE_NOT_THERE;
        }
        return CODE_DONE;
}
