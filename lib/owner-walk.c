/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/xattr.h>

#include "clock.h"
#include "owner-table.h"
#include "text.h"

/* How /proc stays right without reading everything at every look: listing the numbers of a process's descriptors is
 * cheap, reading where each leads to is not. Of a process that has sockets of ours ("holder") it is remembered where
 * each of its descriptors led to. When an inode is unknown, of the holders only those descriptors are read that are
 * new, or that led to a socket which is no longer shown (it was closed, its number may be in use again). A number
 * that was closed and used again for a new socket, after it led to something that is not SCTP's, is not noticed so:
 * where the inode is still unknown then, every descriptor of every process is read ("walk"), holders first. And one
 * that led to a socket which is still shown, because another process has it, too, is noticed when its turn comes: at
 * each look some descriptors that are known are read again. A process that was handed a known socket by another one
 * (SCM_RIGHTS) is noticed when a walk comes by. */

/* New processes that wait to be looked at; when there are more, all are looked at. */
#ifndef OWNER_NEW_MAX
#define OWNER_NEW_MAX 65536u
#endif
#define OWNER_STRAYS_EVERY_USEC (10 * USEC_PER_SEC)

DEFINE_CLEANUP(DIR *, closedir)

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
                if (d.inode != 0 && owner_table_is_shown(t, d.inode))
                        d.kind = KIND_SHOWN;
                else if (d.inode != 0 && t->look->strays &&
                         ((old && old->kind == KIND_STRAY && old->inode == d.inode) ||
                          is_sctp(r->dir, name, fd, d.inode)))
                        d.kind = KIND_STRAY;
        }

        unknown = d.kind == KIND_SHOWN ? owner_table_find_unknown(t, d.inode) : NULL;
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

/* Reads the descriptors of the process at `place`, those that have changed or all, until the deadline or until `most`
 * of them have been read, but some at least. 1; 0: it goes on at `place`; -EACCES: they may not be read; -ENOMEM; what
 * open() said. A process that has ended is forgotten. */
static int read_process(struct owner_table *t, struct place *place, bool whole, uint64_t deadline, size_t most) {
        struct holder *h = owner_table_find_holder(t, place->pid);
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
                return owner_process_read_stat(AT_FDCWD, path, &start, &bare) < 0 || bare ? 1 : -EACCES;
        }
        if (dir < 0 && errno != ENOENT && errno != ESRCH)
                return -errno;
        if (dir < 0) {
                owner_table_drop_holder(t, place->pid);
                return 1;
        }

        if (h && (owner_process_read_stat(dir, "../stat", &start, &bare) < 0 || start != h->start)) {
                owner_table_drop_holder(t, place->pid);
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

                if (owner_process_read_stat(dir, "../stat", &start, &bare) < 0)
                        return 1;
                error = owner_table_add_holder(t, place->pid, start, &h);
                if (error < 0)
                        return error;
                (void) owner_table_read_about(h);
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

                                if (d->kind == KIND_SHOWN && matched < t->n_owners &&
                                    !owner_table_is_shown(t, d->inode)) {
                                        d->kind = KIND_CHANGED;
                                        t->dirty = true;
                                } else if (d->kind == KIND_STRAY &&
                                           (!look->strays || owner_table_is_shown(t, d->inode))) {
                                        d->kind = owner_table_is_shown(t, d->inode) ? KIND_CHANGED : KIND_OTHER;
                                        t->dirty = true;
                                } else if (d->kind == KIND_OTHER && d->inode != 0 && fresh > 0 &&
                                           owner_table_find_unknown(t, d->inode))
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
                size_t i = owner_table_holder_index(t, t->quick_place.pid);
                int r;

                if (i >= t->n_holders || owner_table_count_wanted(t) == 0) {
                        t->quick = t->quick_again && owner_table_count_wanted(t) > 0;
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
                size_t i = owner_table_holder_index(t, t->turn.pid);
                struct holder *h;
                int r;

                if (spent >= OWNER_TURN_MAX || t->n_holders == 0)
                        break;
                h = t->holders[i < t->n_holders ? i : 0];
                if (h->pid != t->turn.pid)
                        t->turn = (struct place) { .pid = h->pid };
                if (t->turn.position == 0) {
                        (void) owner_table_read_about(h);
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

                if (text_to_u64(e->d_name, strlen(e->d_name), 10, INT_MAX, &pid) < 0 ||
                    owner_table_find_holder(t, (pid_t) pid))
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

bool owner_walk_strays_due(const struct owner_table *t) {
        return t->strays_wanted && t->strays_from >= t->walk;
}

/* Every descriptor of every process, while that can tell something. A process that turns up only now may have handed
 * its sockets to others before they were shown, by fork() for instance: then it goes on to the end. One walk at a look,
 * so that the next one comes later; and a step of it at each, however little time there was, or it might never end. */
static int walk(struct owner_table *t, uint64_t deadline) {
        do {
                size_t n_holders;
                int r;

                if (owner_table_count_wanted(t) == 0 && !owner_walk_strays_due(t) && t->complete_from == 0) {
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
        t->n_owners = owner_table_sort_owners(owners, n_owners);
        t->n_strays = MIN(owner_table_sort_owners(strays, n_strays), (size_t) OWNER_STRAYS_MAX);
        t->owners = steal_ptr(owners);
        t->strays = steal_ptr(strays);
        t->dirty = false;
        return 0;
}

/* Half of the time that is left: none keeps those after it from their share. */
static uint64_t halfway(uint64_t deadline) {
        const uint64_t now = clock_usec(CLOCK_MONOTONIC);

        return now < deadline ? now + (deadline - now) / 2 : now;
}

int owner_walk_look(struct owner_table *t) {
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

        owner_table_forget(t);
        if (t->dirty && make_owners(t) < 0)
                return -ENOMEM;
        return r;
}
