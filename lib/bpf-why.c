/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpf-why.h"

#if HAVE_BPF
#include <bpf/libbpf.h>
#endif

int bpf_why(int error, char why[static BPF_WHY_MAX], const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(why, BPF_WHY_MAX, format, arguments);
        va_end(arguments);
        return error;
}

#if HAVE_BPF
static int silence(enum libbpf_print_level level, const char *format, va_list arguments) {
        (void) level;
        (void) format;
        (void) arguments;
        return 0;
}

int bpf_why_unfit(char why[static BPF_WHY_MAX]) {
        (void) libbpf_set_print(silence);
        if (access("/sys/kernel/btf/vmlinux", R_OK) < 0)
                return bpf_why(-EOPNOTSUPP, why, "the kernel does not describe itself (CONFIG_DEBUG_INFO_BTF)");
        return 0;
}

int bpf_why_refused(int error, char why[static BPF_WHY_MAX], const char *what) {
        if (error == -EPERM || error == -EACCES)
                return bpf_why(error, why, "no right %s (CAP_SYS_ADMIN)", what);
        return bpf_why(error, why, "this kernel refuses %s: %s", what, strerror(-error));
}
#else
int bpf_why_left_out(char why[static BPF_WHY_MAX]) {
        return bpf_why(-EOPNOTSUPP, why, "built without BPF");
}
#endif
