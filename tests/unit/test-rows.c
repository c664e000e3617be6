/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

/* The limits, made small enough to reach. */
#define ROWS_MAX 500u
#define ROWS_BYTES_MAX ((size_t) 1000 * 1000)
#define ROW_BYTES_MAX ((size_t) 8 * 1000)
#include "../../client/rows.c"

#define SECOND USEC_PER_SEC
#define ALL_COLUMNS UINT64_MAX
/* A column that is none. */
#define NONE 99u

enum { ID, STATE, TX, NAME };

static const struct column columns[] = {
        [ID] = { .title = "ID", .member = "associationId", .right = true },
        [STATE] = { .title = "STATE", .member = "state" },
        [TX] = { .title = "TX", .member = "transmitQueueBytes", .right = true },
        [NAME] = { .title = "NAME", .member = "container" },
};

struct test {
        struct options options;
        struct rows *rows;
};

static int set_up(void **state) {
        struct test *t = calloc(1, sizeof(*t));

        assert_int_equal(rows_new(columns, ELEMENTS(columns), &t->options, &t->rows), 0);
        *state = t;
        return 0;
}

static int tear_down(void **state) {
        struct test *t = *state;

        rows_free(t->rows);
        json_decref(t->options.filter);
        free(t);
        return 0;
}

/* An established association of the id; 0: without one. */
static json_t *made(json_int_t id) {
        json_t *a = json_pack("{si si si s[s] ss}", "netns", 1, "localPort", 5000, "peerPort", 3868,
                              "peerAddresses", "10.0.0.2", "state", "established");

        if (id > 0)
                json_object_set_new(a, "associationId", json_integer(id));
        assert_non_null(a);
        return a;
}

/* Takes the object over. */
static void put_at(struct rows *s, json_t *a, uint64_t now) {
        assert_int_equal(rows_put(s, a, now), 0);
        json_decref(a);
}

static void put_text(struct rows *s, json_int_t id, const char *name, const char *value) {
        json_t *a = made(id);

        json_object_set_new(a, name, json_string(value));
        put_at(s, a, 0);
}

static void put_number(struct rows *s, json_int_t id, const char *name, json_int_t value) {
        json_t *a = made(id);

        json_object_set_new(a, name, json_integer(value));
        put_at(s, a, 0);
}

static void change(struct rows *s, const char *type, json_t *a, const char *state, uint64_t now) {
        json_t *c = json_pack("{ss so ss*}", "type", type, "association", a, "newState", state);

        assert_int_equal(rows_change(s, c, now), 0);
        json_decref(c);
}

/* "-1 2 +3": marks and ids in their order; 0: no id */
static void assert_shown(struct rows *s, const char *expected) {
        char text[1024] = "";

        for (size_t i = 0; i < rows_count(s); i++) {
                const struct row *row = rows_at(s, i);
                size_t length = strlen(text);

                snprintf(text + length, sizeof(text) - length, "%s%.*s%" JSON_INTEGER_FORMAT, i > 0 ? " " : "",
                         row->mark != '\0', &row->mark, member_int(row->object, "associationId"));
        }
        assert_string_equal(text, expected);
        assert_null(rows_at(s, rows_count(s)));
}

static struct rows *ready_rows(void **state) {
        struct test *t = *state;

        rows_begin(t->rows);
        rows_ready(t->rows, 0);
        return t->rows;
}

static void test_marks(void **state) {
        struct test *t = *state;
        struct rows *s = t->rows;
        json_t *a;

        rows_begin(s);
        put_at(s, made(20), 0);
        put_at(s, made(3), 0);
        rows_ready(s, 0);
        /* At the start nothing is new. By id, not as they came. */
        assert_shown(s, "3 20");
        assert_int_equal(rows_totals(s)->total, 2);

        change(s, "association_up", made(10), "established", 1 * SECOND);
        change(s, "association_state", made(20), "shutdown_sent", 2 * SECOND);
        change(s, "association_down", made(3), "closed", 3 * SECOND);
        assert_shown(s, "-3 +10 ~20");
        assert_int_equal(rows_totals(s)->total, 2);
        assert_int_equal(rows_totals(s)->states[3], 1);
        assert_string_equal(member_string(rows_at(s, 0)->object, "state"), "closed");
        assert_int_equal(rows_total(s), 3);

        /* What is new stays new; figures alone are no change. */
        change(s, "impaired", made(10), NULL, 3 * SECOND);
        a = made(10);
        json_object_set_new(a, "transmitQueueBytes", json_integer(5));
        put_at(s, a, 3 * SECOND);
        assert_shown(s, "-3 +10 ~20");
        assert_int_equal(member_int(rows_at(s, 1)->object, "transmitQueueBytes"), 5);

        assert_false(rows_expire(s, 2 * SECOND + ROWS_MARK_USEC - 1));
        assert_true(rows_expire(s, 2 * SECOND + ROWS_MARK_USEC));
        assert_shown(s, "-3 +10 20");
        assert_true(rows_expire(s, 3 * SECOND + ROWS_MARK_USEC));
        assert_shown(s, "10 20");
        assert_false(rows_expire(s, 100 * SECOND));
        assert_int_equal(rows_total(s), 2);

        /* What never was here does not come because it is gone. */
        change(s, "association_down", made(77), "closed", 100 * SECOND);
        assert_shown(s, "10 20");
}

