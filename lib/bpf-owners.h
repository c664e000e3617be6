/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

#include "bpf-why.h"
#include "record.h"

/* Lists who has SCTP sockets open by a BPF program, which the kernel calls for each descriptor of each process. It
 * takes a kernel from 5.8 on with BTF, CAP_SYS_ADMIN (or CAP_BPF and CAP_PERFMON), and that this process is in the
 * initial pid namespace, whose numbers are listed. */
struct bpf_owners;

/* Descriptors that are listed. */
#define BPF_OWNERS_MAX 2097152u

/* `why` says in words what stands in the way, on failure. -EOPNOTSUPP: built without BPF, the kernel has no BTF, or
 * this is another pid namespace; -EPERM; what libbpf says. */
int bpf_owners_open(struct bpf_owners **ret, char why[static BPF_WHY_MAX]);
struct bpf_owners *bpf_owners_close(struct bpf_owners *o);
DEFINE_CLEANUP(struct bpf_owners *, bpf_owners_close)

/* All descriptors that lead to SCTP sockets, to be freed by the caller. A process that is forked meanwhile may be
 * missing, and one that ends. -E2BIG beyond BPF_OWNERS_MAX; -ENOMEM; what the kernel says. `why` as above. */
int bpf_owners_run(struct bpf_owners *o, struct record_owner **ret, size_t *ret_n,
                   char why[static BPF_WHY_MAX]);
