/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "watch.h"

enum code verb_trace(const struct options *o) {
        return watch_trace(o);
}
