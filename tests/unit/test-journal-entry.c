/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "builder.h"
#include "../../daemon/journal-entry.h"
#include "impaired.h"
#include "message-id.h"

#define SEEN UINT64_C(1769860800123000)         /* 2026-01-31T12:00:00.123Z */

static struct address address(const char *text, bool primary) {
        struct address a;

        assert_int_equal(address_parse(text, strlen(text), &a), 0);
        a.primary = primary;
        return a;
}

static struct range add_addresses(struct builder *b, const char *first, const char *second) {
        struct range range = { .first = (uint32_t) b->n_addresses, .count = 2 };
        struct address *a;

        assert_int_equal(builder_add_address(b, &a), 0);
        *a = address(first, false);
        assert_int_equal(builder_add_address(b, &a), 0);
        *a = address(second, true);
        return range;
}

/* One association and one endpoint: with just what every kernel tells of them, or with all that is ever known. */
static struct snapshot *make(bool full) {
        _cleanup_(builder_done) struct builder b = {};
        struct association *a;
        struct snapshot *s;
        struct endpoint *e;
        struct process *o;
        struct netns *n;
        struct path *p;

        b.head.hz = 250;
        assert_int_equal(builder_add_endpoint(&b, &e), 0);
        *e = (struct endpoint) { .given = { 1 << ENDPOINT_LOCAL_PORT }, .netns = 5, .local_port = 5062 };
        e->local = add_addresses(&b, "10.0.1.1", "fd00::1");
        assert_int_equal(builder_add_association(&b, &a), 0);
        *a = (struct association) {
                .given = { 1 << ASSOCIATION_ID | 1 << ASSOCIATION_LOCAL_PORT | 1 << ASSOCIATION_PEER_PORT |
                           1 << ASSOCIATION_STATE },
                .netns = 5, .id = 5, .local_port = 39780, .peer_port = 5062, .state = ASSOCIATION_ESTABLISHED,
                .paths = { .count = 3 },
        };
        a->local = add_addresses(&b, "10.0.1.1", "10.0.2.1");
        for (unsigned i = 0; i < 3; i++) {
                static const char *const peers[] = { "fd00::2", "fd00:1::2", "10.0.3.2" };

                assert_int_equal(builder_add_path(&b, &p), 0);
                p->address = address(peers[i], i == 1);
                FIELD_GIVE(p, PATH_STATE);
                p->state = i == 1 ? PATH_INACTIVE : PATH_ACTIVE;
                if (full) {
                        FIELD_GIVE(p, PATH_SRTT);
                        p->detail.srtt = 10 + i;
                        FIELD_GIVE(p, PATH_ERROR_COUNT);
                        p->detail.error_count = 3 + i;
                }
        }
        if (full) {
                FIELD_GIVE(e, ENDPOINT_NETNS);
                FIELD_GIVE(a, ASSOCIATION_NETNS);
                FIELD_GIVE(a, ASSOCIATION_RETRANSMITTED_CHUNKS);
                a->retransmitted_chunks = 17;
                FIELD_GIVE(a, ASSOCIATION_MAX_RETRANSMISSIONS);
                a->max_retransmissions = 10;
                FIELD_GIVE(a, ASSOCIATION_OVERALL_ERRORS);
                a->detail.overall_errors = 9;
                e->owners = a->owners = (struct range) { 0, 2 };
                for (unsigned i = 0; i < 2; i++) {
                        assert_int_equal(builder_add_process(&b, &o), 0);
                        *o = (struct process) { .pid = 100 + i, .command = "m3ua", .unit = "m3ua.service" };
                        assert_int_equal(builder_add_owner(&b, i), 0);
                }
                assert_int_equal(builder_add_netns(&b, &n), 0);
                *n = (struct netns) { .netns = 5, .name = "blue" };
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        return s;
}

static struct change change_of(const struct snapshot *s, enum change_type type) {
        struct change c = { .type = type, .certainty = CERTAINTY_HIGH, .at = SEEN, .snapshot = s,
                            .cause_certainty = CERTAINTY_HIGH, .old_state = ASSOCIATION_ESTABLISHED };

