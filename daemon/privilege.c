/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/capability.h>
#include <sys/prctl.h>

#include "macro.h"
#include "privilege.h"

int privilege_drop(void) {
        cap_t none;
        int r = 0;

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        if (CAP_AMBIENT_SUPPORTED() && cap_reset_ambient() < 0)
                return -errno;
        /* The bounding set can be emptied by those who have CAP_SETPCAP only; to others it gives nothing. */
        for (cap_value_t c = 0; c < cap_max_bits() && r == 0; c++)
                if (cap_drop_bound(c) < 0 && errno != EPERM)
                        r = -errno;

        none = cap_init();
        if (!none)
                return -errno;
        if (r == 0 && cap_set_proc(none) < 0)
                r = -errno;
        (void) cap_free(none);

        return r;
}
