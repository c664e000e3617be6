/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "clock.h"
#include "owner-table.h"

/* Two ways: by a list of all descriptors of SCTP sockets, where the kernel makes one (owner-list.c), or by /proc
 * (owner-walk.c). */

/* A socket is in the tables before accept() has given it a descriptor: one walk may just have missed it. */
#define OWNER_WALKS_MAX 2u
/* How long a process is still looked at first that had a socket of ours: many clients connect again and again. */
#define OWNER_LINGER_USEC (60 * USEC_PER_SEC)

int owner_table_new(struct owner_table **ret) {
        struct owner_table *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;

        t->walk = 1;
        *ret = t;
        return 0;
}

static struct holder *holder_free(struct holder *h) {
        if (!h)
                return NULL;

        free(h->descriptors);
        free(h);
        return NULL;
}

struct owner_table *owner_table_free(struct owner_table *t) {
        if (!t)
                return NULL;

        for (size_t i = 0; i < t->n_holders; i++)
                holder_free(t->holders[i]);
        free(t->holders);
        free(t->owners);
        index_done(&t->by_inode);
        free(t->strays);
        free(t->unknown);
        free(t->new_pids);
        free(t->pids);
        free(t->list);
        free(t);
        return NULL;
}

size_t owner_table_holder_index(const struct owner_table *t, pid_t pid) {
        size_t low = 0, high = t->n_holders;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (t->holders[middle]->pid < pid)
                        low = middle + 1;
                else
                        high = middle;
        }

        return low;
}

struct holder *owner_table_find_holder(const struct owner_table *t, pid_t pid) {
        size_t i = owner_table_holder_index(t, pid);

        return i < t->n_holders && t->holders[i]->pid == pid ? t->holders[i] : NULL;
}

void owner_table_drop_holder(struct owner_table *t, pid_t pid) {
        size_t i = owner_table_holder_index(t, pid);

        if (i >= t->n_holders || t->holders[i]->pid != pid)
                return;

        t->n_descriptors -= t->holders[i]->n_descriptors;
        holder_free(t->holders[i]);
        memmove(t->holders + i, t->holders + i + 1, (--t->n_holders - i) * sizeof(*t->holders));
        t->dirty = true;
}

int owner_table_add_holder(struct owner_table *t, pid_t pid, uint64_t start, struct holder **ret) {
        size_t i = owner_table_holder_index(t, pid);
        struct holder **holders, *h;

        holders = reallocarray(t->holders, t->n_holders + 1, sizeof(*holders));
        if (!holders)
                return -ENOMEM;
        t->holders = holders;
        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;

        h->pid = pid;
        h->start = start;
        memmove(holders + i + 1, holders + i, (t->n_holders++ - i) * sizeof(*holders));
        *ret = holders[i] = h;
        return 0;
}

int owner_table_compare_inode(const void *a, const void *b) {
        return CMP(*(const uint64_t *) a, *(const uint64_t *) b);
}

bool owner_table_is_shown(const struct owner_table *t, uint64_t inode) {
        return t->look->n_inodes > 0 &&
               bsearch(&inode, t->look->inodes, t->look->n_inodes, sizeof(inode), owner_table_compare_inode) != NULL;
}

struct unknown *owner_table_find_unknown(const struct owner_table *t, uint64_t inode) {
        /* The inode comes first in it. */
        return bsearch(&inode, t->unknown, t->n_unknown, sizeof(*t->unknown), owner_table_compare_inode);
}

size_t owner_table_count_wanted(const struct owner_table *t) {
        size_t n = 0;

        for (size_t i = 0; i < t->n_unknown; i++)
                n += !t->unknown[i].found && t->unknown[i].walks < OWNER_WALKS_MAX;

        return n;
}

int owner_table_read_about(struct holder *h) {
        struct owner_process process;
        int r = owner_process_read(NULL, h->pid, &process);

        if (r >= 0) {
                h->process = process;
                h->known = true;
        }
        return r;
}

static int compare_owner(const void *a, const void *b) {
        const struct owner *x = a, *y = b;

        return CMP(x->inode, y->inode) ?: CMP(x->pid, y->pid) ?: CMP(x->fd, y->fd);
}

