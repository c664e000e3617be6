/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "cause.h"
#include "news-told.h"
#include "snapshot.h"
#include "trigger.h"
#include "unobserved.h"

enum change_type {
        CHANGE_ASSOCIATION_UP,          /* reached established, or is first seen so */
        CHANGE_ASSOCIATION_STATE,       /* any other step, its first appearance (from closed) included */
        CHANGE_ASSOCIATION_DOWN,        /* is gone; its new state is closed */
        CHANGE_ASSOCIATION_RESTART,     /* other tags on both sides under the same id: RFC 9260 section 5.2.4, action A */
        CHANGE_PATH_STATE,
        CHANGE_PATH_ADDED,
        CHANGE_PATH_REMOVED,
        CHANGE_PRIMARY_CHANGED,
        CHANGE_IMPAIRED,                /* or for other reasons than before */
        CHANGE_RECOVERED,
        CHANGE_ENDPOINT_ADDED,
        CHANGE_ENDPOINT_REMOVED,
        CHANGE_UNOBSERVED,              /* associations that no look has shown: their number is known by counters alone */
        CHANGE_FIGURES,                 /* of an association: nothing but its figures; told only when asked for */
        CHANGE_STEP,                    /* a chunk, a timer or a request that the kernel's state machine has dealt with,
                                         * whatever it changed; told only when asked for. One for which there is no
                                         * association has old_state and new_state closed */
        _CHANGE_TYPE_MAX,
};

/* How sure a report is: exact when the kernel told it as it did it; high when the kernel, asked, told it of this very
 * association; low when it was only not seen SCAN_CARRY_LOOKS_MAX times, or when its whole network namespace has ended or
 * could not be looked into. */
enum certainty {
        CERTAINTY_LOW,
        CERTAINTY_HIGH,
        CERTAINTY_EXACT,
};

struct change {
        enum change_type type;
        enum certainty certainty;
        uint64_t at;                            /* realtime of the scan that saw it, usec */
        const struct snapshot *snapshot;        /* that the elements below belong to: the newest that has them */
        const struct association *association;  /* or NULL */
        const struct endpoint *endpoint;        /* or NULL */
        int old_state, new_state;               /* of the association */
        uint64_t duration_usec;                 /* how long the old state (of path_state: the path's; of recovered: the
                                                 * impairment) had lasted; 0: its start was not observed */
        const struct path *path;                /* of path_state, path_added, path_removed; of step: where the chunk came
                                                 * from, or the timer's; else NULL */
        int path_old_state, path_new_state;     /* of path_state; -1: not known */
        const struct address *old_primary;      /* of primary_changed; NULL: none was marked */
        uint32_t old_local_tag, old_peer_tag;   /* of association_restart: until then; 0: not known */
        uint8_t reasons;                        /* bits of enum impairment. impaired: now; recovered: until now */
        enum cause cause;                       /* of association_down */
        enum certainty cause_certainty;
        uint64_t netns;                         /* of unobserved: where */
        uint64_t established, failed;           /* of unobserved: so many were established, so many never came about */
        const struct trigger *trigger;          /* what made the kernel do it; NULL: not known */
        const char *peer_name;                  /* what the configuration calls the association's peer; NULL: nothing.
                                                 * Left to those who hand the change on */
};

/* "association_up", …; NULL out of range and for figures, which are no news. "exact", "high", "low". */
const char *change_type_name(int type);
const char *certainty_name(int certainty);

/* Called for each change; what it points to lives as long as the two snapshots. Negative ends the walk. */
typedef int (*change_handler)(const struct change *change, void *userdata);

/* Finds what changed from `before` to `after`, in time linear in their rows; with `figures` also the
 * associations whose figures differ. Without SCTP in `after` nothing is said, nor of network namespaces that one of
 * the two did not watch. `tally` is what the counters have told up to `before`, and takes in those of `after`: without
 * it (NULL) all causes are unknown, and nothing unobserved is told. Of what news have `told` (NULL: nothing) since
 * `before` nothing is told again; what is older than `after` is forgotten then. Returns 0, -ENOMEM, or what the handler
 * returned. */
int changes_find(const struct snapshot *before, const struct snapshot *after, bool figures, struct unobserved *tally,
                 struct news_told *told, change_handler handler, void *userdata);

/* Tells each happening of the news as a change, and notes it in `told` and, if there is one, in `tally`: all but steps.
 * `look` (NULL: none) is the last one, which was compared with the one before as if these news were not: what happened
 * while it was made, and stands in it, has been told. `early`: it is the first one, and what happened before it is part
 * of it. Those for which there is no room are left to the next look: *ret_left, where that is so. Returns as above. */
int changes_tell(struct snapshot *news, const struct snapshot *look, bool early, struct news_told *told,
                 struct unobserved *tally, bool *ret_left, change_handler handler, void *userdata);
