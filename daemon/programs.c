/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "programs.h"

#define RETRY_USEC (60 * USEC_PER_SEC)

/* Works on a structure of its own until the other thread takes that over. */
static void *load(void *userdata) {
        struct programs *p = userdata;

        if (!p->lister)
                (void) bpf_lister_open(&p->lister, p->lister_why);
        if (!p->events)
                (void) bpf_events_open(&p->events, p->events_why);
        if (!p->owners)
                (void) bpf_owners_open(&p->owners, p->owners_why);
        (void) eventfd_write(p->fd, 1);
        return NULL;
}

void programs_load(struct programs *p, bool wanted) {
        uint64_t now = clock_usec(CLOCK_MONOTONIC);
        struct programs *loaded;

        if (!wanted) {
                p->events = bpf_events_close(p->events);
                p->due = 0;
        }
        if (!wanted || p->loading || (p->lister && p->events && p->owners) || now < p->due ||
            access("/proc/net/sctp", F_OK) < 0)
                return;

        p->due = now + RETRY_USEC;
        loaded = calloc(1, sizeof(*loaded));
        if (!loaded)
                return;
        *loaded = (struct programs) {
                .lister = p->lister,
                .events = p->events,
                .owners = p->owners,
                .fd = eventfd(0, EFD_CLOEXEC),
        };
        if (loaded->fd < 0 || pthread_create(&p->thread, NULL, load, loaded) != 0) {
                if (loaded->fd >= 0)
                        (void) close(loaded->fd);
                free(loaded);
                return;
        }
        p->loaded = loaded;
        p->fd = loaded->fd;
        p->loading = true;
}

int programs_fd(const struct programs *p) {
        return p->loading ? p->fd : -1;
}

void programs_take(struct programs *p) {
        (void) pthread_join(p->thread, NULL);
        p->lister = p->loaded->lister;
        p->events = p->loaded->events;
        p->owners = p->loaded->owners;
        memcpy(p->lister_why, p->loaded->lister_why, sizeof(p->lister_why));
        memcpy(p->events_why, p->loaded->events_why, sizeof(p->events_why));
        memcpy(p->owners_why, p->loaded->owners_why, sizeof(p->owners_why));
        (void) close(p->fd);
        free(p->loaded);
        p->loaded = NULL;
        p->loading = false;
}

void programs_done(struct programs *p) {
        if (p->loading)
                return;
        bpf_events_close(p->events);
        bpf_lister_close(p->lister);
        bpf_owners_close(p->owners);
}
