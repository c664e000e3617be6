/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "buffer.h"
#include "changes.h"
#include "macro.h"
#include "state.h"

static void test_names(void **state) {
        (void) state;
        assert_string_equal(trigger_kind_name(TRIGGER_CHUNK), "chunk");
        assert_string_equal(trigger_kind_name(TRIGGER_TIMER), "timer");
        assert_string_equal(trigger_kind_name(TRIGGER_PRIMITIVE), "primitive");
        assert_string_equal(trigger_kind_name(TRIGGER_ICMP), "icmp");
        assert_null(trigger_kind_name(TRIGGER_NONE));
        assert_null(trigger_kind_name(_TRIGGER_KIND_MAX));
        assert_null(trigger_kind_name(-1));

        assert_string_equal(trigger_side(TRIGGER_CHUNK), "peer");
        assert_string_equal(trigger_side(TRIGGER_TIMER), "local");
        assert_string_equal(trigger_side(TRIGGER_PRIMITIVE), "local");
        assert_string_equal(trigger_side(TRIGGER_ICMP), "network");
        assert_null(trigger_side(TRIGGER_NONE));
        assert_null(trigger_side(_TRIGGER_KIND_MAX));

        assert_string_equal(chunk_name(0), "DATA");
        assert_string_equal(chunk_name(14), "SHUTDOWN COMPLETE");
        assert_string_equal(chunk_name(130), "RE-CONFIG");
        assert_string_equal(chunk_name(194), "I-FORWARD-TSN");
        assert_null(chunk_name(16));
        assert_null(chunk_name(255));
        for (int i = 0; i < _TIMER_MAX; i++)
                assert_non_null(timer_name(i));
        assert_null(timer_name(_TIMER_MAX));
        for (int i = 0; i < _PRIMITIVE_MAX; i++)
                assert_non_null(primitive_name(i));
        assert_null(primitive_name(_PRIMITIVE_MAX));

        for (int i = 1; i <= 13; i++)
                assert_non_null(error_cause_name(i));
        assert_string_equal(error_cause_name(12), "user-initiated ABORT");
        assert_string_equal(error_cause_name(0xa4), "no authorization");
        assert_string_equal(error_cause_name(0x105), "unsupported HMAC identifier");
        assert_null(error_cause_name(0));
        assert_null(error_cause_name(14));
        assert_null(error_cause_name(UINT16_MAX));
}

/* What is written is read again: of each kind every number, one that has no name too. */
static void test_there_and_back(void **state) {
        static const struct {
                const char *kind, *name;
        } wrong[] = {
                { "", "" }, { "chunk", "" }, { "chunk", "256" }, { "chunk", "-1" }, { "timer", "ABORT" },
                { "Chunk", "ABORT" }, { "icmp", "" }, { "none", "0" },
        };
        char name[TRIGGER_NAME_MAX];
        struct trigger t, back;

        (void) state;
        for (uint8_t kind = TRIGGER_CHUNK; kind < TRIGGER_ICMP; kind++)
                for (unsigned number = 0; number <= UINT8_MAX; number++) {
                        t = (struct trigger) { .kind = kind, .number = (uint8_t) number };
                        assert_int_equal(trigger_from_names(trigger_kind_name(kind), trigger_name(&t, name), &back), 0);
                        assert_memory_equal(&t, &back, sizeof(t));
                }
        t = (struct trigger) { .kind = TRIGGER_CHUNK, .number = 77 };
        assert_string_equal(trigger_name(&t, name), "77");
        t = (struct trigger) { .kind = TRIGGER_ICMP };
        assert_string_equal(trigger_name(&t, name), "protocol unreachable");
        assert_int_equal(trigger_from_names("icmp", name, &back), 0);
        assert_memory_equal(&t, &back, sizeof(t));
        assert_string_equal(trigger_name(&(struct trigger) {}, name), "");
        assert_string_equal(trigger_name(&(struct trigger) { .kind = _TRIGGER_KIND_MAX }, name), "");

        for (size_t i = 0; i < ELEMENTS(wrong); i++)
                assert_int_equal(trigger_from_names(wrong[i].kind, wrong[i].name, &back), -EINVAL);
}

/* Seconds in the structure, and no tries. */
static void test_idle(void **state) {
        struct trigger t = { .kind = TRIGGER_TIMER, .number = TIMER_AUTOCLOSE, .tries_max = UINT32_MAX };

        (void) state;
        assert_true(trigger_idle_msec(&t) == UINT64_C(4294967295000));
        t.number = TIMER_HEARTBEAT;
        assert_true(trigger_idle_msec(&t) == 0);
        t = (struct trigger) { .kind = TRIGGER_CHUNK, .number = TIMER_AUTOCLOSE, .tries_max = 5 };
        assert_true(trigger_idle_msec(&t) == 0);
}

