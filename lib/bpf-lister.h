/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bpf-listing.h"

/* Walks through the kernel's own list of associations by a BPF program: linear, right while others come and go, and all
 * network namespaces at once. It takes a kernel from 5.15 on with BTF of itself and of the module sctp, which is loaded
 * already; CAP_SYS_ADMIN for the program and the module's BTF, and CAP_SYSLOG to learn where the list is
 * (/proc/kallsyms). */
struct bpf_lister;

#define BPF_LISTER_WHY_MAX 128

/* `why` says in words what stands in the way, on failure. -EOPNOTSUPP: built without BPF, or the kernel has no BTF;
 * -EPERM; what libbpf says. */
int bpf_lister_open(struct bpf_lister **ret, char why[static BPF_LISTER_WHY_MAX]);
struct bpf_lister *bpf_lister_close(struct bpf_lister *l);
DEFINE_CLEANUP(struct bpf_lister *, bpf_lister_close)

/* Fills the (empty) listing, and finishes it. -EAGAIN: the list changed too often to be walked; -EOPNOTSUPP: it is in a
 * form that is not walked; -ENOMEM; -E2BIG; what the kernel says. `why` as above. */
int bpf_lister_run(struct bpf_lister *l, struct bpf_listing *ret, char why[static BPF_LISTER_WHY_MAX]);
