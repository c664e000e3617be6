/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cells.h"
#include "list.h"

static const struct column columns[] = {
        { .title = "LOCAL", .render = cell_addresses },
        { .title = "PORT", .member = "localPort", .right = true },
        { .title = "STATE", .member = "state", .drop = 1 },
        { .title = "STYLE", .member = "style", .drop = 3 },
        { .title = "UID", .member = "uid", .right = true, .when = WHEN_WIDE },
        { .title = "USER", .render = cell_user, .drop = 2, .when = WHEN_TERMINAL },
        { .title = "INODE", .member = "inode", .right = true, .drop = 4 },
        { .title = "NETNS", .member = "netns", .right = true, .drop = 5, .when = WHEN_DIFFERENT },
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
