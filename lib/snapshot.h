/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "field.h"
#include "macro.h"
#include "state.h"
#include "trigger.h"

/* What one scan saw: endpoints, associations, paths and counters in one contiguous block without
 * pointers, so that it can be handed to another process as it is. Immutable once it is made. */

#define SNAPSHOT_ENDPOINTS_MAX      1000000u
#define SNAPSHOT_ASSOCIATIONS_MAX   1000000u
#define SNAPSHOT_PATHS_MAX          8000000u
#define SNAPSHOT_ADDRESSES_MAX      8000000u
/* 32 to 40 of each of the 65,536 namespaces. */
#define SNAPSHOT_COUNTERS_MAX       2621440u
#define SNAPSHOT_NAMESPACES_MAX     65536u
#define SNAPSHOT_PROCESSES_MAX      65536u
#define SNAPSHOT_OWNERS_MAX         4000000u
#define SNAPSHOT_HAPPENINGS_MAX     SNAPSHOT_ASSOCIATIONS_MAX
/* Addresses of one side of one row: more than an INIT of 64 KiB can list. */
#define SNAPSHOT_ROW_MAX            16384u
/* Read from a file, in bytes. */
#define SNAPSHOT_FILE_MAX           (UINT64_C(2) << 30)
/* Malformed rows are all counted, the first ones are kept in words. */
#define SNAPSHOT_COMPLAINTS_MAX     32u

/* A run of elements in one of the snapshot's arrays. */
struct range {
        uint32_t first, count;
};

/* One network namespace. Its number is the inode of its nsfs file; where that may not be read, one above
 * NETNS_UNNAMED_MIN which tells it from the others, and which nobody is shown. */
#define NETNS_UNNAMED_MIN (UINT64_C(1) << 63)

struct netns {
        uint64_t netns;
        uint64_t generation;            /* another one: a namespace that has got the inode of one that is gone */
        uint32_t pid;                   /* of a process in it; 0: none is known */
        uint32_t endpoints, associations;       /* listening; all */
        uint8_t has_sctp;               /* tables are there */
        uint8_t own;                    /* the daemon's */
        uint8_t idle;                   /* it has no SCTP socket and had no association: its tables were not read */
        uint8_t reserved;
        char name[64];                  /* that ip-netns(8) knows; escaped, as is all text here; "" if none */
        char container[64];             /* name, or short id, of the container that it is of */
        char error[96];                 /* why it could not be looked into; "" if it could */
};

/* A process that has sockets open. "" where it is not known, or there is none. */
struct process {
        uint32_t pid;
        uint32_t uid;
        char command[64];               /* as the process calls itself, escaped */
        char unit[96];                  /* systemd unit: "sctpmond.service" */
        char runtime[16];               /* "docker", "podman", "containerd", "cri-o" */
        char container_id[72];
        char container[64];             /* its name, else its short id */
        char pod[40];                   /* Kubernetes pod uid */
};

struct endpoint {
        uint64_t given[FIELD_WORDS];    /* bits by enum endpoint_field */
        uint64_t netns;                 /* its network namespace */
        uint64_t inode;                 /* of its socket */
        uint32_t uid;
        uint16_t local_port;
        int8_t state;                   /* enum endpoint_state */
        int8_t style;                   /* enum socket_style */
        struct range local;             /* addresses */
        struct range owners;
        uint16_t forwards_to_port;      /* of a docker-proxy: the container's end; 0: none */
        struct address forwards_to;
        uint8_t unlisted;               /* it does not listen: not in the kernel's table of endpoints */
        uint8_t reserved[3];
};

