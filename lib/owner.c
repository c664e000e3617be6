/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/xattr.h>

#include "clock.h"
#include "owner.h"
#include "text.h"

/* Two ways: by a list of all descriptors of SCTP sockets, where the kernel makes one, or by /proc.
 *
 * How /proc stays right without reading everything at every look: listing the numbers of a process's descriptors is
 * cheap, reading where each leads to is not. Of a process that has sockets of ours ("holder") it is remembered where
 * each of its descriptors led to. When an inode is unknown, of the holders only those descriptors are read that are
 * new, or that led to a socket which is no longer shown (it was closed, its number may be in use again). A number
 * that was closed and used again for a new socket, after it led to something that is not SCTP's, is not noticed so:
 * where the inode is still unknown then, every descriptor of every process is read ("walk"), holders first. And one
 * that led to a socket which is still shown, because another process has it, too, is noticed when its turn comes: at
 * each look some descriptors that are known are read again. A process that was handed a known socket by another one
 * (SCM_RIGHTS) is noticed when a walk comes by. */

/* Processes that are remembered, and all of their descriptors; those that do not lead to sockets that are shown make up
 * half of them at the most. */
#ifndef OWNER_PROCESSES_MAX
#define OWNER_PROCESSES_MAX SNAPSHOT_PROCESSES_MAX
#endif
#ifndef OWNER_DESCRIPTORS_MAX
#define OWNER_DESCRIPTORS_MAX 2097152u
#endif
/* New processes that wait to be looked at; when there are more, all are looked at. */
#ifndef OWNER_NEW_MAX
#define OWNER_NEW_MAX 65536u
#endif
/* Descriptors that are read again at each look, and what reading about a process counts as. */
#define OWNER_TURN_MAX 256u
#define OWNER_TURN_PROCESS 32u
/* A socket is in the tables before accept() has given it a descriptor: one walk may just have missed it. */
#define OWNER_WALKS_MAX 2u
/* How long a process is still looked at first that had a socket of ours: many clients connect again and again. */
#define OWNER_LINGER_USEC (60 * USEC_PER_SEC)
#define OWNER_STRAYS_EVERY_USEC (10 * USEC_PER_SEC)
/* How long after a list the next one is made, as a multiple of the time that it took: where something is unknown, and
 * where nothing is, so that it takes 9 % and 2 % of a CPU at the most. Without anything unknown a process may still
 * have been handed a socket. 5,000 processes of 10 descriptors take 65 ms in an emulated guest. */
#define OWNER_LIST_UNKNOWN 10u
#define OWNER_LIST_KNOWN 50u
#define OWNER_LIST_LEAST_USEC USEC_PER_SEC
#define OWNER_LIST_MOST_USEC (10 * USEC_PER_SEC)
#define OWNER_LIST_RETRY_USEC (60 * USEC_PER_SEC)

DEFINE_CLEANUP(DIR *, closedir)

/* PF_KTHREAD in the ninth field of /proc/PID/stat. */
#define KERNEL_THREAD 0x00200000u

enum kind {
        KIND_OTHER,                     /* no SCTP socket, or none that is wanted */
        KIND_SHOWN,
        KIND_STRAY,
        KIND_CHANGED,                   /* must be read again */
};

struct descriptor {
        uint64_t inode;                 /* of a socket; 0: something else */
        int32_t fd;
        int32_t kind;
};

struct holder {
        pid_t pid;
        uint64_t start;                 /* tells it from another one of the same pid: as /proc has it, */
        uint64_t listed_start;          /* as the list has it, in other units */
        struct descriptor *descriptors; /* ascending */
        size_t n_descriptors;
        uint64_t needed;                /* monotonic: when it had sockets last */
        bool known;
        struct owner_process process;
};

/* Where reading stopped: among the processes, and in the list of one's descriptors. */
struct place {
        pid_t pid;
        off_t position;
        int fd;                         /* the next one is not below this */
};

struct unknown {
        uint64_t inode;
        uint64_t from;                  /* the first walk that looks for it from beginning to end */
        unsigned walks;
        bool found;
};

struct owner_table {
        struct holder **holders;        /* by pid */
        size_t n_holders;
        size_t n_descriptors;
        struct owner *owners;           /* by inode, pid */
        size_t n_owners;
        struct owner *strays;
        size_t n_strays;
        bool dirty;                     /* those two have to be made anew */
        struct unknown *unknown;        /* by inode */
        size_t n_unknown;

