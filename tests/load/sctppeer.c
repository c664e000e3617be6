/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/sctp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "clock.h"
#include "macro.h"

/* One end of associations, multi-homed, one-to-one or one-to-many, that tells what it reads of them itself. The names
 * and units are those of our interface, the way to them is another one: libsctp, and the owner's own descriptors. */

static const char usage[] =
        "sctppeer serve --local=ADDR[,ADDR…] --port=N [OPTION…]\n"
        "sctppeer connect --local=ADDR[,ADDR…] --peer=ADDR[,ADDR…] --port=N [OPTION…]\n"
        "  --many                one-to-many sockets\n"
        "  --peel                every association of them gets a socket of its own\n"
        "  --fork                a child process has every socket, too\n"
        "  --no-accept           listens, and accepts nothing\n"
        "  --bind-only           bound, and neither listening nor connected\n"
        "  --local-port=N        of the one that connects\n"
        "  --count=N             connects so often, each time with a new socket\n"
        "  --heartbeat=MS        0: none\n"
        "  --rto=MIN,MAX         ms\n"
        "  --path-max-retrans=N\n"
        "  --plain-v4            no IPv4-mapped addresses in what AF_INET6 sockets tell\n"
        "It says \"listening\", \"bound\", \"connecting\" and \"connected\" (or \"failed\"), and does what it reads:\n"
        "  status      one line of JSON\n"
        "  stats       the same of SCTP_GET_ASSOC_STATS\n"
        "  send N      messages of 1000 bytes on every association\n"
        "  primary A   of every association, its address A from now on\n"
        "  abort       every association\n"
        "  close       every socket\n"
        "  quit\n";

#define ADDRESSES_MAX 64u
#define SOCKETS_MAX 256u

struct peer {
        struct sockaddr_storage local[ADDRESSES_MAX], peer[ADDRESSES_MAX];
        unsigned n_local, n_peer;
        uint16_t port, local_port;
        unsigned count, connected;
        bool connects, many, peel, forks, no_accept, bind_only, plain_v4;
        bool heartbeat_set, rto_set, retrans_set;
        unsigned heartbeat, rto_min, rto_max, retrans;
        struct pollfd sockets[SOCKETS_MAX];     /* the first is standard input */
        bool peeled[SOCKETS_MAX];
        unsigned n_sockets;
        struct sockaddr_storage primary;        /* to be */
};

static int fail(const char *what) {
        int error = errno;

        fprintf(stderr, "sctppeer: %s: %s\n", what, strerror(error));
        return -error;
}

/* Addresses */