/* What is asked for association by association, and handed on until it is asked for again. */
struct association_detail {
        uint64_t diag_at;               /* realtime, usec */
        uint64_t options_at;            /* realtime, usec */
        uint64_t sacks_sent, sacks_received;
        uint64_t packets_sent, packets_received;
        uint64_t chunks_retransmitted;  /* DATA chunks, each time one is sent again */
        uint64_t tsns_out_of_order;     /* DATA chunks received beyond the next one expected */
        uint64_t duplicate_chunks;
        uint64_t gap_acks;              /* gap ack blocks received */
        uint64_t unordered_sent, unordered_received;
        uint64_t ordered_sent, ordered_received;
        uint64_t control_sent, control_received;
        uint32_t local_tag, peer_tag;   /* verification tags, host order */
        uint32_t receive_window;        /* bytes; what we offer the peer */
        uint32_t peer_receive_window;   /* bytes; what is left of what the peer offers */
        uint32_t unacknowledged_chunks; /* DATA sent */
        uint32_t pending_chunks;        /* DATA that waits for what is missing before it */
        uint32_t in_queue, out_queue;   /* chunks */
        uint32_t overall_errors;
        uint32_t max_burst;
        uint32_t fragmentation_point;   /* bytes */
        uint32_t retransmission_timer;  /* ms until T3-rtx of the primary path expires; given while it runs */
        uint32_t interface;             /* index of the primary path's */
        uint32_t receive_memory, send_memory, forward_memory, option_memory, backlog;   /* bytes, the socket's */
        uint32_t drops;                 /* packets, the socket's */
        uint16_t original_port;         /* where the peer connected to, before DNAT */
        struct address original;        /* family 0: no DNAT is known */
        uint8_t peer_capabilities;      /* bits of enum capability */
        uint8_t sack_needed;            /* we owe the peer a SACK */
        uint8_t zero_window;            /* the peer has announced a window of 0 */
        /* Who has been asked, whatever came of it: those that have not been come first. */
        uint8_t diag_asked, options_asked, original_asked;
        uint8_t reserved[2];
};

struct association {
        uint64_t given[FIELD_WORDS];    /* bits by enum association_field */
        uint64_t netns;
        uint64_t inode;                 /* 0: no socket has it any more */
        uint64_t observed_since;        /* realtime, usec */
        uint64_t last_change;           /* realtime, usec; given when the change itself was observed */
        uint64_t last_change_monotonic; /* the same moment, safe from steps of the clock */
        uint64_t impaired_since_monotonic;      /* of `last_impaired`; 0: its start was not observed */
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
        uint32_t unseen;                /* looks in a row in which neither the tables nor sock_diag showed it */
        struct range local;             /* addresses */
        struct range paths;
        struct range owners;
        uint16_t local_port, peer_port;
        int8_t state;                   /* enum association_state */
        int8_t socket_state;            /* enum endpoint_state */
        int8_t style;
        int8_t attachment;              /* enum attachment */
        uint8_t impaired;               /* bits of enum impairment */
        uint8_t impairment_known;       /* whether its paths' states could be judged */
        uint8_t last_impaired;          /* as of the last look that could judge it */
        uint8_t judged;                 /* there was one since it is established */
        uint8_t partial;                /* of news: there are more addresses and paths than are told */
        uint32_t flaps;                 /* how often one of its paths has ceased to be active since it is observed */
        struct association_detail detail;
};

/* What is asked for path by path, and handed on until it is asked for again. */
struct path_detail {
        uint32_t srtt;                  /* jiffies */
        uint32_t cwnd, ssthresh, partial_bytes_acked, flight_size;      /* bytes */
        uint32_t error_count;
        uint32_t mtu;                   /* bytes */
        uint32_t heartbeat_interval;    /* ms */
        uint32_t sack_delay;            /* ms */
        uint8_t heartbeats;             /* on */
        uint8_t reserved[3];
};

struct path {
        uint64_t given[FIELD_WORDS];    /* bits by enum path_field */
        uint64_t rto;                   /* jiffies */
        uint64_t state_since;           /* realtime, usec: when this state was first seen */
        uint64_t state_since_monotonic;
        uint32_t max_retransmissions;
        int8_t state;                   /* enum path_state */
        uint8_t heartbeat_pending;
        uint8_t heartbeat_missing;      /* looks in a row, up to 2, in which the heartbeat timer did not run */
        uint8_t last_state;             /* 1 + the last that a look gave, other than unknown; 0: none */
        struct path_detail detail;
        struct address address;
        uint8_t reserved_end[6];
};

