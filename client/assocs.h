/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "grid.h"

/* The columns of an association, for the list and the live view. */
extern const struct column association_columns[];
extern const size_t n_association_columns;