        pid_t *new_pids;                /* first come, first served */
        size_t n_new_pids, next_new;
        struct place new_place;

        bool quick, quick_again;        /* changed descriptors of holders are being read */
        struct place quick_place;

        struct place turn;

        uint64_t walk;                  /* number of the one on its way, or else of the next */
        pid_t *pids;                    /* those that are left of it; the last is the next */
        size_t n_pids;
        bool walking;
        struct place walk_place;
        uint64_t complete_from;         /* a walk that must not end before all were looked at; 0: none */
        unsigned denied, denied_before; /* processes that may not be read: in this walk, in the last one */

        bool strays_wanted;
        uint64_t strays_from;           /* the walk that looks for them */
        uint64_t strays_at;             /* monotonic: when it ended */

        bool listed;                    /* what is known is from `list`: of the above holders, owners, strays, unknown
                                         * and turn count alone */
        bool list_stale;                /* an owner has ended */
        struct owner *list;             /* by inode, pid */
        size_t n_list;
        uint64_t list_at, list_cost;    /* monotonic: when it was made; how much time it took */
        uint64_t list_retry;            /* monotonic: when it may be tried again, after a failure: */
        char list_why[OWNER_WHY_MAX];

        const struct owner_look *look;  /* while one is under way */
        size_t n_read;
        /* Of a directory: a few hundred, after which the deadline is checked. */
        _Alignas(struct dirent64) char entries[8192];
};

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
        free(t->strays);
        free(t->unknown);
        free(t->new_pids);
        free(t->pids);
        free(t->list);
        free(t);
        return NULL;
}

