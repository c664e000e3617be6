/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "changes.h"
#include "macro.h"
#include "snapshot.h"

/* What goes up and down without end would fill the journal, and push out of it what else happened. When the same two
 * ends do so too often, further entries of theirs are held back and counted, and a summary is told instead: when it
 * begins, once a period, and when they have calmed down. Nothing else is ever held back.
 *
 * The same ends are those of one network namespace with the same ports and the same first address of the peer; an
 * ephemeral port does not count, as a client that comes back has another one each time.
 *
 * The event loop asks damper_pass() for each change before it is told, and when all of one look are told calls
 * damper_next() until it has no more; before it stops, that with `all`. Both take the monotonic time. */

/* An association that is lost and set up again once in a while is to be read in the journal each time; one that needs
 * less than 12 seconds for it, over and over, is one single trouble. */
#define DAMPER_FLAPS_MAX        5u
#define DAMPER_PERIOD_USEC      (60 * USEC_PER_SEC)
/* Ends, and paths of theirs, that are counted at a time, at some 200 bytes. The oldest of the calm ones make room for
 * new ones; where none is calm, new ones are not damped. */
#define DAMPER_SLOTS_MAX        16384u
/* The first one of Linux's ip_local_port_range. */
#define DAMPER_EPHEMERAL_PORT   32768u

struct damper;

/* What is told of ends that flap. */
struct flapping {
        uint64_t netns;                 /* 0: not known */
        struct address local, peer;     /* family 0: not known */
        uint16_t local_port, peer_port; /* 0: ephemeral */
        uint64_t flaps;                 /* how often one of their associations has ended or restarted, */
        uint64_t path_flaps;            /* or one of their paths has ceased to be active, */
        uint64_t span_usec;             /* for so long */
        uint64_t held;                  /* entries held back in that time */
        int state;                      /* of the association now, closed: gone; -1: there are several */
        bool goes_on;                   /* further ones are held back, */
        bool calm;                      /* or are told again from now on; neither: they are not watched any more */
};

int damper_new(struct damper **ret);
struct damper *damper_free(struct damper *d);
DEFINE_CLEANUP(struct damper *, damper_free)

/* Whether the journal is to have this change. If not, it is counted in a summary. */
bool damper_pass(struct damper *d, const struct change *change, uint64_t now);

/* Takes out the next summary that is due; false: there are no more. With `all` whatever was held back is due, and
 * nothing is from then on. */
bool damper_next(struct damper *d, uint64_t now, bool all, struct flapping *ret);
