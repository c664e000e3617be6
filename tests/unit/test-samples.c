/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <sys/socket.h>

#include "builder.h"
#include "clock.h"
#include "json.h"
#include "../../daemon/samples.h"

#define T0 (UINT64_C(1769860800) * USEC_PER_SEC)
#define INTERVAL (10 * USEC_PER_SEC)
#define PLENTY SAMPLES_BYTES_MAX

/* The associations from the id `first` on, as they are at the `round`th round. */
static struct snapshot *made_up(unsigned round, unsigned first, unsigned n, uint64_t observed_since) {
        struct snapshot *s = NULL;
        struct builder b = {};
        struct netns *netns;

        b.head.hz = 250;
        b.head.started_realtime = T0 + round * INTERVAL;
        assert_int_equal(builder_add_netns(&b, &netns), 0);
        *netns = (struct netns) { .netns = 5, .generation = 3 };
        for (unsigned i = first; i < first + n; i++) {
                struct association *a;
                struct path *p;

                assert_int_equal(builder_add_path(&b, &p), 0);
                p->address = (struct address) { .family = AF_INET, .primary = 1, .bytes = { 10, 0, 0, 1 } };
                FIELD_GIVE(p, PATH_SRTT);
                p->detail.srtt = round;
                FIELD_GIVE(p, PATH_CWND);
                p->detail.cwnd = 1000 + round;
                assert_int_equal(builder_add_association(&b, &a), 0);
                *a = (struct association) {
                        .netns = 5, .id = i, .observed_since = observed_since, .paths = { (uint32_t) b.n_paths - 1, 1 },
                        .transmit_queue = round * 10, .retransmitted_chunks = round * 2,
                };
                FIELD_GIVE(a, ASSOCIATION_TRANSMIT_QUEUE);
                FIELD_GIVE(a, ASSOCIATION_RETRANSMITTED_CHUNKS);
                a->detail.diag_at = b.head.started_realtime - USEC_PER_SEC;
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

static void run(struct samples *t, struct snapshot *s, uint64_t bytes_max) {
        assert_int_equal(samples_add(t, s, INTERVAL, bytes_max), 0);
        assert_true(samples_get_counts(t).bytes <= bytes_max);
        snapshot_unref(s);
}

/* Of the association that is the `i`th then. */
static json_t *samples_of(const struct samples *t, struct snapshot *s, uint32_t i) {
        json_t *json = samples_json(t, s, snapshot_associations(s) + i);

        assert_non_null(json);
        snapshot_unref(s);
        return json;
}

static json_int_t figure(json_t *samples, size_t i, const char *name) {
        json_t *value = json_object_get(json_array_get(samples, i), name);

        return value ? json_integer_value(value) : -1;
}

static void test_rounds(void **state) {
        _cleanup_(samples_free_p) struct samples *t = NULL;
        json_t *json;

        (void) state;
        assert_int_equal(samples_new(&t), 0);
        json = samples_of(t, made_up(0, 1, 3, 1), 0);
        assert_int_equal(json_array_size(json), 0);
        json_decref(json);

        for (unsigned round = 0; round < 3; round++)
                run(t, made_up(round, 1, 3, 1), PLENTY);
        json = samples_of(t, made_up(3, 1, 3, 1), 2);
        assert_int_equal(json_array_size(json), 3);
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(figure(json, i, "srttMs"), i * 4);
                assert_int_equal(figure(json, i, "cwndBytes"), 1000 + i);
                assert_int_equal(figure(json, i, "transmitQueueBytes"), i * 10);
                assert_int_equal(figure(json, i, "retransmittedChunks"), i * 2);
        }
        assert_string_equal(json_string_value(json_object_get(json_array_get(json, 1), "at")),
                            "2026-01-31T12:00:10.000Z");
        json_decref(json);
        assert_int_equal(samples_get_counts(t).samples, 9);

        /* The newest ones remain. */
        for (unsigned round = 3; round < 100; round++)
                run(t, made_up(round, 1, 3, 1), PLENTY);
        json = samples_of(t, made_up(100, 1, 3, 1), 0);
        assert_int_equal(json_array_size(json), SAMPLES_MAX);
        assert_int_equal(figure(json, 0, "transmitQueueBytes"), 400);
        assert_int_equal(figure(json, 59, "transmitQueueBytes"), 990);
        json_decref(json);
        assert_int_equal(samples_get_counts(t).samples, 3 * SAMPLES_MAX);
}

/* What nobody has told, or told before, is absent. */
static void test_absent(void **state) {
        _cleanup_(samples_free_p) struct samples *t = NULL;
        json_t *json;

        (void) state;
        assert_int_equal(samples_new(&t), 0);
        for (unsigned i = 0; i < 6; i++) {
                struct snapshot *s = made_up(i, 1, 1, 1);
                const struct association *p;
                struct association *a;
                struct builder b = {};
                struct netns *netns;

                assert_int_equal(builder_add_netns(&b, &netns), 0);
                *netns = *snapshot_namespaces(s);
                p = snapshot_associations(s);
                assert_int_equal(builder_copy_association(&b, p, snapshot_addresses(s, p->local),
                                                          snapshot_paths(s, p->paths), &a), 0);
                b.head = *snapshot_head(s);
                switch (i) {
                case 0:
                        a->detail.diag_at = b.head.started_realtime - INTERVAL - 1;
                        break;
                case 1:
                        a->detail.diag_at = 0;
                        a->detail.options_at = b.head.started_realtime;
                        break;
                case 2:
                        FIELD_TAKE_BACK(a, ASSOCIATION_TRANSMIT_QUEUE);
                        a->retransmitted_chunks = UINT32_MAX;
                        break;
                case 3:
                        a->unseen = 1;
                        break;
                case 4:
                        b.paths[0].address.primary = 0;
                        break;
                case 5:
                        b.head.hz = 0;
                        break;
                }
                snapshot_unref(s);
                assert_int_equal(builder_finish(&b, &s), 0);
                builder_done(&b);
                run(t, s, PLENTY);
        }
        json = samples_of(t, made_up(6, 1, 1, 1), 0);
        assert_int_equal(json_array_size(json), 6);
        for (unsigned i = 0; i < 6; i++) {
                assert_int_equal(figure(json, i, "srttMs"), i == 1 || i == 2 ? (json_int_t) i * 4 : -1);
                assert_int_equal(figure(json, i, "cwndBytes"), i == 1 || i == 2 || i == 5 ? 1000 + (json_int_t) i : -1);
                assert_int_equal(figure(json, i, "transmitQueueBytes"), i == 2 || i == 3 ? -1 : (json_int_t) i * 10);
                assert_int_equal(figure(json, i, "retransmittedChunks"), i == 2 || i == 3 ? -1 : (json_int_t) i * 2);
        }
        json_decref(json);
}

/* What is gone is forgotten, and what has got its id begins anew. */
static void test_gone(void **state) {
        _cleanup_(samples_free_p) struct samples *t = NULL;
        json_t *json;

        (void) state;
        assert_int_equal(samples_new(&t), 0);
        run(t, made_up(0, 1, 10, 1), PLENTY);
        run(t, made_up(1, 1, 10, 1), PLENTY);
        run(t, made_up(2, 5, 10, 1), PLENTY);
        assert_int_equal(samples_get_counts(t).samples, 6 * 3 + 4);
        json = samples_of(t, made_up(3, 1, 1, 1), 0);
        assert_int_equal(json_array_size(json), 0);
        json_decref(json);
        json = samples_of(t, made_up(3, 14, 1, 1), 0);
        assert_int_equal(json_array_size(json), 1);
        json_decref(json);

        run(t, made_up(3, 5, 10, 2), PLENTY);
        assert_int_equal(samples_get_counts(t).samples, 10);
        json = samples_of(t, made_up(4, 5, 10, 1), 0);
        assert_int_equal(json_array_size(json), 0);
        json_decref(json);
        run(t, made_up(4, 1, 0, 1), PLENTY);
        assert_int_equal(samples_get_counts(t).samples, 0);
        assert_int_equal(samples_get_counts(t).bytes, 0);
}

/* Fewer of each, then none for those that come last. */
static void test_bytes(void **state) {
        _cleanup_(samples_free_p) struct samples *t = NULL;
        uint64_t full;
        json_t *json;

        (void) state;
        assert_int_equal(samples_new(&t), 0);
        for (unsigned round = 0; round < 60; round++)
                run(t, made_up(round, 1, 10, 1), PLENTY);
        full = samples_get_counts(t).bytes;
        assert_int_equal(samples_get_counts(t).depth, SAMPLES_MAX);

        for (unsigned round = 60; round < 120; round++)
                run(t, made_up(round, 1, 20, 1), full);
        assert_in_range(samples_get_counts(t).depth, 25, 30);
        assert_int_equal(samples_get_counts(t).without, 0);
        assert_int_equal(samples_get_counts(t).samples, 20 * samples_get_counts(t).depth);
        json = samples_of(t, made_up(120, 1, 20, 1), 0);
        assert_int_equal(figure(json, json_array_size(json) - 1, "transmitQueueBytes"), 1190);
        assert_int_equal(figure(json, 0, "transmitQueueBytes"), 1200 - 10 * (json_int_t) json_array_size(json));
        json_decref(json);

        run(t, made_up(120, 1, 1000, 1), full);
        assert_int_equal(samples_get_counts(t).depth, SAMPLES_MIN);
        assert_in_range(samples_get_counts(t).without, 900, 950);
        json = samples_of(t, made_up(121, 1, 1000, 1), 0);
        assert_int_equal(json_array_size(json), SAMPLES_MIN);
        json_decref(json);
        json = samples_of(t, made_up(121, 1, 1000, 1), 999);
        assert_int_equal(json_array_size(json), 0);
        json_decref(json);

        /* They have gone again. */
        for (unsigned round = 121; round < 190; round++)
                run(t, made_up(round, 1, 10, 1), full);
        assert_int_equal(samples_get_counts(t).samples, 10 * SAMPLES_MAX);

        run(t, made_up(190, 1, 10, 1), 0);
        assert_int_equal(samples_get_counts(t).samples, 0);
        assert_int_equal(samples_get_counts(t).without, 10);
}

/* The size to design for: what it takes is told, and that it keeps to its bytes. */
static void test_the_full_size(void **state) {
        static const uint64_t bytes_max = 32 * 1024 * 1024;
        _cleanup_(samples_free_p) struct samples *t = NULL;
        uint64_t first = 0, worst = 0;

        (void) state;
        assert_int_equal(samples_new(&t), 0);
        for (unsigned round = 0; round < 45; round++) {
                struct snapshot *s = made_up(round, 1 + 10 * round, 50000, 1);
                uint64_t began = clock_usec(CLOCK_MONOTONIC), took;

                assert_int_equal(samples_add(t, s, INTERVAL, bytes_max), 0);
                took = clock_usec(CLOCK_MONOTONIC) - began;
                if (round == 0)
                        first = took;
                else
                        worst = MAX(worst, took);
                snapshot_unref(s);
        }
        assert_true(samples_get_counts(t).bytes <= bytes_max);
        assert_int_equal(samples_get_counts(t).without, 0);
        print_message("# 50000 associations: %u samples each in %lu bytes; first round %lu us, later at most %lu us\n",
                      samples_get_counts(t).depth, (unsigned long) samples_get_counts(t).bytes, (unsigned long) first,
                      (unsigned long) worst);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rounds),
                cmocka_unit_test(test_absent),
                cmocka_unit_test(test_gone),
                cmocka_unit_test(test_bytes),
                cmocka_unit_test(test_the_full_size),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
