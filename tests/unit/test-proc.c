/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "proc.h"

#define NETNS 4026531840u

static struct snapshot *finish(struct builder *b) {
        struct snapshot *s = NULL;

        assert_int_equal(builder_finish(b, &s), 0);
        builder_done(b);
        return s;
}

static struct snapshot *read_assocs(const char *text, bool shifted) {
        struct builder b = {};

        assert_int_equal(proc_read_assocs(&b, NETNS, shifted, text, strlen(text)), 0);
        return finish(&b);
}

static const struct association *by_id(const struct snapshot *s, uint32_t id) {
        for (uint32_t i = 0; i < snapshot_head(s)->n_associations; i++)
                if (snapshot_associations(s)[i].id == id)
                        return snapshot_associations(s) + i;

        return NULL;
}

static void assert_local(const struct snapshot *s, struct range range, uint32_t i, const char *expected) {
        char text[ADDRESS_TEXT_MAX];

        assert_true(i < range.count);
        assert_string_equal(address_text(snapshot_addresses(s, range) + i, text), expected);
}

static void assert_peer(const struct snapshot *s, const struct association *a, uint32_t i, const char *expected) {
        char text[ADDRESS_TEXT_MAX];

        assert_true(i < a->paths.count);
        assert_string_equal(address_text(&snapshot_paths(s, a->paths)[i].address, text), expected);
}

static void assert_complaint(const struct snapshot *s, uint32_t i, const char *file, unsigned line, const char *part) {
        const struct complaint *c = snapshot_complaints(s) + i;

        assert_true(i < snapshot_head(s)->n_complaints);
        assert_string_equal(c->file, file);
        assert_int_equal(c->line, line);
        if (!strstr(c->text, part))
                fail_msg("\"%s\" is not in \"%s\"", part, c->text);
}

static void test_real_eps(void **state) {
        size_t length;
        _cleanup_free_ char *text = test_data("6.1/healthy.ns_b.eps", &length);
        const struct endpoint *e;
        struct builder b = {};
        struct snapshot *s;

        (void) state;
        assert_int_equal(proc_read_eps(&b, NETNS, text, length), 0);
        assert_int_equal(b.head.sources[SOURCE_EPS].rows, 7);
        s = finish(&b);
        assert_int_equal(snapshot_head(s)->n_endpoints, 7);
        assert_int_equal(snapshot_head(s)->malformed, 0);

        e = snapshot_endpoints(s);
        assert_int_equal(e[0].local_port, 5000);
        assert_int_equal(e[0].inode, 1486);
        assert_int_equal(e[0].state, ENDPOINT_LISTENING);
        assert_int_equal(e[0].style, STYLE_ONE_TO_MANY);
        assert_true(e[0].netns == NETNS);
        assert_local(s, e[0].local, 0, "0.0.0.0");
        assert_int_equal(e[1].local_port, 5001);
        assert_int_equal(e[1].style, STYLE_ONE_TO_ONE);
        assert_int_equal(e[6].local_port, 5063);
        assert_int_equal(e[6].local.count, 3);
        assert_local(s, e[6].local, 0, "fd00:1::2");
        assert_local(s, e[6].local, 2, "10.0.2.2");
        snapshot_unref(s);
}

