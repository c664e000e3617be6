/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* cmocka and what it asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file of tests/data, NUL-terminated; the caller's to free. */
static inline char *test_data(const char *name, size_t *ret_length) {
        char path[4096], *text = malloc(1 << 20);
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", getenv("TEST_DATA"), name);
        f = fopen(path, "re");
        assert_non_null(f);
        assert_non_null(text);
        *ret_length = fread(text, 1, (1 << 20) - 1, f);
        text[*ret_length] = '\0';
        (void) fclose(f);
        return text;
}
