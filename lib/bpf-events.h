/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bpf-why.h"
#include "news.h"

/* What happens to associations, told by the kernel as it does it, by a BPF program (bpf/events.bpf.c): all network
 * namespaces, nothing between two looks is missed. It takes what lib/bpf-lister.h takes; kprobes need
 * CAP_SYS_ADMIN with Debian's perf_event_paranoid of 3. */
struct bpf_events;

/* `why` says in words what stands in the way, on failure. From now on what happens is recorded. */
int bpf_events_open(struct bpf_events **ret, char why[static BPF_WHY_MAX]);
struct bpf_events *bpf_events_close(struct bpf_events *e);
DEFINE_CLEANUP(struct bpf_events *, bpf_events_close)

/* Readable when something has happened. */
int bpf_events_fd(const struct bpf_events *e);

/* What has happened since the last time, as news; *ret is NULL if nothing has. `previous` and `own_only`: see
 * news_finish(). 1: there may be more. On failure what happened is not told, and counts as lost. -ENOMEM; what
 * memfd_create() says. */
int bpf_events_read(struct bpf_events *e, const struct snapshot *previous, bool own_only, struct snapshot **ret);

/* Whether an endpoint has begun or ceased to listen since this was asked last: bpf_events_read() has heard of it. Which one
 * a look tells. */
bool bpf_events_endpoints(struct bpf_events *e);

/* From now on these steps of the state machine are told. Those for which there is no room are left out, so that
 * they never take the place of what happens. */
void bpf_events_trace(struct bpf_events *e, const struct tracing *tracing);

/* How many events and steps were lost since it was opened, and its report as a source. */
void bpf_events_status(const struct bpf_events *e, uint64_t *ret_lost, uint64_t *ret_steps_lost,
                       struct source_report *ret);
