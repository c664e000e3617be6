/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <linux/sctp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "clock.h"
#include "option.h"

/* Paths of one association that are asked for, the first ones; the others' figures are absent. */
#define OPTION_PATHS_MAX 16u
/* Bound addresses of one socket. */
#define OPTION_ADDRESSES_MAX 256u

/* What one association is asked for, made before its socket is held and looked at afterwards. */
struct path_question {
        struct sctp_paddrinfo info;
        struct sctp_paddrparams parameters;
        bool info_given, parameters_given;
};

struct question {
        struct sctp_status status;
        bool status_given;
        uint32_t n_paths;
        struct path_question paths[OPTION_PATHS_MAX];
};

static int open_process(const struct option_socket *socket) {
        int fd;

        fd = (int) syscall(SYS_pidfd_open, socket->pid, 0);
        if (fd >= 0)
                return fd;

        /* EINVAL, and ENOENT in newer kernels: the number is a thread's by now. */
        return errno == ESRCH || errno == EINVAL || errno == ENOENT ? -ESTALE : -errno;
}

static int get_number(int fd, int option, int *ret) {
        socklen_t length = sizeof(*ret);
        int value;

        if (getsockopt(fd, SOL_SOCKET, option, &value, &length) < 0)
                return -errno;

        *ret = value;
        return 0;
}

/* From here to the close() the socket is held: nothing is allocated, written or waited for, but a getsockopt() waits
 * for the socket's lock while its owner, or the kernel for it, is at work: that cannot be avoided. */
static int hold(int process, const struct option_socket *socket) {
        _cleanup_close_ int fd = -EBADF;
        int protocol = 0;
        struct stat st;

        fd = (int) syscall(SYS_pidfd_getfd, process, socket->fd, 0);
        if (fd < 0)
                return errno == EBADF || errno == ESRCH ? -ESTALE : -errno;
        /* It may be a file by now: one of a file system whose owner does not answer is not even to be looked at. */
        if (get_number(fd, SO_PROTOCOL, &protocol) < 0 || protocol != IPPROTO_SCTP)
                return -ESTALE;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_ino != socket->inode)
                return -ESTALE;

        return steal_fd(&fd);
}

static bool ask(int fd, int option, void *value, size_t size) {
        socklen_t length = (socklen_t) size;

        return getsockopt(fd, IPPROTO_SCTP, option, value, &length) == 0 && length == size;
}

static void write_address(const struct address *address, uint16_t port, struct sockaddr_storage *ret) {
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };

        if (address->family == AF_INET) {
                memcpy(&v4.sin_addr, address->bytes, 4);
                memcpy(ret, &v4, sizeof(v4));
        } else {
                memcpy(&v6.sin6_addr, address->bytes, 16);
                memcpy(ret, &v6, sizeof(v6));
        }
}

/* As the tables show addresses: an IPv4 one of an AF_INET6 socket, which the options give as IPv4-mapped, is IPv4.
 * Returns how long it is, 0 if it is none. */
static size_t read_address(const void *from, struct address *ret) {
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;

        memcpy(&v4, from, sizeof(v4));
        if (v4.sin_family == AF_INET) {
                *ret = (struct address) { .family = AF_INET };
                memcpy(ret->bytes, &v4.sin_addr, 4);
                return sizeof(v4);
        }
        if (v4.sin_family != AF_INET6)
                return 0;

        memcpy(&v6, from, sizeof(v6));
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
                *ret = (struct address) { .family = AF_INET };
                memcpy(ret->bytes, v6.sin6_addr.s6_addr + 12, 4);
        } else {
                *ret = (struct address) { .family = AF_INET6 };
                memcpy(ret->bytes, &v6.sin6_addr, 16);
        }
        return sizeof(v6);
}

/* The kernel looks at the id for one-to-many sockets only, the others have one association. An IPv4 path of
 * an AF_INET6 socket is found as AF_INET and as IPv4-mapped, whatever SCTP_I_WANT_MAPPED_V4_ADDR says (tried on 6.1 and
 * 6.12, all three styles). */
static void prepare(const struct builder *b, const struct association *a, struct question *q) {
        q->status_given = false;
        q->status = (struct sctp_status) { .sstat_assoc_id = (sctp_assoc_t) a->id };
        q->n_paths = MIN(a->paths.count, OPTION_PATHS_MAX);
        for (uint32_t i = 0; i < q->n_paths; i++) {
                struct path_question *p = q->paths + i;
                struct sockaddr_storage address = {};

                write_address(&b->paths[a->paths.first + i].address, a->peer_port, &address);
                *p = (struct path_question) {
                        .info = { .spinfo_assoc_id = (sctp_assoc_t) a->id, .spinfo_address = address },
                        .parameters = { .spp_assoc_id = (sctp_assoc_t) a->id, .spp_address = address },
                };
        }
}

/* A one-to-one socket tells of the association that it has now, which may be another one. Before it is established,
 * SCTP_STATUS does not find it, but the options of a path do: they look by its address and port. (So they would for an
 * association that is not accepted, at its listener.) */
