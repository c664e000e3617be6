/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the programs in this folder hand to the scanner: the same layout on both sides, the kernel's own numbers and
 * units. Ports, tags and ids are in host order, times those of CLOCK_MONOTONIC in ns. */
#ifndef __bpf__
#include <linux/types.h>
#endif

enum record_kind {
        RECORD_ASSOCIATION = 1,         /* struct record_association */
        RECORD_ENDPOINT,                /* struct record_endpoint */
        RECORD_LOCAL,                   /* struct record_local, of the association or endpoint before it */
        RECORD_PATH,                    /* struct record_path, of the association before it */
        RECORD_SEEN,                    /* struct record_seen */
        RECORD_EVENT,                   /* struct record_event */
        RECORD_ENDPOINTS,               /* a head alone, without a key: an endpoint begins or ceases to listen */
};

/* The first member of each. */
struct record_head {
        __u32 kind;                     /* enum record_kind */
        __u32 reserved;
        __u64 key;                      /* tells the association from others while it lives; it never leaves the scanner */
};

/* An association has been met that is listed elsewhere: by its primary path. */
struct record_seen {
        struct record_head head;
};

struct record_address {
        __u16 family;                   /* AF_INET, AF_INET6 */
        __u16 primary;                  /* of a local one: where the primary path sends from */
        __u8 bytes[16];                 /* network order; an IPv4 one has four */
};

struct record_local {
        struct record_head head;
        struct record_address address;
};

struct record_path {
        struct record_head head;
        struct record_address address;
        __u32 state;                    /* enum sctp_spinfo_state */
        __u32 rto, srtt, heartbeat_interval, sack_delay;                        /* jiffies */
        __u32 cwnd, ssthresh, partial_bytes_acked, flight_size, mtu;            /* bytes */
        __u16 error_count, max_retransmissions;
        __u8 heartbeat_pending, heartbeats;
        __u8 reserved[2];
};

struct record_socket {
        __u64 inode;                    /* 0: no process has it any more */
        __u32 netns;                    /* inode of its network namespace */
        __u32 uid;
        __u8 state;
        __u8 style;                     /* enum sctp_socket_type */
        __u8 reserved[6];
};

struct record_endpoint {
        struct record_head head;
        struct record_socket socket;
        __u16 local_port;
        __u16 reserved[3];
};

struct record_association {
        struct record_head head;
        struct record_socket socket;
        __u32 id;                       /* 0: not assigned yet */
        __u32 local_tag, peer_tag;      /* peer_tag 0: not known yet */
        __u16 local_port, peer_port;
        __u16 in_streams, out_streams;
        __u8 state;                     /* enum sctp_state */
        __u8 peer_capabilities;         /* as sctpi_peer_capable has them */
        __u8 sack_needed, zero_window;
        __u8 timer_running;             /* T3-rtx of the primary path */
        __u8 queues_known;              /* in_queue and out_queue are told: they were short enough to be counted */
        __u8 pending_known;
        __u8 reserved[3];
        __u32 timer_left;               /* jiffies */
        __u32 interface;                /* index of the primary path's; 0: there is no route */
        __u32 transmit_queue, receive_queue, write_queue, send_buffer, receive_buffer;                  /* bytes */
        __u32 receive_memory, send_memory, forward_memory, option_memory, backlog;                      /* bytes */
        __u32 drops;                    /* packets */
        __u32 heartbeat_interval;       /* jiffies */
        __u32 max_retransmissions, overall_errors;
        __u32 init_retransmissions, shutdown_retransmissions;
        __u32 retransmitted_chunks, unacknowledged_chunks, pending_chunks;      /* DATA */
        __u32 in_queue, out_queue;      /* chunks */
        __u32 receive_window, peer_receive_window, fragmentation_point;         /* bytes */
        __u32 max_burst;
        __u64 sacks_sent, sacks_received, packets_sent, packets_received, chunks_retransmitted, tsns_out_of_order,
              duplicate_chunks, gap_acks, unordered_sent, unordered_received, ordered_sent, ordered_received,
              control_sent, control_received;
};

#define TRACE_PORTS_MAX 4

/* Which calls of the state machine are told: those of associations that have one of these ports, on either side. */
struct tracing {
        __u8 on;                        /* 0: none, whatever follows */
        __u8 reserved;
        __u16 ports[TRACE_PORTS_MAX];   /* 0: none; without any, all calls are told */
};

enum event_kind {
        EVENT_STATE = 1,                /* a step from one state to another; the first is from closed */
        EVENT_END,                      /* the association is freed */
        EVENT_RESTART,                  /* RFC 9260, 5.2.4, action A: other tags, the same association */
        EVENT_PATH_STATE,
        EVENT_PATH_ADDED,
        EVENT_PATH_REMOVED,
        EVENT_PRIMARY,
        EVENT_STEP,                     /* one call of the state machine, whatever it did */
};

struct record_trigger {
        __u8 kind;                      /* enum trigger_kind of lib/trigger.h */
        __u8 number;                    /* the chunk's type, enum timer, enum primitive of the same; 255: not known */
        __u8 has_error_cause;
        __u8 reserved;
        __u16 error_cause;              /* the first of a received ABORT or ERROR chunk, or of the owner's ABORT */
        __u16 reserved2;
        __u32 tries, tries_max;         /* of timers: errors so far, and how many are endured; of autoclose tries_max is
                                         * the time of idleness in jiffies */
        __u32 pid;                      /* the process that asked for it; 0: none did */
        char comm[16];
};

#define EVENT_ADDRESSES_MAX 4

struct record_event {
        struct record_head head;
        __u64 at;                       /* when the state machine was entered, or outside of it of the call itself */
        __u32 event;                    /* enum event_kind */
        __u32 old_state, new_state;     /* of the association: enum sctp_state */
        __u32 path_old_state, path_new_state;           /* enum sctp_spinfo_state */
        struct record_address path;     /* EVENT_PRIMARY: the new one; EVENT_STEP: where the chunk came from, or the
                                         * timer's path; a family of 0: none */
        struct record_address old_primary;
        __u32 old_local_tag, old_peer_tag;              /* EVENT_RESTART: before */
        struct record_trigger trigger;
        struct record_association association;          /* as it was then */
        __u32 n_local, n_paths;         /* as many as there are; the first follow */
        struct record_address local[EVENT_ADDRESSES_MAX];
        struct record_path paths[EVENT_ADDRESSES_MAX];
};

/* A descriptor that leads to an SCTP socket. These have no head: nothing else comes with them. */
struct record_owner {
        __u64 inode;
        __u64 start;                    /* of the process: ns since boot */
        __u32 pid;                      /* in the initial pid namespace */
        __u32 fd;
};