        if (type == CHANGE_ENDPOINT_ADDED || type == CHANGE_ENDPOINT_REMOVED)
                c.endpoint = snapshot_endpoints(s);
        else if (type != CHANGE_UNOBSERVED)
                c.association = snapshot_associations(s);
        if (type == CHANGE_PATH_STATE || type == CHANGE_PATH_ADDED || type == CHANGE_PATH_REMOVED)
                c.path = snapshot_paths(s, c.association->paths) + 1;
        if (type == CHANGE_PATH_STATE) {
                c.path_old_state = PATH_ACTIVE;
                c.path_new_state = PATH_INACTIVE;
        }
        if (type == CHANGE_IMPAIRED || type == CHANGE_RECOVERED)
                c.reasons = 1 << IMPAIRED_PATH_INACTIVE | 1 << IMPAIRED_PRIMARY_NOT_ACTIVE;
        return c;
}

/* The entry as text; the caller's to free. */
static char *text_of(const struct change *c) {
        _cleanup_(journal_entry_free_p) struct journal_entry *e = NULL;
        char *text;

        assert_int_equal(journal_entry_of_change(c, &e), 0);
        assert_int_equal(e->changes, 1);
        text = strndup(e->data, e->size);
        assert_non_null(text);
        /* Nothing in these needs to go with its length. */
        assert_int_equal(strlen(text), e->size);
        return text;
}

static void assert_line(const char *text, const char *line) {
        const char *at = strstr(text, line);

        if (!at || (at != text && at[-1] != '\n') || at[strlen(line)] != '\n')
                fail_msg("no line \"%s\" in\n%s", line, text);
}

static void assert_none(const char *text, const char *what) {
        if (strstr(text, what))
                fail_msg("\"%s\" in\n%s", what, text);
}

static void expect(const struct change *c, int priority, const char *message) {
        _cleanup_free_ char *text = text_of(c);
        char line[640];

        snprintf(line, sizeof(line), "PRIORITY=%d", priority);
        assert_line(text, line);
        snprintf(line, sizeof(line), "MESSAGE=%s", message);
        assert_line(text, line);
}

/* The whole of one. */
static void test_fields(void **state) {
        _cleanup_(snapshot_unref_p) struct snapshot *plain = make(false), *full = make(true);
        _cleanup_free_ char *text = NULL, *more = NULL;
        struct change c;

        (void) state;
        c = change_of(plain, CHANGE_ASSOCIATION_UP);
        c.old_state = ASSOCIATION_COOKIE_ECHOED;
        c.new_state = ASSOCIATION_ESTABLISHED;
        text = text_of(&c);
        assert_string_equal(text,
                            "SYSLOG_IDENTIFIER=sctpmond\nSYSLOG_FACILITY=3\n"
                            "MESSAGE_ID=" MESSAGE_ID_ASSOCIATION_UP "\nPRIORITY=6\n"
                            "MESSAGE=SCTP association 5 established: 10.0.2.1:39780 <-> [fd00:1::2]:5062\n"
                            "SCTP_ASSOC_ID=5\nSCTP_OLD_STATE=cookie_echoed\nSCTP_NEW_STATE=established\n"
                            "SCTP_LOCAL_PORT=39780\nSCTP_PEER_PORT=5062\nSCTP_LOCAL_ADDRS=10.0.1.1 10.0.2.1\n"
                            "SCTP_PEER_ADDRS=fd00::2 fd00:1::2 10.0.3.2\nSCTP_PRIMARY=fd00:1::2\n"
                            "SCTP_CERTAINTY=high\nSCTP_SEEN_AT=2026-01-31T12:00:00.123Z\n");

        c = change_of(full, CHANGE_ASSOCIATION_DOWN);
        c.duration_usec = 5 * USEC_PER_SEC;
        c.cause = CAUSE_RETRANSMISSIONS_EXHAUSTED;
        more = text_of(&c);
        assert_string_equal(more,
                            "SYSLOG_IDENTIFIER=sctpmond\nSYSLOG_FACILITY=3\n"
                            "MESSAGE_ID=" MESSAGE_ID_ASSOCIATION_DOWN "\nPRIORITY=4\n"
                            "MESSAGE=SCTP association 5 gone: was established for 5s (10.0.2.1:39780 <-> "
                            "[fd00:1::2]:5062); the peer was given up after 10 retransmissions; "
                            "m3ua[100] and 1 more in network namespace blue\n"
                            "SCTP_ASSOC_ID=5\nSCTP_OLD_STATE=established\nSCTP_NEW_STATE=closed\n"
                            "SCTP_LOCAL_PORT=39780\nSCTP_PEER_PORT=5062\nSCTP_LOCAL_ADDRS=10.0.1.1 10.0.2.1\n"
                            "SCTP_PEER_ADDRS=fd00::2 fd00:1::2 10.0.3.2\nSCTP_PRIMARY=fd00:1::2\n"
                            "SCTP_DURATION_MS=5000\nSCTP_RETRANSMITTED_CHUNKS=17\nSCTP_ERROR_COUNT=9\n"
                            "SCTP_MAX_RETRANS=10\nSCTP_SRTT_MS=44\nSCTP_NETNS=5\nSCTP_NETNS_NAME=blue\n"
                            "SCTP_PID=100\nSCTP_COMM=m3ua\nSCTP_UNIT=m3ua.service\n"
                            "SCTP_PID=101\nSCTP_COMM=m3ua\nSCTP_UNIT=m3ua.service\n"
                            "SCTP_CAUSE=retransmissions_exhausted\nSCTP_CAUSE_CERTAINTY=high\n"
                            "SCTP_CERTAINTY=high\nSCTP_SEEN_AT=2026-01-31T12:00:00.123Z\n");
}

#define ENDS "10.0.2.1:39780 <-> [fd00:1::2]:5062"

static void test_steps(void **state) {
        _cleanup_(snapshot_unref_p) struct snapshot *s = make(false);
        struct change c = change_of(s, CHANGE_ASSOCIATION_UP);
        _cleanup_free_ char *text = NULL;

        (void) state;
        c.old_state = ASSOCIATION_COOKIE_WAIT;
        c.duration_usec = 3200 * USEC_PER_MSEC;
        expect(&c, 6, "SCTP association 5 established: " ENDS ", after 3.2s in cookie_wait");
        c.type = CHANGE_ASSOCIATION_STATE;
        c.new_state = ASSOCIATION_COOKIE_ECHOED;
        expect(&c, 6, "SCTP association 5 went from cookie_wait to cookie_echoed: " ENDS ", after 3.2s");
        c.old_state = ASSOCIATION_CLOSED;
        c.duration_usec = 0;
        expect(&c, 6, "SCTP association 5 appeared in cookie_echoed: " ENDS);
        c = change_of(s, CHANGE_ASSOCIATION_RESTART);
        expect(&c, 4, "SCTP association 5 restarted: " ENDS);
        c.old_local_tag = 7;
        c.old_peer_tag = UINT32_MAX;
        text = text_of(&c);
        assert_line(text, "SCTP_OLD_LOCAL_TAG=7");
        assert_line(text, "SCTP_OLD_PEER_TAG=4294967295");
        c = change_of(s, CHANGE_ENDPOINT_ADDED);
        expect(&c, 6, "SCTP endpoint listening: [fd00::1]:5062 and 1 more");
        c = change_of(s, CHANGE_ENDPOINT_REMOVED);
        expect(&c, 5, "SCTP endpoint gone: [fd00::1]:5062 and 1 more");
}

static void test_causes(void **state) {
        static const struct {
                enum cause cause;
                enum certainty certainty;
                int old_state, priority;
                const char *words;
        } causes[] = {
                { CAUSE_GRACEFUL, CERTAINTY_HIGH, ASSOCIATION_ESTABLISHED, 5, "; closed by SHUTDOWN" },
                { CAUSE_GRACEFUL, CERTAINTY_LOW, ASSOCIATION_SHUTDOWN_SENT, 5, "; probably closed by SHUTDOWN" },
                { CAUSE_GRACEFUL, CERTAINTY_HIGH, ASSOCIATION_COOKIE_WAIT, 5, "; closed before it was established" },
                { CAUSE_ABORTED, CERTAINTY_HIGH, ASSOCIATION_ESTABLISHED, 4, "; aborted" },
                { CAUSE_ABORTED, CERTAINTY_LOW, ASSOCIATION_COOKIE_WAIT, 4, "; probably aborted" },
                { CAUSE_RETRANSMISSIONS_EXHAUSTED, CERTAINTY_LOW, ASSOCIATION_ESTABLISHED, 4,
                  "; probably the peer was given up after too many retransmissions" },
                { CAUSE_INIT_TIMEOUT, CERTAINTY_HIGH, ASSOCIATION_COOKIE_WAIT, 4, "; no answer to INIT" },
                { CAUSE_INIT_TIMEOUT, CERTAINTY_HIGH, ASSOCIATION_COOKIE_ECHOED, 4, "; no answer to COOKIE ECHO" },
                /* Nothing is made up; whether somebody should look depends on where it stood. */
                { CAUSE_UNKNOWN, CERTAINTY_LOW, ASSOCIATION_ESTABLISHED, 4, "" },
                { CAUSE_UNKNOWN, CERTAINTY_LOW, ASSOCIATION_COOKIE_WAIT, 4, "" },
                { CAUSE_UNKNOWN, CERTAINTY_LOW, ASSOCIATION_SHUTDOWN_ACK_SENT, 5, "" },
        };
        _cleanup_(snapshot_unref_p) struct snapshot *s = make(false);

        (void) state;
        for (size_t i = 0; i < ELEMENTS(causes); i++) {
                struct change c = change_of(s, CHANGE_ASSOCIATION_DOWN);
                _cleanup_free_ char *text = NULL;
                char line[256];

                c.cause = causes[i].cause;
                c.cause_certainty = causes[i].certainty;
                c.old_state = causes[i].old_state;
                snprintf(line, sizeof(line), "SCTP association 5 gone: was %s (" ENDS ")%s",
                         association_state_name(c.old_state), causes[i].words);
                expect(&c, causes[i].priority, line);

                text = text_of(&c);
                snprintf(line, sizeof(line), "SCTP_CAUSE=%s", cause_name(c.cause));
                assert_line(text, line);
                if (c.cause == CAUSE_UNKNOWN)
                        assert_none(text, "SCTP_CAUSE_CERTAINTY");
                else
                        assert_line(text, c.cause_certainty == CERTAINTY_LOW ? "SCTP_CAUSE_CERTAINTY=low" :
                                                                               "SCTP_CAUSE_CERTAINTY=high");

                c.certainty = CERTAINTY_LOW;
                snprintf(line, sizeof(line), "SCTP association 5 gone: was %s (" ENDS "), as far as can be told%s",
                         association_state_name(c.old_state), causes[i].words);
                expect(&c, causes[i].priority, line);
        }
}

/* What the kernel has told takes the place of what is concluded, and has fields of its own. */
static void test_triggers(void **state) {
        static const struct {
                enum change_type type;
                int old_state, new_state, priority;
                enum cause cause;
                struct trigger trigger;
                const char *message, *fields;
        } cases[] = {
                { CHANGE_ASSOCIATION_DOWN, ASSOCIATION_ESTABLISHED, ASSOCIATION_CLOSED, 4, CAUSE_ABORTED,
                  { .kind = TRIGGER_CHUNK, .number = CHUNK_ABORT, .has_error_cause = true, .error_cause = 12 },
                  " gone: was established (" ENDS "); peer aborted: user-initiated ABORT",
                  "SCTP_CAUSE=aborted\nSCTP_CAUSE_CERTAINTY=exact\nSCTP_TRIGGER=chunk\nSCTP_TRIGGER_NAME=ABORT\n"
                  "SCTP_SIDE=peer\nSCTP_ERROR_CAUSE=12\nSCTP_ERROR_CAUSE_NAME=user-initiated ABORT\n"
                  "SCTP_CERTAINTY=exact\n" },
                { CHANGE_ASSOCIATION_DOWN, ASSOCIATION_COOKIE_WAIT, ASSOCIATION_CLOSED, 4, CAUSE_INIT_TIMEOUT,
                  { .kind = TRIGGER_TIMER, .number = TIMER_T1_INIT, .tries = 8, .tries_max = 8 },
                  " gone: was cookie_wait (" ENDS "); we gave up: no answer to INIT after 8 tries",
                  "SCTP_CAUSE=init_timeout\nSCTP_CAUSE_CERTAINTY=exact\nSCTP_TRIGGER=timer\n"
                  "SCTP_TRIGGER_NAME=T1-init\nSCTP_SIDE=local\nSCTP_TRIES=8\nSCTP_TRIES_MAX=8\n"
                  "SCTP_CERTAINTY=exact\n" },
                { CHANGE_ASSOCIATION_DOWN, ASSOCIATION_COOKIE_WAIT, ASSOCIATION_CLOSED, 4, CAUSE_UNKNOWN,
                  { .kind = TRIGGER_ICMP },
                  " gone: was cookie_wait (" ENDS "); the network says that the peer has no SCTP (ICMP protocol "
                  "unreachable)",
                  "SCTP_CAUSE=unknown\nSCTP_TRIGGER=icmp\nSCTP_TRIGGER_NAME=protocol unreachable\n"
                  "SCTP_SIDE=network\n"
                  "SCTP_CERTAINTY=exact\n" },
                { CHANGE_ASSOCIATION_STATE, ASSOCIATION_ESTABLISHED, ASSOCIATION_SHUTDOWN_PENDING, 6, CAUSE_UNKNOWN,
                  { .kind = TRIGGER_PRIMITIVE, .number = PRIMITIVE_SHUTDOWN, .pid = 123, .command = "a\x1b\nMESSAGE=b" },
                  " went from established to shutdown_pending: " ENDS
                  "; we shut it down (a\\x1b\\x0aMESSAGE=b, pid 123)",
                  "SCTP_TRIGGER=primitive\nSCTP_TRIGGER_NAME=SHUTDOWN\nSCTP_SIDE=local\nSCTP_TRIGGER_PID=123\n"
                  "SCTP_TRIGGER_COMM=a\\x1b\\x0aMESSAGE=b\nSCTP_CERTAINTY=exact\n" },
                { CHANGE_ASSOCIATION_STATE, ASSOCIATION_ESTABLISHED, ASSOCIATION_SHUTDOWN_PENDING, 6, CAUSE_UNKNOWN,
                  { .kind = TRIGGER_TIMER, .number = TIMER_AUTOCLOSE, .tries_max = 30 },
                  " went from established to shutdown_pending: " ENDS "; closed after 30 s of idleness (autoclose)",
                  "SCTP_TRIGGER=timer\nSCTP_TRIGGER_NAME=autoclose\nSCTP_SIDE=local\nSCTP_IDLE_MS=30000\n"
                  "SCTP_CERTAINTY=exact\n" },
                { CHANGE_PATH_STATE, ASSOCIATION_ESTABLISHED, ASSOCIATION_ESTABLISHED, 4, CAUSE_UNKNOWN,
                  { .kind = TRIGGER_TIMER, .number = TIMER_HEARTBEAT, .tries = 5, .tries_max = 5 },
                  ": primary path fd00:1::2 went from active to inactive (" ENDS "); 5 of 5 heartbeats lost",
                  "SCTP_TRIGGER=timer\nSCTP_TRIGGER_NAME=heartbeat\nSCTP_SIDE=local\nSCTP_TRIES=5\n"
                  "SCTP_TRIES_MAX=5\n"
                  "SCTP_CERTAINTY=exact\n" },
                /* A chunk, and an error cause, that nobody has named */
                { CHANGE_ASSOCIATION_DOWN, ASSOCIATION_ESTABLISHED, ASSOCIATION_CLOSED, 4, CAUSE_ABORTED,
                  { .kind = TRIGGER_CHUNK, .number = 77, .has_error_cause = true, .error_cause = 999 },
                  " gone: was established (" ENDS "); we aborted on the peer's chunk 77: error cause 999",
                  "SCTP_TRIGGER=chunk\nSCTP_TRIGGER_NAME=77\nSCTP_SIDE=peer\nSCTP_ERROR_CAUSE=999\n"
                  "SCTP_CERTAINTY=exact\n" },
        };
        _cleanup_(snapshot_unref_p) struct snapshot *s = make(false);
        static const struct trigger none = {};
        _cleanup_free_ char *guessed = NULL;
        struct change c;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_free_ char *text = NULL;
                char line[256];

                c = change_of(s, cases[i].type);
                c.old_state = cases[i].old_state;
                c.new_state = cases[i].new_state;
                c.cause = cases[i].cause;
                c.certainty = c.cause_certainty = CERTAINTY_EXACT;
                c.trigger = &cases[i].trigger;
                snprintf(line, sizeof(line), "SCTP association 5%s", cases[i].message);
                expect(&c, cases[i].priority, line);
                text = text_of(&c);
                if (!strstr(text, cases[i].fields))
                        fail_msg("not\n%s in\n%s", cases[i].fields, text);
        }

