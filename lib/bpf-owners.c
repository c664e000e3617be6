/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "bpf-owners.h"

#if HAVE_BPF
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/stat.h>

#include "owners.skel.h"

/* PROC_PID_INIT_INO: the same in all kernels. */
#define INITIAL_PID_NAMESPACE 0xeffffffcu
/* So much is made room for at a time: what the kernel hands out at once. */
#define OWNERS_READ_MAX ((size_t) 32768)
/* After a million descriptors of which it has nothing to say the kernel wants to be asked again: so often. */
#define OWNERS_AGAIN_MAX 1000u

struct bpf_owners {
        struct owners_bpf *program;
};

int bpf_owners_open(struct bpf_owners **ret, char why[static BPF_WHY_MAX]) {
        _cleanup_(bpf_owners_close_p) struct bpf_owners *o = NULL;
        struct stat st;
        int r;

        r = bpf_why_unfit(why);
        if (r < 0)
                return r;
        /* Elsewhere the walk tells of the same processes, but by other numbers. */
        if (stat("/proc/self/ns/pid", &st) < 0)
                return bpf_why(-errno, why, "/proc/self/ns/pid: %s", strerror(errno));
        if (st.st_ino != INITIAL_PID_NAMESPACE)
                return bpf_why(-EOPNOTSUPP, why, "this is not the host's pid namespace");
        o = calloc(1, sizeof(*o));
        if (!o)
                return bpf_why(-ENOMEM, why, "%s", strerror(ENOMEM));

        o->program = owners_bpf__open();
        if (!o->program)
                return bpf_why(-errno, why, "the program is refused: %s", strerror(errno));
        r = owners_bpf__load(o->program);
        if (r < 0)
                return bpf_why_refused(r, why, "to load it");
        r = owners_bpf__attach(o->program);
        if (r < 0)
                return bpf_why_refused(r, why, "to attach it");

        *ret = steal_ptr(o);
        return 0;
}

struct bpf_owners *bpf_owners_close(struct bpf_owners *o) {
        if (o) {
                owners_bpf__destroy(o->program);
                free(o);
        }
        return NULL;
}

int bpf_owners_run(struct bpf_owners *o, struct record_owner **ret, size_t *ret_n,
                   char why[static BPF_WHY_MAX]) {
        const size_t most = BPF_OWNERS_MAX * sizeof(struct record_owner);
        _cleanup_free_ char *bytes = NULL;
        size_t length = 0, allocated = 0;
        _cleanup_close_ int fd = -EBADF;
        unsigned again = 0;
        ssize_t n;

        fd = bpf_iter_create(bpf_link__fd(o->program->links.list_owners));
        if (fd < 0)
                return bpf_why(-errno, why, "the walk could not be begun: %s", strerror(errno));
        do {
                if (allocated - length < OWNERS_READ_MAX) {
                        char *bigger = realloc(bytes, allocated = 2 * allocated + OWNERS_READ_MAX);

                        if (!bigger)
                                return bpf_why(-ENOMEM, why, "%s", strerror(ENOMEM));
                        bytes = bigger;
                }
                n = read(fd, bytes + length, allocated - length);
                if (n < 0 && (errno == EINTR || (errno == EAGAIN && again++ < OWNERS_AGAIN_MAX)))
                        continue;
                if (n < 0)
                        return bpf_why(-errno, why, "the walk broke off: %s", strerror(errno));
                length += (size_t) n;
                if (length > most)
                        return bpf_why(-E2BIG, why, "more than %u descriptors are SCTP sockets", BPF_OWNERS_MAX);
        } while (n != 0);
        if (length % sizeof(struct record_owner) != 0)
                return bpf_why(-EBADMSG, why, "its answer cannot be used");

        *ret_n = length / sizeof(struct record_owner);
        *ret = (struct record_owner *) (void *) steal_ptr(bytes);
        return 0;
}

#else

struct bpf_owners {
        int unused;
};

int bpf_owners_open(struct bpf_owners **ret, char why[static BPF_WHY_MAX]) {
        (void) ret;
        return bpf_why_left_out(why);
}

struct bpf_owners *bpf_owners_close(struct bpf_owners *o) {
        (void) o;
        return NULL;
}

int bpf_owners_run(struct bpf_owners *o, struct record_owner **ret, size_t *ret_n,
                   char why[static BPF_WHY_MAX]) {
        (void) o;
        (void) ret;
        (void) ret_n;
        return bpf_why_left_out(why);
}

#endif
