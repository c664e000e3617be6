/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#include "netns-list.h"
#include "snapshot.h"
#include "text.h"

/* What processes tell of namespaces: which ones are new, and where each is. */

/* In how many updates a new process is looked at: it may not be there yet when its number is taken, and what starts a
 * container changes its namespace first and its program then. */
#define CANDIDATE_LOOKS 3u

DEFINE_CLEANUP(DIR *, closedir)

static bool denied(int r) {
        return r == -EACCES || r == -EPERM;
}

bool netns_process_vanished(int r) {
        return r == -ENOENT || r == -ESRCH;
}

/* What is as if it were not there; anything else, a lack of descriptors for instance, is no news of it. */
static bool absent(int r) {
        return netns_process_vanished(r) || denied(r);
}

static int inode_at(int dir, const char *path, uint64_t *ret) {
        struct stat st;

        if (fstatat(dir, path, &st, 0) < 0)
                return -errno;

        *ret = st.st_ino;
        return 0;
}

int netns_process_number(const struct netns_list *l, int dir, uint64_t *ret) {
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

int netns_process_open(pid_t pid, int *ret) {
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

static int add_known(struct netns_list *l, struct entry *e, pid_t pid, int dir) {
        uint64_t start = 0, directory = 0, table = 0, again = 0;
        int r;

        for (size_t i = 0; i < e->n_known; i++)
                if (e->known[i].pid == pid)
                        return 0;
        if (e->n_known >= NETNS_KNOWN_MAX || e->place.own)
                return 0;

        r = start_of(dir, &start);
        if (r >= 0)
                r = inode_at(dir, ".", &directory);
        if (r >= 0)
                r = inode_at(dir, "net/dev", &table);
        if (r >= 0)
                r = netns_process_number(l, dir, &again);
        if (r < 0 || again != e->place.netns)
                return absent(r) || r >= 0 ? 0 : r;

        e->known[e->n_known++] = (struct known) { pid, start, directory };
        netns_list_set_table(l, e, table);
        return 0;
}

/* 1; 0: there is no such process, or not any more. */
static int look_at(struct netns_list *l, pid_t pid) {
        _cleanup_close_ int dir = -EBADF;
        struct entry *e;
        uint64_t netns;
        int r;

        r = netns_process_open(pid, &dir);
        if (r >= 0)
                r = netns_process_number(l, dir, &netns);
        if (r < 0)
                return absent(r) ? 0 : r;

        r = netns_list_find_or_add(l, netns, &e);
        if (r >= 0 && e)
                r = add_known(l, e, pid, dir);
        return r < 0 ? r : 1;
}

static int add_new_pid(struct netns_list *l, pid_t pid) {
        int r = netns_list_grow(&l->new_pids, &l->n_new_pids_allocated, l->n_new_pids + 1, sizeof(*l->new_pids));

        if (r < 0)
                return r;
        l->new_pids[l->n_new_pids++] = pid;
        return 0;
}

static int add_candidate(struct netns_list *l, struct candidate c) {
        int r = netns_list_grow(&l->candidates, &l->n_candidates_allocated, l->n_candidates + 1,
                                sizeof(*l->candidates));

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

bool netns_process_too_many(const struct netns_list *l) {
        return !l->numbers_known || l->numbers.n > NETNS_FORKS_MAX;
}

int netns_process_walk(struct netns_list *l, bool follow) {
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

int netns_process_look_at_candidates(struct netns_list *l) {
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

static int still_in(const struct netns_list *l, const struct entry *e, struct known *known) {
        _cleanup_close_ int dir = -EBADF;
        uint64_t netns = 0, start = 0, directory = 0;
        int r;

        r = netns_process_open(known->pid, &dir);
        if (r >= 0)
                r = netns_process_number(l, dir, &netns);
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

int netns_process_prune(struct netns_list *l, struct entry *e, bool all) {
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

void netns_process_take_numbers(struct netns_list *l) {
        pid_t last = 0, pid_max = 0;

        l->numbers_known = read_last_pid(&last) >= 0 && read_pid_max(&pid_max) >= 0 && l->last_pid > 0;
        if (l->numbers_known)
                numbers_between(l->last_pid, last, pid_max, &l->numbers);
        l->last_pid = last;
}

int netns_process_look_at_new(struct netns_list *l) {
        for (size_t i = 0; i < l->numbers.n; i++) {
                int r = add_candidate(l, (struct candidate) { numbers_at(&l->numbers, i), CANDIDATE_LOOKS, false });

                if (r < 0)
                        return r;
        }

        return netns_process_look_at_candidates(l);
}