        c = change_of(s, CHANGE_ASSOCIATION_DOWN);
        c.cause = CAUSE_ABORTED;
        c.cause_certainty = CERTAINTY_LOW;
        c.trigger = &none;
        expect(&c, 4, "SCTP association 5 gone: was established (" ENDS "); probably aborted");
        guessed = text_of(&c);
        assert_none(guessed, "SCTP_TRIGGER");
        assert_none(guessed, "SCTP_SIDE");
}

static void test_paths(void **state) {
        static const struct {
                int old_state, new_state, priority;
                const char *words;
        } steps[] = {
                { PATH_ACTIVE, PATH_INACTIVE, 4, " went from active to inactive" },
                { PATH_ACTIVE, PATH_PF, 4, " went from active to pf" },
                { PATH_INACTIVE, PATH_ACTIVE, 5, " went from inactive to active" },
                { PATH_PF, PATH_ACTIVE, 5, " went from pf to active" },
                { PATH_UNCONFIRMED, PATH_ACTIVE, 6, " went from unconfirmed to active" },
                { PATH_UNKNOWN, PATH_ACTIVE, 6, " went from unknown to active" },
                { -1, PATH_PF, 4, " is now pf" },
        };
        _cleanup_(snapshot_unref_p) struct snapshot *s = make(true);
        struct address old = address("10.0.3.2", false);
        _cleanup_free_ char *text = NULL, *primary = NULL;
        struct change c = change_of(s, CHANGE_PATH_STATE);
        const char *place = "; m3ua[100] and 1 more in network namespace blue";
        char line[256];

        (void) state;
        for (size_t i = 0; i < ELEMENTS(steps); i++) {
                c.path_old_state = steps[i].old_state;
                c.path_new_state = steps[i].new_state;
                snprintf(line, sizeof(line), "SCTP association 5: primary path fd00:1::2%s (" ENDS ")%s",
                         steps[i].words, place);
                expect(&c, steps[i].priority, line);
        }
        text = text_of(&c);
        assert_line(text, "SCTP_PATH=fd00:1::2");
        assert_line(text, "SCTP_PATH_NEW_STATE=pf");
        assert_none(text, "SCTP_PATH_OLD_STATE");
        assert_line(text, "SCTP_PATH_ERROR_COUNT=4");
        assert_line(text, "SCTP_ERROR_COUNT=9");
        /* The association's state is not what changed. */
        assert_none(text, "SCTP_OLD_STATE");
        assert_none(text, "SCTP_NEW_STATE");
        assert_none(text, "SCTP_CAUSE");
        assert_none(text, "SCTP_DURATION_MS");

        c = change_of(s, CHANGE_PATH_STATE);
        c.path--;
        c.duration_usec = 303 * USEC_PER_SEC;
        snprintf(line, sizeof(line), "SCTP association 5: path fd00::2 went from active to inactive after 5min 3s "
                 "(" ENDS ")%s", place);
        expect(&c, 4, line);
        c = change_of(s, CHANGE_PATH_ADDED);
        snprintf(line, sizeof(line), "SCTP association 5: primary path fd00:1::2 added (" ENDS ")%s", place);
        expect(&c, 6, line);
        c = change_of(s, CHANGE_PATH_REMOVED);
        snprintf(line, sizeof(line), "SCTP association 5: primary path fd00:1::2 removed (" ENDS ")%s", place);
        expect(&c, 5, line);

        c = change_of(s, CHANGE_PRIMARY_CHANGED);
        snprintf(line, sizeof(line), "SCTP association 5: primary path is now fd00:1::2 (" ENDS ")%s", place);
        expect(&c, 5, line);
        c.old_primary = &old;
        snprintf(line, sizeof(line), "SCTP association 5: primary path is now fd00:1::2, was 10.0.3.2 (" ENDS ")%s",
                 place);
        expect(&c, 5, line);
        primary = text_of(&c);
        assert_line(primary, "SCTP_OLD_PRIMARY=10.0.3.2");
        assert_line(primary, "SCTP_PRIMARY=fd00:1::2");
        assert_none(primary, "SCTP_PATH=");
}

