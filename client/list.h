/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grid.h"
#include "source.h"

/* What `eps` and `assocs` have in common. */
struct list {
        const struct listing *listing;
        const struct column *columns;
        size_t n_columns;
        const char *(*state_name)(int state);
        const char *singular, *plural;
};

enum code list_run(const struct options *o, const struct list *list);
