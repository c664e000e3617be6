/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lookup.h"
#include "scan-tables.h"

/* Hands on what earlier scans knew: when each association was first seen, its details until they are asked
 * for again, and those rows that the tables do not show although the kernel says that they are there. */

/* After how many looks a row that no table shows is taken for gone, where sock_diag cannot tell. */
#define SCAN_CARRY_LOOKS_MAX 5u

/* Joins what `previous` knew of the namespace that `t` has read; `read` is what scan_tables_read() said. Without
 * `previous` all is seen for the first time. -ENOMEM; -E2BIG. */
int scan_carry_namespace(struct scan_tables *t, struct lookup *l, const struct snapshot *previous, unsigned read);

/* Puts what sock_diag told into an association and its primary path. */
void scan_carry_answer(struct builder *b, struct association *a, const struct diag_association *answer);