static socklen_t length_of(const struct sockaddr_storage *a) {
        return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/* The port stands at the same place in both families. */
static void set_ports(struct sockaddr_storage *addresses, unsigned n, uint16_t port) {
        for (unsigned i = 0; i < n; i++)
                ((struct sockaddr_in *) (addresses + i))->sin_port = htons(port);
}

static int read_addresses(char *text, struct sockaddr_storage *addresses, unsigned *n) {
        for (char *word = strtok(text, ","); word; word = strtok(NULL, ",")) {
                struct sockaddr_storage *a = addresses + *n;

                if (*n == ADDRESSES_MAX)
                        return -E2BIG;
                if (inet_pton(AF_INET, word, &((struct sockaddr_in *) a)->sin_addr) == 1)
                        a->ss_family = AF_INET;
                else if (inet_pton(AF_INET6, word, &((struct sockaddr_in6 *) a)->sin6_addr) == 1)
                        a->ss_family = AF_INET6;
                else
                        return -EINVAL;
                (*n)++;
        }

        return 0;
}

/* One behind the other, as libsctp wants them. */
static struct sockaddr *pack(const struct sockaddr_storage *addresses, unsigned n) {
        static uint8_t packed[ADDRESSES_MAX * sizeof(struct sockaddr_in6)] __attribute__((aligned(8)));
        size_t at = 0;

        for (unsigned i = 0; i < n; i++) {
                memcpy(packed + at, addresses + i, length_of(addresses + i));
                at += length_of(addresses + i);
        }

        return (struct sockaddr *) packed;
}

static int family(const struct peer *p) {
        for (unsigned i = 0; i < p->n_local; i++)
                if (p->local[i].ss_family == AF_INET6)
                        return AF_INET6;
        for (unsigned i = 0; i < p->n_peer; i++)
                if (p->peer[i].ss_family == AF_INET6)
                        return AF_INET6;

        return AF_INET;
}

/* An IPv4-mapped one is shown as IPv4. */
static const char *address_text(const void *address, char text[static INET6_ADDRSTRLEN]) {
        struct sockaddr_in6 in6;
        struct sockaddr_in in;

        memcpy(&in, address, sizeof(in));
        if (in.sin_family == AF_INET)
                return inet_ntop(AF_INET, &in.sin_addr, text, INET6_ADDRSTRLEN);
        memcpy(&in6, address, sizeof(in6));
        if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
                return inet_ntop(AF_INET, in6.sin6_addr.s6_addr + 12, text, INET6_ADDRSTRLEN);

        return inet_ntop(AF_INET6, &in6.sin6_addr, text, INET6_ADDRSTRLEN);
}

static size_t packed_length(const uint8_t *address) {
        sa_family_t packed_family;

        memcpy(&packed_family, address, sizeof(packed_family));
        return packed_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

/* Sockets */

static int set_options(const struct peer *p, int fd) {
        struct sctp_event_subscribe events = { .sctp_association_event = 1 };
        struct sctp_paddrparams parameters = {
                .spp_hbinterval = p->heartbeat,
                .spp_pathmaxrxt = (uint16_t) p->retrans,
        };
        struct sctp_rtoinfo rto = { .srto_initial = p->rto_min, .srto_min = p->rto_min, .srto_max = p->rto_max };
        int off = 0;

        if (setsockopt(fd, IPPROTO_SCTP, SCTP_EVENTS, &events, sizeof(events)) < 0)
                return fail("SCTP_EVENTS");
        if (p->heartbeat_set)
                parameters.spp_flags = p->heartbeat > 0 ? SPP_HB_ENABLE : SPP_HB_DISABLE;
        if ((p->heartbeat_set || p->retrans_set) &&
            setsockopt(fd, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &parameters, sizeof(parameters)) < 0)
                return fail("SCTP_PEER_ADDR_PARAMS");
        if (p->rto_set && setsockopt(fd, IPPROTO_SCTP, SCTP_RTOINFO, &rto, sizeof(rto)) < 0)
                return fail("SCTP_RTOINFO");
        if (p->plain_v4 && setsockopt(fd, IPPROTO_SCTP, SCTP_I_WANT_MAPPED_V4_ADDR, &off, sizeof(off)) < 0)
                return fail("SCTP_I_WANT_MAPPED_V4_ADDR");

        return 0;
}

/* Every address of a socket has the same port: the first one may choose it. */
static int bind_all(struct peer *p, int fd, uint16_t port) {
        struct sockaddr_storage name;
        socklen_t length = sizeof(name);

        set_ports(p->local, p->n_local, port);
        if (sctp_bindx(fd, pack(p->local, 1), 1, SCTP_BINDX_ADD_ADDR) < 0)
                return fail("cannot bind");
        if (p->n_local == 1)
                return 0;
        if (getsockname(fd, (struct sockaddr *) &name, &length) < 0)
                return fail("getsockname");
        set_ports(p->local, p->n_local, ntohs(((struct sockaddr_in *) &name)->sin_port));
        if (sctp_bindx(fd, pack(p->local + 1, p->n_local - 1), (int) p->n_local - 1, SCTP_BINDX_ADD_ADDR) < 0)
                return fail("cannot bind more");

        return 0;
}

/* The child has what is open by now, and ends with its parent. */
static int start_child(const struct peer *p) {
        pid_t pid;

        if (!p->forks)
                return 0;
        (void) fflush(stdout);
        pid = fork();
        if (pid < 0)
                return fail("fork");
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;)
                        pause();
        }
        printf("child %d\n", (int) pid);

        return 0;
}

/* Takes over the descriptor. */
static int add_socket(struct peer *p, int fd, bool heed) {
        if (p->n_sockets == SOCKETS_MAX) {
                (void) close(fd);
                errno = E2BIG;
                return fail("cannot have more sockets");
        }
        p->sockets[p->n_sockets++] = (struct pollfd) { .fd = fd, .events = heed ? POLLIN : 0 };

        return start_child(p);
}

