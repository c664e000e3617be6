/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <string.h>

#include "bpf-owners.h"

static int explain(int error, char why[static BPF_OWNERS_WHY_MAX], const char *format, ...) _printf_(3, 4);
static int explain(int error, char why[static BPF_OWNERS_WHY_MAX], const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(why, BPF_OWNERS_WHY_MAX, format, arguments);
        va_end(arguments);
        return error;
}

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

static int silence(enum libbpf_print_level level, const char *format, va_list arguments) {
        (void) level;
        (void) format;
        (void) arguments;
        return 0;
}

int bpf_owners_open(struct bpf_owners **ret, char why[static BPF_OWNERS_WHY_MAX]) {
        _cleanup_(bpf_owners_close_p) struct bpf_owners *o = NULL;
        struct stat st;
        int r;

        if (access("/sys/kernel/btf/vmlinux", R_OK) < 0)
                return explain(-EOPNOTSUPP, why, "the kernel does not describe itself (CONFIG_DEBUG_INFO_BTF)");
        /* Elsewhere the walk tells of the same processes, but by other numbers. */
        if (stat("/proc/self/ns/pid", &st) < 0)
                return explain(-errno, why, "/proc/self/ns/pid: %s", strerror(errno));
        if (st.st_ino != INITIAL_PID_NAMESPACE)
                return explain(-EOPNOTSUPP, why, "this is not the host's pid namespace");
        o = calloc(1, sizeof(*o));
        if (!o)
                return explain(-ENOMEM, why, "%s", strerror(ENOMEM));

        /* lib/ says nothing by itself. */
        (void) libbpf_set_print(silence);
        o->program = owners_bpf__open();
        if (!o->program)
                return explain(-errno, why, "the program is refused: %s", strerror(errno));
        r = owners_bpf__load(o->program);
        if (r == -EPERM || r == -EACCES)
                return explain(r, why, "no right to load it (CAP_SYS_ADMIN)");
        if (r < 0)
                return explain(r, why, "this kernel refuses the program: %s", strerror(-r));
        r = owners_bpf__attach(o->program);
        if (r < 0)
                return explain(r, why, "this kernel has no such walk: %s", strerror(-r));

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
                   char why[static BPF_OWNERS_WHY_MAX]) {
        const size_t most = BPF_OWNERS_MAX * sizeof(struct record_owner);
        _cleanup_free_ char *bytes = NULL;
        size_t length = 0, allocated = 0;
        _cleanup_close_ int fd = -EBADF;
        unsigned again = 0;
        ssize_t n;

        fd = bpf_iter_create(bpf_link__fd(o->program->links.list_owners));
        if (fd < 0)
                return explain(-errno, why, "the walk could not be begun: %s", strerror(errno));
        do {
                if (allocated - length < OWNERS_READ_MAX) {
                        char *bigger = realloc(bytes, allocated = 2 * allocated + OWNERS_READ_MAX);

                        if (!bigger)
                                return explain(-ENOMEM, why, "%s", strerror(ENOMEM));
                        bytes = bigger;
                }
                n = read(fd, bytes + length, allocated - length);
                if (n < 0 && (errno == EINTR || (errno == EAGAIN && again++ < OWNERS_AGAIN_MAX)))
                        continue;
                if (n < 0)
                        return explain(-errno, why, "the walk broke off: %s", strerror(errno));
                length += (size_t) n;
                if (length > most)
                        return explain(-E2BIG, why, "more than %u descriptors are SCTP sockets", BPF_OWNERS_MAX);
        } while (n != 0);
        if (length % sizeof(struct record_owner) != 0)
                return explain(-EBADMSG, why, "its answer cannot be used");

        *ret_n = length / sizeof(struct record_owner);
        *ret = (struct record_owner *) (void *) steal_ptr(bytes);
        return 0;
}

#else

struct bpf_owners {
        int unused;
};

int bpf_owners_open(struct bpf_owners **ret, char why[static BPF_OWNERS_WHY_MAX]) {
        (void) ret;
        return explain(-EOPNOTSUPP, why, "built without BPF");
}

struct bpf_owners *bpf_owners_close(struct bpf_owners *o) {
        (void) o;
        return NULL;
}

int bpf_owners_run(struct bpf_owners *o, struct record_owner **ret, size_t *ret_n,
                   char why[static BPF_OWNERS_WHY_MAX]) {
        (void) o;
        (void) ret;
        (void) ret_n;
        return explain(-EOPNOTSUPP, why, "built without BPF");
}

#endif
