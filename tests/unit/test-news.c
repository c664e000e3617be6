/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <arpa/inet.h>
#include <unistd.h>

#include "builder.h"
#include "changes.h"
#include "macro.h"
#include "news.h"

/* Records as the program makes them; times are milliseconds of the monotonic clock. */

static struct record_address address(const char *text) {
        struct record_address a = { .family = AF_INET };

        assert_int_equal(inet_pton(AF_INET, text, a.bytes), 1);
        return a;
}

static struct record_event event(uint64_t at, uint64_t key, enum event_kind kind, uint32_t old_state, uint32_t new_state) {
        return (struct record_event) {
                .head = { RECORD_EVENT, 0, key },
                .at = at * 1000 * 1000,
                .event = kind,
                .old_state = old_state,
                .new_state = new_state,
                .trigger = { .kind = TRIGGER_CHUNK, .number = CHUNK_COOKIE_ACK },
                .association = {
                        .socket = { .inode = 77, .netns = 42, .state = 1, .style = 2 },
                        .id = 7,
                        .state = (uint8_t) new_state,
                        .local_port = 5000,
                        .peer_port = 6000,
                        .local_tag = (uint32_t) key,
                },
                .n_local = 1,
                .n_paths = 1,
                .local = { address("10.0.0.1") },
                .paths = { { .address = address("10.0.0.2"), .state = 2 } },
        };
}

static struct record_event path_event(uint64_t at, uint64_t key, enum event_kind kind, const char *path, uint32_t old_state,
                                      uint32_t new_state) {
        struct record_event r = event(at, key, kind, 3, 3);

        r.path = address(path);
        r.path_old_state = old_state;
        r.path_new_state = new_state;
        return r;
}

static void add(struct news *n, struct record_event r) {
        assert_int_equal(news_add(n, &r, sizeof(r)), 0);
}

static struct snapshot *finish(struct news *n, const struct snapshot *previous) {
        struct snapshot *s;

        assert_int_equal(news_finish(n, previous, false, &s), 0);
        return s;
}

static int setup(void **state) {
        struct news *n;

        if (news_new(&n) < 0)
                return -1;
        *state = n;
        return 0;
}

static int teardown(void **state) {
        news_free(*state);
        return 0;
}

/* From its first step to its end, told in the order of their times. */
static void test_life(void **state) {
        static const struct {
                enum change_type type;
                int old_state, new_state, row_state;
                unsigned after;
        } expected[] = {
                { CHANGE_ASSOCIATION_STATE, ASSOCIATION_CLOSED, ASSOCIATION_COOKIE_WAIT, ASSOCIATION_COOKIE_WAIT, 0 },
                { CHANGE_ASSOCIATION_UP, ASSOCIATION_COOKIE_WAIT, ASSOCIATION_ESTABLISHED, ASSOCIATION_ESTABLISHED, 10 },
                { CHANGE_ASSOCIATION_DOWN, ASSOCIATION_ESTABLISHED, ASSOCIATION_CLOSED, ASSOCIATION_ESTABLISHED, 500 },
        };
        struct news *n = *state;
        struct snapshot *s;
        const struct happening *h;
        const struct association *a;

        add(n, event(510 + 100, 1, EVENT_END, 3, 0));
        add(n, event(100, 1, EVENT_STATE, 0, 1));
        add(n, event(110, 1, EVENT_STATE, 1, 3));
        s = finish(n, NULL);
        h = snapshot_happenings(s);
        a = snapshot_associations(s);
        assert_int_equal(snapshot_head(s)->n_happenings, ELEMENTS(expected));
        for (size_t i = 0; i < ELEMENTS(expected); i++) {
                assert_int_equal(h[i].type, expected[i].type);
                assert_int_equal(h[i].old_state, expected[i].old_state);
                assert_int_equal(h[i].new_state, expected[i].new_state);
                assert_int_equal(a[i].state, expected[i].row_state);
                assert_int_equal(h[i].duration_usec, expected[i].after * USEC_PER_MSEC);
                assert_int_equal(a[i].observed_since, h[0].at);
                assert_int_equal(snapshot_addresses(s, a[i].local)[0].bytes[3], 1);
                assert_int_equal(snapshot_paths(s, a[i].paths)[0].state, PATH_ACTIVE);
        }
        assert_int_equal(h[2].at - h[0].at, 510 * USEC_PER_MSEC);
        assert_int_equal(h[1].trigger.kind, TRIGGER_CHUNK);
        snapshot_unref(s);
        /* Nothing more has happened. */
        assert_null(finish(n, NULL));
}

