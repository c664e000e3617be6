/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sctpctl.h"

/* Sends standard output through a pager, if it is a terminal and the options do not forbid it. To be
 * called before the first output, as often as one likes; what fails leaves the terminal as output. */
void pager_open(const struct options *o);

/* Waits until the reader has seen enough. */
void pager_close(void);
