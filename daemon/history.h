/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "filter.h"
#include "server.h"

/* The last changes, kept in memory: what was told of them, ready to be sent again. Bounded by number and by bytes; the
 * oldest make room, and that is counted. Each has a number, from 0 on without gaps, so that who is told bit by bit
 * knows where to go on. */

/* What the configuration may ask for. */
#define HISTORY_CHANGES_MAX     1000000u
#define HISTORY_BYTES_MIN       (64u * 1024u)
#define HISTORY_BYTES_MAX       (1024u * 1024u * 1024u)

/* A change as it is told. */
struct event {
        uint64_t at;                    /* realtime, usec */
        struct message *message;        /* NULL: there was no memory for it */
        struct filter_key *key;
};

/* `message` is NULL if there is no memory. */
void event_init(struct event *e, const struct change *c);
void event_done(struct event *e);

struct history;

struct history_counts {
        uint64_t changes, bytes;
        uint64_t since;                 /* realtime, usec: of what has happened from then on it has every change */
        uint64_t dropped;               /* so many have had to make room */
};

/* It begins now, which is `since`. */
int history_new(uint64_t since, struct history **ret);
struct history *history_free(struct history *h);
DEFINE_CLEANUP(struct history *, history_free)

/* Fewer than it has: the oldest make room. */
void history_set_limits(struct history *h, uint64_t changes_max, uint64_t bytes_max);

/* Takes over what is in `e`. */
void history_add(struct history *h, struct event *e);

/* The number of the oldest one there is, and that of the next to come. */
uint64_t history_first(const struct history *h);
uint64_t history_end(const struct history *h);

/* Who reads it bit by bit. Times count by the millisecond, as they are told. */
struct reading {
        const struct filter *filter;
        uint64_t since, until;          /* realtime, usec, both included */
        uint64_t after;                 /* the same, to the usec and not included: an older one is not wanted */
        uint64_t number, end;           /* the next one; the one before which it ends */
        bool gaps;                      /* some may be missing: */
        uint64_t complete;              /* realtime, usec: of what has happened from then on none is */
};

/* 1: *ret is the next one that is wanted, valid until the next history_add(). 0: there are no more. -ESTALE: those
 * that were to come have had to make room, from `number` up to history_first(); with `gaps` it goes on behind them. */
int history_read(const struct history *h, struct reading *r, const struct event **ret);

struct history_counts history_get_counts(const struct history *h);
