/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>

#include "clock.h"
#include "owner-table.h"

/* How long after a list the next one is made, as a multiple of the time that it took: where something is unknown, and
 * where nothing is, so that it takes 9 % and 2 % of a CPU at the most. Without anything unknown a process may still
 * have been handed a socket. 5,000 processes of 10 descriptors take 65 ms in an emulated guest. */
#define OWNER_LIST_UNKNOWN 10u
#define OWNER_LIST_KNOWN 50u
#define OWNER_LIST_LEAST_USEC USEC_PER_SEC
#define OWNER_LIST_MOST_USEC (10 * USEC_PER_SEC)
#define OWNER_LIST_RETRY_USEC (60 * USEC_PER_SEC)

/* What is known so far goes, but for the processes: it is in the form of the other way. */
static void change_ways(struct owner_table *t, bool listed) {
        for (size_t i = 0; i < t->n_holders; i++) {
                free(t->holders[i]->descriptors);
                t->holders[i]->descriptors = NULL;
                t->holders[i]->n_descriptors = 0;
        }
        t->n_descriptors = t->n_owners = t->n_strays = t->n_unknown = t->n_list = 0;
        t->n_new_pids = t->next_new = 0;
        t->quick = t->quick_again = t->walking = t->strays_wanted = t->list_stale = false;
        t->complete_from = t->list_at = 0;
        t->denied = t->denied_before = 0;
        t->turn = (struct place) {};
        t->listed = listed;
}

static bool is_listed(const struct owner_table *t, uint64_t inode) {
        /* The inode comes first in it. */
        return t->n_list > 0 &&
               bsearch(&inode, t->list, t->n_list, sizeof(*t->list), owner_table_compare_inode) != NULL;
}

/* What is shown and not on the list. */
static int find_unlisted(struct owner_table *t) {
        const struct owner_look *look = t->look;
        struct unknown *unknown = calloc(look->n_inodes + 1, sizeof(*unknown));
        size_t n = 0, listed = 0;

        if (!unknown)
                return -ENOMEM;
        for (size_t i = 0; i < look->n_inodes; i++) {
                const struct unknown *u;

                while (listed < t->n_list && t->list[listed].inode < look->inodes[i])
                        listed++;
                if (look->inodes[i] == 0 || (listed < t->n_list && t->list[listed].inode == look->inodes[i]))
                        continue;
                u = t->n_unknown > 0 ? owner_table_find_unknown(t, look->inodes[i]) : NULL;
                unknown[n++] = (struct unknown) { .inode = look->inodes[i], .walks = u && !u->found ? u->walks : 0 };
        }
        free(t->unknown);
        t->unknown = unknown;
        t->n_unknown = n;
        return 0;
}

static bool list_due(const struct owner_table *t) {
        const uint64_t since = clock_usec(CLOCK_MONOTONIC) - t->list_at;
        uint64_t pause;

        if (t->list_at == 0)
                return true;
        if (owner_table_count_wanted(t) > 0 || t->list_stale)
                pause = t->list_cost * OWNER_LIST_UNKNOWN;
        else if (t->look->brief)
                pause = OWNER_LIST_MOST_USEC;
        else
                pause = MAX(t->list_cost * OWNER_LIST_KNOWN, OWNER_LIST_LEAST_USEC);

        return since >= MIN(pause, OWNER_LIST_MOST_USEC);
}

/* 0: there is none, and there is a reason in `list_why`. */
static int make_list(struct owner_table *t) {
        const uint64_t cpu = clock_usec(CLOCK_THREAD_CPUTIME_ID);
        _cleanup_free_ struct record_owner *records = NULL;
        struct owner *list;
        size_t n = 0;
        int r;

        r = t->look->list(t->look->list_userdata, &records, &n, t->list_why);
        if (r < 0) {
                t->list_retry = clock_usec(CLOCK_MONOTONIC) + OWNER_LIST_RETRY_USEC;
                return 0;
        }
        list = calloc(n + 1, sizeof(*list));
        if (!list)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                list[i] = (struct owner) { records[i].inode, (pid_t) records[i].pid, (int) records[i].fd,
                                           records[i].start };

        if (!t->listed) {
                change_ways(t, true);
                if (find_unlisted(t) < 0) {
                        free(list);
                        return -ENOMEM;
                }
        }
        free(t->list);
        t->list = list;
        t->n_list = owner_table_sort_owners(list, n);
        t->list_cost = clock_usec(CLOCK_THREAD_CPUTIME_ID) - cpu;
        t->list_at = clock_usec(CLOCK_MONOTONIC);
        t->list_stale = false;
        for (size_t i = 0; i < t->n_unknown; i++) {
                t->unknown[i].found = is_listed(t, t->unknown[i].inode);
                t->unknown[i].walks += !t->unknown[i].found;
        }
        return 1;
}

