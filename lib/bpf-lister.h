/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bpf-listing.h"
#include "bpf-why.h"

/* Walks through the kernel's own lists of associations and of endpoints by BPF programs: linear, right while others come
 * and go, and all network namespaces at once. It takes a kernel from 5.15 on with kprobes, and with BTF of itself and of
 * the module sctp, which is loaded already; and CAP_SYS_ADMIN for the programs and the module's BTF. */
struct bpf_lister;

/* `why` says in words what stands in the way, on failure. -EOPNOTSUPP: built without BPF, or the kernel has no BTF;
 * -EPERM; what libbpf says. */
int bpf_lister_open(struct bpf_lister **ret, char why[static BPF_WHY_MAX]);
struct bpf_lister *bpf_lister_close(struct bpf_lister *l);
DEFINE_CLEANUP(struct bpf_lister *, bpf_lister_close)

/* Fills the (empty) listing, and finishes it. -EAGAIN: a list changed too often to be walked; -EOPNOTSUPP: it is in a
 * form that is not walked; -ENOMEM; -E2BIG; what the kernel says. `why` as above. */
int bpf_lister_run(struct bpf_lister *l, struct bpf_listing *ret, char why[static BPF_WHY_MAX]);
