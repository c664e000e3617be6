/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "macro.h"
#include "snapshot.h"

/* What the kernel's counters say beside what the looks have shown: evidence for the cause of an end, and how many
 * associations came and went between two looks. */

struct tally;

int tally_new(struct tally **ret);
struct tally *tally_free(struct tally *t);
DEFINE_CLEANUP(struct tally *, tally_free)