static int note_owner(struct owner_table *t, const struct owner *o, uint64_t now) {
        struct holder *h = owner_table_find_holder(t, o->pid);

        if (!h) {
                int r;

                if (t->n_holders >= OWNER_PROCESSES_MAX)
                        return 0;
                r = owner_table_add_holder(t, o->pid, 0, &h);
                if (r < 0)
                        return r;
        }
        if (h->listed_start != o->start)
                h->known = false;
        h->listed_start = o->start;
        h->needed = now;
        return 0;
}

/* Owners and strays from the list. */
static int take_list(struct owner_table *t, uint64_t now) {
        _cleanup_free_ struct owner *owners = calloc(t->n_list + 1, sizeof(*owners));
        _cleanup_free_ struct owner *strays = calloc(t->n_list + 1, sizeof(*strays));
        const struct owner_look *look = t->look;
        size_t n_owners = 0, n_strays = 0, shown = 0;

        if (!owners || !strays)
                return -ENOMEM;
        for (size_t i = 0; i < t->n_list; i++) {
                const struct owner *o = t->list + i;

                while (shown < look->n_inodes && look->inodes[shown] < o->inode)
                        shown++;
                if (shown < look->n_inodes && look->inodes[shown] == o->inode)
                        owners[n_owners++] = *o;
                else if (look->strays && n_strays < OWNER_STRAYS_MAX)
                        strays[n_strays++] = *o;
                else
                        continue;
                if (note_owner(t, o, now) < 0)
                        return -ENOMEM;
        }

        free(t->owners);
        free(t->strays);
        t->owners = steal_ptr(owners);
        t->strays = steal_ptr(strays);
        t->n_owners = n_owners;
        t->n_strays = n_strays;
        return 0;
}

/* What /proc says of it. -ESRCH: it has ended. */
static int read_listed(struct owner_table *t, struct holder *h, uint64_t now) {
        uint64_t start;
        char path[32];
        bool bare;
        int r;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int) h->pid);
        r = owner_process_read_stat(AT_FDCWD, path, &start, &bare);
        if (r == -ENOENT || (r >= 0 && h->known && start != h->start))
                r = -ESRCH;
        if (r >= 0) {
                h->start = start;
                r = owner_table_read_about(h);
        }
        /* Once only: it may be hidden, too (hidepid=). */
        if (r == -ESRCH) {
                t->list_stale |= h->known && h->needed == now;
                h->known = false;
        }
        return r;
}

/* Of owners that are new, and then of some others again: they may have become other programs. */
static int read_all_listed(struct owner_table *t, uint64_t now, uint32_t *ret_waiting) {
        const uint64_t deadline = t->look->deadline;
        bool some = false;

        *ret_waiting = 0;
        for (size_t i = 0; i < t->n_holders; i++) {
                struct holder *h = t->holders[i];
                int r;

                if (h->known || h->needed != now)
                        continue;
                if (some && clock_usec(CLOCK_MONOTONIC) >= deadline) {
                        ++*ret_waiting;
                        continue;
                }
                r = read_listed(t, h, now);
                if (r == -ENOMEM)
                        return r;
                some |= r >= 0;
        }

        for (size_t k = MIN(t->n_holders, (size_t) OWNER_TURN_MAX / OWNER_TURN_PROCESS);
             k > 0 && clock_usec(CLOCK_MONOTONIC) < deadline; k--) {
                size_t i = owner_table_holder_index(t, t->turn.pid);
                struct holder *h = t->holders[i < t->n_holders ? i : 0];

                t->turn.pid = h->pid + 1;
                if (h->known && read_listed(t, h, now) == -ENOMEM)
                        return -ENOMEM;
        }

        return 0;
}

int owner_list_look(struct owner_table *t, uint32_t *ret_waiting) {
        const struct owner_look *look = t->look;
        const uint64_t now = clock_usec(CLOCK_MONOTONIC);
        int r = 1;

        if (!look->list || now < t->list_retry) {
                if (t->listed)
                        change_ways(t, false);
                return 0;
        }

        if (look->n_inodes == 0 && !look->strays) {
                if (!t->listed)
                        change_ways(t, true);
                t->n_list = 0;
                t->list_at = 0;
        }
        if (t->listed && find_unlisted(t) < 0)
                return -ENOMEM;
        if ((look->n_inodes > 0 || look->strays) && list_due(t))
                r = make_list(t);
        if (r == 0 && t->listed)
                change_ways(t, false);
        if (r <= 0)
                return r;

        r = take_list(t, now);
        if (r >= 0)
                r = read_all_listed(t, now, ret_waiting);
        if (r < 0)
                return r;
        owner_table_forget(t);
        return 1;
}
