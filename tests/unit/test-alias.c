/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <sys/socket.h>

#include "alias.h"
#include "builder.h"

/* The paths' addresses, separated by spaces. */
static struct snapshot *association_with(const char *paths, uint16_t peer_port) {
        struct snapshot *s = NULL;
        struct association *a;
        struct builder b = {};
        struct path *p;
        size_t n;

        for (; *paths; paths += n + (paths[n] == ' ')) {
                n = strcspn(paths, " ");
                assert_int_equal(builder_add_path(&b, &p), 0);
                assert_int_equal(address_parse(paths, n, &p->address), 0);
        }
        assert_int_equal(builder_add_association(&b, &a), 0);
        *a = (struct association) { .id = 1, .peer_port = peer_port, .paths = { 0, (uint32_t) b.n_paths } };
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

static void add(struct alias_table *t, const char *name, uint16_t port, const char *address) {
        struct address a;

        assert_int_equal(alias_add(t, name), 0);
        assert_int_equal(address_parse(address, strlen(address), &a), 0);
        assert_int_equal(alias_add_address(t, &a), 0);
        if (port > 0)
                alias_set_port(t, port);
}

static void test_names(void **state) {
        static const struct {
                const char *name;
                bool good;
        } cases[] = {
                { "hlr1", true }, { "HLR 1 (M\xc3\xbcnchen)", true }, { "10.0.0.1.example", true },
                { "10.0.0.300", true }, { "a\\x1b", true }, { "", false }, { " a", false },
                { "a ", false }, { "a/b", false }, { "a:b", false },
                { "10.0.0.1", false }, { "::1", false }, { "a\x1b", false }, { "a\xff", false }, { "a\nb", false },
                { "\xe2\x80\xae" "a", false },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++)
                if (alias_is_name(cases[i].name) != cases[i].good)
                        fail_msg("\"%s\"", cases[i].name);
}

/* One with the port comes first, then the one that is first by name, whatever the order they were given in. */
static void test_several_match(void **state) {
        static const struct {
                const char *paths;
                uint16_t port;
                const char *name;
        } cases[] = {
                { "10.0.0.1", 5000, "b" },
                { "10.0.0.1", 2905, "z" },
                { "10.0.0.2 10.0.0.1", 2905, "z" },
                { "10.0.0.1 10.0.0.2", 5000, "a" },
                { "10.0.0.2", 2905, "a" },
                { "10.0.0.3", 2905, NULL },
                { "10.0.0.3", 2906, "only" },
                { "::ffff:10.0.0.2", 1, "a" },
                { "fd00::1", 1, "six" },
                { "fd00::2 10.0.0.4", 1, NULL },
                { "", 1, NULL },
        };
        struct alias_table *t = NULL;

        (void) state;
        assert_int_equal(alias_table_new(&t), 0);
        add(t, "six", 0, "fd00:0:0::1");
        add(t, "z", 2905, "10.0.0.1");
        add(t, "c", 0, "10.0.0.1");
        add(t, "b", 0, "10.0.0.1");
        add(t, "a", 0, "10.0.0.2");
        add(t, "only", 2906, "10.0.0.3");
        assert_int_equal(alias_add(t, "b"), -EEXIST);
        assert_int_equal(alias_finish(t), 0);
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                struct snapshot *s = association_with(cases[i].paths, cases[i].port);
                const char *name = alias_find(t, s, snapshot_associations(s));

                if (strcmp(name ?: "", cases[i].name ?: "") != 0)
                        fail_msg("%s is %s", cases[i].paths, name);
                assert_null(alias_find(NULL, s, snapshot_associations(s)));
                snapshot_unref(s);
        }
        assert_true(alias_has(t, "only"));
        assert_false(alias_has(t, "onl"));
        assert_false(alias_has(NULL, "only"));
        assert_ptr_equal(alias_table_ref(t), t);
        assert_null(alias_table_unref(t));
        assert_true(alias_has(t, "six"));
        alias_table_unref(t);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_several_match),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
