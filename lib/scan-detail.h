/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "conntrack.h"
#include "lookup.h"
#include "netns.h"
#include "owner.h"
#include "scan.h"

/* What is asked for association by association and socket by socket, in a given time: by sock_diag, by socket options,
 * in /proc/PID and in connection tracking. What does not fit has its turn in the next scans. */

/* Whose turn it is, from one scan to the next. */
struct turns {
        uint64_t diag;                  /* the netns and id behind which sock_diag goes on */
        uint32_t diag_id;
        uint64_t options;               /* the inode behind which the socket options go on */
};

struct scan_detail {
        const struct scan_options *options;
        struct builder *builder;
        struct netns_list *namespaces;
        struct owner_table *owners;
        struct lookup *lookup;
        struct turns *turns;
        bool strays;                    /* there are SCTP sockets that no table shows */
        bool listed;                    /* a listing has told what sock_diag and the socket options tell */
};

/* Asks, and fills in owners, details, impairments and the sources' reports. -ENOMEM; -E2BIG. */
int scan_detail_ask(struct scan_detail *d);
