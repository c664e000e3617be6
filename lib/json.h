/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "buffer.h"
#include "changes.h"
#include "macro.h"
#include "snapshot.h"

/* The interface's objects, made from a snapshot. Fields that no source gave are absent.
 *
 * Listings are of many rows with many fields: those are written as text at once, which takes a fifth of the
 * time of a tree of json_t that is made, printed and thrown away. The functions that return such a tree read
 * the same text; they return a new reference, NULL when out of memory. */

DEFINE_CLEANUP(json_t *, json_decref)

/* What the association before had, for those after it in the same snapshot: mostly they differ in a few fields, and the
 * rest is copied. NULL when out of memory. */
struct json_memo;
struct json_memo *json_memo_new(void);
struct json_memo *json_memo_free(struct json_memo *m);
DEFINE_CLEANUP(struct json_memo *, json_memo_free)

void json_write_endpoint(struct buffer *b, const struct snapshot *s, const struct endpoint *e);
/* `peer_name` is what the configuration calls the peer; NULL: nothing. The memo may be NULL. */
void json_write_association(struct buffer *b, struct json_memo *m, const struct snapshot *s,
                            const struct association *a, const char *peer_name);
/* Type Owner of the interface. */
void json_write_owner(struct buffer *b, const struct process *p);
/* Type Namespace of the interface. */
void json_write_netns(struct buffer *b, const struct netns *n);
/* Type Change of the interface; none is made of CHANGE_FIGURES. */
void json_write_change(struct buffer *b, const struct change *change);

json_t *json_endpoint(const struct snapshot *s, const struct endpoint *e);
json_t *json_association(const struct snapshot *s, const struct association *a, const char *peer_name);
json_t *json_owner(const struct process *p);
json_t *json_netns(const struct netns *n);
json_t *json_change(const struct change *change);
/* { "SctpCurrEstab": 3, … } of one namespace, or with NULL the sums over all. */
json_t *json_counters(const struct snapshot *s, const uint64_t *netns);
/* Type Scan of the interface. `now_monotonic` gives its age. */
json_t *json_scan(const struct snapshot *s, uint64_t now_monotonic, bool stale);

/* Sets a member from a uint64; beyond int64 it becomes a decimal string, as Varlink asks for. */
int json_set_u64(json_t *object, const char *name, uint64_t value);
