/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "macro.h"

/* Varlink: JSON objects, each ended by a NUL byte, over a stream socket (UAPI.20). Framing and
 * message checks for both ends, and a blocking client. */

/* A request is refused beyond this. A megabyte of "[],[]," costs 45 times its size once parsed. */
#define VARLINK_REQUEST_BYTES_MAX (64u * 1024u)
/* What a client accepts as one reply: an association whose INIT was full of addresses fits. */
#define VARLINK_REPLY_BYTES_MAX (4u * 1024u * 1024u)

/* Bytes that came in and are not yet a whole message. Zero-initialised; `max` set by the owner. */
struct varlink_input {
        char *data;
        size_t size, used, scanned, allocated;  /* consumed up to `used`, no NUL before `scanned` */
        size_t max;                             /* longest message, its NUL not counted */
        bool filled;                            /* by the last read */
};

/* Frees the buffer, what is in it is lost; `max` stays, and it may be used again. */
void varlink_input_done(struct varlink_input *in);

/* Reads once from a socket into the buffer. Bytes read; 0 at its end; -EAGAIN; -errno. Never reads
 * when a whole message of `max` bytes is already waiting (-ENOBUFS). */
ssize_t varlink_input_read(struct varlink_input *in, int fd);

/* The next whole message, NUL-terminated, valid until the next read. 1 and the message; 0: not yet
 * whole; -EMSGSIZE: longer than `max`. */
int varlink_input_next(struct varlink_input *in, const char **ret, size_t *ret_length);

struct varlink_call {
        const char *method;     /* lives in `object` */
        json_t *parameters;     /* borrowed from `object`; NULL: none */
        json_t *object;
        bool more, oneway, upgrade;
};

/* -EBADMSG if it is none: bad JSON, no object, no method, a flag that is no boolean, more than one
 * flag, an unknown key without a dot. Then the connection must be closed. */
int varlink_call_parse(const char *text, size_t length, struct varlink_call *ret);
void varlink_call_done(struct varlink_call *call);

/* One reply as it goes over the wire: `*ret` (malloc'ed) of `*ret_length` bytes, the final NUL among
 * them. `parameters` (borrowed, may be NULL) and `error` (may be NULL). -ENOMEM. */
int varlink_reply_format(json_t *parameters, const char *error, bool continues, char **ret, size_t *ret_length);

/* The client: one connection, one call at a time. */
struct varlink_client;

struct varlink_reply {
        json_t *object;         /* owner of the rest */
        json_t *parameters;     /* borrowed; NULL: none */
        const char *error;      /* NULL: none */
        bool continues;
};

void varlink_reply_done(struct varlink_reply *reply);

/* Connects to the Unix socket at `path`. -errno of connect(). */
int varlink_client_connect(const char *path, struct varlink_client **ret);
struct varlink_client *varlink_client_free(struct varlink_client *c);
DEFINE_CLEANUP(struct varlink_client *, varlink_client_free)
/* For polling. */
int varlink_client_fd(const struct varlink_client *c);

/* Sends one call. `parameters` is borrowed. -EBUSY while replies of the call before are outstanding;
 * -EMSGSIZE: longer than a request may be, nothing was sent. */
int varlink_client_send(struct varlink_client *c, const char *method, json_t *parameters, bool more);

/* Waits for the next reply, at most `timeout_usec` (UINT64_MAX: for ever). 0; -ETIMEDOUT; -ECONNRESET:
 * the other end closed; -EBADMSG: it does not speak Varlink; -EMSGSIZE; -EINVAL: no call is outstanding.
 * All but -ETIMEDOUT and -EINVAL are for good. Several replies may come in at once: before polling the
 * fd, call it with 0 until -ETIMEDOUT. */
int varlink_client_receive(struct varlink_client *c, uint64_t timeout_usec, struct varlink_reply *ret);

/* The same for listings of many rows: of a reply { "parameters": { "MEMBER": OBJECT }, "continues": true }
 * without spaces, whose object is clean (clean.h), *ret_text is the object, until the next call, and the reply
 * has nothing but `continues`. Any other reply is read as ever, and *ret_text is NULL. */
int varlink_client_receive_text(struct varlink_client *c, uint64_t timeout_usec, const char *member,
                                struct varlink_reply *ret, const char **ret_text, size_t *ret_length);
