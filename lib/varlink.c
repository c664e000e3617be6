/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "clean.h"
#include "clock.h"
#include "varlink.h"

/* The first allocation of a buffer. */
#define INPUT_BYTES_MIN 16384u
#define INPUT_BYTES_AT_ONCE (256u * 1024u)

/* A server that does not accept, or does not read a request that fits its socket buffer, is stuck. */
#define SEND_TIMEOUT_USEC (10 * USEC_PER_SEC)

struct varlink_client {
        int fd;
        int error;              /* the connection is of no use any more: why */
        bool pending;           /* a call whose last reply has not come */
        bool more;              /* that call allows several */
        struct varlink_input input;
        struct clean_model model;       /* of the objects of replies that stay text */
};

void varlink_input_done(struct varlink_input *in) {
        free(in->data);
        *in = (struct varlink_input) { .max = in->max };
}

ssize_t varlink_input_read(struct varlink_input *in, int fd) {
        size_t limit = in->max + 1;
        ssize_t n;

        if (in->size - in->used >= limit)
                return -ENOBUFS;

        if (in->used > 0) {
                memmove(in->data, in->data + in->used, in->size - in->used);
                in->size -= in->used;
                in->scanned -= in->used;
                in->used = 0;
        }

        /* Who has filled it at once has more to say. */
        if (in->size == in->allocated || (in->filled && in->allocated < MIN(INPUT_BYTES_AT_ONCE, limit))) {
                size_t allocated = MIN(MAX(in->allocated * 2, INPUT_BYTES_MIN), limit);
                char *data = realloc(in->data, allocated);

                if (!data)
                        return -ENOMEM;
                in->data = data;
                in->allocated = allocated;
        }

        do
                n = recv(fd, in->data + in->size, in->allocated - in->size, MSG_DONTWAIT);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;

        in->size += (size_t) n;
        in->filled = in->size == in->allocated;
        return n;
}

int varlink_input_next(struct varlink_input *in, const char **ret, size_t *ret_length) {
        char *end = NULL;

        if (in->scanned < in->size)
                end = memchr(in->data + in->scanned, '\0', in->size - in->scanned);
        if (!end) {
                in->scanned = in->size;
                return in->size - in->used > in->max ? -EMSGSIZE : 0;
        }

        *ret = in->data + in->used;
        *ret_length = (size_t) (end - *ret);
        in->used = in->scanned = (size_t) (end + 1 - in->data);
        return 1;
}

/* UAPI.20: null is the same as absent, and both as {}. */
static int get_parameters(json_t *value, json_t **ret) {
        if (value && !json_is_object(value) && !json_is_null(value))
                return -EBADMSG;

        *ret = json_is_object(value) ? value : NULL;
        return 0;
}

static int load(const char *text, size_t length, json_t **ret) {
        /* Without that flag the last of several equal keys would win, and two readers could differ. */
        json_t *object = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);

        if (!json_is_object(object)) {
                json_decref(object);
                return -EBADMSG;
        }

        *ret = object;
        return 0;
}

static int call_read(json_t *object, struct varlink_call *call) {
        struct {
                const char *key;
                bool *value;
        } flags[] = {
                { "more", &call->more },
                { "oneway", &call->oneway },
                { "upgrade", &call->upgrade },
        };
        const char *key;
        json_t *value;
        int r;

        json_object_foreach(object, key, value) {
                size_t i;

                for (i = 0; i < ELEMENTS(flags); i++)
                        if (strcmp(key, flags[i].key) == 0)
                                break;

                if (i < ELEMENTS(flags)) {
                        if (!json_is_boolean(value))
                                return -EBADMSG;
                        *flags[i].value = json_is_true(value);
                } else if (strcmp(key, "method") == 0)
                        call->method = json_string_value(value);
                else if (strcmp(key, "parameters") == 0) {
                        r = get_parameters(value, &call->parameters);
                        if (r < 0)
                                return r;
                } else if (!strchr(key, '.'))
                        /* Keys with a dot are a vendor's own. */
                        return -EBADMSG;
        }

        if (!call->method || call->method[0] == '\0' || call->more + call->oneway + call->upgrade > 1)
                return -EBADMSG;

        return 0;
}

