/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "buffer.h"
#include "changes.h"
#include "state.h"
#include "text.h"

/* Names */

static const char *const kinds[_TRIGGER_KIND_MAX] = {
        [TRIGGER_CHUNK] = "chunk",
        [TRIGGER_TIMER] = "timer",
        [TRIGGER_PRIMITIVE] = "primitive",
        [TRIGGER_ICMP] = "icmp",
};

static const char *const chunks[] = {
        [CHUNK_DATA] = "DATA",
        [1] = "INIT",
        [CHUNK_INIT_ACK] = "INIT ACK",
        [CHUNK_SACK] = "SACK",
        [4] = "HEARTBEAT",
        [CHUNK_HEARTBEAT_ACK] = "HEARTBEAT ACK",
        [CHUNK_ABORT] = "ABORT",
        [CHUNK_SHUTDOWN] = "SHUTDOWN",
        [CHUNK_SHUTDOWN_ACK] = "SHUTDOWN ACK",
        [CHUNK_ERROR] = "ERROR",
        [CHUNK_COOKIE_ECHO] = "COOKIE ECHO",
        [CHUNK_COOKIE_ACK] = "COOKIE ACK",
        [12] = "ECNE",
        [13] = "CWR",
        [CHUNK_SHUTDOWN_COMPLETE] = "SHUTDOWN COMPLETE",
        [15] = "AUTH",                  /* RFC 4895 */
        [64] = "I-DATA",                /* RFC 8260 */
        [128] = "ASCONF-ACK",           /* RFC 5061 */
        [130] = "RE-CONFIG",            /* RFC 6525 */
        [132] = "PAD",                  /* RFC 4820 */
        [192] = "FORWARD TSN",          /* RFC 3758 */
        [CHUNK_ASCONF] = "ASCONF",      /* RFC 5061 */
        [194] = "I-FORWARD-TSN",        /* RFC 8260 */
};

static const char *const timers[_TIMER_MAX] = {
        [TIMER_T1_COOKIE] = "T1-cookie",
        [TIMER_T1_INIT] = "T1-init",
        [TIMER_T2_SHUTDOWN] = "T2-shutdown",
        [TIMER_T3_RTX] = "T3-rtx",
        [TIMER_T4_RTO] = "T4-rto",
        [TIMER_T5_SHUTDOWN_GUARD] = "T5-shutdown-guard",
        [TIMER_HEARTBEAT] = "heartbeat",
        [TIMER_RECONF] = "re-configuration",
        [TIMER_PROBE] = "path-mtu-probe",
        [TIMER_SACK] = "SACK",
        [TIMER_AUTOCLOSE] = "autoclose",
};

/* The last two are Linux's. */
static const char *const primitives[_PRIMITIVE_MAX] = {
        [PRIMITIVE_ASSOCIATE] = "ASSOCIATE",
        [PRIMITIVE_SHUTDOWN] = "SHUTDOWN",
        [PRIMITIVE_ABORT] = "ABORT",
        [PRIMITIVE_SEND] = "SEND",
        [PRIMITIVE_REQUEST_HEARTBEAT] = "REQUESTHEARTBEAT",
        [PRIMITIVE_ASCONF] = "ASCONF",
        [PRIMITIVE_RECONF] = "RECONF",
};

/* RFC 9260 sections 3.3.10.1 to 13, RFC 5061 section 4.3, RFC 4895 section 4.2. */
static const char *const error_causes[] = {
        [1] = "invalid stream identifier",
        [2] = "missing mandatory parameter",
        [3] = "stale cookie",
        [4] = "out of resource",
        [5] = "unresolvable address",
        [6] = "unrecognized chunk type",
        [7] = "invalid mandatory parameter",
        [8] = "unrecognized parameters",
        [9] = "no user data",
        [10] = "cookie received while shutting down",
        [11] = "restart with new addresses",
        [ERROR_CAUSE_USER_ABORT] = "user-initiated ABORT",
        [13] = "protocol violation",
        [0xa0] = "deletion of the last address",
        [0xa1] = "resource shortage",
        [0xa2] = "deletion of the source address",
        [0xa3] = "illegal ASCONF-ACK",
        [0xa4] = "no authorization",
        [0x105] = "unsupported HMAC identifier",
};