/* What it remembers from one news to the next; a new one at the same place in the kernel begins anew. */
static void test_remembers(void **state) {
        struct news *n = *state;
        struct snapshot *s;

        add(n, event(100, 1, EVENT_STATE, 0, 3));
        snapshot_unref(finish(n, NULL));
        add(n, event(350, 1, EVENT_STATE, 3, 5));
        s = finish(n, NULL);
        assert_int_equal(snapshot_happenings(s)->duration_usec, 250 * USEC_PER_MSEC);
        snapshot_unref(s);
        add(n, event(400, 1, EVENT_STATE, 0, 1));
        add(n, event(405, 1, EVENT_STATE, 1, 2));
        s = finish(n, NULL);
        assert_int_equal(snapshot_happenings(s)[0].duration_usec, 0);
        assert_int_equal(snapshot_happenings(s)[1].duration_usec, 5 * USEC_PER_MSEC);
        snapshot_unref(s);
}

/* Closed before a listener accepted it: that is its end, and that it is freed later no news. */
static void test_closed_and_freed(void **state) {
        struct news *n = *state;
        struct snapshot *s;

        add(n, event(100, 1, EVENT_STATE, 3, 0));
        add(n, event(200, 1, EVENT_END, 0, 0));
        s = finish(n, NULL);
        assert_int_equal(snapshot_head(s)->n_happenings, 1);
        assert_int_equal(snapshot_happenings(s)->type, CHANGE_ASSOCIATION_DOWN);
        assert_int_equal(snapshot_happenings(s)->at_monotonic, 100 * USEC_PER_MSEC);
        snapshot_unref(s);
}

/* Two steps in one call of the state machine. */
static void test_established_on_the_way(void **state) {
        struct news *n = *state;
        struct snapshot *s;

        add(n, event(100, 1, EVENT_STATE, 2, 5));
        s = finish(n, NULL);
        assert_int_equal(snapshot_head(s)->n_happenings, 2);
        assert_int_equal(snapshot_happenings(s)[0].type, CHANGE_ASSOCIATION_UP);
        assert_int_equal(snapshot_happenings(s)[1].type, CHANGE_ASSOCIATION_STATE);
        assert_int_equal(snapshot_happenings(s)[1].old_state, ASSOCIATION_ESTABLISHED);
        snapshot_unref(s);
}

