/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <sys/socket.h>

/* A kernel that answers: it may have no SCTP here. */
static ssize_t fake_send(const struct mnl_socket *socket, const void *data, size_t size);
static ssize_t fake_receive(int fd, void *to, size_t size, int flags);
static int fake_fd(const struct mnl_socket *socket);
static unsigned fake_portid(const struct mnl_socket *socket);
#define mnl_socket_sendto fake_send
#define recv fake_receive
#define mnl_socket_get_fd fake_fd
#define mnl_socket_get_portid fake_portid
#include "diag.c"
#undef mnl_socket_sendto
#undef recv
#undef mnl_socket_get_fd
#undef mnl_socket_get_portid

/* The kernel's number of ESTABLISHED: it counts from 0. */
#define ESTABLISHED 3
#define PORTID 4711u

static struct fake {
        char asked[256];
        unsigned n_asked;
        int error;                      /* of the receiver */
        const struct nlmsghdr *answer;
        unsigned n_late;                /* answers to earlier questions come first, as many */
        bool nothing;                   /* an empty datagram */
        unsigned n_received;
} fake;

static char buffer[131072];

static struct nlmsghdr *begin(void) {
        struct nlmsghdr *header = mnl_nlmsg_put_header(memset(buffer, 0, sizeof(buffer)));
        struct inet_diag_msg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));

        header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
        message->idiag_state = ESTABLISHED;
        message->idiag_inode = 4711;
        message->idiag_uid = 1000;
        return header;
}

static struct inet_diag_msg *body(struct nlmsghdr *header) {
        return mnl_nlmsg_get_payload(header);
}

static struct sockaddr_storage ipv4(const char *text) {
        struct sockaddr_storage address = { .ss_family = AF_INET };

        assert_int_equal(inet_pton(AF_INET, text, &((struct sockaddr_in *) &address)->sin_addr), 1);
        return address;
}

static bool given(const struct diag_association *a, unsigned index) {
        return (a->given >> (index - FIELD_DETAIL)) & 1;
}

static bool path_given(const struct diag_association *a, unsigned index) {
        return (a->path_given >> (index - FIELD_DETAIL)) & 1;
}

/* Each member another value. */
static struct sctp_info sample(void) {
        struct sctp_info info = {
                .sctpi_tag = 0xdeadbeef, .sctpi_rwnd = 1, .sctpi_unackdata = 2, .sctpi_penddata = 3,
                .sctpi_fragmentation_point = 99, .sctpi_inqueue = 4, .sctpi_outqueue = 5, .sctpi_overall_error = 6,
                .sctpi_max_burst = 7, .sctpi_maxseg = 8, .sctpi_peer_rwnd = 9, .sctpi_peer_tag = 10,
                .sctpi_peer_capable = 0x2a, .sctpi_peer_sack = 5, .sctpi_isacks = 11, .sctpi_osacks = 12,
                .sctpi_opackets = 13, .sctpi_ipackets = 14, .sctpi_rtxchunks = 15, .sctpi_outofseqtsns = 16,
                .sctpi_idupchunks = 17, .sctpi_gapcnt = 18, .sctpi_ouodchunks = 19, .sctpi_iuodchunks = 20,
                .sctpi_oodchunks = 21, .sctpi_iodchunks = UINT64_C(1) << 40, .sctpi_octrlchunks = 23,
                .sctpi_ictrlchunks = 24, .sctpi_p_address = ipv4("10.0.1.2"), .sctpi_p_cwnd = 25, .sctpi_p_srtt = 26,
                .sctpi_p_rto = 27, .sctpi_p_pathmaxrxt = 28, .sctpi_p_sackdelay = 29, .sctpi_p_sackfreq = 99,
                .sctpi_p_ssthresh = 30, .sctpi_p_partial_bytes_acked = 31, .sctpi_p_flight_size = 32,
                .sctpi_p_error = 33,
        };

        info.sctpi_p_hbinterval = (uint32_t) (5 * clock_hz());
        return info;
}

static ssize_t fake_send(const struct mnl_socket *socket, const void *data, size_t size) {
        (void) socket;
        assert_in_range(size, 1, sizeof(fake.asked));
        memcpy(fake.asked, data, size);
        fake.n_asked++;
        return (ssize_t) size;
}

