/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

#include "bpf-lister.h"
#include "macro.h"
#include "owner.h"
#include "snapshot.h"

/* What scans remember beside the last snapshot: ways into namespaces, owners of sockets, whose turn it is. */
struct scan_memory;

int scan_memory_new(struct scan_memory **ret);
struct scan_memory *scan_memory_free(struct scan_memory *m);
DEFINE_CLEANUP(struct scan_memory *, scan_memory_free)

/* Why programs in the kernel are of no use where there is one above NETNS_UNNAMED_MIN. */
#define SCAN_UNNAMED "the numbers of network namespaces may not be read (CAP_SYS_PTRACE)"

/* One association, by the numbers of the snapshot that somebody has seen it in. */
struct scan_wish {
        uint64_t netns;
        uint32_t id;                            /* 0: none is wished for */
        bool statistics;                        /* SCTP_GET_ASSOC_STATS, too: into the head's `statistics` */
};

struct scan_options {
        const char *root;                       /* a saved tree with proc/net/sctp in it; NULL: this kernel */
        struct scan_memory *memory;             /* NULL: this process's namespace alone, and nothing but its tables */
        const struct snapshot *previous;        /* the scan before; NULL: none, this one is the first */
        uint64_t serial;                        /* from 1; 0: one look by somebody who does not go on watching */
        const char *reason, *advice;            /* what to say if SCTP is not available; NULL: the plain facts */
        /* How long details, options and owners may be asked for; what does not fit has its turn in the next
         * scans. Those that are not known at all come first; with `new_only` no others are asked for. */
        uint64_t dear_usec;
        bool new_only;
        struct scan_wish wish;                  /* asked for first and whatever the time */
        /* Lists all endpoints and associations without the tables (bpf_lister_run()), or says why not: then the tables are read.
         * NULL: *list_why says why not. */
        int (*list)(void *userdata, struct bpf_listing *ret, char why[static BPF_WHY_MAX]);
        void *list_userdata;
        const char *list_why;                   /* NULL: nobody expects it */
        /* The same for owners of sockets, see struct owner_look. */
        int (*list_owners)(void *userdata, struct record_owner **ret, size_t *ret_n, char why[static OWNER_WHY_MAX]);
        void *list_owners_userdata;
        const char *list_owners_why;
        bool events_on;                         /* news tell what happens; else events_why says why not, if it is not NULL */
        uint64_t events_lost, steps_lost;       /* see struct snapshot_head */
        struct source_report events;            /* of them */
        const char *events_why;
        unsigned off;                           /* bits by enum source: not to be used (SOURCE_SOCK_DIAG and behind) */
};

/* Reads SCTP's state in all network namespaces: the kernel's tables, and by sock_diag each
 * association of `previous` that the tables do not show. Such a one stays in the result unless
 * the kernel says that it is gone; where the kernel cannot tell, with `unseen` counted, until it was not
 * seen SCAN_CARRY_LOOKS_MAX times.
 *
 * A host without SCTP, a table that cannot be read and malformed rows are no errors of the scan: the
 * snapshot's head says so. -ENOMEM, -E2BIG, and what memfd_create() says. */
int scan_run(const struct scan_options *options, struct snapshot **ret);
