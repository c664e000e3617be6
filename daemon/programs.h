/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "bpf-events.h"
#include "bpf-lister.h"
#include "bpf-owners.h"

/* The scanner's programs in the kernel, loaded in a thread beside it: that takes a second on a slow machine, and nobody
 * who asks for a look meanwhile waits for it. Zero-initialised. */
struct programs {
        struct bpf_lister *lister;      /* NULL: not loaded, */
        char lister_why[BPF_WHY_MAX];    /* why not; "": it has not been tried yet */
        struct bpf_events *events;      /* likewise */
        char events_why[BPF_WHY_MAX];
        struct bpf_owners *owners;      /* likewise */
        char owners_why[BPF_WHY_MAX];

        uint64_t due;                   /* monotonic: when those that are not loaded may be tried again */
        pthread_t thread;
        bool loading;
        int fd;                         /* readable when the thread is through; while it is loading */
        struct programs *loaded;        /* the thread's */
};

/* Begins to load those that are not, once there is SCTP; what cannot be loaded is tried again every minute: the module
 * may have come, or a right. Without `wanted` nothing is begun, and no more is told of what happens; when they are
 * wanted again they are loaded at once. */
void programs_load(struct programs *p, bool wanted);

/* Readable when what was begun is to be taken over; -1: nothing is being loaded. */
int programs_fd(const struct programs *p);
void programs_take(struct programs *p);

/* Unloads what is loaded. What is being loaded is left to the end of the process. */
void programs_done(struct programs *p);
