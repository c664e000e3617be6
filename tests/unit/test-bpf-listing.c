/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "bpf-listing.h"
#include "record.h"

#define AT (1700000000 * USEC_PER_SEC)

static struct record_association association(uint64_t key, uint32_t netns, uint32_t id) {
        return (struct record_association) {
                .head = { RECORD_ASSOCIATION, 0, key },
                .socket = { .inode = 77, .netns = netns, .uid = 1000, .state = 1, .style = 2 },
                .id = id,
                .state = 3,
                .local_port = 5000,
                .peer_port = 6000,
                .local_tag = 0x1111,
                .heartbeat_interval = 7500,
                .timer_running = 1,
                .timer_left = 250,
        };
}

static struct record_address address(const char *text) {
        struct record_address a = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

        assert_int_equal(inet_pton(a.family, text, a.bytes), 1);
        return a;
}

static int add(struct bpf_listing *l, const void *record, size_t size) {
        return bpf_listing_add(l, record, size);
}

static void add_association(struct bpf_listing *l, uint64_t key, uint32_t netns, uint32_t id) {
        struct record_association r = association(key, netns, id);

        assert_int_equal(add(l, &r, sizeof(r)), 0);
}

static struct record_endpoint endpoint(uint64_t key, uint32_t netns, uint16_t port) {
        return (struct record_endpoint) {
                .head = { RECORD_ENDPOINT, 0, key },
                .socket = { .inode = 78, .netns = netns, .uid = 1000, .state = 10, .style = 0 },
                .local_port = port,
        };
}

static void add_endpoint(struct bpf_listing *l, uint64_t key, uint32_t netns, uint16_t port) {
        struct record_endpoint r = endpoint(key, netns, port);

        assert_int_equal(add(l, &r, sizeof(r)), 0);
}

static int add_local(struct bpf_listing *l, uint64_t key, const char *text) {
        struct record_local r = { .head = { RECORD_LOCAL, 0, key }, .address = address(text) };

        return add(l, &r, sizeof(r));
}

static int add_path(struct bpf_listing *l, uint64_t key, const char *text, uint32_t state) {
        struct record_path r = {
                .head = { RECORD_PATH, 0, key },
                .address = address(text),
                .state = state,
                .rto = 250,
                .srtt = 10,
                .heartbeat_interval = 7500,
                .sack_delay = 50,
                .mtu = 1500,
                .heartbeats = 1,
        };

        return add(l, &r, sizeof(r));
}

static void add_seen(struct bpf_listing *l, uint64_t key) {
        struct record_seen r = { .head = { RECORD_SEEN, 0, key } };

        assert_int_equal(add(l, &r, sizeof(r)), 0);
}

/* What a record says stands in the row, in the snapshot's units. */
static void test_fields(void **state) {
        _cleanup_(bpf_listing_done) struct bpf_listing l = { .hz = 250, .at = AT };
        _cleanup_(builder_done) struct builder b = {};
        const struct association *a;
        const struct path *p;

        (void) state;
        add_association(&l, 1, 42, 9);
        assert_int_equal(add_local(&l, 1, "10.0.0.1"), 0);
        assert_int_equal(add_local(&l, 1, "fd00::1"), 0);
        assert_int_equal(add_path(&l, 1, "10.0.0.2", 2), 0);
        assert_int_equal(bpf_listing_finish(&l), 0);
        assert_int_equal(bpf_listing_build(&l, 42, &b), 0);

        assert_int_equal(b.n_associations, 1);
        a = b.associations;
        assert_true(FIELD_GIVEN(a, ASSOCIATION_ID));
        assert_int_equal(a->id, 9);
        assert_int_equal(a->netns, 42);
        assert_int_equal(a->state, ASSOCIATION_ESTABLISHED);
        assert_int_equal(a->socket_state, ENDPOINT_ESTABLISHED);
        assert_int_equal(a->style, STYLE_ONE_TO_ONE);
        assert_int_equal(a->attachment, ATTACHMENT_SOCKET);
        assert_int_equal(a->heartbeat_interval, 7500);
        assert_int_equal(a->detail.retransmission_timer, 1000);
        assert_int_equal(a->detail.diag_at, AT);
        assert_true(FIELD_GIVEN(a, ASSOCIATION_LOCAL_TAG));
        /* What the kernel does not know, or was not found out, is absent. */
        assert_false(FIELD_GIVEN(a, ASSOCIATION_PEER_TAG));
        assert_false(FIELD_GIVEN(a, ASSOCIATION_PENDING_CHUNKS));
        assert_false(FIELD_GIVEN(a, ASSOCIATION_IN_QUEUE));
        assert_false(FIELD_GIVEN(a, ASSOCIATION_INTERFACE));

        assert_int_equal(a->local.count, 2);
        assert_int_equal(b.addresses[a->local.first + 1].family, AF_INET6);
        assert_int_equal(a->paths.count, 1);
        p = b.paths + a->paths.first;
        assert_int_equal(p->state, PATH_ACTIVE);
        assert_int_equal(p->rto, 250);
        assert_int_equal(p->detail.srtt, 10);
        assert_int_equal(p->detail.heartbeat_interval, 30000);
        assert_int_equal(p->detail.sack_delay, 200);
        assert_true(FIELD_GIVEN(p, PATH_HEARTBEATS));
}

