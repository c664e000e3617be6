/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/socket.h>

#include "bpf-record.h"

#define DETAIL(index) (UINT64_C(1) << ((index) - FIELD_DETAIL))

static uint64_t jiffies_to_ms(uint64_t jiffies, uint64_t hz) {
        return jiffies * 1000 / hz;
}

int bpf_record_address(const struct record_address *from, struct address *ret) {
        struct address address = { .family = (uint8_t) from->family, .primary = from->primary != 0 };

        if (from->family != AF_INET && from->family != AF_INET6)
                return -EBADMSG;
        memcpy(address.bytes, from->bytes, from->family == AF_INET ? 4 : 16);

        *ret = address;
        return 0;
}

/* What /proc/net/sctp/assocs would have said. */
static int read_table_fields(const struct record_association *restrict r, struct association *restrict a) {
        static const uint64_t given =
                UINT64_C(1) << ASSOCIATION_NETNS | UINT64_C(1) << ASSOCIATION_LOCAL_PORT |
                UINT64_C(1) << ASSOCIATION_PEER_PORT | UINT64_C(1) << ASSOCIATION_STATE |
                UINT64_C(1) << ASSOCIATION_SOCKET_STATE | UINT64_C(1) << ASSOCIATION_ATTACHMENT |
                UINT64_C(1) << ASSOCIATION_STYLE | UINT64_C(1) << ASSOCIATION_INODE | UINT64_C(1) << ASSOCIATION_UID |
                UINT64_C(1) << ASSOCIATION_HEARTBEAT_INTERVAL | UINT64_C(1) << ASSOCIATION_IN_STREAMS |
                UINT64_C(1) << ASSOCIATION_OUT_STREAMS | UINT64_C(1) << ASSOCIATION_TRANSMIT_QUEUE |
                UINT64_C(1) << ASSOCIATION_RECEIVE_QUEUE | UINT64_C(1) << ASSOCIATION_MAX_RETRANSMISSIONS |
                UINT64_C(1) << ASSOCIATION_INIT_RETRANSMISSIONS |
                UINT64_C(1) << ASSOCIATION_SHUTDOWN_RETRANSMISSIONS |
                UINT64_C(1) << ASSOCIATION_RETRANSMITTED_CHUNKS | UINT64_C(1) << ASSOCIATION_WRITE_QUEUE |
                UINT64_C(1) << ASSOCIATION_SEND_BUFFER | UINT64_C(1) << ASSOCIATION_RECEIVE_BUFFER;

        a->netns = r->socket.netns;
        a->id = r->id;
        a->local_port = r->local_port;
        a->peer_port = r->peer_port;
        a->state = (int8_t) association_state_from_proc(r->state, false);
        a->socket_state = (int8_t) endpoint_state_from_proc(r->socket.state);
        a->style = (int8_t) socket_style_from_proc(r->socket.style);
        if (a->state < 0 || a->socket_state < 0 || a->style < 0)
                return -EBADMSG;
        a->inode = r->socket.inode;
        a->uid = r->socket.uid;
        a->heartbeat_interval = r->heartbeat_interval;
        a->in_streams = r->in_streams;
        a->out_streams = r->out_streams;
        a->transmit_queue = r->transmit_queue;
        a->receive_queue = r->receive_queue;
        a->max_retransmissions = r->max_retransmissions;
        a->init_retransmissions = r->init_retransmissions;
        a->shutdown_retransmissions = r->shutdown_retransmissions;
        a->retransmitted_chunks = r->retransmitted_chunks;
        a->write_queue = r->write_queue;
        a->send_buffer = r->send_buffer;
        a->receive_buffer = r->receive_buffer;
        a->attachment = (int8_t) association_attachment(a->inode, a->socket_state, a->style);
        a->given[0] = given;
        if (a->id != 0)
                FIELD_GIVE(a, ASSOCIATION_ID);
        return 0;
}

