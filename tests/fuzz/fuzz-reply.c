/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clean.h"
#include "fuzz.h"
#include "text.h"

/* An object of a daemon that is none of ours: what goes to the terminal as it came is JSON, and nothing that a terminal
 * would obey. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = text_of(data, size);
        json_error_t error;
        json_t *json;

        if (!clean_object(text, size))
                return 0;

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
        return 0;
}
