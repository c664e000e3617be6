/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* What the text of /proc/PID/cgroup tells of a process: its systemd unit, and the container it runs in. */

struct cgroup {
        char unit[96];                  /* "nginx.service", "docker-<id>.scope", "session-2.scope"; "" if none */
        char runtime[16];               /* "docker", "podman", "containerd", "cri-o"; "" outside containers */
        char container_id[72];          /* in full; "" outside containers */
        char pod[40];                   /* Kubernetes pod uid, with hyphens; "" if none */
};

/* Version 1, version 2 and both at once; the systemd and the cgroupfs driver. `length` bytes of anything: what is
 * not understood is passed over. Texts are escaped, and cut at their size. */
void cgroup_parse(const char *text, size_t length, struct cgroup *ret);
