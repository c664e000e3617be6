/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "snapshot.h"

/* After how many looks a row that no table shows is taken for gone, where sock_diag cannot tell. */
#define SCAN_LOOKS_MAX 5u
/* A kernel table longer than this is refused: 1,000,000 rows of 256 bytes. */
#define SCAN_TABLE_BYTES_MAX (256u * 1024u * 1024u)
/* How often the tables are read again in one scan while remaddr knows associations that assocs did not
 * show: without a scan before there is nothing to tell what was missed. */
#define SCAN_READS_FIRST_MAX 5u
#define SCAN_READS_MAX       2u
/* Lookups of one scan for verification tags not known yet, 20 us each. */
#define SCAN_TAGS_MAX 2000u
/* How many of the known ones are asked for again in one scan. */
#define SCAN_TAGS_REFRESHED_MAX 64u

struct scan_options {
        const char *root;                       /* a saved tree with proc/net/sctp in it; NULL: this kernel */
        const struct snapshot *previous;        /* the scan before; NULL: none, this one is the first */
        uint64_t serial;                        /* from 1; 0: one look by somebody who does not go on watching */
        const char *reason, *advice;            /* what to say if SCTP is not available; NULL: the plain facts */
};

/* Reads SCTP's state in this process's network namespace: the kernel's tables, and by sock_diag each
 * association of `previous` that the tables do not show. Such a one stays in the result unless
 * the kernel says that it is gone; where the kernel cannot tell, with `unseen` counted, until it was not
 * seen SCAN_LOOKS_MAX times.
 *
 * A host without SCTP, a table that cannot be read and malformed rows are no errors of the scan: the
 * snapshot's head says so. -ENOMEM, -E2BIG, and what memfd_create() says. */
int scan_run(const struct scan_options *options, struct snapshot **ret);