/* What does not fit is cut off, as of every datagram. */
static ssize_t fake_receive(int fd, void *to, size_t size, int flags) {
        size_t n = MIN(size, (size_t) (fake.nothing ? 0 : fake.answer->nlmsg_len));
        struct nlmsghdr *header = to;

        assert_int_equal(fd, 42);
        assert_int_equal(flags, 0);
        assert_in_range(fake.n_received, 0, fake.n_late);
        if (fake.error) {
                errno = fake.error;
                return -1;
        }
        if (n == 0)
                return 0;
        memcpy(to, fake.answer, n);
        header->nlmsg_pid = PORTID;
        header->nlmsg_seq = ((const struct nlmsghdr *) (const void *) fake.asked)->nlmsg_seq;
        if (fake.n_received++ < fake.n_late)
                header->nlmsg_seq--;
        return (ssize_t) n;
}

static int fake_fd(const struct mnl_socket *socket) {
        (void) socket;
        return 42;
}

static unsigned fake_portid(const struct mnl_socket *socket) {
        (void) socket;
        return PORTID;
}

/* Of an earlier result nothing may be left, and on failure all of it. */
static int ask(const char *local, const char *peer, struct diag_association *ret) {
        static struct diag d = { .sequence = 7 };
        struct address from, to;

        assert_int_equal(address_parse(local, strlen(local), &from), 0);
        assert_int_equal(address_parse(peer, strlen(peer), &to), 0);
        memset(ret, 0x55, sizeof(*ret));
        fake.n_received = 0;
        return diag_lookup(&d, &from, 5000, &to, 6000, ret);
}

static int reset(void **state) {
        (void) state;
        fake = (struct fake) {};
        return 0;
}

static void test_all(void **state) {
        const struct sockaddr_storage peers[] = { ipv4("10.0.1.2"), ipv4("10.0.2.2") }, local = ipv4("10.0.1.1");
        const uint32_t memory[] = { 101, 102, 103, 104, 105, 106, 107, 108, 109, 110 };
        struct nlmsghdr *header = begin();
        struct sctp_info info = sample();
        struct diag_association a;
        struct address expected;

        (void) state;
        body(header)->idiag_timer = 1;
        body(header)->idiag_expires = 250;
        body(header)->id.idiag_if = 3;
        mnl_attr_put(header, INET_DIAG_INFO, sizeof(info), &info);
        mnl_attr_put(header, INET_DIAG_SKMEMINFO, sizeof(memory), memory);
        mnl_attr_put(header, INET_DIAG_LOCALS, sizeof(local), &local);
        mnl_attr_put(header, INET_DIAG_PEERS, sizeof(peers), peers);
        mnl_attr_put(header, 200, 3, "new");
        assert_int_equal(diag_read(header, &a), 0);

        assert_int_equal(a.state, ASSOCIATION_ESTABLISHED);
        assert_int_equal(a.inode, 4711);
        assert_int_equal(a.uid, 1000);
        assert_int_equal(a.detail.local_tag, 0xdeadbeef);
        assert_int_equal(a.detail.receive_window, 1);
        assert_int_equal(a.detail.unacknowledged_chunks, 2);
        assert_int_equal(a.detail.pending_chunks, 3);
        assert_int_equal(a.detail.in_queue, 4);
        assert_int_equal(a.detail.out_queue, 5);
        assert_int_equal(a.detail.overall_errors, 6);
        assert_int_equal(a.detail.max_burst, 7);
        assert_int_equal(a.detail.fragmentation_point, 8);
        assert_int_equal(a.detail.peer_receive_window, 9);
        assert_int_equal(a.detail.peer_tag, 10);
        assert_int_equal(a.detail.peer_capabilities, 0x2a);
        assert_int_equal(a.detail.sack_needed, 1);
        assert_int_equal(a.detail.zero_window, 1);
        assert_int_equal(a.detail.sacks_received, 11);
        assert_int_equal(a.detail.sacks_sent, 12);
        assert_int_equal(a.detail.packets_sent, 13);
        assert_int_equal(a.detail.packets_received, 14);
        assert_int_equal(a.detail.chunks_retransmitted, 15);
        assert_int_equal(a.detail.tsns_out_of_order, 16);
        assert_int_equal(a.detail.duplicate_chunks, 17);
        assert_int_equal(a.detail.gap_acks, 18);
        assert_int_equal(a.detail.unordered_sent, 19);
        assert_int_equal(a.detail.unordered_received, 20);
        assert_int_equal(a.detail.ordered_sent, 21);
        assert_true(a.detail.ordered_received == UINT64_C(1) << 40);
        assert_int_equal(a.detail.control_sent, 23);
        assert_int_equal(a.detail.control_received, 24);
        assert_int_equal(a.detail.receive_memory, 101);
        assert_int_equal(a.detail.send_memory, 103);
        assert_int_equal(a.detail.forward_memory, 105);
        assert_int_equal(a.detail.option_memory, 107);
        assert_int_equal(a.detail.backlog, 108);
        assert_int_equal(a.detail.drops, 109);
        assert_int_equal(a.detail.retransmission_timer, 250);
        assert_int_equal(a.detail.interface, 3);
        for (unsigned i = ASSOCIATION_LOCAL_TAG; i < ASSOCIATION_OPTIONS_AT; i++)
                assert_true(given(&a, i));
        assert_false(given(&a, ASSOCIATION_DIAG_AT));

        assert_int_equal(address_parse("10.0.1.2", 8, &expected), 0);
        assert_true(address_equal(&a.primary, &expected));
        assert_int_equal(a.path.cwnd, 25);
        assert_int_equal(a.path.srtt, 26);
        assert_int_equal(a.path.sack_delay, 29);
        assert_int_equal(a.path.ssthresh, 30);
        assert_int_equal(a.path.partial_bytes_acked, 31);
        assert_int_equal(a.path.flight_size, 32);
        assert_int_equal(a.path.error_count, 33);
        assert_int_equal(a.path.heartbeat_interval, 5000);
        assert_false(path_given(&a, PATH_MTU));
        assert_int_equal(a.n_local, 1);
        assert_int_equal(a.n_peers, 2);
        assert_true(address_equal(a.peers, &expected));
}

