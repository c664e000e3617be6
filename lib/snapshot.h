/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "field.h"
#include "macro.h"
#include "state.h"

/* What one scan saw: endpoints, associations, paths and counters in one contiguous block without
 * pointers, so that it can be handed to another process as it is. Immutable once it is made. */

#define SNAPSHOT_ENDPOINTS_MAX      1000000u
#define SNAPSHOT_ASSOCIATIONS_MAX   1000000u
#define SNAPSHOT_PATHS_MAX          8000000u
#define SNAPSHOT_ADDRESSES_MAX      8000000u
#define SNAPSHOT_COUNTERS_MAX       4096u
/* Addresses of one side of one row: more than an INIT of 64 KiB can list. */
#define SNAPSHOT_ROW_MAX            16384u
/* Malformed rows are all counted, the first ones are kept in words. */
#define SNAPSHOT_COMPLAINTS_MAX     32u

/* A run of elements in one of the snapshot's arrays. */
struct range {
        uint32_t first, count;
};

struct endpoint {
        uint64_t given;                 /* bits by enum endpoint_field */
        uint64_t netns;                 /* inode of its network namespace */
        uint64_t inode;                 /* of its socket */
        uint32_t uid;
        uint16_t local_port;
        int8_t state;                   /* enum endpoint_state */
        int8_t style;                   /* enum socket_style */
        struct range local;             /* addresses */
};

struct association {
        uint64_t given;                 /* bits by enum association_field */
        uint64_t netns;
        uint64_t inode;                 /* 0: no socket has it any more */
        uint64_t observed_since;        /* realtime, usec */
        uint64_t last_change;           /* realtime, usec; given when the change itself was observed */
        uint64_t last_change_monotonic; /* the same moment, safe from steps of the clock */
        uint64_t transmit_queue;        /* bytes */
        uint64_t receive_queue;         /* bytes */
        uint64_t write_queue;           /* bytes, of the socket */
        uint64_t send_buffer;           /* bytes, of the socket */
        uint64_t receive_buffer;        /* bytes, of the socket */
        uint64_t heartbeat_interval;    /* jiffies */
        uint64_t retransmitted_chunks;  /* over-estimated by the kernel: all unacknowledged data at each T3 */
        uint32_t id;                    /* given when not 0: assigned with INIT-ACK */
        uint32_t uid;
        uint32_t in_streams, out_streams;
        uint32_t max_retransmissions;
        uint32_t init_retransmissions;
        uint32_t shutdown_retransmissions;
        uint32_t local_tag, peer_tag;   /* verification tags, host order */
        uint32_t unseen;                /* looks in a row in which neither the tables nor sock_diag showed it */
        struct range local;             /* addresses */
        struct range paths;
        uint16_t local_port, peer_port;
        int8_t state;                   /* enum association_state */
        int8_t socket_state;            /* enum endpoint_state */
        int8_t style;
        uint8_t reserved;
};

struct path {
        uint64_t given;                 /* bits by enum path_field */
        uint64_t rto;                   /* jiffies */
        uint32_t max_retransmissions;
        int8_t state;                   /* enum path_state */
        uint8_t heartbeat_pending;
        struct address address;
};

struct counter {
        char name[40];                  /* as the kernel prints it: "SctpCurrEstab" */
        int64_t value;
        uint64_t netns;
};

struct complaint {
        char file[16];                  /* "assocs" */
        uint32_t line;                  /* from 1 */
        char text[172];                 /* what was expected and found, escaped */
};

/* Where the facts come from. */
enum source {
        SOURCE_EPS,
        SOURCE_ASSOCS,
        SOURCE_REMADDR,
        SOURCE_SNMP,
        SOURCE_SOCK_DIAG,
        _SOURCE_MAX,
};

enum source_result {
        SOURCE_SKIPPED,                 /* not needed, or SCTP is not there: see `text` */
        SOURCE_READ,
        SOURCE_FAILED,
};

