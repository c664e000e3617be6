/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "builder.h"
#include "json.h"
#include "../../daemon/history.h"

#define T0 (UINT64_C(1769860800) * USEC_PER_SEC)

/* An association of a container in the namespace 5, and an endpoint. */
static struct snapshot *sample(void) {
        struct snapshot *s = NULL;
        struct association *a;
        struct builder b = {};
        struct endpoint *e;
        struct address *x;
        struct process *o;
        struct netns *n;
        struct path *p;

        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(builder_add_address(&b, &x), 0);
                assert_int_equal(address_parse(i ? "fd00::1" : "10.0.0.1", i ? 7 : 8, x), 0);
                assert_int_equal(builder_add_path(&b, &p), 0);
                assert_int_equal(address_parse(i ? "fd00::2" : "10.0.0.2", i ? 7 : 8, &p->address), 0);
        }
        assert_int_equal(builder_add_netns(&b, &n), 0);
        *n = (struct netns) { .netns = 5, .name = "blue", .container = "web" };
        assert_int_equal(builder_add_netns(&b, &n), 0);
        *n = (struct netns) { .netns = 6 };
        assert_int_equal(builder_add_process(&b, &o), 0);
        *o = (struct process) { .pid = 9, .container = "api", .container_id = "0123456789abcdef" };
        assert_int_equal(builder_add_owner(&b, 0), 0);
        assert_int_equal(builder_add_endpoint(&b, &e), 0);
        *e = (struct endpoint) { .netns = 6, .local_port = 5000, .local = { 0, 1 } };
        assert_int_equal(builder_add_association(&b, &a), 0);
        *a = (struct association) {
                .netns = 5, .id = 7, .local_port = 5000, .peer_port = 6000, .local = { 0, 2 }, .paths = { 0, 2 },
                .owners = { 0, 1 }, .state = ASSOCIATION_ESTABLISHED, .impairment_known = 1,
        };
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

static struct history *history_of(uint64_t changes_max, uint64_t bytes_max) {
        struct history *h = NULL;

        assert_int_equal(history_new(T0, &h), 0);
        history_set_limits(h, changes_max, bytes_max);
        return h;
}

static void add(struct history *h, const struct snapshot *s, uint64_t at) {
        struct change c = {
                .type = CHANGE_ASSOCIATION_UP, .at = at, .snapshot = s, .association = snapshot_associations(s),
                .peer_name = "hlr1",
        };
        struct event e;

        event_init(&e, &c);
        assert_non_null(e.message);
        history_add(h, &e);
        assert_null(e.message);
        event_done(&e);
}

/* Reads on as far as it goes; how many there were, and what ended it. */
static unsigned read_all(const struct history *h, struct reading *r, int *ret) {
        const struct event *e;
        uint64_t last = 0;
        unsigned n = 0;

        while ((*ret = history_read(h, r, &e)) > 0) {
                assert_true(e->at >= last);
                last = e->at;
                n++;
        }
        return n;
}

static void test_number(void **state) {
        struct reading reading = { .filter = &FILTER_ANY, .until = UINT64_MAX, .end = UINT64_MAX };
        struct history *h = history_of(100, HISTORY_BYTES_MAX);
        struct snapshot *s = sample();
        struct history_counts counts = history_get_counts(h);
        int r;

        (void) state;
        assert_true(counts.changes == 0 && counts.bytes == 0 && counts.dropped == 0 && counts.since == T0);
        for (unsigned i = 0; i < 100; i++)
                add(h, s, T0 + i * USEC_PER_SEC);
        counts = history_get_counts(h);
        assert_true(counts.changes == 100 && counts.dropped == 0 && counts.since == T0);
        assert_true(counts.bytes > 100 * 300 && counts.bytes < 100 * 2000);
        assert_int_equal(read_all(h, &reading, &r), 100);
        assert_int_equal(r, 0);

        /* What makes room is counted, and how far back it goes is told by the millisecond. */
        for (unsigned i = 100; i < 1000; i++)
                add(h, s, T0 + i * USEC_PER_SEC);
        assert_int_equal(history_get_counts(h).changes, 100);
        assert_int_equal(history_get_counts(h).bytes, counts.bytes);
        assert_int_equal(history_get_counts(h).dropped, 900);
        assert_int_equal(history_get_counts(h).since, T0 + 899 * USEC_PER_SEC + USEC_PER_MSEC);
        assert_int_equal(history_first(h), 900);
        assert_int_equal(history_end(h), 1000);

        /* Who had read the first hundred has missed eight hundred. */
        assert_int_equal(read_all(h, &reading, &r), 0);
        assert_int_equal(r, -ESTALE);
        assert_int_equal(history_first(h) - reading.number, 800);
        reading.gaps = true;
        assert_int_equal(read_all(h, &reading, &r), 100);
        assert_int_equal(r, 0);
        assert_int_equal(reading.complete, T0 + 899 * USEC_PER_SEC + USEC_PER_MSEC);

        history_set_limits(h, 10, HISTORY_BYTES_MAX);
        assert_int_equal(history_get_counts(h).changes, 10);
        assert_int_equal(history_get_counts(h).dropped, 990);
        history_set_limits(h, 0, HISTORY_BYTES_MAX);
        add(h, s, T0 + 1000 * USEC_PER_SEC);
        assert_int_equal(history_get_counts(h).changes, 0);
        assert_int_equal(history_get_counts(h).bytes, 0);
        assert_int_equal(history_get_counts(h).dropped, 1001);
        assert_int_equal(history_get_counts(h).since, T0 + 1000 * USEC_PER_SEC + USEC_PER_MSEC);
        /* Nobody takes this for calm. */
        reading.gaps = false;
        assert_int_equal(read_all(h, &reading, &r), 0);
        assert_int_equal(r, -ESTALE);
        assert_int_equal(history_first(h) - reading.number, 1);
        history_free(h);
        snapshot_unref(s);
}

