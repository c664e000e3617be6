/* SPDX-License-Identifier: GPL-2.0-only */
#pragma once

/* What programs tell of an association. Each of the kernel's structures is copied and then read: much faster than one
 * read for each member. */

/* More than any of them has: an association has 2,112 bytes in Linux 6.12. */
#define COPY_MAX 4096

#define BEHIND(type, member) (bpf_core_field_offset(type, member) + bpf_core_field_size(type, member))

#define COPY(buffer, type, from) \
        bpf_probe_read_kernel((buffer), bpf_core_type_size(type) & (COPY_MAX - 1), (const void *) (from))

/* No further than the last of some members, in whatever order a kernel has them. */
#define REACH(end, type, member) ((end) > BEHIND(type, member) ? (end) : BEHIND(type, member))

/* The timers come behind all else that is read of it. */
static __always_inline long copy_transport(__u8 *buffer, __u64 from) {
        __u64 end = REACH(BEHIND(struct sctp_transport, T3_rtx_timer), struct sctp_transport, hb_timer);

        return bpf_probe_read_kernel(buffer, end & (COPY_MAX - 1), (const void *) from);
}

/* Linux 6.9 put them in another order. */
static __always_inline long copy_sock(__u8 *buffer, const struct sock *from) {
        __u64 end = BEHIND(struct sock, sk_socket);

        end = REACH(end, struct sock, sk_drops);
        end = REACH(end, struct sock, sk_backlog);
        end = REACH(end, struct sock, sk_rcvbuf);
        end = REACH(end, struct sock, sk_sndbuf);
        end = REACH(end, struct sock, sk_forward_alloc);
        end = REACH(end, struct sock, sk_omem_alloc);
        end = REACH(end, struct sock, sk_wmem_queued);
        end = REACH(end, struct sock, sk_wmem_alloc);
        return bpf_probe_read_kernel(buffer, end & (COPY_MAX - 1), from);
}

/* Up to the statistics, and without its timers, which are large and not needed. */
static __always_inline long copy_association(__u8 *buffer, __u64 from) {
        __u64 at = bpf_core_field_offset(struct sctp_association, timers),
              behind = BEHIND(struct sctp_association, timers), end = BEHIND(struct sctp_association, stats);

        return bpf_probe_read_kernel(buffer, at & (COPY_MAX - 1), (const void *) from) ?:
                bpf_probe_read_kernel(buffer + behind, (end - behind) & (COPY_MAX - 1), (const void *) from + behind);
}

/* More chunks in a queue than this are not counted. */
#define COUNT_MAX 32

/* `first` is what `head` was read to point to; returns whether the end was reached. */
static __always_inline bool count_list(__u64 head, const struct list_head *first, __u32 *ret) {
        const struct list_head *at = first;
        __u32 n = 0;

        for (int i = 0; i < COUNT_MAX; i++) {
                if ((__u64) at == head) {
                        *ret = n;
                        return true;
                }
                n++;
                if (bpf_probe_read_kernel(&at, sizeof(at), (const void *) &at->next) < 0)
                        break;
        }

        return false;
}

/* clang reads no more bytes than it needs, which is not always what CO-RE can mend: so that a member is read whole. */
#define WHOLE(member)                               \
        ({                                          \
                __u64 value = (member);             \
                asm volatile("" : "+r"(value));     \
                value;                              \
        })

/* An address within a copy: what is behind it is not CO-RE's. */
static __always_inline const struct socket_address *address_in(const union sctp_addr *address) {
        asm volatile("" : "+r"(address));
        return (const struct socket_address *) address;
}

static __always_inline void read_address(const struct socket_address *from, struct record_address *ret) {
        ret->family = from->family;
        if (from->family == AF_INET)
                __builtin_memcpy(ret->bytes, from->v4, 4);
        else
                __builtin_memcpy(ret->bytes, from->v6, 16);
}

/* `transport` is a copy. */
static __always_inline void read_path(const struct sctp_transport *transport, struct record_path *ret) {
        read_address(address_in(&transport->ipaddr), &ret->address);
        ret->state = transport->state;
        ret->rto = WHOLE(transport->rto);
        ret->srtt = transport->srtt;
        ret->heartbeat_interval = WHOLE(transport->hbinterval);
        ret->sack_delay = WHOLE(transport->sackdelay);
        ret->cwnd = transport->cwnd;
        ret->ssthresh = transport->ssthresh;
        ret->partial_bytes_acked = transport->partial_bytes_acked;
        ret->flight_size = transport->flight_size;
        ret->mtu = transport->pathmtu;
        ret->error_count = transport->error_count;
        ret->max_retransmissions = transport->pathmaxrxt;
        ret->heartbeat_pending = transport->hb_timer.entry.pprev != NULL;
        ret->heartbeats = transport->param_flags & SPP_HB_ENABLE;
}

/* `sock` is a copy of the original. */
static __always_inline void read_owner(const struct sock *original, const struct sock *sock,
                                       struct record_socket *ret) {
        struct socket_alloc *alloc = (void *) sock->sk_socket;

        ret->state = sock->__sk_common.skc_state;
        ret->style = BPF_CORE_READ((const struct sctp_sock *) original, type);
        ret->netns = BPF_CORE_READ(sock->__sk_common.skc_net.net, ns.inum);
        if (alloc) {
                ret->inode = BPF_CORE_READ(alloc, vfs_inode.i_ino);
                ret->uid = BPF_CORE_READ(alloc, vfs_inode.i_uid.val);
        }
}

