/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include "netns.h"

/* What the files of namespaces share: netns.c has the list and what is mounted, netns-process.c what processes tell,
 * netns-enter.c the ways in. */

/* Processes remembered of one namespace, so that there is another way when one ends. */
#define NETNS_KNOWN_MAX 4u

struct known {
        pid_t pid;
        uint64_t start;                 /* tells it from a later process with this number */
        uint64_t directory;             /* inode of /proc/PID: the same process while that is the same */
};

struct entry {
        struct netns_place place;       /* the first member */
        struct known known[NETNS_KNOWN_MAX];
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
        uint64_t lost;                  /* namespaces and certainties, see netns_enter_ask_generation() */
        bool full;                      /* there are more than NETNS_LIST_MAX */
};

int netns_inode_of(const char *path, uint64_t *ret);

/* Makes room for `needed` of that size. -ENOMEM. */
int netns_list_grow(void *array, size_t *allocated, size_t needed, size_t size);
/* NULL: there is none of that number. */
struct entry *netns_list_entry(const struct netns_list *l, uint64_t netns);
/* 0 and NULL where the list is full. */
int netns_list_find_or_add(struct netns_list *l, uint64_t netns, struct entry **ret);
/* By its table a namespace is known again where processes do not tell its number: it may have been met first by one
 * of those. */
void netns_list_set_table(struct netns_list *l, struct entry *e, uint64_t table);

/* A process that has ended, or that ends. */
bool netns_process_vanished(int r);
/* A descriptor (O_PATH) of the directory in /proc. */
int netns_process_open(pid_t pid, int *ret);
/* The number of the namespace of the process that `dir`, its directory in /proc, stands for. */
int netns_process_number(const struct netns_list *l, int dir, uint64_t *ret);
/* Before anything is looked at, so that a process forked meanwhile is new the next time. */
void netns_process_take_numbers(struct netns_list *l);
/* Too many, or nobody knows which. */
bool netns_process_too_many(const struct netns_list *l);
/* At those that have looks left, and with those whose numbers were just taken. */
int netns_process_look_at_candidates(struct netns_list *l);
int netns_process_look_at_new(struct netns_list *l);
/* Reads all of /proc. With `follow` the new processes, which nobody else looks at, are marked. */
int netns_process_walk(struct netns_list *l, bool follow);
/* Forgets processes that have ended or moved: up to the first that has not, which is enough, or all. */
int netns_process_prune(struct netns_list *l, struct entry *e, bool all);

/* The generation is the kernel's cookie where it can be had, which differs over the whole boot. Elsewhere it is how
 * often the list had lost a namespace, or sight of one, before it found this one. -ESTALE: no way leads there. */
int netns_enter_ask_generation(struct netns_list *l, struct entry *e);
