/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "address.h"
#include "macro.h"

/* sock_diag's exact lookup of one association (net/sctp/diag.c, Linux 4.7): 20 us, no privilege in
 * one's own namespace, and unlike the tables never wrong while others come and go. */

struct diag;

struct diag_association {
        int state;                      /* enum association_state */
        uint64_t inode;
        uint32_t uid;
        uint32_t local_tag, peer_tag;   /* peer_tag 0: not known yet */
};

/* Opens a netlink socket; it belongs to the namespace of the caller. */
int diag_open(struct diag **ret);
struct diag *diag_close(struct diag *d);
DEFINE_CLEANUP(struct diag *, diag_close)

/* Asks for the association of these ports, one address of each side. Any of its bound local addresses
 * with any of its peer addresses finds it, as long as an IPv4 peer comes with an IPv4 local address.
 *
 * -ENOENT: there is none, or the kernel has no sctp_diag: the answer is the same, so take it for "gone"
 * only where another lookup has succeeded. -EAFNOSUPPORT: an IPv4 peer with an IPv6 local address. */
int diag_lookup(struct diag *d, const struct address *local, uint16_t local_port,
                const struct address *peer, uint16_t peer_port, struct diag_association *ret);
