/* SPDX-License-Identifier: GPL-2.0-only */
#pragma once

#include <stdbool.h>

/* The kernel's structures as far as the programs here read them. Where a member stands is found out when a program is
 * loaded (CO-RE), so that only names and types count here; the rest of each structure is left out. */

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u16 __sum16;
typedef __u32 __wsum;

/* Named by the header of libbpf's helpers alone. */
enum bpf_map_type {
        BPF_MAP_TYPE_HASH = 1,
        BPF_MAP_TYPE_ARRAY = 2,
        BPF_MAP_TYPE_PERCPU_ARRAY = 6,
        BPF_MAP_TYPE_LRU_HASH = 9,
        BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0, BPF_RB_AVAIL_DATA = 0 };

#define AF_INET 2
#define AF_INET6 10
#define SOCK_RAW 3
#define IPPROTO_SCTP 132
#define SOCKFS_MAGIC 0x534f434b
#define SPP_HB_ENABLE 1
#define PF_KTHREAD 0x00200000

/* What a probe finds in the registers, by the names that the header of libbpf's tracing uses beside a vmlinux.h. */
#define __VMLINUX_H__
struct pt_regs {
        unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};
struct user_pt_regs {
        __u64 regs[31], sp, pc, pstate;
};

/* What union sctp_addr is in all kernels: a sockaddr_in or sockaddr_in6. */
struct socket_address {
        __u16 family;
        __be16 port;
        __u8 v4[4], v6[16];
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
        int counter;
} atomic_t;

typedef struct {
        atomic_t refs;
} refcount_t;

typedef struct {
        __u32 val;
} kuid_t;

struct list_head {
        struct list_head *next, *prev;
};

struct hlist_node {
        struct hlist_node *next, **pprev;
};

struct hlist_head {
        struct hlist_node *first;
};

struct timer_list {
        struct hlist_node entry;
        unsigned long expires;
};

struct task_struct {
        void *stack;
        unsigned int flags;
        int pid, tgid;
        __u64 start_boottime;
};

/* What a walk through all descriptors hands to the program */

struct bpf_iter_meta {
        struct seq_file *seq;
};

struct bpf_iter__task_file {
        struct bpf_iter_meta *meta;
        struct task_struct *task;
        __u32 fd;
        struct file *file;
};

/* The transport table: include/linux/rhashtable-types.h */

struct rhash_head {
        struct rhash_head *next;
};

struct rhlist_head {
        struct rhash_head rhead;
        struct rhlist_head *next;
};

struct rhash_lock_head {};

struct bucket_table {
        unsigned int size, nest;
        struct bucket_table *future_tbl;
        struct rhash_lock_head *buckets[0];
};

struct rhashtable {
        struct bucket_table *tbl;
};

struct rhltable {
        struct rhashtable ht;
};

struct rhashtable_iter {
        struct rhashtable *ht;
};

/* Sockets and where they are */

struct ns_common {
        unsigned int inum;
};

struct net {
        struct ns_common ns;
};

typedef struct {
        struct net *net;
} possible_net_t;

struct sock_common {
        unsigned short skc_family;
        unsigned char skc_state;
        possible_net_t skc_net;
};

struct super_block {
        unsigned long s_magic;
};

struct inode {
        unsigned long i_ino;
        kuid_t i_uid;
        struct super_block *i_sb;
};

struct file {
        struct inode *f_inode;
        void *private_data;
};

struct socket {
        struct sock *sk;
};

struct socket_alloc {
        struct socket socket;
        struct inode vfs_inode;
};

struct sock {
        struct sock_common __sk_common;
        struct socket *sk_socket;
        struct {
                atomic_t rmem_alloc;
                int len;
        } sk_backlog;
        int sk_forward_alloc, sk_rcvbuf, sk_sndbuf, sk_wmem_queued;
        refcount_t sk_wmem_alloc;
        atomic_t sk_omem_alloc, sk_drops;
        __u16 sk_type, sk_protocol;     /* bit fields before 5.6 */
};

struct net_device {
        int ifindex;
};

struct dst_entry {
        struct net_device *dev;
};

/* include/net/sctp/structs.h */

union sctp_addr {};
enum sctp_state { SCTP_STATE_CLOSED };
enum sctp_socket_type { SCTP_SOCKET_UDP };

/* Their values are not the same in all kernels. */
enum sctp_event_type {
        SCTP_EVENT_T_CHUNK = 1,
        SCTP_EVENT_T_TIMEOUT,
        SCTP_EVENT_T_OTHER,
        SCTP_EVENT_T_PRIMITIVE,
};

