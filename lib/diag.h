/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "macro.h"
#include "snapshot.h"

/* sock_diag's exact lookup of one association (net/sctp/diag.c, Linux 4.7): 20 us, no privilege in
 * one's own namespace, and unlike the tables never wrong while others come and go. */

struct diag;

/* Addresses of one side that are taken from an answer; more are counted only. */
#define DIAG_ADDRESSES_MAX 64u

struct diag_association {
        int state;                      /* enum association_state */
        uint64_t inode;
        uint32_t uid;
        /* What struct sctp_info and the other attributes tell, in the snapshot's units; `given` has the bits of
         * the second word of its fields. diag_at is the caller's to set. */
        uint64_t given;
        struct association_detail detail;
        /* The same of the primary path; family 0: not told. p_hbinterval, jiffies there, is given if hz is known. */
        struct address primary;
        uint64_t path_given;
        struct path_detail path;
        /* LOCALS and PEERS, with those that the tables hide because they are not valid yet. Of an answer of more than
         * 32 KiB (some 240 addresses of both sides) none is told. */
        uint32_t n_local, n_peers;      /* as many as were sent */
        struct address local[DIAG_ADDRESSES_MAX], peers[DIAG_ADDRESSES_MAX];
};

/* Reads one answer of the kernel's. -EBADMSG: it is none about an association; then *ret is of no use. */
struct nlmsghdr;
int diag_read(const struct nlmsghdr *header, struct diag_association *ret);

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
