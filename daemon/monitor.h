/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "filter.h"
#include "hold.h"
#include "server.h"

/* Subscribers of the method Monitor. Each gets the present associations as fast as it reads, a marker,
 * then what changes; a text that several get is made once. One that reads too slowly is ended with the
 * error Overrun, which counts what it lost. */

TAILQ_HEAD(monitor_list, monitor);

/* Answers `call` from now on, beginning with `present`. */
int monitor_new(struct monitor_list *monitors, struct hold_list *holds, struct call *call,
                const struct filter *filter, bool updates, struct snapshot *present);

/* Tells all of them what changed from `before` to `after`. Whoever cannot be told all of it is ended with
 * the error Overrun. */
void monitor_tell(struct monitor_list *monitors, struct snapshot *before, struct snapshot *after);

unsigned monitor_count(const struct monitor_list *monitors);
