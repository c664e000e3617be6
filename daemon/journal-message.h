/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "buffer.h"
#include "changes.h"
#include "damper.h"
#include "snapshot.h"

/* What the journal says to people: one line in plain words. It names both ends, what was and what is and for how long,
 * what made the kernel do it, else of an end the cause, and whose it is and where, as far as each is known. Nothing
 * that stands in somebody's name ends the line. */

void journal_message_of_change(struct buffer *b, const struct change *change);
void journal_message_of_flapping(struct buffer *b, const struct flapping *f, const struct snapshot *s);
void journal_message_of_lost(struct buffer *b, uint64_t lost);

/* The container of the namespace (NULL: not known), else that of the first of these owners that has one; "": none is
 * known. */
const char *journal_message_container(const struct snapshot *s, const struct netns *netns, struct range range);

/* Whether the number of a namespace is its inode, and may be said. */
bool journal_message_names_netns(uint64_t netns);
