/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* The socket that clients connect to. */

/* The group whose members may connect, besides root. */
#define SOCKET_GROUP "sctpmon"

/* The one that systemd passed (FileDescriptorName=varlink), and *ret_own false; else one of our own at
 * `path`, mode 0660, in a directory that is made if need be, and *ret_own true. -EADDRINUSE: another
 * daemon answers there; -EEXIST: what is there is no socket. */
int socket_listen(const char *path, int *ret, bool *ret_own);
