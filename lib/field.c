/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "field.h"
#include "snapshot.h"

#define FIELD(type, member, field_name, field_column, field_kind)                       \
        {                                                                               \
                .name = field_name, .column = field_column, .kind = field_kind,         \
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
        [ASSOCIATION_LOCAL_TAG] = A(local_tag, "localTag", NULL, FIELD_NUMBER),
        [ASSOCIATION_PEER_TAG] = A(peer_tag, "peerTag", NULL, FIELD_NUMBER),
        [ASSOCIATION_OBSERVED_SINCE] = A(observed_since, "observedSince", NULL, FIELD_TIME),
        [ASSOCIATION_LAST_CHANGE] = A(last_change, "lastChange", NULL, FIELD_TIME),
};

const struct field path_fields[_PATH_FIELD_MAX] = {
        [PATH_STATE] = P(state, "state", "STATE", FIELD_PATH_STATE),
        [PATH_RTO] = P(rto, "rto", "RTO", FIELD_JIFFIES),
        [PATH_HEARTBEAT_PENDING] = P(heartbeat_pending, "heartbeatPending", "HB_ACT", FIELD_BOOLEAN),
        [PATH_MAX_RETRANSMISSIONS] = P(max_retransmissions, "maxRetransmissions", "MAX_PATH_RTX", FIELD_NUMBER),
};

int64_t field_get(const struct field *field, const void *object) {
        const uint8_t *p = (const uint8_t *) object + field->offset;
        uint64_t u64;
        uint32_t u32;
        uint16_t u16;
        int8_t s8;

        switch (field->size) {
        case 8:
                memcpy(&u64, p, 8);
                return (int64_t) u64;
        case 4:
                memcpy(&u32, p, 4);
                return u32;
        case 2:
                memcpy(&u16, p, 2);
                return u16;
        default:
                memcpy(&s8, p, 1);
                return s8;
        }
}

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
