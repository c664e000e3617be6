/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "impaired.h"
#include "macro.h"

#define HZ 250u
#define NOW (1000 * USEC_PER_SEC)

/* An established association with an active primary and another active path. */
struct sample {
        struct association a;
        struct path paths[2];
};

static struct sample healthy(void) {
        struct sample s = { .a = { .state = ASSOCIATION_ESTABLISHED, .paths.count = 2, .heartbeat_interval = 5 * HZ } };

        FIELD_GIVE(&s.a, ASSOCIATION_HEARTBEAT_INTERVAL);
        for (size_t i = 0; i < 2; i++) {
                struct path *p = s.paths + i;

                *p = (struct path) { .state = PATH_ACTIVE, .heartbeat_pending = 1, .address.primary = i == 0 };
                FIELD_GIVE(p, PATH_STATE);
                FIELD_GIVE(p, PATH_STATE_SINCE);
                FIELD_GIVE(p, PATH_HEARTBEAT_PENDING);
        }
        return s;
}

static unsigned judge(struct sample *s) {
        impaired_judge(&s->a, s->paths, HZ, NOW);
        assert_int_equal(s->a.impairment_known, 1);
        return s->a.impaired;
}

static void test_each_reason(void **state) {
        struct sample s = healthy();

        (void) state;
        assert_int_equal(judge(&s), 0);

        s.paths[1].state = PATH_INACTIVE;
        assert_int_equal(judge(&s), 1u << IMPAIRED_PATH_INACTIVE);
        s.paths[1].state = PATH_PF;
        assert_int_equal(judge(&s), 1u << IMPAIRED_PATH_PF);
        s.paths[1].state = PATH_UNKNOWN;
        assert_int_equal(judge(&s), 0);
        s.paths[0].state = PATH_INACTIVE;
        assert_int_equal(judge(&s), 1u << IMPAIRED_PATH_INACTIVE | 1u << IMPAIRED_PRIMARY_NOT_ACTIVE);
}

static void test_unconfirmed_for_three_heartbeats(void **state) {
        struct sample s = healthy();

        (void) state;
        s.paths[1].state = PATH_UNCONFIRMED;
        s.paths[1].state_since_monotonic = NOW - 15 * USEC_PER_SEC;
        assert_int_equal(judge(&s), 0);
        s.paths[1].state_since_monotonic--;
        assert_int_equal(judge(&s), 1u << IMPAIRED_PATH_UNCONFIRMED);

        /* Without the interval, or the length of a tick, it is the RFC's 30 s. */
        impaired_judge(&s.a, s.paths, 0, NOW);
        assert_int_equal(s.a.impaired, 0);
        s.paths[1].state_since_monotonic = NOW - 91 * USEC_PER_SEC;
        impaired_judge(&s.a, s.paths, 0, NOW);
        assert_int_equal(s.a.impaired, 1u << IMPAIRED_PATH_UNCONFIRMED);
}

static void test_heartbeats(void **state) {
        struct sample s = healthy();

        (void) state;
        /* The timer may be about to be set anew: once is nothing. */
        s.paths[1].heartbeat_pending = 0;
        s.paths[1].heartbeat_missing = 1;
        assert_int_equal(judge(&s), 0);
        s.paths[1].heartbeat_missing = 2;
        assert_int_equal(judge(&s), 1u << IMPAIRED_HEARTBEATS_OFF);

        /* The socket option knows. */
        FIELD_GIVE(s.paths + 1, PATH_HEARTBEATS);
        s.paths[1].detail.heartbeats = 1;
        assert_int_equal(judge(&s), 0);
        s.paths[1].detail.heartbeats = 0;
        assert_int_equal(judge(&s), 1u << IMPAIRED_HEARTBEATS_OFF);

        /* With one path there is none that heartbeats would keep ready. */
        s.a.paths.count = 1;
        FIELD_GIVE(s.paths, PATH_HEARTBEATS);
        assert_int_equal(judge(&s), 0);
}

