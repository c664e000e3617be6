/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "assocs.h"
#include "cells.h"
#include "list.h"
#include "watch.h"

static void cell_state(struct grid *g, json_t *object) {
        bool impaired = json_is_true(json_object_get(object, "impaired"));
        const char *state = member_string(object, "state");

        if (!state[0])
                return;
        /* In words, too, where the column with the reasons may have to be left out. */
        grid_put(g, impaired ? STYLE_TROUBLE : strcmp(state, "established") == 0 ? STYLE_PLAIN : STYLE_WARNING,
                 "%s%s", state, impaired && grid_layout(g) == LAYOUT_FIRST ? ", impaired" : "");
        if (impaired && grid_layout(g) == LAYOUT_STACKED)
                grid_put(g, STYLE_TROUBLE, "impaired");
}

static void cell_impaired(struct grid *g, json_t *object) {
        json_t *reason;
        size_t i;

        json_array_foreach(json_object_get(object, "impairedReasons"), i, reason)
                grid_put(g, STYLE_TROUBLE, "%s", json_string_value(reason) ?: "-");
}

/* Where the peer connected to before NAT. */
static void cell_via(struct grid *g, json_t *object) {
        const char *address = member_string(object, "originalAddress");

        if (address[0])
                cell_put_end(g, address, member_int(object, "originalPort"));
}

/* "1/2": so many paths of so many are active */
static void cell_paths(struct grid *g, json_t *object) {
        json_t *paths = json_object_get(object, "paths"), *path;
        enum style style = STYLE_PLAIN;
        size_t active = 0, known = 0, i;

        json_array_foreach(paths, i, path) {
                const char *state = member_string(path, "state");

                known += state[0] != '\0';
                active += strcmp(state, "active") == 0;
                style = MAX(style, path_style(state));
        }
        /* Kernels before 3.19 do not tell. */
        if (known == 0)
                grid_put(g, style, "?/%zu", json_array_size(paths));
        else
                grid_put(g, style, "%zu/%zu", active, json_array_size(paths));
}

static void cell_streams(struct grid *g, json_t *object) {
        if (json_object_get(object, "inStreams"))
                grid_put(g, STYLE_PLAIN, "%" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT,
                         member_int(object, "inStreams"), member_int(object, "outStreams"));
}

const struct column association_columns[] = {
        { .title = "ID", .member = "associationId", .right = true },
        { .title = "LOCAL", .render = cell_local_ends },
        { .title = "PEER", .render = cell_peer_ends },
        { .title = "STATE", .render = cell_state },
        { .title = "PATHS", .render = cell_paths, .right = true, .drop = 1 },
        { .title = "IMPAIRED", .render = cell_impaired, .drop = 9, .when = WHEN_KNOWN },
        { .title = "TX", .member = "transmitQueueBytes", .right = true, .drop = 6 },
        { .title = "RX", .member = "receiveQueueBytes", .right = true, .drop = 7 },
        { .title = "RTX", .member = "retransmittedChunks", .right = true, .drop = 8 },
        { .title = "HB", .render = cell_heartbeat, .right = true, .drop = 12, .sort = "heartbeatIntervalMs" },
        { .title = "STREAMS", .render = cell_streams, .right = true, .drop = 13, .sort = "inStreams" },
        { .title = "UID", .member = "uid", .right = true, .when = WHEN_WIDE },
        { .title = "USER", .render = cell_user, .drop = 11, .when = WHEN_TERMINAL },
        { .title = "PROCESS", .render = cell_process, .drop = 2, .when = WHEN_KNOWN },
        { .title = "CONTAINER", .member = "container", .drop = 3, .when = WHEN_KNOWN },
        { .title = "VIA", .render = cell_via, .drop = 10, .when = WHEN_KNOWN },
        { .title = "INODE", .member = "inode", .right = true, .drop = 14 },
        { .title = "STYLE", .member = "style", .when = WHEN_WIDE },
        { .title = "MAXRTX", .member = "maxRetransmissions", .right = true, .when = WHEN_WIDE },
        { .title = "INITRTX", .member = "initRetransmissions", .right = true, .when = WHEN_WIDE },
        { .title = "SHUTRTX", .member = "shutdownRetransmissions", .right = true, .when = WHEN_WIDE },
        { .title = "WQUEUE", .member = "writeQueueBytes", .right = true, .when = WHEN_WIDE },
        { .title = "SNDBUF", .member = "sendBufferBytes", .right = true, .when = WHEN_WIDE },
        { .title = "RCVBUF", .member = "receiveBufferBytes", .right = true, .when = WHEN_WIDE },
        { .title = "SINCE", .member = "observedSince", .when = WHEN_WIDE },
        { .title = "CHANGED", .member = "lastChange", .when = WHEN_WIDE },
        { .title = "NETNS", .render = cell_netns, .drop = 4, .when = WHEN_DIFFERENT },
};
const size_t n_association_columns = ELEMENTS(association_columns);

enum code verb_assocs(const struct options *o) {
        static const struct list list = {
                .listing = &listing_associations,
                .columns = association_columns,
                .n_columns = ELEMENTS(association_columns),
                .state_name = association_state_name,
                .singular = "association",
                .plural = "associations",
        };

        return o->watch ? watch_run(o) : list_run(o, &list);
}