static int open_socket(struct peer *p, uint16_t port) {
        _cleanup_close_ int fd = -EBADF;
        int r, on = 1;

        fd = socket(family(p), (p->many ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_SCTP);
        if (fd < 0)
                return fail("cannot open a socket");
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
                return fail("SO_REUSEADDR");
        r = set_options(p, fd);
        if (r >= 0 && p->n_local > 0)
                r = bind_all(p, fd, port);
        if (r < 0)
                return r;

        return steal_fd(&fd);
}

static int start(struct peer *p) {
        for (unsigned i = 0; i < p->count; i++) {
                int r, fd = open_socket(p, p->connects ? p->local_port : p->port);

                if (fd < 0)
                        return fd;
                r = add_socket(p, fd, !p->no_accept);
                if (r < 0)
                        return r;
                if (p->bind_only)
                        continue;
                set_ports(p->peer, p->n_peer, p->port);
                if (!p->connects && listen(fd, SOMAXCONN) < 0)
                        return fail("cannot listen");
                if (p->connects && sctp_connectx(fd, pack(p->peer, p->n_peer), (int) p->n_peer, NULL) < 0 &&
                    errno != EINPROGRESS)
                        return fail("cannot connect");
        }
        puts(p->bind_only ? "bound" : p->connects ? "connecting" : "listening");

        return 0;
}

static int take_association(struct peer *p, int fd, sctp_assoc_t id) {
        if (p->connects && ++p->connected == p->count)
                puts("connected");
        if (p->many && p->peel) {
                int peeled = sctp_peeloff(fd, id);

                if (peeled < 0 || fcntl(peeled, F_SETFL, O_NONBLOCK) < 0)
                        return fail("cannot peel off");
                if (p->n_sockets < SOCKETS_MAX)
                        p->peeled[p->n_sockets] = true;
                return add_socket(p, peeled, true);
        }

        return 0;
}

static bool is_listening(int fd) {
        socklen_t length = sizeof(int);
        int listening = 0;

        return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening;
}

static void close_socket(struct peer *p, unsigned i) {
        (void) close(p->sockets[i].fd);
        p->sockets[i] = p->sockets[--p->n_sockets];
        p->peeled[i] = p->peeled[p->n_sockets];
        p->peeled[p->n_sockets] = false;
}

/* Accepts, or reads data away and heeds what it is told. */
static int serve_socket(struct peer *p, unsigned i) {
        int fd = p->sockets[i].fd, flags = 0;
        union {
                union sctp_notification notification;
                uint8_t bytes[65536];
        } buffer;
        ssize_t n;

        if (!p->many && is_listening(fd)) {
                int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

                return accepted < 0 ? fail("cannot accept") : add_socket(p, accepted, true);
        }

        n = sctp_recvmsg(fd, &buffer, sizeof(buffer), NULL, NULL, NULL, &flags);
        if (n < 0 && errno == EAGAIN)
                return 0;
        if (n <= 0) {
                close_socket(p, i);
                return 0;
        }
        if (!(flags & MSG_NOTIFICATION) || buffer.notification.sn_header.sn_type != SCTP_ASSOC_CHANGE)
                return 0;
        if (buffer.notification.sn_assoc_change.sac_state == SCTP_COMM_UP)
                return take_association(p, fd, buffer.notification.sn_assoc_change.sac_assoc_id);
        if (buffer.notification.sn_assoc_change.sac_state == SCTP_CANT_STR_ASSOC)
                puts("failed");

        return 0;
}

/* What is asked for */

static int type_of(int fd) {
        socklen_t length = sizeof(int);
        int type = 0;

        (void) getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
        return type;
}

/* Of a one-to-one socket there is no list, and the id does not matter: 0. */
static unsigned list_associations(int fd, sctp_assoc_t ids[static SOCKETS_MAX]) {
        struct {
                uint32_t n;             /* a struct sctp_assoc_ids */
                sctp_assoc_t ids[SOCKETS_MAX];
        } list;
        socklen_t length = sizeof(list);

        ids[0] = 0;
        if (type_of(fd) != SOCK_SEQPACKET)
                return 1;
        if (getsockopt(fd, IPPROTO_SCTP, SCTP_GET_ASSOC_ID_LIST, &list, &length) < 0)
                return 0;
        memcpy(ids, list.ids, list.n * sizeof(*ids));

        return list.n;
}

static const char *style_of(const struct peer *p, unsigned i) {
        if (type_of(p->sockets[i].fd) != SOCK_SEQPACKET)
                return "one_to_one";

        return p->peeled[i] ? "peeled_off" : "one_to_many";
}

static unsigned long long inode_of(int fd) {
        struct stat st = {};

        (void) fstat(fd, &st);
        return st.st_ino;
}

static unsigned port_of(int fd) {
        struct sockaddr_storage name = {};
        socklen_t length = sizeof(name);

        (void) getsockname(fd, (struct sockaddr *) &name, &length);
        return ntohs(((struct sockaddr_in *) &name)->sin_port);
}

static unsigned long long to_msec(uint64_t jiffies) {
        uint64_t hz = clock_hz();

        return hz > 0 ? (jiffies * 1000 + hz / 2) / hz : 0;
}

static void print_packed(const char *name, const uint8_t *addresses, int n) {
        char text[INET6_ADDRSTRLEN];

        printf("\"%s\":[", name);
        for (int i = 0; i < n; i++) {
                printf("%s\"%s\"", i > 0 ? "," : "", address_text(addresses, text));
                addresses += packed_length(addresses);
        }
        printf("]");
}

static void print_local(int fd, sctp_assoc_t id) {
        struct sockaddr *addresses;
        int n = sctp_getladdrs(fd, id, &addresses);

        print_packed("localAddresses", (const uint8_t *) addresses, n);
        if (n > 0)
                (void) sctp_freeladdrs(addresses);
}

/* A path that is potentially failed may be hidden (EACCES). */
static void print_path(int fd, sctp_assoc_t id, const uint8_t *address, const char *primary) {
        static const char *const states[] = { "inactive", "pf", "active", "unconfirmed" };
        struct sctp_paddrinfo info = { .spinfo_assoc_id = id };
        struct sctp_paddrparams parameters = { .spp_assoc_id = id };
        socklen_t length = sizeof(info);
        char text[INET6_ADDRSTRLEN];

        memcpy(&info.spinfo_address, address, packed_length(address));
        memcpy(&parameters.spp_address, address, packed_length(address));
        printf("{\"address\":\"%s\"", address_text(address, text));
        printf(",\"primary\":%s", strcmp(text, primary) == 0 ? "true" : "false");
        if (getsockopt(fd, IPPROTO_SCTP, SCTP_GET_PEER_ADDR_INFO, &info, &length) == 0) {
                printf(",\"state\":\"%s\",\"cwndBytes\":%u,\"srttMs\":%llu,\"rtoMs\":%u",
                       (unsigned) info.spinfo_state < ELEMENTS(states) ? states[info.spinfo_state] : "unknown",
                       info.spinfo_cwnd, to_msec(info.spinfo_srtt), info.spinfo_rto);
        } else
                printf(",\"error\":\"%s\"", strerrorname_np(errno));
        length = sizeof(parameters);
        if (getsockopt(fd, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &parameters, &length) == 0)
                printf(",\"mtuBytes\":%u,\"heartbeatIntervalMs\":%u,\"heartbeats\":%s,\"sackDelayMs\":%u,"
                       "\"maxRetransmissions\":%u",
                       parameters.spp_pathmtu, parameters.spp_hbinterval,
                       parameters.spp_flags & SPP_HB_ENABLE ? "true" : "false", parameters.spp_sackdelay,
                       parameters.spp_pathmaxrxt);
        printf("}");
}

static bool print_association(const struct peer *p, unsigned socket, sctp_assoc_t id, bool first) {
        static const char *const states[] = { "empty", "closed", "cookie_wait", "cookie_echoed", "established",
                "shutdown_pending", "shutdown_sent", "shutdown_received", "shutdown_ack_sent" };
        struct sctp_status status = { .sstat_assoc_id = id };
        socklen_t length = sizeof(status);
        char primary[INET6_ADDRSTRLEN];
        struct sockaddr *addresses;
        int n, fd = p->sockets[socket].fd;
        const uint8_t *next;

        if (getsockopt(fd, IPPROTO_SCTP, SCTP_STATUS, &status, &length) < 0)
                return false;
        n = sctp_getpaddrs(fd, id, &addresses);
        if (n <= 0)
                return false;
        next = (const uint8_t *) addresses;
        printf("%s{\"associationId\":%d,\"inode\":%llu,\"style\":\"%s\",\"state\":\"%s\"", first ? "" : ",",
               status.sstat_assoc_id, inode_of(fd), style_of(p, socket),
               (unsigned) status.sstat_state < ELEMENTS(states) ? states[status.sstat_state] : "unknown");
        printf(",\"localPort\":%u,\"peerPort\":%u", port_of(fd), ntohs(((const struct sockaddr_in *) next)->sin_port));
        printf(",\"peerReceiveWindowBytes\":%u,\"unacknowledgedChunks\":%u,\"pendingChunks\":%u,\"inStreams\":%u,"
               "\"outStreams\":%u,\"fragmentationPointBytes\":%u,",
               status.sstat_rwnd, status.sstat_unackdata, status.sstat_penddata, status.sstat_instrms,
               status.sstat_outstrms, status.sstat_fragmentation_point);
        print_local(fd, id);
        printf(",");
        print_packed("peerAddresses", next, n);
        address_text(&status.sstat_primary.spinfo_address, primary);
        printf(",\"primaryAddress\":\"%s\",\"paths\":[", primary);
        for (int i = 0; i < n; i++) {
                if (i > 0)
                        printf(",");
                print_path(fd, id, next, primary);
                next += packed_length(next);
        }
        printf("]}");
        (void) sctp_freepaddrs(addresses);

        return true;
}

static bool print_statistics(const struct peer *p, unsigned socket, sctp_assoc_t id, bool first) {
        struct sctp_status status = { .sstat_assoc_id = id };
        struct sctp_assoc_stats s = { .sas_assoc_id = id };
        socklen_t length = sizeof(status), stats_length = sizeof(s);
        char text[INET6_ADDRSTRLEN];
        int fd = p->sockets[socket].fd;

        if (getsockopt(fd, IPPROTO_SCTP, SCTP_STATUS, &status, &length) < 0 ||
            getsockopt(fd, IPPROTO_SCTP, SCTP_GET_ASSOC_STATS, &s, &stats_length) < 0)
                return false;
        printf("%s{\"associationId\":%d,\"maxRtoMs\":%llu", first ? "" : ",", status.sstat_assoc_id,
               to_msec(s.sas_maxrto));
        if (s.sas_obs_rto_ipaddr.ss_family != 0)
                printf(",\"maxRtoAddress\":\"%s\"", address_text(&s.sas_obs_rto_ipaddr, text));
        printf(",\"sacksSent\":%llu,\"sacksReceived\":%llu,\"packetsSent\":%llu,\"packetsReceived\":%llu,"
               "\"chunksRetransmitted\":%llu,\"orderedChunksSent\":%llu,\"orderedChunksReceived\":%llu,"
               "\"controlChunksSent\":%llu,\"controlChunksReceived\":%llu}",
               s.sas_osacks, s.sas_isacks, s.sas_opackets, s.sas_ipackets, s.sas_rtxchunks, s.sas_oodchunks,
               s.sas_iodchunks, s.sas_octrlchunks, s.sas_ictrlchunks);

        return true;
}

static bool send_message(const struct peer *p, unsigned socket, sctp_assoc_t id, bool first) {
        struct sctp_sndrcvinfo where = { .sinfo_assoc_id = id };
        char message[1000];

        (void) first;
        memset(message, 'x', sizeof(message));
        return sctp_send(p->sockets[socket].fd, message, sizeof(message), &where, 0) >= 0 || fail("cannot send") >= 0;
}

static bool set_primary(const struct peer *p, unsigned socket, sctp_assoc_t id, bool first) {
        struct sctp_setprim primary = { .ssp_assoc_id = id };

        (void) first;
        memcpy(&primary.ssp_addr, &p->primary, sizeof(p->primary));
        return setsockopt(p->sockets[socket].fd, SOL_SCTP, SCTP_PRIMARY_ADDR, &primary, sizeof(primary)) >= 0 ||
               fail("SCTP_PRIMARY_ADDR") >= 0;
}

/* The first one that `act` has done something with is its `first`. */
static void each_association(const struct peer *p,
                             bool (*act)(const struct peer *p, unsigned socket, sctp_assoc_t id, bool first)) {
        bool first = true;

        for (unsigned i = 1; i < p->n_sockets; i++) {
                sctp_assoc_t ids[SOCKETS_MAX];
                unsigned n = is_listening(p->sockets[i].fd) && !p->many ? 0 : list_associations(p->sockets[i].fd, ids);

                for (unsigned j = 0; j < n; j++)
                        first = !act(p, i, ids[j], first) && first;
        }
}

/* A one-to-one socket cannot but be closed so, and one that a child has, too, is not. */
static int abort_all(struct peer *p) {
        const struct linger at_once = { .l_onoff = 1 };

        for (unsigned i = p->n_sockets - 1; i > 0; i--) {
                int fd = p->sockets[i].fd;
                sctp_assoc_t ids[SOCKETS_MAX];

                if (type_of(fd) == SOCK_SEQPACKET) {
                        for (unsigned j = 0, n = list_associations(fd, ids); j < n; j++) {
                                struct sctp_sndrcvinfo where = { .sinfo_assoc_id = ids[j], .sinfo_flags = SCTP_ABORT };

                                if (sctp_send(fd, NULL, 0, &where, 0) < 0)
                                        return fail("cannot abort");
                        }
                } else if (!is_listening(fd)) {
                        if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) < 0)
                                return fail("SO_LINGER");
                        close_socket(p, i);
                }
        }
        puts("aborted");

        return 0;
}