static void test_real_assocs(void **state) {
        size_t length;
        _cleanup_free_ char *text = test_data("6.1/healthy.ns_a.assocs", &length);
        struct snapshot *s = read_assocs(text, false);
        const struct association *a;

        (void) state;
        assert_int_equal(snapshot_head(s)->n_associations, 9);
        assert_int_equal(snapshot_head(s)->malformed, 0);

        a = by_id(s, 13);
        assert_int_equal(a->state, ASSOCIATION_ESTABLISHED);
        assert_int_equal(a->socket_state, ENDPOINT_CLOSED);
        assert_int_equal(a->receive_queue, 1536);
        assert_int_equal(a->transmit_queue, 0);
        assert_int_equal(a->inode, 1517);
        assert_int_equal(a->local_port, 57349);
        assert_int_equal(a->peer_port, 5000);
        assert_int_equal(a->heartbeat_interval, 500);
        assert_int_equal(a->in_streams, 10);
        assert_int_equal(a->out_streams, 10);
        assert_int_equal(a->max_retransmissions, 20);
        assert_int_equal(a->send_buffer, 212992);
        assert_int_equal(a->receive_buffer, 212992);
        assert_int_equal(a->local.count, 2);
        assert_local(s, a->local, 1, "10.0.2.1");
        assert_int_equal(a->paths.count, 2);
        assert_peer(s, a, 0, "10.0.1.2");
        assert_ptr_equal(snapshot_primary(s, a), snapshot_paths(s, a->paths));

        /* Still without an answer: the id is assigned, no streams are agreed. */
        a = by_id(s, 17);
        assert_int_equal(a->state, ASSOCIATION_COOKIE_WAIT);
        assert_int_equal(a->in_streams, 0);

        a = by_id(s, 8);
        assert_local(s, a->local, 0, "fd00:1::1");
        assert_peer(s, a, 1, "fd00:2::2");
        snapshot_unref(s);
}

static void test_real_remaddr(void **state) {
        size_t length, n;
        _cleanup_free_ char *text = test_data("6.1/path2_down.ns_a.remaddr", &length);
        _cleanup_free_ struct proc_remaddr *rows = NULL;
        char address[ADDRESS_TEXT_MAX];
        struct builder b = {};

        (void) state;
        assert_int_equal(proc_read_remaddr(&b, text, length, &rows, &n), 0);
        assert_int_equal(n, 14);
        assert_int_equal(rows[0].association_id, 13);
        assert_int_equal(rows[0].path.state, PATH_ACTIVE);
        assert_int_equal(rows[0].path.rto, 75);
        assert_int_equal(rows[0].path.heartbeat_pending, 1);
        assert_int_equal(rows[0].path.max_retransmissions, 2);
        assert_string_equal(address_text(&rows[1].path.address, address), "10.0.2.2");
        assert_int_equal(rows[1].path.state, PATH_INACTIVE);
        assert_int_equal(rows[10].path.state, PATH_UNKNOWN);
        assert_int_equal(rows[10].path.heartbeat_pending, 0);
        builder_done(&b);
}

static void test_real_snmp(void **state) {
        static const char odd[] = "SctpCurrEstab                   \t-2\nSctpNew\t7\n\nSctpBroken\tx\nSctpAlone\n";
        size_t length;
        _cleanup_free_ char *text = test_data("6.12/healthy.ns_b.snmp", &length);
        struct builder b = {};
        struct snapshot *s;

        (void) state;
        assert_int_equal(proc_read_snmp(&b, NETNS, text, length), 0);
        s = finish(&b);
        assert_int_equal(snapshot_head(s)->n_counters, 32);
        assert_string_equal(snapshot_counters(s)[2].name, "SctpPassiveEstabs");
        assert_int_equal(snapshot_counters(s)[2].value, 8);
        snapshot_unref(s);

        assert_int_equal(proc_read_snmp(&b, NETNS, odd, strlen(odd)), 0);
        s = finish(&b);
        assert_int_equal(snapshot_head(s)->n_counters, 2);
        assert_int_equal(snapshot_counters(s)[0].value, -2);
        assert_int_equal(snapshot_head(s)->n_complaints, 3);
        assert_complaint(s, 1, "snmp", 4, "SctpBroken");
        snapshot_unref(s);
}

static void test_empty_tables(void **state) {
        static const char *const names[] = { "6.1/empty.rootns.eps", "6.1/empty.rootns.assocs", "6.1/empty.rootns.remaddr" };
        struct proc_remaddr *rows = NULL;
        struct builder b = {};
        struct snapshot *s;
        size_t n = 1;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(names); i++) {
                size_t length;
                _cleanup_free_ char *text = test_data(names[i], &length);

                assert_int_equal(i == 0 ? proc_read_eps(&b, NETNS, text, length) :
                                 i == 1 ? proc_read_assocs(&b, NETNS, false, text, length) :
                                 proc_read_remaddr(&b, text, length, &rows, &n), 0);
        }
        assert_int_equal(n, 0);
        free(rows);
        s = finish(&b);
        assert_int_equal(snapshot_head(s)->n_endpoints + snapshot_head(s)->n_associations, 0);
        assert_int_equal(snapshot_head(s)->malformed, 0);
        snapshot_unref(s);
}

