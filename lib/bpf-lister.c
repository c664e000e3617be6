/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "clock.h"
#include "bpf-lister.h"

#if HAVE_BPF
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "listing.skel.h"

/* The list changed while it was walked: so often it is begun anew. */
#define LISTER_TRIES_MAX 3u
/* More calls than the greatest table takes: a walk that never ends is none. */
#define LISTER_CALLS_MAX 100000u
/* So often endpoints may go to another bucket under the walk. */
#define LISTER_TORN_MAX  100u
/* That are made before what they told has been taken in: the ring takes several. */
#define LISTER_CALLS_AHEAD 2u

struct bpf_lister {
        struct listing_bpf *program;
        struct ring_buffer *ring;
        struct bpf_listing *listing;        /* that is being filled */
        int error;                      /* of its filling */
};

static int on_record(void *userdata, void *record, size_t size) {
        struct bpf_lister *l = userdata;

        if (l->error >= 0)
                l->error = bpf_listing_add(l->listing, record, size);
        return 0;
}

/* Lets the program see where the list is, by a look at the kernel's own table. */
static int find(const struct listing_bpf *program, char why[static BPF_WHY_MAX]) {
        struct bpf_link *link = bpf_program__attach(program->progs.find);
        _cleanup_close_ int fd = -EBADF;
        char byte;
        int r = 0;

        if (!link)
                return bpf_why_refused(-errno, why, "to watch how it reads its own list");
        fd = open("/proc/net/sctp/assocs", O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, &byte, 1) < 0)
                r = bpf_why(-errno, why, "the kernel's table cannot be read: %s", strerror(errno));
        (void) bpf_link__destroy(link);

        return r;
}

int bpf_lister_open(struct bpf_lister **ret, char why[static BPF_WHY_MAX]) {
        _cleanup_(bpf_lister_close_p) struct bpf_lister *l = NULL;
        int r;

        r = bpf_why_unfit(why);
        if (r < 0)
                return r;
        l = calloc(1, sizeof(*l));
        if (!l)
                return bpf_why(-ENOMEM, why, "%s", strerror(ENOMEM));

        l->program = listing_bpf__open();
        if (!l->program)
                return bpf_why(-errno, why, "the program is refused: %s", strerror(errno));
        r = listing_bpf__load(l->program);
        if (r < 0)
                return bpf_why_refused(r, why, "to load it");
        r = find(l->program, why);
        if (r < 0)
                return r;
        l->ring = ring_buffer__new(bpf_map__fd(l->program->maps.records), on_record, l, NULL);
        if (!l->ring)
                return bpf_why(-errno, why, "no ring buffer: %s", strerror(errno));

        *ret = steal_ptr(l);
        return 0;
}

struct bpf_lister *bpf_lister_close(struct bpf_lister *l) {
        if (l) {
                ring_buffer__free(l->ring);
                listing_bpf__destroy(l->program);
                free(l);
        }
        return NULL;
}

/* One walk through one of the two lists. */
struct walk {
        struct bpf_lister *lister;
        int program;
        unsigned calls;
        int error;                      /* of the last call */
        sem_t room, made;               /* calls that may be made, and that have been */
        atomic_bool ended, useless;     /* useless: what they tell cannot be taken in */
        uint64_t cpu_usec;              /* that the thread took */
};

/* Whether another one is needed. */
static bool call(struct walk *w) {
        const struct listing_bpf__bss *state = w->lister->program->bss;
        LIBBPF_OPTS(bpf_test_run_opts, options);

        w->error = bpf_prog_test_run_opts(w->program, &options);
        if (w->error >= 0 && (++w->calls > LISTER_CALLS_MAX || state->cursor.torn > LISTER_TORN_MAX))
                w->error = -EAGAIN;
        return w->error >= 0 && !state->cursor.done && !atomic_load(&w->useless);
}

static void wait_for(sem_t *s) {
        while (sem_wait(s) < 0)
                ;
}