/* Jiffies of unknown length are no milliseconds. */
static void test_without_hz(void **state) {
        _cleanup_(bpf_listing_done) struct bpf_listing l = { .at = AT };
        _cleanup_(builder_done) struct builder b = {};

        (void) state;
        add_association(&l, 1, 42, 0);
        assert_int_equal(add_path(&l, 1, "10.0.0.2", 3), 0);
        assert_int_equal(bpf_listing_finish(&l), 0);
        assert_int_equal(bpf_listing_build(&l, 42, &b), 0);

        assert_false(FIELD_GIVEN(b.associations, ASSOCIATION_ID));
        assert_false(FIELD_GIVEN(b.associations, ASSOCIATION_RETRANSMISSION_TIMER));
        assert_false(FIELD_GIVEN(b.paths, PATH_HEARTBEAT_INTERVAL));
        assert_false(FIELD_GIVEN(b.paths, PATH_SACK_DELAY));
        assert_int_equal(b.paths->state, PATH_UNCONFIRMED);
}

/* A row that one call could not finish is listed again by the next. */
static void test_repeated(void **state) {
        _cleanup_(bpf_listing_done) struct bpf_listing l = { .hz = 250 };
        _cleanup_(builder_done) struct builder b = {};

        (void) state;
        add_association(&l, 1, 42, 9);
        add_association(&l, 2, 42, 8);
        assert_int_equal(add_path(&l, 2, "10.0.0.3", 2), 0);
        add_association(&l, 1, 42, 9);
        assert_int_equal(add_path(&l, 1, "10.0.0.2", 2), 0);
        assert_int_equal(bpf_listing_finish(&l), 0);
        assert_int_equal(bpf_listing_build(&l, 42, &b), 0);

        assert_int_equal(b.n_associations, 2);
        assert_int_equal(b.associations[0].id, 8);
        assert_int_equal(b.associations[1].id, 9);
        assert_int_equal(b.associations[1].paths.count, 1);
}

/* One that was met by another path and never by its primary one has been missed. */
static void test_missed(void **state) {
        _cleanup_(bpf_listing_done) struct bpf_listing l = { .hz = 250 };

        (void) state;
        add_seen(&l, 1);
        assert_int_equal(bpf_listing_finish(&l), -EAGAIN);
        add_association(&l, 1, 42, 9);
        assert_int_equal(bpf_listing_finish(&l), 0);
        add_seen(&l, 2);
        assert_int_equal(bpf_listing_finish(&l), -EAGAIN);
        bpf_listing_clear(&l);
        assert_int_equal(bpf_listing_finish(&l), 0);
        assert_int_equal(bpf_listing_next_netns(&l, 0), 0);
}

static void test_namespaces(void **state) {
        _cleanup_(bpf_listing_done) struct bpf_listing l = { .hz = 250 };
        _cleanup_(builder_done) struct builder b = {};

        (void) state;
        add_association(&l, 1, 44, 1);
        add_association(&l, 2, 42, 2);
        add_association(&l, 3, 42, 1);
        assert_int_equal(bpf_listing_finish(&l), 0);
        assert_int_equal(bpf_listing_next_netns(&l, 0), 42);
        assert_int_equal(bpf_listing_next_netns(&l, 41), 42);
        assert_int_equal(bpf_listing_next_netns(&l, 42), 44);
        assert_int_equal(bpf_listing_next_netns(&l, 44), 0);

        assert_int_equal(bpf_listing_build(&l, 43, &b), 0);
        assert_int_equal(b.n_associations, 0);
        assert_int_equal(bpf_listing_build(&l, 42, &b), 0);
        assert_int_equal(b.n_associations, 2);
        assert_int_equal(b.associations[0].id, 1);
}

