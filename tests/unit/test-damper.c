/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "builder.h"
#include "../../daemon/damper.h"

#define SEC USEC_PER_SEC

/* What the manager would do with it. */
struct room {
        struct damper *damper;
        uint64_t now;
        struct flapping told[64];
        size_t n_told;
};

static int setup(void **state) {
        struct room *r = calloc(1, sizeof(*r));

        assert_non_null(r);
        assert_int_equal(damper_new(&r->damper), 0);
        r->now = 1000 * SEC;
        *state = r;
        return 0;
}

static int teardown(void **state) {
        struct room *r = *state;

        damper_free(r->damper);
        free(r);
        return 0;
}

/* Who: the last byte of the peer's first address, and the ports. */
struct ends {
        unsigned peer;
        uint16_t local_port, peer_port;
        uint64_t netns;
};

static const struct ends ordinary = { 1, 2905, 2906, 5 };

static struct snapshot *make(const struct ends *ends, int association_state) {
        _cleanup_(builder_done) struct builder b = {};
        struct association *a;
        struct address *local;
        struct snapshot *s;
        struct endpoint *e;
        struct path *p;

        assert_int_equal(builder_add_endpoint(&b, &e), 0);
        assert_int_equal(builder_add_association(&b, &a), 0);
        *a = (struct association) {
                .netns = ends->netns, .id = 7, .local_port = ends->local_port, .peer_port = ends->peer_port,
                .state = (int8_t) association_state, .local = { .count = 1 }, .paths = { .count = 2 },
        };
        assert_int_equal(builder_add_address(&b, &local), 0);
        *local = (struct address) { .family = 2, .bytes = { 10, 0, 0, 1 } };
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(builder_add_path(&b, &p), 0);
                p->address = (struct address) {
                        .family = 2, .primary = i == 1,
                        .bytes = { 10, (uint8_t) (1 + i), (uint8_t) (ends->peer >> 8), (uint8_t) ends->peer },
                };
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        return s;
}

static bool pass(struct room *r, const struct ends *ends, struct change c) {
        int now = c.type == CHANGE_ASSOCIATION_DOWN ? c.old_state : c.new_state;
        _cleanup_(snapshot_unref_p) struct snapshot *s = make(ends, now);

        c.snapshot = s;
        c.association = snapshot_associations(s);
        if (c.type == CHANGE_PATH_STATE)
                c.path = snapshot_paths(s, c.association->paths) + 1;
        return damper_pass(r->damper, &c, r->now);
}

static bool down(struct room *r, const struct ends *ends) {
        return pass(r, ends, (struct change) { .type = CHANGE_ASSOCIATION_DOWN, .old_state = ASSOCIATION_ESTABLISHED });
}

static bool up(struct room *r, const struct ends *ends) {
        return pass(r, ends, (struct change) { .type = CHANGE_ASSOCIATION_UP, .old_state = ASSOCIATION_CLOSED,
                                               .new_state = ASSOCIATION_ESTABLISHED });
}

static bool path(struct room *r, const struct ends *ends, int old_state, int new_state) {
        return pass(r, ends, (struct change) { .type = CHANGE_PATH_STATE, .path_old_state = old_state,
                                               .path_new_state = new_state, .new_state = ASSOCIATION_ESTABLISHED });
}

/* Takes all summaries that are due. */
static size_t next(struct room *r, bool all) {
        r->n_told = 0;
        while (damper_next(r->damper, r->now, all, &r->told[r->n_told]))
                assert_true(++r->n_told < ELEMENTS(r->told));
        return r->n_told;
}