static void test_causes(void **state) {
        static const struct {
                uint8_t kind, number;
                enum cause cause;
        } causes[] = {
                { TRIGGER_CHUNK, CHUNK_ABORT, CAUSE_ABORTED },
                { TRIGGER_CHUNK, CHUNK_SHUTDOWN_COMPLETE, CAUSE_GRACEFUL },
                { TRIGGER_CHUNK, CHUNK_SHUTDOWN_ACK, CAUSE_GRACEFUL },
                { TRIGGER_CHUNK, CHUNK_DATA, CAUSE_ABORTED },
                { TRIGGER_TIMER, TIMER_T1_INIT, CAUSE_INIT_TIMEOUT },
                { TRIGGER_TIMER, TIMER_T1_COOKIE, CAUSE_INIT_TIMEOUT },
                { TRIGGER_TIMER, TIMER_T2_SHUTDOWN, CAUSE_RETRANSMISSIONS_EXHAUSTED },
                { TRIGGER_TIMER, TIMER_T3_RTX, CAUSE_RETRANSMISSIONS_EXHAUSTED },
                { TRIGGER_TIMER, TIMER_HEARTBEAT, CAUSE_RETRANSMISSIONS_EXHAUSTED },
                { TRIGGER_TIMER, TIMER_T5_SHUTDOWN_GUARD, CAUSE_ABORTED },
                { TRIGGER_PRIMITIVE, PRIMITIVE_ABORT, CAUSE_ABORTED },
                { TRIGGER_PRIMITIVE, PRIMITIVE_SHUTDOWN, CAUSE_GRACEFUL },
                { TRIGGER_ICMP, 0, CAUSE_UNREACHABLE },
                { TRIGGER_NONE, 0, CAUSE_UNKNOWN },
        };
        struct news *n = *state;
        struct snapshot *s;

        for (size_t i = 0; i < ELEMENTS(causes); i++) {
                struct record_event r = event(100 + i, 100 + i, EVENT_END, 3, 0);

                r.trigger.kind = causes[i].kind;
                r.trigger.number = causes[i].number;
                add(n, r);
        }
        s = finish(n, NULL);
        assert_int_equal(snapshot_head(s)->n_happenings, ELEMENTS(causes));
        for (size_t i = 0; i < ELEMENTS(causes); i++)
                assert_int_equal(snapshot_happenings(s)[i].cause, causes[i].cause);
        snapshot_unref(s);
}

static void test_paths(void **state) {
        struct news *n = *state;
        const struct happening *h;
        const struct association *a;
        struct record_event r;
        struct snapshot *s;

        add(n, path_event(100, 1, EVENT_PATH_STATE, "10.0.0.2", 2, 1));
        add(n, path_event(300, 1, EVENT_PATH_STATE, "10.0.0.2", 1, 0));
        /* It is not in the kernel's list any more, or not yet. */
        add(n, path_event(400, 1, EVENT_PATH_REMOVED, "10.0.0.3", 2, 2));
        add(n, path_event(500, 1, EVENT_PATH_ADDED, "10.0.0.4", 3, 3));
        r = path_event(600, 1, EVENT_PRIMARY, "10.0.0.5", 0, 0);
        r.old_primary = address("10.0.0.2");
        add(n, r);
        s = finish(n, NULL);
        h = snapshot_happenings(s);
        a = snapshot_associations(s);
        assert_int_equal(snapshot_head(s)->n_happenings, 5);
        assert_int_equal(h[0].path_old_state, PATH_ACTIVE);
        assert_int_equal(h[0].path_new_state, PATH_PF);
        assert_int_equal(h[0].duration_usec, 0);
        assert_int_equal(snapshot_paths(s, a[0].paths)[h[0].path].state, PATH_PF);
        assert_int_equal(h[1].duration_usec, 200 * USEC_PER_MSEC);
        assert_int_equal(a[1].flaps, 1);
        assert_int_equal(a[2].paths.count, 2);
        assert_int_equal(h[2].path, 1);
        assert_int_equal(h[2].path_new_state, -1);
        assert_int_equal(h[3].path_old_state, -1);
        assert_int_equal(h[3].path_new_state, PATH_UNCONFIRMED);
        assert_int_equal(h[4].path, UINT32_MAX);
        assert_int_equal(h[4].old_primary.bytes[3], 2);
        assert_int_equal(snapshot_primary(s, a + 4)->address.bytes[3], 5);
        snapshot_unref(s);
}

static void add_address(struct builder *b, unsigned last) {
        struct address *a;

        assert_int_equal(builder_add_address(b, &a), 0);
        *a = (struct address) { .family = AF_INET, .bytes = { 10, 0, 0, (uint8_t) last } };
}

/* A look that knows the association, its owner, and more paths than an event tells. */
static struct snapshot *previous_look(unsigned paths) {
        struct builder b = { .head = { .netns = 42, .available = 1 } };
        struct snapshot *s = NULL;
        struct association *a;
        struct process *p;
        struct netns *n;