static void print_status(const struct peer *p) {
        printf("{\"pid\":%d,\"sockets\":[", (int) getpid());
        for (unsigned i = 1; i < p->n_sockets; i++) {
                int fd = p->sockets[i].fd;

                printf("%s{\"fd\":%d,\"inode\":%llu,\"style\":\"%s\",\"listening\":%s,\"localPort\":%u,",
                       i > 1 ? "," : "", fd, inode_of(fd), style_of(p, i), is_listening(fd) ? "true" : "false",
                       port_of(fd));
                print_local(fd, 0);
                printf("}");
        }
        printf("],\"associations\":[");
        each_association(p, print_association);
        printf("]}\n");
}

/* 1: it is to end. */
static int obey(struct peer *p, char *line) {
        unsigned n;

        if (strcmp(line, "status") == 0)
                print_status(p);
        else if (strcmp(line, "stats") == 0) {
                printf("[");
                each_association(p, print_statistics);
                printf("]\n");
        } else if (sscanf(line, "send %u", &n) == 1) {
                while (n-- > 0)
                        each_association(p, send_message);
                puts("sent");
        } else if (strncmp(line, "primary ", 8) == 0) {
                n = 0;
                if (read_addresses(line + 8, &p->primary, &n) < 0)
                        return fail(line);
                set_ports(&p->primary, n, p->port);
                each_association(p, set_primary);
                puts("set");
        } else if (strcmp(line, "abort") == 0)
                return abort_all(p);
        else if (strcmp(line, "close") == 0) {
                while (p->n_sockets > 1)
                        close_socket(p, 1);
                puts("closed");
        } else if (strcmp(line, "quit") == 0)
                return 1;
        else {
                errno = EINVAL;
                return fail(line);
        }

        return 0;
}