static void test_flapping(void **state) {
        struct room *r = *state;
        unsigned held = 0;

        /* So often may it happen; */
        for (unsigned i = 0; i < DAMPER_FLAPS_MAX; i++) {
                assert_true(down(r, &ordinary));
                assert_true(up(r, &ordinary));
                assert_int_equal(next(r, false), 0);
                r->now += 2 * SEC;
        }
        /* the next time is held back, which is said at once; */
        assert_false(down(r, &ordinary));
        assert_int_equal(next(r, false), 1);
        assert_int_equal(r->told[0].flaps, DAMPER_FLAPS_MAX + 1);
        assert_int_equal(r->told[0].held, 1);
        assert_int_equal(r->told[0].span_usec, 2 * DAMPER_FLAPS_MAX * SEC);
        assert_int_equal(r->told[0].state, ASSOCIATION_CLOSED);
        assert_int_equal(r->told[0].netns, 5);
        assert_int_equal(r->told[0].local_port, 2905);
        assert_int_equal(r->told[0].peer_port, 2906);
        assert_int_equal(r->told[0].peer.bytes[1], 1);
        assert_int_equal(r->told[0].local.bytes[3], 1);
        assert_true(r->told[0].goes_on);
        assert_false(r->told[0].calm);

        /* and from then on once a period. */
        assert_false(up(r, &ordinary));
        held++;
        for (unsigned i = 0; i < DAMPER_PERIOD_USEC / SEC - 1; i++) {
                r->now += SEC;
                assert_false(down(r, &ordinary));
                assert_false(up(r, &ordinary));
                held += 2;
                assert_int_equal(next(r, false), 0);
        }
        r->now += SEC;
        assert_int_equal(next(r, false), 1);
        assert_int_equal(r->told[0].flaps, DAMPER_PERIOD_USEC / SEC - 1);
        assert_int_equal(r->told[0].held, held);
        assert_int_equal(r->told[0].span_usec, DAMPER_PERIOD_USEC);
        assert_int_equal(r->told[0].state, ASSOCIATION_ESTABLISHED);
        assert_true(r->told[0].goes_on);

        /* Once more, which is not too often: after that it is told as before. */
        r->now += DAMPER_PERIOD_USEC / 2;
        assert_false(down(r, &ordinary));
        r->now += DAMPER_PERIOD_USEC / 2;
        assert_int_equal(next(r, false), 1);
        assert_int_equal(r->told[0].flaps, 1);
        assert_int_equal(r->told[0].held, 1);
        assert_int_equal(r->told[0].state, ASSOCIATION_CLOSED);
        assert_true(r->told[0].calm);
        assert_false(r->told[0].goes_on);
        for (unsigned i = 0; i < DAMPER_FLAPS_MAX; i++) {
                assert_true(up(r, &ordinary));
                assert_true(down(r, &ordinary));
        }
        assert_int_equal(next(r, false), 0);
        assert_int_equal(next(r, true), 0);
}

/* As often, but in more time. */
static void test_slow(void **state) {
        struct room *r = *state;

        for (unsigned i = 0; i < 100; i++) {
                assert_true(down(r, &ordinary));
                r->now += DAMPER_PERIOD_USEC / DAMPER_FLAPS_MAX / 2;
                assert_true(up(r, &ordinary));
                r->now += DAMPER_PERIOD_USEC / DAMPER_FLAPS_MAX / 2;
                assert_int_equal(next(r, false), 0);
        }
}

/* A client that is refused, or not answered, again and again. */
static void test_never_established(void **state) {
        struct change appears = { .type = CHANGE_ASSOCIATION_STATE, .old_state = ASSOCIATION_CLOSED,
                                  .new_state = ASSOCIATION_COOKIE_WAIT };
        struct change ends = { .type = CHANGE_ASSOCIATION_DOWN, .old_state = ASSOCIATION_COOKIE_WAIT };
        struct ends e = ordinary;
        struct room *r = *state;
        unsigned passed = 0;

        for (unsigned i = 0; i < 20; i++) {
                /* From another port each time. */
                e.local_port = (uint16_t) (DAMPER_EPHEMERAL_PORT + i);
                passed += pass(r, &e, appears);
                passed += pass(r, &e, ends);
        }
        assert_int_equal(passed, 2 * DAMPER_FLAPS_MAX + 1);
        assert_int_equal(next(r, false), 1);
        assert_int_equal(r->told[0].held, 40 - passed);
        assert_int_equal(r->told[0].local_port, 0);
        assert_int_equal(r->told[0].peer_port, 2906);
}

