/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* The above are what cmocka.h asks for. */
#include <cmocka.h>
#include <string.h>

#include "idl.h"
#include "interface.h"

static struct idl *read_idl(const char *text) {
        const char *expected = "";
        struct idl *idl = NULL;
        unsigned line = 0;
        int r;

        r = idl_parse(text, &idl, &line, &expected);
        if (r < 0)
                fail_msg("line %u: expected %s", line, expected);
        return idl;
}

static void test_own_interface(void **state) {
        struct idl *idl = read_idl(interface_text);

        (void) state;
        assert_string_equal(idl_name(idl), "io.sctpmon.Monitor");
        assert_string_equal(idl_text(idl), interface_text);
        assert_true(idl_has_method(idl, "ListEndpoints"));
        assert_true(idl_has_method(idl, "ListNamespaces"));
        assert_true(idl_has_method(idl, "GetAssociation"));
        assert_false(idl_has_method(idl, "AssociationNotFound"));
        assert_false(idl_has_method(idl, "Endpoint"));
        assert_false(idl_has_method(idl, "Overrun"));
        assert_false(idl_has_method(idl, "Nothing"));
        assert_null(idl_free(idl));
        assert_null(idl_free(NULL));
}

static void test_grammar(void **state) {
        static const char *const texts[] = {
                "interface a.b",
                "interface a.b # comment",
                "# comment\n\n  interface a.b\r\n\r\nmethod M()->()\r\n",
                "interface xn--lgbbat1ad8j.example--1.algeria\n",
                "interface a.0.0",
                "interface a.b\nmethod M ( ) -> ( )",
                "interface a.b\nmethod M(a:int,b_1:?string,c:[]bool,d:[string]float,e:?[]object)->(f:?[string]T)"
                "\ntype T()",
                "interface a.b\ntype T (\n  # first\n  one, # second\n  two\n)\n"
                "type U(t: T, l: [][]?T, m: [string][]?U)",
                "interface a.b\ntype T (a: (one, two), b: ?(c: (d: int)), e: [](x, y), f: [string]())",
                "interface a.b\nerror E()\nerror F (reason: string)\n",
                "interface a.b\ntype T (type: string, method: bool, int: int, string: string)",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(texts); i++)
                idl_free(read_idl(texts[i]));
}

static void test_bad_grammar(void **state) {
        static const struct {
                const char *text;
                unsigned line;
        } cases[] = {
                { "", 1 },
                { "interface", 1 },
                { "interface a", 1 },
                { "interface .b", 1 },
                { "interface 1.b", 1 },
                { "interface a..b", 1 },
                { "interface a.b-", 1 },
                { "interface a.b.", 1 },
                { "interfaces a.b", 1 },
                { "interface a.b method M() -> ()", 1 },
                { "interface a.b\n\nmethod", 3 },
                { "interface a.b\nmethod m() -> ()", 2 },
                { "interface a.b\nmethod M()", 2 },
                { "interface a.b\nmethod M() -> int", 2 },
                { "interface a.b\nmethod M() ->", 2 },
                { "interface a.b\nmethod M(a, b) -> ()", 2 },
                { "interface a.b\nmethod M() -> (a)", 2 },
                { "interface a.b\nmethod M() -> () method N() -> ()", 2 },
                { "interface a.b\nmethods M() -> ()", 2 },
                { "interface a.b\nmethod M() -> ()\nmethod M() -> ()", 3 },
                { "interface a.b\nmethod M() -> ()\n\nerror M()", 4 },
                { "interface a.b\nmethod M(a: int, a: int) -> ()", 2 },
                { "interface a.b\nmethod M(a: int,) -> ()", 2 },
                { "interface a.b\nmethod M(,) -> ()", 2 },
                { "interface a.b\nmethod M(a: int b: int) -> ()", 2 },
                { "interface a.b\nmethod M(a int) -> ()", 2 },
                { "interface a.b\nmethod M(a: int, b) -> ()", 2 },
                { "interface a.b\nmethod M(a: int", 2 },
                { "interface a.b\nmethod M(1: int) -> ()", 2 },
                { "interface a.b\nmethod M(_a: int) -> ()", 2 },
                { "interface a.b\nmethod M(a__b: int) -> ()", 2 },
                { "interface a.b\nmethod M(a_: int) -> ()", 2 },
                { "interface a.b\nmethod M(a: integer) -> ()", 2 },
                { "interface a.b\nmethod M(a: ??int) -> ()", 2 },
                { "interface a.b\nmethod M(a: [int]int) -> ()", 2 },
                { "interface a.b\nmethod M(a: []) -> ()", 2 },
                { "interface a.b\nmethod M(\na: Unknown\n)\n->\n()\n", 3 },
                { "interface a.b\nmethod M(a: E) -> ()\nerror E()", 2 },
                { "interface a.b\ntype T (a, b: int)", 2 },
                { "interface a.b\ntype T (a, a)", 2 },
                { "interface a.b\ntype T (cookie-echoed)", 2 },
                { "interface a.b\ntype T int", 2 },
                { "interface a.b\ntype T []int", 2 },
                { "interface a.b\nerror E (a, b)", 2 },
                { "interface a.b\nerror E", 2 },
                { "interface a.b\n\xff", 2 },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const char *expected = NULL;
                struct idl *idl = NULL;
                unsigned line = 0;

                if (idl_parse(cases[i].text, &idl, &line, &expected) != -EBADMSG || line != cases[i].line || !expected)
                        fail_msg("%s: line %u, expected %s", cases[i].text, line, expected);
                assert_null(idl);
        }
}