/* Whole lines; at the end of its input it goes on without. */
static int read_input(struct peer *p) {
        static char input[4096];
        static size_t used;
        char *end;
        int r = 0;
        ssize_t n = read(STDIN_FILENO, input + used, sizeof(input) - used);

        if (n <= 0) {
                p->sockets[0].fd = -1;
                return 0;
        }
        used += (size_t) n;
        while (r == 0 && (end = memchr(input, '\n', used))) {
                size_t length = (size_t) (end - input) + 1;

                *end = '\0';
                r = obey(p, input);
                memmove(input, input + length, used - length);
                used -= length;
        }

        return r;
}

static int go_on(struct peer *p) {
        int r = 0;

        while (r == 0) {
                if (poll(p->sockets, p->n_sockets, -1) < 0)
                        return fail("poll");
                /* From the last one on: one that is closed gives its place to the last. */
                for (unsigned i = p->n_sockets - 1; r == 0 && i > 0; i--)
                        if (p->sockets[i].events && p->sockets[i].revents)
                                r = serve_socket(p, i);
                if (r == 0 && p->sockets[0].revents)
                        r = read_input(p);
        }

        return r;
}

enum {
        OPT_LOCAL = 1, OPT_PEER, OPT_PORT, OPT_LOCAL_PORT, OPT_COUNT, OPT_MANY, OPT_PEEL, OPT_FORK, OPT_NO_ACCEPT,
        OPT_BIND_ONLY, OPT_HEARTBEAT, OPT_RTO, OPT_RETRANS, OPT_PLAIN_V4,
};

