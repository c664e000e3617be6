/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Why an association went down, as far as looks from outside allow to tell. */
enum cause {
        CAUSE_UNKNOWN,
        CAUSE_GRACEFUL,                 /* SHUTDOWN, RFC 9260 section 9.2, or closed before it was established */
        CAUSE_ABORTED,                  /* ABORT, section 9.1, by either side */
        CAUSE_RETRANSMISSIONS_EXHAUSTED,        /* the peer was given up: section 8.1 */
        CAUSE_INIT_TIMEOUT,             /* no answer to INIT or COOKIE ECHO: section 4 */
        CAUSE_UNREACHABLE,              /* ICMP: the peer's host has no SCTP, or nobody there has that port */
        _CAUSE_MAX,
};

/* "unknown", "graceful", "aborted", "retransmissions_exhausted", "init_timeout", "unreachable"; NULL out of range. */
const char *cause_name(int cause);

/* What is known of an association that is gone. */
struct ending {
        int state;                      /* enum association_state, as last seen */
        uint32_t init_retransmissions;
        bool init_known;
        uint32_t errors;                /* retransmissions in a row: over all paths, or of SHUTDOWN */
        uint32_t errors_max;            /* Association.Max.Retrans; 0: not known */
        bool errors_known;
        bool errors_fresh;              /* as of the last look that showed it */
        uint64_t errors_age_usec;       /* how long before the look in which it is missing */
        uint64_t rto_usec;              /* the least of its paths; 0: not known */
        unsigned paths, paths_active, paths_troubled;   /* known as active; as inactive or potentially failed */
        /* Counted in its namespace, see struct evidence. */
        bool counted;
        uint64_t aborts, shutdowns, established, others;
};

/* The likeliest cause. *ret_certain: nothing else fits what is known. */
enum cause cause_find(const struct ending *e, bool *ret_certain);
