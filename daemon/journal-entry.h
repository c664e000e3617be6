/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "changes.h"
#include "damper.h"
#include "macro.h"
#include "snapshot.h"

/* What is said in the journal, in systemd's native protocol: one entry for each change, with a message for people and
 * fields for programs. What is not known is absent. */

/* Addresses of one side in one entry: it must go through a datagram socket. */
#define JOURNAL_ENTRY_ADDRESSES_MAX 1024u
/* Processes named in one entry: those that have the socket, of which a fork may have made many. */
#define JOURNAL_ENTRY_OWNERS_MAX    8u

struct journal_entry {
        struct journal_entry *next;     /* in a queue */
        uint64_t changes;               /* that it tells of */
        size_t size;
        char data[];
};

struct journal_entry *journal_entry_free(struct journal_entry *e);
DEFINE_CLEANUP(struct journal_entry *, journal_entry_free)

/* The fixed MESSAGE_ID of a change; NULL: it is none for the journal. */
const char *journal_entry_message_id(enum change_type type);

/* All return -ENOMEM, and leave *ret alone then. */
int journal_entry_of_change(const struct change *change, struct journal_entry **ret);
/* `s` is the newest: it knows the name of their network namespace. */
int journal_entry_of_flapping(const struct flapping *f, const struct snapshot *s, struct journal_entry **ret);
int journal_entry_of_availability(bool available, const char *reason, const char *advice, struct journal_entry **ret);
/* So many changes are missing. */
int journal_entry_of_lost(uint64_t lost, struct journal_entry **ret);