static void test_restarts(void **state) {
        struct change restart = { .type = CHANGE_ASSOCIATION_RESTART, .new_state = ASSOCIATION_ESTABLISHED };
        struct room *r = *state;

        for (unsigned i = 0; i < DAMPER_FLAPS_MAX; i++)
                assert_true(pass(r, &ordinary, restart));
        assert_false(pass(r, &ordinary, restart));
}

/* Many associations of one host that end at once, and come back, have each done it once. */
static void test_many_at_once(void **state) {
        struct room *r = *state;
        struct ends e = ordinary;

        for (unsigned round = 0; round < DAMPER_FLAPS_MAX; round++) {
                for (unsigned i = 0; i < 100; i++) {
                        e.peer_port = (uint16_t) (40000 + i);
                        assert_true(down(r, &e));
                }
                for (unsigned i = 0; i < 100; i++) {
                        e.peer_port = (uint16_t) (40000 + i);
                        assert_true(up(r, &e));
                }
                r->now += SEC;
        }
        assert_int_equal(next(r, false), 0);
        assert_false(down(r, &e));
        assert_int_equal(next(r, false), 1);
        assert_int_equal(r->told[0].flaps, 100 * DAMPER_FLAPS_MAX + 1);
        /* Which of them is how cannot be said in one word. */
        assert_int_equal(r->told[0].state, -1);
}

static void test_paths(void **state) {
        struct change impaired = { .type = CHANGE_IMPAIRED, .new_state = ASSOCIATION_ESTABLISHED };
        struct room *r = *state;

        for (unsigned i = 0; i < DAMPER_FLAPS_MAX; i++) {
                assert_true(path(r, &ordinary, PATH_ACTIVE, PATH_PF));
                assert_true(pass(r, &ordinary, impaired));
                /* One step more is not once more. */
                assert_true(path(r, &ordinary, PATH_PF, PATH_INACTIVE));
                assert_true(path(r, &ordinary, PATH_INACTIVE, PATH_ACTIVE));
                r->now += SEC;
        }
        /* All that they have to say is held back. */
        assert_false(path(r, &ordinary, PATH_ACTIVE, PATH_INACTIVE));
        assert_false(pass(r, &ordinary, impaired));
        assert_int_equal(next(r, false), 1);
        assert_int_equal(r->told[0].flaps, 0);
        assert_int_equal(r->told[0].path_flaps, DAMPER_FLAPS_MAX + 1);
        assert_int_equal(r->told[0].held, 2);
        assert_int_equal(r->told[0].state, ASSOCIATION_ESTABLISHED);
        assert_int_equal(r->told[0].peer.bytes[1], 1);
        assert_false(down(r, &ordinary));
}

/* Nothing of others is held back, nor what is not of an association. */
static void test_others(void **state) {
        struct ends other_peer = ordinary, other_port = ordinary, other_netns = ordinary;
        _cleanup_(snapshot_unref_p) struct snapshot *s = make(&ordinary, ASSOCIATION_ESTABLISHED);
        struct change endpoint = { .type = CHANGE_ENDPOINT_REMOVED, .snapshot = s, .endpoint = snapshot_endpoints(s) };
        struct change unobserved = { .type = CHANGE_UNOBSERVED, .snapshot = s, .netns = 5, .established = 1 };
        struct room *r = *state;

        for (unsigned i = 0; i < 3 * DAMPER_FLAPS_MAX; i++) {
                (void) down(r, &ordinary);
                (void) up(r, &ordinary);
        }
        assert_false(down(r, &ordinary));
        other_peer.peer++;
        other_port.local_port++;
        other_netns.netns++;
        assert_true(down(r, &other_peer));
        assert_true(down(r, &other_port));
        assert_true(down(r, &other_netns));
        for (unsigned i = 0; i < 3 * DAMPER_FLAPS_MAX; i++) {
                assert_true(damper_pass(r->damper, &endpoint, r->now));
                assert_true(damper_pass(r->damper, &unobserved, r->now));
        }
}