static void test_impaired(void **state) {
        _cleanup_(snapshot_unref_p) struct snapshot *s = make(false);
        struct change c = change_of(s, CHANGE_IMPAIRED);
        _cleanup_free_ char *text = text_of(&c);

        (void) state;
        assert_line(text, "SCTP_REASONS=path_inactive primary_not_active");
        expect(&c, 4, "SCTP association 5 impaired: path fd00:1::2 inactive, primary path not active (" ENDS ")");
        c.reasons = 1 << IMPAIRED_PATH_PF | 1 << IMPAIRED_PATH_UNCONFIRMED | 1 << IMPAIRED_HEARTBEATS_OFF;
        expect(&c, 4, "SCTP association 5 impaired: a path potentially failed, a path unconfirmed, heartbeats off ("
               ENDS ")");
        c = change_of(s, CHANGE_RECOVERED);
        c.duration_usec = 20 * USEC_PER_SEC;
        expect(&c, 5, "SCTP association 5 recovered: was impaired for 20s, a path inactive, primary path not active ("
               ENDS ")");
        c.reasons = 0;
        expect(&c, 5, "SCTP association 5 recovered: was impaired for 20s (" ENDS ")");
}

/* As the configuration calls it. */
static void test_peer_name(void **state) {
        _cleanup_(snapshot_unref_p) struct snapshot *s = make(false);
        struct change c = change_of(s, CHANGE_ASSOCIATION_UP);
        char *text = text_of(&c);

        (void) state;
        assert_none(text, "SCTP_PEER_NAME");
        free(text);
        c.peer_name = "M\xc3\xbcnchen HLR";
        text = text_of(&c);
        assert_line(text, "SCTP_PEER_NAME=M\xc3\xbcnchen HLR");
        assert_non_null(strstr(text, " <-> M\xc3\xbcnchen HLR at [fd00:1::2]:5062"));
        free(text);
}