static const char *name_of(const char *const *names, size_t n, int i) {
        return i >= 0 && (size_t) i < n ? names[i] : NULL;
}

const char *trigger_kind_name(int kind) {
        return name_of(kinds, ELEMENTS(kinds), kind);
}

const char *chunk_name(int type) {
        return name_of(chunks, ELEMENTS(chunks), type);
}

const char *timer_name(int timer) {
        return name_of(timers, ELEMENTS(timers), timer);
}

const char *primitive_name(int primitive) {
        return name_of(primitives, ELEMENTS(primitives), primitive);
}

const char *error_cause_name(int cause) {
        return name_of(error_causes, ELEMENTS(error_causes), cause);
}

const char *trigger_side(int kind) {
        static const char *const sides[_TRIGGER_KIND_MAX] = {
                [TRIGGER_CHUNK] = "peer",
                [TRIGGER_TIMER] = "local",
                [TRIGGER_PRIMITIVE] = "local",
                [TRIGGER_ICMP] = "network",
        };

        return name_of(sides, ELEMENTS(sides), kind);
}

static const char *number_name(int kind, int number) {
        switch ((enum trigger_kind) kind) {
        case TRIGGER_CHUNK:
                return chunk_name(number);
        case TRIGGER_TIMER:
                return timer_name(number);
        case TRIGGER_PRIMITIVE:
                return primitive_name(number);
        case TRIGGER_ICMP:
                return "protocol unreachable";
        case TRIGGER_NONE:
        case _TRIGGER_KIND_MAX:
                break;
        }

        return NULL;
}

const char *trigger_name(const struct trigger *t, char buffer[static TRIGGER_NAME_MAX]) {
        const char *name = number_name(t->kind, t->number);

        if (name || !trigger_kind_name(t->kind))
                snprintf(buffer, TRIGGER_NAME_MAX, "%s", name ?: "");
        else
                snprintf(buffer, TRIGGER_NAME_MAX, "%u", t->number);
        return buffer;
}

int trigger_from_names(const char *kind, const char *name, struct trigger *ret) {
        uint64_t number;
        int k = 0;

        while (k < _TRIGGER_KIND_MAX && !(kinds[k] && strcmp(kinds[k], kind) == 0))
                k++;
        if (k == _TRIGGER_KIND_MAX)
                return -EINVAL;

        for (number = 0; number <= UINT8_MAX; number++) {
                const char *known = number_name(k, (int) number);

                if (known && strcmp(known, name) == 0)
                        break;
        }
        if (number > UINT8_MAX && text_to_u64(name, strlen(name), 10, UINT8_MAX, &number) < 0)
                return -EINVAL;

        *ret = (struct trigger) { .kind = (uint8_t) k, .number = (uint8_t) number };
        return 0;
}

uint64_t trigger_idle_msec(const struct trigger *t) {
        return t->kind == TRIGGER_TIMER && t->number == TIMER_AUTOCLOSE ? (uint64_t) t->tries_max * 1000 : 0;
}

const char *trigger_command(const struct trigger *t, char buffer[static TRIGGER_COMMAND_MAX]) {
        text_escape_into(buffer, TRIGGER_COMMAND_MAX, t->command, strnlen(t->command, sizeof(t->command)));
        return buffer;
}

/* Words */

_printf_(2, 3)
static void say(struct buffer *b, const char *format, ...) {
        char text[128];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        buffer_puts(b, text);
}

static void say_process(struct buffer *b, const struct trigger *t, const char *command) {
        if (t->pid == 0)
                return;
        buffer_puts(b, " (");
        if (*command) {
                buffer_puts(b, command);
                buffer_puts(b, ", ");
        }
        say(b, "pid %" PRIu32 ")", t->pid);
}

static void say_error_cause(struct buffer *b, const struct trigger *t) {
        const char *name = error_cause_name(t->error_cause);

        if (!t->has_error_cause)
                return;
        if (name)
                say(b, ": %s", name);
        else
                say(b, ": error cause %u", t->error_cause);
}

