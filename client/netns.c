/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cells.h"
#include "list.h"

static void cell_own(struct grid *g, json_t *row) {
        if (json_is_true(json_object_get(row, "own")))
                grid_put(g, STYLE_PLAIN, "*");
}

/* Why it could not be looked into. */
static void cell_error(struct grid *g, json_t *row) {
        const char *error = member_string(row, "error");

        if (error[0])
                grid_put(g, STYLE_WARNING, "%s", error);
        else if (json_is_false(json_object_get(row, "sctpAvailable")))
                grid_put(g, STYLE_WARNING, "no SCTP in it");
}

static const struct column columns[] = {
        { .title = "NETNS", .member = "netns", .right = true },
        { .title = "NAME", .member = "netnsName" },
        { .title = "CONTAINER", .member = "container", .drop = 1, .when = WHEN_KNOWN },
        { .title = "PID", .member = "pid", .right = true, .drop = 3 },
        { .title = "OWN", .render = cell_own, .drop = 2 },
        { .title = "EPS", .member = "endpoints", .right = true },
        { .title = "ASSOCS", .member = "associations", .right = true },
        { .title = "ERROR", .render = cell_error, .when = WHEN_KNOWN },
};

static const char *no_state(int state) {
        (void) state;
        return NULL;
}

enum code verb_netns(const struct options *o) {
        static const struct list list = {
                .listing = &listing_namespaces,
                .columns = columns,
                .n_columns = ELEMENTS(columns),
                .state_name = no_state,
                .singular = "network namespace",
                .plural = "network namespaces",
        };

        return list_run(o, &list);
}
