/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "record.h"
#include "snapshot.h"

/* What the programs in bpf/ tell, in the snapshot's words and units. `hz` is the length of the kernel's jiffies; 0: not
 * known, then what is given in ms is absent. All fail with -EBADMSG if a record says what the kernel cannot mean; what is
 * in *ret then means nothing. */

/* Its range of addresses stays empty. */
int bpf_record_endpoint(const struct record_endpoint *r, struct endpoint *ret);

/* `at` (realtime, usec): as of when it is. The association's ranges stay empty. */
int bpf_record_association(const struct record_association *restrict r, uint64_t hz, uint64_t at,
                           struct association *restrict ret);
int bpf_record_path(const struct record_path *restrict r, uint64_t hz, struct path *restrict ret);
int bpf_record_address(const struct record_address *from, struct address *ret);
