/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "address.h"
#include "macro.h"
#include "snapshot.h"

/* Which processes have a socket open, by its inode: remembered from one look to the next, because finding out means
 * reading every descriptor of every process. */

/* One of the processes that have a socket open, by this descriptor; of several, the lowest. */
struct owner {
        uint64_t inode;
        pid_t pid;
        int fd;
};

/* An SCTP socket that no table shows: bound or just opened, neither listening nor associated. */
#define OWNER_STRAYS_MAX 65536u

struct owner_table;

int owner_table_new(struct owner_table **ret);
struct owner_table *owner_table_free(struct owner_table *t);
DEFINE_CLEANUP(struct owner_table *, owner_table_free)

/* What a look is to find out. */
struct owner_look {
        const uint64_t *inodes;         /* of all sockets that are shown, ascending, each once */
        size_t n_inodes;
        const pid_t *new_pids;          /* new since the last look: they may have got sockets by fork() */
        size_t n_new_pids;
        bool strays;                    /* there are SCTP sockets that no table shows: find those, too */
        uint64_t deadline;              /* monotonic: stop then, and go on from there next time */
};

/* Forgets what is no longer shown. Where an inode is unknown: looks first at the processes that own other ones, then at
 * all others. Known owners are looked at again in turns. A socket that nobody was found to have, after all processes
 * were looked at twice, is not looked for again, but new processes are looked at. While strays are asked for, all
 * processes are looked at every 10 s. Fills `report` (SOURCE_OWNERS): rows (descriptors read), waiting (inodes and new
 * processes that there was no time for), duration, and in `text` what could not be looked into and which capability it
 * takes. Processes that end meanwhile are no error. -ENOMEM. */
int owner_table_look(struct owner_table *t, const struct owner_look *look, struct source_report *report);

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
