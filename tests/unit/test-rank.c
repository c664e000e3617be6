/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "macro.h"
#include "rank.h"

#define N 3000u

/* Whether they are in order, and those of the same number in the order in which they came, which the key tells. */
static void assert_ranked(const struct rank *ranks, size_t n, uint64_t sum) {
        for (size_t i = 0; i < n; i++) {
                sum -= ranks[i].number;
                assert_int_equal(ranks[i].key, ranks[i].row + 7);
                if (i == 0)
                        continue;
                assert_true(ranks[i - 1].number <= ranks[i].number);
                if (ranks[i - 1].number == ranks[i].number)
                        assert_true(ranks[i - 1].row < ranks[i].row);
        }
        assert_true(sum == 0);
}

/* Numbers that differ in some of their bytes alone, many or few of them. */
static void test_sort(void **state) {
        static const uint64_t masks[] = {
                0, 1, 0xff, 0xff00, UINT64_C(0xff00000000000000), 0xffff, UINT64_C(0xf0f0f0f0f0f0f0f0), UINT64_MAX,
        };
        static const size_t sizes[] = { 0, 1, 2, 255, 256, 257, N };
        static struct rank ranks[N];
        uint64_t figure = 1;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(masks); i++)
                for (size_t j = 0; j < ELEMENTS(sizes); j++) {
                        uint64_t sum = 0;

                        for (uint32_t k = 0; k < sizes[j]; k++) {
                                figure = figure * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                                ranks[k] = (struct rank) {
                                        .number = ((figure ^ figure >> 29) & masks[i]) | (UINT64_C(0x1234) & ~masks[i]),
                                        .key = k + 7,
                                        .row = k,
                                };
                                sum += ranks[k].number;
                        }
                        assert_int_equal(rank_sort(ranks, sizes[j]), 0);
                        assert_ranked(ranks, sizes[j], sum);
                        /* What is in order stays so. */
                        assert_int_equal(rank_sort(ranks, sizes[j]), 0);
                        assert_ranked(ranks, sizes[j], sum);
                }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sort),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
