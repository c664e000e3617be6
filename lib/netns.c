/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "clock.h"
#include "macro.h"
#include "netns.h"
#include "snapshot.h"
#include "table.h"
#include "text.h"

/* iproute2's own directory, in which the names of `ip netns` are mounted. */
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

/* In how many updates a new process is looked at: it may not be there yet when its number is taken, and what starts a
 * container changes its namespace first and its program then. */
#define CANDIDATE_LOOKS 3u
/* Processes remembered of one namespace, so that there is another way when one ends. */
#define KNOWN_MAX 4u
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

DEFINE_CLEANUP(DIR *, closedir)

struct known {
        pid_t pid;
        uint64_t start;                 /* tells it from a later process with this number */
        uint64_t directory;             /* inode of /proc/PID: the same process while that is the same */
};

struct entry {
        struct netns_place place;       /* the first member */
        struct known known[KNOWN_MAX];
        size_t n_known;
        uint64_t table;                 /* inode of /proc/PID/net/dev; 0: no process was found in it */
        bool fresh;                     /* found by this update */
        bool sure;                      /* it has been this very namespace since the last update */
};

/* A process that is new, or a number that one may get at any moment. */
struct candidate {
        pid_t pid;
        uint8_t looks;                  /* that are left */
        bool seen;
};

/* The numbers given out since the last time: `first` up to, not including, `first` + `n`, at `wrap` going on with 1. */
struct numbers {
        int64_t first, wrap;
        size_t n;
};

struct netns_list {
        struct entry **entries;         /* by number */
        size_t n_entries, n_allocated;
        int own_fd;                     /* the way back; pins nothing but our own namespace */
        uint64_t own, own_table;
        FILE *mounts;                   /* mountinfo, polled */
        bool mounts_read;
        pid_t last_pid;                 /* 0: not known */
        struct numbers numbers;
        bool numbers_known;
        struct candidate *candidates;
        size_t n_candidates, n_candidates_allocated;
        pid_t *new_pids;
        size_t n_new_pids, n_new_pids_allocated;
        uint64_t walk_at;               /* monotonic */
        uint64_t lost;                  /* namespaces and certainties, see ask_generation() */
        bool full;                      /* there are more than NETNS_LIST_MAX */
};

static int grow(void *array, size_t *allocated, size_t needed, size_t size) {
        size_t n = MAX(2 * *allocated, (size_t) 64);
        void *p;

        if (needed <= *allocated)
                return 0;
        p = reallocarray(*(void **) array, n, size);
        if (!p)
                return -ENOMEM;

        *(void **) array = p;
        *allocated = n;
        return 0;
}

/* The index of this number, or where it belongs. */
static size_t position(const struct netns_list *l, uint64_t netns) {
        size_t low = 0, high = l->n_entries;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (l->entries[middle]->place.netns < netns)
                        low = middle + 1;
                else
                        high = middle;
        }

        return low;
}

static struct entry *find(const struct netns_list *l, uint64_t netns) {
        size_t i = position(l, netns);

        return i < l->n_entries && l->entries[i]->place.netns == netns ? l->entries[i] : NULL;
}

static void drop(struct netns_list *l, size_t i) {
        free(l->entries[i]);
        memmove(l->entries + i, l->entries + i + 1, (l->n_entries - i - 1) * sizeof(*l->entries));
        l->n_entries--;
        l->lost++;
}

/* 0 and NULL where the list is full. */
static int find_or_add(struct netns_list *l, uint64_t netns, struct entry **ret) {
        struct entry *e = find(l, netns);
        size_t i;
        int r;

        if (e) {
                *ret = e;
                return 0;
        }
        if (l->n_entries >= NETNS_LIST_MAX) {
                l->full = true;
                *ret = NULL;
                return 0;
        }

        r = grow(&l->entries, &l->n_allocated, l->n_entries + 1, sizeof(*l->entries));
        if (r < 0)
                return r;
        e = calloc(1, sizeof(*e));
        if (!e)
                return -ENOMEM;
        e->place.netns = netns;
        e->fresh = true;

        i = position(l, netns);
        memmove(l->entries + i + 1, l->entries + i, (l->n_entries - i) * sizeof(*l->entries));
        l->entries[i] = e;
        l->n_entries++;
        *ret = e;
        return 0;
}

static bool denied(int r) {
        return r == -EACCES || r == -EPERM;
}

/* A process that has ended, or that ends. */
static bool vanished(int r) {
        return r == -ENOENT || r == -ESRCH;
}

