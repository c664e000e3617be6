/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "field.h"
#include "snapshot.h"

#define FIELD(type, member, field_name, field_column, field_kind)                       \
        {                                                                               \
                .name = field_name, .column = field_column, .kind = field_kind,         \
                .key = ",\"" field_name "\":", .key_length = sizeof(",\"" field_name "\":") - 1, \
                .size = sizeof(((struct type *) NULL)->member),                         \
                .offset = offsetof(struct type, member),                                \
        }
#define E(member, name, column, kind) FIELD(endpoint, member, name, column, kind)
#define A(member, name, column, kind) FIELD(association, member, name, column, kind)
#define P(member, name, column, kind) FIELD(path, member, name, column, kind)

const struct field endpoint_fields[_ENDPOINT_FIELD_MAX] = {
        [ENDPOINT_NETNS] = E(netns, "netns", NULL, FIELD_NUMBER),
        [ENDPOINT_LOCAL_PORT] = E(local_port, "localPort", "LPORT", FIELD_NUMBER),
        [ENDPOINT_STATE] = E(state, "state", "SST", FIELD_ENDPOINT_STATE),
        [ENDPOINT_STYLE] = E(style, "style", "STY", FIELD_STYLE),
        [ENDPOINT_INODE] = E(inode, "inode", "INODE", FIELD_NUMBER),
        [ENDPOINT_UID] = E(uid, "uid", "UID", FIELD_NUMBER),
};

