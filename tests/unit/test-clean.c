/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <jansson.h>
#include <string.h>

#include "clean.h"
#include "macro.h"

static bool is_clean_like(struct clean_model *model, const char *text) {
        /* Exactly as long as the text, so that a sanitizer sees a step too far. */
        size_t length = strlen(text);
        char *copy = memcpy(malloc(length + 1), text, length);
        bool clean;

        copy = realloc(copy, length > 0 ? length : 1);
        clean = clean_object(model, copy, length);
        free(copy);
        return clean;
}

static bool is_clean(const char *text) {
        return is_clean_like(NULL, text);
}

static void test_clean(void **state) {
        static const char *const clean[] = {
                "{}", "{\"a\":1}", "{\"a\":-1.5e+10,\"b\":[1,2,[]],\"c\":{\"d\":null},\"e\":true,\"f\":false}",
                "{\"a\":\"\"}", "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u001b\\u00e9\"}", "{\"\xc3\xa4\":\"\xe2\x82\xac \xf0\x9f\x98\x80\"}",
                "{\"a\":0}", "{\"a\":0.0}", "{\"a\":[{},{}]}", "{\"a\":1E5}",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(clean); i++) {
                json_t *json = json_loads(clean[i], 0, NULL);

                if (!is_clean(clean[i]))
                        fail_msg("refused: %s", clean[i]);
                /* A second opinion. */
                assert_non_null(json);
                json_decref(json);
        }
}

static void test_refused(void **state) {
        static const char *const refused[] = {
                "", "[]", "1", "\"a\"", "{", "}", "{}{}", "{} ", " {}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\":1",
                "{a:1}", "{'a':1}", "{\"a\":01}", "{\"a\":-}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":1e}", "{\"a\":+1}",
                "{\"a\":tru}", "{\"a\":nul}", "{\"a\":truer}", "{\"a\":NaN}", "{\"a\":[1,]}", "{\"a\":[1}", "{\"a\":{]}",
                "{\"a\":\"}", "{\"a\":\"\\\"}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":\"\\ud800\"}",
                "{\"a\":\"\\u0000\"}",
                /* What a terminal could obey. */
                "{\"a\":\"\x1b[2J\"}", "{\"a\":\"\n\"}", "{\"a\":\"\x7f\"}", "{\"a\":\"\xc2\x9b\"}", "{\"a\":\"\xe2\x80\xae\"}",
                "{\x1b\"a\":1}", "{\"a\":\x1b}",
                /* No UTF-8. */
                "{\"a\":\"\xff\"}", "{\"a\":\"\xc3\"}", "{\"a\":\"\xc0\xaf\"}", "{\"a\":\"\xed\xa0\x80\"}",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(refused); i++)
                if (is_clean(refused[i]))
                        fail_msg("taken for clean: %s", refused[i]);
        assert_false(clean_object(NULL, "{\"a\":\"\0\"}", 9));
}

/* Each character at each place of a string that is looked at in pieces. */
static void test_each_character(void **state) {
        (void) state;
        for (unsigned c = 1; c <= UINT8_MAX; c++)
                for (size_t place = 6; place < 6 + 19; place++) {
                        char text[] = "{\"a\":\"xxxxxxxxxxxxxxxxxxxy\"}";
                        bool plain = c >= ' ' && c < 0x7f && c != '"' && c != '\\';

                        text[place + 1] = (char) c;
                        if (is_clean(text) != plain)
                                fail_msg("character %#x at %zu", c, place);
                }
}

/* An object with so many arrays within each other. */
static bool is_clean_with(size_t arrays) {
        char text[4 * CLEAN_DEPTH_MAX] = "{\"a\":";
        size_t n = strlen(text);

        memset(text + n, '[', arrays);
        memset(text + n + arrays, ']', arrays);
        text[n + 2 * arrays] = '}';
        return is_clean(text);
}

static void test_depth(void **state) {
        (void) state;
        assert_true(is_clean_with(CLEAN_DEPTH_MAX - 1));
        assert_false(is_clean_with(CLEAN_DEPTH_MAX));
}

/* Each text that is cut off is refused, and looked at no further than it goes. */
static void test_cut_off(void **state) {
        static const char whole[] = "{\"a\":[1,-2.5e3,\"x\\u00e9\\n\xe2\x82\xac\",true,null,{\"b\":false}]}";

        (void) state;
        assert_true(is_clean(whole));
        for (size_t i = 0; i < sizeof(whole) - 1; i++) {
                char cut[sizeof(whole)] = "";

                memcpy(cut, whole, i);
                assert_false(is_clean(cut));
        }
}