/* An id comes when the peer has answered; one that is used again is another association. */
static void test_names(void **state) {
        struct rows *s = ready_rows(state);
        json_t *other = made(0);

        json_object_set_new(other, "peerAddresses", json_pack("[s]", "10.9.9.9"));
        change(s, "association_state", made(0), "cookie_wait", 0);
        change(s, "association_state", other, "cookie_wait", 0);
        assert_shown(s, "+0 +0");
        change(s, "association_up", made(5), "established", 0);
        assert_shown(s, "+0 +5");
        assert_string_equal(json_string_value(json_array_get(json_object_get(rows_at(s, 0)->object, "peerAddresses"), 0)),
                            "10.9.9.9");

        change(s, "association_down", made(5), "closed", 0);
        change(s, "association_up", made(5), "established", 0);
        assert_shown(s, "+0 -5 +5");
        change(s, "association_down", made(5), "closed", 0);
        assert_shown(s, "+0 -5 -5");
        assert_int_equal(rows_totals(s)->total, 1);
        rows_expire(s, ROWS_MARK_USEC);
        assert_shown(s, "0");
}

/* The daemon has been away. */
static void test_told_anew(void **state) {
        struct rows *s = ready_rows(state);

        put_at(s, made(1), 0);
        put_at(s, made(2), 0);
        rows_expire(s, ROWS_MARK_USEC);
        assert_shown(s, "1 2");
        rows_begin(s);
        put_at(s, made(2), 20 * SECOND);
        put_at(s, made(3), 20 * SECOND);
        rows_ready(s, 20 * SECOND);
        assert_shown(s, "-1 2 +3");
}

static void test_sort(void **state) {
        struct rows *s = ready_rows(state);

        put_number(s, 1, "transmitQueueBytes", 100);
        put_number(s, 2, "transmitQueueBytes", 9);
        put_text(s, 3, "container", "web-10");
        put_text(s, 4, "container", "web-9");
        put_number(s, 5, "transmitQueueBytes", 20);
        rows_expire(s, ROWS_MARK_USEC);

        /* What has no figure there is last, either way. */
        assert_int_equal(rows_sort(s, TX, false), 0);
        assert_shown(s, "2 5 1 3 4");
        assert_int_equal(rows_sort(s, TX, true), 0);
        assert_shown(s, "1 5 2 4 3");
        assert_int_equal(rows_sort(s, NAME, false), 0);
        assert_shown(s, "4 3 1 2 5");
        assert_int_equal(rows_sort(s, NONE, true), 0);
        assert_shown(s, "5 4 3 2 1");

        /* It moves with its figure. */
        assert_int_equal(rows_sort(s, TX, false), 0);
        put_number(s, 2, "transmitQueueBytes", 21);
        assert_shown(s, "5 2 1 3 4");
        put_number(s, 3, "transmitQueueBytes", 0);
        assert_shown(s, "3 5 2 1 4");
        put_at(s, made(5), 0);
        assert_shown(s, "3 2 1 4 5");
}

