/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "builder.h"
#include "diag.h"
#include "netns.h"

/* sock_diag as a scan asks it: opened with the first question in a namespace, given up there after the first
 * failure, and told of in the snapshot's report. */
struct lookup {
        const struct netns_list *list;
        const struct netns_place *place;        /* the namespace to ask in; NULL: our own */
        struct diag *diag;
        struct source_report *report;   /* of SOURCE_SOCK_DIAG; NULL: there is no kernel to ask (a saved tree), or it
                                           is not to be asked */
        bool proved;                    /* one has succeeded, so ENOENT means "gone" */
        bool failed;                    /* in this namespace */
};

void lookup_done(struct lookup *l);

/* Asks in another namespace from now on. */
void lookup_move(struct lookup *l, const struct netns_place *place);

/* Asks for an association by its ports and the addresses it is known to have. -ENOENT: there is none, if
 * lookup_proven(); any other error: nothing is known. */
int lookup_association(struct lookup *l, const struct association *a, const struct address *local,
                       const struct path *paths, struct diag_association *ret);
/* The same for one of the builder's own. */
int lookup_built(struct lookup *l, const struct builder *b, const struct association *a, struct diag_association *ret);

/* Whether -ENOENT means that the association is gone. It is also the answer of a kernel without sctp_diag,
 * so it counts only where the same question about one that is there, as those in the builder should be,
 * has another answer, or where the module is seen to be there. */
bool lookup_proven(struct lookup *l, const struct builder *b);
