/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What is known of endpoints, associations and paths, field by field: how the kernel's tables call
 * it, how the interface calls it, and where it stands in the structure. Readers, JSON and tables
 * all go by these. */

enum field_kind {
        FIELD_NUMBER,
        FIELD_JIFFIES,          /* ms in the interface where the tick is known */
        FIELD_BOOLEAN,
        FIELD_TIME,             /* microseconds since the epoch */
        FIELD_STYLE,
        FIELD_ENDPOINT_STATE,
        FIELD_ASSOCIATION_STATE,
        FIELD_PATH_STATE,
        FIELD_ATTACHMENT,
        FIELD_CAPABILITIES,     /* bits, by name */
};

/* Names have few lengths: copying this many bytes takes less time than copying the right number. */
#define FIELD_KEY_BYTES 32u

struct field {
        const char *name;       /* in JSON; for jiffies without the unit: "rto" -> "rtoMs", "rtoJiffies" */
        const char *column;     /* header name in the kernel's table; NULL: not from a table */
        char key[FIELD_KEY_BYTES];      /* the name as it stands behind others in an object: ,"name": */
        uint8_t key_length;
        uint8_t kind;           /* enum field_kind */
        uint8_t size;           /* of the member: 1, 2, 4 or 8 bytes */
        uint16_t offset;        /* of the member */
};

/* Every structure begins with `uint64_t given[FIELD_WORDS]`, one bit for each field of its list that a source
 * gave. The tables' fields, read anew in each scan, stand in the first word; those of `detail`, which are asked for
 * one by one at a slower pace and handed on from scan to scan, in the second. */
#define FIELD_WORDS 2u
#define FIELD_DETAIL 64u
#define FIELD_GIVEN(object, index) (((object)->given[(index) / 64] >> ((index) % 64)) & 1)
#define FIELD_GIVE(object, index) ((object)->given[(index) / 64] |= UINT64_C(1) << ((index) % 64))
#define FIELD_TAKE_BACK(object, index) ((object)->given[(index) / 64] &= ~(UINT64_C(1) << ((index) % 64)))

enum endpoint_field {
        ENDPOINT_NETNS,
        ENDPOINT_LOCAL_PORT,
        ENDPOINT_STATE,
        ENDPOINT_STYLE,
        ENDPOINT_INODE,
        ENDPOINT_UID,
        _ENDPOINT_FIELD_MAX,
};

enum association_field {
        /* The tables' */
        ASSOCIATION_ID,
        ASSOCIATION_NETNS,
        ASSOCIATION_LOCAL_PORT,
        ASSOCIATION_PEER_PORT,
        ASSOCIATION_STATE,
        ASSOCIATION_SOCKET_STATE,
        ASSOCIATION_ATTACHMENT,
        ASSOCIATION_STYLE,
        ASSOCIATION_INODE,
        ASSOCIATION_UID,
        ASSOCIATION_HEARTBEAT_INTERVAL,
        ASSOCIATION_IN_STREAMS,
        ASSOCIATION_OUT_STREAMS,
        ASSOCIATION_TRANSMIT_QUEUE,
        ASSOCIATION_RECEIVE_QUEUE,
        ASSOCIATION_MAX_RETRANSMISSIONS,
        ASSOCIATION_INIT_RETRANSMISSIONS,
        ASSOCIATION_SHUTDOWN_RETRANSMISSIONS,
        ASSOCIATION_RETRANSMITTED_CHUNKS,
        ASSOCIATION_WRITE_QUEUE,
        ASSOCIATION_SEND_BUFFER,
        ASSOCIATION_RECEIVE_BUFFER,
        ASSOCIATION_OBSERVED_SINCE,
        ASSOCIATION_LAST_CHANGE,
        ASSOCIATION_FLAPS,
        _ASSOCIATION_TABLE_FIELD_MAX,
        /* sock_diag's */
        ASSOCIATION_DIAG_AT = FIELD_DETAIL,
        ASSOCIATION_LOCAL_TAG,
        ASSOCIATION_PEER_TAG,
        ASSOCIATION_RECEIVE_WINDOW,
        /* SCTP_STATUS gives this one, the next two and the fragmentation point, too. */
        ASSOCIATION_PEER_RECEIVE_WINDOW,
        ASSOCIATION_UNACKNOWLEDGED_CHUNKS,
        ASSOCIATION_PENDING_CHUNKS,
        ASSOCIATION_IN_QUEUE,
        ASSOCIATION_OUT_QUEUE,
        ASSOCIATION_OVERALL_ERRORS,
        ASSOCIATION_MAX_BURST,
        ASSOCIATION_FRAGMENTATION_POINT,
        ASSOCIATION_PEER_CAPABILITIES,
        ASSOCIATION_SACK_NEEDED,
        ASSOCIATION_ZERO_WINDOW,
        ASSOCIATION_RETRANSMISSION_TIMER,
        ASSOCIATION_INTERFACE,
        ASSOCIATION_RECEIVE_MEMORY,
        ASSOCIATION_SEND_MEMORY,
        ASSOCIATION_FORWARD_MEMORY,
        ASSOCIATION_OPTION_MEMORY,
        ASSOCIATION_BACKLOG,
        ASSOCIATION_DROPS,
        ASSOCIATION_SACKS_SENT,
        ASSOCIATION_SACKS_RECEIVED,
        ASSOCIATION_PACKETS_SENT,
        ASSOCIATION_PACKETS_RECEIVED,
        ASSOCIATION_CHUNKS_RETRANSMITTED,
        ASSOCIATION_TSNS_OUT_OF_ORDER,
        ASSOCIATION_DUPLICATE_CHUNKS,
        ASSOCIATION_GAP_ACKS,
        ASSOCIATION_UNORDERED_SENT,
        ASSOCIATION_UNORDERED_RECEIVED,
        ASSOCIATION_ORDERED_SENT,
        ASSOCIATION_ORDERED_RECEIVED,
        ASSOCIATION_CONTROL_SENT,
        ASSOCIATION_CONTROL_RECEIVED,
        /* The socket options' */
        ASSOCIATION_OPTIONS_AT,
        /* conntrack's */
        ASSOCIATION_ORIGINAL_PORT,
        _ASSOCIATION_FIELD_MAX,
};

enum path_field {
        /* The tables' */
        PATH_STATE,
        PATH_STATE_SINCE,
        PATH_RTO,
        PATH_HEARTBEAT_PENDING,
        PATH_MAX_RETRANSMISSIONS,
        _PATH_TABLE_FIELD_MAX,
        /* sock_diag's, of the primary path only, and the socket options', of each */
        PATH_SRTT = FIELD_DETAIL,
        PATH_CWND,
        PATH_SSTHRESH,
        PATH_PARTIAL_BYTES_ACKED,
        PATH_FLIGHT_SIZE,
        PATH_ERROR_COUNT,
        PATH_MTU,
        PATH_HEARTBEAT_INTERVAL,
        PATH_HEARTBEATS,
        PATH_SACK_DELAY,
        _PATH_FIELD_MAX,
};

/* An index that no field has is a gap: its name is NULL. */
extern const struct field endpoint_fields[_ENDPOINT_FIELD_MAX];
extern const struct field association_fields[_ASSOCIATION_FIELD_MAX];
extern const struct field path_fields[_PATH_FIELD_MAX];

/* Reads or writes a member of `object` by its field. Signed kinds (states, styles) come back sign-extended. */
static inline int64_t field_get(const struct field *field, const void *object) {
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

void field_set(const struct field *field, void *object, uint64_t value);