const struct field association_fields[_ASSOCIATION_FIELD_MAX] = {
        [ASSOCIATION_ID] = A(id, "associationId", "ASSOC-ID", FIELD_NUMBER),
        [ASSOCIATION_NETNS] = A(netns, "netns", NULL, FIELD_NUMBER),
        [ASSOCIATION_LOCAL_PORT] = A(local_port, "localPort", "LPORT", FIELD_NUMBER),
        [ASSOCIATION_PEER_PORT] = A(peer_port, "peerPort", "RPORT", FIELD_NUMBER),
        [ASSOCIATION_STATE] = A(state, "state", "ST", FIELD_ASSOCIATION_STATE),
        [ASSOCIATION_SOCKET_STATE] = A(socket_state, "socketState", "SST", FIELD_ENDPOINT_STATE),
        [ASSOCIATION_ATTACHMENT] = A(attachment, "attachment", NULL, FIELD_ATTACHMENT),
        [ASSOCIATION_STYLE] = A(style, "style", "STY", FIELD_STYLE),
        [ASSOCIATION_INODE] = A(inode, "inode", "INODE", FIELD_NUMBER),
        [ASSOCIATION_UID] = A(uid, "uid", "UID", FIELD_NUMBER),
        [ASSOCIATION_HEARTBEAT_INTERVAL] = A(heartbeat_interval, "heartbeatInterval", "HBINT", FIELD_JIFFIES),
        [ASSOCIATION_IN_STREAMS] = A(in_streams, "inStreams", "INS", FIELD_NUMBER),
        [ASSOCIATION_OUT_STREAMS] = A(out_streams, "outStreams", "OUTS", FIELD_NUMBER),
        [ASSOCIATION_TRANSMIT_QUEUE] = A(transmit_queue, "transmitQueueBytes", "TX_QUEUE", FIELD_NUMBER),
        [ASSOCIATION_RECEIVE_QUEUE] = A(receive_queue, "receiveQueueBytes", "RX_QUEUE", FIELD_NUMBER),
        [ASSOCIATION_MAX_RETRANSMISSIONS] = A(max_retransmissions, "maxRetransmissions", "MAXRT", FIELD_NUMBER),
        [ASSOCIATION_INIT_RETRANSMISSIONS] = A(init_retransmissions, "initRetransmissions", "T1X", FIELD_NUMBER),
        [ASSOCIATION_SHUTDOWN_RETRANSMISSIONS] =
                A(shutdown_retransmissions, "shutdownRetransmissions", "T2X", FIELD_NUMBER),
        [ASSOCIATION_RETRANSMITTED_CHUNKS] =
                A(retransmitted_chunks, "retransmittedChunks", "RTXC", FIELD_NUMBER),
        [ASSOCIATION_WRITE_QUEUE] = A(write_queue, "writeQueueBytes", "wmemq", FIELD_NUMBER),
        [ASSOCIATION_SEND_BUFFER] = A(send_buffer, "sendBufferBytes", "sndbuf", FIELD_NUMBER),
        [ASSOCIATION_RECEIVE_BUFFER] = A(receive_buffer, "receiveBufferBytes", "rcvbuf", FIELD_NUMBER),
        [ASSOCIATION_OBSERVED_SINCE] = A(observed_since, "observedSince", NULL, FIELD_TIME),
        [ASSOCIATION_LAST_CHANGE] = A(last_change, "lastChange", NULL, FIELD_TIME),
        [ASSOCIATION_FLAPS] = A(flaps, "flaps", NULL, FIELD_NUMBER),

        [ASSOCIATION_DIAG_AT] = A(detail.diag_at, "sockDiagAt", NULL, FIELD_TIME),
        [ASSOCIATION_LOCAL_TAG] = A(detail.local_tag, "localTag", NULL, FIELD_NUMBER),
        [ASSOCIATION_PEER_TAG] = A(detail.peer_tag, "peerTag", NULL, FIELD_NUMBER),
        [ASSOCIATION_RECEIVE_WINDOW] = A(detail.receive_window, "receiveWindowBytes", NULL, FIELD_NUMBER),
        [ASSOCIATION_PEER_RECEIVE_WINDOW] =
                A(detail.peer_receive_window, "peerReceiveWindowBytes", NULL, FIELD_NUMBER),
        [ASSOCIATION_UNACKNOWLEDGED_CHUNKS] =
                A(detail.unacknowledged_chunks, "unacknowledgedChunks", NULL, FIELD_NUMBER),
        [ASSOCIATION_PENDING_CHUNKS] = A(detail.pending_chunks, "pendingChunks", NULL, FIELD_NUMBER),
        [ASSOCIATION_IN_QUEUE] = A(detail.in_queue, "inQueueChunks", NULL, FIELD_NUMBER),
        [ASSOCIATION_OUT_QUEUE] = A(detail.out_queue, "outQueueChunks", NULL, FIELD_NUMBER),
        [ASSOCIATION_OVERALL_ERRORS] = A(detail.overall_errors, "overallErrorCount", NULL, FIELD_NUMBER),
        [ASSOCIATION_MAX_BURST] = A(detail.max_burst, "maxBurst", NULL, FIELD_NUMBER),
        [ASSOCIATION_PEER_CAPABILITIES] = A(detail.peer_capabilities, "peerCapabilities", NULL, FIELD_CAPABILITIES),
        [ASSOCIATION_SACK_NEEDED] = A(detail.sack_needed, "sackNeeded", NULL, FIELD_BOOLEAN),
        [ASSOCIATION_ZERO_WINDOW] = A(detail.zero_window, "peerZeroWindow", NULL, FIELD_BOOLEAN),
        [ASSOCIATION_RETRANSMISSION_TIMER] =
                A(detail.retransmission_timer, "retransmissionTimerMs", NULL, FIELD_NUMBER),
        [ASSOCIATION_INTERFACE] = A(detail.interface, "interfaceIndex", NULL, FIELD_NUMBER),
        [ASSOCIATION_RECEIVE_MEMORY] = A(detail.receive_memory, "receiveMemoryBytes", NULL, FIELD_NUMBER),
        [ASSOCIATION_SEND_MEMORY] = A(detail.send_memory, "sendMemoryBytes", NULL, FIELD_NUMBER),
        [ASSOCIATION_FORWARD_MEMORY] = A(detail.forward_memory, "forwardMemoryBytes", NULL, FIELD_NUMBER),
        [ASSOCIATION_OPTION_MEMORY] = A(detail.option_memory, "optionMemoryBytes", NULL, FIELD_NUMBER),
        [ASSOCIATION_BACKLOG] = A(detail.backlog, "backlogBytes", NULL, FIELD_NUMBER),
        [ASSOCIATION_DROPS] = A(detail.drops, "drops", NULL, FIELD_NUMBER),
        [ASSOCIATION_SACKS_SENT] = A(detail.sacks_sent, "sacksSent", NULL, FIELD_NUMBER),
        [ASSOCIATION_SACKS_RECEIVED] = A(detail.sacks_received, "sacksReceived", NULL, FIELD_NUMBER),
        [ASSOCIATION_PACKETS_SENT] = A(detail.packets_sent, "packetsSent", NULL, FIELD_NUMBER),
        [ASSOCIATION_PACKETS_RECEIVED] = A(detail.packets_received, "packetsReceived", NULL, FIELD_NUMBER),
        [ASSOCIATION_CHUNKS_RETRANSMITTED] =
                A(detail.chunks_retransmitted, "chunksRetransmitted", NULL, FIELD_NUMBER),
        [ASSOCIATION_TSNS_OUT_OF_ORDER] = A(detail.tsns_out_of_order, "tsnsOutOfOrder", NULL, FIELD_NUMBER),
        [ASSOCIATION_DUPLICATE_CHUNKS] =
                A(detail.duplicate_chunks, "duplicateChunksReceived", NULL, FIELD_NUMBER),
        [ASSOCIATION_GAP_ACKS] = A(detail.gap_acks, "gapAcksReceived", NULL, FIELD_NUMBER),
        [ASSOCIATION_UNORDERED_SENT] = A(detail.unordered_sent, "unorderedChunksSent", NULL, FIELD_NUMBER),
        [ASSOCIATION_UNORDERED_RECEIVED] =
                A(detail.unordered_received, "unorderedChunksReceived", NULL, FIELD_NUMBER),
        [ASSOCIATION_ORDERED_SENT] = A(detail.ordered_sent, "orderedChunksSent", NULL, FIELD_NUMBER),
        [ASSOCIATION_ORDERED_RECEIVED] = A(detail.ordered_received, "orderedChunksReceived", NULL, FIELD_NUMBER),
        [ASSOCIATION_CONTROL_SENT] = A(detail.control_sent, "controlChunksSent", NULL, FIELD_NUMBER),
        [ASSOCIATION_CONTROL_RECEIVED] = A(detail.control_received, "controlChunksReceived", NULL, FIELD_NUMBER),
        [ASSOCIATION_OPTIONS_AT] = A(detail.options_at, "socketOptionsAt", NULL, FIELD_TIME),
        [ASSOCIATION_FRAGMENTATION_POINT] =
                A(detail.fragmentation_point, "fragmentationPointBytes", NULL, FIELD_NUMBER),
        [ASSOCIATION_ORIGINAL_PORT] = A(detail.original_port, "originalPort", NULL, FIELD_NUMBER),
};

