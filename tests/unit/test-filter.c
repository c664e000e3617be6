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
                        matching += filter_association(&f, s, snapshot_associations(s) + j, NULL);
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
        assert_true(filter_association(&f, s, snapshot_associations(s), NULL));
        f.netns = 6;
        assert_false(filter_endpoint(&f, s, snapshot_endpoints(s)));
        assert_false(filter_association(&f, s, snapshot_associations(s), NULL));
        snapshot_unref(s);
}

/* A container is its namespace's, or a process's; its name stands beside its id, or the id's start in its place. */
static void test_container_and_impaired(void **state) {
        static const struct {
                const char *json;
                const char *associations, *endpoints;   /* their ids and ports, those that match */
        } cases[] = {
                { "{}", "1234", "1234" },
                { "{\"container\":null,\"impaired\":null}", "1234", "1234" },
                { "{\"container\":\"web\"}", "1", "1" },
                { "{\"container\":\"we\"}", "", "" },
                { "{\"container\":\"api\"}", "2", "2" },
                { "{\"container\":\"0123456789abcdef\"}", "2", "2" },
                { "{\"container\":\"0123456789ab\"}", "2", "2" },
                /* Too short to be anything but a name. */
                { "{\"container\":\"0123456789a\"}", "", "" },
                { "{\"container\":\"0123456789abcdef0\"}", "", "" },
                { "{\"container\":\"fedcba987654\"}", "3", "3" },
                { "{\"container\":\"fedcba9876543210\"}", "3", "3" },
                { "{\"container\":\"fedcba987654.x\"}", "", "" },
                { "{\"impaired\":true}", "2", "" },
                { "{\"impaired\":false}", "1", "" },
                { "{\"impaired\":true,\"container\":\"web\"}", "", "" },
        };
        struct snapshot *s = NULL;
        struct builder b = {};
        struct process *o;
        struct netns *n;

        (void) state;
        assert_int_equal(builder_add_netns(&b, &n), 0);
        *n = (struct netns) { .netns = 1, .container = "web" };
        assert_int_equal(builder_add_netns(&b, &n), 0);
        *n = (struct netns) { .netns = 3, .container = "fedcba987654" };
        assert_int_equal(builder_add_process(&b, &o), 0);
        *o = (struct process) { .pid = 9, .container = "api", .container_id = "0123456789abcdef" };
        for (unsigned i = 1; i <= 4; i++) {
                struct association *a;
                struct endpoint *e;

                assert_int_equal(builder_add_endpoint(&b, &e), 0);
                *e = (struct endpoint) { .netns = i, .local_port = (uint16_t) i };
                assert_int_equal(builder_add_association(&b, &a), 0);
                *a = (struct association) { .netns = i, .id = i };
                a->impairment_known = i <= 2;
                a->impaired = i == 2;
                if (i == 2) {
                        assert_int_equal(builder_add_owner(&b, 0), 0);
                        assert_int_equal(builder_add_owner(&b, 0), 0);
                        e->owners = (struct range) { 0, 1 };
                        a->owners = (struct range) { 1, 1 };
                }
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                struct filter f = filter_of(cases[i].json, FILTER_ASSOCIATIONS);
                char associations[8] = "", endpoints[8] = "";

                for (uint32_t j = 0; j < 4; j++) {
                        const struct association *a = snapshot_associations(s) + j;
                        const struct endpoint *e = snapshot_endpoints(s) + j;

                        if (filter_association(&f, s, a, NULL))
                                associations[strlen(associations)] = (char) ('0' + a->id);
                        if (filter_endpoint(&f, s, e))
                                endpoints[strlen(endpoints)] = (char) ('0' + e->local_port);
                }
                if (strcmp(associations, cases[i].associations) != 0 || strcmp(endpoints, cases[i].endpoints) != 0)
                        fail_msg("%s matches %s and %s", cases[i].json, associations, endpoints);
        }
        snapshot_unref(s);
}

static void test_longest_container(void **state) {
        char name[FILTER_CONTAINER_MAX + 2];

        (void) state;
        memset(name, 'x', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        for (unsigned i = 0; i < 2; i++) {
                _cleanup_(json_decref_p) json_t *object = json_pack("{ss}", "container", name + i);
                const char *field = NULL;
                struct filter f = {};

                assert_int_equal(filter_from_json(object, FILTER_ASSOCIATIONS, &f, &field), i == 0 ? -EINVAL : 0);
                assert_string_equal(f.container, i == 0 ? "" : name + 1);
        }
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
                { "{\"impaired\":1}", "impaired" },
                { "{\"container\":\"\"}", "container" },
                { "{\"container\":7}", "container" },
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
                cmocka_unit_test(test_container_and_impaired),
                cmocka_unit_test(test_longest_container),
                cmocka_unit_test(test_wrong),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