static int read_options(struct peer *p, int argc, char **argv) {
        static const struct option options[] = {
                { "local", required_argument, NULL, OPT_LOCAL },
                { "peer", required_argument, NULL, OPT_PEER },
                { "port", required_argument, NULL, OPT_PORT },
                { "local-port", required_argument, NULL, OPT_LOCAL_PORT },
                { "count", required_argument, NULL, OPT_COUNT },
                { "many", no_argument, NULL, OPT_MANY },
                { "peel", no_argument, NULL, OPT_PEEL },
                { "fork", no_argument, NULL, OPT_FORK },
                { "no-accept", no_argument, NULL, OPT_NO_ACCEPT },
                { "bind-only", no_argument, NULL, OPT_BIND_ONLY },
                { "heartbeat", required_argument, NULL, OPT_HEARTBEAT },
                { "rto", required_argument, NULL, OPT_RTO },
                { "path-max-retrans", required_argument, NULL, OPT_RETRANS },
                { "plain-v4", no_argument, NULL, OPT_PLAIN_V4 },
                {},
        };
        int c, r = 0;

        while (r >= 0 && (c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case OPT_LOCAL:
                        r = read_addresses(optarg, p->local, &p->n_local);
                        break;
                case OPT_PEER:
                        r = read_addresses(optarg, p->peer, &p->n_peer);
                        break;
                case OPT_PORT:
                        p->port = (uint16_t) strtoul(optarg, NULL, 10);
                        break;
                case OPT_LOCAL_PORT:
                        p->local_port = (uint16_t) strtoul(optarg, NULL, 10);
                        break;
                case OPT_COUNT:
                        p->count = (unsigned) strtoul(optarg, NULL, 10);
                        break;
                case OPT_MANY:
                        p->many = true;
                        break;
                case OPT_PEEL:
                        p->peel = true;
                        break;
                case OPT_FORK:
                        p->forks = true;
                        break;
                case OPT_NO_ACCEPT:
                        p->no_accept = true;
                        break;
                case OPT_BIND_ONLY:
                        p->bind_only = true;
                        break;
                case OPT_HEARTBEAT:
                        p->heartbeat = (unsigned) strtoul(optarg, NULL, 10);
                        p->heartbeat_set = true;
                        break;
                case OPT_RTO:
                        p->rto_set = sscanf(optarg, "%u,%u", &p->rto_min, &p->rto_max) == 2;
                        r = p->rto_set ? 0 : -EINVAL;
                        break;
                case OPT_RETRANS:
                        p->retrans = (unsigned) strtoul(optarg, NULL, 10);
                        p->retrans_set = true;
                        break;
                case OPT_PLAIN_V4:
                        p->plain_v4 = true;
                        break;
                default:
                        r = -EINVAL;
                }
        if (r < 0 || optind + 1 != argc)
                return -EINVAL;
        p->connects = strcmp(argv[optind], "connect") == 0;
        if ((!p->connects && strcmp(argv[optind], "serve") != 0) || p->port == 0 || p->count == 0 ||
            (p->connects ? p->n_peer : p->n_local) == 0)
                return -EINVAL;

        return 0;
}

int main(int argc, char **argv) {
        static struct peer peer = {
                .count = 1,
                .sockets = { { .fd = STDIN_FILENO, .events = POLLIN } },
                .n_sockets = 1,
        };
        int r;

        (void) setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
        (void) signal(SIGCHLD, SIG_IGN);
        (void) signal(SIGPIPE, SIG_IGN);
        if (read_options(&peer, argc, argv) < 0) {
                fputs(usage, stderr);
                return 2;
        }
        r = start(&peer);
        if (r >= 0)
                r = go_on(&peer);

        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
