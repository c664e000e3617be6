/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cells.h"
#include "clock.h"
#include "json.h"
#include "plain.h"
#include "source.h"
#include "writer.h"

/* How soon a daemon that is not there is tried again, or asked whether there is still one. */
#define RETRY_USEC (500 * USEC_PER_MSEC)
/* Longer than this is waited for in parts. */
#define PART_USEC (3600 * USEC_PER_SEC)

struct waiting {
        const struct options *options;
        const char *state;              /* that is waited for; "closed": that there is none */
        uint64_t deadline;              /* monotonic; UINT64_MAX: none */
        bool said;                      /* that it has to wait for the daemon */
};

static uint64_t left(const struct waiting *w) {
        uint64_t now = clock_usec(CLOCK_MONOTONIC);

        return w->deadline > now ? w->deadline - now : 0;
}

static bool none_wanted(const struct waiting *w) {
        return strcmp(w->state, "closed") == 0;
}

/* The association as the caller wants to see it. */
static enum code print(const struct options *o, json_t *a) {
        _cleanup_free_ char *local = NULL, *peer = NULL, *line = NULL;

        if (o->output != OUTPUT_TABLE)
                return writer_document(o, a) == -ENOMEM ? say_out_of_memory() : CODE_DONE;

        local = ends_text(a, "localAddresses", "localPort", NULL);
        peer = ends_text(a, "peerAddresses", "peerPort", "primaryAddress");
        if (local && peer)
                line = plain_format("%s <-> %s %s", local, peer, member_string(a, "state"));
        if (!line)
                return say_out_of_memory();
        printf("%s\n", line);
        return CODE_DONE;
}

/* 1: this is what is waited for, *ret_code tells how it went; 0: not yet. */
static int handle(struct waiting *w, json_t *parameters, enum code *ret_code) {
        json_t *change = json_object_get(parameters, "change"),
               *a = json_object_get(parameters, "association") ?: json_object_get(change, "association");
        const char *type = member_string(change, "type"), *reason = member_string(parameters, "reason");

        if (json_is_object(a) && strcmp(type, "association_down") != 0 &&
            strcmp(member_string(a, "state"), w->state) == 0) {
                *ret_code = print(w->options, a);
                return 1;
        }
        if (*reason) {
                say("SCTP is not available: %s", reason);
                say("%s Waiting for it.", member_string(parameters, "advice"));
        }
        return 0;
}

/* Whether this association has ended, or none is there. Changes do not tell that: one may cease to match the filter. */
static bool is_none(json_t *parameters) {
        json_t *a = json_object_get(parameters, "association");

        /* A row may be left of it: see "sctpctl explain closed". */
        return !json_is_object(a) || strcmp(member_string(a, "state"), "closed") == 0;
}

/* 1: it is over, see *ret_code; 0: to be tried again. */
static int handle_error(const struct waiting *w, const struct varlink_reply *reply, enum code *ret_code) {
        const char *name = strrchr(reply->error, '.') ?: "";

        /* Whoever is too slow for so many changes begins anew; a daemon that has just started has not looked yet. */
        if (strcmp(name, ".Overrun") == 0 || strcmp(name, ".NoSnapshot") == 0)
                return 0;
        *ret_code = none_wanted(w) && strcmp(name, ".SctpNotAvailable") == 0 ? CODE_DONE :
                                                                             source_say_error(w->options, reply);
        return 1;
}

/* One conversation. 1: it is over, see *ret_code; 0: not yet. */
static int listen_on(struct waiting *w, struct varlink_client *c, enum code *ret_code) {
        _cleanup_(json_decref_p) json_t *parameters = source_parameters(w->options);
        int r;

        if (!parameters)
                return -ENOMEM;
        /* What leaves another state, and what is not there any more, we want to hear of, too. */
        (void) json_object_del(json_object_get(parameters, "filter"), "state");
        r = varlink_client_send(c, none_wanted(w) ? "io.sctpmon.Monitor.ListAssociations" : "io.sctpmon.Monitor.Monitor",
                                parameters, true);
        while (r >= 0) {
                _cleanup_(varlink_reply_done) struct varlink_reply reply = {};

                r = varlink_client_receive(c, MIN(left(w), PART_USEC), &reply);
                if (r == -ETIMEDOUT && left(w) > 0) {
                        r = 0;
                        continue;
                }
                if (r == -ETIMEDOUT || r == -ENOMEM)
                        return r;
                if (r < 0)
                        return 0;
                if (reply.error)
                        return handle_error(w, &reply, ret_code);
                if (none_wanted(w) ? !is_none(reply.parameters) : handle(w, reply.parameters, ret_code) > 0)
                        return !none_wanted(w);
                if (!reply.continues) {
                        *ret_code = CODE_DONE;
                        return none_wanted(w);
                }
        }
        return r == -ENOMEM ? r : 0;
}

enum code verb_wait(const struct options *o) {
        struct waiting w = {
                .options = o,
                .state = json_string_value(json_object_get(o->filter, "state")) ?: "established",
                .deadline = o->timeout_usec > 0 ? clock_usec(CLOCK_MONOTONIC) + o->timeout_usec : UINT64_MAX,
        };
        enum code code = CODE_FAILED;
        int r;

        for (;;) {
                _cleanup_(varlink_client_free_p) struct varlink_client *c = NULL;
                uint64_t pause;

                r = source_connect(o, &c);
                /* That will not mend by itself. */
                if (r == -EACCES || r == -EPERM) {
                        source_say_no_daemon(o, r, "to wait it is needed.");
                        return CODE_FAILED;
                }
                if (r < 0 && r != -ENOMEM && !w.said) {
                        source_say_no_daemon(o, r, "waiting for it.");
                        w.said = true;
                }
                if (r >= 0)
                        r = listen_on(&w, c, &code);
                if (r > 0)
                        return code;
                if (r == -ENOMEM)
                        return say_out_of_memory();
                pause = MIN(left(&w), RETRY_USEC);
                if (pause == 0)
                        break;
                (void) usleep((useconds_t) pause);
        }

        say("It did not come to be %s in time.", w.state);
        return CODE_TIMED_OUT;
}
