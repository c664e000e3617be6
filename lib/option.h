/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "builder.h"

/* Socket options of other processes' SCTP sockets (RFC 6458 section 8), by a duplicate of their descriptor that
 * pidfd_getfd() makes (Linux 5.6; CAP_SYS_PTRACE). A duplicate has side effects while it is held: the owner's
 * close() does not end the association, a listener's port stays taken. So it is held for a few getsockopt() calls
 * and nothing else. SCTP_GET_ASSOC_STATS, which resets what it tells, is not among them. */

/* Associations of a one-to-many socket that are asked for while a duplicate is held once. */
#define OPTION_BATCH_MAX 8u

/* Whose socket it is. */
struct option_socket {
        pid_t pid;
        int fd;
        uint64_t inode;                 /* what the descriptor must still be: the process may have closed it */
};

/* Reads SCTP_STATUS, and for the first 16 paths SCTP_GET_PEER_ADDR_INFO and SCTP_PEER_ADDR_PARAMS, of the builder's
 * associations with these indices (at most OPTION_BATCH_MAX), all of this socket, into their details and their paths'
 * details; `now` (realtime) becomes their options_at. *ret_hold_usec: how long the duplicate was held.
 * 0: at least one was read; -ESTALE: it is another socket now; -EPERM; -ENOENT: the socket knows none of them, and was
 * held (an association that is not accepted yet is not its listener's to ask about); -ENOSYS: Linux before 5.6. */
int option_read(const struct option_socket *socket, struct builder *b, const uint32_t *associations, size_t n,
                uint64_t now, uint64_t *ret_hold_usec);

/* The endpoint of a socket that no table shows: local port and addresses, state, style; uid is the owner's. The
 * addresses are appended to the builder. Fails as option_read(); -ENOTCONN: it is not bound; -ENOBUFS: it has more
 * than 256 addresses. */
int option_read_endpoint(const struct option_socket *socket, struct builder *b, struct endpoint *e,
                         uint64_t *ret_hold_usec);

/* SCTP_GET_ASSOC_STATS (RFC 6458 has no such option, Linux 3.9): asked for by a person only, because it resets
 * the greatest RTO for everyone who asks. The id is looked at for one-to-many sockets only. Fails as option_read();
 * -EOPNOTSUPP: the tick is not known (hz 0), nothing was asked for. */
struct option_statistics {
        uint64_t max_rto;               /* ms, greatest since the last time anyone asked */
        struct address max_rto_path;
};
int option_read_statistics(const struct option_socket *socket, uint32_t association_id, uint64_t hz,
                           struct option_statistics *ret, uint64_t *ret_hold_usec);