/* 2.6.32: states count from 1, no socket memory columns. */
static void test_oldest_kernel(void **state) {
        static const char text[] =
                " ASSOC     SOCK   STY SST ST HBKT ASSOC-ID TX_QUEUE RX_QUEUE UID INODE LPORT RPORT LADDRS <-> RADDRS HBINT INS OUTS MAXRT T1X T2X RTXC\n"
                "ffff88003d0c4000 ffff88003d0c5000 2   1   4  5    3        0        0       0 12345 5000  6000  10.0.1.1 <-> *10.0.1.2 \t    30000    10    10   10    0    0        0\n";
        struct snapshot *s = read_assocs(text, true);
        const struct association *a = by_id(s, 3);

        (void) state;
        assert_int_equal(snapshot_head(s)->malformed, 0);
        assert_int_equal(a->state, ASSOCIATION_ESTABLISHED);
        assert_true(FIELD_GIVEN(a, ASSOCIATION_RETRANSMITTED_CHUNKS));
        assert_false(FIELD_GIVEN(a, ASSOCIATION_SEND_BUFFER));
        assert_false(FIELD_GIVEN(a, ASSOCIATION_WRITE_QUEUE));
        snapshot_unref(s);
}

/* 2.6.18: nothing behind RADDRS. */
static void test_no_columns_behind_the_addresses(void **state) {
        static const char text[] =
                " ASSOC     SOCK   STY SST ST HBKT ASSOC-ID TX_QUEUE RX_QUEUE UID INODE LPORT RPORT LADDRS <-> RADDRS\n"
                "0 0 2   1   4  5    3        0        0       0 12345 5000  6000  *10.0.1.1 10.0.2.1 <-> 10.0.1.2 *10.0.2.2\n";
        struct snapshot *s = read_assocs(text, true);
        const struct association *a = by_id(s, 3);

        (void) state;
        assert_int_equal(snapshot_head(s)->malformed, 0);
        assert_int_equal(a->paths.count, 2);
        assert_int_equal(snapshot_addresses(s, a->local)[0].primary, 1);
        assert_int_equal(snapshot_addresses(s, a->local)[1].primary, 0);
        assert_ptr_equal(snapshot_primary(s, a), snapshot_paths(s, a->paths) + 1);
        assert_false(FIELD_GIVEN(a, ASSOCIATION_HEARTBEAT_INTERVAL));
        snapshot_unref(s);
}

static void test_unknown_columns(void **state) {
        static const char text[] =
                "NEW ASSOC STY SST ST ASSOC-ID INODE LPORT EXTRA RPORT LADDRS <-> RADDRS FUTURE HBINT\n"
                "9 0 2 1 3 77 5 5000 abc 6000 10.0.1.1 <-> *10.0.1.2 \t x/y 500\n";
        struct snapshot *s = read_assocs(text, false);
        const struct association *a = by_id(s, 77);

        (void) state;
        assert_int_equal(snapshot_head(s)->malformed, 0);
        assert_int_equal(a->peer_port, 6000);
        assert_int_equal(a->heartbeat_interval, 500);
        assert_false(FIELD_GIVEN(a, ASSOCIATION_UID));
        snapshot_unref(s);
}

static void test_remaddr_without_state(void **state) {
        static const char text[] = "ADDR ASSOC_ID HB_ACT RTO MAX_PATH_RTX REM_ADDR_RTX START\n10.0.1.2  13 1 3000 5 0 0 \n";
        _cleanup_free_ struct proc_remaddr *rows = NULL;
        struct builder b = {};
        size_t n;

        (void) state;
        assert_int_equal(proc_read_remaddr(&b, text, strlen(text), &rows, &n), 0);
        assert_int_equal(n, 1);
        assert_false(FIELD_GIVEN(&rows[0].path, PATH_STATE));
        assert_true(FIELD_GIVEN(&rows[0].path, PATH_RTO));
        builder_done(&b);
}