/* The wheel runs late: a timer that should have expired has no time left. */
static void test_late_timer(void **state) {
        static const struct {
                uint32_t expires, expected;
        } timers[] = {
                { 0, 0 },
                { DIAG_TIMER_MSEC_MAX, DIAG_TIMER_MSEC_MAX },
                { DIAG_TIMER_MSEC_MAX + 1, 0 },
                { (uint32_t) -4, 0 },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(timers); i++) {
                struct nlmsghdr *header = begin();
                struct diag_association a;

                body(header)->idiag_timer = 1;
                body(header)->idiag_expires = timers[i].expires;
                assert_int_equal(diag_read(header, &a), 0);
                assert_true(given(&a, ASSOCIATION_RETRANSMISSION_TIMER));
                assert_int_equal(a.detail.retransmission_timer, timers[i].expected);
        }
}

/* An older kernel, whose structure ends behind the counters' first, and a newer one. */
static void test_other_lengths(void **state) {
        struct sctp_info infos[2] = { sample(), sample() };
        struct nlmsghdr *header = begin();
        struct diag_association a;

        (void) state;
        mnl_attr_put(header, INET_DIAG_INFO, offsetof(struct sctp_info, sctpi_osacks) + 4, infos);
        mnl_attr_put(header, INET_DIAG_SKMEMINFO, 4, "abcd");
        assert_int_equal(diag_read(header, &a), 0);
        assert_true(given(&a, ASSOCIATION_SACKS_RECEIVED));
        /* Half of it is not it. */
        assert_false(given(&a, ASSOCIATION_SACKS_SENT));
        assert_int_equal(a.primary.family, 0);
        assert_true(given(&a, ASSOCIATION_RECEIVE_MEMORY));
        assert_false(given(&a, ASSOCIATION_SEND_MEMORY));

        header = begin();
        mnl_attr_put(header, INET_DIAG_INFO, sizeof(infos), infos);
        assert_int_equal(diag_read(header, &a), 0);
        assert_int_equal(a.detail.control_received, 24);
}

static void test_what_is_not_there(void **state) {
        struct nlmsghdr *header = begin();
        struct diag_association a;
        struct sctp_info info = {}, strange = sample();

        (void) state;
        assert_int_equal(diag_read(header, &a), 0);
        assert_true(a.given == 0 && a.path_given == 0 && a.primary.family == 0);

        /* No peer yet, no timer, no route. */
        mnl_attr_put(header, INET_DIAG_INFO, sizeof(info), &info);
        assert_int_equal(diag_read(header, &a), 0);
        assert_true(given(&a, ASSOCIATION_LOCAL_TAG));
        assert_false(given(&a, ASSOCIATION_PEER_TAG));
        assert_false(given(&a, ASSOCIATION_RETRANSMISSION_TIMER));
        assert_false(given(&a, ASSOCIATION_INTERFACE));
        assert_int_equal(a.primary.family, 0);
        assert_true(a.path_given == 0);

        /* Figures of a path that has no address as we know them are nobody's. */
        strange.sctpi_p_address.ss_family = AF_UNIX;
        header = begin();
        mnl_attr_put(header, INET_DIAG_INFO, sizeof(strange), &strange);
        assert_int_equal(diag_read(header, &a), 0);
        assert_int_equal(a.detail.local_tag, 0xdeadbeef);
        assert_int_equal(a.primary.family, 0);
        assert_true(a.path_given == 0);
}

