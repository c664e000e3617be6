/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "bpf-events.h"
#include "clock.h"

#if HAVE_BPF
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include "events.skel.h"

/* So many go into one snapshot. */
#define BPF_EVENTS_BATCH_MAX 16384u

struct bpf_events {
        struct events_bpf *program;
        struct ring_buffer *ring;
        struct news *news;
        uint64_t lost;                  /* here; the program counts those that the kernel has lost */
        uint64_t received, last;        /* realtime of the last */
        unsigned batch;
        bool endpoints;
};

static int on_record(void *userdata, void *record, size_t size) {
        struct bpf_events *e = userdata;
        const struct record_head *head = record;

        if (size >= sizeof(*head) && head->kind == RECORD_ENDPOINTS) {
                e->endpoints = true;
                return 0;
        }
        e->received++;
        if (news_add(e->news, record, size) < 0)
                e->lost++;
        /* The rest is for the next time. */
        return ++e->batch >= BPF_EVENTS_BATCH_MAX ? -ENOBUFS : 0;
}

int bpf_events_open(struct bpf_events **ret, char why[static BPF_WHY_MAX]) {
        _cleanup_(bpf_events_close_p) struct bpf_events *e = NULL;
        int r;

        r = bpf_why_unfit(why);
        if (r < 0)
                return r;
        e = calloc(1, sizeof(*e));
        if (!e)
                return bpf_why(-ENOMEM, why, "%s", strerror(ENOMEM));
        r = news_new(&e->news);
        if (r < 0)
                return bpf_why(r, why, "%s", strerror(-r));

        e->program = events_bpf__open();
        if (!e->program)
                return bpf_why(-errno, why, "the program is refused: %s", strerror(errno));
        r = events_bpf__load(e->program);
        if (r < 0)
                return bpf_why_refused(r, why, "to load it");
        e->ring = ring_buffer__new(bpf_map__fd(e->program->maps.events), on_record, e, NULL);
        if (!e->ring)
                return bpf_why(-errno, why, "no ring buffer: %s", strerror(errno));
        r = events_bpf__attach(e->program);
        if (r < 0)
                return bpf_why_refused(r, why, "to attach it");

        *ret = steal_ptr(e);
        return 0;
}

struct bpf_events *bpf_events_close(struct bpf_events *e) {
        if (e) {
                ring_buffer__free(e->ring);
                events_bpf__destroy(e->program);
                news_free(e->news);
                free(e);
        }
        return NULL;
}

int bpf_events_fd(const struct bpf_events *e) {
        return ring_buffer__epoll_fd(e->ring);
}

int bpf_events_read(struct bpf_events *e, const struct snapshot *previous, bool own_only, struct snapshot **ret) {
        int r;

        e->batch = 0;
        r = ring_buffer__consume(e->ring);
        if (r < 0 && r != -ENOBUFS)
                e->lost++;
        if (e->batch > 0)
                e->last = clock_usec(CLOCK_REALTIME);
        r = news_finish(e->news, previous, own_only, ret);
        if (r < 0)
                e->lost += e->batch;
        return r < 0 ? r : e->batch >= BPF_EVENTS_BATCH_MAX;
}

bool bpf_events_endpoints(struct bpf_events *e) {
        bool endpoints = e->endpoints;

        e->endpoints = false;
        return endpoints;
}

void bpf_events_trace(struct bpf_events *e, const struct tracing *tracing) {
        memcpy(&e->program->bss->tracing, tracing, sizeof(*tracing));
}

void bpf_events_status(const struct bpf_events *e, uint64_t *ret_lost, uint64_t *ret_steps_lost,
                       struct source_report *ret) {
        *ret_lost = e->lost + e->program->bss->lost;
        *ret_steps_lost = e->program->bss->steps_lost;
        *ret = (struct source_report) {
                .result = SOURCE_READ,
                .rows = (uint32_t) MIN(e->received, (uint64_t) UINT32_MAX),
                .last_run = e->last,
        };
        if (*ret_lost > 0)
                snprintf(ret->text, sizeof(ret->text), "%llu events were lost, for want of room",
                         (unsigned long long) *ret_lost);
}

#else

struct bpf_events {
        int unused;
};

int bpf_events_open(struct bpf_events **ret, char why[static BPF_WHY_MAX]) {
        (void) ret;
        return bpf_why_left_out(why);
}

struct bpf_events *bpf_events_close(struct bpf_events *e) {
        (void) e;
        return NULL;
}

int bpf_events_fd(const struct bpf_events *e) {
        (void) e;
        return -1;
}

int bpf_events_read(struct bpf_events *e, const struct snapshot *previous, bool own_only, struct snapshot **ret) {
        (void) e;
        (void) previous;
        (void) own_only;
        *ret = NULL;
        return -EOPNOTSUPP;
}

bool bpf_events_endpoints(struct bpf_events *e) {
        (void) e;
        return false;
}

void bpf_events_trace(struct bpf_events *e, const struct tracing *tracing) {
        (void) e;
        (void) tracing;
}

void bpf_events_status(const struct bpf_events *e, uint64_t *ret_lost, uint64_t *ret_steps_lost,
                       struct source_report *ret) {
        (void) e;
        *ret_lost = *ret_steps_lost = 0;
        *ret = (struct source_report) {};
}

#endif
