/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "buffer.h"
#include "macro.h"

/* A reply as it is sent, made once for all who get it. */
struct message {
        unsigned refs;
        unsigned queued;                /* in so many queues */
        size_t length;                  /* of the text, with the NUL that ends it */
        char text[];
};

/* A reply with parameters (whose reference it takes; NULL: none), or an error. -ENOMEM. */
int message_new(json_t *parameters, const char *error, bool continues, struct message **ret);

/* { "MEMBER": VALUE }, which continues: the value's text is written between the two, into a buffer that is used again
 * and again. -ENOMEM. */
void message_begin(struct buffer *text, const char *member);
int message_end(struct buffer *text, struct message **ret);

struct message *message_ref(struct message *m);
struct message *message_unref(struct message *m);
DEFINE_CLEANUP(struct message *, message_unref)

/* What it takes in memory: small ones are mostly overhead. */
size_t message_size(const struct message *m);