int varlink_call_parse(const char *text, size_t length, struct varlink_call *ret) {
        struct varlink_call call = {};
        int r;

        r = load(text, length, &call.object);
        if (r < 0)
                return r;

        r = call_read(call.object, &call);
        if (r < 0) {
                varlink_call_done(&call);
                return r;
        }

        *ret = call;
        return 0;
}

void varlink_call_done(struct varlink_call *call) {
        json_decref(call->object);
        *call = (struct varlink_call) {};
}

/* Takes over `object`, also on failure. */
static int format(json_t *object, char **ret, size_t *ret_length) {
        char *text = json_dumps(object, JSON_COMPACT);

        json_decref(object);
        if (!text)
                return -ENOMEM;

        *ret = text;
        *ret_length = strlen(text) + 1;
        return 0;
}

int varlink_reply_format(json_t *parameters, const char *error, bool continues, char **ret, size_t *ret_length) {
        json_t *object = json_object();
        int r = 0;

        /* Only these three keys: sd-varlink takes any other, even one with a dot, for a protocol error. */
        if (error)
                r |= json_object_set_new(object, "error", json_string(error));
        r |= json_object_set_new(object, "parameters", parameters ? json_incref(parameters) : json_object());
        if (continues)
                r |= json_object_set_new(object, "continues", json_true());
        if (r < 0) {
                json_decref(object);
                return -ENOMEM;
        }

        return format(object, ret, ret_length);
}

static uint64_t deadline_after(uint64_t timeout_usec) {
        uint64_t deadline;

        return __builtin_add_overflow(clock_usec(CLOCK_MONOTONIC), timeout_usec, &deadline) ? UINT64_MAX : deadline;
}

static int wait_for(int fd, short events, uint64_t deadline) {
        for (;;) {
                uint64_t now = clock_usec(CLOCK_MONOTONIC);
                uint64_t left = deadline > now ? deadline - now : 0;
                struct timespec ts = {
                        .tv_sec = (time_t) (left / USEC_PER_SEC),
                        .tv_nsec = (long) (left % USEC_PER_SEC * 1000),
                };
                struct pollfd p = { .fd = fd, .events = events };
                int r;

                r = ppoll(&p, 1, deadline == UINT64_MAX ? NULL : &ts, NULL);
                if (r > 0)
                        return 0;
                if (r == 0)
                        return -ETIMEDOUT;
                if (errno != EINTR)
                        return -errno;
        }
}

void varlink_reply_done(struct varlink_reply *reply) {
        json_decref(reply->object);
        *reply = (struct varlink_reply) {};
}

int varlink_client_connect(const char *path, struct varlink_client **ret) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        /* connect() waits for room in the backlog, for ever unless told otherwise. */
        const struct timeval timeout = { .tv_sec = SEND_TIMEOUT_USEC / USEC_PER_SEC };
        _cleanup_close_ int fd = -EBADF;
        struct varlink_client *c;
        int r;

        if (strlen(path) >= sizeof(sa.sun_path))
                return -ENAMETOOLONG;
        memcpy(sa.sun_path, path, strlen(path) + 1);

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
                return -errno;
        do
                r = connect(fd, (const struct sockaddr *) &sa, sizeof(sa));
        while (r < 0 && errno == EINTR);
        if (r < 0)
                return errno == EAGAIN ? -ETIMEDOUT : -errno;

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->fd = steal_fd(&fd);
        c->input.max = VARLINK_REPLY_BYTES_MAX;

        *ret = c;
        return 0;
}

struct varlink_client *varlink_client_free(struct varlink_client *c) {
        if (!c)
                return NULL;

        close_p(&c->fd);
        varlink_input_done(&c->input);
        free(c);
        return NULL;
}

int varlink_client_fd(const struct varlink_client *c) {
        return c->fd;
}

static int send_all(int fd, const char *data, size_t length, uint64_t deadline) {
        while (length > 0) {
                ssize_t n = send(fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n >= 0) {
                        data += n;
                        length -= (size_t) n;
                } else if (errno == EAGAIN) {
                        int r = wait_for(fd, POLLOUT, deadline);

                        if (r < 0)
                                return r;
                } else if (errno != EINTR)
                        return errno == EPIPE ? -ECONNRESET : -errno;
        }

        return 0;
}

