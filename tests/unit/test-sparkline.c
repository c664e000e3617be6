/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "macro.h"
#include "../../client/sparkline.h"

#define GAP SPARKLINE_ABSENT

static void test_sparkline(void **state) {
        static const struct {
                int64_t values[9];
                size_t n;
                const char *utf8, *ascii;
        } cases[] = {
                { {}, 0, "", "" },
                { { 0, 1, 2, 3, 4, 5, 6, 7 }, 8, "▁▂▃▄▅▆▇█", "_.:-=+*#" },
                { { 0, 0, 0 }, 3, "▁▁▁", "___" },
                { { 5, 5 }, 2, "██", "##" },
                /* A little is more than nothing. */
                { { 0, 1, 1000000, 1000000000000 }, 4, "▁▂▂█", "_..#" },
                { { GAP, 7, GAP, 0, GAP }, 5, " █ ▁ ", " # _ " },
                { { GAP, GAP }, 2, "  ", "  " },
                { { -5, INT64_MIN + 1, 1 }, 3, "▁▁█", "__#" },
                { { INT64_MAX, 0, INT64_MAX / 2, INT64_MAX - 1 }, 4, "█▁▅█", "#_=#" },
        };
        char buffer[9 * SPARKLINE_BYTES + 1];

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                sparkline(cases[i].values, cases[i].n, true, buffer);
                assert_string_equal(buffer, cases[i].utf8);
                sparkline(cases[i].values, cases[i].n, false, buffer);
                assert_string_equal(buffer, cases[i].ascii);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sparkline),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
