/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>

#include "cause.h"
#include "macro.h"
#include "state.h"

static const char *const names[_CAUSE_MAX] = {
        [CAUSE_UNKNOWN] = "unknown",
        [CAUSE_GRACEFUL] = "graceful",
        [CAUSE_ABORTED] = "aborted",
        [CAUSE_RETRANSMISSIONS_EXHAUSTED] = "retransmissions_exhausted",
        [CAUSE_INIT_TIMEOUT] = "init_timeout",
        [CAUSE_UNREACHABLE] = "unreachable",
};

const char *cause_name(int cause) {
        return cause >= 0 && cause < _CAUSE_MAX ? names[cause] : NULL;
}

/* The peer is given up at the timeout that finds the count at its maximum (sctp_sf_do_6_3_3_rtx). */
static bool nearly_exhausted(const struct ending *e) {
        return e->errors_known && e->errors_max > 0 && e->errors + 1 >= e->errors_max;
}

/* Was there time for the timeouts that were missing? Each path has a timer of its own, which may have been about to
 * expire. */
static bool may_be_exhausted(const struct ending *e) {
        if (!e->errors_known || e->errors_max == 0 || e->rto_usec == 0 || e->errors > e->errors_max)
                return true;

        return MAX(e->paths, 1u) * (1 + e->errors_age_usec / e->rto_usec) > e->errors_max - e->errors;
}

/* SctpAborteds counts both (section 8.1 has no ABORT, but Linux counts it so). */
static enum cause aborted_or_exhausted(const struct ending *e, bool *ret_certain) {
        if (nearly_exhausted(e)) {
                *ret_certain = *ret_certain && (e->errors_fresh || e->errors_age_usec <= 2 * e->rto_usec);
                return CAUSE_RETRANSMISSIONS_EXHAUSTED;
        }
        if (!may_be_exhausted(e))
                return CAUSE_ABORTED;

        *ret_certain = false;
        return (e->paths_troubled > 0 && e->paths_active == 0) || (e->errors_known && e->errors > 0) ?
                CAUSE_RETRANSMISSIONS_EXHAUSTED : CAUSE_ABORTED;
}

static enum cause of_established(const struct ending *e, bool *ret_certain) {
        bool shutting_down = e->state > ASSOCIATION_ESTABLISHED;

        if (e->counted && e->aborts == 0 && e->shutdowns > 0) {
                *ret_certain = e->shutdowns >= e->established;
                return CAUSE_GRACEFUL;
        }
        if (e->counted && e->shutdowns == 0 && e->aborts > 0) {
                *ret_certain = e->aborts >= e->established;
                return aborted_or_exhausted(e, ret_certain);
        }

        /* Nothing is counted, or both kinds of ends: only what it was about to do is left. */
        *ret_certain = false;
        if (e->counted && e->aborts == 0)
                return CAUSE_UNKNOWN;
        if (nearly_exhausted(e))
                return CAUSE_RETRANSMISSIONS_EXHAUSTED;
        return shutting_down && (!e->errors_known || e->errors == 0) ? CAUSE_GRACEFUL : CAUSE_UNKNOWN;
}

/* Without an answer to INIT it ends uncounted. */
static enum cause of_begun(const struct ending *e, bool *ret_certain) {
        uint64_t counted = e->aborts + e->shutdowns;
        bool left = counted > e->established;

        *ret_certain = false;
        if (!e->counted)
                return e->init_retransmissions > 0 ? CAUSE_INIT_TIMEOUT : CAUSE_UNKNOWN;
        if (!left) {
                *ret_certain = e->init_retransmissions > 0 && counted == 0;
                return CAUSE_INIT_TIMEOUT;
        }

        *ret_certain = e->established == 0 && counted >= e->others && e->init_known && e->init_retransmissions == 0;
        if (e->shutdowns == 0)
                return CAUSE_ABORTED;
        if (e->aborts == 0)
                return CAUSE_GRACEFUL;
        *ret_certain = false;
        return CAUSE_UNKNOWN;
}

enum cause cause_find(const struct ending *e, bool *ret_certain) {
        return e->state >= ASSOCIATION_ESTABLISHED ? of_established(e, ret_certain) : of_begun(e, ret_certain);
}
