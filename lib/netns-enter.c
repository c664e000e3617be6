/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "netns-list.h"
#include "proc-table.h"

/* How a namespace is entered, and what is asked in it. */

/* /proc/PID/net/protocols has some 30 rows of 100 bytes. The kernel makes only as much as is asked for, and those of
 * modules stand first. */
#define PROTOCOLS_BYTES_MAX 65536u
#define PROTOCOLS_BYTES_AT_ONCE 512u
/* Tells a generation that was counted from a cookie of the kernel's, which counts from 1 since the boot. */
#define GENERATION_COUNTED (UINT64_C(1) << 62)

/* Since Linux 5.14. */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static int read_cookie(uint64_t *ret) {
        /* In this namespace, but not a socket of SCTP, which would load the module. */
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        uint64_t cookie = 0;
        socklen_t size = sizeof(cookie);

        if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) < 0)
                return -errno;

        *ret = cookie;
        return 0;
}

static int enter_by(const struct entry *e, const char *path) {
        /* What is mounted there may have changed to anything. */
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        struct stat st;

        if (fd < 0)
                return netns_process_vanished(-errno) || errno == ELOOP || errno == ENXIO ? -ESTALE : -errno;
        if (fstat(fd, &st) < 0 || st.st_ino != e->place.netns)
                return -ESTALE;
        if (setns(fd, CLONE_NEWNET) < 0)
                return errno == EINVAL ? -ESTALE : -errno;
        return 0;
}

/* proc_ns_get_link() in fs/proc/namespaces.c denies, too, what belongs to a process that ends as the link is
 * followed. */
static int denied_or_stale(pid_t pid, int r) {
        char path[32];

        snprintf(path, sizeof(path), "/proc/%d", (int) pid);
        return r == -EACCES && access(path, F_OK) < 0 && errno == ENOENT ? -ESTALE : r;
}

/* By whatever way is left; what it is by its generation is not looked at. */
static int enter(const struct entry *e) {
        char path[64];
        int r = -ESTALE, q;

        for (size_t i = 0; i < e->n_known; i++) {
                snprintf(path, sizeof(path), "/proc/%d/ns/net", (int) e->known[i].pid);
                q = denied_or_stale(e->known[i].pid, enter_by(e, path));
                if (q >= 0)
                        return 0;
                r = q != -ESTALE ? q : r;
        }
        if (e->place.path[0] != '\0') {
                q = enter_by(e, e->place.path);
                r = q != -ESTALE ? q : r;
        }

        return r;
}

int netns_enter_ask_generation(struct netns_list *l, struct entry *e) {
        uint64_t generation = 0, table = 0;
        int r = 0;

        if (!e->place.own)
                r = enter(e);
        if (r >= 0) {
                r = read_cookie(&generation);
                if (netns_inode_of("/proc/thread-self/net/dev", &table) < 0)
                        table = 0;
                netns_leave(l);
        }
        if (table != 0)
                netns_list_set_table(l, e, table);
        if (r == -ESTALE || r == -ENOMEM || r == -EMFILE || r == -ENFILE)
                return r;
        if (r < 0) {
                /* What is mounted as before and not ours to enter is taken for the same. */
                if (!e->fresh && e->place.path[0] != '\0')
                        return 0;
                if (!e->fresh)
                        l->lost++;
                generation = GENERATION_COUNTED + l->lost;
        }

        if (!e->fresh && generation != e->place.generation) {
                e->place.was_empty = false;
                e->place.skipped = 0;
        }
        e->place.generation = generation;
        return 0;
}

bool netns_may_be_same(uint64_t before, uint64_t now) {
        if ((before < GENERATION_COUNTED) != (now < GENERATION_COUNTED))
                return true;

        return now < GENERATION_COUNTED ? now == before : now <= before;
}

int netns_enter(const struct netns_list *l, const struct netns_place *place) {
        const struct entry *e = netns_list_entry(l, place->netns);
        uint64_t generation = 0;
        int r;

        if (!e || e->place.generation != place->generation)
                return -ESTALE;
        if (e->place.own)
                return 0;
        r = enter(e);
        if (r < 0)
                return r;

        if (e->place.generation < GENERATION_COUNTED) {
                r = read_cookie(&generation);
                if (r >= 0 && generation != e->place.generation)
                        r = -ESTALE;
                if (r < 0) {
                        netns_leave(l);
                        return r;
                }
        }
        return 0;
}

void netns_leave(const struct netns_list *l) {
        uint64_t here = 0;

        /* Who may not enter has nothing to leave, nor the right to. */
        if (netns_inode_of("/proc/thread-self/ns/net", &here) >= 0 && here == l->own)
                return;
        if (setns(l->own_fd, CLONE_NEWNET) < 0)
                abort();
}

