// SPDX-License-Identifier: GPL-2.0-only
/* Lists all associations of all network namespaces with their addresses and paths: a walk through the kernel's table of
 * transports, which has each of them whatever its state, and where nothing is quadratic. And all endpoints that listen:
 * a walk through the table that these are in.
 *
 * One call goes through some buckets and leaves word where the next one goes on. It holds rcu_read_lock(), so that what
 * it meets is not freed under it; between calls nothing is held. A row that is cut off is listed again in the next
 * call, whole. */
#include "kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "record.h"
#include "association.h"

char LICENSE[] SEC("license") = "GPL";

/* Steps of one call: a bucket, an endpoint, an association, an address or a path each. */
#define STEPS 8192
/* After so many records a call ends with the bucket. */
#define RECORDS 2048

struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, 8 * 1024 * 1024);
} records SEC(".maps");

/* Walking through it is a loop that Linux 5.15 knows (bpf_loop() came with 5.17). */
struct {
        __uint(type, BPF_MAP_TYPE_ARRAY);
        __uint(max_entries, STEPS);
        __type(key, __u32);
        __type(value, __u32);
} steps SEC(".maps");

enum phase {
        PHASE_BUCKET,                   /* to the next one */
        PHASE_CHAIN,                    /* the next transport, or endpoint, of the bucket */
        PHASE_LOCAL,                    /* the next local address of the association, or endpoint */
        PHASE_PATH,                     /* the next of the association's paths */
};

/* Where the walk is. The scanner clears it before the first call and calls until `done` is set. */
struct {
        __u64 table;                    /* struct bucket_table; one that has been replaced ends with its successor */
        __u32 bucket, buckets;
        __u32 done;
        __u32 nested;                   /* the table is in pieces, for want of memory: it is not walked */
        __u32 absent;                   /* it is not known where the table is */
        __u32 lost;                     /* buckets that are too long for one call, or for the ring buffer */
        __u32 torn;                     /* an endpoint left its bucket under the walk, which begins with it again */
} cursor = {};

/* struct sctp_globals, once it is known where the kernel has it. */
__u64 globals = 0;

/* The same within one call. */
static struct {
        __u32 phase, records, full, torn, first_bucket;
        __u64 chain, list;              /* struct rhash_head, or hlist_node; struct rhlist_head */
        __u64 key, head, at, primary;   /* of the association, or endpoint, and of its lists */
        __u64 copied;                   /* the transport that a copy was made of last */
        struct socket_address source;
} walk;

static __u8 association_bytes[COPY_MAX], transport_bytes[COPY_MAX], endpoint_bytes[COPY_MAX], sock_bytes[COPY_MAX],
            entry_bytes[COPY_MAX];

#define read_pointer(ret, from) (bpf_probe_read_kernel((ret), sizeof(__u64), (const void *) (from)) < 0)

/* Whoever reads the kernel's own table walks through the list that is to be walked here: where it is need not be looked
 * up among the kernel's symbols, which takes CAP_SYSLOG. */
SEC("kprobe/sctp_transport_get_idx")
int BPF_KPROBE(find, const struct net *net, const struct rhashtable_iter *iterator) {
        const struct rhashtable *table = BPF_CORE_READ(iterator, ht);

        if (table)
                globals = (__u64) table - bpf_core_field_offset(struct sctp_globals, transport_hashtable.ht);
        return 0;
}

/* Whether the walk goes on in this call. */
static __always_inline bool next_bucket(void) {
        struct bucket_table *table = (void *) cursor.table;
        __u64 bucket, link;

        if (cursor.bucket >= cursor.buckets) {
                /* While the table grows or shrinks its rows move to the next one. */
                cursor.table = (__u64) BPF_CORE_READ(table, future_tbl);
                cursor.bucket = 0;
                cursor.done = cursor.table == 0;
                return false;
        }
        if (walk.records >= RECORDS)
                return false;

        bucket = (__u64) &table->buckets[0] + cursor.bucket * 8ULL;
        cursor.bucket++;
        if (read_pointer(&link, bucket))
                return true;
        /* Its lowest bit is a lock; an empty one has no other. */
        walk.chain = link & ~1ULL;
        walk.list = 0;
        if (walk.chain)
                walk.phase = PHASE_CHAIN;
        return true;
}

