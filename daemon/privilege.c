/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/capability.h>
#include <sys/prctl.h>

#include "macro.h"
#include "privilege.h"

DEFINE_CLEANUP(cap_t, cap_free)

/* Why each of them is needed stands in sctpmond.service. */
static const cap_value_t scanners[] = { CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_SYSLOG };

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

int privilege_drop(void) {
        return limit(NULL, 0);
}

int privilege_keep_scanners(void) {
        return limit(scanners, ELEMENTS(scanners));
}
