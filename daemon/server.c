/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "idl.h"
#include "server.h"
#include "varlink.h"

/* Messages handed to the kernel in one go. */
#define WRITE_MESSAGES 64u

#define NEVER UINT64_MAX

static const char service_text[] =
        "# What every Varlink service answers about itself\n"
        "interface org.varlink.service\n"
        "\n"
        "# Who made the service, and the interfaces it serves\n"
        "method GetInfo() -> (\n"
        "  vendor: string,\n"
        "  product: string,\n"
        "  version: string,\n"
        "  url: string,\n"
        "  interfaces: []string\n"
        ")\n"
        "\n"
        "# The text of an interface definition\n"
        "method GetInterfaceDescription(interface: string) -> (description: string)\n"
        "\n"
        "error InterfaceNotFound(interface: string)\n"
        "\n"
        "error MethodNotFound(method: string)\n"
        "\n"
        "# The interface declares the method, the service does not have it\n"
        "error MethodNotImplemented(method: string)\n"
        "\n"
        "# Names the parameter that is missing, unknown or of another type\n"
        "error InvalidParameter(parameter: string)\n"
        "\n"
        "error PermissionDenied()\n"
        "\n"
        "# The method must be called with the flag `more`\n"
        "error ExpectedMore()\n";

struct call {
        struct connection *connection;
        const struct interface *interface;      /* NULL: unknown */
        const char *method;                     /* bare, lives in the interface's table; NULL: unknown */
        bool more, oneway, overrun;

        void (*hangup)(struct call *call, void *userdata);
        void *hangup_userdata;
};

struct stream {
        int (*next)(struct call *call, void *userdata);
        void (*release)(void *userdata);
        void *userdata;
};

struct connection {
        struct server *server;
        struct user *user;
        TAILQ_ENTRY(connection) entry, ready_entry;

        int fd;
        sd_event_source *io, *timer;
        uint64_t timer_at;              /* what `timer` is set to; NEVER: off */

        struct varlink_input input;
        uint64_t request_deadline;
        bool starved;                   /* no whole message in `input` */
        bool eof;                       /* the peer writes no more; it may still read */
        bool gone;                      /* the peer does not read any more either */
        bool doomed;                    /* to be closed when its turn is over */
        bool heard;                     /* there is something to read, or the end of it */
        bool ready;                     /* waits for its turn */
        bool in_turn;
        bool progress;                  /* some call was taken up, or some bytes sent */

        struct call *call;              /* UAPI.20: one at a time, in order */
        struct stream stream;           /* of `call`; next is NULL: none */
        bool in_stream;

        struct message **queue;         /* a ring */
        size_t head, count, allocated;
        size_t written;                 /* bytes of the first one that are on their way */
        size_t queued_bytes;
        int unread;                     /* what is in the kernel for the peer, when last asked */
        uint64_t stall_deadline;
};

TAILQ_HEAD(connection_list, connection);

/* Users have their turns one after the other, and so have the connections of each: those of one, however many, take no
 * more from another one than a single connection does. */
struct user {
        TAILQ_ENTRY(user) entry;
        uid_t uid;
        unsigned connections;
        struct connection_list ready;
};

struct interface {
        struct interface *next;
        struct idl *idl;
        const struct server_method_entry *methods;
        void *userdata;
};

struct listener {
        struct listener *next;
        int fd;
        sd_event_source *io;
};

struct server {
        sd_event *event;
        struct interface *interfaces;
        struct listener *listeners;
        sd_event_source *resume;        /* the listeners rest until then */
        sd_event_source *turns;         /* of a descriptor that is always readable: on while somebody is ready */
        int turns_fd;
        struct connection_list connections;
        TAILQ_HEAD(, user) users;       /* in the order of their last turns */
        unsigned ready;                 /* connections */
        json_t *info;
        size_t queued_bytes;
        struct server_counts counts;
        bool strict;
};

/* Queues */

