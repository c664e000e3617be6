/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "address.h"
#include "macro.h"

/* Where a connection came in before DNAT (a published container port, a Kubernetes hostPort or NodePort): one
 * lookup of a tuple in the connection tracking table of the namespace that translates (ctnetlink, CAP_NET_ADMIN). */
struct conntrack;

/* In the caller's namespace. -EOPNOTSUPP: connection tracking is not loaded, and is not going to be because of us: the
 * sysctl nf_conntrack_max is there just while it is. (nf_conntrack_netlink, which answers, the kernel then loads
 * by itself with the first question.) */
int conntrack_open(struct conntrack **ret);
struct conntrack *conntrack_close(struct conntrack *c);
DEFINE_CLEANUP(struct conntrack *, conntrack_close)

struct conntrack_end {
        struct address address;
        uint16_t port;
};

/* Reads from one answer of the kernel's where the first packet was sent to, and from where the answers come.
 * -EBADMSG: it is none about a connection. */
struct nlmsghdr;
int conntrack_read(const struct nlmsghdr *header, struct conntrack_end *ret_original,
                   struct conntrack_end *ret_answering);

/* For an association between these ends, as its own namespace sees it: the address and port that the peer had
 * connected to, where that is another one. -ENOENT: there is no entry, or no DNAT in it; -EPERM; -EOPNOTSUPP: nobody
 * answers, because nf_conntrack_netlink cannot be loaded. */
int conntrack_original(struct conntrack *c, const struct address *local, uint16_t local_port,
                       const struct address *peer, uint16_t peer_port, struct address *ret, uint16_t *ret_port);