#define HEAD " ASSOC     SOCK   STY SST ST HBKT ASSOC-ID TX_QUEUE RX_QUEUE UID INODE LPORT RPORT LADDRS <-> RADDRS HBINT INS OUTS MAXRT T1X T2X RTXC wmema wmemq sndbuf rcvbuf\n"
#define ROW(id, addresses) \
        "0 0 2   1   3  0       " #id "        0        0       0 11223 38343  5001  " addresses " \t     500    10    10   20    0    0        0        1        0   212992   212992\n"

/* An orphan, an association without an id, empty lists. */
static void test_zeros(void **state) {
        static const char text[] = HEAD ROW(0, " <-> ") ROW(0, "10.0.1.1 <-> *10.0.1.2") ROW(5, "<->");
        struct snapshot *s = read_assocs(text, false);
        const struct association *a = snapshot_associations(s);

        (void) state;
        assert_int_equal(snapshot_head(s)->malformed, 0);
        assert_int_equal(snapshot_head(s)->n_associations, 3);
        assert_false(FIELD_GIVEN(a, ASSOCIATION_ID));
        assert_int_equal(a[0].paths.count, 0);
        assert_null(snapshot_primary(s, a));
        assert_int_equal(a[1].paths.count, 1);
        assert_int_equal(a[2].id, 5);
        snapshot_unref(s);
}

static void test_long_row(void **state) {
        _cleanup_free_ char *text = malloc(65536);
        char *t = text + sprintf(text, "%s0 0 2 1 3 0 9 0 0 0 1 5000 6000 ", HEAD);
        struct snapshot *s;

        (void) state;
        for (unsigned i = 0; i < 64; i++)
                t += sprintf(t, "fd00:0001:0000:0000:0000:0000:0000:%04x 10.0.0.%u ", i + 1, i + 1);
        t += sprintf(t, "<-> ");
        for (unsigned i = 0; i < 64; i++)
                t += sprintf(t, "%sfd00:0002:0000:0000:0000:0000:0000:%04x ", i == 63 ? "*" : "", i + 1);
        sprintf(t, "\t 500 10 10 20 0 0 0 1 0 212992 212992\n");
        assert_true(strlen(text) > 4096);

        s = read_assocs(text, false);
        assert_int_equal(snapshot_head(s)->malformed, 0);
        assert_int_equal(snapshot_associations(s)->local.count, 128);
        assert_int_equal(snapshot_associations(s)->paths.count, 64);
        assert_ptr_equal(snapshot_primary(s, snapshot_associations(s)),
                         snapshot_paths(s, snapshot_associations(s)->paths) + 63);
        snapshot_unref(s);
}

static void test_addresses_have_a_maximum(void **state) {
        for (unsigned more = 0; more < 2; more++)
                for (unsigned side = 0; side < 2; side++) {
                        _cleanup_free_ char *text = malloc(1 << 20);
                        char *t = text + sprintf(text, "%s0 0 2 1 3 0 9 0 0 0 1 5000 6000 %s", HEAD, side ? "<-> " : "");
                        struct snapshot *s;

                        (void) state;
                        for (unsigned i = 0; i < SNAPSHOT_ROW_MAX + more; i++)
                                t += sprintf(t, "10.0.%u.%u ", i / 256, i % 256);
                        sprintf(t, "%s\t 500 10 10 20 0 0 0 1 0 212992 212992\n" ROW(7, "10.0.1.1 <-> *10.0.1.2"), side ? "" : "<-> ");
                        s = read_assocs(text, false);
                        assert_int_equal(snapshot_head(s)->n_associations, more ? 1 : 2);
                        assert_int_equal(snapshot_head(s)->malformed, more);
                        snapshot_unref(s);
                }
}

