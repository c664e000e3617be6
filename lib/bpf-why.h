/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "macro.h"

/* Why a program cannot do its work, in words. Each returns the error that it was given, or found. */

#define BPF_WHY_MAX 128

int bpf_why(int error, char why[static BPF_WHY_MAX], const char *format, ...) _printf_(3, 4);

/* -EOPNOTSUPP: the kernel does not describe itself, so that no program can be fitted to it. From then on libbpf says
 * nothing by itself. */
int bpf_why_unfit(char why[static BPF_WHY_MAX]);

/* What it means that loading or attaching ("to load it") failed with this error. */
int bpf_why_refused(int error, char why[static BPF_WHY_MAX], const char *what);

/* -EOPNOTSUPP */
int bpf_why_left_out(char why[static BPF_WHY_MAX]);
