/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "macro.h"

/* A Varlink server on an sd-event loop: connections, their limits, and calls that are answered at
 * once, bit by bit, or for as long as the caller listens. It knows no interface of its own but
 * org.varlink.service. */

#define SERVER_CONNECTIONS_MAX          1024u
#define SERVER_CONNECTIONS_PER_USER_MAX 256u
/* Kept free for root when all others are taken. */
#define SERVER_CONNECTIONS_FOR_ROOT     8u
/* Replies queued for one connection; a subscriber that is behind further is ended with an error. */
#define SERVER_QUEUE_BYTES_MAX          (4u * 1024u * 1024u)
/* A request that was begun must be whole after this. */
#define SERVER_REQUEST_TIMEOUT_USEC     (30 * USEC_PER_SEC)

struct server;
struct call;

struct server_counts {
        unsigned connected;
        uint64_t refused_connections;
        uint64_t refused_messages;
        uint64_t overruns;
};

/* Called once for a call whose parameters passed the interface file's check. It answers at once, or
 * keeps `call` and answers later. Negative: the caller is told nothing useful, the connection ends. */
typedef int (*server_method)(struct call *call, json_t *parameters, void *userdata);

struct server_method_entry {
        const char *name;               /* bare: "ListEndpoints" */
        server_method method;
        bool needs_more;                /* else ExpectedMore is answered for us */
};

int server_new(sd_event *event, struct server **ret);
struct server *server_free(struct server *s);
DEFINE_CLEANUP(struct server *, server_free)

/* What org.varlink.service.GetInfo says. */
int server_set_info(struct server *s, const char *vendor, const char *product, const char *version, const char *url);

/* Serves an interface: the text of its .varlink file, and a table ended by a NULL name. Methods of the
 * file that are not in the table answer MethodNotImplemented. */
int server_add_interface(struct server *s, const char *idl_text, const struct server_method_entry *methods, void *userdata);

/* Takes connections on a listening stream socket; takes over the fd. */
int server_listen(struct server *s, int fd);

struct server_counts server_get_counts(const struct server *s);

/* Calls. All functions that end a call release it: it must not be touched afterwards. `parameters`
 * may be NULL; the reference is taken over, also on failure (so json_pack() can stand in the call).
 * For a `oneway` call answers go nowhere, and nothing else changes. */

/* The last reply. */
int call_reply(struct call *call, json_t *parameters);
/* An error: the full name, "io.sctpmon.Monitor.NamespaceNotFound". */
int call_error(struct call *call, const char *error, json_t *parameters);
/* org.varlink.service.InvalidParameter. */
int call_invalid(struct call *call, const char *parameter);

/* One more reply (`more` only). -ENOBUFS when the connection's queue is full: the caller decides what
 * is lost, for instance by call_error(). */
int call_notify(struct call *call, json_t *parameters);

/* The same with a text made once for many subscribers. */
struct message;
int message_new(json_t *parameters, struct message **ret);      /* takes the reference; continues: true */
struct message *message_unref(struct message *m);
DEFINE_CLEANUP(struct message *, message_unref)
int call_notify_message(struct call *call, struct message *m);

/* Answers as fast as the caller reads: `next` is called whenever there is room, and calls
 * call_notify() some times and returns 1, or ends the call and returns 0. `release` is called once
 * when `userdata` is needed no longer, the caller's hanging up included. */
int call_stream(struct call *call, int (*next)(struct call *call, void *userdata), void (*release)(void *userdata), void *userdata);

/* Called when the call's connection goes away before the call has ended; the call is released then. */
void call_on_hangup(struct call *call, void (*hangup)(struct call *call, void *userdata), void *userdata);

/* Peer of the call's connection (SO_PEERCRED). */
uid_t call_uid(const struct call *call);
