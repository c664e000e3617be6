/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>

#include "filter.h"
#include "history.h"
#include "server.h"

/* Subscribers of the method Monitor. Each gets what it asks for of the past, then the present associations, as fast as
 * it reads, a marker, then what changes; a text that several get is made once. One that reads too slowly is ended with
 * the error Overrun, which counts what it lost. */

struct manager;

TAILQ_HEAD(monitor_list, monitor);

/* What a subscriber wants. */
struct monitor_options {
        struct filter filter;
        bool updates;                   /* figures, too */
        bool trace;                     /* steps of the kernel's state machine, too, from now on */
        bool present;                   /* the present associations */
        bool past;                      /* and what is known of the past, */
        uint64_t since;                 /* from then on; realtime, usec */
};

/* Answers `call` from now on. There is a snapshot already. */
int monitor_new(struct manager *manager, struct call *call, const struct monitor_options *options);

/* Whether anybody wants to hear of figures. */
bool monitor_wants_updates(const struct monitor_list *monitors);
/* Or of steps. */
struct tracing monitor_tracing(const struct monitor_list *monitors);

/* For each change of a look, before the history has got it; for each association whose figures alone have changed. */
void monitor_tell(struct monitor_list *monitors, const struct event *e);
void monitor_tell_figures(struct monitor_list *monitors, const struct change *c);
void monitor_tell_step(struct monitor_list *monitors, const struct change *c);
/* After a look: `untraceable` says why steps cannot be told, or is NULL; so many more were lost. */
void monitor_check_trace(struct monitor_list *monitors, const char *untraceable, uint64_t lost);
/* All of a look, or of news, has been told. Whoever could not be told all of it is ended with the error Overrun. */
void monitor_finish_news(struct monitor_list *monitors);
void monitor_finish_look(struct monitor_list *monitors, const struct snapshot *s);

unsigned monitor_count(const struct monitor_list *monitors);