/* Each record is reserved where it is filled, and looked at once: behind a function that looks at it, too, 6.1's
 * verifier takes it for one that may still be none. */
static __always_inline void list_association(__u64 key, const struct sctp_transport *primary) {
        const struct sctp_association *asoc = (const void *) association_bytes;
        const struct sock *sock = (const void *) sock_bytes;
        struct record_association *r;

        if (copy_sock(sock_bytes, asoc->base.sk) < 0)
                return;
        r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);
        if (!r) {
                walk.full = 1;
                return;
        }
        walk.records++;
        __builtin_memset(r, 0, sizeof(*r));
        r->head.kind = RECORD_ASSOCIATION;
        read_association(key, asoc, r);
        read_socket(asoc->base.sk, sock, asoc, r);
        read_primary(primary, r);
        bpf_ringbuf_submit(r, 0);

        walk.key = key;
        walk.primary = (__u64) asoc->peer.primary_path;
        walk.source = *address_in(&primary->saddr);
        walk.head = (__u64) __builtin_preserve_access_index(&((struct sctp_association *) key)->base.bind_addr.address_list);
        walk.at = (__u64) asoc->base.bind_addr.address_list.next;
        walk.phase = PHASE_LOCAL;
}

static __always_inline void next_transport(void) {
        const struct sctp_association *asoc = (const void *) association_bytes;
        const struct sctp_transport *transport = (const void *) transport_bytes;
        bool first = walk.list == 0;
        struct record_seen *seen;
        __u64 at, key;

        /* Those that have the same key hang on the first of them. */
        if (first) {
                if (walk.chain == 0 || (walk.chain & 1)) {
                        walk.phase = PHASE_BUCKET;
                        return;
                }
                walk.list = walk.chain;
        }
        at = walk.list - bpf_core_field_offset(struct sctp_transport, node);
        if (copy_transport(transport_bytes, at) < 0) {
                walk.chain = walk.list = 0;
                return;
        }
        if (first)
                walk.chain = (__u64) transport->node.rhead.next;
        walk.list = (__u64) transport->node.next;
        walk.copied = at;
        key = (__u64) transport->asoc;
        if (copy_association(association_bytes, key) < 0 || asoc->base.dead)
                return;
        if ((__u64) asoc->peer.primary_path == at)
                list_association(key, transport);
        else {
                seen = bpf_ringbuf_reserve(&records, sizeof(*seen), 0);
                if (!seen) {
                        walk.full = 1;
                        return;
                }
                walk.records++;
                __builtin_memset(seen, 0, sizeof(*seen));
                seen->head.kind = RECORD_SEEN;
                seen->head.key = key;
                bpf_ringbuf_submit(seen, 0);
        }
}

static __always_inline bool same_address(const struct socket_address *a, const struct socket_address *b) {
        const __u32 *x = (const __u32 *) a->v6, *y = (const __u32 *) b->v6;

        if (a->family != b->family)
                return false;
        if (a->family == AF_INET)
                return *(const __u32 *) a->v4 == *(const __u32 *) b->v4;
        return x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3];
}

/* Whether there was one. */
static __always_inline bool next_local(void) {
        const struct sctp_sockaddr_entry *entry = (const void *) entry_bytes;
        const struct socket_address *address;
        struct record_local *r;

        if (walk.at == walk.head || walk.at == 0)
                return false;
        if (COPY(entry_bytes, struct sctp_sockaddr_entry, walk.at) < 0) {
                walk.at = 0;
                return true;
        }
        walk.at = (__u64) entry->list.next;
        /* As in the kernel's own table: one that is being added (ASCONF) is not used yet. */
        if (!entry->valid)
                return true;
        address = address_in(&entry->a);
        r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);
        if (!r) {
                walk.full = 1;
                return true;
        }
        walk.records++;
        __builtin_memset(r, 0, sizeof(*r));
        r->head.kind = RECORD_LOCAL;
        r->head.key = walk.key;
        read_address(address, &r->address);
        r->address.primary = same_address(address, &walk.source);
        bpf_ringbuf_submit(r, 0);
        return true;
}

