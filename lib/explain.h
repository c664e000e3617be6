/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* What each thing that sctpmon and the kernel's tables show means: for `sctpctl explain` and sctpmon-fields(7),
 * which is made from this table. */
struct explanation {
        const char *name;               /* in JSON: "rtoMs" */
        const char *subject;            /* "association", "path", "endpoint", "owner", "namespace", "counter" */
        const char *columns;            /* what tables call it, with spaces between: "RTO"; NULL: nothing */
        const char *unit;               /* "ms"; NULL: it has none */
        const char *source;             /* "remaddr", "sock_diag (sctpi_p_rto)", … */
        const char *reference;          /* "RFC 9260 section 6.3.1"; NULL: none */
        const char *text;               /* one to three sentences, and what to look for */
};

extern const struct explanation explanations[];
extern const size_t n_explanations;

/* Finds by name, by a word of a name, or by column, in any case and with hyphens, underscores and spaces alike: the
 * first at or behind *cursor (which starts as 0 and is moved behind it); NULL: no more. */
const struct explanation *explain_find(const char *word, size_t *cursor);
