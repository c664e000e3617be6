/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "changes.h"
#include "damper.h"
#include "macro.h"
#include "snapshot.h"

/* What is said in the journal, in systemd's native protocol: one entry for each change, with a message for people and
 * fields for programs. What is not known is absent. */

/* Addresses of one side in one entry: it must go through a datagram socket. */
#define ENTRY_ADDRESSES_MAX 1024u
/* Processes named in one entry: those that have the socket, of which a fork may have made many. */
#define ENTRY_OWNERS_MAX    8u

struct entry {
        struct entry *next;             /* in a queue */
        uint64_t changes;               /* that it tells of */
        size_t size;
        char data[];
};

struct entry *entry_free(struct entry *e);
DEFINE_CLEANUP(struct entry *, entry_free)

/* The fixed MESSAGE_ID of a change; NULL: it is none for the journal. */
const char *entry_message_id(enum change_type type);

/* All return -ENOMEM, and leave *ret alone then. */
int entry_of_change(const struct change *change, struct entry **ret);
/* `s` is the newest: it knows the name of their network namespace. */
int entry_of_flapping(const struct flapping *f, const struct snapshot *s, struct entry **ret);
int entry_of_availability(bool available, const char *reason, const char *advice, struct entry **ret);
/* So many changes are missing. */
int entry_of_lost(uint64_t lost, struct entry **ret);