static void *call_on(void *userdata) {
        struct walk *w = userdata;
        bool more;

        do {
                wait_for(&w->room);
                more = call(w);
                if (!more)
                        atomic_store(&w->ended, true);
                (void) sem_post(&w->made);
        } while (more);

        w->cpu_usec = clock_usec(CLOCK_THREAD_CPUTIME_ID);
        return NULL;
}

/* What has been told so far. */
static void take_in(struct walk *w) {
        int r = ring_buffer__consume(w->lister->ring);

        if (r < 0 && w->lister->error >= 0)
                w->lister->error = r;
        if (w->lister->error < 0)
                atomic_store(&w->useless, true);
}

/* What one call told is taken in while the next one is made. Whether there was a thread for that. */
static bool walk_beside(struct walk *w) {
        sigset_t all, before;
        pthread_t thread;
        int r;

        if (sem_init(&w->room, 0, LISTER_CALLS_AHEAD) < 0 || sem_init(&w->made, 0, 0) < 0)
                return false;
        /* Signals are for the others. */
        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&thread, NULL, call_on, w);
        (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r == 0) {
                do {
                        wait_for(&w->made);
                        take_in(w);
                        (void) sem_post(&w->room);
                } while (!atomic_load(&w->ended));
                (void) pthread_join(thread, NULL);
                take_in(w);
        }

        (void) sem_destroy(&w->room);
        (void) sem_destroy(&w->made);
        return r == 0;
}

static int walk(struct bpf_lister *l, const struct bpf_program *program, char why[static BPF_WHY_MAX]) {
        struct listing_bpf__bss *state = l->program->bss;
        struct walk w = { .lister = l, .program = bpf_program__fd(program) };
        bool more;

        memset(&state->cursor, 0, sizeof(state->cursor));
        l->error = 0;
        more = call(&w);
        take_in(&w);
        if (more && !walk_beside(&w))
                while (more) {
                        more = call(&w);
                        take_in(&w);
                }

        l->listing->cpu_usec += w.cpu_usec;
        if (w.error == -EAGAIN)
                return bpf_why(w.error, why, "the walk came to no end");
        if (w.error < 0)
                return bpf_why(w.error, why, "the program could not be run: %s", strerror(-w.error));
        if (l->error < 0)
                return bpf_why(l->error, why, "its answer cannot be used: %s", strerror(-l->error));
        if (state->cursor.absent)
                return bpf_why(-EOPNOTSUPP, why, "the kernel does not show where its list is");
        if (state->cursor.nested)
                return bpf_why(-EOPNOTSUPP, why, "for want of memory the kernel's list is in pieces");
        if (state->cursor.lost > 0)
                return bpf_why(-E2BIG, why, "%u parts of the kernel's list are too long", state->cursor.lost);
        return 0;
}

int bpf_lister_run(struct bpf_lister *l, struct bpf_listing *ret, char why[static BPF_WHY_MAX]) {
        int r = -EAGAIN;

        ret->hz = clock_hz();
        ret->at = clock_usec(CLOCK_REALTIME);
        ret->cpu_usec = 0;
        l->listing = ret;
        for (unsigned i = 0; r == -EAGAIN && i < LISTER_TRIES_MAX; i++) {
                bpf_listing_clear(ret);
                r = walk(l, l->program->progs.list, why);
                if (r >= 0)
                        r = walk(l, l->program->progs.list_endpoints, why);
                if (r < 0)
                        return r;
                r = bpf_listing_finish(ret);
        }
        l->listing = NULL;

        if (r == -EAGAIN)
                return bpf_why(r, why, "it changed too often while it was read");
        return r < 0 ? bpf_why(r, why, "its answer cannot be used: %s", strerror(-r)) : 0;
}

#else

struct bpf_lister {
        int unused;
};

int bpf_lister_open(struct bpf_lister **ret, char why[static BPF_WHY_MAX]) {
        (void) ret;
        return bpf_why_left_out(why);
}

struct bpf_lister *bpf_lister_close(struct bpf_lister *l) {
        (void) l;
        return NULL;
}

int bpf_lister_run(struct bpf_lister *l, struct bpf_listing *ret, char why[static BPF_WHY_MAX]) {
        (void) l;
        (void) ret;
        return bpf_why_left_out(why);
}

#endif
