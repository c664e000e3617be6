/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "macro.h"
#include "message.h"

/* A Varlink server on an sd-event loop: connections, their limits, and calls that are answered at
 * once, bit by bit, or for as long as the caller listens. It knows no interface of its own but
 * org.varlink.service. */

/* The limits; tests make some of them smaller. */
#ifndef SERVER_CONNECTIONS_MAX
#define SERVER_CONNECTIONS_MAX          1024u
/* For any user but root. */
#define SERVER_CONNECTIONS_PER_USER_MAX 256u
/* Kept free for root when all others are taken. */
#define SERVER_CONNECTIONS_FOR_ROOT     8u
/* A request that was begun must be whole after this. */
#define SERVER_REQUEST_TIMEOUT_USEC     (30 * USEC_PER_SEC)
/* Who has replies waiting must read some of them in this time. */
#define SERVER_STALL_TIMEOUT_USEC       (60 * USEC_PER_SEC)
/* Replies queued for one connection; a subscriber that is behind further is ended with an error. */
#define SERVER_QUEUE_BYTES_MAX          (16u * 1024u * 1024u)
/* The same for all together, where a text that is shared counts once. */
#define SERVER_QUEUE_BYTES_ALL_MAX      (128u * 1024u * 1024u)
/* Below this much queued, a stream is asked for more and the next request is looked at. It is granted
 * to each connection beyond SERVER_QUEUE_BYTES_ALL_MAX. */
#define SERVER_QUEUE_BYTES_LOW          (64u * 1024u)
/* How long the listeners rest when there are no more file descriptors. */
#define SERVER_ACCEPT_PAUSE_USEC        (100 * USEC_PER_MSEC)
#endif
/* One connection, or one listener, may do so many things before others have their turn. */
#define SERVER_CALLS_PER_TURN           16u
#define SERVER_STREAM_STEPS_PER_TURN    1024u
#define SERVER_ACCEPTS_PER_TURN         16u

struct server;
struct call;

struct server_counts {
        unsigned connected;
        uint64_t refused_connections;
        uint64_t refused_messages;      /* too long, malformed, or not whole in time */
        uint64_t overruns;              /* calls that were ended, or should be: their replies are not read */
        uint64_t invalid_replies;       /* see server_set_strict() */
};

/* Called once for a call whose parameters passed the interface file's check. It answers at once, or
 * keeps `call` and answers later. `parameters` is an object and lives until the method returns.
 * Negative: the caller is told nothing useful, the connection ends. */
typedef int (*server_method)(struct call *call, json_t *parameters, void *userdata);

struct server_method_entry {
        const char *name;               /* bare: "ListEndpoints" */
        server_method method;
        bool needs_more;                /* else ExpectedMore is answered for us */
};

int server_new(sd_event *event, struct server **ret);
/* Ends all connections first, so hang-up callbacks run. Not to be called from within a callback. */
struct server *server_free(struct server *s);
DEFINE_CLEANUP(struct server *, server_free)

/* What org.varlink.service.GetInfo says. */
int server_set_info(struct server *s, const char *vendor, const char *product, const char *version, const char *url);

/* Serves an interface: the text of its .varlink file, and a table ended by a NULL name. Methods of the
 * file that are not in the table answer MethodNotImplemented. */
int server_add_interface(struct server *s, const char *idl_text, const struct server_method_entry *methods,
                         void *userdata);

/* Checks each reply against the interface file; one that breaks it ends its connection (-EBADMSG) and is
 * counted. For tests: it shows that the daemon sends what it declares. */
void server_set_strict(struct server *s, bool strict);

/* Takes connections on a listening stream socket; takes over the fd, also on failure. */
int server_listen(struct server *s, int fd);

struct server_counts server_get_counts(const struct server *s);

/* Calls. All functions that end a call release it, on failure too: it must not be touched afterwards.
 * `parameters` may be NULL; the reference is taken over, also on failure (so json_pack() can stand in
 * the call). For a `oneway` call answers go nowhere, and nothing else changes. None of these functions
 * writes to a socket or calls hang-up callbacks: that is left to the event loop, so they may be used
 * while walking a list of calls. */

/* The last reply. */
int call_reply(struct call *call, json_t *parameters);
/* An error: the full name, "io.sctpmon.Monitor.NamespaceNotFound". */
int call_error(struct call *call, const char *error, json_t *parameters);
/* org.varlink.service.InvalidParameter. */
int call_invalid(struct call *call, const char *parameter);

/* One more reply (`more` only, else -EINVAL). -ENOBUFS when the connection's queue is full: the caller
 * decides what is lost, for instance by call_error(), for which there is always room. */
int call_notify(struct call *call, json_t *parameters);

/* Counts a call as not read in time, once; call_notify() does so itself. */
void call_count_overrun(struct call *call);

/* The same as call_notify() with a reply made once for many subscribers. */
int call_notify_message(struct call *call, struct message *m);

/* Answers as fast as the caller reads: `next` is called whenever there is room, from the event loop. It
 * calls call_notify() at least once and returns 1; or returns 0 when the stream is over: it has ended
 * the call, or the call goes on as if never streamed. Negative: the connection ends. `release` is called
 * once when `userdata` is needed no longer: after the last `next`, when the call is ended from outside
 * (within that function), when the caller hangs up (before the hang-up callback), or on failure. */
int call_stream(struct call *call, int (*next)(struct call *call, void *userdata), void (*release)(void *userdata),
                void *userdata);

/* Called when the call's connection goes away before the call has ended; the call is released then, and
 * the callback must not end it. It comes from the event loop or server_free(), never from within a
 * call_*() function, and may end or notify other calls. */
void call_on_hangup(struct call *call, void (*hangup)(struct call *call, void *userdata), void *userdata);
