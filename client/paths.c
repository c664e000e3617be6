/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "cells.h"
#include "json.h"
#include "list.h"

static void cell_peer(struct grid *g, json_t *row) {
        cell_put_end(g, member_string(row, "address"), member_int(row, "peerPort"));
}

static void cell_primary(struct grid *g, json_t *row) {
        if (json_is_true(json_object_get(row, "primary")))
                grid_put(g, STYLE_PLAIN, "*");
}

static void cell_state(struct grid *g, json_t *row) {
        const char *state = member_string(row, "state");

        if (state[0])
                grid_put(g, path_style(state), "%s", state);
}

static const struct column columns[] = {
        { .title = "ID", .member = "associationId", .right = true },
        { .title = "PEER", .render = cell_peer },
        { .title = "PRI", .render = cell_primary, .drop = 1 },
        { .title = "STATE", .render = cell_state },
        { .title = "RTO", .render = cell_rto, .right = true, .drop = 2 },
        { .title = "SRTT", .render = cell_srtt, .right = true, .drop = 4 },
        { .title = "CWND", .member = "cwndBytes", .right = true, .drop = 5 },
        { .title = "FLIGHT", .member = "flightSizeBytes", .right = true, .drop = 8 },
        { .title = "MTU", .member = "mtuBytes", .right = true, .drop = 9 },
        { .title = "ERR", .member = "errorCount", .right = true, .drop = 3 },
        { .title = "HB", .render = cell_heartbeat, .right = true, .drop = 7 },
        { .title = "LOCAL", .member = "localPort", .right = true, .drop = 6 },
        { .title = "PROCESS", .render = cell_process, .drop = 10, .when = WHEN_KNOWN },
        { .title = "CONTAINER", .member = "container", .drop = 11, .when = WHEN_KNOWN },
        { .title = "NETNS", .render = cell_netns, .drop = 12, .when = WHEN_DIFFERENT },
};

/* What an association's path does not say itself. */
static int add_association(json_t *row, json_t *association, bool with_process) {
        static const char *const always[] = {
                "associationId", "netns", "netnsName", "container", "localPort", "peerPort",
        }, *const process[] = { "owners", "attachment" };
        size_t n = ELEMENTS(always) + (with_process ? ELEMENTS(process) : 0);

        for (size_t i = 0; i < n; i++) {
                const char *name = i < ELEMENTS(always) ? always[i] : process[i - ELEMENTS(always)];
                json_t *value = json_object_get(association, name);

                if (value && json_object_set(row, name, value) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int expand(const struct options *o, json_t *association, source_handler handler, void *userdata) {
        json_t *path;
        size_t i;

        json_array_foreach(json_object_get(association, "paths"), i, path) {
                _cleanup_(json_decref_p) json_t *row = NULL;
                int r;

                if (o->path_state && strcmp(member_string(path, "state"), o->path_state) != 0)
                        continue;
                row = json_copy(path);
                r = row ? add_association(row, association, o->output == OUTPUT_TABLE) : -ENOMEM;
                if (r >= 0)
                        r = handler(row, userdata);
                if (r < 0)
                        return r;
        }
        return 0;
}

enum code verb_paths(const struct options *o) {
        static const struct list list = {
                .listing = &listing_associations,
                .columns = columns,
                .n_columns = ELEMENTS(columns),
                .state_name = path_state_name,
                .singular = "path",
                .plural = "paths",
                .expand = expand,
        };

        return list_run(o, &list);
}