static void test_unobserved(void **state) {
        _cleanup_(snapshot_unref_p) struct snapshot *s = make(true);
        struct change c = change_of(s, CHANGE_UNOBSERVED);
        _cleanup_free_ char *text = NULL;

        (void) state;
        c.netns = 5;
        c.established = 3;
        c.failed = 2;
        expect(&c, 5, "SCTP associations not observed: 3 established and gone between looks, 2 never came about; "
               "in network namespace blue");
        c.established = 0;
        expect(&c, 5, "SCTP associations not observed: 2 never came about; in network namespace blue");
        text = text_of(&c);
        assert_line(text, "SCTP_ESTABLISHED=0");
        assert_line(text, "SCTP_FAILED=2");
        assert_line(text, "SCTP_NETNS=5");
        assert_line(text, "SCTP_NETNS_NAME=blue");
        assert_none(text, "SCTP_LOCAL_PORT");
        /* A number that stands for no inode is nobody's business. */
        c.netns = NETNS_UNNAMED_MIN + 1;
        free(text);
        text = text_of(&c);
        assert_none(text, "SCTP_NETNS");
}

/* What the message says of where it is. */
static void test_place(void **state) {
        static const struct {
                struct netns netns;
                struct process process;
                unsigned n_owners;
                const char *words;
        } places[] = {
                { { .own = 1, .name = "host" }, { .pid = 7, .command = "m3ua" }, 1, "; m3ua[7]" },
                { { .own = 1 }, { .pid = 7 }, 1, "; process 7" },
                { { .own = 1 }, {}, 0, "" },
                { { .name = "blue" }, { .pid = 7, .command = "m3ua" }, 1, "; m3ua[7] in network namespace blue" },
                { { .name = "blue" }, {}, 0, "; in network namespace blue" },
                { {}, {}, 0, "; in network namespace 5" },
                { { .name = "blue", .container = "web" }, { .pid = 7, .command = "m3ua" }, 1,
                  "; m3ua[7] in container web" },
                /* A container with the host's network. */
                { { .own = 1 }, { .pid = 7, .command = "m3ua", .container = "web" }, 1, "; m3ua[7] in container web" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(places); i++) {
                _cleanup_(snapshot_unref_p) struct snapshot *s = NULL;
                _cleanup_(builder_done) struct builder b = {};
                _cleanup_(journal_entry_free_p) struct journal_entry *entry = NULL;
                _cleanup_free_ char *text = NULL;
                struct change c;
                struct process *o;
                struct endpoint *e;
                struct netns *n;
                char line[256];

                assert_int_equal(builder_add_netns(&b, &n), 0);
                *n = places[i].netns;
                n->netns = 5;
                assert_int_equal(builder_add_endpoint(&b, &e), 0);
                *e = (struct endpoint) { .netns = 5, .local_port = 9 };
                e->owners.count = places[i].n_owners;
                if (places[i].n_owners > 0) {
                        assert_int_equal(builder_add_process(&b, &o), 0);
                        *o = places[i].process;
                        assert_int_equal(builder_add_owner(&b, 0), 0);
                }
                assert_int_equal(builder_finish(&b, &s), 0);
                c = change_of(s, CHANGE_ENDPOINT_ADDED);
                assert_int_equal(journal_entry_of_change(&c, &entry), 0);
                text = strndup(entry->data, entry->size);
                snprintf(line, sizeof(line), "MESSAGE=SCTP endpoint listening: -:9%s", places[i].words);
                assert_line(text, line);
        }
}

static void test_limits(void **state) {
        _cleanup_(snapshot_unref_p) struct snapshot *s = NULL;
        _cleanup_(builder_done) struct builder b = {};
        _cleanup_free_ char *text = NULL;
        struct address *address;
        struct process *o;
        struct endpoint *e;
        struct change c;
        char line[64];

        (void) state;
        assert_int_equal(builder_add_endpoint(&b, &e), 0);
        e->owners.count = JOURNAL_ENTRY_OWNERS_MAX + 1;
        e->local.count = JOURNAL_ENTRY_ADDRESSES_MAX + 1;
        for (unsigned i = 0; i < JOURNAL_ENTRY_OWNERS_MAX + 1; i++) {
                assert_int_equal(builder_add_process(&b, &o), 0);
                *o = (struct process) { .pid = 100 + i, .command = "m3ua" };
                if (i == 1)
                        *o = (struct process) { .pid = 101, .unit = "m3ua.service", .container = "web" };
                assert_int_equal(builder_add_owner(&b, i), 0);
        }
        for (unsigned i = 0; i < JOURNAL_ENTRY_ADDRESSES_MAX + 1; i++) {
                assert_int_equal(builder_add_address(&b, &address), 0);
                *address = (struct address) { .family = 2, .bytes = { 10, 0, (uint8_t) (i / 256), (uint8_t) i } };
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        c = change_of(s, CHANGE_ENDPOINT_ADDED);
        text = text_of(&c);
        assert_non_null(strstr(text, "\nSCTP_PID=100\nSCTP_COMM=m3ua\nSCTP_PID=101\nSCTP_UNIT=m3ua.service\n"
                                     "SCTP_PID=102\nSCTP_COMM=m3ua\n"));
        assert_line(text, "SCTP_CONTAINER=web");
        /* More are not named, but counted. */
        snprintf(line, sizeof(line), "SCTP_PID=%u", 100 + JOURNAL_ENTRY_OWNERS_MAX - 1);
        assert_line(text, line);
        snprintf(line, sizeof(line), "SCTP_PID=%u", 100 + JOURNAL_ENTRY_OWNERS_MAX);
        assert_none(text, line);
        assert_non_null(strstr(text, " 10.0.3.255\n"));
        assert_none(text, "10.0.4.0");
        assert_line(text, "MESSAGE=SCTP endpoint listening: 10.0.0.0 and 1024 more; m3ua[100] and 8 more "
                          "in container web");
}

static void test_flapping(void **state) {
        _cleanup_(snapshot_unref_p) struct snapshot *s = make(true);
        struct flapping f = {
                .netns = 5, .local = address("10.0.1.1", false), .peer = address("fd00::2", false), .local_port = 2905,
                .flaps = 37, .span_usec = 60 * USEC_PER_SEC, .held = 36, .state = ASSOCIATION_ESTABLISHED,
                .goes_on = true,
        };
        struct flapping paths = {
                .netns = 5, .local_port = 2905, .peer_port = 2905, .flaps = 1, .path_flaps = 2, .held = 1, .state = -1,
                .span_usec = USEC_PER_SEC, .calm = true,
        };
        _cleanup_(journal_entry_free_p) struct journal_entry *e = NULL, *g = NULL;
        _cleanup_free_ char *text = NULL, *more = NULL;

        (void) state;
        assert_int_equal(journal_entry_of_flapping(&f, s, &e), 0);
        assert_int_equal(e->changes, 36);
        text = strndup(e->data, e->size);
        assert_string_equal(text,
                            "SYSLOG_IDENTIFIER=sctpmond\nSYSLOG_FACILITY=3\n"
                            "MESSAGE_ID=" MESSAGE_ID_FLAPPING "\nPRIORITY=4\n"
                            "MESSAGE=SCTP associations 10.0.1.1:2905 <-> fd00::2 went up and down 37 times in the last "
                            "1min; 36 entries were held back; now established; further entries are held back; "
                            "in network namespace blue\n"
                            "SCTP_FLAPS=37\nSCTP_SUPPRESSED=36\nSCTP_NEW_STATE=established\nSCTP_LOCAL_PORT=2905\n"
                            "SCTP_LOCAL_ADDRS=10.0.1.1\nSCTP_PEER_ADDRS=fd00::2\nSCTP_DURATION_MS=60000\n"
                            "SCTP_NETNS=5\nSCTP_NETNS_NAME=blue\nSCTP_SEEN_AT=1970-01-01T00:00:00.000Z\n");

        assert_int_equal(journal_entry_of_flapping(&paths, s, &g), 0);
        more = strndup(g->data, g->size);
        assert_line(more, "MESSAGE=SCTP associations -:2905 <-> -:2905 went up and down 1 time and lost a path 2 times "
                          "in the last 1s; 1 entry was held back; entries are written again; "
                          "in network namespace blue");
        assert_line(more, "SCTP_FLAPS=3");
        assert_none(more, "SCTP_NEW_STATE");
        assert_none(more, "SCTP_LOCAL_ADDRS");
}

/* A file of the source tree; the caller's to free. */
static char *source(const char *name) {
        char path[256];
        size_t n;

        snprintf(path, sizeof(path), "../../%s", name);
        return test_data(path, &n);
}

/* All that the catalog says of this one: up to the next; the caller's to free. */
static char *explanation(const char *catalog, const char *id) {
        const char *at, *end;
        char line[64];

        snprintf(line, sizeof(line), "\n-- %s\n", id);
        at = strstr(catalog, line);
        if (!at)
                fail_msg("the catalog does not explain %s", id);
        at += strlen(line);
        end = strstr(at, "\n-- ");
        return end ? strndup(at, (size_t) (end - at)) : strdup(at);
}

/* Where a field is missing, journalctl shows its bare name. */
static void assert_explained(const char *catalog, const struct journal_entry *e) {
        _cleanup_free_ char *text = strndup(e->data, e->size), *words = NULL;
        char id[33] = "", field[80];
        const char *at = strstr(text, "\nMESSAGE_ID=");

        assert_non_null(at);
        memcpy(id, at + strlen("\nMESSAGE_ID="), 32);
        words = explanation(catalog, id);
        assert_int_equal(strncmp(words, "Subject: ", 9), 0);
        assert_non_null(strstr(words, "\nDefined-By: sctpmond\n"));
        assert_non_null(strstr(words, "\n\n"));
        for (char *c = strchr(words, '@'); c; c = strchr(c + 1, '@')) {
                char *end = strchr(c + 1, '@');

                assert_non_null(end);
                snprintf(field, sizeof(field), "\n%.*s=", (int) (end - c - 1), c + 1);
                if (!strstr(text, field))
                        fail_msg("%s explains itself by %s, which it may not have", id, field + 1);
                c = end;
        }
}

static void test_catalog(void **state) {
        _cleanup_(snapshot_unref_p) struct snapshot *s = make(false);
        _cleanup_free_ char *catalog = source("systemd/sctpmond.catalog"), *header = source("lib/message-id.h");
        struct flapping flapping = { .flaps = 6, .state = -1 };
        unsigned n_ids = 0, n_entries = 0;
        struct journal_entry *e = NULL;

        (void) state;
        for (char *c = strstr(header, "#define MESSAGE_ID_"); c; c = strstr(c + 1, "#define MESSAGE_ID_")) {
                char *id = strchr(c, '"') + 1;
                _cleanup_free_ char *words = NULL;

                assert_int_equal(strspn(id, "0123456789abcdef"), 32);
                id[32] = '\0';
                words = explanation(catalog, id);
                id[32] = '"';
                n_ids++;
        }
        for (const char *c = strstr(catalog, "\n-- "); c; c = strstr(c + 1, "\n-- "))
                n_entries++;
        assert_true(n_ids > 0);
        assert_int_equal(n_ids, n_entries);

        for (enum change_type type = 0; type < _CHANGE_TYPE_MAX; type++) {
                struct change c = change_of(s, type);

                if (!journal_entry_message_id(type)) {
                        assert_true(type == CHANGE_FIGURES || type == CHANGE_STEP);
                        continue;
                }
                assert_int_equal(journal_entry_of_change(&c, &e), 0);
                assert_explained(catalog, e);
                e = journal_entry_free(e);
        }
        assert_int_equal(journal_entry_of_flapping(&flapping, s, &e), 0);
        assert_explained(catalog, e);
        e = journal_entry_free(e);
        assert_int_equal(journal_entry_of_lost(3, &e), 0);
        assert_explained(catalog, e);
        e = journal_entry_free(e);
        assert_int_equal(journal_entry_of_availability(true, "", "", &e), 0);
        assert_explained(catalog, e);
        e = journal_entry_free(e);
        assert_int_equal(journal_entry_of_availability(false, "why", "what", &e), 0);
        assert_explained(catalog, e);
        e = journal_entry_free(e);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fields),
                cmocka_unit_test(test_steps),
                cmocka_unit_test(test_causes),
                cmocka_unit_test(test_triggers),
                cmocka_unit_test(test_paths),
                cmocka_unit_test(test_impaired),
                cmocka_unit_test(test_peer_name),
                cmocka_unit_test(test_unobserved),
                cmocka_unit_test(test_place),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_flapping),
                cmocka_unit_test(test_catalog),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
