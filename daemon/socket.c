/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <grp.h>
#include <libgen.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "macro.h"
#include "socket.h"

static int passed(int *ret) {
        int n = sd_listen_fds(true);

        if (n < 0)
                return n;
        if (n == 0)
                return -ENOENT;
        if (n > 1)
                return -E2BIG;
        if (sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) <= 0)
                return -EPROTOTYPE;

        *ret = SD_LISTEN_FDS_START;
        return 0;
}

static int make_directory_of(const char *path) {
        _cleanup_free_ char *copy = strdup(path);

        if (!copy)
                return -ENOMEM;
        return mkdir(dirname(copy), 0755) < 0 && errno != EEXIST ? -errno : 0;
}

/* connect() refuses what is no socket just like a socket that nobody answers. */
static int remove_left_behind(const char *path) {
        struct stat st;

        if (lstat(path, &st) < 0)
                return -errno;
        if (!S_ISSOCK(st.st_mode))
                return -EEXIST;
        return unlink(path) < 0 ? -errno : 0;
}

static int bind_own(const char *path, int *ret) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -EBADF;
        const struct group *group;
        mode_t mask;
        int r;

        if (strlen(path) >= sizeof(sa.sun_path))
                return -ENAMETOOLONG;
        strcpy(sa.sun_path, path);

        r = make_directory_of(path);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;

        /* A socket that nobody answers was left behind by one that was killed. */
        if (connect(fd, (const struct sockaddr *) &sa, sizeof(sa)) == 0 || errno == EAGAIN)
                return -EADDRINUSE;
        if (errno == ECONNREFUSED) {
                r = remove_left_behind(path);
                if (r < 0)
                        return r;
        }

        mask = umask(0117);
        r = bind(fd, (const struct sockaddr *) &sa, sizeof(sa)) < 0 ? -errno : 0;
        (void) umask(mask);
        if (r < 0)
                return r;

        /* Without such a group only our own user may connect. */
        group = getgrnam(SOCKET_GROUP);
        if (group && chown(path, (uid_t) -1, group->gr_gid) < 0 && errno != EPERM)
                return -errno;
        if (listen(fd, SOMAXCONN) < 0)
                return -errno;

        *ret = steal_fd(&fd);
        return 0;
}

int socket_listen(const char *path, int *ret, bool *ret_own) {
        int r = passed(ret);

        *ret_own = r == -ENOENT;
        return r == -ENOENT ? bind_own(path, ret) : r;
}