int varlink_client_send(struct varlink_client *c, const char *method, json_t *parameters, bool more) {
        _cleanup_free_ char *text = NULL;
        json_t *object;
        size_t length;
        int r = 0;

        if (c->error < 0)
                return c->error;
        if (c->pending)
                return -EBUSY;

        object = json_object();
        r |= json_object_set_new(object, "method", json_string(method));
        if (parameters)
                r |= json_object_set(object, "parameters", parameters);
        if (more)
                r |= json_object_set_new(object, "more", json_true());
        if (r < 0) {
                json_decref(object);
                return -ENOMEM;
        }

        r = format(object, &text, &length);
        if (r < 0)
                return r;
        if (length > VARLINK_REQUEST_BYTES_MAX)
                return -EMSGSIZE;

        r = send_all(c->fd, text, length, deadline_after(SEND_TIMEOUT_USEC));
        if (r < 0)
                return c->error = r;

        c->pending = true;
        c->more = more;
        return 0;
}

static int reply_read(json_t *object, bool more, struct varlink_reply *reply) {
        json_t *error = json_object_get(object, "error"), *continues = json_object_get(object, "continues");

        if (error) {
                reply->error = json_string_value(error);
                if (!reply->error || reply->error[0] == '\0')
                        return -EBADMSG;
        }
        if (continues && !json_is_boolean(continues))
                return -EBADMSG;
        reply->continues = json_is_true(continues);
        if (reply->continues && (error || !more))
                return -EBADMSG;

        return get_parameters(json_object_get(object, "parameters"), &reply->parameters);
}

static bool skip(const char **text, size_t *length, const char *expected) {
        size_t n = strlen(expected);

        if (*length < n || memcmp(*text, expected, n) != 0)
                return false;

        *text += n;
        *length -= n;
        return true;
}

/* The one object in a reply of many. */
static bool find_object(struct clean_model *model, const char *text, size_t length, const char *member,
                        const char **ret, size_t *ret_length) {
        static const char end[] = "},\"continues\":true}";
        const size_t n = sizeof(end) - 1;

        if (!skip(&text, &length, "{\"parameters\":{\"") || !skip(&text, &length, member) ||
            !skip(&text, &length, "\":") || length < n || memcmp(text + length - n, end, n) != 0 ||
            !clean_object(model, text, length - n))
                return false;

        *ret = text;
        *ret_length = length - n;
        return true;
}

/* What is received: a reply, or the text of an object where a `member` is waited for. */
struct received {
        struct varlink_reply reply;
        const char *member, *text;
        size_t length;
};

static int receive(struct varlink_client *c, uint64_t deadline, struct received *ret) {
        const char *text;
        size_t length;
        int r;

        while ((r = varlink_input_next(&c->input, &text, &length)) == 0) {
                ssize_t n = varlink_input_read(&c->input, c->fd);

                if (n == 0)
                        return -ECONNRESET;
                if (n < 0 && n != -EAGAIN)
                        return (int) n;
                if (n < 0)
                        r = wait_for(c->fd, POLLIN, deadline);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;

        if (ret->member && c->more &&
            find_object(&c->model, text, length, ret->member, &ret->text, &ret->length)) {
                ret->reply.continues = true;
                return 0;
        }
        r = load(text, length, &ret->reply.object);
        return r < 0 ? r : reply_read(ret->reply.object, c->more, &ret->reply);
}

static int client_receive(struct varlink_client *c, uint64_t timeout_usec, struct received *received) {
        int r;

        if (c->error < 0)
                return c->error;
        if (!c->pending)
                return -EINVAL;

        r = receive(c, deadline_after(timeout_usec), received);
        if (r < 0) {
                varlink_reply_done(&received->reply);
                if (r != -ETIMEDOUT)
                        c->error = r;
                return r;
        }

        c->pending = received->reply.continues;
        return 0;
}

int varlink_client_receive(struct varlink_client *c, uint64_t timeout_usec, struct varlink_reply *ret) {
        struct received received = {};
        int r;

        r = client_receive(c, timeout_usec, &received);
        if (r < 0)
                return r;

        *ret = received.reply;
        return 0;
}

int varlink_client_receive_text(struct varlink_client *c, uint64_t timeout_usec, const char *member,
                                struct varlink_reply *ret, const char **ret_text, size_t *ret_length) {
        struct received received = { .member = member };
        int r;

        r = client_receive(c, timeout_usec, &received);
        if (r < 0)
                return r;

        *ret = received.reply;
        *ret_text = received.text;
        *ret_length = received.length;
        return 0;
}
