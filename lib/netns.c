/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/stat.h>

#include "macro.h"
#include "netns.h"
#include "text.h"

/* iproute2 and docker's own directory, in which `ip netns` names and container sandboxes are mounted. */
static const char run_netns[] = "/run/netns/";

static int inode_of(const char *path, uint64_t *ret) {
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;

        *ret = st.st_ino;
        return 0;
}

int netns_self(uint64_t *ret) {
        return inode_of("/proc/self/ns/net", ret);
}

static int resolve_pid(const char *pid, uint64_t *ret) {
        char path[64], net[64];
        uint64_t theirs = 0, ours = 0;
        int r;

        snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
        r = inode_of(path, ret);
        if (r != -EACCES && r != -EPERM)
                return r;

        /* Without CAP_SYS_PTRACE the link is not ours to follow, but /proc/PID/net has one inode for each
         * file and namespace, so that ours can be told from another. */
        snprintf(net, sizeof(net), "/proc/%s/net/dev", pid);
        r = inode_of(net, &theirs);
        if (r < 0)
                return r;
        r = inode_of("/proc/self/net/dev", &ours);
        if (r < 0)
                return r;

        return theirs == ours ? netns_self(ret) : -EACCES;
}

int netns_resolve(const char *text, bool *ret_all, uint64_t *ret) {
        uint64_t number;
        char path[256];
        int r;

        if (strcmp(text, "all") == 0) {
                *ret_all = true;
                *ret = 0;
                return 0;
        }

        if (strcmp(text, "host") == 0)
                r = netns_self(&number);
        else if (strncmp(text, "inode:", 6) == 0)
                r = text_to_u64(text + 6, strlen(text + 6), 10, INT64_MAX, &number);
        else if (strncmp(text, "pid:", 4) == 0) {
                r = text_to_u64(text + 4, strlen(text + 4), 10, INT32_MAX, &number);
                if (r >= 0)
                        r = resolve_pid(text + 4, &number);
        } else if (*text == '\0' || *text == '.' || strchr(text, '/') || strlen(text) > 200)
                r = -EINVAL;
        else {
                snprintf(path, sizeof(path), "%s%s", run_netns, text);
                r = inode_of(path, &number);
        }
        if (r < 0)
                return r == -ERANGE ? -EINVAL : r;

        *ret_all = false;
        *ret = number;
        return 0;
}