/* Of the socket that it has now; `sock` is a copy of it. */
static __always_inline void read_socket(const struct sock *original, const struct sock *sock,
                                        const struct sctp_association *asoc, struct record_association *ret) {
        struct sctp_endpoint *ep = asoc->ep;

        read_owner(original, sock, &ret->socket);
        ret->write_queue = sock->sk_wmem_queued;
        ret->send_buffer = sock->sk_sndbuf;
        ret->receive_buffer = sock->sk_rcvbuf;
        ret->forward_memory = sock->sk_forward_alloc;
        ret->option_memory = sock->sk_omem_alloc.counter;
        ret->backlog = sock->sk_backlog.len;
        ret->drops = sock->sk_drops.counter;
        /* What sock_diag says (net/sctp/diag.c): with a policy of its own an association counts for itself. */
        ret->send_memory = BPF_CORE_READ(ep, sndbuf_policy) ? asoc->sndbuf_used : sock->sk_wmem_alloc.refs.counter - 1;
        ret->receive_memory = BPF_CORE_READ(ep, rcvbuf_policy) ?
                asoc->rmem_alloc.counter : sock->sk_backlog.rmem_alloc.counter;
}

/* DATA that waits for what is missing before it (sctp_tsnmap_pending): known while nothing behind the gap is mapped. */
static __always_inline void read_pending(const struct sctp_tsnmap *map, struct record_association *ret) {
        if (map->max_tsn_seen == map->cumulative_tsn_ack_point) {
                ret->pending_chunks = 0;
                ret->pending_known = 1;
        }
}

/* `key` is the association's address, `asoc` a copy of it. */
static __always_inline void read_association(__u64 key, const struct sctp_association *asoc,
                                             struct record_association *ret) {
        const struct sctp_association *original = (const void *) key;
        __u64 in = (__u64) __builtin_preserve_access_index(&original->base.inqueue.in_chunk_list),
              out = (__u64) __builtin_preserve_access_index(&original->outqueue.out_chunk_list);
        __u32 mask;

        ret->head.key = key;
        ret->id = asoc->assoc_id;
        ret->local_tag = asoc->c.my_vtag;
        ret->peer_tag = asoc->c.peer_vtag;
        ret->local_port = asoc->base.bind_addr.port;
        ret->peer_port = asoc->peer.port;
        ret->in_streams = asoc->stream.incnt;
        ret->out_streams = asoc->stream.outcnt;
        ret->state = WHOLE(asoc->state);
        ret->transmit_queue = asoc->sndbuf_used;
        ret->receive_queue = asoc->rmem_alloc.counter;
        ret->heartbeat_interval = WHOLE(asoc->hbinterval);
        ret->max_retransmissions = asoc->max_retrans;
        ret->overall_errors = asoc->overall_error_count;
        ret->init_retransmissions = asoc->init_retries;
        ret->shutdown_retransmissions = asoc->shutdown_retries;
        ret->retransmitted_chunks = asoc->rtx_data_chunks;
        ret->unacknowledged_chunks = asoc->unack_data;
        ret->receive_window = asoc->a_rwnd;
        ret->peer_receive_window = asoc->peer.rwnd;
        ret->fragmentation_point = asoc->frag_point;
        ret->max_burst = asoc->max_burst;

        mask = BPF_CORE_READ_BITFIELD(asoc, peer.auth_capable);
        mask |= BPF_CORE_READ_BITFIELD(asoc, peer.prsctp_capable) << 1;
        mask |= BPF_CORE_READ_BITFIELD(asoc, peer.asconf_capable) << 2;
        mask |= BPF_CORE_READ_BITFIELD(asoc, peer.reconf_capable) << 3;
        mask |= BPF_CORE_READ_BITFIELD(asoc, peer.ipv6_address) << 4;
        mask |= BPF_CORE_READ_BITFIELD(asoc, peer.ipv4_address) << 5;
        mask |= BPF_CORE_READ_BITFIELD(asoc, peer.ecn_capable) << 6;
        mask |= BPF_CORE_READ_BITFIELD(asoc, peer.intl_capable) << 7;
        ret->peer_capabilities = mask;
        ret->sack_needed = BPF_CORE_READ_BITFIELD(asoc, peer.sack_needed);
        ret->zero_window = BPF_CORE_READ_BITFIELD(asoc, peer.zero_window_announced);

        ret->sacks_sent = asoc->stats.osacks;
        ret->sacks_received = asoc->stats.isacks;
        ret->packets_sent = asoc->stats.opackets;
        ret->packets_received = asoc->stats.ipackets;
        ret->chunks_retransmitted = asoc->stats.rtxchunks;
        ret->tsns_out_of_order = asoc->stats.outofseqtsns;
        ret->duplicate_chunks = asoc->stats.idupchunks;
        ret->gap_acks = asoc->stats.gapcnt;
        ret->unordered_sent = asoc->stats.ouodchunks;
        ret->unordered_received = asoc->stats.iuodchunks;
        ret->ordered_sent = asoc->stats.oodchunks;
        ret->ordered_received = asoc->stats.iodchunks;
        ret->control_sent = asoc->stats.octrlchunks;
        ret->control_received = asoc->stats.ictrlchunks;

        read_pending(&asoc->peer.tsn_map, ret);
        ret->queues_known = count_list(in, asoc->base.inqueue.in_chunk_list.next, &ret->in_queue) &&
                count_list(out, asoc->outqueue.out_chunk_list.next, &ret->out_queue);
}

/* Of the primary path; `transport` is a copy. */
static __always_inline void read_primary(const struct sctp_transport *transport, struct record_association *ret) {
        ret->interface = BPF_CORE_READ(transport->dst, dev, ifindex);
        ret->timer_running = transport->T3_rtx_timer.entry.pprev != NULL;
        if (ret->timer_running)
                ret->timer_left = WHOLE(transport->T3_rtx_timer.expires) - bpf_jiffies64();
}