/* What is as if it were not there; anything else, a lack of descriptors for instance, is no news of it. */
static bool absent(int r) {
        return vanished(r) || denied(r);
}

static int inode_at(int dir, const char *path, uint64_t *ret) {
        struct stat st;

        if (fstatat(dir, path, &st, 0) < 0)
                return -errno;

        *ret = st.st_ino;
        return 0;
}

/* The number of the namespace of the process that `dir`, its directory in /proc, stands for. */
static int number_of(const struct netns_list *l, int dir, uint64_t *ret) {
        uint64_t table = 0;
        int r;

        r = inode_at(dir, "ns/net", ret);
        if (!denied(r))
                return r;
        r = inode_at(dir, "net/dev", &table);
        if (r < 0)
                return r;

        if (table == l->own_table) {
                *ret = l->own;
                return 0;
        }
        /* Another process of it may have told more. */
        for (size_t i = 0; i < l->n_entries; i++)
                if (l->entries[i]->table == table) {
                        *ret = l->entries[i]->place.netns;
                        return 0;
                }

        *ret = NETNS_UNNAMED_MIN + table;
        return 0;
}

static int open_process(pid_t pid, int *ret) {
        char path[32];
        int fd;

        snprintf(path, sizeof(path), "/proc/%d", (int) pid);
        fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        *ret = fd;
        return 0;
}

/* The whole of a small file, with a NUL behind it. */
static int read_all(int fd, char *buffer, size_t size, size_t *ret_length) {
        size_t length = 0;
        ssize_t n;

        do {
                if (length + 1 >= size)
                        return -EFBIG;
                n = read(fd, buffer + length, size - length - 1);
                if (n < 0)
                        return -errno;
                length += (size_t) n;
        } while (n > 0);

        buffer[length] = '\0';
        *ret_length = length;
        return 0;
}

static int read_file_at(int dir, const char *path, char *buffer, size_t size, size_t *ret_length) {
        _cleanup_close_ int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);

        return fd < 0 ? -errno : read_all(fd, buffer, size, ret_length);
}

/* proc_pid_stat(5): field 22, in ticks since the boot. The name before it may contain anything. */
static int start_of(int dir, uint64_t *ret) {
        char buffer[2048];
        size_t length;
        char *p, *saved = NULL;
        int r;

        r = read_file_at(dir, "stat", buffer, sizeof(buffer), &length);
        if (r < 0)
                return r;
        p = strrchr(buffer, ')');
        if (!p)
                return -EBADMSG;

        p = strtok_r(p + 1, " ", &saved);
        for (int field = 3; p && field < 22; field++)
                p = strtok_r(NULL, " ", &saved);
        return p ? text_to_u64(p, strlen(p), 10, UINT64_MAX, ret) : -EBADMSG;
}

/* By its table a namespace is known again where processes do not tell its number: it may have been met first by one
 * of those. */
static void set_table(struct netns_list *l, struct entry *e, uint64_t table) {
        uint64_t unnamed = NETNS_UNNAMED_MIN + table;

        e->table = table;
        if (e->place.netns < NETNS_UNNAMED_MIN && find(l, unnamed))
                drop(l, position(l, unnamed));
}

static int add_known(struct netns_list *l, struct entry *e, pid_t pid, int dir) {
        uint64_t start = 0, directory = 0, table = 0, again = 0;
        int r;

        for (size_t i = 0; i < e->n_known; i++)
                if (e->known[i].pid == pid)
                        return 0;
        if (e->n_known >= KNOWN_MAX || e->place.own)
                return 0;

        r = start_of(dir, &start);
        if (r >= 0)
                r = inode_at(dir, ".", &directory);
        if (r >= 0)
                r = inode_at(dir, "net/dev", &table);
        if (r >= 0)
                r = number_of(l, dir, &again);
        if (r < 0 || again != e->place.netns)
                return absent(r) || r >= 0 ? 0 : r;

        e->known[e->n_known++] = (struct known) { pid, start, directory };
        set_table(l, e, table);
        return 0;
}

/* 1; 0: there is no such process, or not any more. */
static int look_at(struct netns_list *l, pid_t pid) {
        _cleanup_close_ int dir = -EBADF;
        struct entry *e;
        uint64_t netns;
        int r;

        r = open_process(pid, &dir);
        if (r >= 0)
                r = number_of(l, dir, &netns);
        if (r < 0)
                return absent(r) ? 0 : r;

        r = find_or_add(l, netns, &e);
        if (r >= 0 && e)
                r = add_known(l, e, pid, dir);
        return r < 0 ? r : 1;
}