static int queue_push(struct connection *c, struct message *m) {
        struct server *s = c->server;

        if (c->count == c->allocated) {
                size_t allocated = MAX(c->allocated * 2, (size_t) 8);
                struct message **queue = reallocarray(NULL, allocated, sizeof(*queue));

                if (!queue)
                        return -ENOMEM;
                for (size_t i = 0; i < c->count; i++)
                        queue[i] = c->queue[(c->head + i) % c->allocated];
                free(c->queue);
                c->queue = queue;
                c->allocated = allocated;
                c->head = 0;
        }

        c->queue[(c->head + c->count++) % c->allocated] = message_ref(m);
        c->queued_bytes += m->length;
        s->queued_bytes += sizeof(m) + (m->queued++ == 0 ? message_size(m) : 0);
        return 0;
}

static void queue_pop(struct connection *c) {
        struct server *s = c->server;
        struct message *m = c->queue[c->head];

        c->head = (c->head + 1) % c->allocated;
        c->count--;
        c->written = 0;
        c->queued_bytes -= m->length;
        s->queued_bytes -= sizeof(m) + (--m->queued == 0 ? message_size(m) : 0);
        message_unref(m);

        if (c->count == 0) {
                free(c->queue);
                c->queue = NULL;
                c->allocated = c->head = 0;
        }
}

static void queue_clear(struct connection *c) {
        while (c->count > 0)
                queue_pop(c);
}

static bool queue_has_room(const struct connection *c, size_t length) {
        if (c->queued_bytes + length > SERVER_QUEUE_BYTES_MAX)
                return false;

        return c->queued_bytes < SERVER_QUEUE_BYTES_LOW ||
               c->server->queued_bytes + length <= SERVER_QUEUE_BYTES_ALL_MAX;
}

/* Nobody reads what is queued. What has come in is still worked through: there may be oneway calls. */
static void connection_gone(struct connection *c) {
        c->gone = true;
        queue_clear(c);
}

static void connection_write(struct connection *c) {
        while (c->count > 0) {
                struct iovec iov[WRITE_MESSAGES];
                struct msghdr mh = { .msg_iov = iov };
                ssize_t n;

                for (; mh.msg_iovlen < MIN(c->count, (size_t) WRITE_MESSAGES); mh.msg_iovlen++) {
                        struct message *m = c->queue[(c->head + mh.msg_iovlen) % c->allocated];
                        size_t skip = mh.msg_iovlen == 0 ? c->written : 0;

                        iov[mh.msg_iovlen] = (struct iovec) { m->text + skip, m->length - skip };
                }

                n = sendmsg(c->fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        if (errno != EAGAIN)
                                connection_gone(c);
                        break;
                }

                c->progress = true;
                for (size_t sent = (size_t) n; sent > 0;) {
                        size_t rest = c->queue[c->head]->length - c->written;

                        if (sent < rest) {
                                c->written += sent;
                                break;
                        }
                        sent -= rest;
                        queue_pop(c);
                }
        }
}

/* Calls */

/* Has the connection looked at by the event loop; within its turn that happens anyway. */
static void connection_arm(struct connection *c) {
        if (c->in_turn || c->ready)
                return;
        c->ready = true;
        TAILQ_INSERT_TAIL(&c->user->ready, c, ready_entry);
        if (c->server->ready++ == 0)
                (void) sd_event_source_set_enabled(c->server->turns, SD_EVENT_ON);
}

static void connection_disarm(struct connection *c) {
        if (!c->ready)
                return;
        c->ready = false;
        TAILQ_REMOVE(&c->user->ready, c, ready_entry);
        c->server->ready--;
}

static void stream_release(struct connection *c) {
        struct stream stream = c->stream;

        c->stream = (struct stream) {};
        if (stream.release)
                stream.release(stream.userdata);
}

static void call_end(struct call *call) {
        struct connection *c = call->connection;

        c->call = NULL;
        free(call);
        /* `next` may still use its userdata. */
        if (!c->in_stream)
                stream_release(c);
        connection_arm(c);
}

static const struct interface *find_interface(const struct server *s, const char *name, size_t length) {
        for (const struct interface *i = s->interfaces; i; i = i->next)
                if (strncmp(idl_name(i->idl), name, length) == 0 && idl_name(i->idl)[length] == '\0')
                        return i;

        return NULL;
}

