/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cells.h"
#include "list.h"

/* The container's end that a docker-proxy stands for. */
static void cell_forwards(struct grid *g, json_t *object) {
        const char *address = member_string(object, "forwardsToAddress");

        if (address[0])
                cell_put_end(g, address, member_int(object, "forwardsToPort"));
}

static const struct column columns[] = {
        { .title = "LOCAL", .render = cell_addresses },
        { .title = "PORT", .member = "localPort", .right = true },
        { .title = "STATE", .member = "state", .drop = 2 },
        { .title = "STYLE", .member = "style", .drop = 7 },
        { .title = "UID", .member = "uid", .right = true, .when = WHEN_WIDE },
        { .title = "USER", .render = cell_user, .drop = 6, .when = WHEN_TERMINAL },
        { .title = "PROCESS", .render = cell_process, .drop = 1, .when = WHEN_KNOWN },
        { .title = "CONTAINER", .member = "container", .drop = 3, .when = WHEN_KNOWN },
        { .title = "FORWARDS", .render = cell_forwards, .drop = 5, .when = WHEN_KNOWN },
        { .title = "INODE", .member = "inode", .right = true, .drop = 8 },
        { .title = "NETNS", .render = cell_netns, .drop = 4, .when = WHEN_DIFFERENT },
};

enum code verb_eps(const struct options *o) {
        static const struct list list = {
                .listing = &listing_endpoints,
                .columns = columns,
                .n_columns = ELEMENTS(columns),
                .state_name = endpoint_state_name,
                .singular = "endpoint",
                .plural = "endpoints",
        };

        return list_run(o, &list);
}
