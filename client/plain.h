/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "macro.h"

/* Text that a terminal takes no harm from, and how wide it is there. */

/* A printf() whose result is escaped by text_escape() if a byte of it is not printable ASCII. NULL when
 * out of memory. */
char *plain_format(const char *format, ...) _printf_(1, 2);
char *plain_vformat(const char *format, va_list ap) _printf_(1, 0);

/* Columns on a terminal, one for each character. */
unsigned plain_width(const char *text, size_t length);
/* How many bytes hold the first `width` characters. */
size_t plain_cut(const char *text, size_t length, unsigned width);
