/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Why an association went down, as far as looks from outside allow to tell. */
enum cause {
        CAUSE_UNKNOWN,
        CAUSE_GRACEFUL,                 /* SHUTDOWN, RFC 9260 section 9.2, or closed before it was established */
        CAUSE_ABORTED,                  /* ABORT, section 9.1, by either side */
        CAUSE_RETRANSMISSIONS_EXHAUSTED,        /* the peer was given up: section 8.1 */
        CAUSE_INIT_TIMEOUT,             /* no answer to INIT or COOKIE ECHO: section 4 */
        _CAUSE_MAX,
};

/* "unknown", "graceful", "aborted", "retransmissions_exhausted", "init_timeout"; NULL out of range. */
const char *cause_name(int cause);