static void test_command(void **state) {
        char command[TRIGGER_COMMAND_MAX];
        struct trigger t = { .command = "sctp_test" };

        (void) state;
        assert_string_equal(trigger_command(&t, command), "sctp_test");
        assert_string_equal(trigger_command(&(struct trigger) {}, command), "");
        strcpy(t.command, "a\x1b[31m\nb\\");
        assert_string_equal(trigger_command(&t, command), "a\\x1b[31m\\x0ab\\x5c");
        /* Neither end is missed. */
        memset(t.command, '\n', sizeof(t.command));
        assert_int_equal(strlen(trigger_command(&t, command)), TRIGGER_COMMAND_MAX - 1);
}

#define DOWN CHANGE_ASSOCIATION_DOWN
#define STATE CHANGE_ASSOCIATION_STATE
#define UP CHANGE_ASSOCIATION_UP
#define PATH CHANGE_PATH_STATE

#define CHUNK(n, ...) { .kind = TRIGGER_CHUNK, .number = (n), ##__VA_ARGS__ }
#define TIMER(n, ...) { .kind = TRIGGER_TIMER, .number = TIMER_##n, ##__VA_ARGS__ }
#define PRIMITIVE(n, ...) { .kind = TRIGGER_PRIMITIVE, .number = PRIMITIVE_##n, ##__VA_ARGS__ }
#define CAUSED(n) .has_error_cause = true, .error_cause = (n)
#define TRIED(n, max) .tries = (n), .tries_max = (max)

