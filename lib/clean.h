/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Objects and arrays within each other; ours have four. */
#define CLEAN_DEPTH_MAX 16u
/* Of a text with more, or a longer one, no model is made: an association has some eighty values, and eighteen for
 * each of its paths. */
#define CLEAN_MODEL_VALUES_MAX 1024u
#define CLEAN_MODEL_BYTES_MAX 32768u

/* The text that was last read as a whole, for others that differ from it in values alone. Zero-initialised. */
struct clean_model {
        size_t length;                  /* 0: none */
        size_t n_values;
        struct {
                uint16_t first, behind; /* of its characters */
        } values[CLEAN_MODEL_VALUES_MAX];       /* strings, numbers and words, not names */
        char text[CLEAN_MODEL_BYTES_MAX];
};

/* Whether the text is one JSON object (RFC 8259), written without spaces, in which nothing can be taken for a
 * terminal's: no control character, none of those that turn the direction of text, no bytes that are not UTF-8. A
 * seventh of the work of reading it into a tree; with a model (which may be NULL) of one like it, much less. */
bool clean_object(struct clean_model *model, const char *text, size_t length);