        assert_int_equal(builder_add_netns(&b, &n), 0);
        *n = (struct netns) { .netns = 42, .name = "blue", .has_sctp = 1 };
        assert_int_equal(builder_add_process(&b, &p), 0);
        *p = (struct process) { .pid = 99, .command = "mme" };
        assert_int_equal(builder_add_owner(&b, 0), 0);
        add_address(&b, 1);
        for (unsigned i = 0; i < paths; i++) {
                struct path *path;

                assert_int_equal(builder_add_path(&b, &path), 0);
                path->address = (struct address) { .family = AF_INET, .bytes = { 10, 0, 0, (uint8_t) (2 + i) } };
                path->state = PATH_ACTIVE;
                FIELD_GIVE(path, PATH_STATE);
        }
        assert_int_equal(builder_add_association(&b, &a), 0);
        *a = (struct association) {
                .netns = 42, .id = 7, .local_port = 5000, .peer_port = 6000, .state = ASSOCIATION_ESTABLISHED,
                .local = { 0, 1 }, .paths = { 0, paths }, .owners = { 0, 1 }, .flaps = 3,
                .observed_since = 5, .last_change = 6, .last_change_monotonic = 50 * USEC_PER_MSEC,
        };
        FIELD_GIVE(a, ASSOCIATION_STATE);
        FIELD_GIVE(a, ASSOCIATION_LAST_CHANGE);
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

/* What the last look knew goes along. */
static void test_with_a_look_before(void **state) {
        struct snapshot *before = previous_look(6), *s;
        struct record_event r = event(100, 1, EVENT_STATE, 3, 5);
        const struct association *a;
        struct news *n = *state;

        r.n_paths = 6;
        add(n, r);
        s = finish(n, before);
        a = snapshot_associations(s);
        assert_int_equal(a->owners.count, 1);
        assert_string_equal(snapshot_processes(s)[snapshot_owners(s, a->owners)[0]].command, "mme");
        assert_string_equal(snapshot_netns(s, 42)->name, "blue");
        assert_int_equal(a->observed_since, 5);
        assert_int_equal(a->flaps, 3);
        assert_int_equal(snapshot_happenings(s)->duration_usec, 50 * USEC_PER_MSEC);
        assert_int_equal(a->paths.count, 6);
        assert_false(a->partial);
        snapshot_unref(s);
        snapshot_unref(before);
}

/* More than an event tells, and nobody else has told the rest. */
static void test_partial(void **state) {
        struct record_event r = event(100, 1, EVENT_STATE, 0, 3);
        struct news *n = *state;
        struct snapshot *s;

        r.n_paths = r.n_local = EVENT_ADDRESSES_MAX + 1;
        for (unsigned i = 0; i < EVENT_ADDRESSES_MAX; i++) {
                r.paths[i] = r.paths[0];
                r.paths[i].address.bytes[3] = (uint8_t) (2 + i);
                r.local[i] = r.local[0];
        }
        add(n, r);
        s = finish(n, NULL);
        assert_true(snapshot_associations(s)->partial);
        assert_int_equal(snapshot_associations(s)->paths.count, EVENT_ADDRESSES_MAX);
        snapshot_unref(s);
}

/* The process that asked for it is its owner, alive or not. */
static void test_owner(void **state) {
        struct record_event r = event(100, 1, EVENT_STATE, 0, 1);
        struct news *n = *state;
        const struct process *p;
        struct snapshot *s;

        r.association.socket.inode = 0;
        r.trigger = (struct record_trigger) {
                .kind = TRIGGER_PRIMITIVE, .number = PRIMITIVE_ASSOCIATE, .pid = UINT32_C(0x7fffffff), .comm = "gone\033[31m",
        };
        add(n, r);
        r = event(200, 1, EVENT_END, 1, 0);
        r.association.socket.inode = 0;
        add(n, r);
        s = finish(n, NULL);
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(snapshot_associations(s)[i].owners.count, 1);
                p = snapshot_processes(s) + snapshot_owners(s, snapshot_associations(s)[i].owners)[0];
                assert_int_equal(p->pid, 0x7fffffff);
                assert_null(strchr(p->command, '\033'));
                assert_memory_equal(p->command, "gone", 4);
        }
        snapshot_unref(s);
}