const struct field path_fields[_PATH_FIELD_MAX] = {
        [PATH_STATE] = P(state, "state", "STATE", FIELD_PATH_STATE),
        [PATH_STATE_SINCE] = P(state_since, "stateSince", NULL, FIELD_TIME),
        [PATH_RTO] = P(rto, "rto", "RTO", FIELD_JIFFIES),
        [PATH_HEARTBEAT_PENDING] = P(heartbeat_pending, "heartbeatPending", "HB_ACT", FIELD_BOOLEAN),
        [PATH_MAX_RETRANSMISSIONS] = P(max_retransmissions, "maxRetransmissions", "MAX_PATH_RTX", FIELD_NUMBER),

        [PATH_SRTT] = P(detail.srtt, "srtt", NULL, FIELD_JIFFIES),
        [PATH_CWND] = P(detail.cwnd, "cwndBytes", NULL, FIELD_NUMBER),
        [PATH_SSTHRESH] = P(detail.ssthresh, "ssthreshBytes", NULL, FIELD_NUMBER),
        [PATH_PARTIAL_BYTES_ACKED] = P(detail.partial_bytes_acked, "partialBytesAcked", NULL, FIELD_NUMBER),
        [PATH_FLIGHT_SIZE] = P(detail.flight_size, "flightSizeBytes", NULL, FIELD_NUMBER),
        [PATH_ERROR_COUNT] = P(detail.error_count, "errorCount", NULL, FIELD_NUMBER),
        [PATH_MTU] = P(detail.mtu, "mtuBytes", NULL, FIELD_NUMBER),
        [PATH_HEARTBEAT_INTERVAL] = P(detail.heartbeat_interval, "heartbeatIntervalMs", NULL, FIELD_NUMBER),
        [PATH_HEARTBEATS] = P(detail.heartbeats, "heartbeats", NULL, FIELD_BOOLEAN),
        [PATH_SACK_DELAY] = P(detail.sack_delay, "sackDelayMs", NULL, FIELD_NUMBER),
};

void field_set(const struct field *field, void *object, uint64_t value) {
        uint8_t *p = (uint8_t *) object + field->offset;
        uint32_t u32 = (uint32_t) value;
        uint16_t u16 = (uint16_t) value;
        uint8_t u8 = (uint8_t) value;

        switch (field->size) {
        case 8:
                memcpy(p, &value, 8);
                break;
        case 4:
                memcpy(p, &u32, 4);
                break;
        case 2:
                memcpy(p, &u16, 2);
                break;
        default:
                memcpy(p, &u8, 1);
        }
}