static int add_new_pid(struct netns_list *l, pid_t pid) {
        int r = grow(&l->new_pids, &l->n_new_pids_allocated, l->n_new_pids + 1, sizeof(*l->new_pids));

        if (r < 0)
                return r;
        l->new_pids[l->n_new_pids++] = pid;
        return 0;
}

static int add_candidate(struct netns_list *l, struct candidate c) {
        int r = grow(&l->candidates, &l->n_candidates_allocated, l->n_candidates + 1, sizeof(*l->candidates));

        if (r < 0)
                return r;
        l->candidates[l->n_candidates++] = c;
        return 0;
}

/* Threads have numbers, too, and /proc/TID, but are not listed there. */
static bool is_thread(pid_t pid) {
        _cleanup_close_ int fd = pidfd_open(pid, 0);

        return fd < 0 && (errno == EINVAL || errno == ENOENT);
}

/* The number that the last fork got, in our pid namespace. */
static int read_last_pid(pid_t *ret) {
        char buffer[128];
        uint64_t number;
        size_t length;
        char *p;
        int r;

        r = read_file_at(AT_FDCWD, "/proc/loadavg", buffer, sizeof(buffer), &length);
        if (r < 0)
                return r;
        buffer[strcspn(buffer, "\n")] = '\0';
        p = strrchr(buffer, ' ');
        if (!p)
                return -EBADMSG;
        r = text_to_u64(p + 1, strlen(p + 1), 10, INT32_MAX, &number);
        if (r < 0)
                return r;

        *ret = (pid_t) number;
        return 0;
}

static int read_pid_max(pid_t *ret) {
        char buffer[32];
        uint64_t number;
        size_t length;
        int r;

        r = read_file_at(AT_FDCWD, "/proc/sys/kernel/pid_max", buffer, sizeof(buffer), &length);
        if (r < 0)
                return r;
        r = text_to_u64(buffer, strcspn(buffer, "\n"), 10, INT32_MAX, &number);
        if (r < 0)
                return r;

        *ret = (pid_t) number;
        return 0;
}

static void numbers_between(pid_t old, pid_t now, pid_t pid_max, struct numbers *ret) {
        *ret = (struct numbers) { (int64_t) old + 1, pid_max, 0 };
        if (now >= old)
                ret->n = (size_t) (now - old);
        else if (old < pid_max)
                ret->n = (size_t) (pid_max - 1 - old) + (size_t) now;
        else
                /* pid_max has been made smaller meanwhile. */
                *ret = (struct numbers) { 1, pid_max, (size_t) now };
}

static pid_t numbers_at(const struct numbers *n, size_t i) {
        int64_t pid = n->first + (int64_t) i;

        return (pid_t) (pid < n->wrap ? pid : pid - n->wrap + 1);
}

static bool numbers_have(const struct numbers *n, pid_t pid) {
        int64_t i = pid >= n->first ? pid - n->first : n->wrap - n->first + pid - 1;

        return i >= 0 && (uint64_t) i < n->n;
}

/* Too many, or nobody knows which. */
static bool too_many(const struct netns_list *l) {
        return !l->numbers_known || l->numbers.n > NETNS_FORKS_MAX;
}

/* Reads all of /proc. With `follow` the new processes, which nobody else looks at, are marked. */
static int walk(struct netns_list *l, bool follow) {
        _cleanup_(closedir_p) DIR *proc = opendir("/proc");
        const struct dirent *d;

        if (!proc)
                return -errno;

        while ((errno = 0, d = readdir(proc))) {
                uint64_t pid;
                int r;

                if (text_to_u64(d->d_name, strlen(d->d_name), 10, INT32_MAX, &pid) < 0)
                        continue;
                r = look_at(l, (pid_t) pid);
                if (r > 0 && follow && (!l->numbers_known || numbers_have(&l->numbers, (pid_t) pid)))
                        r = add_new_pid(l, (pid_t) pid);
                if (r >= 0 && follow && l->numbers_known && numbers_have(&l->numbers, (pid_t) pid))
                        r = add_candidate(l, (struct candidate) { (pid_t) pid, CANDIDATE_LOOKS - 1, true });
                if (r < 0)
                        return r;
        }

        return -errno;
}

