/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Objects and arrays within each other; ours have four. */
#define CLEAN_DEPTH_MAX 16u

/* Whether the text is one JSON object (RFC 8259), written without spaces, in which nothing can be taken for a
 * terminal's: no control character, none of those that turn the direction of text, no bytes that are not UTF-8. A
 * seventh of the work of reading it into a tree. */
bool clean_object(const char *text, size_t length);
