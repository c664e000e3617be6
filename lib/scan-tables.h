/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bpf-listing.h"
#include "index.h"
#include "proc.h"

/* After so many readings of one scan it is left at what they showed, while remaddr still knows associations that
 * assocs did not show: without a scan before there is nothing else to tell what was missed. */
#define SCAN_TABLES_READS_FIRST_MAX 5u
#define SCAN_TABLES_READS_MAX       2u

/* The tables of one network namespace, read into a builder. */
struct scan_tables {
        struct builder *builder;
        int directory;                  /* its net/sctp (O_PATH); the caller's */
        uint64_t netns, generation;     /* see struct netns */
        bool shifted;                   /* see state_shifted() */
        bool may_end;                   /* it is not the scanner's own, nor a saved tree */
        /* The scan before was another daemon's. What that was told is not handed on: it may have had other rights, and
         * another configuration. */
        bool anew;
        unsigned reads_max;
        const struct bpf_listing *listing;  /* what all rows come from instead of the tables; NULL: from these */
        size_t first_endpoint, first_association;       /* of this namespace in the builder; they go on to its end */
        struct proc_remaddr *remaddr;
        size_t n_remaddr;
        size_t next_listed, end_listed; /* with a listing: the association to be asked for next, and the end of them */
        struct index by_id;             /* of this namespace's associations, without a listing */
        struct index by_ends;           /* the same by ports and addresses, made when needed */
};

void scan_tables_done(struct scan_tables *t);

/* Reads eps, assocs, remaddr and snmp, joins them, and folds what the kernel repeats; with a listing snmp alone. A table
 * that cannot be read and rows that are malformed go into the sources' reports. Which tables were read: bits by enum source.
 * -ESTALE: the namespace has ended meanwhile, and the builder has nothing of it; -ENOMEM; -E2BIG. */
int scan_tables_read(struct scan_tables *t, unsigned *ret_read);

/* The same of a namespace that there is no way into: what is listed alone. */
int scan_tables_take_listed(struct scan_tables *t, unsigned *ret_read);

/* The association of this id; NULL: the tables do not show it. */
struct association *scan_tables_find_id(struct scan_tables *t, uint32_t id);

/* The association of a snapshot with the same ends: it is that one, or has taken its place. NULL: none. -ENOMEM. */
int scan_tables_find_ends(struct scan_tables *t, const struct snapshot *s, const struct association *p,
                          struct association **ret);

/* Reads a whole file below `directory` from procfs. The text ends with a NUL. -EFBIG beyond SCAN_TABLES_BYTES_MAX. */
int scan_tables_read_text(int directory, const char *name, char **ret, size_t *ret_length);

/* A kernel table longer than this is refused: 1,000,000 rows of 256 bytes. */
#define SCAN_TABLES_BYTES_MAX (256u * 1024u * 1024u)
