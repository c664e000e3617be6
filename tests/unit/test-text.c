/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <string.h>

#include "macro.h"
#include "text.h"

static void test_escape(void **state) {
        static const struct {
                const char *in, *out;
        } cases[] = {
                { "", "" },
                { "plain text", "plain text" },
                { "caf\xc3\xa9", "caf\xc3\xa9" },
                { "\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80" },
                { "a\033[31mb", "a\\x1b[31mb" },
                { "a\nb\tc\x7f", "a\\x0ab\\x09c\\x7f" },
                { "back\\slash", "back\\x5cslash" },
                /* C1 controls are escape sequences to some terminals. */
                { "\xc2\x9b" "31m", "\\xc2\\x9b31m" },
                /* Not UTF-8: stray, cut short, too long, a surrogate, beyond Unicode. */
                { "\x80", "\\x80" },
                { "\xc3", "\\xc3" },
                { "\xe2\x82", "\\xe2\\x82" },
                { "\xc0\xaf", "\\xc0\\xaf" },
                { "\xe0\x80\xaf", "\\xe0\\x80\\xaf" },
                { "\xed\xa0\x80", "\\xed\\xa0\\x80" },
                { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
                { "\xff\xfe", "\\xff\\xfe" },
                /* Right-to-left override. */
                { "\xe2\x80\xae", "\\xe2\\x80\\xae" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_free_ char *escaped = text_escape(cases[i].in, strlen(cases[i].in));

                assert_string_equal(escaped, cases[i].out);
        }

        _cleanup_free_ char *nul = text_escape("a\0b", 3);

        assert_string_equal(nul, "a\\x00b");
}

static void test_escape_into(void **state) {
        static const struct {
                size_t size;
                const char *in, *out;
        } cases[] = {
                { 1, "a", "" },
                { 4, "abc", "abc" },
                { 4, "abcd", "abc" },
                /* No half of an escape, and no half of a character. */
                { 6, "a\n", "a\\x0a" },
                { 5, "a\n", "a" },
                { 5, "a\nb", "a" },
                { 3, "caf\xc3\xa9", "ca" },
                { 5, "caf\xc3\xa9", "caf" },
                { 6, "caf\xc3\xa9", "caf\xc3\xa9" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                char buffer[8];

                memset(buffer, '#', sizeof(buffer));
                text_escape_into(buffer, cases[i].size, cases[i].in, strlen(cases[i].in));
                assert_string_equal(buffer, cases[i].out);
                assert_int_equal(buffer[cases[i].size], '#');
        }
}

static void test_number(void **state) {
        uint64_t n = 42;

        (void) state;
        assert_int_equal(text_to_u64("0", 1, 10, 0, &n), 0);
        assert_int_equal(n, 0);
        assert_int_equal(text_to_u64("18446744073709551615", 20, 10, UINT64_MAX, &n), 0);
        assert_true(n == UINT64_MAX);
        assert_int_equal(text_to_u64("18446744073709551616", 20, 10, UINT64_MAX, &n), -ERANGE);
        assert_int_equal(text_to_u64("65535", 5, 10, 65535, &n), 0);
        assert_int_equal(text_to_u64("65536", 5, 10, 65535, &n), -ERANGE);
        assert_int_equal(text_to_u64("7", 1, 10, 5, &n), -ERANGE);
        assert_int_equal(text_to_u64("00007", 5, 10, 9, &n), 0);
        assert_int_equal(n, 7);
        assert_int_equal(text_to_u64("0084", 4, 16, 255, &n), 0);
        assert_int_equal(n, 132);
        assert_int_equal(text_to_u64("", 0, 10, 9, &n), -EINVAL);
        assert_int_equal(text_to_u64("-1", 2, 10, 9, &n), -EINVAL);
        assert_int_equal(text_to_u64("1 ", 2, 10, 9, &n), -EINVAL);
        assert_int_equal(text_to_u64("0x1", 3, 16, 9, &n), -EINVAL);
        assert_int_equal(text_to_u64("a", 1, 10, 99, &n), -EINVAL);
}

static void test_time_span(void **state) {
        static const struct {
                const char *text;
                uint64_t usec;
        } good[] = {
                { "1", USEC_PER_SEC }, { "500ms", 500 * USEC_PER_MSEC }, { "2s", 2 * USEC_PER_SEC }, { "3us", 3 },
                { "5min", 300 * USEC_PER_SEC }, { "1min 30s", 90 * USEC_PER_SEC }, { "1h30min", 5400 * USEC_PER_SEC },
                { " 1d ", 86400 * USEC_PER_SEC }, { "10 ms", 10 * USEC_PER_MSEC }, { "0", 0 },
        };
        static const char *const bad[] = { "", " ", "s", "-1s", "1x", "1.5s", "1s 5", "5 1s", "ms 1" };
        char span[TEXT_SPAN_MAX];
        uint64_t usec;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(good); i++) {
                assert_int_equal(text_to_usec(good[i].text, &usec), 0);
                assert_int_equal(usec, good[i].usec);
        }
        for (size_t i = 0; i < ELEMENTS(bad); i++)
                assert_int_equal(text_to_usec(bad[i], &usec), -EINVAL);
        assert_int_equal(text_to_usec("18446744073709551615s", &usec), -ERANGE);
        assert_int_equal(text_to_usec("18446744073709551615us 1us", &usec), -ERANGE);

        assert_string_equal(text_span(0, span), "0ms");
        assert_string_equal(text_span(999999, span), "999ms");
        assert_string_equal(text_span(USEC_PER_SEC, span), "1s");
        assert_string_equal(text_span(1290000, span), "1.2s");
        assert_string_equal(text_span(59990000, span), "59.9s");
        assert_string_equal(text_span(60 * USEC_PER_SEC, span), "1min");
        assert_string_equal(text_span(303 * USEC_PER_SEC, span), "5min 3s");
        assert_string_equal(text_span(7500 * USEC_PER_SEC, span), "2h 5min");
        assert_string_equal(text_span(86400 * USEC_PER_SEC, span), "1d");
        assert_string_equal(text_span(100000 * USEC_PER_SEC, span), "1d 3h");
}

static void test_time(void **state) {
        char time[TEXT_TIME_MAX];

        (void) state;
        assert_string_equal(text_time(0, time), "1970-01-01T00:00:00.000Z");
        assert_string_equal(text_time(UINT64_C(1769860800123999), time), "2026-01-31T12:00:00.123Z");
}

static void test_times(void **state) {
        static const struct {
                const char *text;
                int result;
                uint64_t usec;
        } cases[] = {
                { "1970-01-01T00:00:00Z", 0, 0 },
                { "2026-01-31T12:00:00.123Z", 0, UINT64_C(1769860800123000) },
                { "2026-01-31t12:00:00.123456789z", 0, UINT64_C(1769860800123456) },
                { "2026-01-31 13:30:00+01:30", 0, UINT64_C(1769860800000000) },
                { "2026-01-31T00:00:00.5-12:00", 0, UINT64_C(1769860800500000) },
                { "2024-02-29T00:00:00Z", 0, UINT64_C(1709164800000000) },
                { "2016-12-31T23:59:60Z", 0, UINT64_C(1483228800000000) },
                { "1970-01-01T00:00:00+00:01", -ERANGE, 0 },
                { "1969-12-31T23:59:59Z", -ERANGE, 0 },
                { "2026-02-29T00:00:00Z", -EINVAL, 0 },
                { "2026-13-01T00:00:00Z", -EINVAL, 0 },
                { "2026-04-31T00:00:00Z", -EINVAL, 0 },
                { "2026-01-31T24:00:00Z", -EINVAL, 0 },
                { "2026-01-31T12:00:00", -EINVAL, 0 },
                { "2026-01-31T12:00:00.Z", -EINVAL, 0 },
                { "2026-01-31T12:00:00,5Z", -EINVAL, 0 },
                { "2026-01-31T12:00:00Z ", -EINVAL, 0 },
                { "2026-01-31T12:00:00+1:00", -EINVAL, 0 },
                { "2026-01-31T12:00:00+24:00", -EINVAL, 0 },
                { "2026-01-31T12:00:00+01:000", -EINVAL, 0 },
                { "2026-01-31X12:00:00Z", -EINVAL, 0 },
                { "2026-1-31T12:00:00Z", -EINVAL, 0 },
                { "2026-01-31", -EINVAL, 0 },
                { "-26-01-31T12:00:00Z", -EINVAL, 0 },
                { "", -EINVAL, 0 },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                char text[TEXT_TIME_MAX];
                uint64_t usec = 0;
                int r = text_to_time(cases[i].text, &usec);

                if (r != cases[i].result || usec != cases[i].usec)
                        fail_msg("\"%s\": %d, %lu", cases[i].text, r, (unsigned long) usec);
                /* What is written can be read. */
                assert_int_equal(text_to_time(text_time(usec, text), &usec), 0);
                assert_int_equal(usec, cases[i].usec / USEC_PER_MSEC * USEC_PER_MSEC);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_escape),
                cmocka_unit_test(test_escape_into),
                cmocka_unit_test(test_number),
                cmocka_unit_test(test_time_span),
                cmocka_unit_test(test_time),
                cmocka_unit_test(test_times),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
