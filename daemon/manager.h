/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "config.h"
#include "damper.h"
#include "history.h"
#include "hold.h"
#include "journal.h"
#include "monitor.h"
#include "news-told.h"
#include "samples.h"
#include "scan.h"
#include "server.h"
#include "snapshot.h"
#include "unobserved.h"

/* The server process: it asks the scanner for snapshots, finds what changed, and serves both. */

TAILQ_HEAD(wait_list, wait);

/* What happens until the first look that is made while the kernel tells; of more that look tells what is left of it. */
#define MANAGER_EARLY_MAX 256u

struct manager {
        const struct manager_start *start;
        struct config config;
        sd_event *event;
        struct server *server;
        struct journal *journal;
        struct damper *damper;
        struct unobserved *tally;               /* what the counters have told up to `reported` */
        struct news_told *told;                 /* what news have told since then */
        struct history *history;
        struct samples *samples;
        uint64_t samples_due;                   /* monotonic: the next round of them */

        pid_t scanner_pid;
        int scanner_fd;
        sd_event_source *scan_timer;            /* the next scan of our own accord */
        sd_event_source *wait_timer;            /* when the first waiting caller gets what there is */
        sd_event_source *stuck_timer;           /* when the scan under way counts as stuck */
        uint64_t serial;                        /* of the scan last asked for */
        uint64_t asked;                         /* monotonic; when it was asked for; 0: none is under way */
        bool full;                              /* it may ask for all details, not for those never asked for alone */
        uint64_t full_asked, full_due;          /* monotonic: the last full one, and the next one */
        uint64_t needed_usec;                   /* from one to the next, to stay within CpuShare */
        bool hurried;                           /* something was lost: a scan as soon as CpuShare allows it */
        struct snapshot *early[MANAGER_EARLY_MAX];      /* news that came before there was a look to go on from */
        unsigned n_early;
        bool other_endpoints;                   /* the kernel has said so since the last full scan was asked for */
        uint64_t stirred;                       /* monotonic: when it ceased to be calm; 0: it is */
        struct tracing tracing;                 /* steps that somebody wants to hear of */
        bool told_any;                          /* news have told what no checkpoint may know of */
        uint64_t full_cpu_usec, cheap_cpu_usec; /* of the last full one; the part of the last one that was not dear */

        struct snapshot *current;               /* the newest; NULL before the first */
        uint64_t history_at_ask;                /* number of the next change when the scan was asked for */
        uint64_t history_at_look;               /* from this number on are all changes that `current` may not show */
        struct snapshot *reported;              /* up to which changes were found; at first the last daemon's */
        struct wait_list waits;
        struct hold_list holds;
        struct monitor_list monitors;

        uint64_t started;                       /* realtime */
        uint64_t effective_interval;            /* usec */
        char notice[256];                       /* what is not as it should be; empty when all is well */
        char status[320];                       /* as the service manager last heard it */
};

/* What the process was started with. */
struct manager_start {
        struct config config;
        /* For reloads: reads the settings anew. On failure it has said why, and *ret is untouched. */
        int (*read_config)(const void *userdata, struct config *ret);
        const void *userdata;
        const char *state_path;                 /* of the checkpoint; NULL: none */
        struct snapshot *restored;              /* the last daemon's checkpoint, or NULL; stays the caller's */
        pid_t scanner_pid;
        int scanner_fd;                         /* these two are taken over, also on failure */
        int listen_fd;
        /* For tests: where journal entries go instead, and whether each reply is checked against the interface. */
        journal_sender journal_sender;
        void *journal_userdata;
        bool strict;
};

/* Runs until the process is told to stop. -EPIPE: the scanner ended, both are to be started anew. */
int manager_run(const struct manager_start *start);

/* While the kernel tells what happens, and nothing does, looks are so much rarer, unless that is rarer than samples. */
#define MANAGER_CALM_FACTOR 10u

/* What subscribers want has changed: how often to look, and whether the scanner tells every step of the kernel's state
 * machine. */
void manager_follow(struct manager *m);
/* Why it cannot tell them; NULL: it may. */
const char *manager_untraceable(const struct manager *m, const struct snapshot_head *head);

/* Endpoints that listen. */
unsigned manager_count_listeners(const struct snapshot *s);

/* What a caller wants to see: a snapshot begun at most so long before now or, with a wish, the one of a scan that was
 * asked for it. Who waits in several steps hands on the deadline of the first. */
struct want {
        uint64_t max_age_usec;
        struct scan_wish wish;                  /* numbers of a snapshot, never a client's */
        uint64_t deadline;                      /* monotonic; 0: ScanWait from now */
};

/* Calls `handler` with such a snapshot: at once, or when the scan has come. If that takes longer than ScanWait it gets
 * the newest there is with `stale` set, NULL if there is none yet. When the call's connection goes away before, only
 * `release` is called; otherwise it is called after `handler`. */
typedef int (*snapshot_handler)(struct call *call, struct snapshot *s, bool stale, void *userdata);
int manager_get_snapshot(struct manager *m, struct call *call, const struct want *want,
                         snapshot_handler handler, void (*release)(void *userdata), void *userdata);