/* What sock_diag would have said. */
static void read_detail(const struct record_association *restrict r, uint64_t hz, uint64_t at,
                        struct association *restrict a) {
        static const uint64_t given =
                DETAIL(ASSOCIATION_DIAG_AT) | DETAIL(ASSOCIATION_LOCAL_TAG) | DETAIL(ASSOCIATION_RECEIVE_WINDOW) |
                DETAIL(ASSOCIATION_PEER_RECEIVE_WINDOW) | DETAIL(ASSOCIATION_UNACKNOWLEDGED_CHUNKS) |
                DETAIL(ASSOCIATION_OVERALL_ERRORS) | DETAIL(ASSOCIATION_MAX_BURST) |
                DETAIL(ASSOCIATION_FRAGMENTATION_POINT) | DETAIL(ASSOCIATION_PEER_CAPABILITIES) |
                DETAIL(ASSOCIATION_SACK_NEEDED) | DETAIL(ASSOCIATION_ZERO_WINDOW) |
                DETAIL(ASSOCIATION_RECEIVE_MEMORY) | DETAIL(ASSOCIATION_SEND_MEMORY) |
                DETAIL(ASSOCIATION_FORWARD_MEMORY) | DETAIL(ASSOCIATION_OPTION_MEMORY) | DETAIL(ASSOCIATION_BACKLOG) |
                DETAIL(ASSOCIATION_DROPS) | DETAIL(ASSOCIATION_SACKS_SENT) | DETAIL(ASSOCIATION_SACKS_RECEIVED) |
                DETAIL(ASSOCIATION_PACKETS_SENT) | DETAIL(ASSOCIATION_PACKETS_RECEIVED) |
                DETAIL(ASSOCIATION_CHUNKS_RETRANSMITTED) | DETAIL(ASSOCIATION_TSNS_OUT_OF_ORDER) |
                DETAIL(ASSOCIATION_DUPLICATE_CHUNKS) | DETAIL(ASSOCIATION_GAP_ACKS) |
                DETAIL(ASSOCIATION_UNORDERED_SENT) | DETAIL(ASSOCIATION_UNORDERED_RECEIVED) |
                DETAIL(ASSOCIATION_ORDERED_SENT) | DETAIL(ASSOCIATION_ORDERED_RECEIVED) |
                DETAIL(ASSOCIATION_CONTROL_SENT) | DETAIL(ASSOCIATION_CONTROL_RECEIVED) |
                DETAIL(ASSOCIATION_OPTIONS_AT);

        a->detail = (struct association_detail) {
                .diag_at = at,
                .options_at = at,
                .diag_asked = 1,
                .options_asked = 1,
                .sacks_sent = r->sacks_sent,
                .sacks_received = r->sacks_received,
                .packets_sent = r->packets_sent,
                .packets_received = r->packets_received,
                .chunks_retransmitted = r->chunks_retransmitted,
                .tsns_out_of_order = r->tsns_out_of_order,
                .duplicate_chunks = r->duplicate_chunks,
                .gap_acks = r->gap_acks,
                .unordered_sent = r->unordered_sent,
                .unordered_received = r->unordered_received,
                .ordered_sent = r->ordered_sent,
                .ordered_received = r->ordered_received,
                .control_sent = r->control_sent,
                .control_received = r->control_received,
                .local_tag = r->local_tag,
                .peer_tag = r->peer_tag,
                .receive_window = r->receive_window,
                .peer_receive_window = r->peer_receive_window,
                .unacknowledged_chunks = r->unacknowledged_chunks,
                .pending_chunks = r->pending_chunks,
                .in_queue = r->in_queue,
                .out_queue = r->out_queue,
                .overall_errors = r->overall_errors,
                .max_burst = r->max_burst,
                .fragmentation_point = r->fragmentation_point,
                .interface = r->interface,
                .receive_memory = r->receive_memory,
                .send_memory = r->send_memory,
                .forward_memory = r->forward_memory,
                .option_memory = r->option_memory,
                .backlog = r->backlog,
                .drops = r->drops,
                .peer_capabilities = r->peer_capabilities,
                .sack_needed = r->sack_needed != 0,
                .zero_window = r->zero_window != 0,
        };
        a->given[1] = given;
        if (r->peer_tag != 0)
                FIELD_GIVE(a, ASSOCIATION_PEER_TAG);
        if (r->pending_known)
                FIELD_GIVE(a, ASSOCIATION_PENDING_CHUNKS);
        if (r->queues_known) {
                FIELD_GIVE(a, ASSOCIATION_IN_QUEUE);
                FIELD_GIVE(a, ASSOCIATION_OUT_QUEUE);
        }
        if (r->interface != 0)
                FIELD_GIVE(a, ASSOCIATION_INTERFACE);
        if (r->timer_running && hz > 0) {
                /* One that is overdue has a negative rest. */
                a->detail.retransmission_timer =
                        (int32_t) r->timer_left > 0 ? (uint32_t) jiffies_to_ms(r->timer_left, hz) : 0;
                FIELD_GIVE(a, ASSOCIATION_RETRANSMISSION_TIMER);
        }
}