/* Index of the first holder that is not below `pid`. */
static size_t holder_index(const struct owner_table *t, pid_t pid) {
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

static struct holder *find_holder(const struct owner_table *t, pid_t pid) {
        size_t i = holder_index(t, pid);

        return i < t->n_holders && t->holders[i]->pid == pid ? t->holders[i] : NULL;
}

static void drop_holder(struct owner_table *t, pid_t pid) {
        size_t i = holder_index(t, pid);

        if (i >= t->n_holders || t->holders[i]->pid != pid)
                return;

        t->n_descriptors -= t->holders[i]->n_descriptors;
        holder_free(t->holders[i]);
        memmove(t->holders + i, t->holders + i + 1, (--t->n_holders - i) * sizeof(*t->holders));
        t->dirty = true;
}

static int add_holder(struct owner_table *t, pid_t pid, uint64_t start, struct holder **ret) {
        size_t i = holder_index(t, pid);
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

static int compare_number(const void *a, const void *b) {
        return CMP(*(const uint64_t *) a, *(const uint64_t *) b);
}

static bool is_shown(const struct owner_table *t, uint64_t inode) {
        return t->look->n_inodes > 0 &&
               bsearch(&inode, t->look->inodes, t->look->n_inodes, sizeof(inode), compare_number) != NULL;
}

static struct unknown *find_unknown(const struct owner_table *t, uint64_t inode) {
        /* The inode comes first in it. */
        return bsearch(&inode, t->unknown, t->n_unknown, sizeof(*t->unknown), compare_number);
}

/* How many are still to be looked for. */
static size_t count_wanted(const struct owner_table *t) {
        size_t n = 0;

        for (size_t i = 0; i < t->n_unknown; i++)
                n += !t->unknown[i].found && t->unknown[i].walks < OWNER_WALKS_MAX;

        return n;
}

/* When the process started, in ticks since boot; whether it is one that has no descriptors at all. `dir` is its
 * directory of descriptors: another process that gets the number is not read by mistake. */
static int read_stat(int dir, const char *path, uint64_t *ret_start, bool *ret_bare) {
        _cleanup_close_ int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
        uint64_t flags = 0, start;
        char text[2048], *field, state = 0;
        ssize_t length;
        int r;

        if (fd < 0)
                return -errno;
        length = read(fd, text, sizeof(text) - 1);
        if (length <= 0)
                return length < 0 ? -errno : -ESRCH;
        text[length] = '\0';

        /* The name is the second field, in parentheses, and may have parentheses and blanks of its own. */
        field = strrchr(text, ')');
        for (unsigned n = 3; n <= 22; n++) {
                field = field ? strchr(field, ' ') : NULL;
                if (!field)
                        return -EBADMSG;
                field++;
                if (n == 3)
                        state = *field;
                else if (n == 9 && text_to_u64(field, strcspn(field, " "), 10, UINT32_MAX, &flags) < 0)
                        return -EBADMSG;
        }
        r = text_to_u64(field, strcspn(field, " "), 10, UINT64_MAX, &start);
        if (r < 0)
                return r;

        *ret_start = start;
        *ret_bare = (flags & KERNEL_THREAD) || state == 'Z' || state == 'X';
        return 0;
}

/* Inode of the socket that the descriptor leads to, 0 if it is something else. */
static int read_link(int dir, const char *name, uint64_t *ret) {
        static const char prefix[] = "socket:[";
        const size_t skip = sizeof(prefix) - 1;
        uint64_t inode = 0;
        char target[64];
        ssize_t n;

        n = readlinkat(dir, name, target, sizeof(target));
        if (n < 0)
                return -errno;
        if ((size_t) n > skip + 1 && memcmp(target, prefix, skip) == 0 && target[n - 1] == ']' &&
            text_to_u64(target + skip, (size_t) n - skip - 1, 10, UINT64_MAX, &inode) < 0)
                return -EBADMSG;

        *ret = inode;
        return 0;
}

/* The kernel tells the protocol of a socket as an extended attribute ("SCTP", "SCTPv6", with a NUL), which
 * takes no reference to it that outlives the question. */
static bool is_sctp(int dir, const char *name, int fd, uint64_t inode) {
        char path[64], protocol[16] = {};
        uint64_t again;

        snprintf(path, sizeof(path), "/proc/self/fd/%d/%d", dir, fd);
        if (getxattr(path, "system.sockprotoname", protocol, sizeof(protocol) - 1) < 0)
                return false;

        /* Between the two questions the number may have been used again. */
        return (strcmp(protocol, "SCTP") == 0 || strcmp(protocol, "SCTPv6") == 0) &&
               read_link(dir, name, &again) >= 0 && again == inode;
}

/* What has been read of one process's descriptors. */
struct reading {
        int dir;
        bool whole;                     /* those, too, that have been read before */
        const struct holder *holder;
        size_t first, old;              /* of the holder's descriptors: where this began, the next one */
        struct descriptor *found;
        size_t n_found, allocated;
        bool ours;                      /* some of them are wanted */
};

static int read_descriptor(struct owner_table *t, struct reading *r, const char *name, int fd) {
        const struct holder *h = r->holder;
        struct descriptor d = { .fd = fd };
        const struct descriptor *old;
        struct unknown *unknown;
        int error;

        while (h && r->old < h->n_descriptors && h->descriptors[r->old].fd < fd)
                r->old++;
        old = h && r->old < h->n_descriptors && h->descriptors[r->old].fd == fd ? h->descriptors + r->old : NULL;

        if (!r->whole && old && old->kind != KIND_CHANGED)
                d = *old;
        else {
                error = read_link(r->dir, name, &d.inode);
                if (error < 0)
                        /* It has been closed since, or the process has ended. */
                        return error == -ENOENT || error == -ESRCH ? 0 : error;
                t->n_read++;
                if (d.inode != 0 && is_shown(t, d.inode))
                        d.kind = KIND_SHOWN;
                else if (d.inode != 0 && t->look->strays &&
                         ((old && old->kind == KIND_STRAY && old->inode == d.inode) ||
                          is_sctp(r->dir, name, fd, d.inode)))
                        d.kind = KIND_STRAY;
        }

        unknown = d.kind == KIND_SHOWN ? find_unknown(t, d.inode) : NULL;
        if (unknown)
                unknown->found = true;

        /* As many as have been passed by are going to be replaced. */
        if (t->n_descriptors - (r->old - r->first) - (old != NULL) + r->n_found >=
            OWNER_DESCRIPTORS_MAX / (d.kind == KIND_SHOWN ? 1 : 2))
                return 0;
        if (r->n_found >= r->allocated) {
                size_t more = MAX(r->allocated * 2, (size_t) 64);
                struct descriptor *bigger = reallocarray(r->found, more, sizeof(*bigger));

                if (!bigger)
                        return -ENOMEM;
                r->found = bigger;
                r->allocated = more;
        }
        r->found[r->n_found++] = d;
        r->ours |= d.kind != KIND_OTHER;
        return 0;
}

/* Puts what was read in the place of what was known of the descriptors from where it began to before `end`. */
static int replace(struct owner_table *t, struct holder *h, const struct reading *r, int end) {
        size_t from = r->first, to, n;
        struct descriptor *d;

        for (to = from; to < h->n_descriptors && h->descriptors[to].fd < end;)
                to++;

        if (to - from == r->n_found &&
            (r->n_found == 0 || memcmp(h->descriptors + from, r->found, r->n_found * sizeof(*d)) == 0))
                return 0;

        n = h->n_descriptors - (to - from) + r->n_found;
        d = h->descriptors;
        if (n > h->n_descriptors) {
                d = reallocarray(d, n, sizeof(*d));
                if (!d)
                        return -ENOMEM;
                h->descriptors = d;
        }
        memmove(d + from + r->n_found, d + to, (h->n_descriptors - to) * sizeof(*d));
        if (r->n_found > 0)
                memcpy(d + from, r->found, r->n_found * sizeof(*d));

        t->n_descriptors = t->n_descriptors - h->n_descriptors + n;
        h->n_descriptors = n;
        t->dirty = true;
        return 0;
}

/* The next few hundred entries of a process's list. 1; 0 at the end of the list. */
static int read_some(struct owner_table *t, struct reading *r, struct place *place) {
        ssize_t n = getdents64(r->dir, t->entries, sizeof(t->entries));
        const struct dirent64 *e;
        int error;

        /* The process has ended. */
        if (n < 0 && (errno == ENOENT || errno == ESRCH))
                n = 0;
        if (n < 0)
                return -errno;

        for (ssize_t i = 0; i < n; i += e->d_reclen) {
                uint64_t fd;

                e = (const struct dirent64 *) (t->entries + i);
                if (text_to_u64(e->d_name, strlen(e->d_name), 10, INT_MAX - 1, &fd) < 0 || (int) fd < place->fd)
                        continue;
                error = read_descriptor(t, r, e->d_name, (int) fd);
                if (error < 0)
                        return error;
                place->fd = (int) fd + 1;
        }

        /* A position in this list is made of the number of a descriptor, and means the same when it is opened again. */
        place->position = lseek(r->dir, 0, SEEK_CUR);
        return n > 0;
}

/* It may go by another name by now, and be in another unit: fork(), then exec(). */
static int read_about(struct holder *h) {
        struct owner_process process;
        int r = owner_process_read(NULL, h->pid, &process);

        if (r >= 0) {
                h->process = process;
                h->known = true;
        }
        return r;
}

/* Reads the descriptors of the process at `place`, those that have changed or all, until the deadline or until `most`
 * of them have been read, but some at least. 1; 0: it goes on at `place`; -EACCES: they may not be read; -ENOMEM; what
 * open() said. A process that has ended is forgotten. */
static int read_process(struct owner_table *t, struct place *place, bool whole, uint64_t deadline, size_t most) {
        struct holder *h = find_holder(t, place->pid);
        struct reading reading = { .whole = whole, .holder = h };
        _cleanup_free_ struct descriptor *found = NULL;
        const size_t n_before = t->n_read;
        _cleanup_close_ int dir = -EBADF;
        char path[32];
        uint64_t start;
        bool bare;
        int r;

        snprintf(path, sizeof(path), "/proc/%d/fd", (int) place->pid);
        dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0 && (errno == EACCES || errno == EPERM)) {
                snprintf(path, sizeof(path), "/proc/%d/stat", (int) place->pid);
                return read_stat(AT_FDCWD, path, &start, &bare) < 0 || bare ? 1 : -EACCES;
        }
        if (dir < 0 && errno != ENOENT && errno != ESRCH)
                return -errno;
        if (dir < 0) {
                drop_holder(t, place->pid);
                return 1;
        }

        if (h && (read_stat(dir, "../stat", &start, &bare) < 0 || start != h->start)) {
                drop_holder(t, place->pid);
                reading.holder = h = NULL;
        }
        if (place->position > 0)
                (void) lseek(dir, place->position, SEEK_SET);

        while (h && reading.first < h->n_descriptors && h->descriptors[reading.first].fd < place->fd)
                reading.first++;
        reading.old = reading.first;
        reading.dir = dir;
        do
                r = read_some(t, &reading, place);
        while (r > 0 && t->n_read - n_before < most && clock_usec(CLOCK_MONOTONIC) < deadline);

        found = reading.found;
        if (r < 0)
                return r;

        if (!h && reading.ours && t->n_holders < OWNER_PROCESSES_MAX) {
                int error;

                if (read_stat(dir, "../stat", &start, &bare) < 0)
                        return 1;
                error = add_holder(t, place->pid, start, &h);
                if (error < 0)
                        return error;
                (void) read_about(h);
        }
        if (h) {
                int error = replace(t, h, &reading, r == 0 ? INT_MAX : place->fd);

                if (error < 0)
                        return error;
        }

        return r == 0;
}

static bool is_full(const struct owner_table *t) {
        return t->n_descriptors >= OWNER_DESCRIPTORS_MAX || t->n_holders >= OWNER_PROCESSES_MAX;
}

/* Compares what is shown with what is known. */
static int take_over(struct owner_table *t) {
        const struct owner_look *look = t->look;
        size_t n = 0, owner = 0, before = 0, fresh = 0, matched = 0;
        _cleanup_free_ struct unknown *unknown = NULL;
        const uint64_t next_walk = t->walk + t->walking;

        unknown = calloc(look->n_inodes + 1, sizeof(*unknown));
        if (!unknown)
                return -ENOMEM;

        for (size_t i = 0; i < look->n_inodes; i++) {
                const uint64_t inode = look->inodes[i];
                const struct unknown *u;

                /* A socket that has no file. */
                if (inode == 0)
                        continue;
                while (owner < t->n_owners && t->owners[owner].inode < inode)
                        owner++;
                if (owner < t->n_owners && t->owners[owner].inode == inode) {
                        while (owner < t->n_owners && t->owners[owner].inode == inode) {
                                owner++;
                                matched++;
                        }
                        continue;
                }

                while (before < t->n_unknown && t->unknown[before].inode < inode)
                        before++;
                u = before < t->n_unknown && t->unknown[before].inode == inode ? t->unknown + before : NULL;
                /* One that was found, and is lost again; unless there was no room to remember it. */
                if (u && (!u->found || is_full(t)))
                        unknown[n++] = *u;
                else {
                        unknown[n++] = (struct unknown) { inode, next_walk, 0, false };
                        fresh++;
                }
        }
        free(t->unknown);
        t->unknown = steal_ptr(unknown);
        t->n_unknown = n;

        if (matched < t->n_owners || fresh > 0 || (t->n_strays > 0 && !look->strays))
                for (size_t i = 0; i < t->n_holders; i++)
                        for (size_t k = 0; k < t->holders[i]->n_descriptors; k++) {
                                struct descriptor *d = t->holders[i]->descriptors + k;

                                if (d->kind == KIND_SHOWN && matched < t->n_owners && !is_shown(t, d->inode)) {
                                        d->kind = KIND_CHANGED;
                                        t->dirty = true;
                                } else if (d->kind == KIND_STRAY && (!look->strays || is_shown(t, d->inode))) {
                                        d->kind = is_shown(t, d->inode) ? KIND_CHANGED : KIND_OTHER;
                                        t->dirty = true;
                                } else if (d->kind == KIND_OTHER && d->inode != 0 && fresh > 0 &&
                                           find_unknown(t, d->inode))
                                        d->kind = KIND_CHANGED;
                        }

        if (fresh > 0 && t->quick)
                t->quick_again = true;
        else if (fresh > 0) {
                t->quick = true;
                t->quick_place = (struct place) {};
        }

        if (!look->strays)
                t->strays_wanted = false;
        else if (!t->strays_wanted) {
                t->strays_wanted = true;
                t->strays_from = next_walk;
        } else if (t->strays_from < t->walk &&
                   clock_usec(CLOCK_MONOTONIC) >= t->strays_at + OWNER_STRAYS_EVERY_USEC)
                t->strays_from = next_walk;

        return 0;
}

static int queue_new(struct owner_table *t) {
        const struct owner_look *look = t->look;
        const size_t n = t->n_new_pids - t->next_new;
        pid_t *pids;

        if (look->n_inodes == 0 && !look->strays) {
                t->n_new_pids = t->next_new = 0;
                return 0;
        }
        if (n + look->n_new_pids > OWNER_NEW_MAX) {
                t->n_new_pids = t->next_new = 0;
                t->complete_from = t->walk + t->walking;
                return 0;
        }
        if (look->n_new_pids == 0)
                return 0;

        pids = calloc(n + look->n_new_pids, sizeof(*pids));
        if (!pids)
                return -ENOMEM;
        if (n > 0)
                memcpy(pids, t->new_pids + t->next_new, n * sizeof(*pids));
        memcpy(pids + n, look->new_pids, look->n_new_pids * sizeof(*pids));
        free(t->new_pids);
        t->new_pids = pids;
        t->n_new_pids = n + look->n_new_pids;
        t->next_new = 0;
        return 0;
}

static int read_new(struct owner_table *t, uint64_t deadline) {
        while (t->next_new < t->n_new_pids && clock_usec(CLOCK_MONOTONIC) < deadline) {
                int r;

                if (t->new_place.pid != t->new_pids[t->next_new])
                        t->new_place = (struct place) { .pid = t->new_pids[t->next_new] };
                r = read_process(t, &t->new_place, true, deadline, SIZE_MAX);
                if (r == -ENOMEM)
                        return r;
                if (r == 0)
                        break;
                t->next_new++;
                t->new_place = (struct place) {};
        }

        return 0;
}

/* Of the processes that have sockets of ours what has changed. */
static int read_changed(struct owner_table *t, uint64_t deadline) {
        while (t->quick && clock_usec(CLOCK_MONOTONIC) < deadline) {
                size_t i = holder_index(t, t->quick_place.pid);
                int r;

                if (i >= t->n_holders || count_wanted(t) == 0) {
                        t->quick = t->quick_again && count_wanted(t) > 0;
                        t->quick_again = false;
                        t->quick_place = (struct place) {};
                        continue;
                }
                if (t->holders[i]->pid != t->quick_place.pid)
                        t->quick_place = (struct place) { .pid = t->holders[i]->pid };
                r = read_process(t, &t->quick_place, false, deadline, SIZE_MAX);
                if (r == -ENOMEM)
                        return r;
                if (r != 0)
                        t->quick_place = (struct place) { .pid = t->quick_place.pid + 1 };
        }

        return 0;
}

/* What is known is read again, some of it at each look. */
static int read_in_turn(struct owner_table *t, uint64_t deadline) {
        const size_t n = t->n_read, n_holders = t->n_holders;

        for (size_t k = 0, processes = 0; k < n_holders && clock_usec(CLOCK_MONOTONIC) < deadline; k++) {
                const size_t spent = t->n_read - n + processes * OWNER_TURN_PROCESS;
                size_t i = holder_index(t, t->turn.pid);
                struct holder *h;
                int r;

                if (spent >= OWNER_TURN_MAX || t->n_holders == 0)
                        break;
                h = t->holders[i < t->n_holders ? i : 0];
                if (h->pid != t->turn.pid)
                        t->turn = (struct place) { .pid = h->pid };
                if (t->turn.position == 0) {
                        (void) read_about(h);
                        processes++;
                }
                r = read_process(t, &t->turn, true, deadline, OWNER_TURN_MAX - spent);
                if (r == -ENOMEM)
                        return r;
                if (r != 0)
                        t->turn = (struct place) { .pid = t->turn.pid + 1 };
                else
                        break;
        }

        return 0;
}

/* A list of all processes, in the order from its end: those that have sockets of ours, then the newest first. */
static int start_walk(struct owner_table *t) {
        _cleanup_(closedir_p) DIR *proc = opendir("/proc");
        size_t n = 0, allocated = t->n_holders + 1024;
        _cleanup_free_ pid_t *pids = NULL;
        const struct dirent *e;

        if (!proc)
                return -errno;
        pids = calloc(allocated, sizeof(*pids));
        if (!pids)
                return -ENOMEM;

        while ((e = readdir(proc))) {
                uint64_t pid;

                if (text_to_u64(e->d_name, strlen(e->d_name), 10, INT_MAX, &pid) < 0 || find_holder(t, (pid_t) pid))
                        continue;
                if (n + t->n_holders >= allocated) {
                        pid_t *bigger = reallocarray(pids, allocated *= 2, sizeof(*pids));

                        if (!bigger)
                                return -ENOMEM;
                        pids = bigger;
                }
                pids[n++] = (pid_t) pid;
        }
        for (size_t i = 0; i < t->n_holders; i++)
                pids[n++] = t->holders[i]->pid;

        free(t->pids);
        t->pids = steal_ptr(pids);
        t->n_pids = n;
        t->walk_place = (struct place) {};
        t->denied = 0;
        t->walking = true;
        return 0;
}

static void end_walk(struct owner_table *t) {
        for (size_t i = 0; i < t->n_unknown; i++) {
                struct unknown *u = t->unknown + i;

                if (!u->found && u->from <= t->walk)
                        u->walks++;
        }
        if (t->strays_wanted && t->strays_from <= t->walk)
                t->strays_at = clock_usec(CLOCK_MONOTONIC);
        if (t->complete_from <= t->walk)
                t->complete_from = 0;

        t->denied_before = t->denied;
        t->walking = false;
        t->walk++;
}

static bool strays_due(const struct owner_table *t) {
        return t->strays_wanted && t->strays_from >= t->walk;
}

/* Every descriptor of every process, while that can tell something. A process that turns up only now may have handed
 * its sockets to others before they were shown, by fork() for instance: then it goes on to the end. One walk at a look,
 * so that the next one comes later; and a step of it at each, however little time there was, or it might never end. */
static int walk(struct owner_table *t, uint64_t deadline) {
        do {
                size_t n_holders;
                int r;

                if (count_wanted(t) == 0 && !strays_due(t) && t->complete_from == 0) {
                        t->walking = false;
                        break;
                }
                if (!t->walking) {
                        r = start_walk(t);
                        if (r < 0)
                                return r;
                }
                if (t->n_pids == 0) {
                        end_walk(t);
                        break;
                }

                if (t->walk_place.pid != t->pids[t->n_pids - 1])
                        t->walk_place = (struct place) { .pid = t->pids[t->n_pids - 1] };
                n_holders = t->n_holders;
                r = read_process(t, &t->walk_place, true, deadline, SIZE_MAX);
                if (r < 0 && r != -EACCES)
                        return r;
                if (t->n_holders > n_holders && t->complete_from == 0)
                        t->complete_from = t->walk;
                t->denied += r == -EACCES;
                if (r == 0)
                        break;
                t->n_pids--;
                t->walk_place = (struct place) {};
        } while (clock_usec(CLOCK_MONOTONIC) < deadline);

        return 0;
}

static int compare_owner(const void *a, const void *b) {
        const struct owner *x = a, *y = b;

        return CMP(x->inode, y->inode) ?: CMP(x->pid, y->pid) ?: CMP(x->fd, y->fd);
}

/* Sorted, and of each inode and process the lowest descriptor. */
static size_t sort_owners(struct owner *owners, size_t n) {
        size_t kept = 0;

        qsort(owners, n, sizeof(*owners), compare_owner);
        for (size_t i = 0; i < n; i++)
                if (kept == 0 || owners[kept - 1].inode != owners[i].inode || owners[kept - 1].pid != owners[i].pid)
                        owners[kept++] = owners[i];

        return kept;
}

static int make_owners(struct owner_table *t) {
        _cleanup_free_ struct owner *owners = NULL, *strays = NULL;
        size_t n_owners = 0, n_strays = 0;

        for (size_t i = 0; i < t->n_holders; i++)
                for (size_t k = 0; k < t->holders[i]->n_descriptors; k++) {
                        n_owners += t->holders[i]->descriptors[k].kind == KIND_SHOWN;
                        n_strays += t->holders[i]->descriptors[k].kind == KIND_STRAY;
                }
        owners = calloc(n_owners + 1, sizeof(*owners));
        strays = calloc(n_strays + 1, sizeof(*strays));
        if (!owners || !strays)
                return -ENOMEM;

        n_owners = n_strays = 0;
        for (size_t i = 0; i < t->n_holders; i++)
                for (size_t k = 0; k < t->holders[i]->n_descriptors; k++) {
                        const struct descriptor *d = t->holders[i]->descriptors + k;
                        const struct owner o = { d->inode, t->holders[i]->pid, d->fd, 0 };

                        if (d->kind == KIND_SHOWN)
                                owners[n_owners++] = o;
                        else if (d->kind == KIND_STRAY)
                                strays[n_strays++] = o;
                }

        free(t->owners);
        free(t->strays);
        t->n_owners = sort_owners(owners, n_owners);
        t->n_strays = MIN(sort_owners(strays, n_strays), (size_t) OWNER_STRAYS_MAX);
        t->owners = steal_ptr(owners);
        t->strays = steal_ptr(strays);
        t->dirty = false;
        return 0;
}

/* Forgets processes that have had no socket of ours for a while. */
static void forget(struct owner_table *t) {
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
                        drop_holder(t, h->pid);
        }
}

