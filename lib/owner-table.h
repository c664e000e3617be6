/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <dirent.h>

#include "index.h"
#include "owner.h"

/* What the files of owners share: owner.c has the table, owner-list.c fills it from a list of all descriptors of SCTP
 * sockets, owner-walk.c from /proc, and owner-process.c reads what /proc says of one process. */

/* Processes that are remembered, and all of their descriptors; those that do not lead to sockets that are shown make up
 * half of them at the most. */
#ifndef OWNER_PROCESSES_MAX
#define OWNER_PROCESSES_MAX SNAPSHOT_PROCESSES_MAX
#endif
#ifndef OWNER_DESCRIPTORS_MAX
#define OWNER_DESCRIPTORS_MAX 2097152u
#endif
/* Descriptors that are read again at each look, and what reading about a process counts as. */
#define OWNER_TURN_MAX 256u
#define OWNER_TURN_PROCESS 32u

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
        struct index by_inode;          /* of `owners`, the first of each inode; made anew at the end of each look */
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

/* For bsearch() in anything that begins with an inode. */
int owner_table_compare_inode(const void *a, const void *b);
/* Sorted, and of each inode and process the lowest descriptor. How many are left. */
size_t owner_table_sort_owners(struct owner *owners, size_t n);

/* Index of the first holder that is not below `pid`. */
size_t owner_table_holder_index(const struct owner_table *t, pid_t pid);
/* NULL: it is none. */
struct holder *owner_table_find_holder(const struct owner_table *t, pid_t pid);
/* It is not one yet. -ENOMEM. */
int owner_table_add_holder(struct owner_table *t, pid_t pid, uint64_t start, struct holder **ret);
void owner_table_drop_holder(struct owner_table *t, pid_t pid);
/* It may go by another name by now, and be in another unit: fork(), then exec(). */
int owner_table_read_about(struct holder *h);
/* Forgets processes that have had no socket of ours for a while. */
void owner_table_forget(struct owner_table *t);

/* By the look that is under way. */
bool owner_table_is_shown(const struct owner_table *t, uint64_t inode);
struct unknown *owner_table_find_unknown(const struct owner_table *t, uint64_t inode);
/* How many are still to be looked for. */
size_t owner_table_count_wanted(const struct owner_table *t);

/* 1; 0: there is no list, /proc is to be read. -ENOMEM. */
int owner_list_look(struct owner_table *t, uint32_t *ret_waiting);

/* -ENOMEM; what open() said of /proc. */
int owner_walk_look(struct owner_table *t);
/* Strays are asked for, and the walk that looks for them has not come to its end. */
bool owner_walk_strays_due(const struct owner_table *t);

/* When the process started, in ticks since boot; whether it is one that has no descriptors at all. `dir` is its
 * directory of descriptors: another process that gets the number is not read by mistake. */
int owner_process_read_stat(int dir, const char *path, uint64_t *ret_start, bool *ret_bare);
