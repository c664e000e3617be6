/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clean.h"
#include "fuzz.h"
#include "text.h"

/* An object of a daemon that is none of ours: what goes to the terminal as it came is JSON, and nothing that a terminal
 * would obey. */
static void try(const char *text, size_t size, struct clean_model *model) {
        bool clean = clean_object(NULL, text, size);
        json_error_t error;
        json_t *json;

        /* Those before it change nothing. */
        MUST(clean_object(model, text, size) == clean);
        if (!clean)
                return;

        json = json_loadb(text, size, 0, &error);
        /* jansson has its limits of numbers. */
        MUST(json || json_error_code(&error) == json_error_numeric_overflow);
        json_decref(json);
        for (size_t i = 0; i < size;) {
                size_t n = text_printable(text + i, size - i);

                /* It makes an exception of the backslash, which it escapes by. */
                MUST(n > 0 || text[i] == '\\');
                i += n > 0 ? n : 1;
        }
}

/* One on each line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static struct clean_model model;
        _cleanup_free_ char *text = text_of(data, size);

        model.length = 0;
        for (size_t at = 0, n; at < size; at += n + 1) {
                const char *end = memchr(text + at, '\n', size - at);
                _cleanup_free_ char *line = NULL;

                n = end ? (size_t) (end - text) - at : size - at;
                line = text_of((const uint8_t *) text + at, n);
                try(line, n, &model);
        }
        return 0;
}