static void test_own_only(void **state) {
        struct snapshot *before = previous_look(1), *s;
        struct record_event r = event(100, 1, EVENT_STATE, 3, 5);
        struct news *n = *state;

        r.association.socket.netns = 43;
        add(n, r);
        assert_int_equal(news_finish(n, before, true, &s), 0);
        assert_null(s);
        r.association.socket.netns = 42;
        add(n, r);
        assert_int_equal(news_finish(n, before, true, &s), 0);
        assert_int_equal(snapshot_head(s)->n_happenings, 1);
        snapshot_unref(s);
        snapshot_unref(before);
}

static void test_restart(void **state) {
        struct record_event r = event(100, 1, EVENT_RESTART, 3, 3);
        struct news *n = *state;
        struct snapshot *s;

        r.old_local_tag = 55;
        r.old_peer_tag = 66;
        add(n, r);
        s = finish(n, NULL);
        assert_int_equal(snapshot_happenings(s)->type, CHANGE_ASSOCIATION_RESTART);
        assert_int_equal(snapshot_happenings(s)->old_local_tag, 55);
        assert_int_equal(snapshot_happenings(s)->old_peer_tag, 66);
        snapshot_unref(s);
}

/* Each call of the state machine: told as it was, and no part of what the association has gone through. */
static void test_steps(void **state) {
        struct record_event chunk = event(100, 1, EVENT_STEP, 1, 3), timer = event(120, 1, EVENT_STEP, 3, 3),
                            stray = event(130, 0, EVENT_STEP, 0, 0), last = event(140, 1, EVENT_STEP, 3, 0);
        const struct association *a;
        const struct happening *h;
        struct news *n = *state;
        struct snapshot *s;

        chunk.path = address("10.0.0.2");
        timer.trigger = (struct record_trigger) { .kind = TRIGGER_TIMER, .number = TIMER_SACK };
        stray.association = (struct record_association) {
                .socket = { .netns = 42 }, .local_port = 9, .peer_port = 10,
        };
        stray.path = address("10.0.0.3");
        stray.n_paths = 0;
        add(n, chunk);
        add(n, event(100, 1, EVENT_STATE, 1, 3));
        add(n, timer);
        add(n, stray);
        add(n, last);
        s = finish(n, NULL);
        h = snapshot_happenings(s);
        a = snapshot_associations(s);
        assert_int_equal(snapshot_head(s)->n_happenings, 5);
        assert_int_equal(h[0].type, CHANGE_STEP);
        assert_int_equal(h[0].old_state, ASSOCIATION_COOKIE_WAIT);
        assert_int_equal(h[0].new_state, ASSOCIATION_ESTABLISHED);
        assert_int_equal(h[0].path, 0);
        assert_int_equal(h[0].trigger.number, CHUNK_COOKIE_ACK);
        assert_int_equal(h[1].type, CHANGE_ASSOCIATION_UP);
        assert_int_equal(h[1].path, UINT32_MAX);
        assert_int_equal(h[2].type, CHANGE_STEP);
        assert_int_equal(h[2].path, UINT32_MAX);
        assert_int_equal(h[2].trigger.kind, TRIGGER_TIMER);
        /* Of no association there is only what the packet said. */
        assert_int_equal(h[3].old_state, ASSOCIATION_CLOSED);
        assert_int_equal(h[3].new_state, ASSOCIATION_CLOSED);
        assert_int_equal(a[3].netns, 42);
        assert_int_equal(a[3].peer_port, 10);
        assert_false(FIELD_GIVEN(a + 3, ASSOCIATION_LOCAL_TAG));
        assert_int_equal(snapshot_addresses(s, a[3].local)[0].bytes[3], 1);
        assert_int_equal(snapshot_paths(s, a[3].paths)[h[3].path].address.bytes[3], 3);
        assert_false(FIELD_GIVEN(snapshot_paths(s, a[3].paths), PATH_STATE));
        assert_int_equal(h[4].new_state, ASSOCIATION_CLOSED);
        assert_int_equal(a[4].state, ASSOCIATION_ESTABLISHED);
        snapshot_unref(s);

        /* Neither has changed since when the state lasts. */
        add(n, event(200, 1, EVENT_STATE, 3, 5));
        s = finish(n, NULL);
        assert_int_equal(snapshot_happenings(s)->duration_usec, 100 * USEC_PER_MSEC);
        snapshot_unref(s);
}