static void ask_association(int fd, const struct association *a, struct question *q) {
        q->status_given = ask(fd, SCTP_STATUS, &q->status, sizeof(q->status)) &&
                          (uint32_t) q->status.sstat_assoc_id == a->id;
        if (!q->status_given && a->state >= ASSOCIATION_ESTABLISHED)
                return;

        for (uint32_t i = 0; i < q->n_paths; i++) {
                struct path_question *p = q->paths + i;

                /* EACCES for a path that is potentially failed where net.sctp.pf_expose=1 hides that. */
                p->info_given = ask(fd, SCTP_GET_PEER_ADDR_INFO, &p->info, sizeof(p->info));
                p->parameters_given = ask(fd, SCTP_PEER_ADDR_PARAMS, &p->parameters, sizeof(p->parameters));
        }
}

#define GIVE(object, index, member, value)                              \
        do {                                                            \
                (object)->detail.member = (value);                      \
                FIELD_GIVE(object, index);                              \
        } while (false)

static void take_path(struct path *path, const struct path_question *p, bool by_diag) {
        if (p->info_given) {
                GIVE(path, PATH_SRTT, srtt, p->info.spinfo_srtt);
                GIVE(path, PATH_CWND, cwnd, p->info.spinfo_cwnd);
        } else if (!by_diag) {
                FIELD_TAKE_BACK(path, PATH_SRTT);
                FIELD_TAKE_BACK(path, PATH_CWND);
        }
        if (p->parameters_given) {
                GIVE(path, PATH_MTU, mtu, p->parameters.spp_pathmtu);
                GIVE(path, PATH_HEARTBEAT_INTERVAL, heartbeat_interval, p->parameters.spp_hbinterval);
                GIVE(path, PATH_HEARTBEATS, heartbeats, (p->parameters.spp_flags & SPP_HB_ENABLE) != 0);
                GIVE(path, PATH_SACK_DELAY, sack_delay, p->parameters.spp_sackdelay);
        }
}

/* sstat_rwnd is the peer's window. srtt is in jiffies, unlike the RTO beside it. */
static int take(struct builder *b, struct association *a, const struct question *q, uint64_t now) {
        bool any = q->status_given;

        for (uint32_t i = 0; i < q->n_paths; i++)
                any = any || q->paths[i].info_given || q->paths[i].parameters_given;
        if (!any)
                return -ENOENT;

        if (q->status_given) {
                GIVE(a, ASSOCIATION_PEER_RECEIVE_WINDOW, peer_receive_window, q->status.sstat_rwnd);
                GIVE(a, ASSOCIATION_UNACKNOWLEDGED_CHUNKS, unacknowledged_chunks, q->status.sstat_unackdata);
                GIVE(a, ASSOCIATION_PENDING_CHUNKS, pending_chunks, q->status.sstat_penddata);
                GIVE(a, ASSOCIATION_FRAGMENTATION_POINT, fragmentation_point, q->status.sstat_fragmentation_point);
        }
        for (uint32_t i = 0; i < q->n_paths; i++) {
                struct path *path = b->paths + a->paths.first + i;

                take_path(path, q->paths + i, path->address.primary && FIELD_GIVEN(a, ASSOCIATION_DIAG_AT));
        }
        GIVE(a, ASSOCIATION_OPTIONS_AT, options_at, now);

        return 0;
}

int option_read(const struct option_socket *socket, struct builder *b, const uint32_t *associations, size_t n,
                uint64_t now, uint64_t *ret_hold_usec) {
        struct question questions[OPTION_BATCH_MAX];
        _cleanup_close_ int process = -EBADF;
        uint64_t start;
        int fd, r = -ENOENT;

        if (n > OPTION_BATCH_MAX)
                return -E2BIG;
        process = open_process(socket);
        if (process < 0)
                return process;
        for (size_t i = 0; i < n; i++)
                prepare(b, b->associations + associations[i], questions + i);

        start = clock_usec(CLOCK_MONOTONIC);
        fd = hold(process, socket);
        if (fd < 0)
                return fd;
        for (size_t i = 0; i < n; i++)
                ask_association(fd, b->associations + associations[i], questions + i);
        (void) close(fd);
        *ret_hold_usec = clock_usec(CLOCK_MONOTONIC) - start;

        for (size_t i = 0; i < n; i++)
                if (take(b, b->associations + associations[i], questions + i, now) >= 0)
                        r = 0;

        return r;
}

/* What a socket that may have no association is asked for. */
struct endpoint_question {
        struct sockaddr_storage name;
        int type, listening;
        bool peeled_off;
        struct {
                sctp_assoc_t id;
                uint32_t n;             /* a struct sctp_getaddrs */
                uint8_t bytes[OPTION_ADDRESSES_MAX * sizeof(struct sockaddr_in6)];
        } addresses;
};

