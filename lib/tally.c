/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>

#include "tally.h"

struct tally {
        int reserved;
};

int tally_new(struct tally **ret) {
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

struct tally *tally_free(struct tally *t) {
        free(t);
        return NULL;
}
