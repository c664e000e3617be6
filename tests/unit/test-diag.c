/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sctp.h>
#include <linux/sock_diag.h>
#include <string.h>

#include "clock.h"
#include "diag.h"

/* The kernel's number of ESTABLISHED: it counts from 0. */
#define ESTABLISHED 3

static char buffer[65536];

static struct nlmsghdr *begin(void) {
        struct nlmsghdr *header = mnl_nlmsg_put_header(memset(buffer, 0, sizeof(buffer)));
        struct inet_diag_msg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));

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
        struct sctp_info info = {};

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
        assert_int_equal(a.n_peers, 0);
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
                cmocka_unit_test(test_other_lengths),
                cmocka_unit_test(test_what_is_not_there),
                cmocka_unit_test(test_many_addresses),
                cmocka_unit_test(test_garbage),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
