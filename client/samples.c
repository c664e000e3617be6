/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cells.h"
#include "clock.h"
#include "json.h"
#include "samples.h"
#include "source.h"

#define INTERVAL_USEC_MIN (1 * USEC_PER_SEC)
#define INTERVAL_MSEC_MAX 3600000

struct samples {
        const struct options *options;
        struct varlink_client *client;
        json_t *parameters;             /* which association; NULL: none */
        json_t *reply;
        bool asked;                     /* and not yet answered */
        bool unknown;                   /* the daemon does not know the method */
        uint64_t due;                   /* asked: until when an answer is waited for */
};

int samples_new(const struct options *o, struct samples **ret) {
        struct samples *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->options = o;
        *ret = s;
        return 0;
}

static void hang_up(struct samples *s) {
        s->client = varlink_client_free(s->client);
        s->asked = false;
}

static void forget(struct samples *s) {
        json_decref(s->parameters);
        json_decref(s->reply);
        s->parameters = s->reply = NULL;
}

struct samples *samples_free(struct samples *s) {
        if (!s)
                return NULL;
        hang_up(s);
        forget(s);
        free(s);
        return NULL;
}

/* By its id, without one by its ends. */
static json_t *parameters_of(json_t *association) {
        json_t *netns = json_object_get(association, "netns"), *id = json_object_get(association, "associationId");
        _cleanup_(json_decref_p) json_t *p = json_object(), *filter = NULL;
        char inode[32];
        int r = 0;

        if (!p)
                return NULL;
        if (netns) {
                snprintf(inode, sizeof(inode), "inode:%" JSON_INTEGER_FORMAT, json_integer_value(netns));
                r |= json_object_set_new(p, "netns", json_string(inode));
        }
        if (id)
                r |= json_object_set(p, "associationId", id);
        else {
                filter = json_pack("{sO*sO*sO*}", "localPort", json_object_get(association, "localPort"),
                                   "peerPort", json_object_get(association, "peerPort"), "peerAddress",
                                   json_array_get(json_object_get(association, "peerAddresses"), 0));
                r |= json_object_set(p, "filter", filter);
        }
        return r < 0 ? NULL : steal_ptr(p);
}

void samples_follow(struct samples *s, json_t *association) {
        _cleanup_(json_decref_p) json_t *parameters = association ? parameters_of(association) : NULL;

        if (parameters == s->parameters || json_equal(parameters, s->parameters))
                return;
        hang_up(s);
        forget(s);
        s->parameters = steal_ptr(parameters);
        s->due = 0;
}

void samples_renew(struct samples *s) {
        hang_up(s);
        s->unknown = false;
        s->due = 0;
}

int samples_fd(const struct samples *s) {
        return s->asked ? varlink_client_fd(s->client) : -EBADF;
}

uint64_t samples_due(const struct samples *s) {
        return s->parameters && !s->unknown ? s->due : UINT64_MAX;
}

json_t *samples_reply(const struct samples *s) {
        return s->reply;
}

static void ask(struct samples *s, uint64_t now) {
        int r = 0;

        if (!s->client)
                r = source_connect(s->options, &s->client);
        if (r >= 0)
                r = varlink_client_send(s->client, "io.sctpmon.Monitor.GetSamples", s->parameters, false);
        if (r >= 0) {
                s->asked = true;
                s->due = now + SOURCE_REPLY_TIMEOUT_USEC;
                return;
        }
        hang_up(s);
        /* A daemon that has kept us waiting must not do so all the time. */
        s->due = now + MAX(INTERVAL_USEC_MIN, 10 * (clock_usec(CLOCK_MONOTONIC) - now));
}

static bool is_unknown(const char *error) {
        return strncmp(error, "org.varlink.service.", 20) == 0;
}

static bool take(struct samples *s, struct varlink_reply *reply, uint64_t now) {
        json_int_t interval = member_int(reply->parameters, "intervalMs");

        s->asked = false;
        s->due = now + MAX((uint64_t) MIN(MAX(interval, 0), INTERVAL_MSEC_MAX) * USEC_PER_MSEC, INTERVAL_USEC_MIN);
        s->unknown = reply->error && is_unknown(reply->error);
        if (s->unknown)
                hang_up(s);
        json_decref(s->reply);
        s->reply = reply->error ? NULL : json_incref(reply->parameters);
        return true;
}

bool samples_work(struct samples *s, uint64_t now) {
        _cleanup_(varlink_reply_done) struct varlink_reply reply = {};
        int r;

        if (!s->parameters || s->unknown)
                return false;
        if (!s->asked) {
                if (now >= s->due)
                        ask(s, now);
                return false;
        }
        r = varlink_client_receive(s->client, 0, &reply);
        if (r >= 0)
                return take(s, &reply, now);
        if (r == -ETIMEDOUT && now < s->due)
                return false;
        hang_up(s);
        s->due = now + SOURCE_REPLY_TIMEOUT_USEC;
        return false;
}
