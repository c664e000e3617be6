/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "snapshot.h"

/* An association that is established and yet not as it should be: the alarm that telecom operators know as
 * "SCTP connection impaired". */
enum impairment {
        IMPAIRED_PATH_INACTIVE,
        IMPAIRED_PATH_PF,               /* potentially failed, RFC 7829 */
        IMPAIRED_PATH_UNCONFIRMED,      /* for longer than three heartbeats */
        IMPAIRED_PRIMARY_NOT_ACTIVE,
        IMPAIRED_HEARTBEATS_OFF,        /* of a path of a multi-homed association */
        _IMPAIRMENT_MAX,
};

/* "path_inactive", "path_pf", "path_unconfirmed", "primary_not_active", "heartbeats_off" */
const char *impairment_name(int impairment);

/* Sets `impaired` and `impairment_known` of an association whose paths are these. Not known: it is not
 * established, or no path's state is given (Linux before 3.19). `hz` 0: not known, then an interval in jiffies
 * counts as 30 s (RFC 9260 section 16). */
void impaired_judge(struct association *a, const struct path *paths, uint64_t hz, uint64_t now_monotonic);