static void test_many_addresses(void **state) {
        struct sockaddr_storage local[DIAG_ADDRESSES_MAX + 36] = {};
        struct nlmsghdr *header = begin();
        struct diag_association a;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(local); i++)
                local[i] = ipv4("10.0.0.1");
        local[0].ss_family = AF_UNIX;
        mnl_attr_put(header, INET_DIAG_LOCALS, sizeof(local), local);
        /* Not a whole one. */
        mnl_attr_put(header, INET_DIAG_PEERS, 127, local);
        assert_int_equal(diag_read(header, &a), 0);
        assert_int_equal(a.n_local, ELEMENTS(local) - 1);
        assert_int_equal(a.local[DIAG_ADDRESSES_MAX - 1].family, AF_INET);
        assert_int_equal(a.n_peers, 0);
        assert_int_equal(a.peers[0].family, 0);
}

/* What a peer with 512 addresses can have the kernel write: the attribute that holds them seems to be empty, and in
 * what follows is one that tells other figures. */
static struct nlmsghdr *begin_forged(void) {
        struct nlmsghdr *header = begin();
        struct sctp_info info = sample();
        struct nlattr *peers;

        mnl_attr_put(header, INET_DIAG_INFO, sizeof(info), &info);
        peers = mnl_nlmsg_get_payload_tail(header);
        mnl_attr_put(header, INET_DIAG_LOCALS, 0, "");
        mnl_attr_put(header, INET_DIAG_PEERS, 0, "");
        info.sctpi_tag = 1;
        mnl_attr_put(header, INET_DIAG_INFO, sizeof(info), &info);
        header->nlmsg_len = (uint32_t) ((char *) peers - buffer) + 2 * MNL_ATTR_HDRLEN +
                            512 * (uint32_t) sizeof(struct sockaddr_storage);
        return header;
}

static void test_too_many_addresses(void **state) {
        struct nlmsghdr *header = begin_forged();
        struct diag_association a;

        (void) state;
        assert_int_equal(diag_read(header, &a), 0);
        assert_int_equal(a.detail.local_tag, 0xdeadbeef);
        assert_int_equal(a.n_local, 0);
        assert_int_equal(a.n_peers, 0);

        /* Just as long as is read to its end. */
        header = begin();
        header->nlmsg_len = DIAG_REPLY_BYTES_MAX - MNL_ATTR_HDRLEN - sizeof(struct sockaddr_storage) - 4;
        ((struct nlattr *) mnl_nlmsg_get_payload_offset(header, sizeof(struct inet_diag_msg)))->nla_len =
                (uint16_t) (header->nlmsg_len - MNL_NLMSG_HDRLEN - sizeof(struct inet_diag_msg));
        mnl_attr_put(header, INET_DIAG_PEERS, sizeof(struct sockaddr_storage), &(struct sockaddr_storage) { AF_INET });
        assert_int_equal(header->nlmsg_len, DIAG_REPLY_BYTES_MAX - 4);
        assert_int_equal(diag_read(header, &a), 0);
        assert_int_equal(a.n_peers, 1);
}

/* The answer is cut off at the end of what can be received. */
static void test_long_answer(void **state) {
        struct diag_association a;

        (void) state;
        fake.answer = begin_forged();
        assert_in_range(fake.answer->nlmsg_len, DIAG_REPLY_BYTES_MAX + 1, sizeof(buffer));
        assert_int_equal(ask("10.0.1.1", "10.0.1.2", &a), 0);
        assert_int_equal(a.state, ASSOCIATION_ESTABLISHED);
        assert_int_equal(a.detail.local_tag, 0xdeadbeef);
        assert_int_equal(a.detail.control_received, 24);
        assert_int_equal(a.n_peers, 0);
}

static const struct inet_diag_req_v2 *asked(void) {
        const struct nlmsghdr *header = (const void *) fake.asked;

        assert_int_equal(header->nlmsg_type, SOCK_DIAG_BY_FAMILY);
        /* Not a dump. */
        assert_int_equal(header->nlmsg_flags, NLM_F_REQUEST);
        return mnl_nlmsg_get_payload(header);
}

static void assert_pair(const char *local, const char *peer) {
        uint8_t bytes[16] = {};

        assert_int_equal(inet_pton(asked()->sdiag_family, local, bytes), 1);
        assert_memory_equal(asked()->id.idiag_src, bytes, 16);
        memset(bytes, 0, sizeof(bytes));
        assert_int_equal(inet_pton(asked()->sdiag_family, peer, bytes), 1);
        assert_memory_equal(asked()->id.idiag_dst, bytes, 16);
}