/* A row that cannot be leaves the others as they are. */
static void test_unsound_between_others(void **state) {
        struct record_event bad = path_event(110, 1, EVENT_PATH_STATE, "10.0.0.2", 2, 99);
        struct news *n = *state;
        struct snapshot *s;

        add(n, event(100, 1, EVENT_STATE, 0, 3));
        add(n, bad);
        add(n, event(120, 1, EVENT_STATE, 3, 5));
        s = finish(n, NULL);
        assert_int_equal(snapshot_head(s)->n_happenings, 2);
        assert_int_equal(snapshot_addresses(s, snapshot_associations(s)[1].local)[0].bytes[3], 1);
        snapshot_unref(s);
}

/* What no kernel says is refused at once, or left out where it is about a row alone. */
static void test_unsound(void **state) {
        struct record_event good = event(100, 1, EVENT_STATE, 3, 5), bad;
        struct news *n = *state;

        assert_int_equal(news_add(n, &good, sizeof(good) - 1), -EBADMSG);
        bad = good;
        bad.head.kind = RECORD_PATH;
        assert_int_equal(news_add(n, &bad, sizeof(bad)), -EBADMSG);
        bad = good;
        bad.new_state = 8;
        assert_int_equal(news_add(n, &bad, sizeof(bad)), -EBADMSG);
        bad = good;
        bad.old_state = UINT32_MAX;
        assert_int_equal(news_add(n, &bad, sizeof(bad)), -EBADMSG);

        bad = good;
        bad.paths[0].state = 77;
        assert_int_equal(news_add(n, &bad, sizeof(bad)), 0);
        bad = good;
        bad.local[0].family = 3;
        assert_int_equal(news_add(n, &bad, sizeof(bad)), 0);
        bad = good;
        bad.association.socket.style = 9;
        assert_int_equal(news_add(n, &bad, sizeof(bad)), 0);
        bad = path_event(100, 1, EVENT_PATH_STATE, "10.0.0.2", 2, 99);
        assert_int_equal(news_add(n, &bad, sizeof(bad)), 0);
        bad = good;
        bad.event = 99;
        assert_int_equal(news_add(n, &bad, sizeof(bad)), 0);
        assert_null(finish(n, NULL));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_life, setup, teardown),
                cmocka_unit_test_setup_teardown(test_remembers, setup, teardown),
                cmocka_unit_test_setup_teardown(test_closed_and_freed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_established_on_the_way, setup, teardown),
                cmocka_unit_test_setup_teardown(test_causes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
                cmocka_unit_test_setup_teardown(test_with_a_look_before, setup, teardown),
                cmocka_unit_test_setup_teardown(test_partial, setup, teardown),
                cmocka_unit_test_setup_teardown(test_owner, setup, teardown),
                cmocka_unit_test_setup_teardown(test_own_only, setup, teardown),
                cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
                cmocka_unit_test_setup_teardown(test_steps, setup, teardown),
                cmocka_unit_test_setup_teardown(test_unsound_between_others, setup, teardown),
                cmocka_unit_test_setup_teardown(test_unsound, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
