/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "builder.h"

/* Readers of /proc/net/sctp/{eps,assocs,remaddr,snmp} (net/sctp/proc.c): pure functions of a text that
 * append what they read to a builder. text[length] must be a NUL. `netns` is the namespace the text is of,
 * 0 if not known. A malformed row is passed over and complained of. The number of rows goes into the source's report.
 *
 * 0; -EBADMSG: no table of this kind at all (complained of); -ENOMEM; -E2BIG. */

int proc_read_eps(struct builder *b, uint64_t netns, const char *text, size_t length);

/* `shifted` by state_shifted(). Paths have their address and the primary mark only. A row of an association that the
 * kernel has begun to free, closed and without addresses, is none. */
int proc_read_assocs(struct builder *b, uint64_t netns, bool shifted, const char *text, size_t length);

int proc_read_snmp(struct builder *b, uint64_t netns, const char *text, size_t length);

/* One row of remaddr. */
struct proc_remaddr {
        uint32_t association_id;        /* 0 while the association has none */
        struct path path;               /* all but the primary mark */
};

/* The rows as an array of the caller's to free. */
int proc_read_remaddr(struct builder *b, const char *text, size_t length, struct proc_remaddr **ret, size_t *ret_n);