/* A model changes nothing but the time that it takes. */
static void assert_same(const char *before, const char *text) {
        static struct clean_model model;
        bool clean = is_clean(text);

        model.length = 0;
        assert_int_equal(is_clean_like(&model, before), is_clean(before));
        if (is_clean_like(&model, text) != clean)
                fail_msg("%s %s after %s", clean ? "refused:" : "taken for clean:", text, before);
        assert_int_equal(model.length > 0, clean);
        assert_int_equal(is_clean_like(&model, before), is_clean(before));
}

static void test_model(void **state) {
        static const char *const texts[] = {
                "{}", "{\"a\":1}", "{\"a\":12}", "{\"a\":-12.5e3}", "{\"a\":\"1\"}", "{\"a\":\"12\"}", "{\"a\":\"\"}", "{\"a\":true}",
                "{\"a\":null}", "{\"a\":[]}", "{\"a\":[1]}", "{\"a\":[1,2]}", "{\"a\":[12]}", "{\"a\":{}}", "{\"a\":{\"b\":1}}",
                "{\"ab\":1}", "{\"b\":1}", "{\"a\":1,\"b\":2}", "{\"a\":\"1,2\",\"b\":2}", "{\"a\":\"\\\"1\",\"b\":2}", "{\"a\":1,2}",
                "{\"a\":1", "{\"a\":01}", "{\"a\":1.}", "{\"a\":1x}", "{\"a\":\"\x1b\"}", "{\"a\":\"1\"2}", "{\"a\":tru}", "{\"a\":}",
                "{\"a\":1}}", "", "{\"a\":[1,]}", "{\"a\":\"\xe2\x82\xac\"}", "{\"a\":\"\xe2\x82\"}",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(texts); i++)
                for (size_t j = 0; j < ELEMENTS(texts); j++)
                        assert_same(texts[i], texts[j]);
}

/* Each character left out, replaced by another one, and put in before each. */
static void test_model_and_a_text_that_differs_by_a_character(void **state) {
        static const char whole[] = "{\"a\":[10,-2.5e3,\"x\\u00e9,\\n\xe2\x82\xac\",true],\"bc\":{\"d\":false,\"e\":\"12345678\"},\"f\":0}",
                          characters[] = "\"\\,:[]{}019-.eatul \x1b\n\x7f\xe2\x82";
        const size_t length = sizeof(whole) - 1;

        (void) state;
        for (size_t at = 0; at <= length; at++) {
                char text[sizeof(whole) + 1] = "";

                memcpy(text, whole, at);
                memcpy(text + at, whole + at + 1, length - MIN(at + 1, length));
                assert_same(whole, text);
                for (const char *c = characters; *c; c++) {
                        memcpy(text, whole, sizeof(whole));
                        text[at] = *c;
                        text[MAX(at + 1, length)] = '\0';
                        assert_same(whole, text);
                        memcpy(text + at + 1, whole + at, length + 1 - at);
                        assert_same(whole, text);
                }
        }
}

static void test_no_model_beyond_its_limits(void **state) {
        static struct clean_model model;
        _cleanup_free_ char *text = malloc(2 * CLEAN_MODEL_BYTES_MAX);
        size_t n;

        (void) state;
        for (size_t values = CLEAN_MODEL_VALUES_MAX; values <= CLEAN_MODEL_VALUES_MAX + 1; values++) {
                n = (size_t) sprintf(text, "{\"a\":[1");
                for (size_t i = 1; i < values; i++)
                        n += (size_t) sprintf(text + n, ",%zu", i);
                n += (size_t) sprintf(text + n, "]}");
                assert_true(clean_object(&model, text, n));
                assert_int_equal(model.length, values > CLEAN_MODEL_VALUES_MAX ? 0 : n);
                assert_true(clean_object(&model, text, n));
                /* The last value of them. */
                text[n - 3] = 'x';
                assert_false(clean_object(&model, text, n));
        }

        for (size_t length = CLEAN_MODEL_BYTES_MAX; length <= CLEAN_MODEL_BYTES_MAX + 1; length++) {
                memset(text, 'x', length);
                memcpy(text, "{\"a\":\"", 6);
                memcpy(text + length - 2, "\"}", 2);
                assert_true(clean_object(&model, text, length));
                assert_int_equal(model.length, length > CLEAN_MODEL_BYTES_MAX ? 0 : length);
                text[length - 3] = '\n';
                assert_false(clean_object(&model, text, length));
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_clean),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_each_character),
                cmocka_unit_test(test_depth),
                cmocka_unit_test(test_cut_off),
                cmocka_unit_test(test_model),
                cmocka_unit_test(test_model_and_a_text_that_differs_by_a_character),
                cmocka_unit_test(test_no_model_beyond_its_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
