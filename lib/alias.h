/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "macro.h"
#include "snapshot.h"

/* Names that an administrator gives to peers. Filled once, then shared and never changed. */

#define ALIAS_NAMES_MAX         16384u
/* Of one name. */
#define ALIAS_ADDRESSES_MAX     256u
/* Bytes. */
#define ALIAS_NAME_MAX          63u

struct alias_table;

int alias_table_new(struct alias_table **ret);
struct alias_table *alias_table_ref(struct alias_table *t);
struct alias_table *alias_table_unref(struct alias_table *t);
DEFINE_CLEANUP(struct alias_table *, alias_table_unref)

/* Whether it can be the name of a peer: printable, neither '/' nor ':' in it, no space at an end, no address. */
bool alias_is_name(const char *name);

/* A name, then its addresses and its port. -EINVAL: it can be none; -EEXIST: it is there already; -E2BIG: too many;
 * -ENOMEM. */
int alias_add(struct alias_table *t, const char *name);
/* To the name added last. */
int alias_add_address(struct alias_table *t, const struct address *address);
/* Of the peer; without it all its ports count. */
void alias_set_port(struct alias_table *t, uint16_t port);
/* How many addresses the name added last has. */
unsigned alias_count_addresses(const struct alias_table *t);

/* When all are added: from now on they can be found. -ENOMEM. */
int alias_finish(struct alias_table *t);

/* All take NULL for a table that is empty. */
bool alias_has(const struct alias_table *t, const char *name);
/* What the peer of an association is called, NULL: nothing. One of its paths has such an address. Where several match,
 * one with the port comes first, then the one that is first by name. */
const char *alias_find(const struct alias_table *t, const struct snapshot *s, const struct association *a);
