/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cause.h"
#include "macro.h"
#include "snapshot.h"

/* What the kernel's counters say beside what the looks have shown, by network namespace: evidence for the cause of an
 * end, and how many associations came and went between two looks.
 *
 * The kernel counts before it shows or hides (net/sctp/sm_statefuns.c): SctpActiveEstabs or SctpPassiveEstabs when an
 * association is established; SctpShutdowns when it ends by SHUTDOWN, or is closed before it is established; and
 * SctpAborteds when it ends by an ABORT of either side, or because the peer does not answer any more. That nobody
 * answers INIT is not counted. */

/* What is counted and still lives is shown by the tables within so many looks: the counters are read after the
 * tables, which then miss a new row for one look or two, and hardly ever for three. */
#define UNOBSERVED_LOOKS 4u

struct unobserved;

int unobserved_new(struct unobserved **ret);
struct unobserved *unobserved_free(struct unobserved *t);
DEFINE_CLEANUP(struct unobserved *, unobserved_free)

/* What one look tells of one namespace. First come all ends, then causes are looked for, then the rest. */
struct count;

/* Takes in the counters of `after`; at the first call, where there is nothing yet, those of `before`, too. -ENOMEM. */
int unobserved_begin(struct unobserved *t, const struct snapshot *before, const struct snapshot *after);

/* News tell of an association as established, or as gone; it is counted in by the next look. -ENOMEM. */
int unobserved_tell_up(struct unobserved *t, uint64_t netns);
int unobserved_tell_down(struct unobserved *t, uint64_t netns, bool established, enum cause cause);

/* NULL: the namespace is not there, or is another one than before. */
struct count *unobserved_count(struct unobserved *t, uint64_t netns);

/* An association is told of as established. */
void count_up(struct count *c);

/* One is in the snapshot that neither the tables nor sock_diag have shown: it may have ended. */
void count_unseen(struct count *c);

/* One is told of as gone. `established`: it had been; `unseen`: it had been kept so, and may have been counted long
 * ago. */
void count_down(struct count *c, bool established, bool unseen);

/* What speaks for the ends that were told of in this look. */
struct evidence {
        bool known;                     /* the counters could be read */
        uint64_t aborts, shutdowns;     /* counted since the look before the last one, and not told of by that one */
        uint64_t established, others;   /* told of: so many had been established, so many not yet */
};
struct evidence count_evidence(const struct count *c);

/* One of the ends is put down to this: of what was counted it is told of. */
void count_cause(struct count *c, enum cause cause);

/* Associations that neither a look nor news have shown, of which this has not said so yet: so many were established,
 * and so many ended without having been. It is never more than there were, and once it has been calm for
 * UNOBSERVED_LOOKS looks the established are just those that were not told of; of the failed it may be less for good,
 * where others were told of as gone whose end may or may not have been counted. Where news have told all that happened
 * since the look before (events_on, and none were lost) nothing is unobserved, whatever the counters say: when there were
 * UNOBSERVED_LOOKS such looks what was not observed before them has been told of, too. Call it once a look. */
void count_unobserved(struct count *c, uint64_t *ret_established, uint64_t *ret_failed);