static void test_repeated_rows(void **state) {
        static const char text[] = HEAD ROW(7, "10.0.1.1 <-> *10.0.1.2") ROW(8, "10.0.1.1 <-> *10.0.1.3")
                ROW(7, "10.0.1.1 <-> 10.0.1.2 *10.0.2.2") ROW(7, "10.0.1.1 <-> *10.0.1.2 10.0.2.2 10.0.3.2");
        struct snapshot *s = read_assocs(text, false);

        (void) state;
        assert_int_equal(snapshot_head(s)->n_associations, 2);
        /* What was read last is the newest. */
        assert_int_equal(by_id(s, 7)->paths.count, 3);
        assert_int_equal(by_id(s, 8)->paths.count, 1);
        snapshot_unref(s);
}

static void test_malformed_rows(void **state) {
        static const char text[] = HEAD
                ROW(1, "10.0.1.1 <-> *10.0.1.2")
                "garbage\n"
                ROW(99999999999, "10.0.1.1 <-> *10.0.1.2")
                ROW(3, "10.0.1.1 <-> *10.0.1.999")
                ROW(4, "10.0.1.1 10.0.1.2")
                "0 0 2 1 9 0 5 0 0 0 11223 38343  5001 10.0.1.1 <-> *10.0.1.2 \t 500 10 10 20 0 0 0 1 0 212992 212992\n"
                "0 0 2 1 3 0 6 0 0 0 11223 38343  5001 10.0.1.1 <-> *10.0.1.2 \t 500 10 10 20 0 0 0 1 0 212992 212992 7\n"
                "0 0 2 1 3 0 6 0 0 0 11223 70000  5001 10.0.1.1 <-> *10.0.1.2 \t 500 10 10 20 0 0 0 1 0 212992 212992\n"
                "0 0 2 1 3 0 6 0 0 0 \033[31m\n"
                "\n"
                ROW(2, "10.0.1.1 <-> *10.0.1.2")
                "0 0 2 1 3 0 18446744073709551617 0 0 0 1 1 1 10.0.1.1 <-> *10.0.1.2 \t 500 10 10\n"
                "0 0 2 1 3 0 8 0 0 0 1 1 1 10.0.1.1 <-> *10.0.1.2 \t 500 10 10";
        struct snapshot *s = read_assocs(text, false);

        (void) state;
        assert_int_equal(snapshot_head(s)->n_associations, 2);
        assert_non_null(by_id(s, 1));
        assert_non_null(by_id(s, 2));
        assert_int_equal(snapshot_head(s)->malformed, 11);
        assert_int_equal(snapshot_head(s)->sources[SOURCE_ASSOCS].malformed, 11);
        assert_int_equal(snapshot_head(s)->sources[SOURCE_ASSOCS].rows, 2);
        assert_complaint(s, 0, "assocs", 3, "expected SOCK");
        assert_complaint(s, 1, "assocs", 4, "ASSOC-ID, found \"99999999999\"");
        assert_complaint(s, 2, "assocs", 5, "\"*10.0.1.999\"");
        assert_complaint(s, 3, "assocs", 6, "expected <->");
        assert_complaint(s, 4, "assocs", 7, "column ST, found \"9\"");
        assert_complaint(s, 5, "assocs", 8, "expected end of line, found \"7\"");
        assert_complaint(s, 6, "assocs", 9, "column LPORT, found \"70000\"");
        assert_complaint(s, 7, "assocs", 10, "expected INODE, found \"\\x1b[31m\"");
        assert_complaint(s, 8, "assocs", 11, "expected ASSOC");
        assert_complaint(s, 9, "assocs", 13, "expected ASSOC-ID, found \"18446744073709551617\"");
        assert_complaint(s, 10, "assocs", 14, "expected MAXRT, found \"end of line\"");
        snapshot_unref(s);
}

static void test_complaints_have_a_maximum(void **state) {
        _cleanup_free_ char *text = malloc(1 << 20);
        char *t = text + sprintf(text, "%s", HEAD);
        struct snapshot *s;

        (void) state;
        for (unsigned i = 0; i < 3 * SNAPSHOT_COMPLAINTS_MAX; i++)
                t += sprintf(t, "row %u\n", i);
        s = read_assocs(text, false);
        assert_int_equal(snapshot_head(s)->n_complaints, SNAPSHOT_COMPLAINTS_MAX);
        assert_int_equal(snapshot_head(s)->malformed, 3 * SNAPSHOT_COMPLAINTS_MAX);
        snapshot_unref(s);
}