/* What the kernel told of an association as it did it. Of path_* and primary_changed the row has the path, or the new
 * primary one; of a step the path that it came by, if any. */
struct happening {
        uint64_t at;                    /* realtime, usec */
        uint64_t at_monotonic;
        uint64_t duration_usec;         /* how long the old state (the path's) had lasted; 0: not known */
        uint32_t path;                  /* index among the row's paths; UINT32_MAX: none */
        uint32_t old_local_tag, old_peer_tag;           /* of association_restart: until then */
        uint8_t type;                   /* enum change_type */
        uint8_t cause;                  /* of association_down: enum cause */
        int8_t old_state, new_state;    /* enum association_state */
        int8_t path_old_state, path_new_state;          /* enum path_state; -1: none */
        struct address old_primary;     /* of primary_changed; else its family is 0 */
        uint8_t reserved[4];
        struct trigger trigger;
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
        SOURCE_NAMESPACES,
        SOURCE_EPS,
        SOURCE_ASSOCS,
        SOURCE_REMADDR,
        SOURCE_SNMP,
        SOURCE_SOCK_DIAG,
        SOURCE_OPTIONS,
        SOURCE_OWNERS,
        SOURCE_CONNTRACK,
        SOURCE_EVENTS,                  /* lib/bpf-events.h */
        SOURCE_LISTING,                 /* instead of eps, assocs, remaddr, sock_diag and options: lib/bpf-lister.h */
        _SOURCE_MAX,
};

enum source_result {
        SOURCE_SKIPPED,                 /* not needed, switched off, or SCTP is not there: see `text` */
        SOURCE_READ,
        SOURCE_FAILED,
};

struct source_report {
        uint8_t result;                 /* enum source_result */
        int32_t error;                  /* errno of a failure, positive */
        uint32_t rows;                  /* read from it, or looked up */
        uint32_t malformed;
        uint32_t waiting;               /* rows that were not asked for at the last run: its time was up */
        uint64_t duration_usec;         /* of the last run */
        uint64_t last_run;              /* realtime, usec; 0: never */
        uint64_t hold_max_usec;         /* the longest that another process's socket was held, since the start */
        char text[128];                 /* why skipped or failed, or what is missing without it */
};

/* "namespaces", "eps", "assocs", "remaddr", "snmp", "sock_diag", "socket_options", "owners", "conntrack",
 * "bpf_events", "bpf_listing" */
const char *source_name(enum source source);
const char *source_result_name(int result);

/* What SCTP_GET_ASSOC_STATS told of the association that was wished for. */
struct statistics {
        uint64_t netns;
        uint32_t association_id;        /* 0: nobody wished for it */
        int32_t error;                  /* negative errno; 0: it is told */
        uint64_t max_rto;               /* ms, the greatest since the last time that anybody asked */
        struct address max_rto_path;
        uint8_t reserved[6];
};

