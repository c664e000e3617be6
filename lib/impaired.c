/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "impaired.h"
#include "macro.h"

/* HB.interval of RFC 9260 section 16, where the association's own is not known. */
#define HEARTBEAT_INTERVAL_USEC (30 * USEC_PER_SEC)
/* A path that is not confirmed after so many heartbeats is not going to be. */
#define HEARTBEATS_UNCONFIRMED 3u

const char *impairment_name(int impairment) {
        static const char *const names[_IMPAIRMENT_MAX] = {
                [IMPAIRED_PATH_INACTIVE] = "path_inactive",
                [IMPAIRED_PATH_PF] = "path_pf",
                [IMPAIRED_PATH_UNCONFIRMED] = "path_unconfirmed",
                [IMPAIRED_PRIMARY_NOT_ACTIVE] = "primary_not_active",
                [IMPAIRED_HEARTBEATS_OFF] = "heartbeats_off",
        };

        return impairment >= 0 && impairment < _IMPAIRMENT_MAX ? names[impairment] : NULL;
}

static bool unconfirmed_for_long(const struct association *a, const struct path *p, uint64_t hz,
                                 uint64_t now_monotonic) {
        uint64_t interval = HEARTBEAT_INTERVAL_USEC;

        if (hz > 0 && FIELD_GIVEN(a, ASSOCIATION_HEARTBEAT_INTERVAL) && a->heartbeat_interval > 0)
                interval = a->heartbeat_interval * USEC_PER_SEC / hz;

        return FIELD_GIVEN(p, PATH_STATE_SINCE) && now_monotonic > p->state_since_monotonic &&
               now_monotonic - p->state_since_monotonic > HEARTBEATS_UNCONFIRMED * interval;
}

/* The socket option says it; the table only that the timer did not run just now, which counts when it was so twice. */
static bool heartbeats_off(const struct path *p) {
        if (FIELD_GIVEN(p, PATH_HEARTBEATS))
                return !p->detail.heartbeats;

        return FIELD_GIVEN(p, PATH_HEARTBEAT_PENDING) && p->heartbeat_missing >= 2;
}

void impaired_judge(struct association *a, const struct path *paths, uint64_t hz, uint64_t now_monotonic) {
        bool known = a->paths.count > 0;
        unsigned reasons = 0;

        a->impaired = 0;
        a->impairment_known = 0;
        if (a->state != ASSOCIATION_ESTABLISHED) {
                a->judged = 0;
                return;
        }

        for (uint32_t i = 0; i < a->paths.count; i++) {
                const struct path *p = paths + i;

                if (a->paths.count > 1 && heartbeats_off(p))
                        reasons |= 1u << IMPAIRED_HEARTBEATS_OFF;
                /* It may be the one that does not work. */
                if (!FIELD_GIVEN(p, PATH_STATE) || (p->state == PATH_UNKNOWN && p->last_state > 0))
                        known = false;
                else if (p->state == PATH_INACTIVE)
                        reasons |= 1u << IMPAIRED_PATH_INACTIVE;
                else if (p->state == PATH_PF)
                        reasons |= 1u << IMPAIRED_PATH_PF;
                else if (p->state == PATH_UNCONFIRMED && unconfirmed_for_long(a, p, hz, now_monotonic))
                        reasons |= 1u << IMPAIRED_PATH_UNCONFIRMED;
                /* Never tried is not failed. */
                if (FIELD_GIVEN(p, PATH_STATE) && p->address.primary &&
                    p->state != PATH_ACTIVE && p->state != PATH_UNKNOWN)
                        reasons |= 1u << IMPAIRED_PRIMARY_NOT_ACTIVE;
        }

        if (!known)
                return;

        a->impaired = (uint8_t) reasons;
        a->impairment_known = 1;
        /* Its start is known of what was not so before, or has been seen to begin just now. */
        if (!a->judged || !a->last_impaired) {
                bool begins = a->judged || a->last_change_monotonic == now_monotonic;

                a->impaired_since_monotonic = begins ? now_monotonic : 0;
        }
        a->last_impaired = a->impaired;
        a->judged = 1;
}