size_t owner_table_sort_owners(struct owner *owners, size_t n) {
        size_t kept = 0;

        qsort(owners, n, sizeof(*owners), compare_owner);
        for (size_t i = 0; i < n; i++)
                if (kept == 0 || owners[kept - 1].inode != owners[i].inode || owners[kept - 1].pid != owners[i].pid)
                        owners[kept++] = owners[i];

        return kept;
}

void owner_table_forget(struct owner_table *t) {
        const uint64_t now = clock_usec(CLOCK_MONOTONIC);

        for (size_t i = t->n_holders; i-- > 0;) {
                struct holder *h = t->holders[i];
                size_t k = 0;

                while (k < h->n_descriptors && h->descriptors[k].kind != KIND_SHOWN &&
                       h->descriptors[k].kind != KIND_STRAY)
                        k++;
                if (k < h->n_descriptors || h->needed == 0)
                        h->needed = now;
                else if (now - h->needed > OWNER_LINGER_USEC)
                        owner_table_drop_holder(t, h->pid);
        }
}

static int index_owners(struct owner_table *t) {
        int r;

        r = index_init(&t->by_inode, t->n_owners);
        for (size_t i = 0; r >= 0 && i < t->n_owners; i++)
                if (i == 0 || t->owners[i - 1].inode != t->owners[i].inode)
                        index_add(&t->by_inode, index_hash(t->owners[i].inode), (uint32_t) i);

        return r;
}

int owner_table_look(struct owner_table *t, const struct owner_look *look, struct source_report *report) {
        const uint64_t start = clock_usec(CLOCK_MONOTONIC);
        const char *why;
        int r;

        *report = (struct source_report) { .result = SOURCE_READ, .last_run = clock_usec(CLOCK_REALTIME) };
        index_done(&t->by_inode);
        t->look = look;
        t->n_read = 0;
        r = owner_list_look(t, &report->waiting);
        if (r == 0)
                r = owner_walk_look(t);
        t->look = NULL;
        if (r == -ENOMEM || index_owners(t) < 0)
                return -ENOMEM;
        /* /proc is not there, or there is no descriptor left to open it with: next time. */
        if (r < 0) {
                report->result = SOURCE_FAILED;
                report->error = -r;
                snprintf(report->text, sizeof(report->text), "/proc: %s", strerror(-r));
        }

        for (size_t i = 0; i < t->n_unknown; i++)
                report->waiting += !t->unknown[i].found && t->unknown[i].walks == 0;
        report->waiting += (uint32_t) (t->n_new_pids - t->next_new) + owner_walk_strays_due(t);
        report->rows = (uint32_t) (t->listed ? t->n_list : t->n_read);
        report->duration_usec = clock_usec(CLOCK_MONOTONIC) - start;

        why = look->list ? t->list_why : look->list_why;
        if (report->result == SOURCE_READ && owner_table_denied(t) > 0)
                snprintf(report->text, sizeof(report->text),
                         "descriptors of %u processes may not be read (CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH)",
                         owner_table_denied(t));
        else if (report->result == SOURCE_READ && !t->listed && why)
                snprintf(report->text, sizeof(report->text), "taken from /proc: %.100s", why);
        return 0;
}

unsigned owner_table_denied(const struct owner_table *t) {
        return MAX(t->denied, t->denied_before);
}

size_t owner_table_get(const struct owner_table *t, uint64_t inode, const struct owner **ret) {
        size_t cursor = 0, n = 1;
        uint32_t first;

        if (!t->by_inode.slots)
                return 0;
        do
                if (!index_next(&t->by_inode, index_hash(inode), &cursor, &first))
                        return 0;
        while (t->owners[first].inode != inode);
        while (first + n < t->n_owners && t->owners[first + n].inode == inode)
                n++;

        *ret = t->owners + first;
        return n;
}

const struct owner *owner_table_strays(const struct owner_table *t, size_t *ret_n) {
        *ret_n = t->n_strays;
        return t->strays;
}

const struct owner_process *owner_table_process(const struct owner_table *t, pid_t pid) {
        const struct holder *h = owner_table_find_holder(t, pid);

        return h && h->known ? &h->process : NULL;
}
