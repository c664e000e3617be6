/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "netns-list.h"
#include "snapshot.h"
#include "text.h"

/* iproute2's own directory, in which the names of `ip netns` are mounted. */
static const char run_netns[] = "/run/netns/";

int netns_inode_of(const char *path, uint64_t *ret) {
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;

        *ret = st.st_ino;
        return 0;
}

int netns_self(uint64_t *ret) {
        return netns_inode_of("/proc/self/ns/net", ret);
}

static int resolve_pid(const char *pid, uint64_t *ret) {
        char path[64], net[64];
        uint64_t theirs = 0, ours = 0;
        int r;

        snprintf(path, sizeof(path), "/proc/%s/ns/net", pid);
        r = netns_inode_of(path, ret);
        if (r != -EACCES && r != -EPERM)
                return r;

        /* Without CAP_SYS_PTRACE the link is not ours to follow, but /proc/PID/net has one inode for each
         * file and namespace, so that ours can be told from another. */
        snprintf(net, sizeof(net), "/proc/%s/net/dev", pid);
        r = netns_inode_of(net, &theirs);
        if (r < 0)
                return r;
        r = netns_inode_of("/proc/self/net/dev", &ours);
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
                r = netns_inode_of(path, &number);
        }
        if (r < 0)
                return r == -ERANGE ? -EINVAL : r;

        *ret_all = false;
        *ret = number;
        return 0;
}

int netns_list_grow(void *array, size_t *allocated, size_t needed, size_t size) {
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

struct entry *netns_list_entry(const struct netns_list *l, uint64_t netns) {
        size_t i = position(l, netns);

        return i < l->n_entries && l->entries[i]->place.netns == netns ? l->entries[i] : NULL;
}

static void drop(struct netns_list *l, size_t i) {
        free(l->entries[i]);
        memmove(l->entries + i, l->entries + i + 1, (l->n_entries - i - 1) * sizeof(*l->entries));
        l->n_entries--;
        l->lost++;
}

int netns_list_find_or_add(struct netns_list *l, uint64_t netns, struct entry **ret) {
        struct entry *e = netns_list_entry(l, netns);
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

        r = netns_list_grow(&l->entries, &l->n_allocated, l->n_entries + 1, sizeof(*l->entries));
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

void netns_list_set_table(struct netns_list *l, struct entry *e, uint64_t table) {
        uint64_t unnamed = NETNS_UNNAMED_MIN + table;

        e->table = table;
        if (e->place.netns < NETNS_UNNAMED_MIN && netns_list_entry(l, unnamed))
                drop(l, position(l, unnamed));
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
        r = netns_list_find_or_add(l, netns, &e);
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

static bool reachable(const struct entry *e) {
        return e->place.own || e->n_known > 0 || e->place.path[0] != '\0';
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
                r = netns_inode_of("/proc/self/net/dev", &l->own_table);
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

/* Settles what each one is, and drops what no way leads to any more. */
static int settle(struct netns_list *l) {
        for (size_t i = 0; i < l->n_entries;) {
                struct entry *e = l->entries[i];
                int r = reachable(e) ? 0 : -ESTALE;

                if (r >= 0 && !e->sure)
                        r = netns_enter_ask_generation(l, e);
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
        netns_process_take_numbers(l);
        r = netns_list_find_or_add(l, l->own, &own);
        if (r < 0)
                return r;
        own->place.own = true;

        for (size_t i = 0; i < l->n_entries; i++) {
                struct entry *e = l->entries[i];

                r = netns_process_prune(l, e, due);
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
        r = netns_process_too_many(l) ? netns_process_look_at_candidates(l) : netns_process_look_at_new(l);
        if (r < 0)
                return r;
        /* Before one is declared gone all are asked. */
        if (due || netns_process_too_many(l) || !all_reachable(l)) {
                r = netns_process_walk(l, netns_process_too_many(l));
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
        struct entry *e = netns_list_entry(l, netns);

        return e ? &e->place : NULL;
}

const pid_t *netns_list_new_pids(const struct netns_list *l, size_t *ret_n) {
        *ret_n = l->n_new_pids;
        return l->new_pids;
}
