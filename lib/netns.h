/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Inode of this process's own network namespace, as `ls -L /proc/self/ns/net` shows it. */
int netns_self(uint64_t *ret);

/* Resolves "all" (*ret_all true), "host" (this one), a name under /run/netns, "pid:N" or "inode:N".
 * -EINVAL: none of these forms; -ENOENT: there is no such namespace; -EACCES: not ours to look at. */
int netns_resolve(const char *text, bool *ret_all, uint64_t *ret);
