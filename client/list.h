/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grid.h"
#include "source.h"

/* What verbs that list have in common. */
struct list {
        const struct listing *listing;
        const struct column *columns;
        size_t n_columns;
        const char *(*state_name)(int state);
        const char *singular, *plural;
        /* Makes rows of an object, calling `row` for each; NULL: it is one. */
        int (*expand)(const struct options *o, json_t *object, source_handler row, void *userdata);
};

enum code list_run(const struct options *o, const struct list *list);