static int check_reply(const struct call *call, const struct message *m) {
        _cleanup_free_ char *field = NULL;
        const char *error, *dot;
        json_t *object, *parameters;
        int r = -ENOENT;

        object = json_loadb(m->text, m->length - 1, 0, NULL);
        if (!object)
                return -EBADMSG;

        parameters = json_object_get(object, "parameters");
        error = json_string_value(json_object_get(object, "error"));
        if (!error)
                r = idl_check_output(call->interface->idl, call->method, parameters, &field);
        else if ((dot = strrchr(error, '.'))) {
                const struct interface *i = find_interface(call->connection->server, error, (size_t) (dot - error));

                if (i)
                        r = idl_check_error(i->idl, dot + 1, parameters, &field);
        }
        json_decref(object);

        return r == -ENOENT || r == -EINVAL ? -EBADMSG : r;
}

static int call_queue(struct call *call, struct message *m) {
        struct connection *c = call->connection;
        int r = 0;

        if (c->server->strict) {
                r = check_reply(call, m);
                if (r == -EBADMSG)
                        c->server->counts.invalid_replies++;
        }
        if (r == 0 && !call->oneway && !c->gone)
                r = queue_push(c, m);
        if (r < 0)
                /* A reply is missing: the caller must not take the next one for it. */
                c->doomed = true;
        connection_arm(c);
        return r;
}

static int call_finish(struct call *call, const char *error, json_t *parameters) {
        _cleanup_(message_unref_p) struct message *m = NULL;
        int r;

        r = message_new(parameters, error, false, &m);
        if (r < 0)
                call->connection->doomed = true;
        else
                /* There is room always: one last reply for a call, and no new call before the queue is low. */
                r = call_queue(call, m);
        call_end(call);
        return r;
}

int call_reply(struct call *call, json_t *parameters) {
        return call_finish(call, NULL, parameters);
}

int call_error(struct call *call, const char *error, json_t *parameters) {
        return call_finish(call, error, parameters);
}

int call_invalid(struct call *call, const char *parameter) {
        return call_error(call, "org.varlink.service.InvalidParameter", json_pack("{s:s}", "parameter", parameter));
}

void call_count_overrun(struct call *call) {
        if (!call->overrun)
                call->connection->server->counts.overruns++;
        call->overrun = true;
}

int call_notify_message(struct call *call, struct message *m) {
        struct connection *c = call->connection;

        if (!call->more && !call->oneway)
                return -EINVAL;

        if (!call->oneway && !queue_has_room(c, m->length)) {
                call_count_overrun(call);
                return -ENOBUFS;
        }

        return call_queue(call, m);
}

int call_notify(struct call *call, json_t *parameters) {
        _cleanup_(message_unref_p) struct message *m = NULL;
        int r;

        r = message_new(parameters, NULL, true, &m);
        return r < 0 ? r : call_notify_message(call, m);
}

int call_stream(struct call *call, int (*next)(struct call *call, void *userdata), void (*release)(void *userdata),
                void *userdata) {
        struct connection *c = call->connection;
        int r = 0;

        if (!call->more && !call->oneway)
                r = -EINVAL;
        else if (c->stream.next)
                r = -EBUSY;
        if (r < 0) {
                if (release)
                        release(userdata);
                return r;
        }

        c->stream = (struct stream) { next, release, userdata };
        connection_arm(c);
        return 0;
}

void call_on_hangup(struct call *call, void (*hangup)(struct call *call, void *userdata), void *userdata) {
        call->hangup = hangup;
        call->hangup_userdata = userdata;
}

/* org.varlink.service */

static int get_info(struct call *call, json_t *parameters, void *userdata) {
        const struct server *s = userdata;
        json_t *info = json_copy(s->info), *names = json_array();

        (void) parameters;
        for (const struct interface *i = s->interfaces; i; i = i->next)
                (void) json_array_append_new(names, json_string(idl_name(i->idl)));
        if (json_object_set_new(info, "interfaces", names) < 0) {
                json_decref(info);
                return -ENOMEM;
        }
        return call_reply(call, info);
}

static int get_interface_description(struct call *call, json_t *parameters, void *userdata) {
        const char *name = json_string_value(json_object_get(parameters, "interface"));
        const struct interface *i = find_interface(userdata, name, strlen(name));

        if (!i)
                return call_error(call, "org.varlink.service.InterfaceNotFound", json_pack("{s:s}", "interface", name));
        return call_reply(call, json_pack("{s:s}", "description", idl_text(i->idl)));
}

