/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sctp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* A socket that answers as SCTP ones do: SCTP itself may not be here. */
static int fake_getsockopt(int fd, int level, int option, void *value, socklen_t *length);
static int fake_getsockname(int fd, struct sockaddr *address, socklen_t *length);
#define getsockopt fake_getsockopt
#define getsockname fake_getsockname
#include "option.c"
#undef getsockopt
#undef getsockname

#define NOW 1234567u

static struct fake {
        bool sctp;                      /* SO_PROTOCOL says so */
        unsigned asked;                 /* SCTP options */
        uint32_t id;                    /* that SCTP_STATUS knows; 0: it refuses */
        const char *hidden;             /* the path that SCTP_GET_PEER_ADDR_INFO gives EACCES for */
        bool refuse_all;
        int type, listening;
        bool peeled_off;
        const char *name;               /* of getsockname() */
        uint16_t port;
        bool mapped;                    /* IPv4 as IPv4-mapped */
        const char *addresses[4];
        unsigned n_same;                /* the first one so many times more */
        uint64_t max_rto;
} fake;

static int refuse(int error) {
        errno = error;
        return -1;
}

static size_t put_sockaddr(void *to, const char *text) {
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(fake.port) };
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(fake.port) };
        char mapped[64];

        if (inet_pton(AF_INET, text, &v4.sin_addr) == 1 && !fake.mapped) {
                memcpy(to, &v4, sizeof(v4));
                return sizeof(v4);
        }
        snprintf(mapped, sizeof(mapped), "%s%s", strchr(text, ':') ? "" : "::ffff:", text);
        assert_int_equal(inet_pton(AF_INET6, mapped, &v6.sin6_addr), 1);
        memcpy(to, &v6, sizeof(v6));
        return sizeof(v6);
}

static int fake_getsockname(int fd, struct sockaddr *address, socklen_t *length) {
        (void) fd;
        *length = (socklen_t) put_sockaddr(address, fake.name);
        return 0;
}

static int give_addresses(uint8_t *value, size_t length) {
        size_t at = sizeof(struct sctp_getaddrs);
        uint32_t n = 0;

        for (unsigned i = 0; i < ELEMENTS(fake.addresses) && fake.addresses[i]; i++)
                for (unsigned j = 0; j <= (i == 0 ? fake.n_same : 0); j++, n++) {
                        uint8_t one[sizeof(struct sockaddr_in6)];
                        size_t size = put_sockaddr(one, fake.addresses[i]);

                        if (at + size > length)
                                return refuse(ENOMEM);
                        memcpy(value + at, one, size);
                        at += size;
                }
        memcpy(value + offsetof(struct sctp_getaddrs, addr_num), &n, sizeof(n));
        return 0;
}

/* The last byte of its address tells a path's figures. */
static bool read_path(const void *sockaddr, uint8_t *ret_last) {
        struct sockaddr_in in;
        char text[INET_ADDRSTRLEN];

        memcpy(&in, sockaddr, sizeof(in));
        assert_int_equal(in.sin_family, AF_INET);
        assert_int_equal(ntohs(in.sin_port), 5000);
        *ret_last = (uint8_t) ntohl(in.sin_addr.s_addr);
        return !fake.hidden || strcmp(inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text)), fake.hidden) != 0;
}