/* Each prefix of a text is read or refused, and nothing else. */
static void test_prefixes(void **state) {
        size_t length = strlen(interface_text);

        (void) state;
        for (size_t i = 0; i < length; i++) {
                _cleanup_free_ char *text = strndup(interface_text, i);
                struct idl *idl = NULL;
                const char *expected;
                unsigned line;
                int r;

                assert_non_null(text);
                r = idl_parse(text, &idl, &line, &expected);
                assert_true(r == 0 || r == -EBADMSG);
                idl_free(idl);
        }
}

static int parse_nested(unsigned depth, const char *open, const char *close) {
        _cleanup_free_ char *text = calloc(1, 100 + (size_t) depth * (strlen(open) + strlen(close)));
        struct idl *idl = NULL;
        const char *expected;
        unsigned line;
        int r;

        assert_non_null(text);
        strcpy(text, "interface a.b\ntype T (a: ");
        for (unsigned i = 0; i < depth; i++)
                strcat(text, open);
        strcat(text, "int");
        for (unsigned i = 0; i < depth; i++)
                strcat(text, close);
        strcat(text, ")\n");
        r = idl_parse(text, &idl, &line, &expected);
        idl_free(idl);
        return r;
}

static void test_depth(void **state) {
        (void) state;
        assert_int_equal(parse_nested(IDL_DEPTH_MAX - 2, "[]", ""), 0);
        assert_int_equal(parse_nested(IDL_DEPTH_MAX - 1, "[]", ""), -EBADMSG);
        assert_int_equal(parse_nested(10000, "[]", ""), -EBADMSG);
        assert_int_equal(parse_nested(IDL_DEPTH_MAX - 2, "(a:", ")"), 0);
        assert_int_equal(parse_nested(IDL_DEPTH_MAX - 1, "(a:", ")"), -EBADMSG);
        assert_int_equal(parse_nested(10000, "?[string](a:", ")"), -EBADMSG);
}

static const char shapes[] =
        "interface a.b\n"
        "type Color (red, dark_green)\n"
        "type Tree (name: string, left: ?Tree, right: ?Tree)\n"
        "method M(\n"
        "  b: ?bool, i: ?int, f: ?float, s: ?string, o: ?object, e: ?Color,\n"
        "  n: ?(x: int, y: ?int), l: ?[]int, q: ?[]?int, m: ?[string]int, t: ?Tree, v: ?[](x, y)\n"
        ") -> (a: int)\n"
        "method Empty() -> ()\n"
        "error E(reason: string)\n";

static void expect(int (*check)(const struct idl *idl, const char *name, json_t *object, char **ret_field),
                   const struct idl *idl, const char *name, const char *text, const char *offending) {
        char *field = NULL;
        json_t *object = NULL;
        int r;

        if (text) {
                object = json_loads(text, 0, NULL);
                assert_non_null(object);
        }
        r = check(idl, name, object, &field);
        if (r != (offending ? -EINVAL : 0))
                fail_msg("%s: %d, %s", text, r, field);
        if (offending)
                assert_string_equal(field, offending);
        else
                assert_null(field);
        free(field);
        json_decref(object);
}