static int ask_endpoint(int fd, struct endpoint_question *q) {
        socklen_t length = sizeof(q->name);
        struct sctp_rtoinfo rto = { .srto_assoc_id = SCTP_CURRENT_ASSOC };
        int r;

        if (getsockname(fd, (struct sockaddr *) &q->name, &length) < 0)
                return -errno;
        r = get_number(fd, SO_TYPE, &q->type);
        if (r >= 0)
                r = get_number(fd, SO_ACCEPTCONN, &q->listening);
        if (r < 0)
                return r;

        /* What is peeled off has the type of a one-to-many socket; to that, this id is none. */
        q->peeled_off = q->type == SOCK_SEQPACKET && ask(fd, SCTP_RTOINFO, &rto, sizeof(rto));
        length = sizeof(q->addresses);
        if (getsockopt(fd, IPPROTO_SCTP, SCTP_GET_LOCAL_ADDRS, &q->addresses, &length) < 0)
                return errno == ENOMEM ? -ENOBUFS : -errno;     /* they do not fit */

        return 0;
}

static int add_address(struct builder *b, const struct address *address, struct range *range) {
        struct address *added;
        int r;

        r = builder_add_address(b, &added);
        if (r < 0)
                return r;

        *added = *address;
        range->count++;
        return 0;
}

static int add_addresses(struct builder *b, const struct endpoint_question *q, const struct address *name,
                         struct range *ret) {
        struct range range = { (uint32_t) b->n_addresses, 0 };
        static const uint8_t any[sizeof(name->bytes)] = {};
        const uint8_t *next = q->addresses.bytes;
        int r;

        /* Bound to any address: SCTP_GET_LOCAL_ADDRS lists all that the host has, the tables that one. But of an
         * AF_INET6 socket that is peeled off, getsockname() knows the port only. */
        if (!q->peeled_off && memcmp(name->bytes, any, sizeof(any)) == 0) {
                r = add_address(b, name, &range);
                if (r < 0)
                        return r;
        } else
                for (uint32_t i = 0; i < MIN(q->addresses.n, OPTION_ADDRESSES_MAX); i++) {
                        struct address address;
                        size_t length = read_address(next, &address);

                        if (length == 0)
                                return -EBADMSG;
                        r = add_address(b, &address, &range);
                        if (r < 0)
                                return r;
                        next += length;
                }

        *ret = range;
        return 0;
}

int option_read_endpoint(const struct option_socket *socket, struct builder *b, struct endpoint *e,
                         uint64_t *ret_hold_usec) {
        struct endpoint_question q = {};
        _cleanup_close_ int process = -EBADF;
        struct sockaddr_in name;
        struct address address;
        uint64_t start;
        int fd, r;

        process = open_process(socket);
        if (process < 0)
                return process;

        start = clock_usec(CLOCK_MONOTONIC);
        fd = hold(process, socket);
        if (fd < 0)
                return fd;
        r = ask_endpoint(fd, &q);
        (void) close(fd);
        *ret_hold_usec = clock_usec(CLOCK_MONOTONIC) - start;
        if (r < 0)
                return r;

        /* The port stands at the same place in both families. */
        memcpy(&name, &q.name, sizeof(name));
        if (name.sin_port == 0)
                return -ENOTCONN;
        if (read_address(&q.name, &address) == 0)
                return -EAFNOSUPPORT;
        r = add_addresses(b, &q, &address, &e->local);
        if (r < 0)
                return r;

        e->local_port = ntohs(name.sin_port);
        FIELD_GIVE(e, ENDPOINT_LOCAL_PORT);
        if (q.peeled_off)
                e->style = STYLE_PEELED_OFF;
        else
                e->style = q.type == SOCK_SEQPACKET ? STYLE_ONE_TO_MANY : STYLE_ONE_TO_ONE;
        FIELD_GIVE(e, ENDPOINT_STYLE);
        e->state = q.listening ? ENDPOINT_LISTENING : ENDPOINT_CLOSED;
        FIELD_GIVE(e, ENDPOINT_STATE);
        return 0;
}

int option_read_statistics(const struct option_socket *socket, uint32_t association_id, uint64_t hz,
                           struct option_statistics *ret, uint64_t *ret_hold_usec) {
        struct sctp_assoc_stats statistics = { .sas_assoc_id = (sctp_assoc_t) association_id };
        struct option_statistics read = {};
        _cleanup_close_ int process = -EBADF;
        uint64_t start;
        bool given;
        int fd;

        /* The kernel tells jiffies. */
        if (hz == 0)
                return -EOPNOTSUPP;
        process = open_process(socket);
        if (process < 0)
                return process;

        start = clock_usec(CLOCK_MONOTONIC);
        fd = hold(process, socket);
        if (fd < 0)
                return fd;
        given = ask(fd, SCTP_GET_ASSOC_STATS, &statistics, sizeof(statistics));
        (void) close(fd);
        *ret_hold_usec = clock_usec(CLOCK_MONOTONIC) - start;
        if (!given)
                return -ENOENT;

        read.max_rto = statistics.sas_maxrto * 1000 / hz;
        /* No path has been measured yet: no address. */
        (void) read_address(&statistics.sas_obs_rto_ipaddr, &read.max_rto_path);
        *ret = read;
        return 0;
}