static void test_endpoints(void **state) {
        _cleanup_(bpf_listing_done) struct bpf_listing l = { .hz = 250 };
        _cleanup_(builder_done) struct builder b = {};
        const struct endpoint *e;

        (void) state;
        add_association(&l, 1, 44, 1);
        assert_int_equal(add_local(&l, 1, "10.0.0.1"), 0);
        assert_int_equal(add_path(&l, 1, "10.0.0.2", 2), 0);
        add_endpoint(&l, 2, 42, 5001);
        assert_int_equal(add_local(&l, 2, "10.0.0.3"), 0);
        add_endpoint(&l, 3, 42, 5000);
        assert_int_equal(add_local(&l, 3, "10.0.0.4"), 0);
        assert_int_equal(add_local(&l, 3, "fd00::4"), 0);
        /* An endpoint has no paths, and the association is not the last one any more. */
        assert_int_equal(add_path(&l, 3, "10.0.0.2", 2), -EBADMSG);
        assert_int_equal(add_local(&l, 1, "10.0.0.9"), -EBADMSG);
        /* Its bucket was walked again. */
        add_endpoint(&l, 2, 42, 5001);
        assert_int_equal(add_local(&l, 2, "10.0.0.5"), 0);
        add_endpoint(&l, 4, 44, 5000);
        assert_int_equal(bpf_listing_finish(&l), 0);

        assert_int_equal(bpf_listing_next_netns(&l, 0), 42);
        assert_int_equal(bpf_listing_next_netns(&l, 42), 44);
        assert_int_equal(bpf_listing_next_netns(&l, 44), 0);
        assert_int_equal(bpf_listing_build(&l, 42, &b), 0);
        assert_int_equal(b.n_associations, 0);
        assert_int_equal(b.n_endpoints, 2);
        e = b.endpoints;
        assert_int_equal(e->local_port, 5000);
        assert_int_equal(e->netns, 42);
        assert_int_equal(e->inode, 78);
        assert_int_equal(e->uid, 1000);
        assert_int_equal(e->state, ENDPOINT_LISTENING);
        assert_int_equal(e->style, STYLE_ONE_TO_MANY);
        for (unsigned i = 0; i < _ENDPOINT_FIELD_MAX; i++)
                assert_true(FIELD_GIVEN(e, i));
        assert_int_equal(e->local.count, 2);
        assert_int_equal(b.addresses[e->local.first + 1].family, AF_INET6);
        assert_int_equal(e[1].local_port, 5001);
        assert_int_equal(e[1].local.count, 1);
        assert_int_equal(b.addresses[e[1].local.first].bytes[3], 5);

        assert_int_equal(bpf_listing_build(&l, 44, &b), 0);
        assert_int_equal(b.n_endpoints, 3);
        assert_int_equal(b.n_associations, 1);
}

