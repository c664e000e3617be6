/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "builder.h"
#include "diag.h"

/* sock_diag as a scan asks it: opened with the first question, given up for the scan after the first
 * failure, and told of in the snapshot's report. */
struct lookup {
        struct diag *diag;
        struct source_report *report;   /* of SOURCE_SOCK_DIAG; NULL: there is no kernel to ask (a saved tree) */
        bool proved;                    /* one has succeeded, so ENOENT means "gone" */
        bool failed;
};

void lookup_done(struct lookup *l);

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