static int look_at_candidates(struct netns_list *l) {
        size_t n = 0;

        for (size_t i = 0; i < l->n_candidates; i++) {
                struct candidate c = l->candidates[i];
                int r;

                if (is_thread(c.pid))
                        continue;
                r = look_at(l, c.pid);
                if (r > 0 && !c.seen)
                        r = add_new_pid(l, c.pid) ?: 1;
                if (r < 0)
                        return r;
                c.seen |= r > 0;
                if (--c.looks > 0)
                        l->candidates[n++] = c;
        }

        l->n_candidates = n;
        return 0;
}

/* Mount points are printed with blanks, newlines, backslashes and '#' as \ooo (mangle() in fs/proc_namespace.c). */
static void decode_octal(char *text) {
        char *out = text;

        for (const char *p = text; *p; out++)
                if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
                    p[3] >= '0' && p[3] <= '7') {
                        *out = (char) ((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
                        p += 4;
                } else
                        *out = *p++;
        *out = '\0';
}

/* Takes number and mount point out of a line of mountinfo, proc_pid_mountinfo(5); false if it is not of a
 * network namespace. */
static bool parse_mount(char *line, uint64_t *ret_netns, const char **ret_point) {
        char *saved = NULL, *root, *point, *p;
        size_t length;

        line[strcspn(line, "\n")] = '\0';
        for (int field = 1; field <= 3; field++)
                if (!strtok_r(field == 1 ? line : NULL, " ", &saved))
                        return false;
        root = strtok_r(NULL, " ", &saved);
        point = strtok_r(NULL, " ", &saved);
        if (!root || !point || strncmp(root, "net:[", 5) != 0)
                return false;
        do
                p = strtok_r(NULL, " ", &saved);
        while (p && strcmp(p, "-") != 0);
        p = p ? strtok_r(NULL, " ", &saved) : NULL;
        length = strlen(root);
        if (!p || strcmp(p, "nsfs") != 0 || root[length - 1] != ']' ||
            text_to_u64(root + 5, length - 6, 10, INT64_MAX, ret_netns) < 0)
                return false;

        decode_octal(point);
        *ret_point = point;
        return true;
}

/* The name that ip-netns(8) knows it by; NULL if it has none there. /var/run is a link to /run nearly everywhere. */
static const char *name_below(const char *point) {
        if (strncmp(point, "/var", 4) == 0)
                point += 4;
        if (strncmp(point, run_netns, strlen(run_netns)) != 0)
                return NULL;

        point += strlen(run_netns);
        return strchr(point, '/') ? NULL : point;
}

static int add_mount(struct netns_list *l, uint64_t netns, const char *point) {
        const char *name = name_below(point);
        struct entry *e;
        int r;

        /* No way leads there by a path that is cut off. */
        if (strlen(point) >= sizeof(e->place.path))
                return 0;
        r = find_or_add(l, netns, &e);
        if (r < 0 || !e || (e->place.path[0] != '\0' && (!name || e->place.name[0] != '\0')))
                return r;

        snprintf(e->place.path, sizeof(e->place.path), "%s", point);
        if (name) {
                _cleanup_free_ char *escaped = text_escape(name, strlen(name));

                if (!escaped)
                        return -ENOMEM;
                /* A name that is cut off would be another one's. */
                if (strlen(escaped) < sizeof(e->place.name))
                        snprintf(e->place.name, sizeof(e->place.name), "%s", escaped);
        }
        return 0;
}

static int read_mounts(struct netns_list *l) {
        _cleanup_free_ char *line = NULL;
        const char *point;
        uint64_t netns;
        size_t size = 0;
        int r;

        for (size_t i = 0; i < l->n_entries; i++) {
                l->entries[i]->place.path[0] = '\0';
                l->entries[i]->place.name[0] = '\0';
        }

        rewind(l->mounts);
        while (errno = 0, getline(&line, &size, l->mounts) >= 0) {
                if (!parse_mount(line, &netns, &point))
                        continue;
                r = add_mount(l, netns, point);
                if (r < 0)
                        return r;
        }

        return -errno;
}

static bool mounts_changed(const struct netns_list *l) {
        struct pollfd p = { .fd = fileno(l->mounts), .events = POLLPRI };

        return poll(&p, 1, 0) > 0 && (p.revents & (POLLPRI | POLLERR)) != 0;
}

static int still_in(const struct netns_list *l, const struct entry *e, struct known *known) {
        _cleanup_close_ int dir = -EBADF;
        uint64_t netns = 0, start = 0, directory = 0;
        int r;

        r = open_process(known->pid, &dir);
        if (r >= 0)
                r = number_of(l, dir, &netns);
        if (r >= 0)
                r = inode_at(dir, ".", &directory);
        if (r < 0)
                return absent(r) ? 0 : r;
        if (netns != e->place.netns)
                return 0;

        /* The start costs more than all else here. The inode goes with the process, but may also be forgotten and made
         * anew: they are numbered in turn, get_next_ino() in fs/inode.c. */
        if (directory == known->directory)
                return 1;
        r = start_of(dir, &start);
        if (r < 0)
                return absent(r) ? 0 : r;
        known->directory = directory;
        return start == known->start;
}

/* Forgets processes that have ended or moved: up to the first that has not, which is enough, or all. */
static int prune(struct netns_list *l, struct entry *e, bool all) {
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < e->n_known; i++) {
                if (r >= 0 && (all || n == 0))
                        r = still_in(l, e, &e->known[i]);
                else if (r >= 0)
                        r = 1;
                if (r != 0)
                        e->known[n++] = e->known[i];
        }

        e->n_known = n;
        return r;
}