static const struct {
        enum change_type type;
        int old_state;
        struct trigger trigger;
        const char *text;
        enum cause cause;
} cases[] = {
        /* What the peer did */
        { DOWN, ASSOCIATION_ESTABLISHED, CHUNK(CHUNK_ABORT, CAUSED(12)), "peer aborted: user-initiated ABORT" },
        { DOWN, ASSOCIATION_ESTABLISHED, CHUNK(CHUNK_ABORT), "peer aborted" },
        { DOWN, ASSOCIATION_SHUTDOWN_SENT, CHUNK(CHUNK_ABORT, CAUSED(999)), "peer aborted: error cause 999" },
        { DOWN, ASSOCIATION_COOKIE_WAIT, CHUNK(CHUNK_ABORT), "peer refused it (ABORT)" },
        { DOWN, ASSOCIATION_COOKIE_ECHOED, CHUNK(CHUNK_ABORT, CAUSED(4)), "peer refused it (ABORT): out of resource" },
        { DOWN, ASSOCIATION_COOKIE_ECHOED, CHUNK(CHUNK_ERROR, CAUSED(3)), "peer sent ERROR: stale cookie" },
        { DOWN, ASSOCIATION_SHUTDOWN_ACK_SENT, CHUNK(CHUNK_SHUTDOWN_COMPLETE), "peer shut it down" },
        { DOWN, ASSOCIATION_SHUTDOWN_SENT, CHUNK(CHUNK_SHUTDOWN_ACK), "we shut it down" },
        { DOWN, ASSOCIATION_SHUTDOWN_ACK_SENT, CHUNK(CHUNK_SHUTDOWN_ACK), "both shut it down" },
        { DOWN, ASSOCIATION_ESTABLISHED, CHUNK(CHUNK_SHUTDOWN_ACK), "on the peer's SHUTDOWN ACK" },
        { STATE, ASSOCIATION_ESTABLISHED, CHUNK(CHUNK_SHUTDOWN), "peer shut it down" },
        { STATE, ASSOCIATION_SHUTDOWN_RECEIVED, CHUNK(CHUNK_SACK), "on the peer's SACK" },
        { STATE, ASSOCIATION_COOKIE_WAIT, CHUNK(CHUNK_INIT_ACK), "peer answered INIT" },
        { UP, ASSOCIATION_CLOSED, CHUNK(CHUNK_COOKIE_ECHO), "peer set it up" },
        { UP, ASSOCIATION_COOKIE_WAIT, CHUNK(CHUNK_COOKIE_ECHO), "both set it up" },
        { UP, ASSOCIATION_COOKIE_ECHOED, CHUNK(CHUNK_COOKIE_ACK), "we set it up" },
        { CHANGE_ASSOCIATION_RESTART, ASSOCIATION_ESTABLISHED, CHUNK(CHUNK_COOKIE_ECHO), "peer restarted" },
        { PATH, ASSOCIATION_ESTABLISHED, CHUNK(CHUNK_HEARTBEAT_ACK), "a heartbeat was answered" },
        { PATH, ASSOCIATION_ESTABLISHED, CHUNK(CHUNK_SACK), "data was acknowledged" },
        { CHANGE_RECOVERED, ASSOCIATION_ESTABLISHED, CHUNK(CHUNK_HEARTBEAT_ACK), "a heartbeat was answered" },
        { CHANGE_PATH_REMOVED, ASSOCIATION_ESTABLISHED, CHUNK(CHUNK_ASCONF), "peer asked for it (ASCONF)" },
        /* What we did about it: said only where it is known. */
        { DOWN, ASSOCIATION_ESTABLISHED, CHUNK(CHUNK_DATA, CAUSED(9)), "we aborted on the peer's DATA: no user data",
          CAUSE_ABORTED },
        { DOWN, ASSOCIATION_COOKIE_WAIT, CHUNK(CHUNK_INIT_ACK, CAUSED(13)),
          "on the peer's INIT ACK: protocol violation" },
        { DOWN, ASSOCIATION_ESTABLISHED, CHUNK(77), "on the peer's chunk 77" },
        /* Nobody answered. */
        { DOWN, ASSOCIATION_COOKIE_WAIT, TIMER(T1_INIT, TRIED(8, 8)), "we gave up: no answer to INIT after 8 tries" },
        { DOWN, ASSOCIATION_COOKIE_WAIT, TIMER(T1_INIT, TRIED(1, 1)), "we gave up: no answer to INIT after 1 try" },
        { DOWN, ASSOCIATION_COOKIE_WAIT, TIMER(T1_INIT), "we gave up: no answer to INIT" },
        { DOWN, ASSOCIATION_COOKIE_ECHOED, TIMER(T1_COOKIE, TRIED(3, 0)),
          "we gave up: no answer to COOKIE ECHO after 3 tries" },
        { DOWN, ASSOCIATION_SHUTDOWN_SENT, TIMER(T2_SHUTDOWN, TRIED(10, 10)),
          "we gave up: no answer to SHUTDOWN after 10 tries" },
        { DOWN, ASSOCIATION_SHUTDOWN_ACK_SENT, TIMER(T2_SHUTDOWN, TRIED(10, 10)),
          "we gave up: no answer to SHUTDOWN ACK after 10 tries" },
        { PATH, ASSOCIATION_SHUTDOWN_SENT, TIMER(T2_SHUTDOWN, TRIED(5, 10)),
          "no answer to SHUTDOWN after 5 of 10 tries" },
        { DOWN, ASSOCIATION_ESTABLISHED, TIMER(T4_RTO, TRIED(10, 10)),
          "we gave up: no answer to ASCONF after 10 tries" },
        { DOWN, ASSOCIATION_ESTABLISHED, TIMER(RECONF, TRIED(10, 10)),
          "we gave up: no answer to RE-CONFIG after 10 tries" },
        { DOWN, ASSOCIATION_ESTABLISHED, TIMER(T3_RTX, TRIED(10, 10)), "no answer to data: 10 of 10 retransmissions" },
        { DOWN, ASSOCIATION_ESTABLISHED, TIMER(T3_RTX), "no answer to data" },
        { PATH, ASSOCIATION_ESTABLISHED, TIMER(T3_RTX, TRIED(1, 1)), "no answer to data: 1 of 1 retransmission" },
        { PATH, ASSOCIATION_ESTABLISHED, TIMER(HEARTBEAT, TRIED(5, 5)), "5 of 5 heartbeats lost" },
        { PATH, ASSOCIATION_ESTABLISHED, TIMER(HEARTBEAT, TRIED(1, 5)), "1 of 5 heartbeats lost" },
        { PATH, ASSOCIATION_ESTABLISHED, TIMER(HEARTBEAT, TRIED(6, 5)), "6 heartbeats lost" },
        { PATH, ASSOCIATION_ESTABLISHED, TIMER(HEARTBEAT, TRIED(1, 0)), "1 heartbeat lost" },
        { CHANGE_IMPAIRED, ASSOCIATION_ESTABLISHED, TIMER(HEARTBEAT), "no answer to heartbeats" },
        { DOWN, ASSOCIATION_ESTABLISHED, TIMER(HEARTBEAT, TRIED(10, 10)), "we gave up: 10 of 10 heartbeats lost" },
        { DOWN, ASSOCIATION_SHUTDOWN_SENT, TIMER(T5_SHUTDOWN_GUARD),
          "we aborted: peer did not finish the shutdown in time" },
        { STATE, ASSOCIATION_SHUTDOWN_SENT, TIMER(T5_SHUTDOWN_GUARD), "on our timer T5-shutdown-guard" },
        { STATE, ASSOCIATION_ESTABLISHED, TIMER(AUTOCLOSE, TRIED(0, 30)), "closed after 30 s of idleness (autoclose)" },
        { STATE, ASSOCIATION_ESTABLISHED, TIMER(AUTOCLOSE), "closed for idleness (autoclose)" },
        { DOWN, ASSOCIATION_ESTABLISHED, TIMER(SACK, CAUSED(4)), "on our timer SACK: out of resource" },
        { DOWN, ASSOCIATION_ESTABLISHED, { .kind = TRIGGER_TIMER, .number = 99 }, "on our timer 99" },
        /* What was asked for here */
        { STATE, ASSOCIATION_ESTABLISHED, PRIMITIVE(SHUTDOWN, .pid = 123, .command = "sctp_test"),
          "we shut it down (sctp_test, pid 123)" },
        { DOWN, ASSOCIATION_COOKIE_WAIT, PRIMITIVE(SHUTDOWN, .pid = 123),
          "we closed it before it was established (pid 123)" },
        { DOWN, ASSOCIATION_ESTABLISHED, PRIMITIVE(ABORT, CAUSED(12), .pid = 123, .command = "sctp_test"),
          "we aborted (sctp_test, pid 123)" },
        { DOWN, ASSOCIATION_ESTABLISHED, PRIMITIVE(ABORT, CAUSED(4)), "we aborted: out of resource" },
        { STATE, ASSOCIATION_CLOSED, PRIMITIVE(ASSOCIATE, .pid = 123, .command = "sctp_test"),
          "we set it up (sctp_test, pid 123)" },
        { DOWN, ASSOCIATION_COOKIE_WAIT, PRIMITIVE(ASSOCIATE), "on our ASSOCIATE" },
        { CHANGE_PATH_ADDED, ASSOCIATION_ESTABLISHED, PRIMITIVE(ASCONF, .pid = 1), "on our ASCONF (pid 1)" },
        { DOWN, ASSOCIATION_COOKIE_WAIT, { .kind = TRIGGER_ICMP },
          "the network says that the peer has no SCTP (ICMP protocol unreachable)" },
        /* Of the state machine itself only what it was called for. */
        { CHANGE_STEP, ASSOCIATION_ESTABLISHED, CHUNK(CHUNK_SACK), "chunk SACK" },
        { CHANGE_STEP, ASSOCIATION_ESTABLISHED, CHUNK(77), "chunk 77" },
        { CHANGE_STEP, ASSOCIATION_ESTABLISHED, CHUNK(CHUNK_ABORT, CAUSED(12)), "chunk ABORT: user-initiated ABORT" },
        { CHANGE_STEP, ASSOCIATION_ESTABLISHED, TIMER(T3_RTX, TRIED(1, 5)), "timer T3-rtx" },
        { CHANGE_STEP, ASSOCIATION_ESTABLISHED, PRIMITIVE(SEND, .pid = 123, .command = "sctp_test"),
          "request SEND (sctp_test, pid 123)" },
        { CHANGE_STEP, ASSOCIATION_COOKIE_WAIT, { .kind = TRIGGER_ICMP }, "ICMP protocol unreachable" },
        { CHANGE_STEP, ASSOCIATION_ESTABLISHED, {}, "" },
        { CHANGE_STEP, ASSOCIATION_ESTABLISHED, { .kind = _TRIGGER_KIND_MAX }, "" },
        /* Of what is not known nothing is said. */
        { DOWN, ASSOCIATION_ESTABLISHED, {}, "", CAUSE_ABORTED },
        { DOWN, ASSOCIATION_ESTABLISHED, { .kind = _TRIGGER_KIND_MAX }, "", CAUSE_ABORTED },
};

static void test_text(void **state) {
        char command[TRIGGER_COMMAND_MAX];

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const struct trigger *t = &cases[i].trigger;
                struct change c = { .type = cases[i].type, .old_state = cases[i].old_state, .cause = cases[i].cause,
                                    .trigger = t };
                _cleanup_(buffer_done) struct buffer b = {};

                trigger_text(&b, &c, trigger_command(t, command));
                buffer_putc(&b, '\0');
                assert_false(b.failed);
                assert_string_equal(b.data, cases[i].text);

                c.trigger = NULL;
                b.length = 0;
                trigger_text(&b, &c, "");
                assert_int_equal(b.length, 0);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_there_and_back),
                cmocka_unit_test(test_idle),
                cmocka_unit_test(test_command),
                cmocka_unit_test(test_text),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