int bpf_record_association(const struct record_association *restrict r, uint64_t hz, uint64_t at,
                           struct association *restrict ret) {
        int k;

        memset(ret, 0, sizeof(*ret));
        k = read_table_fields(r, ret);
        if (k >= 0)
                read_detail(r, hz, at, ret);

        return k;
}

int bpf_record_endpoint(const struct record_endpoint *r, struct endpoint *ret) {
        static const uint64_t given = UINT64_C(1) << ENDPOINT_NETNS | UINT64_C(1) << ENDPOINT_INODE |
                                      UINT64_C(1) << ENDPOINT_UID | UINT64_C(1) << ENDPOINT_LOCAL_PORT |
                                      UINT64_C(1) << ENDPOINT_STATE | UINT64_C(1) << ENDPOINT_STYLE;
        struct endpoint e = {
                .given = { given },
                .netns = r->socket.netns,
                .inode = r->socket.inode,
                .uid = r->socket.uid,
                .local_port = r->local_port,
                .state = (int8_t) endpoint_state_from_proc(r->socket.state),
                .style = (int8_t) socket_style_from_proc(r->socket.style),
        };

        if (e.state < 0 || e.style < 0)
                return -EBADMSG;

        *ret = e;
        return 0;
}

int bpf_record_path(const struct record_path *restrict r, uint64_t hz, struct path *restrict ret) {
        static const uint64_t table = UINT64_C(1) << PATH_STATE | UINT64_C(1) << PATH_RTO |
                                      UINT64_C(1) << PATH_HEARTBEAT_PENDING | UINT64_C(1) << PATH_MAX_RETRANSMISSIONS;
        static const uint64_t detail = DETAIL(PATH_SRTT) | DETAIL(PATH_CWND) | DETAIL(PATH_SSTHRESH) |
                                       DETAIL(PATH_PARTIAL_BYTES_ACKED) | DETAIL(PATH_FLIGHT_SIZE) |
                                       DETAIL(PATH_ERROR_COUNT) | DETAIL(PATH_MTU) | DETAIL(PATH_HEARTBEATS);

        *ret = (struct path) {
                .given = { table, detail },
                .state = (int8_t) path_state_from_proc(r->state),
                .rto = r->rto,
                .heartbeat_pending = r->heartbeat_pending != 0,
                .max_retransmissions = r->max_retransmissions,
                .detail = {
                        .srtt = r->srtt,
                        .cwnd = r->cwnd,
                        .ssthresh = r->ssthresh,
                        .partial_bytes_acked = r->partial_bytes_acked,
                        .flight_size = r->flight_size,
                        .error_count = r->error_count,
                        .mtu = r->mtu,
                        .heartbeats = r->heartbeats != 0,
                },
        };
        if (hz > 0) {
                ret->detail.heartbeat_interval = (uint32_t) jiffies_to_ms(r->heartbeat_interval, hz);
                ret->detail.sack_delay = (uint32_t) jiffies_to_ms(r->sack_delay, hz);
                FIELD_GIVE(ret, PATH_HEARTBEAT_INTERVAL);
                FIELD_GIVE(ret, PATH_SACK_DELAY);
        }

        return ret->state < 0 ? -EBADMSG : bpf_record_address(&r->address, &ret->address);
}
