/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "clock.h"
#include "bpf-lister.h"

#if HAVE_BPF
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <unistd.h>

#include "listing.skel.h"

/* The list changed while it was walked: so often it is begun anew. */
#define LISTER_TRIES_MAX 3u
/* More calls than the greatest table takes: a walk that never ends is none. */
#define LISTER_CALLS_MAX 100000u
/* So often endpoints may go to another bucket under the walk. */
#define LISTER_TORN_MAX  100u

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
static int walk(struct bpf_lister *l, const struct bpf_program *program, char why[static BPF_WHY_MAX]) {
        struct listing_bpf__bss *state = l->program->bss;
        int fd = bpf_program__fd(program);

        memset(&state->cursor, 0, sizeof(state->cursor));
        l->error = 0;
        for (unsigned calls = 0; !state->cursor.done; calls++) {
                LIBBPF_OPTS(bpf_test_run_opts, options);
                int r = bpf_prog_test_run_opts(fd, &options);

                if (r < 0)
                        return bpf_why(r, why, "the program could not be run: %s", strerror(-r));
                r = ring_buffer__consume(l->ring);
                if (r >= 0)
                        r = l->error;
                if (r < 0)
                        return bpf_why(r, why, "its answer cannot be used: %s", strerror(-r));
                if (calls >= LISTER_CALLS_MAX || state->cursor.torn > LISTER_TORN_MAX)
                        return bpf_why(-EAGAIN, why, "the walk came to no end");
        }

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