static void test_not_known(void **state) {
        struct sample s = healthy();

        (void) state;
        s.paths[0].state = PATH_INACTIVE;
        assert_int_not_equal(judge(&s), 0);
        s.a.state = ASSOCIATION_SHUTDOWN_SENT;
        impaired_judge(&s.a, s.paths, HZ, NOW);
        assert_int_equal(s.a.impairment_known, 0);
        assert_int_equal(s.a.impaired, 0);

        s = healthy();
        FIELD_TAKE_BACK(s.paths, PATH_STATE);
        FIELD_TAKE_BACK(s.paths + 1, PATH_STATE);
        impaired_judge(&s.a, s.paths, HZ, NOW);
        assert_int_equal(s.a.impairment_known, 0);

        /* One is enough: it may be the one that does not work. So it is while it is unknown what had been known. */
        s = healthy();
        FIELD_TAKE_BACK(s.paths + 1, PATH_STATE);
        impaired_judge(&s.a, s.paths, HZ, NOW);
        assert_int_equal(s.a.impairment_known, 0);
        s = healthy();
        s.paths[1].state = PATH_UNKNOWN;
        assert_int_equal(judge(&s), 0);
        s.paths[1].last_state = PATH_INACTIVE + 1;
        impaired_judge(&s.a, s.paths, HZ, NOW);
        assert_int_equal(s.a.impairment_known, 0);
        s = healthy();
        s.a.paths.count = 0;
        impaired_judge(&s.a, s.paths, HZ, NOW);
        assert_int_equal(s.a.impairment_known, 0);
}

/* Since when, and what it was before a look that could not tell. */
static void test_since(void **state) {
        struct sample s = healthy();

        (void) state;
        /* It was so when it was first seen. */
        s.paths[1].state = PATH_INACTIVE;
        impaired_judge(&s.a, s.paths, HZ, NOW);
        assert_true(s.a.impaired_since_monotonic == 0);
        s.paths[1].state = PATH_ACTIVE;
        impaired_judge(&s.a, s.paths, HZ, NOW + 1);
        assert_int_equal(s.a.last_impaired, 0);
        s.paths[1].state = PATH_PF;
        impaired_judge(&s.a, s.paths, HZ, NOW + 2);
        assert_true(s.a.impaired_since_monotonic == NOW + 2);
        /* For another reason it is still the same trouble, and so it is when nobody could tell meanwhile. */
        FIELD_TAKE_BACK(s.paths, PATH_STATE);
        impaired_judge(&s.a, s.paths, HZ, NOW + 3);
        assert_int_equal(s.a.impaired, 0);
        assert_int_equal(s.a.last_impaired, 1u << IMPAIRED_PATH_PF);
        FIELD_GIVE(s.paths, PATH_STATE);
        s.paths[1].state = PATH_INACTIVE;
        impaired_judge(&s.a, s.paths, HZ, NOW + 4);
        assert_true(s.a.impaired_since_monotonic == NOW + 2);

        /* From the moment that it was seen to be established. */
        s = healthy();
        s.a.last_change_monotonic = NOW;
        s.paths[1].state = PATH_INACTIVE;
        impaired_judge(&s.a, s.paths, HZ, NOW);
        assert_true(s.a.impaired_since_monotonic == NOW);

        /* Once it is being shut down that is over. */
        s.a.state = ASSOCIATION_SHUTDOWN_PENDING;
        impaired_judge(&s.a, s.paths, HZ, NOW);
        assert_int_equal(s.a.judged, 0);
}

static void test_names(void **state) {
        (void) state;
        assert_string_equal(impairment_name(IMPAIRED_PATH_INACTIVE), "path_inactive");
        assert_string_equal(impairment_name(IMPAIRED_HEARTBEATS_OFF), "heartbeats_off");
        assert_null(impairment_name(-1));
        assert_null(impairment_name(_IMPAIRMENT_MAX));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_each_reason),
                cmocka_unit_test(test_unconfirmed_for_three_heartbeats),
                cmocka_unit_test(test_heartbeats),
                cmocka_unit_test(test_not_known),
                cmocka_unit_test(test_since),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
