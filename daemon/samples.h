/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "macro.h"
#include "snapshot.h"

/* Figures of each association in the course of time, for drawing: the last SAMPLES_MAX rounds. When all of them do not
 * fit into the memory that is allowed, each has fewer, at the least SAMPLES_MIN; and when that is too much, those that
 * came last have none. */

#define SAMPLES_MAX             60u
#define SAMPLES_MIN             5u

#define SAMPLES_BYTES_MAX       (1024u * 1024u * 1024u)
#define SAMPLES_INTERVAL_USEC_MIN USEC_PER_SEC
#define SAMPLES_INTERVAL_USEC_MAX (3600 * USEC_PER_SEC)

struct samples;

struct samples_counts {
        uint64_t samples, bytes;
        unsigned depth;                 /* so many of each are kept at the most */
        uint32_t without;               /* associations for which there is no room */
};

int samples_new(struct samples **ret);
struct samples *samples_free(struct samples *t);
DEFINE_CLEANUP(struct samples *, samples_free)

/* One round: keeps the figures of all associations of the snapshot, and forgets those that are gone. A detail that is
 * older than `interval_usec` is not told again. Bytes 0: nothing is kept. -ENOMEM: this round is left out. */
int samples_add(struct samples *t, const struct snapshot *s, uint64_t interval_usec, uint64_t bytes_max);

/* Those of an association, the oldest first: an array of type Sample; NULL when out of memory. */
json_t *samples_json(const struct samples *t, const struct snapshot *s, const struct association *a);

struct samples_counts samples_get_counts(const struct samples *t);