/* The head of the block. */
struct snapshot_head {
        uint64_t magic;                 /* tells a snapshot of this very layout */
        uint64_t size;                  /* of the whole block */
        uint64_t serial;                /* of the scan, from 1 */
        uint64_t started_monotonic;     /* usec */
        uint64_t started_realtime;      /* usec */
        uint64_t duration_usec;
        uint64_t cpu_usec;              /* of the scanning thread and of one that makes a listing beside it, the kernel's
                                         * part included; programs are loaded in another one */
        uint64_t dear_cpu_usec;         /* the part of it that went into details, owners and the like */
        uint64_t netns;                 /* inode of the scanner's own namespace; 0 for a saved tree */
        uint64_t hz;                    /* 0: not known (a saved tree), then jiffies stay jiffies */
        uint64_t malformed;             /* rows passed over, all tables */
        uint8_t available;              /* whether the kernel has SCTP */
        uint8_t news;                   /* no look but what happened between two: row i is the association of happening
                                         * i as it was then, so that some have several */
        uint8_t events_on;              /* what happens is told by such news, all of what came before this look, too */
        uint64_t events_lost;           /* since they are on: so many the kernel had no room for */
        uint64_t steps_lost;            /* likewise, of those that are told to who asks for them */
        char reason[256];               /* if not: why, */
        char advice[256];               /* and what to do */
        struct source_report sources[_SOURCE_MAX];
        struct statistics statistics;
        /* Offsets in bytes from the start of the block, and how many elements stand there. */
        uint64_t endpoints, associations, paths, addresses, counters, complaints, namespaces, processes, owners,
                 happenings;
        uint32_t n_endpoints, n_associations, n_paths, n_addresses, n_counters, n_complaints, n_namespaces,
                 n_processes, n_owners, n_happenings;
};

/* Whether all endpoints, or all associations, were told: by the listing, else by `table`, which has them. */
static inline bool snapshot_is_complete(const struct snapshot_head *head, enum source table) {
        return head->sources[SOURCE_LISTING].result == SOURCE_READ || head->sources[table].result == SOURCE_READ;
}

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
/* Endpoints are all that have a socket, listening or not. They are sorted by namespace, local port and inode,
 * associations by namespace, id, ports, first peer and first local address; how many there are stands in the
 * head. */
const struct endpoint *snapshot_endpoints(const struct snapshot *s);
const struct association *snapshot_associations(const struct snapshot *s);
const struct counter *snapshot_counters(const struct snapshot *s);
const struct complaint *snapshot_complaints(const struct snapshot *s);
/* Sorted by number. */
const struct netns *snapshot_namespaces(const struct snapshot *s);
/* NULL if there is none of that number. */
const struct netns *snapshot_netns(const struct snapshot *s, uint64_t netns);
/* In the order of their times; one for each association of news, else none. */
const struct happening *snapshot_happenings(const struct snapshot *s);
/* Sorted by pid. */
const struct process *snapshot_processes(const struct snapshot *s);
/* Indices of processes, `.count` of the range of one of this snapshot's own elements. */
const uint32_t *snapshot_owners(const struct snapshot *s, struct range range);
/* The addresses and paths of one of this snapshot's own elements, `.count` of the range. */
const struct address *snapshot_addresses(const struct snapshot *s, struct range range);
const struct path *snapshot_paths(const struct snapshot *s, struct range range);

/* Its state, or while that is not given, or unknown, the last one that was; -1: there is none. */
static inline int path_last_state(const struct path *p) {
        return FIELD_GIVEN(p, PATH_STATE) && p->state != PATH_UNKNOWN ? p->state : p->last_state - 1;
}

/* The primary path; NULL if the kernel marked none. */
const struct path *snapshot_primary(const struct snapshot *s, const struct association *a);

/* The same ports, a common local address (or none on either side) and a common peer address: what tells
 * associations of one namespace apart while they have no id. `x`, `p` and `y`, `q` are their addresses and paths. */
bool association_same_ends(const struct association *a, const struct address *x, const struct path *p,
                           const struct association *b, const struct address *y, const struct path *q);

/* The same association seen in two snapshots, or twice in one: the same namespace and the same id, or,
 * while one of them has no id yet, the same tag, where it is known, and the same ends. */
bool snapshot_same_association(const struct snapshot *s, const struct association *a,
                               const struct snapshot *t, const struct association *b);

/* The sealed memfd behind the snapshot, for handing it on; it stays the snapshot's. Negative once it is closed. */
int snapshot_fd(const struct snapshot *s);

/* For who hands it on to nobody and has many: descriptors are scarcer than mappings. Only while there is one owner. */
void snapshot_close_fd(struct snapshot *s);
