/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sctpctl.h"

/* Follows the interface's Monitor until a signal, a key or a broken pipe ends it: a view that fills the
 * terminal, or a line for each change. */
enum code watch_run(const struct options *o);

/* The same, always a line for each change; with the options' `since` what the daemon still knows of before comes
 * first. */
enum code watch_lines(const struct options *o);

/* Lines of every step of the kernel's state machine, too. */
enum code watch_trace(const struct options *o);