/* "5 of 5 heartbeats", "1 try". More than the most would be no part of it. */
static void say_tries(struct buffer *b, const struct trigger *t, const char *one, const char *many) {
        bool limited = t->tries_max > 0 && t->tries <= t->tries_max;

        say(b, "%" PRIu32, t->tries);
        if (limited)
                say(b, " of %" PRIu32, t->tries_max);
        say(b, " %s", (limited ? t->tries_max : t->tries) == 1 ? one : many);
}

/* What came from the peer. */
static void say_chunk(struct buffer *b, const struct change *c, const struct trigger *t) {
        bool down = c->type == CHANGE_ASSOCIATION_DOWN;
        bool setting_up = c->old_state == ASSOCIATION_COOKIE_WAIT || c->old_state == ASSOCIATION_COOKIE_ECHOED;
        char name[TRIGGER_NAME_MAX];

        if (c->type == CHANGE_ASSOCIATION_RESTART) {
                buffer_puts(b, "peer restarted");
                return;
        }

        switch (t->number) {
        case CHUNK_ABORT:
                buffer_puts(b, down && setting_up ? "peer refused it (ABORT)" : "peer aborted");
                say_error_cause(b, t);
                return;
        case CHUNK_ERROR:
                buffer_puts(b, "peer sent ERROR");
                say_error_cause(b, t);
                return;
        case CHUNK_SHUTDOWN:
        case CHUNK_SHUTDOWN_COMPLETE:
                buffer_puts(b, "peer shut it down");
                return;
        case CHUNK_SHUTDOWN_ACK:
                /* In SHUTDOWN-ACK-SENT both have sent SHUTDOWN. */
                if (!down || (c->old_state != ASSOCIATION_SHUTDOWN_SENT &&
                              c->old_state != ASSOCIATION_SHUTDOWN_ACK_SENT))
                        break;
                buffer_puts(b, c->old_state == ASSOCIATION_SHUTDOWN_SENT ? "we shut it down" : "both shut it down");
                return;
        case CHUNK_INIT_ACK:
                if (c->type != CHANGE_ASSOCIATION_STATE)
                        break;
                buffer_puts(b, "peer answered INIT");
                return;
        case CHUNK_COOKIE_ECHO:
                if (c->type != CHANGE_ASSOCIATION_UP)
                        break;
                buffer_puts(b, setting_up ? "both set it up" : "peer set it up");
                return;
        case CHUNK_COOKIE_ACK:
                if (c->type != CHANGE_ASSOCIATION_UP)
                        break;
                buffer_puts(b, "we set it up");
                return;
        case CHUNK_HEARTBEAT_ACK:
                if (down)
                        break;
                buffer_puts(b, "a heartbeat was answered");
                return;
        case CHUNK_SACK:
                if (c->type != CHANGE_PATH_STATE && c->type != CHANGE_RECOVERED)
                        break;
                buffer_puts(b, "data was acknowledged");
                return;
        case CHUNK_ASCONF:
                if (c->type != CHANGE_PATH_ADDED && c->type != CHANGE_PATH_REMOVED && c->type != CHANGE_PRIMARY_CHANGED)
                        break;
                buffer_puts(b, "peer asked for it (ASCONF)");
                return;
        default:
                break;
        }

        say(b, "%son the peer's %s%s", down && c->cause == CAUSE_ABORTED ? "we aborted " : "",
            chunk_name(t->number) ? "" : "chunk ", trigger_name(t, name));
        say_error_cause(b, t);
}

/* What was sent and not answered: "no answer to INIT after 8 tries". */
static void say_no_answer(struct buffer *b, bool down, const struct trigger *t, const char *what) {
        say(b, "%sno answer to %s", down ? "we gave up: " : "", what);
        if (t->tries == 0)
                return;
        buffer_puts(b, " after ");
        if (down)
                say(b, "%" PRIu32 " tr%s", t->tries, t->tries == 1 ? "y" : "ies");
        else
                say_tries(b, t, "try", "tries");
}

