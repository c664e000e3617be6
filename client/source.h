/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "filter.h"
#include "sctpctl.h"
#include "varlink.h"

/* Where the facts come from: the daemon; without it, or without the right to its socket, this host's
 * own tables; or a saved tree. What comes out are the interface's objects in each case. Everything that
 * goes wrong is said here. */

/* How long the daemon may leave us without its next reply. It waits half a second for a scan. */
#define SOURCE_REPLY_TIMEOUT_USEC (5 * USEC_PER_SEC)

/* How long this process asks for owners and details where there is no daemon that has them. */
#define SOURCE_DEAR_USEC (1 * USEC_PER_SEC)

/* What can be listed. */
struct listing {
        const char *method;             /* "ListEndpoints" */
        const char *member;             /* of its replies: "endpoint" */
        enum filter_subject subject;
        enum source table;              /* without it there is no list */
        uint32_t (*count)(const struct snapshot *s);
        /* JSON null: filtered out; NULL: out of memory */
        json_t *(*object)(const struct options *o, const struct snapshot *s, const struct filter *f, uint32_t index);
};

extern const struct listing listing_endpoints, listing_associations, listing_namespaces;

/* Called for each object, which stays the caller's. Negative ends the listing. */
typedef int (*source_handler)(json_t *object, void *userdata);
/* Called with its text instead, where it comes from the daemon as such. */
typedef int (*source_text_handler)(const char *text, size_t length, void *userdata);

/* `text` may be NULL: then each object is read. */
enum code source_list(const struct options *o, const struct listing *l, source_handler handler,
                      source_text_handler text, void *userdata);

/* The reply of GetAssociation about the one that `id` (0: any) and the options' filter name. CODE_USAGE: several are
 * like that; the handler was called for each that the filter matches, whatever its id. */
enum code source_association(const struct options *o, uint32_t id, source_handler candidate, void *userdata,
                             json_t **ret);
/* The reply of GetCounters. */
enum code source_counters(const struct options *o, json_t **ret);
/* The reply of GetStatus, which the daemon alone can give. */
enum code source_status(const struct options *o, json_t **ret);

/* The kernel's own table, byte for byte. */
enum code source_raw(const struct options *o, enum source table);

/* The parameters of a call with the options' filter: a new reference, NULL when out of memory. */
json_t *source_parameters(const struct options *o);

/* Connects to the daemon. Silent: -errno of connect(). */
int source_connect(const struct options *o, struct varlink_client **ret);

struct source_reply {
        struct varlink_reply reply;
        const char *text;               /* see varlink_client_receive_text(); NULL: it is in `reply` */
        size_t length;
};
void source_reply_done(struct source_reply *reply);

/* Calls and takes the first reply. The daemon's processes are started anew when one of them ends, and the socket stays
 * meanwhile: where the connection is closed before there is a reply it asks once more, on a new one. `member` may be
 * NULL: as text nothing is taken. What varlink_client_send() and varlink_client_receive() say. */
int source_call(const struct options *o, struct varlink_client **c, const char *method, json_t *parameters, bool more,
                const char *member, struct source_reply *ret);

/* Says why connecting failed and what to do about it. With `instead`, what is done meanwhile. */
void source_say_no_daemon(const struct options *o, int error, const char *instead);
/* Says that a conversation failed: an errno of varlink_client_receive(), or the error in a reply. */
enum code source_say_failure(const struct options *o, int error);
enum code source_say_error(const struct options *o, const struct varlink_reply *reply);
