/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <netinet/in.h>
#include <string.h>

#include "address.h"
#include "macro.h"

static struct address parse(const char *text) {
        struct address a;

        assert_int_equal(address_parse(text, strlen(text), &a), 0);
        return a;
}

static void test_text(void **state) {
        static const struct {
                const char *in, *out;
        } cases[] = {
                { "10.0.1.2", "10.0.1.2" },
                { "0.0.0.0", "0.0.0.0" },
                { "255.255.255.255", "255.255.255.255" },
                /* As the kernel prints them, %pI6, and as RFC 5952 wants them. */
                { "fd00:0001:0000:0000:0000:0000:0000:0002", "fd00:1::2" },
                { "0000:0000:0000:0000:0000:0000:0000:0000", "::" },
                { "0000:0000:0000:0000:0000:0000:0000:0001", "::1" },
                { "2001:0db8:0000:0001:0001:0001:0001:0001", "2001:db8:0:1:1:1:1:1" },
                { "2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1" },
                { "2001:DB8::A", "2001:db8::a" },
                { "0000:0000:0000:0000:0000:ffff:0a00:0102", "::ffff:10.0.1.2" },
        };
        char text[ADDRESS_TEXT_MAX];

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                struct address a = parse(cases[i].in);

                assert_string_equal(address_text(&a, text), cases[i].out);
        }
        assert_string_equal(address_text(&(struct address) {}, text), "-");
}

static void test_no_address(void **state) {
        static const char *const texts[] = {
                "", "10.0.1", "10.0.1.256", "10.0.1.2 ", " 10.0.1.2", "*10.0.1.2", "fd00::1::2", "fd00", "host",
                "fd00:0001:0000:0000:0000:0000:0000:0002:0003", "::ffff:10.0.1.256",
                "fd00:0001:0000:0000:0000:0000:0000:00000000000000000000000000000002",
        };
        struct address a = { .family = 77 };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(texts); i++)
                assert_int_equal(address_parse(texts[i], strlen(texts[i]), &a), -EINVAL);
        /* An embedded NUL ends no address. */
        assert_int_equal(address_parse("10.0.1.2\0x", 10, &a), -EINVAL);
        assert_int_equal(a.family, 77);
}

static void test_port(void **state) {
        static const struct {
                const char *in, *address;
                int port;
        } cases[] = {
                { "10.0.1.2", "10.0.1.2", -1 },
                { "10.0.1.2:5000", "10.0.1.2", 5000 },
                { "10.0.1.2:0", "10.0.1.2", 0 },
                { "fd00::1", "fd00::1", -1 },
                { "[fd00::1]", "fd00::1", -1 },
                { "[fd00::1]:65535", "fd00::1", 65535 },
                { "::", "::", -1 },
        };
        static const char *const wrong[] = {
                "", ":5000", "10.0.1.2:", "10.0.1.2:65536", "10.0.1.2:-1", "10.0.1.2:5000x", "[10.0.1.2]:5000",
                "[fd00::1", "[fd00::1]5000", "[fd00::1]:", "fd00::1]:5000", "[]:5000",
        };
        struct address_port a;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                struct address expected = parse(cases[i].address);

                assert_int_equal(address_port_parse(cases[i].in, &a), 0);
                assert_true(address_equal(&a.address, &expected));
                assert_int_equal(a.has_port, cases[i].port >= 0);
                assert_int_equal(a.port, cases[i].port >= 0 ? cases[i].port : 0);
        }
        for (size_t i = 0; i < ELEMENTS(wrong); i++)
                assert_int_equal(address_port_parse(wrong[i], &a), -EINVAL);
}

static void test_order(void **state) {
        static const char *const ascending[] = { "0.0.0.0", "10.0.1.2", "10.0.2.1", "::", "::1", "fd00::1", "fe80::1" };
        struct address mapped = parse("::ffff:10.0.1.2"), plain = parse("10.0.1.2"), none = {};

        (void) state;
        for (size_t i = 0; i < ELEMENTS(ascending); i++)
                for (size_t j = 0; j < ELEMENTS(ascending); j++) {
                        struct address a = parse(ascending[i]), b = parse(ascending[j]);
                        int c = address_compare(&a, &b);

                        assert_int_equal(CMP(c, 0), CMP(i, j));
                        assert_int_equal(address_equal(&a, &b), i == j);
                }

        assert_true(address_equal(&mapped, &plain));
        assert_int_equal(mapped.family, AF_INET6);
        plain.primary = 1;
        assert_true(address_equal(&mapped, &plain));
        assert_false(address_equal(&none, &plain));
        assert_true(address_equal(&none, &none));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_no_address),
                cmocka_unit_test(test_port),
                cmocka_unit_test(test_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