static __always_inline void to_paths(void) {
        struct sctp_association *asoc = (void *) walk.key;

        walk.head = (__u64) __builtin_preserve_access_index(&asoc->peer.transport_addr_list);
        walk.at = (__u64) ((const struct sctp_association *) association_bytes)->peer.transport_addr_list.next;
        walk.phase = PHASE_PATH;
}

static __always_inline void next_path(void) {
        const struct sctp_transport *transport = (const void *) transport_bytes;
        __u64 at = walk.at - bpf_core_field_offset(struct sctp_transport, transports);
        struct record_path *r;

        /* The one that the walk came by has been copied already. */
        if (walk.at == walk.head || walk.at == 0 ||
            (walk.copied != at && copy_transport(transport_bytes, at) < 0)) {
                walk.phase = PHASE_CHAIN;
                return;
        }
        walk.copied = at;

        walk.at = (__u64) transport->transports.next;
        r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);
        if (!r) {
                walk.full = 1;
                return;
        }
        walk.records++;
        __builtin_memset(r, 0, sizeof(*r));
        r->head.kind = RECORD_PATH;
        r->head.key = walk.key;
        read_path(transport, r);
        r->address.primary = at == walk.primary;
        bpf_ringbuf_submit(r, 0);
}

static long step(void *map, const void *key, void *value, void *context) {
        if (walk.full)
                return 1;

        switch (walk.phase) {
        case PHASE_BUCKET:
                return !next_bucket();
        case PHASE_CHAIN:
                next_transport();
                break;
        case PHASE_LOCAL:
                if (!next_local())
                        to_paths();
                break;
        default:
                next_path();
        }

        return 0;
}

/* Whether there is a table to walk through. */
static __always_inline bool open_table(void) {
        const struct sctp_globals *at = (const void *) globals;
        struct bucket_table *table = at ? BPF_CORE_READ(at, transport_hashtable.ht.tbl) : NULL;

        cursor.absent = !table;
        /* Between calls it may have been replaced, and be gone: all of the new one is walked. */
        if (cursor.table == 0 ||
            ((__u64) table != cursor.table && (__u64) BPF_CORE_READ(table, future_tbl) != cursor.table)) {
                cursor.table = (__u64) table;
                cursor.bucket = 0;
        }
        table = (void *) cursor.table;
        if (cursor.bucket == 0)
                cursor.buckets = BPF_CORE_READ(table, size);
        cursor.nested = BPF_CORE_READ(table, nest);

        return !cursor.absent && cursor.nested == 0;
}

static __always_inline void begin_call(void) {
        walk.phase = PHASE_BUCKET;
        walk.records = 0;
        walk.full = 0;
        walk.torn = 0;
        walk.copied = 0;
        walk.first_bucket = cursor.bucket;
}

/* Ended within a bucket the next call begins with it. If that was the first one of this call it can never be
 * finished. */
static __always_inline void end_call(void) {
        if (walk.torn) {
                cursor.torn++;
                cursor.bucket--;
        } else if (walk.full || walk.phase != PHASE_BUCKET) {
                if (cursor.bucket == walk.first_bucket + 1)
                        cursor.lost++;
                else
                        cursor.bucket--;
        }
}

SEC("raw_tp")
int list(void *context) {
        if (!open_table()) {
                cursor.done = 1;
                return 0;
        }

        begin_call();
        bpf_for_each_map_elem(&steps, step, NULL, 0);
        end_call();

        return 0;
}

/* Whether the walk goes on in this call. */
static __always_inline bool next_endpoint_bucket(void) {
        struct sctp_hashbucket *bucket;

        cursor.done = cursor.bucket >= cursor.buckets;
        if (cursor.done || walk.records >= RECORDS)
                return false;

        bucket = (void *) cursor.table + cursor.bucket * bpf_core_type_size(struct sctp_hashbucket);
        cursor.bucket++;
        walk.chain = (__u64) BPF_CORE_READ(bucket, chain.first);
        if (walk.chain)
                walk.phase = PHASE_CHAIN;
        return true;
}

