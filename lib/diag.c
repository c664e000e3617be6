/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sctp.h>
#include <linux/sock_diag.h>
#include <string.h>

#include "clock.h"
#include "diag.h"
#include "state.h"

/* An answer with INFO and some 240 addresses of 128 bytes each. A peer can list thousands: of a longer answer what
 * stands before the addresses is read. */
#define DIAG_REPLY_BYTES_MAX 32768u
/* Nobody's RTO is 12 days: a timer that says more should have expired by now, but the wheel runs late, and the
 * kernel's difference has wrapped (of 1 to 2 in 100 running ones, tried on 6.1 and 6.12). */
#define DIAG_TIMER_MSEC_MAX (UINT32_C(1) << 30)
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

/* A member of struct sctp_info that the kernel sent: the structure has grown and will again. */
#define HAS(length, member) \
        ((length) >= offsetof(struct sctp_info, member) + sizeof(((struct sctp_info *) NULL)->member))
#define TAKE(index, to, member)                                                 \
        do                                                                      \
                if (HAS(length, member)) {                                      \
                        a->detail.to = (__typeof__(a->detail.to)) info->member; \
                        give(a, ASSOCIATION_##index);                           \
                }                                                               \
        while (false)
#define TAKE_PATH(index, to, member)                                            \
        do                                                                      \
                if (HAS(length, member)) {                                      \
                        a->path.to = (__typeof__(a->path.to)) info->member;     \
                        a->path_given |= BIT(PATH_##index);                     \
                }                                                               \
        while (false)
#define BIT(index) (UINT64_C(1) << ((index) - FIELD_DETAIL))

static void give(struct diag_association *a, enum association_field index) {
        a->given |= BIT(index);
}

static int address_from(const struct sockaddr_storage *from, struct address *ret) {
        struct address address = { .family = (uint8_t) from->ss_family };

        if (from->ss_family == AF_INET)
                memcpy(address.bytes, &((const struct sockaddr_in *) from)->sin_addr, 4);
        else if (from->ss_family == AF_INET6)
                memcpy(address.bytes, &((const struct sockaddr_in6 *) from)->sin6_addr, 16);
        else
                return -EAFNOSUPPORT;

        *ret = address;
        return 0;
}

/* What the kernel fills for the primary path (net/sctp/socket.c, sctp_get_sctp_info): srtt and the heartbeat
 * interval in jiffies, the others in ms; it never fills the SACK frequency. */
static void read_primary(const struct sctp_info *info, size_t length, struct diag_association *a) {
        uint64_t hz = clock_hz();

        if (!HAS(length, sctpi_p_address) || address_from(&info->sctpi_p_address, &a->primary) < 0)
                return;
        TAKE_PATH(CWND, cwnd, sctpi_p_cwnd);
        TAKE_PATH(SRTT, srtt, sctpi_p_srtt);
        TAKE_PATH(SACK_DELAY, sack_delay, sctpi_p_sackdelay);
        TAKE_PATH(SSTHRESH, ssthresh, sctpi_p_ssthresh);
        TAKE_PATH(PARTIAL_BYTES_ACKED, partial_bytes_acked, sctpi_p_partial_bytes_acked);
        TAKE_PATH(FLIGHT_SIZE, flight_size, sctpi_p_flight_size);
        TAKE_PATH(ERROR_COUNT, error_count, sctpi_p_error);
        if (hz > 0 && HAS(length, sctpi_p_hbinterval)) {
                a->path.heartbeat_interval = (uint32_t) (info->sctpi_p_hbinterval * UINT64_C(1000) / hz);
                a->path_given |= BIT(PATH_HEARTBEAT_INTERVAL);
        }
}

/* sctpi_maxseg is the fragmentation point; sctpi_fragmentation_point is never filled. */
static void read_info(const struct sctp_info *info, size_t length, struct diag_association *a) {
        TAKE(LOCAL_TAG, local_tag, sctpi_tag);
        TAKE(RECEIVE_WINDOW, receive_window, sctpi_rwnd);
        TAKE(UNACKNOWLEDGED_CHUNKS, unacknowledged_chunks, sctpi_unackdata);
        TAKE(PENDING_CHUNKS, pending_chunks, sctpi_penddata);
        TAKE(IN_QUEUE, in_queue, sctpi_inqueue);
        TAKE(OUT_QUEUE, out_queue, sctpi_outqueue);
        TAKE(OVERALL_ERRORS, overall_errors, sctpi_overall_error);
        TAKE(MAX_BURST, max_burst, sctpi_max_burst);
        TAKE(FRAGMENTATION_POINT, fragmentation_point, sctpi_maxseg);
        TAKE(PEER_RECEIVE_WINDOW, peer_receive_window, sctpi_peer_rwnd);
        TAKE(PEER_CAPABILITIES, peer_capabilities, sctpi_peer_capable);
        TAKE(SACKS_RECEIVED, sacks_received, sctpi_isacks);
        TAKE(SACKS_SENT, sacks_sent, sctpi_osacks);
        TAKE(PACKETS_SENT, packets_sent, sctpi_opackets);
        TAKE(PACKETS_RECEIVED, packets_received, sctpi_ipackets);
        TAKE(CHUNKS_RETRANSMITTED, chunks_retransmitted, sctpi_rtxchunks);
        TAKE(TSNS_OUT_OF_ORDER, tsns_out_of_order, sctpi_outofseqtsns);
        TAKE(DUPLICATE_CHUNKS, duplicate_chunks, sctpi_idupchunks);
        TAKE(GAP_ACKS, gap_acks, sctpi_gapcnt);
        TAKE(UNORDERED_SENT, unordered_sent, sctpi_ouodchunks);
        TAKE(UNORDERED_RECEIVED, unordered_received, sctpi_iuodchunks);
        TAKE(ORDERED_SENT, ordered_sent, sctpi_oodchunks);
        TAKE(ORDERED_RECEIVED, ordered_received, sctpi_iodchunks);
        TAKE(CONTROL_SENT, control_sent, sctpi_octrlchunks);
        TAKE(CONTROL_RECEIVED, control_received, sctpi_ictrlchunks);

        /* Not known before INIT-ACK. */
        if (HAS(length, sctpi_peer_tag) && info->sctpi_peer_tag != 0)
                TAKE(PEER_TAG, peer_tag, sctpi_peer_tag);
        if (HAS(length, sctpi_peer_sack)) {
                a->detail.sack_needed = (info->sctpi_peer_sack >> 2) & 1;
                give(a, ASSOCIATION_SACK_NEEDED);
                a->detail.zero_window = info->sctpi_peer_sack & 1;
                give(a, ASSOCIATION_ZERO_WINDOW);
        }
        read_primary(info, length, a);
}

/* Of the socket; what it shares with /proc/net/sctp/assocs (sndbuf, rcvbuf, wmemq) is left to that. */
static void read_memory(const uint32_t *memory, size_t n, struct diag_association *a) {
#define OFFSET(member) offsetof(struct association_detail, member)
        static const struct {
                unsigned variable;
                enum association_field field;
                size_t offset;
        } taken[] = {
                { SK_MEMINFO_RMEM_ALLOC, ASSOCIATION_RECEIVE_MEMORY, OFFSET(receive_memory) },
                { SK_MEMINFO_WMEM_ALLOC, ASSOCIATION_SEND_MEMORY, OFFSET(send_memory) },
                { SK_MEMINFO_FWD_ALLOC, ASSOCIATION_FORWARD_MEMORY, OFFSET(forward_memory) },
                { SK_MEMINFO_OPTMEM, ASSOCIATION_OPTION_MEMORY, OFFSET(option_memory) },
                { SK_MEMINFO_BACKLOG, ASSOCIATION_BACKLOG, OFFSET(backlog) },
                { SK_MEMINFO_DROPS, ASSOCIATION_DROPS, OFFSET(drops) },
        };

        for (size_t i = 0; i < ELEMENTS(taken); i++)
                if (taken[i].variable < n) {
                        memcpy((uint8_t *) &a->detail + taken[i].offset, memory + taken[i].variable, sizeof(*memory));
                        give(a, taken[i].field);
                }
}

static uint32_t read_addresses(const struct nlattr *attribute, struct address *ret) {
        const uint8_t *payload = mnl_attr_get_payload(attribute);
        size_t sent = mnl_attr_get_payload_len(attribute) / sizeof(struct sockaddr_storage);
        uint32_t n = 0;

        for (size_t i = 0; i < sent; i++) {
                struct sockaddr_storage address;
                struct address read;

                memcpy(&address, payload + i * sizeof(address), sizeof(address));
                if (address_from(&address, &read) < 0)
                        continue;
                if (n < DIAG_ADDRESSES_MAX)
                        ret[n] = read;
                n++;
        }

        return n;
}

/* Stops where the addresses begin: they stand last. */
static int read_figures(const struct nlattr *attribute, void *userdata) {
        size_t length = mnl_attr_get_payload_len(attribute);
        uint32_t memory[SK_MEMINFO_VARS] = {};
        struct diag_association *a = userdata;
        struct sctp_info info = {};

        /* The payload is aligned to 4 bytes only. */
        switch (mnl_attr_get_type(attribute)) {
        case INET_DIAG_INFO:
                memcpy(&info, mnl_attr_get_payload(attribute), MIN(sizeof(info), length));
                read_info(&info, length, a);
                break;
        case INET_DIAG_SKMEMINFO:
                memcpy(memory, mnl_attr_get_payload(attribute), MIN(sizeof(memory), length));
                read_memory(memory, MIN(ELEMENTS(memory), length / sizeof(*memory)), a);
                break;
        case INET_DIAG_LOCALS:
                return MNL_CB_STOP;
        }

        return MNL_CB_OK;
}

static int read_all(const struct nlattr *attribute, void *userdata) {
        struct diag_association *a = userdata;

        switch (mnl_attr_get_type(attribute)) {
        case INET_DIAG_LOCALS:
                a->n_local = read_addresses(attribute, a->local);
                return MNL_CB_OK;
        case INET_DIAG_PEERS:
                a->n_peers = read_addresses(attribute, a->peers);
                return MNL_CB_OK;
        default:
                return read_figures(attribute, userdata);
        }
}

int diag_read(const struct nlmsghdr *header, struct diag_association *ret) {
        const struct inet_diag_msg *message = mnl_nlmsg_get_payload(header);
        bool whole = header->nlmsg_len < DIAG_REPLY_BYTES_MAX;

        if (mnl_nlmsg_get_payload_len(header) < sizeof(*message))
                return -EBADMSG;

        *ret = (struct diag_association) {
                .state = association_state_from_diag(message->idiag_state),
                .inode = message->idiag_inode,
                .uid = message->idiag_uid,
        };
        /* An attribute's length has 16 bits: behind what seems to be the end of more than 511 addresses stand bytes
         * that the peer has chosen. */
        if (ret->state < 0 || mnl_attr_parse(header, sizeof(*message), whole ? read_all : read_figures, ret) < 0)
                return -EBADMSG;
        if (message->idiag_timer != 0) {
                if (message->idiag_expires <= DIAG_TIMER_MSEC_MAX)
                        ret->detail.retransmission_timer = message->idiag_expires;
                give(ret, ASSOCIATION_RETRANSMISSION_TIMER);
        }
        /* 0: there is no route just now. */
        if (message->id.idiag_if != 0) {
                ret->detail.interface = message->id.idiag_if;
                give(ret, ASSOCIATION_INTERFACE);
        }

        return 0;
}

static int read_message(const struct nlmsghdr *header, void *userdata) {
        int r;

        r = diag_read(header, userdata);
        if (r < 0) {
                errno = -r;
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
                .idiag_ext = 1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_SKMEMINFO - 1),
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
                ssize_t n = recv(mnl_socket_get_fd(d->socket), d->buffer, sizeof(d->buffer), 0);

                if (n < 0)
                        return errno == EINTR ? -EAGAIN : -errno;
                /* The rest of it is cut off. */
                if ((size_t) n == sizeof(d->buffer))
                        header->nlmsg_len = sizeof(d->buffer);
                r = mnl_cb_run(d->buffer, (size_t) n, d->sequence, mnl_socket_get_portid(d->socket),
                               read_message, &result);
                /* EPROTO: not the answer to this request but a late one to an earlier. */
        } while (r < 0 && errno == EPROTO);
        if (r < 0)
                return -errno;
        if (result.state < 0)
                return -EBADMSG;

        *ret = result;
        return 0;
}