static void test_no_table(void **state) {
        static const char *const texts[] = { "", "\n", "hello\n", "LPORT\n5\n" };
        _cleanup_free_ char *wide = malloc(1 << 16);
        struct builder b = {};

        (void) state;
        for (size_t i = 0; i < ELEMENTS(texts); i++)
                assert_int_equal(proc_read_eps(&b, NETNS, texts[i], strlen(texts[i])), -EBADMSG);
        for (size_t i = 0; i <= 64; i++)
                memcpy(wide + 6 * i, "LPORT ", 7);
        assert_int_equal(proc_read_eps(&b, NETNS, wide, 6 * 65), -EBADMSG);
        assert_int_equal(b.head.malformed, 5);
        builder_done(&b);
}

/* Control characters end words and are no blanks: a row that has them is none. */
static void test_control_characters(void **state) {
        static const char *const rows[] = {
                HEAD "0 0 2\v1 3 0 5 0 0 0 1 5 6 10.0.1.1 <-> *10.0.1.2 \t 500 10 10 20 0 0 0 1 0 1 1\n",
                HEAD "0 0 2 1 3 0 5 0 0 0 1 5 6 10.0.1.1\r <-> *10.0.1.2 \t 500 10 10 20 0 0 0 1 0 1 1\n",
                HEAD "0 0 2 1 3 0 5 0 0 0 1 5 6 10.0.1.1 <-> *10.0.1.2 \t 500 10 10 20 0 0 0 1 0 1 1\r\n",
        };
        static const char nul[] = HEAD "0 0 2 1 3 0 5 0 0 0 1 5 6 10.0.1.1 <-> *10.0.1.2 \t 500 10\0 10 20 0 0 0 1 0 1 1\n" ROW(7, "10.0.1.1 <-> *10.0.1.2");
        struct builder b = {};
        struct snapshot *s;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(rows); i++) {
                s = read_assocs(rows[i], false);
                assert_int_equal(snapshot_head(s)->n_associations, 0);
                assert_int_equal(snapshot_head(s)->malformed, 1);
                snapshot_unref(s);
        }
        assert_int_equal(proc_read_assocs(&b, NETNS, false, nul, sizeof(nul) - 1), 0);
        s = finish(&b);
        assert_int_equal(snapshot_head(s)->n_associations, 1);
        assert_complaint(s, 0, "assocs", 2, "expected OUTS, found \"\\x00\"");
        snapshot_unref(s);
}

/* Whatever is cut off at whatever byte: no crash, and rows before the cut are kept. */
static void test_every_truncation(void **state) {
        size_t length;
        _cleanup_free_ char *text = test_data("6.1/healthy.ns_a.assocs", &length);

        (void) state;
        for (size_t i = 0; i <= length; i++) {
                struct builder b = {};
                size_t lines = 0;
                char *cut;
                int r;

                for (size_t j = 0; j < i; j++)
                        lines += text[j] == '\n';
                cut = strndup(text, i);
                r = proc_read_assocs(&b, NETNS, false, cut, i);
                free(cut);
                assert_true(r == 0 || r == -EBADMSG);
                assert_true(b.n_associations + 1 >= lines);
                builder_done(&b);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_real_eps),
                cmocka_unit_test(test_real_assocs),
                cmocka_unit_test(test_real_remaddr),
                cmocka_unit_test(test_real_snmp),
                cmocka_unit_test(test_empty_tables),
                cmocka_unit_test(test_oldest_kernel),
                cmocka_unit_test(test_no_columns_behind_the_addresses),
                cmocka_unit_test(test_unknown_columns),
                cmocka_unit_test(test_remaddr_without_state),
                cmocka_unit_test(test_zeros),
                cmocka_unit_test(test_long_row),
                cmocka_unit_test(test_addresses_have_a_maximum),
                cmocka_unit_test(test_repeated_rows),
                cmocka_unit_test(test_malformed_rows),
                cmocka_unit_test(test_complaints_have_a_maximum),
                cmocka_unit_test(test_no_table),
                cmocka_unit_test(test_control_characters),
                cmocka_unit_test(test_every_truncation),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
