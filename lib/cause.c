/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>

#include "cause.h"

static const char *const names[_CAUSE_MAX] = {
        [CAUSE_UNKNOWN] = "unknown",
        [CAUSE_GRACEFUL] = "graceful",
        [CAUSE_ABORTED] = "aborted",
        [CAUSE_RETRANSMISSIONS_EXHAUSTED] = "retransmissions_exhausted",
        [CAUSE_INIT_TIMEOUT] = "init_timeout",
};

const char *cause_name(int cause) {
        return cause >= 0 && cause < _CAUSE_MAX ? names[cause] : NULL;
}
