/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Gives up every capability for good: permitted, effective, inheritable, ambient and bounding set, and
 * the right to gain any by exec. */
int privilege_drop(void);