static void test_question(void **state) {
        struct diag_association a;

        (void) state;
        fake.answer = begin();
        assert_int_equal(ask("10.0.1.1", "10.0.1.2", &a), 0);
        assert_int_equal(a.inode, 4711);
        assert_true(a.given == 0 && a.primary.family == 0 && a.n_local == 0);
        assert_int_equal(asked()->sdiag_family, AF_INET);
        assert_int_equal(asked()->sdiag_protocol, IPPROTO_SCTP);
        assert_int_equal(asked()->idiag_ext, 1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_SKMEMINFO - 1));
        assert_int_equal(asked()->id.idiag_sport, htons(5000));
        assert_int_equal(asked()->id.idiag_dport, htons(6000));
        assert_pair("10.0.1.1", "10.0.1.2");

        assert_int_equal(ask("fd00::1", "fd00::2", &a), 0);
        assert_int_equal(asked()->sdiag_family, AF_INET6);
        assert_pair("fd00::1", "fd00::2");
        assert_int_equal(ask("10.0.1.1", "fd00::2", &a), 0);
        assert_pair("::ffff:10.0.1.1", "fd00::2");

        assert_int_equal(fake.n_asked, 3);
        assert_int_equal(ask("fd00::1", "10.0.1.2", &a), -EAFNOSUPPORT);
        assert_int_equal(fake.n_asked, 3);
}

static struct nlmsghdr *refusal(int error) {
        struct nlmsghdr *header = mnl_nlmsg_put_header(memset(buffer, 0, sizeof(buffer)));
        struct nlmsgerr *text = mnl_nlmsg_put_extra_header(header, sizeof(*text));

        header->nlmsg_type = NLMSG_ERROR;
        text->error = error;
        return header;
}

static void test_no_answer(void **state) {
        struct diag_association a, untouched;

        (void) state;
        memset(&untouched, 0x55, sizeof(untouched));
        fake.answer = refusal(-ENOENT);
        assert_int_equal(ask("10.0.1.1", "10.0.1.2", &a), -ENOENT);
        assert_memory_equal(&a, &untouched, sizeof(a));
        body(begin())->idiag_state = 8;
        assert_int_equal(ask("10.0.1.1", "10.0.1.2", &a), -EBADMSG);
        fake.nothing = true;
        assert_int_equal(ask("10.0.1.1", "10.0.1.2", &a), -EBADMSG);
        fake.error = EAGAIN;
        assert_int_equal(ask("10.0.1.1", "10.0.1.2", &a), -EAGAIN);
        fake.error = EINTR;
        assert_int_equal(ask("10.0.1.1", "10.0.1.2", &a), -EAGAIN);
        fake.error = ENOBUFS;
        assert_int_equal(ask("10.0.1.1", "10.0.1.2", &a), -ENOBUFS);
        assert_memory_equal(&a, &untouched, sizeof(a));
}

/* To a question that had been given up. */
static void test_late_answers(void **state) {
        struct diag_association a;

        (void) state;
        fake.answer = begin();
        fake.n_late = 3;
        assert_int_equal(ask("10.0.1.1", "10.0.1.2", &a), 0);
        assert_int_equal(fake.n_received, 4);
        assert_int_equal(a.inode, 4711);
}

static void test_garbage(void **state) {
        struct nlmsghdr *header = begin();
        struct diag_association a;

        (void) state;
        body(header)->idiag_state = 8;
        assert_int_equal(diag_read(header, &a), -EBADMSG);

        header = begin();
        header->nlmsg_len = MNL_NLMSG_HDRLEN + sizeof(struct inet_diag_msg) - 1;
        assert_int_equal(diag_read(header, &a), -EBADMSG);

        /* An attribute that says it is longer than the message: it is not read. */
        header = begin();
        mnl_attr_put(header, INET_DIAG_INFO, 8, "12345678");
        ((struct nlattr *) mnl_nlmsg_get_payload_offset(header, sizeof(struct inet_diag_msg)))->nla_len = 5000;
        assert_int_equal(diag_read(header, &a), 0);
        assert_true(a.given == 0);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all),
                cmocka_unit_test(test_late_timer),
                cmocka_unit_test(test_other_lengths),
                cmocka_unit_test(test_what_is_not_there),
                cmocka_unit_test(test_many_addresses),
                cmocka_unit_test(test_too_many_addresses),
                cmocka_unit_test(test_garbage),
                cmocka_unit_test_setup(test_long_answer, reset),
                cmocka_unit_test_setup(test_question, reset),
                cmocka_unit_test_setup(test_no_answer, reset),
                cmocka_unit_test_setup(test_late_answers, reset),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
