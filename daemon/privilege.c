/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "macro.h"
#include "privilege.h"

DEFINE_CLEANUP(cap_t, cap_free)

/* Why each of them is needed stands in sctpmond.service. */
static const cap_value_t scanners[] = { CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN, CAP_NET_ADMIN };

/* Into the permitted and the effective set of `ret`, which is empty: the capability, if this process has it. */
static int keep(cap_t ret, cap_t current, cap_value_t capability) {
        cap_flag_value_t value;

        if (cap_get_flag(current, capability, CAP_PERMITTED, &value) < 0)
                return -errno;
        if (cap_set_flag(ret, CAP_PERMITTED, 1, &capability, value) < 0 ||
            cap_set_flag(ret, CAP_EFFECTIVE, 1, &capability, value) < 0)
                return -errno;

        return 0;
}

static int limit(const cap_value_t *kept, size_t n) {
        _cleanup_(cap_free_p) cap_t current = cap_get_proc(), rest = cap_init();
        int r = 0;

        if (!current || !rest)
                return -errno;
        for (size_t i = 0; i < n && r == 0; i++)
                r = keep(rest, current, kept[i]);
        if (r < 0)
                return r;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        if (CAP_AMBIENT_SUPPORTED() && cap_reset_ambient() < 0)
                return -errno;
        /* The bounding set can be emptied by those who have CAP_SETPCAP only; to others it gives nothing. */
        for (cap_value_t c = 0; c < cap_max_bits(); c++)
                if (cap_drop_bound(c) < 0 && errno != EPERM)
                        return -errno;

        return cap_set_proc(rest) < 0 ? -errno : 0;
}

static void release_filter(scmp_filter_ctx *f) {
        seccomp_release(*f);
}

/* Of what the unit leaves to both processes: what the scanner alone has to do, or nobody. A call that this architecture does
 * not have is left out by libseccomp; one of another architecture ends the process. */
static int forbid(void) {
        static const int calls[] = {
                /* to become, or to look into, another program */
                SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(kcmp),
                SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(process_madvise),
                SCMP_SYS(pidfd_getfd),
                /* to go elsewhere */
                SCMP_SYS(setns), SCMP_SYS(unshare), SCMP_SYS(chroot), SCMP_SYS(pivot_root), SCMP_SYS(mount),
                SCMP_SYS(umount2), SCMP_SYS(move_mount), SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(fsmount),
                SCMP_SYS(mount_setattr), SCMP_SYS(open_by_handle_at),
                /* into the kernel */
                SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(init_module), SCMP_SYS(finit_module),
                SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(userfaultfd),
                SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(add_key),
                SCMP_SYS(request_key), SCMP_SYS(keyctl),
        };
        _cleanup_(release_filter) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
        int r = 0;

        if (!filter)
                return -ENOMEM;
        for (size_t i = 0; i < ELEMENTS(calls) && r == 0; i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0);
        /* Whoever asks, and the journal. */
        if (r == 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
                                     SCMP_A0(SCMP_CMP_NE, AF_UNIX));
        return r == 0 ? seccomp_load(filter) : r;
}

int privilege_drop(void) {
        int r;

        r = limit(NULL, 0);
        return r < 0 ? r : forbid();
}

int privilege_keep_scanners(void) {
        return limit(scanners, ELEMENTS(scanners));
}
