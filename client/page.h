/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grid.h"
#include "sctpctl.h"

/* Pages for reading: lines "   Key: value". */

#define PAGE_KEY_WIDTH 14

/* A NULL key goes on under the last one. What is formatted is escaped, so that a terminal takes no harm. */
void page_line(const struct options *o, enum style style, const char *key, const char *format, ...) _printf_(4, 5);

/* A sentence or more, broken into lines that fit the terminal. */
void page_text(const struct options *o, const char *key, const char *text);
