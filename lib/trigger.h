/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What made the kernel do something with an association, as the kernel's own state machine says (sctp_do_sm): exact,
 * unlike what lib/cause.h concludes from outside. */

enum trigger_kind {
        TRIGGER_NONE,                   /* not known */
        TRIGGER_CHUNK,                  /* a chunk that came from the peer */
        TRIGGER_TIMER,
        TRIGGER_PRIMITIVE,              /* what the user, or its end, asked for: RFC 9260 section 11.1 */
        TRIGGER_ICMP,                   /* the network said that the peer's SCTP cannot be reached */
        _TRIGGER_KIND_MAX,
};

/* Those that the words differ for; chunk_name() knows more. */
enum chunk {
        CHUNK_DATA = 0,
        CHUNK_INIT_ACK = 2,
        CHUNK_SACK = 3,
        CHUNK_HEARTBEAT_ACK = 5,
        CHUNK_ABORT = 6,
        CHUNK_SHUTDOWN = 7,
        CHUNK_SHUTDOWN_ACK = 8,
        CHUNK_ERROR = 9,
        CHUNK_COOKIE_ECHO = 10,
        CHUNK_COOKIE_ACK = 11,
        CHUNK_SHUTDOWN_COMPLETE = 14,
        CHUNK_ASCONF = 193,
};

#define ERROR_CAUSE_USER_ABORT 12u

/* The names of RFC 9260 section 4 and of Linux; T4-rto is RFC 5061's. */
enum timer {
        TIMER_T1_COOKIE,
        TIMER_T1_INIT,
        TIMER_T2_SHUTDOWN,
        TIMER_T3_RTX,
        TIMER_T4_RTO,
        TIMER_T5_SHUTDOWN_GUARD,
        TIMER_HEARTBEAT,
        TIMER_RECONF,
        TIMER_PROBE,
        TIMER_SACK,
        TIMER_AUTOCLOSE,
        _TIMER_MAX,
};

enum primitive {
        PRIMITIVE_ASSOCIATE,
        PRIMITIVE_SHUTDOWN,
        PRIMITIVE_ABORT,
        PRIMITIVE_SEND,
        PRIMITIVE_REQUEST_HEARTBEAT,
        PRIMITIVE_ASCONF,
        PRIMITIVE_RECONF,
        _PRIMITIVE_MAX,
};

struct trigger {
        uint8_t kind;                   /* enum trigger_kind */
        uint8_t number;                 /* the chunk's type, enum timer, enum primitive */
        uint8_t has_error_cause;        /* an ABORT or ERROR, ours or the peer's, came with one: */
        uint8_t reserved;
        uint16_t error_cause;           /* RFC 9260 section 3.3.10 */
        uint16_t reserved2;
        uint32_t tries, tries_max;      /* of a timer: what it has counted, and the number at which it gives up; 0: that
                                         * is not known. Of autoclose tries_max is the seconds of idleness */
        uint32_t pid;                   /* of the process in whose call it happened; 0: in none's */
        char command[16];               /* escaped nowhere: see text_escape(); "" if there is no process */
};

/* Names. NULL: out of range, or there is none. "chunk", "timer", "primitive", "icmp"; "COOKIE ECHO"; "T1-init";
 * "SHUTDOWN"; "user-initiated ABORT". */
const char *trigger_kind_name(int kind);
const char *chunk_name(int type);
const char *timer_name(int timer);
const char *primitive_name(int primitive);
const char *error_cause_name(int cause);

/* Where what is of this kind comes from: "peer" (a chunk), "network" (icmp), else "local"; NULL as above. */
const char *trigger_side(int kind);

/* The name of the chunk, timer or primitive, of one without a name its number; "protocol unreachable" of icmp; "" of
 * none. */
#define TRIGGER_NAME_MAX 24
const char *trigger_name(const struct trigger *t, char buffer[static TRIGGER_NAME_MAX]);
/* From trigger_kind_name() and trigger_name(); all else of *ret is 0. -EINVAL. */
int trigger_from_names(const char *kind, const char *name, struct trigger *ret);

/* Of autoclose: how long it was idle; 0: not known, or it is another. */
uint64_t trigger_idle_msec(const struct trigger *t);

/* The process's name, escaped. */
#define TRIGGER_COMMAND_MAX (4 * 16 + 1)
const char *trigger_command(const struct trigger *t, char buffer[static TRIGGER_COMMAND_MAX]);

struct buffer;
struct change;

/* In plain words and without a guess what made the kernel do it: "peer aborted: user-initiated ABORT", "we gave up: no
 * answer to INIT after 8 tries"; of a step what it was for: "chunk SACK"; of no trigger nothing. It is to stand behind what changed, which it does not repeat.
 * Of the change only type, old_state, cause and trigger are looked at; `command` is the process's name as it is to be
 * shown, "" for none. */
void trigger_text(struct buffer *b, const struct change *change, const char *command);
