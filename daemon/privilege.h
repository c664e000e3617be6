/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Gives up every capability for good: permitted, effective, inheritable, ambient and bounding set, and the right to gain
 * any by exec; and system calls that the server never makes, which say EPERM then: to become, trace or read another
 * process, to enter namespaces, to mount, BPF, modules, io_uring, keys, and sockets other than Unix ones. */
int privilege_drop(void);

/* The same but for the scanner's, of which it keeps those that it has: CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH,
 * CAP_SYS_ADMIN, CAP_NET_ADMIN. */
int privilege_keep_scanners(void);