struct source_report {
        uint8_t result;                 /* enum source_result */
        int32_t error;                  /* errno of a failure, positive */
        uint32_t rows;                  /* read from it, or looked up */
        uint32_t malformed;
        uint64_t duration_usec;
        char text[128];                 /* why skipped or failed */
};

/* "eps", "assocs", "remaddr", "snmp", "sock_diag" */
const char *source_name(enum source source);
const char *source_result_name(int result);

/* The head of the block. */
struct snapshot_head {
        uint64_t magic;                 /* tells a snapshot of this very layout */
        uint64_t size;                  /* of the whole block */
        uint64_t serial;                /* of the scan, from 1 */
        uint64_t started_monotonic;     /* usec */
        uint64_t started_realtime;      /* usec */
        uint64_t duration_usec;
        uint64_t cpu_usec;              /* of the scanning process, the kernel's part included */
        uint64_t netns;                 /* inode of the namespace looked at; 0 for a saved tree */
        uint64_t hz;                    /* 0: not known (a saved tree), then jiffies stay jiffies */
        uint64_t malformed;             /* rows passed over, all tables */
        uint8_t available;              /* whether the kernel has SCTP */
        char reason[256];               /* if not: why, */
        char advice[256];               /* and what to do */
        struct source_report sources[_SOURCE_MAX];
        /* Offsets in bytes from the start of the block, and how many elements stand there. */
        uint64_t endpoints, associations, paths, addresses, counters, complaints;
        uint32_t n_endpoints, n_associations, n_paths, n_addresses, n_counters, n_complaints;
};

/* A snapshot held by any number of owners, in any threads. */
struct snapshot;

/* Maps a sealed memfd and checks it: every range lies inside, every state is a known one, every text
 * ends. Takes over the fd, also on failure. -EBADMSG if it is no sound snapshot. */
int snapshot_map(int fd, struct snapshot **ret);

/* Reads one that snapshot_save() wrote. -ENOENT; -EBADMSG, also for one of another version's layout. */
int snapshot_load(const char *path, struct snapshot **ret);

/* Writes the block to `path` by way of a temporary file beside it: whole or not at all. */
int snapshot_save(const struct snapshot *s, const char *path);

struct snapshot *snapshot_ref(struct snapshot *s);
struct snapshot *snapshot_unref(struct snapshot *s);
DEFINE_CLEANUP(struct snapshot *, snapshot_unref)

const struct snapshot_head *snapshot_head(const struct snapshot *s);
/* Endpoints are sorted by namespace, local port and inode, associations by namespace, id, ports, first peer
 * and first local address; how many there are stands in the head. */
const struct endpoint *snapshot_endpoints(const struct snapshot *s);
const struct association *snapshot_associations(const struct snapshot *s);
const struct counter *snapshot_counters(const struct snapshot *s);
const struct complaint *snapshot_complaints(const struct snapshot *s);
/* The addresses and paths of one of this snapshot's own elements, `.count` of the range. */
const struct address *snapshot_addresses(const struct snapshot *s, struct range range);
const struct path *snapshot_paths(const struct snapshot *s, struct range range);

/* The primary path; NULL if the kernel marked none. */
const struct path *snapshot_primary(const struct snapshot *s, const struct association *a);

/* The same ports, a common local address (or none on either side) and a common peer address: what tells
 * associations of one namespace apart while they have no id. `x`, `p` and `y`, `q` are their addresses and paths. */
bool association_same_ends(const struct association *a, const struct address *x, const struct path *p,
                           const struct association *b, const struct address *y, const struct path *q);

/* The same association seen in two snapshots, or twice in one: the same namespace and the same id, or,
 * while one of them has no id yet, the same ends. */
bool snapshot_same_association(const struct snapshot *s, const struct association *a,
                               const struct snapshot *t, const struct association *b);

/* The sealed memfd behind the snapshot, for handing it on; it stays the snapshot's. */
int snapshot_fd(const struct snapshot *s);
