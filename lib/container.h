/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>

/* Files of container runtimes beyond this are not read. */
#define CONTAINER_FILE_MAX (1024u * 1024u)

/* The name that a person gave the container, from the files that its runtime keeps about it (readable by root and with
 * CAP_DAC_READ_SEARCH): docker's config.v2.json, the OCI bundle's config.json of containerd and CRI-O with the
 * annotations that Kubernetes leaves there ("namespace/pod/container"), podman's list of containers. Where `runtime` is
 * "" all of them are tried. Escaped. `root` is put before the paths (NULL: ""). Without a name, or the right to read
 * it, the first 12 characters of the id: then -ENOENT, what open() said, -EFBIG, or -EBADMSG for a file that is not
 * what it should be comes back, and `name` is good all the same. -EINVAL if the id is not hexadecimal. */
int container_name(const char *root, const char *runtime, const char *id, char *name, size_t size);