static int give_sctp(int option, void *value, socklen_t *length) {
        struct sctp_status status;
        struct sctp_paddrinfo info;
        struct sctp_paddrparams parameters;
        struct sctp_assoc_stats statistics = { .sas_maxrto = fake.max_rto };
        uint8_t last;

        fake.asked++;
        if (fake.refuse_all)
                return refuse(EINVAL);
        switch (option) {
        case SCTP_STATUS:
                memcpy(&status, value, sizeof(status));
                if (fake.id == 0)
                        return refuse(EINVAL);
                status = (struct sctp_status) {
                        .sstat_assoc_id = (sctp_assoc_t) fake.id,
                        .sstat_state = 4,
                        .sstat_rwnd = 1000,
                        .sstat_unackdata = 2,
                        .sstat_penddata = 3,
                        .sstat_fragmentation_point = 1452,
                };
                memcpy(value, &status, sizeof(status));
                return 0;
        case SCTP_GET_PEER_ADDR_INFO:
                memcpy(&info, value, sizeof(info));
                if (!read_path(&info.spinfo_address, &last))
                        return refuse(EACCES);
                info.spinfo_srtt = last;
                info.spinfo_cwnd = 4000u + last;
                memcpy(value, &info, sizeof(info));
                return 0;
        case SCTP_PEER_ADDR_PARAMS:
                memcpy(&parameters, value, sizeof(parameters));
                (void) read_path(&parameters.spp_address, &last);
                parameters.spp_pathmtu = 1500;
                parameters.spp_hbinterval = 500;
                parameters.spp_sackdelay = 200;
                parameters.spp_flags = last % 2 ? SPP_HB_ENABLE : SPP_HB_DISABLE;
                memcpy(value, &parameters, sizeof(parameters));
                return 0;
        case SCTP_RTOINFO:
                return fake.peeled_off ? 0 : refuse(EINVAL);
        case SCTP_GET_LOCAL_ADDRS:
                return give_addresses(value, *length);
        case SCTP_GET_ASSOC_STATS:
                put_sockaddr(&statistics.sas_obs_rto_ipaddr, "10.0.0.1");
                memcpy(value, &statistics, sizeof(statistics));
                return 0;
        default:
                fail_msg("option %d", option);
        }
        return -1;
}

static int fake_getsockopt(int fd, int level, int option, void *value, socklen_t *length) {
        int number;

        if (level == IPPROTO_SCTP)
                return give_sctp(option, value, length);
        assert_int_equal(level, SOL_SOCKET);
        /* What is no socket has none of them. */
        if (getsockopt(fd, level, option, value, length) < 0)
                return -1;
        if (option == SO_PROTOCOL && fake.sctp)
                number = IPPROTO_SCTP;
        else if (option == SO_TYPE)
                number = fake.type;
        else if (option == SO_ACCEPTCONN)
                number = fake.listening;
        else
                return 0;
        memcpy(value, &number, sizeof(number));
        return 0;
}

/* valgrind, and Linux before 5.6, have not got the system calls: then that is said, whatever else would be. */
static int or_enosys(int r) {
        int fd = (int) syscall(SYS_pidfd_open, getpid(), 0), taken;

        if (fd < 0)
                return -errno;
        taken = (int) syscall(SYS_pidfd_getfd, fd, STDIN_FILENO, 0);
        if (taken < 0 && errno == ENOSYS)
                r = -ENOSYS;
        if (taken >= 0)
                (void) close(taken);
        (void) close(fd);
        return r;
}