/* Half of the time that is left: none keeps those after it from their share. */
static uint64_t halfway(uint64_t deadline) {
        const uint64_t now = clock_usec(CLOCK_MONOTONIC);

        return now < deadline ? now + (deadline - now) / 2 : now;
}

static int look_at_all(struct owner_table *t) {
        const uint64_t deadline = t->look->deadline;
        int r;

        r = take_over(t);
        if (r >= 0)
                r = queue_new(t);
        if (r >= 0)
                r = read_new(t, halfway(deadline));
        if (r >= 0)
                r = read_changed(t, halfway(deadline));
        if (r >= 0)
                r = read_in_turn(t, halfway(deadline));
        if (r >= 0)
                r = walk(t, deadline);
        if (r == -ENOMEM)
                return r;

        forget(t);
        if (t->dirty && make_owners(t) < 0)
                return -ENOMEM;
        return r;
}

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
        return t->n_list > 0 && bsearch(&inode, t->list, t->n_list, sizeof(*t->list), compare_number) != NULL;
}

/* What is shown and not on the list. */
static int find_unlisted(struct owner_table *t) {
        const struct owner_look *look = t->look;
        struct unknown *unknown = calloc(look->n_inodes + 1, sizeof(*unknown));
        size_t n = 0;

        if (!unknown)
                return -ENOMEM;
        for (size_t i = 0; i < look->n_inodes; i++) {
                const struct unknown *u;

                if (look->inodes[i] == 0 || is_listed(t, look->inodes[i]))
                        continue;
                u = t->n_unknown > 0 ? find_unknown(t, look->inodes[i]) : NULL;
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
        if (count_wanted(t) > 0 || t->list_stale)
                pause = t->list_cost * OWNER_LIST_UNKNOWN;
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
        t->n_list = sort_owners(list, n);
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
        struct holder *h = find_holder(t, o->pid);

        if (!h) {
                int r;

                if (t->n_holders >= OWNER_PROCESSES_MAX)
                        return 0;
                r = add_holder(t, o->pid, 0, &h);
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
        size_t n_owners = 0, n_strays = 0;

        if (!owners || !strays)
                return -ENOMEM;
        for (size_t i = 0; i < t->n_list; i++) {
                const struct owner *o = t->list + i;

                if (is_shown(t, o->inode))
                        owners[n_owners++] = *o;
                else if (t->look->strays && n_strays < OWNER_STRAYS_MAX)
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
        r = read_stat(AT_FDCWD, path, &start, &bare);
        if (r == -ENOENT || (r >= 0 && h->known && start != h->start))
                r = -ESRCH;
        if (r >= 0) {
                h->start = start;
                r = read_about(h);
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
                size_t i = holder_index(t, t->turn.pid);
                struct holder *h = t->holders[i < t->n_holders ? i : 0];

                t->turn.pid = h->pid + 1;
                if (h->known && read_listed(t, h, now) == -ENOMEM)
                        return -ENOMEM;
        }

        return 0;
}

/* 1; 0: there is no list, /proc is to be read. */
static int look_at_list(struct owner_table *t, uint32_t *ret_waiting) {
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
        forget(t);
        return 1;
}

int owner_table_look(struct owner_table *t, const struct owner_look *look, struct source_report *report) {
        const uint64_t start = clock_usec(CLOCK_MONOTONIC);
        const char *why;
        int r;

        *report = (struct source_report) { .result = SOURCE_READ, .last_run = clock_usec(CLOCK_REALTIME) };
        t->look = look;
        t->n_read = 0;
        r = look_at_list(t, &report->waiting);
        if (r == 0)
                r = look_at_all(t);
        t->look = NULL;
        if (r == -ENOMEM)
                return r;
        /* /proc is not there, or there is no descriptor left to open it with: next time. */
        if (r < 0) {
                report->result = SOURCE_FAILED;
                report->error = -r;
                snprintf(report->text, sizeof(report->text), "/proc: %s", strerror(-r));
        }

        for (size_t i = 0; i < t->n_unknown; i++)
                report->waiting += !t->unknown[i].found && t->unknown[i].walks == 0;
        report->waiting += (uint32_t) (t->n_new_pids - t->next_new) + strays_due(t);
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
        size_t first, n = 1;
        const struct owner *o;

        o = t->n_owners > 0 ? bsearch(&inode, t->owners, t->n_owners, sizeof(*t->owners), compare_number) : NULL;
        if (!o)
                return 0;

        for (first = (size_t) (o - t->owners); first > 0 && t->owners[first - 1].inode == inode;)
                first--;
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
        const struct holder *h = find_holder(t, pid);

        return h && h->known ? &h->process : NULL;
}
