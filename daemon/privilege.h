/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Gives up every capability for good: permitted, effective, inheritable, ambient and bounding set, and
 * the right to gain any by exec. */
int privilege_drop(void);

/* The same but for the scanner's, of which it keeps those that it has: CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH,
 * CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_SYSLOG. */
int privilege_keep_scanners(void);
