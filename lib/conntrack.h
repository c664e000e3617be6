/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "address.h"
#include "macro.h"

/* Where a connection came in before DNAT (a published container port, a Kubernetes hostPort or NodePort): one
 * lookup of a tuple in the connection tracking table of the namespace that translates (ctnetlink, CAP_NET_ADMIN). */
struct conntrack;

/* In the caller's namespace. -EOPNOTSUPP: connection tracking is not loaded, and is not going to be because of us: the
 * sysctl nf_conntrack_max is there just while it is, in every namespace and for everybody to see. What only answers
 * about it the kernel then loads by itself, as it does for anybody with a user namespace of his own: nfnetlink here,
 * nf_conntrack_netlink at the first question by one who may ask. Tried on 6.1 and 6.12. */
int conntrack_open(struct conntrack **ret);
struct conntrack *conntrack_close(struct conntrack *c);
DEFINE_CLEANUP(struct conntrack *, conntrack_close)

struct conntrack_end {
        struct address address;
        uint16_t port;
};

/* Reads from one answer of the kernel's where the first packet was sent to, and from where the answers come.
 * -EBADMSG: it is none about a connection of SCTP. */
struct nlmsghdr;
int conntrack_read(const struct nlmsghdr *header, struct conntrack_end *ret_original,
                   struct conntrack_end *ret_answering);

/* For an association between these ends, as its own namespace sees it: the address and port that the peer had
 * connected to, where that is another one; 20 to 80 us in an emulated machine. Behind MASQUERADE the peer is the
 * translated one, as the association has it. Only the default zone is asked.
 *
 * -ENOENT: there is no entry, no DNAT in it, or this end began the connection. -EPERM: without CAP_NET_ADMIN (opening
 * does not tell). -EOPNOTSUPP: nobody answers, because nf_conntrack_netlink cannot be loaded. -EAFNOSUPPORT: the ends
 * are of different families. -EAGAIN: no answer in 2 s, or a signal came; asking again is safe. */
int conntrack_original(struct conntrack *c, const struct address *local, uint16_t local_port,
                       const struct address *peer, uint16_t peer_port, struct address *ret, uint16_t *ret_port);
