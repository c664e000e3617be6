/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "address.h"
#include "macro.h"
#include "record.h"
#include "snapshot.h"

/* Which processes have a socket open, by its inode: remembered from one look to the next, because finding out means
 * going through every descriptor of every process. */

/* One of the processes that have a socket open, by this descriptor; of several, the lowest. */
struct owner {
        uint64_t inode;
        pid_t pid;
        int fd;
        uint64_t start;                 /* of the process, as a list has it; 0: not known */
};

/* An SCTP socket that no table shows: bound or just opened, neither listening nor associated. */
#define OWNER_STRAYS_MAX 65536u

struct owner_table;

int owner_table_new(struct owner_table **ret);
struct owner_table *owner_table_free(struct owner_table *t);
DEFINE_CLEANUP(struct owner_table *, owner_table_free)

#define OWNER_WHY_MAX 128

/* What a look is to find out. */
struct owner_look {
        const uint64_t *inodes;         /* of all sockets that are shown, ascending, each once */
        size_t n_inodes;
        const pid_t *new_pids;          /* new since the last look: they may have got sockets by fork() */
        size_t n_new_pids;
        bool strays;                    /* there are SCTP sockets that no table shows: find those, too */
        uint64_t deadline;              /* monotonic: stop then, and go on from there next time */
        /* Lists all descriptors that lead to SCTP sockets (bpf_owners_run()), or says why not: then /proc is read.
         * NULL: *list_why says why not, if it is not NULL. */
        int (*list)(void *userdata, struct record_owner **ret, size_t *ret_n, char why[static OWNER_WHY_MAX]);
        void *list_userdata;
        const char *list_why;
        bool brief;                     /* somebody waits: what is known will do */
};

/* With a list, owners and strays come from it. It is not made at each look, because it takes time with the number of
 * descriptors that there are: where an inode is unknown, or an owner has ended, when ten times as long has gone by as
 * the last one took; else, if the look is not to be `brief`, fifty times as long, and 1 s; never later than after 10 s.
 * The deadline does not cut it off, but then what /proc says of the owners: those that are new come first, and one of
 * them is read in any case. `report`: rows (descriptors on the list), waiting (inodes that have not been looked for,
 * owners that have not been read). After a list that failed, /proc is read for a minute.
 *
 * Without one: forgets what is no longer shown. Where an inode is unknown: looks first at the processes that own other
 * ones, then at all others. Known owners are looked at again in turns. A socket that nobody was found to have, after
 * all processes were looked at twice, is not looked for again, but new processes are looked at. While strays are asked
 * for, all processes are looked at every 10 s. `report`: rows (descriptors read), waiting (inodes and new processes
 * that there was no time for), and in `text` what could not be looked into and which capability it takes, or else why
 * there is no list.
 *
 * Fills `report` (SOURCE_OWNERS). Processes that end meanwhile are no error. -ENOMEM. */
int owner_table_look(struct owner_table *t, const struct owner_look *look, struct source_report *report);

/* How many processes could not be looked into, for want of a right. */
unsigned owner_table_denied(const struct owner_table *t);

/* Who has it, by pid; 0 if that is not known. These pointers are good until the next look. */
size_t owner_table_get(const struct owner_table *t, uint64_t inode, const struct owner **ret);
const struct owner *owner_table_strays(const struct owner_table *t, size_t *ret_n);

/* What is known of one of those processes; NULL: nothing. */
struct owner_process {
        struct process process;
        /* Of a docker-proxy for SCTP: the container's end that it stands for. Family 0: it is none. */
        struct address forwards_to;
        uint16_t forwards_to_port;
        uint16_t forwards_from_port;    /* the host's */
};
const struct owner_process *owner_table_process(const struct owner_table *t, pid_t pid);

/* Reads what /proc/PID says of a process. `root` stands before "/proc" and the runtimes' files (NULL: ""). -ESRCH: it
 * has ended. What may not be read is left empty. */
int owner_process_read(const char *root, pid_t pid, struct owner_process *ret);