/* Opens what /proc shows of this process's present namespace. */
static int open_here(const char *name, int flags) {
        char path[64];
        int fd;

        snprintf(path, sizeof(path), "/proc/thread-self/net/%s", name);
        fd = open(path, flags | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int open_by_process(const struct netns_list *l, const struct entry *e, pid_t pid, const char *name, int flags) {
        _cleanup_close_ int dir = -EBADF, fd = -EBADF;
        char path[32];
        uint64_t netns = 0;
        int r;

        r = netns_process_open(pid, &dir);
        if (r < 0)
                return netns_process_vanished(r) ? -ESTALE : r;
        snprintf(path, sizeof(path), "net/%s", name);
        fd = openat(dir, path, flags | O_CLOEXEC);
        r = fd < 0 ? -errno : 0;
        if (r < 0 && !netns_process_vanished(r))
                return r == -ENXIO ? -ESTALE : r;

        /* The name led to where the process was then: it is looked up once, and /proc has files of their own for each
         * namespace. */
        if (netns_process_number(l, dir, &netns) < 0 || netns != e->place.netns)
                return -ESTALE;
        return r < 0 ? -ENOENT : steal_fd(&fd);
}

static int open_table(const struct netns_list *l, const struct netns_place *place, const char *name, int flags) {
        const struct entry *e = netns_list_entry(l, place->netns);
        int r;

        if (!e || e->place.generation != place->generation)
                return -ESTALE;
        for (size_t i = 0; i < e->n_known; i++) {
                r = open_by_process(l, e, e->known[i].pid, name, flags);
                if (r != -ESTALE)
                        return r;
        }
        if (!e->place.own && e->place.path[0] == '\0')
                return -ESTALE;

        r = netns_enter(l, place);
        if (r < 0)
                return r;
        r = open_here(name, flags);
        netns_leave(l);
        return r;
}

int netns_open_sctp(const struct netns_list *l, const struct netns_place *place) {
        return open_table(l, place, "sctp", O_PATH | O_DIRECTORY);
}

static bool has_row(const char *text, const char *start) {
        const char *row = strstr(text, start);

        return row && strchr(row + 1, '\n');
}

/* As much of the table as it takes. */
static int read_protocols(int fd, char *buffer, size_t size, size_t *ret_length) {
        size_t length = 0;
        ssize_t n;

        do {
                if (length + 1 >= size)
                        return -EFBIG;
                n = read(fd, buffer + length, MIN(size - length - 1, (size_t) PROTOCOLS_BYTES_AT_ONCE));
                if (n < 0)
                        return -errno;
                length += (size_t) n;
                buffer[length] = '\0';
        } while (n > 0 && !(has_row(buffer, "\nSCTP ") && has_row(buffer, "\nSCTPv6 ")));

        /* Whole rows only. */
        while (length > 0 && buffer[length - 1] != '\n')
                buffer[--length] = '\0';
        *ret_length = length;
        return 0;
}

/* Sums up the rows SCTP and SCTPv6. */
static int parse_protocols(const char *text, size_t length, uint32_t *ret) {
        static const char *const rows[] = { "SCTP", "SCTPv6" };
        struct slice expected, found;
        uint64_t sockets = 0;
        struct proc_table t;
        struct row row;
        bool any = false;
        int r, name, column;

        if (proc_table_open(&t, text, length) < 0)
                return -EBADMSG;
        name = proc_table_column(&t, "protocol");
        column = proc_table_number(&t, "sockets");
        if (name < 0 || column < 0)
                return -EBADMSG;

        while ((r = proc_table_next(&t, &row, &expected, &found)) != 0) {
                if (r < 0)
                        return r;
                for (size_t i = 0; i < ELEMENTS(rows); i++)
                        if (row.cells[name].length == strlen(rows[i]) &&
                            memcmp(row.cells[name].text, rows[i], strlen(rows[i])) == 0) {
                                sockets += row.numbers[column];
                                any = true;
                        }
        }
        if (!any)
                return -ENOENT;

        /* One is the kernel's own, for packets that are nobody's: sctp_ctl_sock_init() in net/sctp/protocol.c. */
        sockets -= sockets > 0;
        *ret = (uint32_t) MIN(sockets, (uint64_t) UINT32_MAX);
        return 0;
}

int netns_count_sockets(const struct netns_list *l, const struct netns_place *place, uint32_t *ret) {
        _cleanup_close_ int fd = open_table(l, place, "protocols", O_RDONLY);
        char buffer[PROTOCOLS_BYTES_MAX];
        size_t length = 0;
        int r;

        if (fd < 0)
                return fd;
        r = read_protocols(fd, buffer, sizeof(buffer), &length);
        return r < 0 ? r : parse_protocols(buffer, length, ret);
}