static void test_bytes(void **state) {
        struct history *h = history_of(HISTORY_CHANGES_MAX, HISTORY_BYTES_MIN);
        struct snapshot *s = sample();
        uint64_t one, n;

        (void) state;
        add(h, s, T0);
        one = history_get_counts(h).bytes;
        for (unsigned i = 1; i < 1000; i++) {
                add(h, s, T0 + i);
                assert_true(history_get_counts(h).bytes <= HISTORY_BYTES_MIN);
        }
        n = history_get_counts(h).changes;
        assert_int_equal(n, HISTORY_BYTES_MIN / one);
        assert_int_equal(history_get_counts(h).dropped, 1000 - n);
        /* One that has no room even alone. */
        history_set_limits(h, HISTORY_CHANGES_MAX, one - 1);
        add(h, s, T0 + 1000);
        assert_int_equal(history_get_counts(h).changes, 0);
        assert_int_equal(history_get_counts(h).dropped, 1001);
        history_free(h);
        snapshot_unref(s);
}

static void test_times(void **state) {
        static const struct {
                uint64_t since, until;          /* ms after T0 */
                unsigned n;
        } cases[] = {
                { 0, 1000000, 10 }, { 1000, 1000000, 9 }, { 1001, 1000000, 8 }, { 9000, 9000, 1 }, { 9001, 1000000, 0 },
                { 0, 0, 1 }, { 0, 999, 1 }, { 0, 1000, 2 }, { 3000, 5000, 3 }, { 5000, 3000, 0 },
        };
        struct history *h = history_of(100, HISTORY_BYTES_MAX);
        struct snapshot *s = sample();

        (void) state;
        /* Beside the millisecond as they are told. */
        for (unsigned i = 0; i < 10; i++)
                add(h, s, T0 + i * USEC_PER_SEC + 999);
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                struct reading reading = {
                        .filter = &FILTER_ANY, .since = T0 + cases[i].since * USEC_PER_MSEC,
                        .until = T0 + cases[i].until * USEC_PER_MSEC, .end = UINT64_MAX,
                };
                int r;

                assert_int_equal(read_all(h, &reading, &r), cases[i].n);
        }
        history_free(h);
        snapshot_unref(s);
}

/* What is kept of a change is filtered as the row itself is. */
static void test_filters(void **state) {
        static const struct {
                const char *json;
                const char *fits;               /* a: association, e: endpoint, n: namespace */
        } cases[] = {
                { "{}", "aen" },
                { "{\"port\":5000}", "ae" },
                { "{\"port\":6000}", "a" },
                { "{\"port\":1}", "" },
                { "{\"localPort\":5000}", "ae" },
                { "{\"peerPort\":6000}", "a" },
                { "{\"localAddress\":\"fd00::1\"}", "a" },
                { "{\"localAddress\":\"::ffff:10.0.0.1\"}", "ae" },
                { "{\"localAddress\":\"10.0.0.2\"}", "" },
                { "{\"peerAddress\":\"10.0.0.2\"}", "a" },
                { "{\"peerAddress\":\"fd00::2\"}", "a" },
                { "{\"peerAddress\":\"10.0.0.1\"}", "" },
                { "{\"state\":\"established\"}", "a" },
                { "{\"state\":\"closed\"}", "" },
                { "{\"impaired\":false}", "a" },
                { "{\"impaired\":true}", "" },
                { "{\"container\":\"web\"}", "an" },
                { "{\"container\":\"api\"}", "a" },
                { "{\"container\":\"0123456789ab\"}", "a" },
                { "{\"container\":\"0123456789ac\"}", "" },
                { "{\"peerName\":\"hlr1\"}", "a" },
                { "{\"peerName\":\"hlr\"}", "" },
                { "{\"peerName\":\"hlr1\",\"container\":\"api\",\"peerAddress\":\"fd00::2\"}", "a" },
        };
        struct snapshot *s = sample();
        struct change changes[] = {
                { .snapshot = s, .association = snapshot_associations(s), .peer_name = "hlr1" },
                { .snapshot = s, .endpoint = snapshot_endpoints(s) },
                { .snapshot = s, .type = CHANGE_UNOBSERVED, .netns = 5 },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_(json_decref_p) json_t *object = json_loads(cases[i].json, 0, NULL);
                struct filter f = FILTER_ANY;
                char fits[4] = "";
                const char *wrong;

                assert_int_equal(filter_from_json(object, FILTER_ASSOCIATIONS, &f, &wrong), 0);
                for (unsigned j = 0; j < ELEMENTS(changes); j++) {
                        _cleanup_free_ struct filter_key *k = filter_key_new(changes + j);

                        assert_non_null(k);
                        if (filter_change(&f, k))
                                fits[strlen(fits)] = "aen"[j];
                        f.has_netns = true;
                        f.netns = 4;
                        assert_false(filter_change(&f, k));
                        f.has_netns = false;
                }
                if (strcmp(fits, cases[i].fits) != 0)
                        fail_msg("%s fits %s", cases[i].json, fits);
                assert_int_equal(filter_association(&f, s, changes[0].association, "hlr1"), !!strchr(fits, 'a'));
                assert_int_equal(filter_endpoint(&f, s, changes[1].endpoint), !!strchr(fits, 'e'));
        }
        snapshot_unref(s);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_number),
                cmocka_unit_test(test_bytes),
                cmocka_unit_test(test_times),
                cmocka_unit_test(test_filters),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