static __always_inline void list_endpoint(__u64 key) {
        const struct sctp_endpoint *ep = (const void *) endpoint_bytes;
        const struct sock *sock = (const void *) sock_bytes;
        struct record_endpoint *r;

        if (copy_sock(sock_bytes, ep->base.sk) < 0)
                return;
        r = bpf_ringbuf_reserve(&records, sizeof(*r), 0);
        if (!r) {
                walk.full = 1;
                return;
        }
        walk.records++;
        __builtin_memset(r, 0, sizeof(*r));
        r->head.kind = RECORD_ENDPOINT;
        r->head.key = key;
        r->local_port = ep->base.bind_addr.port;
        read_owner(ep->base.sk, sock, &r->socket);
        bpf_ringbuf_submit(r, 0);

        walk.key = key;
        walk.source.family = 0;
        walk.head = (__u64) __builtin_preserve_access_index(&((struct sctp_endpoint *) key)->base.bind_addr.address_list);
        walk.at = (__u64) ep->base.bind_addr.address_list.next;
        walk.phase = PHASE_LOCAL;
}

/* Endpoints leave their bucket under a lock that no program can take, and may enter another one: from there the walk
 * would go on in a chain that is not this one. endpoint_bytes has a copy of it. */
static __always_inline bool has_left(void) {
        const struct sctp_endpoint *ep = (const void *) endpoint_bytes;
        const struct hlist_node *node = (const void *) walk.chain;
        __u32 bucket;

        if (bpf_core_field_exists(ep->hashent))
                bucket = ep->hashent;
        else
                bucket = ((const struct sctp_ep_common___linked *) &ep->base)->hashent;
        /* Looked at after the copy: what leaves loses its successor first. */
        return bucket + 1 != cursor.bucket || BPF_CORE_READ(node, pprev) == NULL;
}

static __always_inline void next_endpoint(void) {
        const struct sctp_endpoint *ep = (const void *) endpoint_bytes;
        const struct hlist_node *node;
        __u64 at;

        if (walk.chain == 0) {
                walk.phase = PHASE_BUCKET;
                return;
        }
        if (bpf_core_field_exists(ep->node)) {
                at = walk.chain - bpf_core_field_offset(struct sctp_endpoint, node);
                node = &ep->node;
        } else {
                at = walk.chain - bpf_core_field_offset(struct sctp_endpoint, base) -
                        bpf_core_field_offset(struct sctp_ep_common___linked, node);
                node = &((const struct sctp_ep_common___linked *) &ep->base)->node;
        }
        if (COPY(endpoint_bytes, struct sctp_endpoint, at) < 0 || has_left()) {
                walk.torn = walk.full = 1;
                return;
        }
        walk.chain = (__u64) node->next;
        if (!ep->base.dead)
                list_endpoint(at);
}

static long step_endpoints(void *map, const void *key, void *value, void *context) {
        if (walk.full)
                return 1;

        switch (walk.phase) {
        case PHASE_BUCKET:
                return !next_endpoint_bucket();
        case PHASE_CHAIN:
                next_endpoint();
                break;
        default:
                if (!next_local())
                        walk.phase = PHASE_CHAIN;
        }

        return 0;
}

SEC("raw_tp")
int list_endpoints(void *context) {
        const struct sctp_globals *at = (const void *) globals;

        cursor.table = at ? (__u64) BPF_CORE_READ(at, ep_hashtable) : 0;
        cursor.buckets = at ? BPF_CORE_READ(at, ep_hashsize) : 0;
        cursor.absent = cursor.table == 0;
        if (cursor.absent) {
                cursor.done = 1;
                return 0;
        }

        begin_call();
        bpf_for_each_map_elem(&steps, step_endpoints, NULL, 0);
        end_call();

        return 0;
}