/* What was held back is told before the end, too; of those with nothing there is nothing to tell. */
static void test_end(void **state) {
        struct ends other = ordinary;
        struct room *r = *state;

        other.peer++;
        for (unsigned i = 0; i < DAMPER_FLAPS_MAX + 1; i++) {
                (void) down(r, &ordinary);
                (void) down(r, &other);
                (void) up(r, &ordinary);
                (void) up(r, &other);
        }
        assert_int_equal(next(r, false), 2);
        r->now += SEC;
        assert_false(down(r, &other));
        assert_int_equal(next(r, true), 1);
        assert_int_equal(r->told[0].peer.bytes[3], 2);
        assert_int_equal(r->told[0].held, 1);
        assert_false(r->told[0].goes_on);
        assert_false(r->told[0].calm);
        /* Nothing is held back from then on. */
        assert_true(up(r, &ordinary));
        assert_true(up(r, &other));
        assert_int_equal(next(r, true), 0);
}

/* Full of ends that flap it damps no more; what is calm makes room. */
static void test_limit(void **state) {
        struct room *r = *state;
        struct ends e = ordinary, beyond = ordinary;
        struct flapping f;
        size_t n = 0;

        /* Calm ones, the first of which have to go. */
        for (e.peer = 0; e.peer < DAMPER_SLOTS_MAX + 10; e.peer++)
                assert_true(down(r, &e));
        for (e.peer = 0; e.peer < DAMPER_SLOTS_MAX; e.peer++)
                for (unsigned i = 0; i < DAMPER_FLAPS_MAX + 1; i++)
                        assert_int_equal(down(r, &e) && up(r, &e), i < DAMPER_FLAPS_MAX);
        beyond.peer = DAMPER_SLOTS_MAX;
        for (unsigned i = 0; i < 3 * DAMPER_FLAPS_MAX; i++)
                assert_true(down(r, &beyond) && up(r, &beyond));
        while (damper_next(r->damper, r->now, false, &f)) {
                assert_int_equal(f.held, 1);
                n++;
        }
        assert_int_equal(n, DAMPER_SLOTS_MAX);
}

/* However it goes, each entry that did not pass is in one summary. */
static void test_all_counted(void **state) {
        struct room *r = *state;
        bool is_up[8] = {}, is_active[8] = {};
        uint64_t held = 0, told = 0, n_calm = 0;
        struct flapping f;

        srand(1);
        for (unsigned i = 0; i < 20000; i++) {
                struct ends e = ordinary;

                e.peer = (unsigned) rand() % 8;
                /* Now quicker, now slower. */
                r->now += (uint64_t) rand() % (200 * USEC_PER_MSEC) * (i % 4000 < 3000 ? 1 : 20);
                if (rand() % 2) {
                        held += is_up[e.peer] ? !down(r, &e) : !up(r, &e);
                        is_up[e.peer] = !is_up[e.peer];
                } else {
                        held += is_active[e.peer] ? !path(r, &e, PATH_ACTIVE, PATH_PF) :
                                                    !path(r, &e, PATH_PF, PATH_ACTIVE);
                        is_active[e.peer] = !is_active[e.peer];
                }
                while (damper_next(r->damper, r->now, false, &f)) {
                        told += f.held;
                        n_calm += f.calm;
                }
        }
        while (damper_next(r->damper, r->now, true, &f))
                told += f.held;
        assert_true(n_calm > 8);
        assert_true(held > 1000);
        assert_int_equal(told, held);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_flapping, setup, teardown),
                cmocka_unit_test_setup_teardown(test_slow, setup, teardown),
                cmocka_unit_test_setup_teardown(test_never_established, setup, teardown),
                cmocka_unit_test_setup_teardown(test_restarts, setup, teardown),
                cmocka_unit_test_setup_teardown(test_many_at_once, setup, teardown),
                cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
                cmocka_unit_test_setup_teardown(test_others, setup, teardown),
                cmocka_unit_test_setup_teardown(test_end, setup, teardown),
                cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
                cmocka_unit_test_setup_teardown(test_all_counted, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