/* What no kernel says is refused, and nothing of it kept. */
static void test_unsound(void **state) {
        _cleanup_(bpf_listing_done) struct bpf_listing l = { .hz = 250 };
        struct record_association good = association(1, 42, 9), bad;
        struct record_local local = { .head = { RECORD_LOCAL, 0, 1 }, .address = { .family = 7 } };
        struct record_endpoint listener = endpoint(3, 42, 5000);
        struct record_head head = { 99, 0, 1 };

        (void) state;
        /* A path of nothing. */
        assert_int_equal(add_path(&l, 1, "10.0.0.2", 2), -EBADMSG);
        assert_int_equal(add(&l, &good, sizeof(good) - 1), -EBADMSG);
        assert_int_equal(add(&l, &good, 3), -EBADMSG);
        bad = good;
        bad.state = 8;
        assert_int_equal(add(&l, &bad, sizeof(bad)), -EBADMSG);
        bad = good;
        bad.socket.style = 3;
        assert_int_equal(add(&l, &bad, sizeof(bad)), -EBADMSG);
        bad = good;
        bad.socket.state = 13;
        assert_int_equal(add(&l, &bad, sizeof(bad)), -EBADMSG);
        assert_int_equal(l.n_associations, 0);
        assert_int_equal(add(&l, &listener, sizeof(listener) - 1), -EBADMSG);
        listener.socket.state = 13;
        assert_int_equal(add(&l, &listener, sizeof(listener)), -EBADMSG);
        listener.socket = (struct record_socket) { .state = 10, .style = 3 };
        assert_int_equal(add(&l, &listener, sizeof(listener)), -EBADMSG);
        assert_int_equal(l.n_endpoints, 0);

        assert_int_equal(add(&l, &good, sizeof(good)), 0);
        assert_int_equal(add(&l, &local, sizeof(local)), -EBADMSG);
        assert_int_equal(add(&l, &head, sizeof(head)), -EBADMSG);
        /* Of another association than the one before it. */
        assert_int_equal(add_path(&l, 2, "10.0.0.2", 2), -EBADMSG);
        assert_int_equal(add_path(&l, 1, "10.0.0.2", 77), -EBADMSG);
        assert_int_equal(add_path(&l, 1, "10.0.0.2", 0xffff), 0);
        assert_int_equal(l.n_paths, 1);
        assert_int_equal(l.n_addresses, 0);
}

/* One listing after the other in the same room, of many rows and of few. */
static void test_again(void **state) {
        _cleanup_(bpf_listing_done) struct bpf_listing l = { .hz = 250, .at = AT };
        static const unsigned sizes[] = { 5000, 1, 2, 0, 700 };
        size_t most = 0;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(sizes); i++) {
                _cleanup_(builder_done) struct builder b = {};
                uint64_t netns = 0;

                bpf_listing_clear(&l);
                /* In no order, and each of the bytes of ids and of namespaces differs somewhere. */
                for (unsigned k = 0; k < sizes[i]; k++) {
                        add_association(&l, 1 + k, 1u << (k % 4 * 8), 1 + k * 2654435761u);
                        assert_int_equal(add_path(&l, 1 + k, "10.0.0.2", 2), 0);
                }
                assert_int_equal(bpf_listing_finish(&l), 0);
                while ((netns = bpf_listing_next_netns(&l, netns)) != 0)
                        assert_int_equal(bpf_listing_build(&l, netns, &b), 0);

                assert_int_equal(b.n_associations, sizes[i]);
                for (unsigned k = 0; k < sizes[i]; k++) {
                        const struct association *a = b.associations + k;

                        assert_true(k == 0 || a[-1].netns < a->netns || (a[-1].netns == a->netns && a[-1].id < a->id));
                        assert_int_equal(a->detail.diag_at, AT);
                        assert_int_equal(a->detail.retransmission_timer, 1000);
                        assert_int_equal(b.paths[a->paths.first].detail.heartbeat_interval, 30000);
                }
                most = MAX(most, l.allocated[0]);
        }
        /* What many took is given back. */
        assert_true(l.allocated[0] < most);
}

/* More addresses than a row may have. */
static void test_maximum(void **state) {
        _cleanup_(bpf_listing_done) struct bpf_listing l = { .hz = 250 };

        (void) state;
        add_association(&l, 1, 42, 9);
        for (unsigned i = 0; i < SNAPSHOT_ROW_MAX; i++)
                assert_int_equal(add_local(&l, 1, "10.0.0.1"), 0);
        assert_int_equal(add_local(&l, 1, "10.0.0.1"), -E2BIG);
        for (unsigned i = 0; i < SNAPSHOT_ROW_MAX; i++)
                assert_int_equal(add_path(&l, 1, "10.0.0.2", 2), 0);
        assert_int_equal(add_path(&l, 1, "10.0.0.2", 2), -E2BIG);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fields),
                cmocka_unit_test(test_without_hz),
                cmocka_unit_test(test_repeated),
                cmocka_unit_test(test_missed),
                cmocka_unit_test(test_namespaces),
                cmocka_unit_test(test_endpoints),
                cmocka_unit_test(test_again),
                cmocka_unit_test(test_unsound),
                cmocka_unit_test(test_maximum),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
