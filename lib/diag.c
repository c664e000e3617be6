/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sctp.h>
#include <linux/sock_diag.h>
#include <string.h>

#include "diag.h"
#include "state.h"

/* An answer with INFO, 64 local and 64 peer addresses of 128 bytes each. */
#define DIAG_REPLY_BYTES_MAX 32768u
/* The kernel answers at once; without an answer something is badly wrong. */
#define DIAG_TIMEOUT_SEC 2

struct diag {
        struct mnl_socket *socket;
        unsigned sequence;
        char buffer[DIAG_REPLY_BYTES_MAX];
};

int diag_open(struct diag **ret) {
        const struct timeval timeout = { .tv_sec = DIAG_TIMEOUT_SEC };
        _cleanup_(diag_close_p) struct diag *d = NULL;

        d = calloc(1, sizeof(*d));
        if (!d)
                return -ENOMEM;

        d->socket = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
        if (!d->socket || mnl_socket_bind(d->socket, 0, MNL_SOCKET_AUTOPID) < 0)
                return -errno;
        if (setsockopt(mnl_socket_get_fd(d->socket), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
                return -errno;

        *ret = steal_ptr(d);
        return 0;
}

struct diag *diag_close(struct diag *d) {
        if (d) {
                if (d->socket)
                        (void) mnl_socket_close(d->socket);
                free(d);
        }
        return NULL;
}

static int read_info(const struct nlattr *attribute, void *userdata) {
        struct diag_association *a = userdata;
        struct sctp_info info = {};

        /* struct sctp_info has grown and will again: take what is there of it. */
        if (mnl_attr_get_type(attribute) == INET_DIAG_INFO) {
                memcpy(&info, mnl_attr_get_payload(attribute),
                       MIN(sizeof(info), (size_t) mnl_attr_get_payload_len(attribute)));
                a->local_tag = info.sctpi_tag;
                a->peer_tag = info.sctpi_peer_tag;
        }

        return MNL_CB_OK;
}

static int read_message(const struct nlmsghdr *header, void *userdata) {
        const struct inet_diag_msg *message = mnl_nlmsg_get_payload(header);
        struct diag_association *a = userdata;

        if (mnl_nlmsg_get_payload_len(header) < sizeof(*message)) {
                errno = EBADMSG;
                return MNL_CB_ERROR;
        }

        a->state = association_state_from_diag(message->idiag_state);
        a->inode = message->idiag_inode;
        a->uid = message->idiag_uid;
        if (mnl_attr_parse(header, sizeof(*message), read_info, a) < 0)
                return MNL_CB_ERROR;
        if (a->state < 0) {
                errno = EBADMSG;
                return MNL_CB_ERROR;
        }

        return MNL_CB_STOP;
}

/* The kernel finds the association by peer address and ports, then asks whether the local address is
 * bound (sctp_addrs_lookup_transport). Tried on 6.1 and 6.12, one-to-one sockets of both families:
 *
 * - each bound local with each peer address of the same family finds a multi-homed association, the
 *   primary path or not, in COOKIE_WAIT too;
 * - IPv4 addresses of an AF_INET6 socket are found as AF_INET, not as IPv4-mapped ones;
 * - an IPv6 peer is also found with an IPv4 local address written as IPv4-mapped; the other way round,
 *   an IPv4-mapped peer, is never found. */
int diag_lookup(struct diag *d, const struct address *local, uint16_t local_port,
                const struct address *peer, uint16_t peer_port, struct diag_association *ret) {
        struct diag_association result = { .state = _ASSOCIATION_STATE_INVALID };
        struct inet_diag_req_v2 *request;
        struct nlmsghdr *header;
        int r;

        if (local->family != peer->family && peer->family != AF_INET6)
                return -EAFNOSUPPORT;

        header = mnl_nlmsg_put_header(d->buffer);
        header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
        header->nlmsg_flags = NLM_F_REQUEST;
        header->nlmsg_seq = ++d->sequence;
        request = mnl_nlmsg_put_extra_header(header, sizeof(*request));
        *request = (struct inet_diag_req_v2) {
                .sdiag_family = peer->family,
                .sdiag_protocol = IPPROTO_SCTP,
                .idiag_ext = 1 << (INET_DIAG_INFO - 1),
                .idiag_states = UINT32_MAX,
                .id = {
                        .idiag_sport = htons(local_port),
                        .idiag_dport = htons(peer_port),
                        .idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE },
                },
        };
        if (local->family == peer->family)
                memcpy(request->id.idiag_src, local->bytes, sizeof(local->bytes));
        else {
                request->id.idiag_src[2] = htonl(0xffff);
                memcpy(&request->id.idiag_src[3], local->bytes, 4);
        }
        memcpy(request->id.idiag_dst, peer->bytes, sizeof(peer->bytes));

        if (mnl_socket_sendto(d->socket, header, header->nlmsg_len) < 0)
                return -errno;

        do {
                ssize_t n = mnl_socket_recvfrom(d->socket, d->buffer, sizeof(d->buffer));

                if (n < 0)
                        return errno == EINTR ? -EAGAIN : -errno;
                r = mnl_cb_run(d->buffer, (size_t) n, d->sequence, mnl_socket_get_portid(d->socket),
                               read_message, &result);
                /* ESRCH: not the answer to this request but a late one to an earlier. */
        } while (r < 0 && errno == ESRCH);
        if (r < 0)
                return -errno;
        if (result.state < 0)
                return -EBADMSG;

        *ret = result;
        return 0;
}
