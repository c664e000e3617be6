/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/* A moment as people write it, in local time: "now", "today", "yesterday", "10min ago", "-10min", "14:30[:05]",
 * "2026-01-31[ 14:30[:05[.5]]]", or RFC 3339. Microseconds since the epoch. -EINVAL, -ERANGE. */
int when_parse(const char *text, uint64_t now_realtime_usec, uint64_t *ret_realtime_usec);

/* The other way round, to the millisecond: "2026-01-31 14:30:05.123". */
#define WHEN_TEXT_MAX 64
const char *when_text(uint64_t realtime_usec, char buffer[static WHEN_TEXT_MAX]);

/* What it takes, for messages. */
#define WHEN_ALLOWED "a time: \"10min ago\", -1h, 14:30, today, yesterday, \"2026-01-31 14:30\""
