/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <errno.h>
#include <time.h>

#include "macro.h"
#include "../../client/when.h"

/* 2026-03-29 12:00:00.500 UTC; in Berlin, 14:00, of a day that has no half past two. */
#define NOW (UINT64_C(1774785600) * USEC_PER_SEC + 500 * USEC_PER_MSEC)
#define AT(seconds) (UINT64_C(seconds) * USEC_PER_SEC)

static void set_zone(const char *zone) {
        assert_int_equal(setenv("TZ", zone, 1), 0);
        tzset();
}

static void check_time(const char *text, uint64_t expected) {
        uint64_t found = 0;

        if (when_parse(text, NOW, &found) != 0 || found != expected)
                fail_msg("%s: %llu, not %llu", text, (unsigned long long) found, (unsigned long long) expected);
}

static void test_parse(void **state) {
        (void) state;
        set_zone("UTC");
        check_time("now", NOW);
        check_time("-10min", NOW - AT(600));
        check_time("10min ago", NOW - AT(600));
        check_time("1h 30min ago", NOW - AT(5400));
        check_time("-5", NOW - AT(5));
        check_time("today", AT(1774742400));
        check_time("yesterday", AT(1774656000));
        check_time("14:30", AT(1774794600));
        check_time("00:00:05", AT(1774742405));
        check_time("00:00:05.25", AT(1774742405) + 250 * USEC_PER_MSEC);
        check_time("2026-03-29", AT(1774742400));
        check_time("2026-03-28 01:02", AT(1774659720));
        check_time("2026-03-28 01:02:03", AT(1774659723));
        /* As date(1) writes it: what is less than a microsecond does not count. */
        check_time("2026-03-28 01:02:03.123456789", AT(1774659723) + 123456);
        check_time("2026-03-28T01:02:03Z", AT(1774659723));
        check_time("2026-03-28T03:02:03.5+02:00", AT(1774659723) + 500 * USEC_PER_MSEC);
}

/* A fixed rule, so that the test needs no database of zones. */
static void test_local(void **state) {
        char text[WHEN_TEXT_MAX];

        (void) state;
        set_zone("CET-1CEST,M3.5.0,M10.5.0/3");
        check_time("14:00", NOW - 500 * USEC_PER_MSEC);
        /* The day has 23 hours. */
        check_time("today", AT(1774738800));
        check_time("yesterday", AT(1774652400));
        check_time("2026-03-28T01:02:03Z", AT(1774659723));
        assert_string_equal(when_text(NOW, text), "2026-03-29 14:00:00.500");
        check_time(text, NOW);
        assert_string_equal(when_text(AT(1774656000), text), "2026-03-28 01:00:00.000");
}

static void test_refused(void **state) {
        static const char *const texts[] = {
                "", " ", "soon", "tomorrow night", "10", "10min", "-", "-x", " ago", "ago", "x ago", "-1h ago",
                "25:00", "12:60", "12", "12:30x", "12:30.5", "12:30:05.", "12:30:05.x", "2026-13-01", "2026-02-31",
                "2026-02-31 12:00", "2026-03-29 12:00 x", "2026-03-29T", "1960-01-01", "-60years", "99999999999999d ago",
        };
        uint64_t found;

        (void) state;
        set_zone("UTC");
        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                int r = when_parse(texts[i], NOW, &found);

                if (r != -EINVAL && r != -ERANGE)
                        fail_msg("\"%s\" is taken: %d", texts[i], r);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse),
                cmocka_unit_test(test_local),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