static const struct server_method_entry service_methods[] = {
        { "GetInfo", get_info },
        { "GetInterfaceDescription", get_interface_description },
        {}
};

/* Connections */

static const struct server_method_entry *find_method(const struct interface *i, const char *name) {
        for (const struct server_method_entry *m = i->methods; m && m->name; m++)
                if (strcmp(m->name, name) == 0)
                        return m;

        return NULL;
}

static int call_dispatch(struct call *call, const struct varlink_call *v) {
        _cleanup_free_ char *field = NULL;
        const struct server_method_entry *entry;
        const char *dot = strrchr(v->method, '.');
        size_t length = dot ? (size_t) (dot - v->method) : strlen(v->method);
        int r;

        call->interface = find_interface(call->connection->server, v->method, length);
        if (!dot || !call->interface)
                return call_error(call, "org.varlink.service.InterfaceNotFound",
                                  json_pack("{s:s%}", "interface", v->method, length));

        entry = find_method(call->interface, dot + 1);
        if (!entry)
                return call_error(call,
                                  idl_has_method(call->interface->idl, dot + 1)
                                          ? "org.varlink.service.MethodNotImplemented"
                                          : "org.varlink.service.MethodNotFound",
                                  json_pack("{s:s}", "method", v->method));
        call->method = entry->name;

        /* Whoever asks to go on with another protocol must not think that we do. */
        if (v->upgrade)
                return call_invalid(call, "upgrade");
        if (entry->needs_more && !call->more)
                return call_error(call, "org.varlink.service.ExpectedMore", NULL);

        r = idl_check_input(call->interface->idl, entry->name, v->parameters, &field);
        if (r == -EINVAL)
                return call_invalid(call, field);
        if (r < 0)
                return r;

        return entry->method(call, v->parameters, call->interface->userdata);
}

static int connection_dispatch(struct connection *c, const char *text, size_t length) {
        struct varlink_call v;
        int r;

        r = varlink_call_parse(text, length, &v);
        if (r < 0)
                return r;

        if (!v.parameters) {
                v.parameters = json_object();
                (void) json_object_set_new(v.object, "parameters", v.parameters);
        }
        c->call = calloc(1, sizeof(*c->call));
        if (!c->call || json_object_get(v.object, "parameters") != v.parameters)
                r = -ENOMEM;
        else {
                *c->call = (struct call) { .connection = c, .more = v.more, .oneway = v.oneway };
                if (call_dispatch(c->call, &v) < 0)
                        c->doomed = true;
        }

        /* Not kept for as long as the call: parsed, it takes many times the size of its text. */
        varlink_call_done(&v);
        return r;
}

static void connection_stream(struct connection *c) {
        int r = 1;

        for (unsigned i = 0; i < SERVER_STREAM_STEPS_PER_TURN && c->queued_bytes < SERVER_QUEUE_BYTES_LOW; i++) {
                c->in_stream = true;
                r = c->stream.next(c->call, c->stream.userdata);
                c->in_stream = false;

                if (r < 0)
                        c->doomed = true;
                if (r <= 0 || !c->call) {
                        stream_release(c);
                        return;
                }
        }
}

static bool connection_wants_to_read(const struct connection *c) {
        return c->starved && !c->call && !c->eof && c->queued_bytes < SERVER_QUEUE_BYTES_LOW;
}

static bool connection_can_go_on(const struct connection *c) {
        if (c->doomed || (c->gone && c->call) || c->queued_bytes >= SERVER_QUEUE_BYTES_LOW)
                return false;

        return c->call ? !!c->stream.next : !c->starved;
}

static void connection_read(struct connection *c) {
        ssize_t n;

        if (!c->heard || !connection_wants_to_read(c))
                return;
        c->heard = false;
        n = varlink_input_read(&c->input, c->fd);
        if (n > 0)
                c->starved = false;
        else if (n != -EAGAIN)
                c->eof = true;
        if (n < 0 && n != -EAGAIN)
                c->doomed = true;
}

