/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "macro.h"
#include "state.h"

static void test_three_numberings(void **state) {
        static const char *const names[] = {
                "closed", "cookie_wait", "cookie_echoed", "established",
                "shutdown_pending", "shutdown_sent", "shutdown_received", "shutdown_ack_sent",
        };

        (void) state;
        for (unsigned i = 0; i < ELEMENTS(names); i++) {
                assert_string_equal(association_state_name(association_state_from_proc(i, false)), names[i]);
                assert_string_equal(association_state_name(association_state_from_proc(i + 1, true)), names[i]);
                assert_string_equal(association_state_name(association_state_from_diag(i)), names[i]);
                assert_string_equal(association_state_name(association_state_from_status(i + 1)), names[i]);
                assert_int_equal(association_state_from_name(names[i]), i);
        }

        assert_int_equal(association_state_from_proc(8, false), _ASSOCIATION_STATE_INVALID);
        assert_int_equal(association_state_from_proc(9, true), _ASSOCIATION_STATE_INVALID);
        assert_int_equal(association_state_from_proc(0, true), ASSOCIATION_CLOSED);
        assert_int_equal(association_state_from_name("ESTAB"), _ASSOCIATION_STATE_INVALID);
        assert_null(association_state_name(-1));
        assert_null(association_state_name(_ASSOCIATION_STATE_MAX));
}

static void test_socket_states(void **state) {
        static const struct {
                unsigned long number;
                const char *name;
        } cases[] = {
                { 1, "established" }, { 2, "establishing" }, { 7, "closed" }, { 8, "closing" }, { 10, "listening" }, { 11, "closing" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++)
                assert_string_equal(endpoint_state_name(endpoint_state_from_proc(cases[i].number)), cases[i].name);
        /* TCP's other numbers are none of SCTP's. */
        assert_int_equal(endpoint_state_from_proc(3), _ENDPOINT_STATE_INVALID);
        assert_int_equal(endpoint_state_from_name("listening"), ENDPOINT_LISTENING);
}

static void test_paths_and_styles(void **state) {
        (void) state;
        assert_string_equal(path_state_name(path_state_from_proc(0)), "inactive");
        assert_string_equal(path_state_name(path_state_from_proc(1)), "pf");
        assert_string_equal(path_state_name(path_state_from_proc(2)), "active");
        assert_string_equal(path_state_name(path_state_from_proc(3)), "unconfirmed");
        assert_string_equal(path_state_name(path_state_from_proc(65535)), "unknown");
        assert_int_equal(path_state_from_proc(4), _PATH_STATE_INVALID);
        assert_string_equal(socket_style_name(socket_style_from_proc(0)), "one_to_many");
        assert_string_equal(socket_style_name(socket_style_from_proc(1)), "peeled_off");
        assert_string_equal(socket_style_name(socket_style_from_proc(2)), "one_to_one");
        assert_int_equal(socket_style_from_proc(3), _STYLE_INVALID);
}

static void test_which_kernels_shift(void **state) {
        (void) state;
        assert_true(state_shifted("2.6.32-754.el6.x86_64"));
        assert_true(state_shifted("Linux version 2.6.39 (gcc)"));
        assert_false(state_shifted("3.0.0"));
        assert_false(state_shifted("Linux version 3.10.0-1160.el7.x86_64 (mockbuild@x) (gcc)"));
        assert_false(state_shifted("6.1.0-40-cloud-amd64"));
        assert_false(state_shifted("10.2"));
        /* Nothing known: today's numbering. */
        assert_false(state_shifted(""));
        assert_false(state_shifted("Linux"));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_three_numberings),
                cmocka_unit_test(test_socket_states),
                cmocka_unit_test(test_paths_and_styles),
                cmocka_unit_test(test_which_kernels_shift),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
