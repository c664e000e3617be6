/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Length in bytes of the character at the start of `length` > 0 bytes of UTF-8, 0 if a terminal could take it for
 * something else than text: a control character, one that turns the direction of text, no UTF-8. */
size_t text_printable(const char *text, size_t length);

/* A copy of `length` bytes in which every control character, every byte that is not UTF-8 and every
 * backslash is written \xNN: safe on a terminal, in the journal and in JSON. NULL when out of memory. */
char *text_escape(const char *text, size_t length);

/* The same into `buffer`, cut before the character of which not all fits into `size` bytes with the NUL. */
void text_escape_into(char *buffer, size_t size, const char *text, size_t length);

/* Decimal, hexadecimal (base 16) without sign, at most `max`; the whole of `length` bytes must be the
 * number. -EINVAL, -ERANGE. */
int text_to_u64(const char *text, size_t length, int base, uint64_t max, uint64_t *ret);

/* "10ms", "2s", "5min", "1h", "1d", sums as "1min 30s", a bare number in seconds: microseconds.
 * -EINVAL, -ERANGE. */
int text_to_usec(const char *text, uint64_t *ret);

/* "350ms", "1.2s", "5min 3s", "2h 5min", "3d 4h": two units at the most, for a person. */
#define TEXT_SPAN_MAX 32
const char *text_span(uint64_t usec, char buffer[static TEXT_SPAN_MAX]);

/* RFC 3339 in UTC with milliseconds, "2026-01-31T12:00:00.123Z". */
#define TEXT_TIME_MAX 40
const char *text_time(uint64_t realtime_usec, char buffer[static TEXT_TIME_MAX]);

/* From RFC 3339, with or without fractions of a second, in any time zone: "2026-01-31T13:00:00.5+01:00".
 * -EINVAL; -ERANGE before 1970. */
int text_to_time(const char *text, uint64_t *ret_realtime_usec);