/* Looks at what has come in, as far as the rules of order and the queue allow. */
static int connection_process(struct connection *c) {
        for (unsigned i = 0; i < SERVER_CALLS_PER_TURN && connection_can_go_on(c); i++) {
                const char *text;
                size_t length;
                int r;

                if (c->call) {
                        connection_stream(c);
                        connection_write(c);
                        break;
                }

                r = varlink_input_next(&c->input, &text, &length);
                if (r > 0) {
                        c->request_deadline = NEVER;
                        c->progress = true;
                        r = connection_dispatch(c, text, length);
                } else if (r == 0)
                        c->starved = true;
                if (r < 0) {
                        if (r != -ENOMEM)
                                c->server->counts.refused_messages++;
                        return r;
                }
        }

        connection_write(c);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

/* The timer is not moved while deadlines only move away: it fires in vain and is set anew. */
static int connection_set_timer(struct connection *c) {
        uint64_t at = MIN(c->request_deadline, c->stall_deadline);
        int r;

        if (at >= c->timer_at)
                return 0;

        if (!c->timer)
                r = sd_event_add_time(c->server->event, &c->timer, CLOCK_MONOTONIC, at, 0, on_timer, c);
        else {
                r = sd_event_source_set_time(c->timer, at);
                if (r >= 0)
                        r = sd_event_source_set_enabled(c->timer, SD_EVENT_ONESHOT);
        }
        if (r >= 0)
                c->timer_at = at;
        return r;
}

/* A Unix socket is said to be writable only when three quarters of its buffer have been read; this shows
 * any reading. */
static int connection_unread(const struct connection *c) {
        int n;

        return ioctl(c->fd, SIOCOUTQ, &n) < 0 ? 0 : n;
}

/* Waits for what is needed next, if only for another turn. Negative: nothing is, or nothing can be waited for, or it
 * was for too long. */
static int connection_wait(struct connection *c) {
        bool partial = c->input.size > c->input.used, reading = connection_wants_to_read(c), writing = c->count > 0;
        struct server *s = c->server;
        uint64_t now;
        int r;

        if (c->doomed || (c->gone && c->call))
                return -ECONNRESET;
        if (c->eof && c->starved && !c->call && c->count == 0) {
                if (partial)
                        s->counts.refused_messages++;
                return -ECONNRESET;
        }

        r = sd_event_now(s->event, CLOCK_MONOTONIC, &now);
        if (r < 0)
                return r;

        if (!reading || !partial)
                c->request_deadline = NEVER;
        else if (c->request_deadline == NEVER)
                c->request_deadline = now + SERVER_REQUEST_TIMEOUT_USEC;
        else if (c->request_deadline <= now) {
                s->counts.refused_messages++;
                return -ETIMEDOUT;
        }
        if (!partial)
                varlink_input_done(&c->input);

        if (!writing)
                c->stall_deadline = NEVER;
        else {
                int unread = connection_unread(c);

                if (c->stall_deadline == NEVER || c->progress || unread < c->unread)
                        c->stall_deadline = now + SERVER_STALL_TIMEOUT_USEC;
                else if (c->stall_deadline <= now) {
                        s->counts.overruns += !(c->call && c->call->overrun);
                        return -ETIMEDOUT;
                }
                c->unread = unread;
        }
        c->progress = false;

        r = connection_set_timer(c);
        if (r < 0)
                return r;
        if (!writing && connection_can_go_on(c)) {
                connection_arm(c);
                return 0;
        }
        /* Told once: a look at all that wait for their turns, before each of them, would take longer than the turns. */
        return sd_event_source_set_io_events(c->io, EPOLLET | (reading ? EPOLLIN : 0) | (writing ? EPOLLOUT : 0));
}

/* The one there is, or a new one; NULL when out of memory. */
static struct user *user_get(struct server *s, uid_t uid) {
        struct user *u;

        TAILQ_FOREACH(u, &s->users, entry)
                if (u->uid == uid)
                        return u;

        u = calloc(1, sizeof(*u));
        if (u) {
                u->uid = uid;
                TAILQ_INIT(&u->ready);
                TAILQ_INSERT_HEAD(&s->users, u, entry);
        }
        return u;
}

static void user_release(struct server *s, struct user *u) {
        if (u->connections > 0)
                return;
        TAILQ_REMOVE(&s->users, u, entry);
        free(u);
}

static struct connection *connection_free(struct connection *c) {
        struct server *s = c->server;
        struct call *call = steal_ptr(c->call);

        TAILQ_REMOVE(&s->connections, c, entry);
        s->counts.connected--;

        stream_release(c);
        if (call && call->hangup)
                call->hangup(call, call->hangup_userdata);
        free(call);

        queue_clear(c);
        varlink_input_done(&c->input);
        sd_event_source_disable_unref(c->io);
        sd_event_source_disable_unref(c->timer);
        close_p(&c->fd);
        connection_disarm(c);
        c->user->connections--;
        user_release(s, c->user);
        free(c);
        return NULL;
}

static void connection_turn(struct connection *c) {
        int r;

        c->in_turn = true;
        connection_read(c);
        r = connection_process(c);
        c->in_turn = false;
        if (r < 0)
                /* Answers to earlier calls may still get through. */
                connection_write(c);
        else
                r = connection_wait(c);
        if (r < 0)
                connection_free(c);
}

static int on_turns(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct server *s = userdata;
        struct connection *c;
        struct user *u;

        (void) fd;
        (void) revents;
        TAILQ_FOREACH(u, &s->users, entry)
                if (!TAILQ_EMPTY(&u->ready))
                        break;
        if (u) {
                c = TAILQ_FIRST(&u->ready);
                TAILQ_REMOVE(&s->users, u, entry);
                TAILQ_INSERT_TAIL(&s->users, u, entry);
                connection_disarm(c);
                connection_turn(c);
        }

        return s->ready > 0 ? 0 : sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct connection *c = userdata;

        (void) source;
        (void) fd;
        /* Both come unasked. With shutdown(SHUT_WR), which leaves the peer reading, they do not. */
        if (revents & (EPOLLHUP | EPOLLERR))
                connection_gone(c);
        c->heard |= revents & (EPOLLIN | EPOLLHUP | EPOLLERR);
        connection_arm(c);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct connection *c = userdata;

        (void) source;
        (void) usec;
        c->timer_at = NEVER;
        /* Who is ready is judged in its turn. */
        if (!c->ready && connection_wait(c) < 0)
                connection_free(c);
        return 0;
}

static bool may_connect(const struct server *s, const struct user *u) {
        if (u->uid == 0)
                return s->counts.connected < SERVER_CONNECTIONS_MAX;

        return u->connections < SERVER_CONNECTIONS_PER_USER_MAX &&
               s->counts.connected < SERVER_CONNECTIONS_MAX - SERVER_CONNECTIONS_FOR_ROOT;
}

/* Takes over the fd. */
static int connection_new(struct server *s, int fd) {
        _cleanup_close_ int owned = fd;
        struct ucred peer;
        socklen_t size = sizeof(peer);
        struct connection *c;
        struct user *u;
        int r;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        u = user_get(s, peer.uid);
        if (!u)
                return -ENOMEM;
        r = may_connect(s, u) ? 0 : -EUSERS;
        c = r < 0 ? NULL : malloc(sizeof(*c));
        if (!c) {
                user_release(s, u);
                return r < 0 ? r : -ENOMEM;
        }
        *c = (struct connection) {
                .server = s,
                .user = u,
                .fd = steal_fd(&owned),
                .timer_at = NEVER,
                .input.max = VARLINK_REQUEST_BYTES_MAX,
                .request_deadline = NEVER,
                .stall_deadline = NEVER,
                .starved = true,
        };
        TAILQ_INSERT_HEAD(&s->connections, c, entry);
        u->connections++;
        s->counts.connected++;

        r = sd_event_add_io(s->event, &c->io, c->fd, EPOLLIN | EPOLLET, on_io, c);
        if (r < 0)
                connection_free(c);
        return r;
}

/* Listeners */

static void listeners_enable(struct server *s, int enabled) {
        for (struct listener *l = s->listeners; l; l = l->next)
                (void) sd_event_source_set_enabled(l->io, enabled);
}

static int on_resume(sd_event_source *source, uint64_t usec, void *userdata) {
        struct server *s = userdata;

        (void) source;
        (void) usec;
        listeners_enable(s, SD_EVENT_ON);
        return 0;
}

/* A connection that cannot be accepted stays in the backlog and keeps the listener readable: without a
 * rest the loop would spin. */
static void listeners_pause(struct server *s) {
        s->resume = sd_event_source_disable_unref(s->resume);
        if (sd_event_add_time_relative(s->event, &s->resume, CLOCK_MONOTONIC, SERVER_ACCEPT_PAUSE_USEC,
                                       SERVER_ACCEPT_PAUSE_USEC / 10, on_resume, s) >= 0)
                listeners_enable(s, SD_EVENT_OFF);
}

static int on_listener(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct server *s = userdata;

        (void) source;
        (void) revents;
        for (unsigned i = 0; i < SERVER_ACCEPTS_PER_TURN; i++) {
                int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

                if (peer < 0) {
                        if (errno == EINTR || errno == ECONNABORTED)
                                continue;
                        if (errno != EAGAIN)
                                listeners_pause(s);
                        break;
                }
                if (connection_new(s, peer) < 0)
                        s->counts.refused_connections++;
        }

        return 0;
}

int server_listen(struct server *s, int fd) {
        _cleanup_close_ int owned = fd;
        struct listener *l;
        int flags, r;

        /* The one from a socket unit blocks: a client that gave up would stop us in accept4(). */
        flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return -errno;

        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        r = sd_event_add_io(s->event, &l->io, fd, EPOLLIN, on_listener, s);
        if (r < 0) {
                free(l);
                return r;
        }

        l->fd = steal_fd(&owned);
        l->next = s->listeners;
        s->listeners = l;
        return 0;
}

/* The server */

int server_new(sd_event *event, struct server **ret) {
        _cleanup_(server_free_p) struct server *s = NULL;
        int r;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->event = sd_event_ref(event);
        TAILQ_INIT(&s->connections);
        TAILQ_INIT(&s->users);
        s->turns_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
        if (s->turns_fd < 0)
                return -errno;
        r = sd_event_add_io(event, &s->turns, s->turns_fd, EPOLLIN, on_turns, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->turns, SD_EVENT_OFF);
        if (r < 0)
                return r;

        r = server_set_info(s, "", "", "", "");
        if (r < 0)
                return r;
        r = server_add_interface(s, service_text, service_methods, s);
        if (r < 0)
                return r;

        *ret = steal_ptr(s);
        return 0;
}

struct server *server_free(struct server *s) {
        if (!s)
                return NULL;

        for (struct connection *c; (c = TAILQ_FIRST(&s->connections));)
                connection_free(c);
        for (struct listener *l; (l = s->listeners);) {
                s->listeners = l->next;
                sd_event_source_disable_unref(l->io);
                close_p(&l->fd);
                free(l);
        }
        for (struct interface *i; (i = s->interfaces);) {
                s->interfaces = i->next;
                idl_free(i->idl);
                free(i);
        }
        sd_event_source_disable_unref(s->resume);
        sd_event_source_disable_unref(s->turns);
        close_p(&s->turns_fd);
        json_decref(s->info);
        sd_event_unref(s->event);
        free(s);
        return NULL;
}

int server_set_info(struct server *s, const char *vendor, const char *product, const char *version, const char *url) {
        json_t *info = json_pack("{s:s, s:s, s:s, s:s}", "vendor", vendor, "product", product, "version", version,
                                 "url", url);

        if (!info)
                return -EINVAL;

        json_decref(s->info);
        s->info = info;
        return 0;
}

int server_add_interface(struct server *s, const char *idl_text, const struct server_method_entry *methods,
                         void *userdata) {
        _cleanup_(idl_free_p) struct idl *idl = NULL;
        struct interface *i, **last = &s->interfaces;
        const char *expected;
        unsigned line;
        int r;

        r = idl_parse(idl_text, &idl, &line, &expected);
        if (r < 0)
                return r;
        for (const struct server_method_entry *m = methods; m && m->name; m++)
                if (!idl_has_method(idl, m->name))
                        return -EINVAL;
        if (find_interface(s, idl_name(idl), strlen(idl_name(idl))))
                return -EEXIST;

        i = calloc(1, sizeof(*i));
        if (!i)
                return -ENOMEM;
        *i = (struct interface) { .idl = steal_ptr(idl), .methods = methods, .userdata = userdata };

        while (*last)
                last = &(*last)->next;
        *last = i;
        return 0;
}

void server_set_strict(struct server *s, bool strict) {
        s->strict = strict;
}

struct server_counts server_get_counts(const struct server *s) {
        return s->counts;
}
