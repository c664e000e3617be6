/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "grid.h"

/* One change, as the interface has it, in a line for a person, with the local time: "2026-01-31 13:00:00.123
 * association_down 10.0.0.1:5000 <-> *10.0.0.2:3868 (hlr1) established -> closed after 3s; peer given up
 * (retransmissions_exhausted); sgsn[123] in container web". Where the kernel has told what made it act, that stands
 * where the cause does. What has no `type` is told by its `message`. Malloc'ed, safe
 * on a terminal; NULL when out of memory. */
char *story_text(json_t *change);

/* Whether it is about trouble. */
enum style story_style(json_t *change);