static void say_timer(struct buffer *b, const struct change *c, const struct trigger *t) {
        bool down = c->type == CHANGE_ASSOCIATION_DOWN;
        char name[TRIGGER_NAME_MAX];

        switch ((enum timer) t->number) {
        case TIMER_T1_INIT:
                say_no_answer(b, down, t, "INIT");
                return;
        case TIMER_T1_COOKIE:
                say_no_answer(b, down, t, "COOKIE ECHO");
                return;
        case TIMER_T2_SHUTDOWN:
                say_no_answer(b, down, t, c->old_state == ASSOCIATION_SHUTDOWN_ACK_SENT ? "SHUTDOWN ACK" : "SHUTDOWN");
                return;
        case TIMER_T4_RTO:
                say_no_answer(b, down, t, "ASCONF");
                return;
        case TIMER_RECONF:
                say_no_answer(b, down, t, "RE-CONFIG");
                return;
        case TIMER_T3_RTX:
                buffer_puts(b, "no answer to data");
                if (t->tries > 0) {
                        buffer_puts(b, ": ");
                        say_tries(b, t, "retransmission", "retransmissions");
                }
                return;
        case TIMER_HEARTBEAT:
                buffer_puts(b, down ? "we gave up: " : "");
                if (t->tries > 0) {
                        say_tries(b, t, "heartbeat", "heartbeats");
                        buffer_puts(b, " lost");
                } else
                        buffer_puts(b, "no answer to heartbeats");
                return;
        case TIMER_T5_SHUTDOWN_GUARD:
                if (!down)
                        break;
                buffer_puts(b, "we aborted: peer did not finish the shutdown in time");
                return;
        case TIMER_AUTOCLOSE:
                if (t->tries_max > 0)
                        say(b, "closed after %" PRIu32 " s of idleness (autoclose)", t->tries_max);
                else
                        buffer_puts(b, "closed for idleness (autoclose)");
                return;
        case TIMER_PROBE:
        case TIMER_SACK:
        case _TIMER_MAX:
                break;
        }

        say(b, "on our timer %s", trigger_name(t, name));
        say_error_cause(b, t);
}

/* What was asked for here. */
static void say_primitive(struct buffer *b, const struct change *c, const struct trigger *t, const char *command) {
        bool down = c->type == CHANGE_ASSOCIATION_DOWN;
        bool setting_up = c->old_state == ASSOCIATION_COOKIE_WAIT || c->old_state == ASSOCIATION_COOKIE_ECHOED;
        char name[TRIGGER_NAME_MAX];

        if (t->number == PRIMITIVE_SHUTDOWN)
                buffer_puts(b, down && setting_up ? "we closed it before it was established" : "we shut it down");
        else if (t->number == PRIMITIVE_ABORT)
                buffer_puts(b, "we aborted");
        else if (t->number == PRIMITIVE_ASSOCIATE && !down)
                buffer_puts(b, "we set it up");
        else
                say(b, "on our %s", trigger_name(t, name));
        say_process(b, t, command);
        /* That it was the user's goes without saying. */
        if (t->error_cause != ERROR_CAUSE_USER_ABORT)
                say_error_cause(b, t);
}

/* Of the state machine, which says nothing of what came of it: the names alone. */
static void say_step(struct buffer *b, const struct trigger *t, const char *command) {
        char name[TRIGGER_NAME_MAX];

        trigger_name(t, name);
        if (t->kind == TRIGGER_ICMP) {
                say(b, "ICMP %s", name);
                return;
        }
        say(b, "%s %s", t->kind == TRIGGER_PRIMITIVE ? "request" : trigger_kind_name(t->kind), name);
        say_error_cause(b, t);
        say_process(b, t, command);
}

void trigger_text(struct buffer *b, const struct change *change, const char *command) {
        const struct trigger *t = change->trigger;

        if (!t)
                return;
        if (change->type == CHANGE_STEP && trigger_kind_name(t->kind)) {
                say_step(b, t, command);
                return;
        }
        switch ((enum trigger_kind) t->kind) {
        case TRIGGER_CHUNK:
                say_chunk(b, change, t);
                break;
        case TRIGGER_TIMER:
                say_timer(b, change, t);
                break;
        case TRIGGER_PRIMITIVE:
                say_primitive(b, change, t, command);
                break;
        case TRIGGER_ICMP:
                buffer_puts(b, "the network says that the peer has no SCTP (ICMP protocol unreachable)");
                break;
        case TRIGGER_NONE:
        case _TRIGGER_KIND_MAX:
                break;
        }
}