enum sctp_event_timeout {
        SCTP_EVENT_TIMEOUT_T1_COOKIE = 1,
        SCTP_EVENT_TIMEOUT_T1_INIT,
        SCTP_EVENT_TIMEOUT_T2_SHUTDOWN,
        SCTP_EVENT_TIMEOUT_T3_RTX,
        SCTP_EVENT_TIMEOUT_T4_RTO,
        SCTP_EVENT_TIMEOUT_T5_SHUTDOWN_GUARD,
        SCTP_EVENT_TIMEOUT_HEARTBEAT,
        SCTP_EVENT_TIMEOUT_RECONF,
        SCTP_EVENT_TIMEOUT_PROBE,
        SCTP_EVENT_TIMEOUT_SACK,
        SCTP_EVENT_TIMEOUT_AUTOCLOSE,
};

enum sctp_event_other {
        SCTP_EVENT_NO_PENDING_TSN,
        SCTP_EVENT_ICMP_PROTO_UNREACH,
};

enum sctp_event_primitive {
        SCTP_PRIMITIVE_ASSOCIATE,
        SCTP_PRIMITIVE_SHUTDOWN,
        SCTP_PRIMITIVE_ABORT,
        SCTP_PRIMITIVE_SEND,
        SCTP_PRIMITIVE_REQUESTHEARTBEAT,
        SCTP_PRIMITIVE_ASCONF,
        SCTP_PRIMITIVE_RECONF,
};

enum sctp_transport_cmd {
        SCTP_TRANSPORT_UP,
        SCTP_TRANSPORT_DOWN,
        SCTP_TRANSPORT_PF,
};

struct sctp_sock {
        enum sctp_socket_type type;
};

struct sctp_bind_addr {
        __u16 port;
        struct list_head address_list;
};

struct sctp_sockaddr_entry {
        struct list_head list;
        union sctp_addr a;
        __u8 valid;
};

struct sctp_inq {
        struct list_head in_chunk_list;
};

struct sctp_outq {
        struct list_head out_chunk_list;
};

struct sctp_ep_common {
        bool dead;
        struct sock *sk;
        struct sctp_inq inqueue;
        struct sctp_bind_addr bind_addr;
};

/* Where older kernels have its place in the table of endpoints. */
struct sctp_ep_common___linked {
        struct hlist_node node;
        int hashent;
};

struct sctp_endpoint {
        struct sctp_ep_common base;
        struct hlist_node node;
        int hashent;
        __u32 sndbuf_policy, rcvbuf_policy;
};

struct sctp_cookie {
        __u32 my_vtag, peer_vtag;
};

struct sctp_chunkhdr;

struct sctp_chunk {
        struct sctp_chunkhdr *chunk_hdr;
        union sctp_addr source, dest;
};

struct sctp_tsnmap {
        unsigned long *tsn_map;
        __u32 base_tsn, cumulative_tsn_ack_point, max_tsn_seen;
        __u16 len;
};

struct sctp_stream {
        __u16 outcnt, incnt;
};

struct sctp_priv_assoc_stats {
        __u64 isacks, osacks, opackets, ipackets, rtxchunks, outofseqtsns, idupchunks, gapcnt, ouodchunks, iuodchunks,
              oodchunks, iodchunks, octrlchunks, ictrlchunks;
};

struct sctp_transport {
        struct list_head transports;
        struct rhlist_head node;
        union sctp_addr ipaddr, saddr;
        struct sctp_association *asoc;
        unsigned long rto, hbinterval, sackdelay;
        __u32 srtt, cwnd, ssthresh, partial_bytes_acked, flight_size;
        struct dst_entry *dst;
        __u16 pathmaxrxt;
        __u32 pathmtu, param_flags;
        int state;
        unsigned short error_count;
        struct timer_list T3_rtx_timer, hb_timer;
};

struct sctp_association {
        struct sctp_ep_common base;
        struct list_head asocs;
        int assoc_id;
        struct sctp_endpoint *ep;
        struct sctp_cookie c;
        struct {
                struct list_head transport_addr_list;
                __u32 rwnd;
                __u16 transport_count;
                __u16 port;
                struct sctp_transport *primary_path;
                struct sctp_tsnmap tsn_map;
                __u16 ecn_capable : 1, ipv4_address : 1, ipv6_address : 1, asconf_capable : 1, prsctp_capable : 1,
                      reconf_capable : 1, intl_capable : 1, auth_capable : 1, sack_needed : 1,
                      zero_window_announced : 1;
        } peer;
        enum sctp_state state;
        int overall_error_count, max_burst, max_retrans;
        __u16 max_init_attempts, init_retries, unack_data;
        unsigned long hbinterval;
        unsigned long timeouts[1];
        struct timer_list timers[1];
        int shutdown_retries, init_err_counter;
        __u32 rtx_data_chunks, a_rwnd, frag_point;
        int sndbuf_used;
        atomic_t rmem_alloc;
        struct sctp_stream stream;
        struct sctp_outq outqueue;
        __u8 temp : 1;
        struct sctp_priv_assoc_stats stats;
};

struct sctp_hashbucket {
        struct hlist_head chain;
};

struct sctp_globals {
        struct sctp_hashbucket *ep_hashtable;
        struct rhltable transport_hashtable;
        int ep_hashsize;
};

#pragma clang attribute pop