static bool reachable(const struct entry *e) {
        return e->place.own || e->n_known > 0 || e->place.path[0] != '\0';
}

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
                return vanished(-errno) || errno == ELOOP || errno == ENXIO ? -ESTALE : -errno;
        if (fstat(fd, &st) < 0 || st.st_ino != e->place.netns)
                return -ESTALE;
        if (setns(fd, CLONE_NEWNET) < 0)
                return errno == EINVAL ? -ESTALE : -errno;
        return 0;
}

/* By whatever way is left; what it is by its generation is not looked at. */
static int enter(const struct entry *e) {
        char path[64];
        int r = -ESTALE, q;

        for (size_t i = 0; i < e->n_known; i++) {
                snprintf(path, sizeof(path), "/proc/%d/ns/net", (int) e->known[i].pid);
                q = enter_by(e, path);
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

/* The generation is the kernel's cookie where it can be had, which differs over the whole boot. Elsewhere it is how
 * often the list had lost a namespace, or sight of one, before it found this one. */
static int ask_generation(struct netns_list *l, struct entry *e) {
        uint64_t generation = 0, table = 0;
        int r = 0;

        if (!e->place.own)
                r = enter(e);
        if (r >= 0) {
                r = read_cookie(&generation);
                if (inode_of("/proc/thread-self/net/dev", &table) < 0)
                        table = 0;
                netns_leave(l);
        }
        if (table != 0)
                set_table(l, e, table);
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

int netns_list_new(struct netns_list **ret) {
        _cleanup_(netns_list_free_p) struct netns_list *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        l->own_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (l->own_fd < 0)
                return -errno;
        r = netns_self(&l->own);
        if (r >= 0)
                r = inode_of("/proc/self/net/dev", &l->own_table);
        if (r < 0)
                return r;
        l->mounts = fopen("/proc/self/mountinfo", "re");
        if (!l->mounts)
                return -errno;

        *ret = steal_ptr(l);
        return 0;
}

struct netns_list *netns_list_free(struct netns_list *l) {
        if (!l)
                return NULL;

        for (size_t i = 0; i < l->n_entries; i++)
                free(l->entries[i]);
        free(l->entries);
        free(l->candidates);
        free(l->new_pids);
        close_p(&l->own_fd);
        if (l->mounts)
                (void) fclose(l->mounts);
        free(l);
        return NULL;
}

/* Before anything is looked at, so that a process forked meanwhile is new the next time. */
static void take_numbers(struct netns_list *l) {
        pid_t last = 0, pid_max = 0;

        l->numbers_known = read_last_pid(&last) >= 0 && read_pid_max(&pid_max) >= 0 && l->last_pid > 0;
        if (l->numbers_known)
                numbers_between(l->last_pid, last, pid_max, &l->numbers);
        l->last_pid = last;
}

static int look_at_new(struct netns_list *l) {
        for (size_t i = 0; i < l->numbers.n; i++) {
                int r = add_candidate(l, (struct candidate) { numbers_at(&l->numbers, i), CANDIDATE_LOOKS, false });

                if (r < 0)
                        return r;
        }

        return look_at_candidates(l);
}

/* Settles what each one is, and drops what no way leads to any more. */
static int settle(struct netns_list *l) {
        for (size_t i = 0; i < l->n_entries;) {
                struct entry *e = l->entries[i];
                int r = reachable(e) ? 0 : -ESTALE;

                if (r >= 0 && !e->sure)
                        r = ask_generation(l, e);
                if (r < 0 && r != -ESTALE)
                        return r;
                if (r == -ESTALE) {
                        /* If another process leads there, it is found by the next walk. */
                        if (e->n_known > 0)
                                l->walk_at = 0;
                        drop(l, i);
                        continue;
                }
                e->fresh = false;
                e->place.pid = e->place.own ? getpid() : e->n_known > 0 ? e->known[0].pid : 0;
                i++;
        }

        return 0;
}

static bool all_reachable(const struct netns_list *l) {
        for (size_t i = 0; i < l->n_entries; i++)
                if (!reachable(l->entries[i]))
                        return false;

        return true;
}

static int update(struct netns_list *l, bool thorough) {
        uint64_t now = clock_usec(CLOCK_MONOTONIC);
        bool due = thorough || now >= l->walk_at, changed = mounts_changed(l);
        struct entry *own;
        int r;

        l->n_new_pids = 0;
        l->full = false;
        take_numbers(l);
        r = find_or_add(l, l->own, &own);
        if (r < 0)
                return r;
        own->place.own = true;

        for (size_t i = 0; i < l->n_entries; i++) {
                struct entry *e = l->entries[i];

                r = prune(l, e, due);
                if (r < 0)
                        return r;
                /* A mount is replaced by another one with the same id and a namespace with the same inode within
                 * milliseconds: while nothing was mounted anywhere it has not been. */
                e->sure = !e->fresh && (e->place.own || e->n_known > 0 || (!changed && e->place.path[0] != '\0'));
        }

        if (changed || !l->mounts_read) {
                r = read_mounts(l);
                if (r < 0)
                        return r;
                l->mounts_read = true;
        }
        r = too_many(l) ? look_at_candidates(l) : look_at_new(l);
        if (r < 0)
                return r;
        /* Before one is declared gone all are asked. */
        if (due || too_many(l) || !all_reachable(l)) {
                r = walk(l, too_many(l));
                if (r < 0)
                        return r;
                l->walk_at = now + NETNS_WALK_USEC;
        }

        return settle(l);
}

int netns_list_update(struct netns_list *l, bool thorough) {
        int r = update(l, thorough);

        if (r < 0) {
                /* Half of it is not done: begin anew. */
                l->last_pid = 0;
                l->walk_at = 0;
                l->mounts_read = false;
                return r;
        }
        return l->full ? -E2BIG : 0;
}

size_t netns_list_count(const struct netns_list *l) {
        return l->n_entries;
}

struct netns_place *netns_list_at(struct netns_list *l, size_t index) {
        return &l->entries[index]->place;
}

struct netns_place *netns_list_find(struct netns_list *l, uint64_t netns) {
        struct entry *e = find(l, netns);

        return e ? &e->place : NULL;
}

const pid_t *netns_list_new_pids(const struct netns_list *l, size_t *ret_n) {
        *ret_n = l->n_new_pids;
        return l->new_pids;
}

int netns_enter(const struct netns_list *l, const struct netns_place *place) {
        const struct entry *e = find(l, place->netns);
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
        if (inode_of("/proc/thread-self/ns/net", &here) >= 0 && here == l->own)
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

        r = open_process(pid, &dir);
        if (r < 0)
                return vanished(r) ? -ESTALE : r;
        snprintf(path, sizeof(path), "net/%s", name);
        fd = openat(dir, path, flags | O_CLOEXEC);
        r = fd < 0 ? -errno : 0;
        if (r < 0 && !vanished(r))
                return r == -ENXIO ? -ESTALE : r;

        /* The name led to where the process was then: it is looked up once, and /proc has files of their own for each
         * namespace. */
        if (number_of(l, dir, &netns) < 0 || netns != e->place.netns)
                return -ESTALE;
        return r < 0 ? -ENOENT : steal_fd(&fd);
}

static int open_table(const struct netns_list *l, const struct netns_place *place, const char *name, int flags) {
        const struct entry *e = find(l, place->netns);
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
        struct table t;
        struct row row;
        bool any = false;
        int r, name, column;

        if (table_open(&t, text, length) < 0)
                return -EBADMSG;
        name = table_column(&t, "protocol");
        column = table_number(&t, "sockets");
        if (name < 0 || column < 0)
                return -EBADMSG;

        while ((r = table_next(&t, &row, &expected, &found)) != 0) {
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
