/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

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
};

struct field {
        const char *name;       /* in JSON; for jiffies without the unit: "rto" -> "rtoMs", "rtoJiffies" */
        const char *column;     /* header name in the kernel's table; NULL: not from a table */
        uint8_t kind;           /* enum field_kind */
        uint8_t size;           /* of the member: 1, 2, 4 or 8 bytes */
        uint16_t offset;        /* of the member */
};

/* Every structure begins with `uint64_t given`, one bit for each field of its list that a source gave. */
#define FIELD_GIVEN(object, index) (((object)->given >> (index)) & 1)

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
        ASSOCIATION_ID,
        ASSOCIATION_NETNS,
        ASSOCIATION_LOCAL_PORT,
        ASSOCIATION_PEER_PORT,
        ASSOCIATION_STATE,
        ASSOCIATION_SOCKET_STATE,
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
        ASSOCIATION_LOCAL_TAG,
        ASSOCIATION_PEER_TAG,
        ASSOCIATION_OBSERVED_SINCE,
        ASSOCIATION_LAST_CHANGE,
        _ASSOCIATION_FIELD_MAX,
};

enum path_field {
        PATH_STATE,
        PATH_RTO,
        PATH_HEARTBEAT_PENDING,
        PATH_MAX_RETRANSMISSIONS,
        _PATH_FIELD_MAX,
};

extern const struct field endpoint_fields[_ENDPOINT_FIELD_MAX];
extern const struct field association_fields[_ASSOCIATION_FIELD_MAX];
extern const struct field path_fields[_PATH_FIELD_MAX];

/* Reads or writes a member of `object` by its field. Signed kinds (states, styles) come back sign-extended. */
int64_t field_get(const struct field *field, const void *object);
void field_set(const struct field *field, void *object, uint64_t value);
