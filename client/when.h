/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/* A moment as people write it, in local time: "now", "today", "yesterday", "10min ago", "-10min", "14:30[:05]",
 * "2026-01-31[ 14:30[:05[.5]]]", or RFC 3339. Microseconds since the epoch. -EINVAL, -ERANGE. */
int when_parse(const char *text, uint64_t now_realtime_usec, uint64_t *ret_realtime_usec);

/* What it takes, for messages. */
#define WHEN_ALLOWED "a time: \"10min ago\", -1h, 14:30, today, yesterday, \"2026-01-31 14:30\""
