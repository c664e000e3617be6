/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "manager.h"

/* What the daemon says of itself. NULL when out of memory. */

/* The reply of GetStatus. */
json_t *status_json(const struct manager *m);
/* Array of type Source. */
json_t *status_sources(const struct manager *m, const struct snapshot_head *head);
