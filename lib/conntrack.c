/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

#include "conntrack.h"

/* Of mnl_attr_for_each(): it takes a difference of pointers for an int. */
#pragma GCC diagnostic ignored "-Wconversion"

/* An entry with its counters and helpers is some hundred bytes. */
#define CONNTRACK_REPLY_BYTES_MAX 8192u
/* The kernel answers at once; without an answer something is badly wrong. */
#define CONNTRACK_TIMEOUT_SEC 2

struct conntrack {
        struct mnl_socket *socket;
        unsigned sequence;
        char buffer[CONNTRACK_REPLY_BYTES_MAX];
};

int conntrack_open(struct conntrack **ret) {
        const struct timeval timeout = { .tv_sec = CONNTRACK_TIMEOUT_SEC };
        _cleanup_(conntrack_close_p) struct conntrack *c = NULL;

        if (access("/proc/sys/net/netfilter/nf_conntrack_max", F_OK) < 0)
                return -EOPNOTSUPP;
        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;

        c->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
        if (!c->socket && errno == EPROTONOSUPPORT)
                return -EOPNOTSUPP;
        if (!c->socket || mnl_socket_bind(c->socket, 0, MNL_SOCKET_AUTOPID) < 0)
                return -errno;
        if (setsockopt(mnl_socket_get_fd(c->socket), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
                return -errno;

        *ret = steal_ptr(c);
        return 0;
}

struct conntrack *conntrack_close(struct conntrack *c) {
        if (c) {
                if (c->socket)
                        (void) mnl_socket_close(c->socket);
                free(c);
        }
        return NULL;
}

static void put_address(struct nlmsghdr *header, const struct address *a, uint16_t v4, uint16_t v6) {
        if (a->family == AF_INET)
                mnl_attr_put(header, v4, 4, a->bytes);
        else
                mnl_attr_put(header, v6, 16, a->bytes);
}

/* What the answers look like: from the container's end to the peer. */
static void put_tuple(struct nlmsghdr *header, const struct address *local, uint16_t local_port,
                      const struct address *peer, uint16_t peer_port) {
        struct nlattr *tuple = mnl_attr_nest_start(header, CTA_TUPLE_REPLY), *part;

        part = mnl_attr_nest_start(header, CTA_TUPLE_IP);
        put_address(header, local, CTA_IP_V4_SRC, CTA_IP_V6_SRC);
        put_address(header, peer, CTA_IP_V4_DST, CTA_IP_V6_DST);
        mnl_attr_nest_end(header, part);
        part = mnl_attr_nest_start(header, CTA_TUPLE_PROTO);
        mnl_attr_put_u8(header, CTA_PROTO_NUM, IPPROTO_SCTP);
        mnl_attr_put_u16(header, CTA_PROTO_SRC_PORT, htons(local_port));
        mnl_attr_put_u16(header, CTA_PROTO_DST_PORT, htons(peer_port));
        mnl_attr_nest_end(header, part);
        mnl_attr_nest_end(header, tuple);
}

static const struct nlattr *find_in(const struct nlattr *nest, uint16_t type) {
        const struct nlattr *attribute;

        if (nest)
                mnl_attr_for_each_nested(attribute, nest)
                        if (mnl_attr_get_type(attribute) == type)
                                return attribute;

        return NULL;
}

/* One end of a tuple, by the types of its attributes. */
static int read_end(const struct nlattr *tuple, uint16_t type_v4, uint16_t type_v6, uint16_t type_port,
                    struct conntrack_end *ret) {
        const struct nlattr *ip = find_in(tuple, CTA_TUPLE_IP), *proto = find_in(tuple, CTA_TUPLE_PROTO),
                            *number = find_in(proto, CTA_PROTO_NUM), *port = find_in(proto, type_port),
                            *v4 = find_in(ip, type_v4), *v6 = find_in(ip, type_v6);
        struct address address = {};

        if (!number || mnl_attr_get_payload_len(number) != 1 || mnl_attr_get_u8(number) != IPPROTO_SCTP)
                return -EBADMSG;
        if (!port || mnl_attr_get_payload_len(port) != 2)
                return -EBADMSG;
        if (v4 && mnl_attr_get_payload_len(v4) == 4)
                address.family = AF_INET;
        else if (v6 && mnl_attr_get_payload_len(v6) == 16)
                address.family = AF_INET6;
        else
                return -EBADMSG;

        memcpy(address.bytes, mnl_attr_get_payload(v4 ?: v6), address.family == AF_INET ? 4 : 16);
        *ret = (struct conntrack_end) { address, ntohs(mnl_attr_get_u16(port)) };
        return 0;
}

int conntrack_read(const struct nlmsghdr *header, struct conntrack_end *ret_original,
                   struct conntrack_end *ret_answering) {
        const struct nlattr *attribute, *original = NULL, *reply = NULL;
        struct conntrack_end end;
        int r;

        if (mnl_nlmsg_get_payload_len(header) < sizeof(struct nfgenmsg))
                return -EBADMSG;

        mnl_attr_for_each(attribute, header, sizeof(struct nfgenmsg)) {
                if (mnl_attr_get_type(attribute) == CTA_TUPLE_ORIG)
                        original = attribute;
                else if (mnl_attr_get_type(attribute) == CTA_TUPLE_REPLY)
                        reply = attribute;
        }

        r = read_end(original, CTA_IP_V4_DST, CTA_IP_V6_DST, CTA_PROTO_DST_PORT, &end);
        if (r >= 0)
                r = read_end(reply, CTA_IP_V4_SRC, CTA_IP_V6_SRC, CTA_PROTO_SRC_PORT, ret_answering);
        if (r < 0)
                return r;

        *ret_original = end;
        return 0;
}

struct answer {
        struct conntrack_end original, answering;
};

static int read_message(const struct nlmsghdr *header, void *userdata) {
        struct answer *a = userdata;
        int r;

        r = conntrack_read(header, &a->original, &a->answering);
        if (r < 0) {
                errno = -r;
                return MNL_CB_ERROR;
        }

        return MNL_CB_STOP;
}

static bool is_end(const struct conntrack_end *end, const struct address *address, uint16_t port) {
        return end->port == port && address_equal(&end->address, address);
}

int conntrack_original(struct conntrack *c, const struct address *local, uint16_t local_port,
                       const struct address *peer, uint16_t peer_port, struct address *ret, uint16_t *ret_port) {
        struct answer answer = {};
        struct nfgenmsg *request;
        struct nlmsghdr *header;
        int r;

        if (local->family != peer->family)
                return -EAFNOSUPPORT;

        header = mnl_nlmsg_put_header(c->buffer);
        header->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
        header->nlmsg_flags = NLM_F_REQUEST;
        header->nlmsg_seq = ++c->sequence;
        request = mnl_nlmsg_put_extra_header(header, sizeof(*request));
        *request = (struct nfgenmsg) { .nfgen_family = peer->family, .version = NFNETLINK_V0 };
        put_tuple(header, local, local_port, peer, peer_port);
        if (mnl_socket_sendto(c->socket, header, header->nlmsg_len) < 0)
                return -errno;

        do {
                ssize_t n = mnl_socket_recvfrom(c->socket, c->buffer, sizeof(c->buffer));

                if (n < 0)
                        return errno == EINTR ? -EAGAIN : -errno;
                r = mnl_cb_run(c->buffer, (size_t) n, c->sequence, mnl_socket_get_portid(c->socket),
                               read_message, &answer);
                /* EPROTO, by libmnl's look at the sequence number: a late answer to an earlier question. */
        } while (r < 0 && errno == EPROTO);
        /* EINVAL: there is no such subsystem (net/netfilter/nfnetlink.c), as it could not be loaded. */
        if (r < 0)
                return errno == EINVAL ? -EOPNOTSUPP : -errno;
        if (answer.answering.address.family == 0)
                return -EBADMSG;

        /* The kernel finds an entry by either of its tuples: this end may have begun the connection. Or it went
         * where it was sent to, and nothing was translated. */
        if (!is_end(&answer.answering, local, local_port) || is_end(&answer.original, local, local_port))
                return -ENOENT;

        *ret = answer.original.address;
        *ret_port = answer.original.port;
        return 0;
}