static void test_filter(void **state) {
        struct rows *s = ready_rows(state);
        json_t *a;

        put_text(s, 1, "container", "Web");
        put_text(s, 2, "peerName", "hss-east");
        a = made(3);
        json_object_set_new(a, "owners", json_pack("[{ss}]", "command", "amf"));
        put_at(s, a, 0);
        put_number(s, 4, "transmitQueueBytes", 777);
        rows_expire(s, ROWS_MARK_USEC);

        assert_int_equal(rows_filter(s, "wEB", 0), 0);
        assert_shown(s, "1");
        assert_int_equal(rows_filter(s, "EAST", 0), 0);
        assert_shown(s, "2");
        assert_int_equal(rows_filter(s, "amf", 0), 0);
        assert_shown(s, "3");
        /* Figures count where they are seen. */
        assert_int_equal(rows_filter(s, "777", 0), 0);
        assert_shown(s, "");
        assert_int_equal(rows_filter(s, "777", ALL_COLUMNS), 0);
        assert_shown(s, "4");
        /* All words, in any order */
        assert_int_equal(rows_filter(s, "established  hss", ALL_COLUMNS), 0);
        assert_shown(s, "2");
        assert_int_equal(rows_filter(s, "hss closed", ALL_COLUMNS), 0);
        assert_shown(s, "");
        assert_int_equal(rows_count(s), 0);
        assert_int_equal(rows_totals(s)->total, 4);

        /* They come and go with what they have. */
        assert_int_equal(rows_filter(s, "web", ALL_COLUMNS), 0);
        put_text(s, 4, "container", "web-2");
        assert_shown(s, "1 4");
        put_text(s, 1, "container", "db");
        put_text(s, 5, "container", "db");
        assert_shown(s, "4");
        change(s, "association_down", made(5), "closed", 0);
        rows_expire(s, ROWS_MARK_USEC);
        assert_int_equal(rows_filter(s, "", ALL_COLUMNS), 0);
        assert_shown(s, "1 2 3 4");

        /* The longest that fits finds what it is; no room is written beyond. */
        char longest[3 * ROWS_FILTER_MAX];

        memset(longest, 'x', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        put_text(s, 6, "container", longest);
        rows_expire(s, 2 * ROWS_MARK_USEC);
        assert_int_equal(rows_filter(s, longest, ALL_COLUMNS), 0);
        assert_shown(s, "6");
}

/* --state= and --impaired are looked at here, so that what leaves them is seen to go. */
static void test_wanted(void **state) {
        struct test *t = *state;
        struct rows *s;

        t->options.filter = json_pack("{ss}", "state", "established");
        s = ready_rows(state);
        put_at(s, made(1), 0);
        put_text(s, 2, "state", "cookie_wait");
        assert_shown(s, "+1");
        change(s, "association_state", made(1), "shutdown_sent", 0);
        assert_shown(s, "-1");
        assert_int_equal(rows_totals(s)->total, 0);
}

static void test_cursor(void **state) {
        struct rows *s = ready_rows(state);

        for (int i = 2; i <= 5; i++)
                put_at(s, made(i), 0);
        rows_expire(s, ROWS_MARK_USEC);

        /* At the first row, whichever that is */
        put_at(s, made(1), 0);
        assert_int_equal(rows_cursor(s), 0);
        /* At its row, wherever that is */
        rows_move(s, 2);
        change(s, "association_down", made(1), "closed", 0);
        rows_expire(s, ROWS_MARK_USEC);
        assert_int_equal(rows_cursor(s), 1);
        assert_int_equal(member_int(rows_at(s, 1)->object, "associationId"), 3);
        assert_int_equal(rows_sort(s, NONE, true), 0);
        assert_int_equal(rows_cursor(s), 2);
        assert_int_equal(rows_sort(s, NONE, false), 0);
        put_text(s, 3, "container", "web");
        assert_int_equal(rows_cursor(s), 1);
        assert_int_equal(rows_sort(s, NAME, false), 0);
        assert_int_equal(rows_cursor(s), 0);
        assert_int_equal(rows_sort(s, NONE, false), 0);

        /* Its row ends: at the next one; the last: at the one before. */
        change(s, "association_down", made(3), "closed", 0);
        rows_expire(s, 2 * ROWS_MARK_USEC);
        assert_int_equal(member_int(rows_at(s, rows_cursor(s))->object, "associationId"), 4);
        rows_move(s, SIZE_MAX);
        assert_int_equal(rows_cursor(s), 2);
        change(s, "association_down", made(5), "closed", 0);
        rows_expire(s, 3 * ROWS_MARK_USEC);
        assert_int_equal(rows_cursor(s), 1);
        change(s, "association_down", made(2), "closed", 0);
        change(s, "association_down", made(4), "closed", 0);
        rows_expire(s, 4 * ROWS_MARK_USEC);
        assert_int_equal(rows_count(s), 0);
        assert_int_equal(rows_cursor(s), 0);
        rows_move(s, 1);
        assert_int_equal(rows_cursor(s), 0);
}

/* What is open in the details goes on being told, and stays when it is gone. */
static void test_hold(void **state) {
        struct rows *s = ready_rows(state);
        struct row *row;

        put_text(s, 1, "container", "web");
        row = rows_at(s, 0);
        rows_hold(s, row);
        assert_int_equal(rows_filter(s, "db", ALL_COLUMNS), 0);
        assert_shown(s, "");
        put_number(s, 1, "transmitQueueBytes", 5);
        assert_int_equal(member_int(row->object, "transmitQueueBytes"), 5);
        change(s, "association_down", made(1), "closed", 0);
        assert_int_equal(row->mark, '-');
        rows_expire(s, ROWS_MARK_USEC);
        assert_int_equal(rows_total(s), 0);
        assert_true(row->removed);
        assert_string_equal(member_string(rows_held(s)->object, "state"), "closed");
        rows_hold(s, NULL);
        assert_null(rows_held(s));
}

static void test_limits(void **state) {
        struct rows *s = ready_rows(state);
        char text[ROW_BYTES_MAX];
        size_t n;

        for (unsigned i = 1; i <= ROWS_MAX; i++)
                put_at(s, made(i), 0);
        assert_false(rows_left_out(s));
        put_at(s, made(ROWS_MAX + 1), 0);
        assert_true(rows_left_out(s));
        assert_int_equal(rows_total(s), ROWS_MAX);
        /* Those that are here are told further. */
        put_number(s, 1, "transmitQueueBytes", 5);
        assert_int_equal(member_int(rows_at(s, 0)->object, "transmitQueueBytes"), 5);

        rows_begin(s);
        assert_false(rows_left_out(s));
        rows_ready(s, 0);
        rows_expire(s, ROWS_MARK_USEC);
        assert_int_equal(rows_total(s), 0);

        /* One that is too large is not shown, nor what it was before. */
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        put_at(s, made(1), 0);
        put_text(s, 1, "container", text);
        assert_true(rows_left_out(s));
        assert_int_equal(rows_total(s), 0);
        assert_int_equal(rows_totals(s)->total, 0);

        /* All together */
        text[ROW_BYTES_MAX / 2] = '\0';
        for (n = 1; n <= ROWS_MAX; n++)
                put_text(s, (json_int_t) n, "container", text);
        assert_in_range(rows_total(s), ROWS_BYTES_MAX / ROW_BYTES_MAX, ROWS_BYTES_MAX / (ROW_BYTES_MAX / 2));
}

/* However they come and go, the order is that of a sort. */
static void test_churn(void **state) {
        struct rows *s = ready_rows(state);
        unsigned seed = 1;

        assert_int_equal(rows_sort(s, TX, true), 0);
        assert_int_equal(rows_filter(s, "1", UINT64_C(1) << TX), 0);
        for (uint64_t i = 0; i < 20000; i++) {
                json_int_t id = rand_r(&seed) % 300 + 1;
                json_t *a = made(id);

                if (rand_r(&seed) % 4 > 0)
                        json_object_set_new(a, "transmitQueueBytes", json_integer(rand_r(&seed) % 200));
                if (rand_r(&seed) % 3 == 0)
                        change(s, "association_down", a, "closed", i * SECOND / 10);
                else
                        put_at(s, a, i * SECOND / 10);
                if (i % 100 == 0)
                        rows_move(s, (size_t) rand_r(&seed) % 100);
                rows_expire(s, i * SECOND / 10);
                assert_true(rows_cursor(s) < rows_count(s) || rows_count(s) == 0);
        }
        assert_true(rows_count(s) > 10);
        for (size_t i = 0; i < rows_count(s); i++) {
                struct row *row = rows_at(s, i), *next = rows_at(s, i + 1);

                assert_int_equal(place_of(s, row), i);
                assert_int_equal(matches(s, row), 1);
                if (next)
                        assert_true(member_int(row->object, "transmitQueueBytes") >=
                                    member_int(next->object, "transmitQueueBytes"));
        }
        assert_int_equal(rows_filter(s, "", 0), 0);
        assert_int_equal(rows_count(s), rows_total(s));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_marks, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_told_anew, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_sort, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_filter, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_wanted, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_cursor, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_hold, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_churn, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
