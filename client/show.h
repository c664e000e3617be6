/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grid.h"

/* The columns of one association's paths, for its page and for the live view. */
extern const struct column show_path_columns[];
extern const size_t n_show_path_columns;