static void test_inputs(void **state) {
        static const struct {
                const char *text, *offending;
        } cases[] = {
                { NULL, NULL },
                { "{}", NULL },
                { "{\"b\":true,\"i\":-9223372036854775808,\"f\":0.5,\"s\":\"\"}", NULL },
                { "{\"o\":{\"any\":[]},\"e\":\"red\"}", NULL },
                { "{\"b\":null,\"i\":null,\"f\":null,\"s\":null,\"o\":null,\"e\":null}", NULL },
                { "{\"n\":null,\"l\":null,\"m\":null}", NULL },
                { "{\"f\":1}", NULL },
                { "{\"n\":{\"x\":1}}", NULL },
                { "{\"n\":{\"x\":1,\"y\":null}}", NULL },
                { "{\"l\":[],\"q\":[1,null],\"m\":{},\"v\":[\"x\",\"y\"]}", NULL },
                { "{\"m\":{\"any name\":1,\"\":2}}", NULL },
                { "{\"t\":{\"name\":\"a\",\"left\":{\"name\":\"b\"}}}", NULL },
                { "{\"b\":1}", "b" },
                { "{\"b\":\"true\"}", "b" },
                { "{\"i\":1.0}", "i" },
                { "{\"i\":\"1\"}", "i" },
                { "{\"i\":true}", "i" },
                { "{\"f\":\"0.5\"}", "f" },
                { "{\"s\":1}", "s" },
                { "{\"s\":[]}", "s" },
                { "{\"o\":[]}", "o" },
                { "{\"e\":\"green\"}", "e" },
                { "{\"e\":\"\"}", "e" },
                { "{\"e\":0}", "e" },
                { "{\"n\":{}}", "n.x" },
                { "{\"n\":{\"x\":null}}", "n.x" },
                { "{\"n\":{\"x\":1,\"z\":1}}", "n.z" },
                { "{\"n\":{\"x\":1,\"z\":null}}", "n.z" },
                { "{\"n\":[]}", "n" },
                { "{\"l\":{}}", "l" },
                { "{\"l\":1}", "l" },
                { "{\"l\":[1,null]}", "l[1]" },
                { "{\"l\":[1,2,\"3\"]}", "l[2]" },
                { "{\"q\":[null,{}]}", "q[1]" },
                { "{\"m\":[]}", "m" },
                { "{\"m\":{\"key\":null}}", "m.key" },
                { "{\"v\":[\"x\",\"z\"]}", "v[1]" },
                { "{\"t\":{\"name\":\"a\",\"left\":{\"name\":\"b\",\"right\":{}}}}", "t.left.right.name" },
                { "{\"unknown\":1}", "unknown" },
                { "{\"unknown\":null}", "unknown" },
                { "{\"b\":true,\"B\":true}", "B" },
        };
        struct idl *idl = read_idl(shapes);

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++)
                expect(idl_check_input, idl, "M", cases[i].text, cases[i].offending);
        expect(idl_check_input, idl, "Empty", "{}", NULL);
        expect(idl_check_input, idl, "Empty", "{\"x\":null}", "x");
        expect(idl_check_output, idl, "M", "{\"a\":1}", NULL);
        expect(idl_check_output, idl, "M", NULL, "a");
        expect(idl_check_output, idl, "M", "{\"a\":1,\"b\":2}", "b");
        expect(idl_check_error, idl, "E", "{\"reason\":\"\"}", NULL);
        expect(idl_check_error, idl, "E", "{}", "reason");
        idl_free(idl);
}

static void test_unknown_members(void **state) {
        struct idl *idl = read_idl(shapes);
        char *field = NULL;

        (void) state;
        assert_int_equal(idl_check_input(idl, "Tree", NULL, &field), -ENOENT);
        assert_int_equal(idl_check_input(idl, "E", NULL, &field), -ENOENT);
        assert_int_equal(idl_check_output(idl, "", NULL, &field), -ENOENT);
        assert_int_equal(idl_check_error(idl, "M", NULL, &field), -ENOENT);
        assert_null(field);
        idl_free(idl);
}

/* A type that holds itself lets an object be as deep as it likes. */
static void test_deep_object(void **state) {
        struct idl *idl = read_idl(shapes);
        json_t *object = json_object();
        char *field = NULL;

        (void) state;
        for (unsigned i = 0; i < 2000; i++)
                object = json_pack("{s:s, s:o}", "name", "", "left", object);
        object = json_pack("{s:o}", "t", object);
        assert_int_equal(idl_check_input(idl, "M", object, &field), -EINVAL);
        assert_non_null(strstr(field, "t.left.left"));
        free(field);
        json_decref(object);
        idl_free(idl);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_own_interface),
                cmocka_unit_test(test_grammar),
                cmocka_unit_test(test_bad_grammar),
                cmocka_unit_test(test_prefixes),
                cmocka_unit_test(test_depth),
                cmocka_unit_test(test_inputs),
                cmocka_unit_test(test_unknown_members),
                cmocka_unit_test(test_deep_object),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