static unsigned count_descriptors(void) {
        unsigned n = 0;

        for (int fd = 0; fd < 64; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

static struct option_socket own_socket(int fd) {
        struct stat st;

        assert_int_equal(fstat(fd, &st), 0);
        return (struct option_socket) { getpid(), fd, st.st_ino };
}

static int open_socket(int type) {
        int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        return fd;
}

/* Established, peer port 5000, paths 10.0.0.1 on, the first one primary. */
static struct association *add(struct builder *b, uint32_t id, unsigned n_paths) {
        struct association *a;

        assert_int_equal(builder_add_association(b, &a), 0);
        a->id = id;
        a->state = ASSOCIATION_ESTABLISHED;
        a->peer_port = 5000;
        a->paths = (struct range) { (uint32_t) b->n_paths, n_paths };
        for (unsigned i = 0; i < n_paths; i++) {
                struct path *p;

                assert_int_equal(builder_add_path(b, &p), 0);
                p->address = (struct address) { AF_INET, i == 0, { 10, 0, 0, (uint8_t) (i + 1) } };
        }
        return a;
}

static const uint32_t first[] = { 0 };

static int read_first(const struct option_socket *socket, struct builder *b) {
        uint64_t held = UINT64_MAX;
        unsigned before = count_descriptors();
        int r;

        r = option_read(socket, b, first, 1, NOW, &held);
        assert_int_equal(count_descriptors(), before);
        assert_true((held != UINT64_MAX) == (r == 0 || r == -ENOENT));
        return r;
}

static void test_only_that_socket(void **state) {
        _cleanup_(builder_done) struct builder b = {};
        _cleanup_close_ int fd = open_socket(SOCK_STREAM), file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        struct option_socket socket = own_socket(fd), ended;
        siginfo_t info;
        pid_t pid;

        (void) state;
        fake = (struct fake) { .id = 7 };
        add(&b, 7, 1);

        /* A TCP socket, whose inode is right. */
        assert_int_equal(read_first(&socket, &b), or_enosys(-ESTALE));
        assert_int_equal(fake.asked, 0);
        fake.sctp = true;
        socket.inode++;
        assert_int_equal(read_first(&socket, &b), or_enosys(-ESTALE));
        socket.inode--;
        socket.fd = 1000;
        assert_int_equal(read_first(&socket, &b), or_enosys(-ESTALE));
        socket = own_socket(file);
        assert_int_equal(read_first(&socket, &b), or_enosys(-ESTALE));
        assert_int_equal(fake.asked, 0);

        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(0);
        ended = own_socket(fd);
        ended.pid = pid;
        assert_int_equal(waitid(P_PID, (id_t) pid, &info, WEXITED | WNOWAIT), 0);
        assert_int_equal(read_first(&ended, &b), or_enosys(-ESTALE));
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_int_equal(read_first(&ended, &b), or_enosys(-ESTALE));
        assert_int_equal(fake.asked, 0);
        assert_int_equal(b.associations[0].given[1], 0);
}

/* Without capabilities nobody may look into a process that is not dumpable. */
static void test_not_allowed(void **state) {
        _cleanup_close_ int fd = open_socket(SOCK_STREAM);
        struct option_socket socket = own_socket(fd);
        _cleanup_(builder_done) struct builder b = {};
        int status;
        pid_t pid;

        (void) state;
        fake = (struct fake) { .sctp = true, .id = 7 };
        add(&b, 7, 1);
        assert_int_equal(prctl(PR_SET_DUMPABLE, 0), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
                struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
                uint64_t held;

                if (syscall(SYS_capset, &header, none) < 0)
                        _exit(0);
                _exit(-option_read(&socket, &b, first, 1, NOW, &held));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), -or_enosys(-EPERM));
}

static void test_read(void **state) {
        _cleanup_close_ int fd = open_socket(SOCK_STREAM);
        struct option_socket socket = own_socket(fd);
        _cleanup_(builder_done) struct builder b = {};
        struct association *a;
        struct path *p;

        (void) state;
        fake = (struct fake) { .sctp = true, .id = 7 };
        a = add(&b, 7, 2);
        p = b.paths;
        assert_int_equal(read_first(&socket, &b), or_enosys(0));
        if (or_enosys(0) < 0)
                return;

        assert_true(FIELD_GIVEN(a, ASSOCIATION_OPTIONS_AT));
        assert_int_equal(a->detail.options_at, NOW);
        assert_true(FIELD_GIVEN(a, ASSOCIATION_PEER_RECEIVE_WINDOW));
        assert_int_equal(a->detail.peer_receive_window, 1000);
        assert_false(FIELD_GIVEN(a, ASSOCIATION_RECEIVE_WINDOW));
        assert_int_equal(a->detail.unacknowledged_chunks, 2);
        assert_int_equal(a->detail.pending_chunks, 3);
        assert_int_equal(a->detail.fragmentation_point, 1452);
        for (unsigned i = 0; i < 2; i++) {
                assert_true(FIELD_GIVEN(p + i, PATH_SRTT));
                assert_int_equal(p[i].detail.srtt, i + 1);
                assert_int_equal(p[i].detail.cwnd, 4001 + i);
                assert_int_equal(p[i].detail.mtu, 1500);
                assert_int_equal(p[i].detail.heartbeat_interval, 500);
                assert_int_equal(p[i].detail.sack_delay, 200);
                assert_true(FIELD_GIVEN(p + i, PATH_HEARTBEATS));
                assert_int_equal(p[i].detail.heartbeats, i == 0);
                assert_false(FIELD_GIVEN(p + i, PATH_FLIGHT_SIZE));
        }

        /* Of a path that the kernel hides, what was known before is no longer so; the rest is told. */
        fake.hidden = "10.0.0.2";
        assert_int_equal(read_first(&socket, &b), 0);
        assert_false(FIELD_GIVEN(p + 1, PATH_SRTT));
        assert_false(FIELD_GIVEN(p + 1, PATH_CWND));
        assert_true(FIELD_GIVEN(p + 1, PATH_MTU));
        assert_true(FIELD_GIVEN(p, PATH_SRTT));
        /* The primary's, which sock_diag tells too, stay. */
        fake.hidden = "10.0.0.1";
        FIELD_GIVE(a, ASSOCIATION_DIAG_AT);
        assert_int_equal(read_first(&socket, &b), 0);
        assert_true(FIELD_GIVEN(p, PATH_SRTT));
        assert_true(FIELD_GIVEN(p + 1, PATH_SRTT));
}

static void test_another_association(void **state) {
        _cleanup_close_ int fd = open_socket(SOCK_STREAM);
        struct option_socket socket = own_socket(fd);
        _cleanup_(builder_done) struct builder b = {};
        struct association *a;

        (void) state;
        fake = (struct fake) { .sctp = true, .id = 8 };
        a = add(&b, 7, 2);
        assert_int_equal(read_first(&socket, &b), or_enosys(-ENOENT));
        fake.id = 0;
        assert_int_equal(read_first(&socket, &b), or_enosys(-ENOENT));
        assert_int_equal(a->given[1], 0);
        assert_int_equal(b.paths[0].given[1], 0);

        /* Before it is established only its paths are known to a one-to-one socket. */
        a->state = ASSOCIATION_COOKIE_WAIT;
        assert_int_equal(read_first(&socket, &b), or_enosys(0));
        if (or_enosys(0) == 0) {
                assert_false(FIELD_GIVEN(a, ASSOCIATION_PEER_RECEIVE_WINDOW));
                assert_true(FIELD_GIVEN(a, ASSOCIATION_OPTIONS_AT));
                assert_true(FIELD_GIVEN(b.paths + 1, PATH_CWND));
        }
        fake.refuse_all = true;
        assert_int_equal(read_first(&socket, &b), or_enosys(-ENOENT));
}

static void test_limits(void **state) {
        _cleanup_close_ int fd = open_socket(SOCK_STREAM);
        struct option_socket socket = own_socket(fd);
        uint32_t associations[OPTION_BATCH_MAX + 1];
        _cleanup_(builder_done) struct builder b = {};
        uint64_t held;

        (void) state;
        fake = (struct fake) { .sctp = true, .id = 7 };
        for (uint32_t i = 0; i < ELEMENTS(associations); i++) {
                add(&b, i == 1 ? 9 : 7, OPTION_PATHS_MAX + 1);
                associations[i] = i;
        }
        assert_int_equal(option_read(&socket, &b, associations, OPTION_BATCH_MAX + 1, NOW, &held), -E2BIG);
        assert_int_equal(fake.asked, 0);

        assert_int_equal(option_read(&socket, &b, associations, OPTION_BATCH_MAX, NOW, &held), or_enosys(0));
        for (uint32_t i = 0; or_enosys(0) == 0 && i < ELEMENTS(associations); i++) {
                const struct association *a = b.associations + i;
                const struct path *p = b.paths + a->paths.first;
                bool read = i != 1 && i < OPTION_BATCH_MAX;

                assert_int_equal(FIELD_GIVEN(a, ASSOCIATION_OPTIONS_AT), read);
                assert_int_equal(FIELD_GIVEN(p + OPTION_PATHS_MAX - 1, PATH_MTU), read);
                assert_int_equal(FIELD_GIVEN(p + OPTION_PATHS_MAX, PATH_MTU), 0);
        }
}

static void assert_address(const struct address *address, const char *expected) {
        char text[ADDRESS_TEXT_MAX];

        assert_string_equal(address_text(address, text), expected);
}

static void test_endpoint(void **state) {
        _cleanup_close_ int fd = open_socket(SOCK_STREAM);
        struct option_socket socket = own_socket(fd);
        struct endpoint e = {};
        _cleanup_(builder_done) struct builder b = {};
        uint64_t held;

        (void) state;
        fake = (struct fake) { .sctp = true, .type = SOCK_STREAM, .name = "10.0.0.1", .mapped = true,
                               .addresses = { "10.0.0.1", "fd00::1" } };
        assert_int_equal(option_read_endpoint(&socket, &b, &e, &held), or_enosys(-ENOTCONN));
        assert_int_equal(e.given[0], 0);
        if (or_enosys(0) < 0)
                return;

        fake.port = 5000;
        assert_int_equal(option_read_endpoint(&socket, &b, &e, &held), 0);
        assert_true(FIELD_GIVEN(&e, ENDPOINT_LOCAL_PORT));
        assert_int_equal(e.local_port, 5000);
        assert_true(FIELD_GIVEN(&e, ENDPOINT_STATE));
        assert_int_equal(e.state, ENDPOINT_CLOSED);
        assert_true(FIELD_GIVEN(&e, ENDPOINT_STYLE));
        assert_int_equal(e.style, STYLE_ONE_TO_ONE);
        assert_false(FIELD_GIVEN(&e, ENDPOINT_UID));
        assert_int_equal(e.local.count, 2);
        assert_address(b.addresses + e.local.first, "10.0.0.1");
        assert_address(b.addresses + e.local.first + 1, "fd00::1");

        /* Bound to any address; listening. */
        fake.name = "::";
        fake.type = SOCK_SEQPACKET;
        fake.listening = 1;
        assert_int_equal(option_read_endpoint(&socket, &b, &e, &held), 0);
        assert_int_equal(e.local.count, 1);
        assert_int_equal(e.local.first, 2);
        assert_address(b.addresses + e.local.first, "::");
        assert_int_equal(e.style, STYLE_ONE_TO_MANY);
        assert_int_equal(e.state, ENDPOINT_LISTENING);

        /* A peeled-off one does not know what it is called. */
        fake.peeled_off = true;
        assert_int_equal(option_read_endpoint(&socket, &b, &e, &held), 0);
        assert_int_equal(e.style, STYLE_PEELED_OFF);
        assert_int_equal(e.local.count, 2);

        fake.n_same = OPTION_ADDRESSES_MAX - 2;
        assert_int_equal(option_read_endpoint(&socket, &b, &e, &held), 0);
        assert_int_equal(e.local.count, OPTION_ADDRESSES_MAX);
        assert_address(b.addresses + e.local.first + OPTION_ADDRESSES_MAX - 1, "fd00::1");
        fake.n_same++;
        assert_int_equal(option_read_endpoint(&socket, &b, &e, &held), -ENOBUFS);
        assert_int_equal(e.local.count, OPTION_ADDRESSES_MAX);
}

static void test_statistics(void **state) {
        _cleanup_close_ int fd = open_socket(SOCK_STREAM);
        struct option_socket socket = own_socket(fd);
        struct option_statistics statistics;
        uint64_t held;

        (void) state;
        fake = (struct fake) { .sctp = true, .max_rto = 750 };
        assert_int_equal(option_read_statistics(&socket, 7, 0, &statistics, &held), -EOPNOTSUPP);
        /* It would be lost if it were asked for in vain. */
        assert_int_equal(fake.asked, 0);
        assert_int_equal(option_read_statistics(&socket, 7, 250, &statistics, &held), or_enosys(0));
        if (or_enosys(0) == 0) {
                assert_int_equal(statistics.max_rto, 3000);
                assert_address(&statistics.max_rto_path, "10.0.0.1");
        }
        fake.refuse_all = true;
        assert_int_equal(option_read_statistics(&socket, 7, 250, &statistics, &held), or_enosys(-ENOENT));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_only_that_socket),
                cmocka_unit_test(test_not_allowed),
                cmocka_unit_test(test_read),
                cmocka_unit_test(test_another_association),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_endpoint),
                cmocka_unit_test(test_statistics),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
