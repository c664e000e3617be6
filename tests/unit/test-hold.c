/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <sys/socket.h>

#include "builder.h"
#include "json.h"

/* Limits that a test can reach: six snapshots. */
#define HOLD_BYTES_MAX (6u * 40u * 1024u)
#define HOLD_REPLIES_BYTES_MAX 2000u
#include "../../daemon/hold.c"

#define ROWS 50u

static struct hold_list list = TAILQ_HEAD_INITIALIZER(list);
static unsigned evicted;

static void evict(struct hold *h) {
        evicted++;
        hold_remove(&list, h);
}

/* Endpoints and associations with the numbers from 0 on, and one association with so many addresses that its reply
 * alone is longer than all that are kept. */
static struct snapshot *made_up(uint64_t serial) {
        struct snapshot *s = NULL;
        struct builder b = {};
        struct netns *n;

        b.head.serial = serial;
        assert_int_equal(builder_add_netns(&b, &n), 0);
        n->netns = 5;
        for (uint32_t i = 0; i <= ROWS; i++) {
                uint32_t paths = i == ROWS ? 100 : 1;
                struct association *a;
                struct endpoint *e;
                struct path *path;

                assert_int_equal(builder_add_endpoint(&b, &e), 0);
                e->local_port = (uint16_t) i;
                FIELD_GIVE(e, ENDPOINT_LOCAL_PORT);
                for (uint32_t j = 0; j < paths; j++) {
                        assert_int_equal(builder_add_path(&b, &path), 0);
                        path->address = (struct address) { .family = AF_INET, .bytes = { 10, 1, 0, (uint8_t) j } };
                }
                assert_int_equal(builder_add_association(&b, &a), 0);
                a->id = i + 1;
                a->paths = (struct range) { (uint32_t) b.n_paths - paths, paths };
                FIELD_GIVE(a, ASSOCIATION_ID);
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

static struct message *reply(struct hold *h, enum row_kind kind, uint32_t i) {
        struct message *m = NULL;

        assert_int_equal(hold_reply(h, kind, i, NULL, &m), 0);
        return m;
}

/* Whether both get the very same reply. */
static bool is_shared(struct hold *a, struct hold *b, enum row_kind kind, uint32_t i) {
        struct message *x = reply(a, kind, i), *y = reply(b, kind, i);
        bool same = x == y;

        assert_int_equal(message_size(x), message_size(y));
        message_unref(x);
        message_unref(y);
        return same;
}

static void test_shared_by_those_who_read_the_same(void **state) {
        struct snapshot *s = made_up(1), *t = made_up(2);
        struct hold a = {}, b = {}, c = {}, d = {};

        (void) state;
        assert_int_equal(hold_add(&list, &a, s, evict), 0);
        /* Alone, nothing is kept. */
        assert_false(is_shared(&a, &a, ROW_ASSOCIATION, 3));
        assert_int_equal(a.shared->bytes, 0);

        assert_int_equal(hold_add(&list, &c, t, evict), 0);
        assert_int_equal(hold_add(&list, &b, s, evict), 0);
        assert_int_equal(hold_add(&list, &d, t, evict), 0);
        assert_true(is_shared(&a, &b, ROW_ASSOCIATION, 3));
        assert_true(is_shared(&c, &d, ROW_ASSOCIATION, 3));
        assert_false(is_shared(&a, &c, ROW_ASSOCIATION, 3));
        assert_true(is_shared(&b, &a, ROW_ENDPOINT, 3));
        assert_true(is_shared(&b, &a, ROW_NAMESPACE, 0));
        assert_true(is_shared(&b, &a, ROW_ENDPOINT, ROWS));

        /* The last one has no use for it, nor has who comes later. */
        hold_remove(&list, &a);
        assert_int_equal(b.shared->bytes, 0);
        assert_false(is_shared(&b, &b, ROW_ASSOCIATION, 3));
        hold_remove(&list, &b);
        hold_remove(&list, &c);
        hold_remove(&list, &d);
        snapshot_unref(s);
        snapshot_unref(t);
}

static void test_the_oldest_are_forgotten(void **state) {
        struct snapshot *s = made_up(1);
        struct hold a = {}, b = {};
        unsigned shared = 0;

        (void) state;
        assert_int_equal(hold_add(&list, &a, s, evict), 0);
        assert_int_equal(hold_add(&list, &b, s, evict), 0);
        for (uint32_t i = 0; i < ROWS; i++) {
                message_unref(reply(&a, ROW_ASSOCIATION, i));
                assert_in_range(a.shared->bytes, 1, HOLD_REPLIES_BYTES_MAX);
        }
        /* More of them alone than all, and it puts out none. */
        assert_false(is_shared(&a, &b, ROW_ASSOCIATION, ROWS));
        for (uint32_t i = ROWS; i-- > 0;) {
                bool kept = b.shared->rows[first_row(snapshot_head(s), ROW_ASSOCIATION) + i].reply;

                /* None before one that is not. */
                assert_true(!kept || shared == ROWS - 1 - i);
                shared += kept;
        }
        assert_in_range(shared, 2, ROWS - 2);

        /* Who has fallen behind goes on all the same, and so do others behind it. */
        for (uint32_t i = 0; i < ROWS; i++)
                assert_true(is_shared(&b, &a, ROW_ASSOCIATION, i));
        assert_in_range(a.shared->bytes, 1, HOLD_REPLIES_BYTES_MAX);
        hold_remove(&list, &a);
        hold_remove(&list, &b);
        snapshot_unref(s);
}

static void test_peers_get_other_names(void **state) {
        struct address address = { .family = AF_INET, .bytes = { 10, 1, 0, 0 } };
        struct alias_table *aliases = NULL;
        struct snapshot *s = made_up(1);
        struct message *without, *with;
        struct hold a = {}, b = {};

        (void) state;
        assert_int_equal(alias_table_new(&aliases), 0);
        assert_int_equal(alias_add(aliases, "mme-1"), 0);
        assert_int_equal(alias_add_address(aliases, &address), 0);
        assert_int_equal(alias_finish(aliases), 0);
        assert_int_equal(hold_add(&list, &a, s, evict), 0);
        assert_int_equal(hold_add(&list, &b, s, evict), 0);
        without = reply(&a, ROW_ASSOCIATION, 3);
        hold_forget_replies(&list);
        assert_int_equal(hold_reply(&b, ROW_ASSOCIATION, 3, aliases, &with), 0);
        assert_int_equal(message_size(with) - message_size(without), strlen(",\"peerName\":\"mme-1\""));
        message_unref(with);
        message_unref(without);
        hold_remove(&list, &a);
        hold_remove(&list, &b);
        snapshot_unref(s);
        alias_table_unref(aliases);
}

/* The readers of the oldest are ended when too much is held. */
static void test_the_oldest_readers_are_ended(void **state) {
        struct snapshot *s[20];
        struct hold holds[ELEMENTS(s)][2] = {};
        unsigned fit = 0;
        size_t bytes = 0;

        (void) state;
        evicted = 0;
        for (unsigned i = 0; i < ELEMENTS(s); i++) {
                s[i] = made_up(i + 1);
                for (unsigned j = 0; j < 2; j++)
                        assert_int_equal(hold_add(&list, &holds[i][j], s[i], evict), 0);
                hold_limit(&list, s[i]);
                if (i > 0)
                        bytes += snapshot_head(s[i - 1])->size;
                if (bytes <= HOLD_BYTES_MAX) {
                        assert_int_equal(evicted, 0);
                        fit = i;
                }
                assert_int_equal(evicted, 2 * (i - fit));
        }
        assert_true(fit > HOLD_SNAPSHOTS_MIN && fit < ELEMENTS(s) / 2);
        for (unsigned i = 0; i < ELEMENTS(s); i++) {
                assert_true(holds[i][0].snapshot == (i < ELEMENTS(s) - 1 - fit ? NULL : s[i]));
                for (unsigned j = 0; j < 2 && holds[i][j].snapshot; j++)
                        hold_remove(&list, &holds[i][j]);
                snapshot_unref(s[i]);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_shared_by_those_who_read_the_same),
                cmocka_unit_test(test_the_oldest_are_forgotten),
                cmocka_unit_test(test_peers_get_other_names),
                cmocka_unit_test(test_the_oldest_readers_are_ended),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
