/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "filter.h"
#include "json.h"
#include "proc.h"

static struct snapshot *sample(void) {
        size_t length;
        _cleanup_free_ char *eps = test_data("6.1/healthy.ns_b.eps", &length), *assocs = NULL;
        struct snapshot *s = NULL;
        struct builder b = {};

        assert_int_equal(proc_read_eps(&b, 5, eps, length), 0);
        assocs = test_data("6.1/healthy.ns_b.assocs", &length);
        assert_int_equal(proc_read_assocs(&b, 5, false, assocs, length), 0);
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

static struct filter filter_of(const char *json, enum filter_subject subject) {
        _cleanup_(json_decref_p) json_t *object = json_loads(json, 0, NULL);
        struct filter f = {};
        const char *field;

        assert_non_null(object);
        assert_int_equal(filter_from_json(object, subject, &f, &field), 0);
        return f;
}

static void test_associations(void **state) {
        static const struct {
                const char *json;
                unsigned matching;
        } cases[] = {
                { "{}", 8 },
                { "{\"port\":5062}", 2 },
                { "{\"port\":39810}", 1 },
                { "{\"localPort\":5062}", 2 },
                { "{\"peerPort\":5062}", 0 },
                { "{\"peerPort\":0}", 0 },
                { "{\"peerAddress\":\"10.0.2.1\"}", 2 },
                { "{\"peerAddress\":\"::ffff:10.0.2.1\"}", 2 },
                { "{\"localAddress\":\"fd00:2::2\"}", 3 },
                { "{\"localAddress\":\"fd00:2::2\",\"peerAddress\":\"10.0.1.1\"}", 1 },
                { "{\"state\":\"established\"}", 8 },
                { "{\"state\":\"cookie_wait\"}", 0 },
                { "{\"state\":null,\"port\":null,\"peerAddress\":null}", 8 },
        };
        struct snapshot *s = sample();

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                struct filter f = filter_of(cases[i].json, FILTER_ASSOCIATIONS);
                unsigned matching = 0;

                for (uint32_t j = 0; j < snapshot_head(s)->n_associations; j++)
                        matching += filter_association(&f, s, snapshot_associations(s) + j);
                if (matching != cases[i].matching)
                        fail_msg("%s matches %u", cases[i].json, matching);
        }
        snapshot_unref(s);
}

static void test_endpoints(void **state) {
        static const struct {
                const char *json;
                unsigned matching;
        } cases[] = {
                { "{}", 7 },
                { "{\"port\":5062}", 1 },
                { "{\"localAddress\":\"10.0.1.2\"}", 4 },
                /* A wildcard is an address of its own: it says what was bound. */
                { "{\"localAddress\":\"::\"}", 1 },
                { "{\"state\":\"listening\"}", 7 },
                { "{\"state\":\"closed\"}", 0 },
                { "{\"peerPort\":1}", 0 },
                { "{\"peerAddress\":\"10.0.1.1\"}", 0 },
        };
        struct snapshot *s = sample();

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                struct filter f = filter_of(cases[i].json, FILTER_ENDPOINTS);
                unsigned matching = 0;

                for (uint32_t j = 0; j < snapshot_head(s)->n_endpoints; j++)
                        matching += filter_endpoint(&f, s, snapshot_endpoints(s) + j);
                if (matching != cases[i].matching)
                        fail_msg("%s matches %u", cases[i].json, matching);
        }
        snapshot_unref(s);
}

static void test_namespace(void **state) {
        struct filter f = { .has_netns = true, .netns = 5, .state = -1, .impaired = -1 };
        struct snapshot *s = sample();

        (void) state;
        assert_true(filter_endpoint(&f, s, snapshot_endpoints(s)));
        assert_true(filter_association(&f, s, snapshot_associations(s)));
        f.netns = 6;
        assert_false(filter_endpoint(&f, s, snapshot_endpoints(s)));
        assert_false(filter_association(&f, s, snapshot_associations(s)));
        snapshot_unref(s);
}

static void test_wrong(void **state) {
        static const struct {
                const char *json, *field;
        } cases[] = {
                { "{\"port\":0}", "port" },
                { "{\"port\":65536}", "port" },
                { "{\"port\":-1}", "port" },
                { "{\"port\":\"5000\"}", "port" },
                { "{\"localPort\":4294967296}", "localPort" },
                { "{\"peerPort\":70000}", "peerPort" },
                { "{\"localAddress\":\"host\"}", "localAddress" },
                { "{\"peerAddress\":7}", "peerAddress" },
                { "{\"peerAddress\":\"\"}", "peerAddress" },
                { "{\"state\":\"ESTAB\"}", "state" },
                { "{\"state\":\"listening\"}", "state" },
                { "{\"state\":3}", "state" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(json_decref_p) json_t *object = json_loads(cases[i].json, 0, NULL);
                const char *field = NULL;
                struct filter f = {};

                assert_int_equal(filter_from_json(object, FILTER_ASSOCIATIONS, &f, &field), -EINVAL);
                assert_string_equal(field, cases[i].field);
                assert_int_equal(f.state, 0);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_associations),
                cmocka_unit_test(test_endpoints),
                cmocka_unit_test(test_namespace),
                cmocka_unit_test(test_wrong),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
