/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <sys/resource.h>

/* Every snapshot is larger: no more are held than must be. */
#define HOLD_BYTES_MAX 1u
#define HOLD_REPLIES_BYTES_MAX (1024u * 1024u)
#include "world.h"
#include "../../daemon/hold.c"

static void test_a_list_waits_for_a_look_that_begins_after_the_question(void **state) {
        struct world *w = *state;
        struct varlink_client *c, *d;
        struct snapshot *early;
        uint64_t first, second;
        char error[64];
        int64_t serial;
        bool stale;

        start(w, NULL);
        c = client(w);
        d = client(w);
        first = wait_for_request(w);
        give(w, made_up(first, 0, 3, 0));

        /* One is under way when they ask: it began too early, the next one answers both. */
        call(c, "ListAssociations", NULL);
        second = wait_for_request(w);
        early = made_up(second, 0, 4, 0);
        call(d, "ListAssociations", NULL);
        /* A call that needs no scan is answered when the one before it has been read. */
        {
                struct varlink_client *e = client(w);
                struct varlink_reply reply;

                call(e, "GetStatus", NULL);
                reply = receive(e);
                varlink_reply_done(&reply);
                varlink_client_free(e);
        }
        give(w, early);
        assert_int_equal(receive_list(c, &serial, &stale, error), 4);
        assert_int_equal(serial, second);
        assert_false(stale);

        assert_int_equal(wait_for_request(w), second + 1);
        give(w, made_up(second + 1, 0, 5, 0));
        assert_int_equal(receive_list(d, &serial, &stale, error), 5);
        assert_int_equal(serial, second + 1);
        assert_false(stale);

        /* Who says that an older one will do gets it at once. */
        call(c, "ListAssociations", json_pack("{sI}", "maxAgeMs", (json_int_t) 3600000));
        assert_int_equal(receive_list(c, &serial, &stale, error), 5);
        assert_int_equal(serial, second + 1);
        assert_false(request_waits(w, 0));
        varlink_client_free(c);
        varlink_client_free(d);
}

static void test_a_scan_that_does_not_come(void **state) {
        struct world *w = *state;
        struct varlink_client *c;
        uint64_t asked;
        char error[64];
        int64_t serial;
        bool stale;

        w->config.scan_timeout_usec = 2 * SCAN_WAIT_USEC;
        start(w, NULL);
        c = client(w);
        asked = wait_for_request(w);

        /* Nothing to serve yet. */
        call(c, "ListAssociations", NULL);
        assert_int_equal(receive_list(c, &serial, &stale, error), 0);
        assert_string_equal(error, "io.sctpmon.Monitor.NoSnapshot");
        give(w, made_up(asked, 0, 3, 0));

        /* The newest there is, and it says so. */
        call(c, "ListAssociations", NULL);
        asked = wait_for_request(w);
        assert_int_equal(receive_list(c, &serial, &stale, error), 3);
        assert_int_equal(serial, asked - 1);
        assert_true(stale);

        /* Then it counts as stuck. */
        for (bool told = false; !told;) {
                struct varlink_reply reply;

                call(c, "GetStatus", NULL);
                reply = receive(c);
                told = json_object_get(reply.parameters, "notice");
                varlink_reply_done(&reply);
        }

        /* It comes at last, and all is well. */
        give(w, made_up(asked, 0, 4, 0));
        call(c, "ListAssociations", NULL);
        assert_int_equal(scan_next(w, 0, 5, 0), asked + 1);
        assert_int_equal(receive_list(c, &serial, &stale, error), 5);
        assert_false(stale);
        call(c, "GetStatus", NULL);
        {
                struct varlink_reply reply = receive(c);

                assert_null(json_object_get(reply.parameters, "notice"));
                assert_int_equal(json_integer_value(json_object_get(reply.parameters, "associations")), 5);
                varlink_reply_done(&reply);
        }
        varlink_client_free(c);
}

static void test_a_scan_that_fails(void **state) {
        struct world *w = *state;
        struct varlink_client *c;
        struct varlink_reply reply;
        uint64_t asked;
        char error[64];
        int64_t serial;
        bool stale;

        start(w, NULL);
        c = client(w);
        (void) scan_next(w, 0, 3, 0);
        call(c, "ListAssociations", NULL);
        asked = wait_for_request(w);
        assert_int_equal(answer(&w->scanner, asked, -ENOMEM, NULL), 0);
        assert_int_equal(receive_list(c, &serial, &stale, error), 3);
        assert_true(stale);

        call(c, "GetStatus", NULL);
        reply = receive(c);
        assert_non_null(strstr(json_string_value(json_object_get(reply.parameters, "notice")), "failed"));
        varlink_reply_done(&reply);
        varlink_client_free(c);
}

/* What an earlier scan knew is handed on, and said to be so. */
static void test_a_table_that_cannot_be_read(void **state) {
        struct world *w = *state;
        struct varlink_client *c;
        struct builder b = {};
        struct snapshot *s;
        char error[64];
        int64_t serial;
        bool stale;

        start(w, NULL);
        c = client(w);
        (void) scan_next(w, 0, 3, 0);
        for (unsigned i = 0; i < 2; i++) {
                call(c, i == 0 ? "ListAssociations" : "ListEndpoints", NULL);
                b.head.available = true;
                b.head.serial = wait_for_request(w);
                b.head.started_monotonic = clock_usec(CLOCK_MONOTONIC);
                b.head.sources[SOURCE_ASSOCS].result = SOURCE_FAILED;
                assert_int_equal(builder_finish(&b, &s), 0);
                builder_done(&b);
                give(w, s);
                assert_int_equal(receive_list(c, &serial, &stale, error), 0);
                assert_int_equal(stale, i == 0);
        }
        varlink_client_free(c);
}

/* Answers the next request: the kernel has no SCTP. */
static void give_none(const struct world *w) {
        struct snapshot *none = NULL;
        struct builder b = {};

        b.head.serial = wait_for_request(w);
        b.head.started_monotonic = clock_usec(CLOCK_MONOTONIC);
        strcpy(b.head.reason, "It is forbidden.");
        strcpy(b.head.advice, "Allow it.");
        assert_int_equal(builder_finish(&b, &none), 0);
        builder_done(&b);
        give(w, none);
}

static void test_without_sctp(void **state) {
        struct world *w = *state;
        struct varlink_client *c, *m;
        struct varlink_reply reply;
        unsigned matching;
        char error[64];
        int64_t serial;
        bool stale;

        start(w, NULL);
        c = client(w);
        m = client(w);
        give_none(w);

        call(c, "ListEndpoints", json_pack("{sI}", "maxAgeMs", (json_int_t) 3600000));
        reply = receive(c);
        assert_string_equal(reply.error, "io.sctpmon.Monitor.SctpNotAvailable");
        assert_string_equal(json_string_value(json_object_get(reply.parameters, "reason")), "It is forbidden.");
        assert_string_equal(json_string_value(json_object_get(reply.parameters, "advice")), "Allow it.");
        varlink_reply_done(&reply);

        /* A subscriber waits for it to appear, and what there is then is news. */
        call(m, "Monitor", NULL);
        give_none(w);
        reply = receive(m);
        assert_true(json_is_true(json_object_get(reply.parameters, "ready")));
        assert_string_equal(json_string_value(json_object_get(reply.parameters, "reason")), "It is forbidden.");
        assert_string_equal(json_string_value(json_object_get(reply.parameters, "advice")), "Allow it.");
        varlink_reply_done(&reply);
        for (unsigned i = 1; i <= 2; i++) {
                json_t *association;

                call(c, "ListAssociations", NULL);
                (void) scan_next(w, 0, i, 0);
                assert_int_equal(receive_list(c, &serial, &stale, error), i);
                reply = receive(m);
                association = json_object_get(json_object_get(reply.parameters, "change"), "association");
                assert_int_equal(json_integer_value(json_object_get(association, "associationId")), i);
                varlink_reply_done(&reply);
        }
        /* That it was not there, that it is, and both of them. */
        assert_int_equal(journal_entries(w, 4, "SCTP_NEW_STATE=established", &matching), 4);
        assert_int_equal(matching, 2);
        varlink_client_free(c);
        varlink_client_free(m);
}

/* The numbers to design for: 50,000 associations, 10,000 changes in one interval, nothing lost. */
static void test_the_full_size(void **state) {
        struct world *w = *state;
        struct varlink_client *c, *m;
        unsigned ups = 0, downs = 0, present = 0, matching;
        bool ready = false, stale;
        char error[64];
        int64_t serial;

        start(w, NULL);
        c = client(w);
        m = client(w);
        (void) scan_next(w, 0, 50000, 0);
        call(m, "Monitor", NULL);
        (void) scan_next(w, 0, 50000, 0);
        while (!ready) {
                struct varlink_reply reply = receive(m);

                present += !!json_object_get(reply.parameters, "association");
                ready = json_is_true(json_object_get(reply.parameters, "ready"));
                varlink_reply_done(&reply);
        }
        assert_int_equal(present, 50000);

        call(c, "ListAssociations", NULL);
        (void) scan_next(w, 5000, 50000, 0);
        while (ups + downs < 10000) {
                struct varlink_reply reply = receive(m);
                json_t *change = json_object_get(reply.parameters, "change");
                const char *type = json_string_value(json_object_get(change, "type"));

                assert_null(reply.error);
                assert_non_null(type);
                ups += strcmp(type, "association_up") == 0;
                downs += strcmp(type, "association_down") == 0;
                varlink_reply_done(&reply);
        }
        assert_int_equal(ups, 5000);
        assert_int_equal(downs, 5000);
        assert_int_equal(journal_entries(w, 1 + 10000, "SCTP_NEW_STATE=closed", &matching), 1 + 10000);
        assert_int_equal(matching, 5000);
        assert_int_equal(receive_list(c, &serial, &stale, error), 50000);
        varlink_client_free(c);
        varlink_client_free(m);
}

/* Changes while the present state is still being sent come after it, none lost. */
static void test_changes_while_the_present_is_sent(void **state) {
        struct world *w = *state;
        unsigned present = 0, changes = 0;
        struct varlink_client *c, *m;
        bool ready = false, stale;
        char error[64];
        int64_t serial;

        start(w, NULL);
        c = client(w);
        m = client(w);
        (void) scan_next(w, 0, 20000, 0);
        call(m, "Monitor", NULL);
        (void) scan_next(w, 0, 20000, 0);
        {
                /* It has begun, and is far from its end: nothing more is read for now. */
                struct varlink_reply reply = receive(m);

                present++;
                varlink_reply_done(&reply);
        }
        for (unsigned i = 1; i <= 3; i++) {
                call(c, "ListAssociations", json_pack("{s{sI}}", "filter", "port", (json_int_t) 1));
                (void) scan_next(w, i, 20000, 0);
                assert_int_equal(receive_list(c, &serial, &stale, error), 0);
        }
        while (changes < 6) {
                struct varlink_reply reply = receive(m);

                assert_null(reply.error);
                if (json_object_get(reply.parameters, "association")) {
                        assert_false(ready);
                        present++;
                }
                ready |= json_is_true(json_object_get(reply.parameters, "ready"));
                if (json_object_get(reply.parameters, "change")) {
                        assert_true(ready);
                        changes++;
                }
                varlink_reply_done(&reply);
        }
        assert_int_equal(present, 20000);
        varlink_client_free(c);
        varlink_client_free(m);
}

/* Asks for a look, and answers. */
static void look_now(struct world *w, struct varlink_client *c, unsigned first, unsigned n) {
        char error[64];
        int64_t serial;
        bool stale;

        call(c, "ListAssociations", NULL);
        (void) scan_next(w, first, n, 0);
        assert_int_equal(receive_list(c, &serial, &stale, error), n);
}

/* What news told no look tells again; what they did not it tells. */
static void test_news(void **state) {
        struct world *w = *state;
        struct varlink_client *c;
        unsigned matching;

        start(w, NULL);
        c = client(w);
        (void) scan_next(w, 0, 3, 0);
        give_news(w, made_up_news(CHANGE_ASSOCIATION_UP, 3, 2));
        assert_int_equal(journal_entries(w, 1 + 2, "SCTP_CERTAINTY=exact", &matching), 1 + 2);
        assert_int_equal(matching, 2);
        (void) usleep(200 * 1000);
        look_now(w, c, 0, 6);
        assert_int_equal(journal_entries(w, 1, "SCTP_ASSOC_ID=6\n", &matching), 1);
        assert_int_equal(matching, 1);

        /* One comes and goes while a look is under way, which does not see it any more. */
        call(c, "GetStatus", NULL);
        {
                struct varlink_reply reply = receive(c);

                varlink_reply_done(&reply);
        }
        call(c, "ListAssociations", NULL);
        {
                uint64_t asked = wait_for_request(w);
                struct snapshot *s = made_up(asked, 0, 6, 0);
                char error[64];
                int64_t serial;
                bool stale;

                give_news(w, made_up_news(CHANGE_ASSOCIATION_UP, 6, 1));
                give_news(w, made_up_news(CHANGE_ASSOCIATION_DOWN, 6, 1));
                give(w, s);
                assert_int_equal(receive_list(c, &serial, &stale, error), 6);
        }
        assert_int_equal(journal_entries(w, 2, "SCTP_CERTAINTY=exact", &matching), 2);
        assert_int_equal(matching, 2);
        (void) usleep(200 * 1000);
        look_now(w, c, 0, 7);
        assert_int_equal(journal_entries(w, 1, "SCTP_ASSOC_ID=7\n", &matching), 1);
        assert_int_equal(matching, 1);
        varlink_client_free(c);
}

/* Who asks for the present while something happens is told of it, whether the look has seen it or not. */
static void test_news_during_the_look_of_a_subscriber(void **state) {
        struct world *w = *state;
        struct varlink_client *m;
        unsigned present = 0;
        bool ready = false;

        start(w, NULL);
        m = client(w);
        (void) scan_next(w, 0, 3, 0);
        call(m, "Monitor", NULL);
        {
                uint64_t asked = wait_for_request(w);
                struct snapshot *s = made_up(asked, 0, 4, 0);

                (void) usleep(2000);
                give_news(w, made_up_news(CHANGE_ASSOCIATION_DOWN, 0, 1));
                give(w, s);
        }
        for (;;) {
                struct varlink_reply reply = receive(m);
                json_t *change = json_object_get(reply.parameters, "change");

                assert_null(reply.error);
                present += !!json_object_get(reply.parameters, "association") && !change;
                ready |= json_is_true(json_object_get(reply.parameters, "ready"));
                if (change) {
                        /* Not the one that the look itself has found: the present shows it. */
                        assert_string_equal(json_string_value(json_object_get(change, "type")), "association_down");
                        assert_true(ready);
                        varlink_reply_done(&reply);
                        break;
                }
                varlink_reply_done(&reply);
        }
        assert_int_equal(present, 4);
        varlink_client_free(m);
}

/* Between two looks there may be more news than the process may have files open. */
static void test_many_news(void **state) {
        struct rlimit few = { 256, 256 };
        struct world *w = *state;
        unsigned matching;

        start(w, NULL);
        assert_int_equal(prlimit(w->pid, RLIMIT_NOFILE, &few, NULL), 0);
        (void) scan_next(w, 0, 3, 0);
        for (unsigned i = 0; i < 1000; i++) {
                give_news(w, made_up_news(CHANGE_ASSOCIATION_UP, 3 + i, 1));
                assert_int_equal(journal_entries(w, i == 0 ? 2 : 1, "SCTP_CERTAINTY=exact", &matching), i == 0 ? 2 : 1);
                assert_int_equal(matching, 1);
        }
}

/* What was lost a scan makes up for, at once. */
static void test_lost_news(void **state) {
        struct world *w = *state;
        unsigned matching;

        start(w, NULL);
        (void) scan_next(w, 0, 3, 0);
        assert_false(request_waits(w, 300));
        assert_int_equal(answer(&w->scanner, 0, -EOVERFLOW, NULL), 0);
        (void) scan_next(w, 0, 4, 0);
        assert_int_equal(journal_entries(w, 2, "SCTP_ASSOC_ID=4\n", &matching), 2);
        assert_int_equal(matching, 1);

        /* While one is under way, too: it may have begun before. */
        assert_int_equal(answer(&w->scanner, 0, -EOVERFLOW, NULL), 0);
        {
                uint64_t asked = wait_for_request(w);

                assert_int_equal(answer(&w->scanner, 0, -EOVERFLOW, NULL), 0);
                give(w, made_up(asked, 0, 4, 0));
        }
        (void) scan_next(w, 0, 4, 0);
        assert_false(request_waits(w, 300));
}

/* What comes as an answer is to be one, and nobody else sends news. */
static void assert_taken_for_gone(struct world *w, uint64_t serial, struct snapshot *s) {
        int status = 0;

        assert_int_equal(answer(&w->scanner, serial, 0, s), 0);
        snapshot_unref(s);
        assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
        (void) close(w->scanner.fd);
        (void) close(w->journal_fd);
        (void) unlink(w->socket_path);
}

static void test_unsound_news(void **state) {
        struct world *w = *state;
        uint64_t asked;

        start(w, NULL);
        asked = wait_for_request(w);
        /* News that say that they are the answer; an answer that nobody has asked for; one that says it is news. */
        assert_taken_for_gone(w, asked, made_up_news(CHANGE_ASSOCIATION_UP, 0, 1));
        start(w, NULL);
        asked = wait_for_request(w);
        assert_taken_for_gone(w, asked + 1, made_up(asked + 1, 0, 3, 0));
        start(w, NULL);
        asked = wait_for_request(w);
        assert_taken_for_gone(w, 0, made_up(asked, 0, 3, 0));
        start(w, NULL);
        (void) scan_next(w, 0, 3, 0);
}

/* A reader that stops keeps its snapshot alive, but not for as long as it likes. */
static void test_slow_readers_do_not_pile_up_snapshots(void **state) {
        struct varlink_client *slow[HOLD_SNAPSHOTS_MIN + 3], *c;
        struct world *w = *state;
        unsigned ended = 0;
        char error[64];
        int64_t serial;
        bool stale;

        /* Each is to get a snapshot of its own, however busy this machine is. */
        w->config.scan_wait_usec = LONG_USEC;
        start(w, NULL);
        c = client(w);
        (void) scan_next(w, 0, 20000, 0);
        for (size_t i = 0; i < ELEMENTS(slow); i++) {
                struct varlink_reply reply;

                slow[i] = client(w);
                call(slow[i], "ListAssociations", NULL);
                (void) scan_next(w, 0, 20000, 0);
                reply = receive(slow[i]);
                varlink_reply_done(&reply);
        }
        call(c, "ListAssociations", NULL);
        (void) scan_next(w, 0, 20000, 0);
        assert_int_equal(receive_list(c, &serial, &stale, error), 20000);

        for (size_t i = 0; i < ELEMENTS(slow); i++) {
                unsigned n = receive_list(slow[i], &serial, &stale, error);

                if (error[0] != '\0') {
                        /* The oldest ones, and what was lost is counted. */
                        assert_string_equal(error, "io.sctpmon.Monitor.Overrun");
                        assert_true(n < 19999);
                        assert_int_equal(i, ended);
                        ended++;
                } else
                        assert_int_equal(n, 19999);
                varlink_client_free(slow[i]);
        }
        assert_int_equal(ended, ELEMENTS(slow) - HOLD_SNAPSHOTS_MIN);
        varlink_client_free(c);
}

/* What the last daemon had reported is the measure of what is new. */
static void test_after_a_restart(void **state) {
        struct snapshot *restored = made_up(41, 0, 10, 0), *saved = NULL;
        struct world *w = *state;
        unsigned matching;

        start(w, restored);
        snapshot_unref(restored);
        /* Serials go on. */
        assert_int_equal(scan_next(w, 2, 10, 0), 42);
        /* That SCTP is there, two ends, two beginnings. */
        assert_int_equal(journal_entries(w, 5, "SCTP_NEW_STATE=closed", &matching), 5);
        assert_int_equal(matching, 2);
        for (unsigned i = 0; snapshot_load(w->state_path, &saved) < 0; i++) {
                assert_true(i < LONG_USEC / USEC_PER_MSEC);
                (void) usleep(USEC_PER_MSEC);
        }
        assert_int_equal(snapshot_head(saved)->serial, 42);
        assert_int_equal(snapshot_associations(saved)->id, 3);
        snapshot_unref(saved);
}

static void test_the_first_look_is_no_news(void **state) {
        struct world *w = *state;
        struct varlink_client *c;
        unsigned matching;
        char error[64];
        int64_t serial;
        bool stale;

        start(w, NULL);
        c = client(w);
        (void) scan_next(w, 0, 10, 0);
        call(c, "ListAssociations", NULL);
        (void) scan_next(w, 0, 10, 3);
        assert_int_equal(receive_list(c, &serial, &stale, error), 10);
        /* That SCTP is there, and the four that changed since. */
        assert_int_equal(journal_entries(w, 5, "SCTP_NEW_STATE=shutdown_pending", &matching), 5);
        assert_int_equal(matching, 4);
        varlink_client_free(c);
}

/* Without its scanner it would go on for ever with what it had: both are started anew instead. */
/* Looks at an association that is gone in every second one, and stops. */
static void flap(struct world *w, unsigned n) {
        struct varlink_client *c;
        char error[64];
        int64_t serial;
        bool stale;

        start(w, NULL);
        c = client(w);
        (void) scan_next(w, 0, 1, 0);
        for (unsigned i = 0; i < 2 * n; i++) {
                call(c, "ListAssociations", NULL);
                (void) scan_next(w, 0, i % 2, 0);
                assert_int_equal(receive_list(c, &serial, &stale, error), i % 2);
        }
        varlink_client_free(c);
        assert_int_equal(kill(w->pid, SIGTERM), 0);
}

/* What flaps is summed up when that begins and, at the latest, at the end. */
static void test_flapping(void **state) {
        struct world *w = *state;
        unsigned matching;

        flap(w, DAMPER_FLAPS_MAX + 3);
        assert_int_equal(journal_entries(w, 1 + 2 * DAMPER_FLAPS_MAX, "MESSAGE=SCTP association 1 ", &matching),
                         1 + 2 * DAMPER_FLAPS_MAX);
        assert_int_equal(matching, 2 * DAMPER_FLAPS_MAX);
        assert_int_equal(journal_entries(w, 1, "\nSCTP_SUPPRESSED=1\nSCTP_NEW_STATE=closed\n", &matching), 1);
        assert_int_equal(matching, 1);
        assert_int_equal(journal_entries(w, 1, "\nSCTP_SUPPRESSED=5\nSCTP_NEW_STATE=established\n", &matching), 1);
        assert_int_equal(matching, 1);
}

static void test_flapping_undamped(void **state) {
        struct world *w = *state;
        unsigned matching, n = 2 * (DAMPER_FLAPS_MAX + 3);

        w->config.damping = false;
        flap(w, n / 2);
        assert_int_equal(journal_entries(w, 1 + n, "MESSAGE=SCTP association 1 ", &matching), 1 + n);
        assert_int_equal(matching, n);
}

static void test_a_scanner_that_cannot_be_asked(void **state) {
        struct world *w = *state;
        struct varlink_client *c;
        int status;

        start(w, NULL);
        c = client(w);
        (void) scan_next(w, 0, 3, 0);
        assert_int_equal(shutdown(w->scanner.fd, SHUT_RD), 0);
        call(c, "ListAssociations", NULL);
        for (unsigned i = 0; waitpid(w->pid, &status, WNOHANG) == 0; i++) {
                assert_true(i < LONG_USEC / USEC_PER_MSEC);
                (void) usleep(USEC_PER_MSEC);
        }
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
        varlink_client_free(c);

        (void) close(w->scanner.fd);
        (void) close(w->journal_fd);
        assert_int_equal(unlink(w->socket_path), 0);
        start(w, NULL);
        (void) wait_for_request(w);
}

/* Callers can have a thousand scans made in a second; PID 1 need not hear of each. */
static void test_the_status_is_told_when_it_changes(void **state) {
        static const unsigned sizes[] = { 3, 3, 3, 4, 4 };
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct world *w = *state;
        struct varlink_client *c;
        unsigned told = 0;
        char text[4096], error[64];
        int64_t serial;
        ssize_t n;
        bool stale;

        snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/notify", w->directory);
        assert_int_equal(bind(fd, (struct sockaddr *) &sa, sizeof(sa)), 0);
        assert_int_equal(setenv("NOTIFY_SOCKET", sa.sun_path, 1), 0);
        start(w, NULL);
        (void) unsetenv("NOTIFY_SOCKET");

        c = client(w);
        for (size_t i = 0; i < ELEMENTS(sizes); i++) {
                if (i > 0)
                        call(c, "ListAssociations", NULL);
                (void) scan_next(w, 0, sizes[i], 0);
                if (i > 0)
                        assert_int_equal(receive_list(c, &serial, &stale, error), sizes[i]);
        }
        while ((n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT)) >= 0) {
                text[n] = '\0';
                told += !!strstr(text, "STATUS=Watching");
        }
        assert_int_equal(told, 2);
        varlink_client_free(c);
        (void) close(fd);
        (void) unlink(sa.sun_path);
}

/* Two namespaces, in each the association 7, and one endpoint that listens and one that does not. */
static struct snapshot *two_places(uint64_t serial) {
        static const struct netns namespaces[] = {
                { .netns = 5, .own = 1, .has_sctp = 1, .endpoints = 1, .associations = 1 },
                { .netns = 6, .has_sctp = 1, .endpoints = 1, .associations = 1, .name = "blue", .container = "web" },
        };
        struct snapshot *s = NULL;
        struct builder b = {};

        b.head.available = true;
        b.head.serial = serial;
        b.head.hz = 250;
        b.head.netns = 5;
        b.head.started_monotonic = clock_usec(CLOCK_MONOTONIC);
        for (size_t i = 0; i < _SOURCE_MAX; i++)
                b.head.sources[i].result = SOURCE_READ;
        for (unsigned i = 0; i < ELEMENTS(namespaces); i++) {
                struct association *a;
                struct endpoint *e;
                struct counter *c;
                struct netns *n;
                struct path *path;

                assert_int_equal(builder_add_netns(&b, &n), 0);
                *n = namespaces[i];
                assert_int_equal(builder_add_counter(&b, &c), 0);
                *c = (struct counter) { .name = "SctpCurrEstab", .value = 10 + i, .netns = n->netns };
                for (unsigned unlisted = 0; unlisted < 2; unlisted++) {
                        assert_int_equal(builder_add_endpoint(&b, &e), 0);
                        *e = (struct endpoint) {
                                .netns = n->netns, .inode = 100 + 2 * i + unlisted, .local_port = 5000,
                                .unlisted = (uint8_t) unlisted,
                        };
                        FIELD_GIVE(e, ENDPOINT_LOCAL_PORT);
                }
                assert_int_equal(builder_add_path(&b, &path), 0);
                path->address = (struct address) { .family = AF_INET, .primary = 1, .bytes = { 10, 1, 0, 1 } };
                assert_int_equal(builder_add_association(&b, &a), 0);
                *a = (struct association) {
                        .netns = n->netns, .id = 7, .local_port = 5000, .peer_port = 6000,
                        .state = ASSOCIATION_ESTABLISHED, .paths = { (uint32_t) b.n_paths - 1, 1 },
                };
                FIELD_GIVE(a, ASSOCIATION_ID);
                FIELD_GIVE(a, ASSOCIATION_NETNS);
                FIELD_GIVE(a, ASSOCIATION_LOCAL_PORT);
                FIELD_GIVE(a, ASSOCIATION_PEER_PORT);
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

static void test_namespaces(void **state) {
        static const struct {
                const char *netns;
                unsigned associations;          /* 0: NamespaceNotFound */
                int counter;
        } cases[] = {
                { "all", 2, 21 },
                { "inode:5", 1, 10 },
                { "inode:6", 1, 11 },
                /* Mounted somewhere that this process knows nothing of. */
                { "blue", 1, 11 },
                { "inode:7", 0, 0 },
                { "green", 0, 0 },
                { "pid:2147483647", 0, 0 },
        };
        struct world *w = *state;
        struct varlink_client *c;

        w->config.scan_wait_usec = LONG_USEC;
        start(w, NULL);
        c = client(w);
        give(w, two_places(wait_for_request(w)));
        call(c, "ListNamespaces", NULL);
        give(w, two_places(wait_for_request(w)));
        assert_int_equal(count_rows(c, "namespace"), 2);

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                struct varlink_reply reply;
                json_t *counters;

                call(c, "ListAssociations", json_pack("{s{ss}}", "filter", "netns", cases[i].netns));
                give(w, two_places(wait_for_request(w)));
                if (cases[i].associations == 0)
                        assert_error(c, "NamespaceNotFound");
                else
                        assert_int_equal(count_rows(c, "association"), cases[i].associations);

                call(c, "GetCounters", json_pack("{ss}", "netns", cases[i].netns));
                give(w, two_places(wait_for_request(w)));
                if (cases[i].associations == 0) {
                        assert_error(c, "NamespaceNotFound");
                        continue;
                }
                reply = receive(c);
                counters = json_object_get(reply.parameters, "counters");
                assert_int_equal(json_integer_value(json_object_get(counters, "SctpCurrEstab")), cases[i].counter);
                assert_int_equal(!!json_object_get(reply.parameters, "netns"), cases[i].associations == 1);
                varlink_reply_done(&reply);
        }

        /* Each form is right or wrong, whatever there is. */
        call(c, "GetCounters", json_pack("{ss}", "netns", "../x"));
        {
                struct varlink_reply reply = receive(c);

                assert_string_equal(reply.error, "org.varlink.service.InvalidParameter");
                varlink_reply_done(&reply);
        }
        varlink_client_free(c);
}

static void test_endpoints_that_do_not_listen(void **state) {
        struct world *w = *state;
        struct varlink_reply reply;
        struct varlink_client *c;

        w->config.scan_wait_usec = LONG_USEC;
        start(w, NULL);
        c = client(w);
        give(w, two_places(wait_for_request(w)));
        call(c, "ListEndpoints", NULL);
        give(w, two_places(wait_for_request(w)));
        assert_int_equal(count_rows(c, "endpoint"), 2);
        call(c, "ListEndpoints", json_pack("{sb}", "all", 1));
        give(w, two_places(wait_for_request(w)));
        assert_int_equal(count_rows(c, "endpoint"), 4);
        call(c, "ListEndpoints", json_pack("{sbs{ss}}", "all", 1, "filter", "container", "web"));
        give(w, two_places(wait_for_request(w)));
        assert_int_equal(count_rows(c, "endpoint"), 2);

        call(c, "GetStatus", NULL);
        reply = receive(c);
        assert_int_equal(json_integer_value(json_object_get(reply.parameters, "endpoints")), 2);
        assert_int_equal(json_integer_value(json_object_get(reply.parameters, "namespaces")), 2);
        varlink_reply_done(&reply);
        varlink_client_free(c);
}

/* Who asks for one association gets the scan that was asked for it, by the numbers of a snapshot. */
static void test_one_association(void **state) {
        struct varlink_client *c, *d, *e;
        struct world *w = *state;
        struct varlink_reply reply;
        struct scanner_request q;

        w->config.scan_wait_usec = LONG_USEC;
        start(w, NULL);
        c = client(w);
        d = client(w);
        e = client(w);
        give(w, two_places(wait_for_request(w)));

        call(c, "GetAssociation", json_pack("{sIss}", "associationId", (json_int_t) 7, "netns", "blue"));
        q = take_request(w);
        assert_true(q.wish_netns == 6 && q.wish_id == 7 && q.wish_statistics == 0 && q.new_only == 1);
        /* One wish at a time: that of the second has its turn in the next one, and the third's, who has the same. */
        call(d, "GetAssociation", json_pack("{s{sssi}}", "filter", "netns", "inode:5", "port", 6000));
        call(e, "GetAssociation", json_pack("{s{sssi}}", "filter", "netns", "inode:5", "port", 5000));
        give(w, two_places(q.serial));
        reply = receive(c);
        assert_int_equal(json_integer_value(json_object_get(json_object_get(reply.parameters, "scan"), "serial")),
                         q.serial);
        assert_int_equal(json_integer_value(json_object_get(json_object_get(reply.parameters, "association"),
                                                            "netns")), 6);
        assert_int_equal(json_array_size(json_object_get(reply.parameters, "sources")), _SOURCE_MAX);
        assert_null(json_object_get(reply.parameters, "statistics"));
        varlink_reply_done(&reply);

        q = take_request(w);
        assert_true(q.wish_netns == 5 && q.wish_id == 7);
        give(w, two_places(q.serial));
        reply = receive(d);
        assert_int_equal(json_integer_value(json_object_get(json_object_get(reply.parameters, "association"),
                                                            "netns")), 5);
        varlink_reply_done(&reply);
        varlink_client_free(c);
        varlink_client_free(d);
        varlink_client_free(e);
}

static void test_not_one_association(void **state) {
        struct world *w = *state;
        struct varlink_reply reply;
        struct varlink_client *c;
        struct scanner_request q;

        w->config.scan_wait_usec = LONG_USEC;
        start(w, NULL);
        c = client(w);
        give(w, two_places(wait_for_request(w)));

        /* The snapshot of before is not the measure of what there is. */
        call(c, "GetAssociation", json_pack("{sI}", "associationId", (json_int_t) 7));
        q = take_request(w);
        assert_int_equal(q.wish_id, 0);
        give(w, two_places(q.serial));
        reply = receive(c);
        assert_string_equal(reply.error, "io.sctpmon.Monitor.AssociationAmbiguous");
        assert_int_equal(json_integer_value(json_object_get(reply.parameters, "count")), 2);
        varlink_reply_done(&reply);

        call(c, "GetAssociation", json_pack("{sI}", "associationId", (json_int_t) 8));
        give(w, two_places(wait_for_request(w)));
        assert_error(c, "AssociationNotFound");
        call(c, "GetAssociation", json_pack("{sIss}", "associationId", (json_int_t) 7, "netns", "inode:77"));
        give(w, two_places(wait_for_request(w)));
        assert_error(c, "NamespaceNotFound");

        /* One that was not there before: found first, then asked for. */
        call(c, "GetAssociation", json_pack("{sI}", "associationId", (json_int_t) 3));
        give(w, made_up(wait_for_request(w), 0, 3, 0));
        q = take_request(w);
        assert_int_equal(q.wish_id, 3);
        give(w, made_up(q.serial, 0, 3, 0));
        reply = receive(c);
        assert_null(reply.error);
        varlink_reply_done(&reply);

        /* It ends while it is asked for. */
        call(c, "GetAssociation", json_pack("{sI}", "associationId", (json_int_t) 3));
        q = take_request(w);
        assert_int_equal(q.wish_id, 3);
        give(w, made_up(q.serial, 0, 2, 0));
        assert_error(c, "AssociationNotFound");

        /* Without details anew an older one will do. */
        call(c, "GetAssociation", json_pack("{sIsI}", "associationId", (json_int_t) 2,
                                            "maxAgeMs", (json_int_t) 3600000));
        reply = receive(c);
        assert_null(reply.error);
        varlink_reply_done(&reply);
        assert_false(request_waits(w, 0));

        for (unsigned i = 0; i < 3; i++) {
                static const json_int_t wrong[] = { 0, -1, 4294967296 };

                call(c, "GetAssociation", json_pack("{sI}", "associationId", wrong[i]));
                reply = receive(c);
                assert_string_equal(reply.error, "org.varlink.service.InvalidParameter");
                varlink_reply_done(&reply);
        }
        varlink_client_free(c);
}

static void test_statistics(void **state) {
        static const struct {
                int32_t error;
                uint32_t id;
                const char *reason;     /* NULL: it is told */
        } cases[] = {
                { 0, 2, NULL },
                { -ENODATA, 2, "no process is known to have its socket" },
                { -ESTALE, 2, "Stale file handle" },
                { INT32_MIN, 2, "it cannot be read" },
                { 0, 3, "the answer did not come in time" },
        };
        struct world *w = *state;
        struct varlink_client *c;

        w->config.scan_wait_usec = LONG_USEC;
        start(w, NULL);
        c = client(w);
        (void) scan_next(w, 0, 3, 0);
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                struct scanner_request q;
                struct varlink_reply reply;
                struct snapshot *s, *t;
                const struct association *p;
                const char *reason;
                struct builder b = {};
                struct association *a;
                json_t *statistics;

                call(c, "GetAssociation", json_pack("{sIsb}", "associationId", (json_int_t) 2, "statistics", 1));
                q = take_request(w);
                assert_true(q.wish_id == 2 && q.wish_statistics == 1);
                s = made_up(q.serial, 1, 1, 0);
                p = snapshot_associations(s);
                assert_int_equal(builder_copy_association(&b, p, snapshot_addresses(s, p->local),
                                                          snapshot_paths(s, p->paths), &a), 0);
                b.head = *snapshot_head(s);
                b.head.statistics = (struct statistics) {
                        .association_id = cases[i].id, .error = cases[i].error, .max_rto = 750,
                        .max_rto_path = { .family = AF_INET, .bytes = { 10, 1, 0, 1 } },
                };
                assert_int_equal(builder_finish(&b, &t), 0);
                builder_done(&b);
                snapshot_unref(s);
                give(w, t);
                reply = receive(c);
                assert_null(reply.error);
                statistics = json_object_get(reply.parameters, "statistics");
                reason = json_string_value(json_object_get(statistics, "reason"));
                assert_int_equal(!!reason, !!cases[i].reason);
                if (reason)
                        assert_string_equal(reason, cases[i].reason);
                else {
                        assert_int_equal(json_integer_value(json_object_get(statistics, "maxRtoMs")), 750);
                        assert_string_equal(json_string_value(json_object_get(statistics, "maxRtoAddress")),
                                            "10.1.0.1");
                }
                varlink_reply_done(&reply);
        }
        varlink_client_free(c);
}

/* The scan fails: the next one is asked for it again. */
static void test_a_wish_whose_scan_fails(void **state) {
        struct world *w = *state;
        struct varlink_client *c, *d;
        struct varlink_reply reply;
        struct scanner_request q;
        char error[64];
        int64_t serial;
        bool stale;

        w->config.scan_wait_usec = LONG_USEC;
        start(w, NULL);
        c = client(w);
        d = client(w);
        (void) scan_next(w, 0, 3, 0);
        call(c, "GetAssociation", json_pack("{sI}", "associationId", (json_int_t) 2));
        q = take_request(w);
        assert_int_equal(answer(&w->scanner, q.serial, -ENOMEM, NULL), 0);
        call(d, "ListAssociations", NULL);
        q = take_request(w);
        assert_int_equal(q.wish_id, 2);
        give(w, made_up(q.serial, 0, 3, 0));
        assert_int_equal(receive_list(d, &serial, &stale, error), 3);
        reply = receive(c);
        assert_null(reply.error);
        assert_int_equal(json_integer_value(json_object_get(json_object_get(reply.parameters, "scan"), "serial")),
                         q.serial);
        varlink_reply_done(&reply);
        varlink_client_free(c);
        varlink_client_free(d);
}

/* What there is, and that it is old. */
static void test_a_wish_that_does_not_come(void **state) {
        struct world *w = *state;
        struct varlink_reply reply;
        struct varlink_client *c;

        start(w, NULL);
        c = client(w);
        (void) scan_next(w, 0, 3, 0);
        call(c, "GetAssociation", json_pack("{sI}", "associationId", (json_int_t) 2));
        reply = receive(c);
        assert_null(reply.error);
        assert_true(json_is_true(json_object_get(json_object_get(reply.parameters, "scan"), "stale")));
        varlink_reply_done(&reply);
        varlink_client_free(c);
}

/* Details have their turn at the interval, whoever asks, and callers need not wait for them. */
static void test_details_have_their_turn(void **state) {
        struct world *w = *state;
        struct varlink_client *c;
        struct scanner_request q;
        char error[64];
        int64_t serial;
        bool stale;

        start(w, NULL);
        c = client(w);
        q = take_request(w);
        assert_false(q.new_only);
        assert_int_equal(q.dear_usec, SCAN_WAIT_USEC / 2);
        assert_int_equal(q.off, 0);
        give(w, made_up(q.serial, 0, 3, 0));
        for (unsigned i = 0; i < 3; i++) {
                call(c, "ListAssociations", NULL);
                q = take_request(w);
                assert_true(q.new_only);
                assert_int_equal(q.dear_usec, 10 * USEC_PER_MSEC);
                give(w, made_up(q.serial, 0, 3, 0));
                assert_int_equal(receive_list(c, &serial, &stale, error), 3);
        }
        varlink_client_free(c);
}

/* The tables take all of CpuShare and more: details get the least there is, and the interval is stretched. */
static void test_a_dear_table(void **state) {
        struct world *w = *state;
        struct varlink_reply reply;
        struct scanner_request q;
        struct varlink_client *c;
        struct builder b = {};
        struct snapshot *s;

        w->config.interval_usec = 100 * USEC_PER_MSEC;
        start(w, NULL);
        c = client(w);
        for (unsigned i = 0; i < 2; i++) {
                q = take_request(w);
                assert_false(q.new_only);
                /* Three quarters of 5 ms would be less; then a quarter of what the tables took. */
                assert_int_equal(q.dear_usec, (i == 0 ? 5 : 20) * USEC_PER_MSEC);
                b.head.available = true;
                b.head.serial = q.serial;
                b.head.started_monotonic = clock_usec(CLOCK_MONOTONIC);
                b.head.cpu_usec = 90 * USEC_PER_MSEC;
                b.head.dear_cpu_usec = 10 * USEC_PER_MSEC;
                assert_int_equal(builder_finish(&b, &s), 0);
                builder_done(&b);
                give(w, s);
        }
        call(c, "GetStatus", NULL);
        reply = receive(c);
        assert_int_equal(json_integer_value(json_object_get(reply.parameters, "effectiveIntervalMs")), 1800);
        assert_int_equal(json_integer_value(json_object_get(reply.parameters, "dearCpuUs")), 10000);
        assert_non_null(strstr(json_string_value(json_object_get(reply.parameters, "notice")), "CpuShare=5%"));
        varlink_reply_done(&reply);
        varlink_client_free(c);
}

static void test_what_is_switched_off(void **state) {
        struct world *w = *state;
        struct varlink_reply reply;
        struct scanner_request q;
        struct varlink_client *c;
        unsigned off = 0;
        json_t *sources;

        w->config.socket_options = w->config.all_namespaces = false;
        w->config.scan_wait_usec = LONG_USEC;
        start(w, NULL);
        c = client(w);
        q = take_request(w);
        assert_int_equal(q.off, 1u << SOURCE_OPTIONS | 1u << SOURCE_NAMESPACES);
        give(w, made_up(q.serial, 0, 3, 0));
        call(c, "ListAssociations", json_pack("{sI}", "maxAgeMs", (json_int_t) 3600000));
        {
                char error[64];
                int64_t serial;
                bool stale;

                assert_int_equal(receive_list(c, &serial, &stale, error), 3);
        }
        call(c, "GetStatus", NULL);
        reply = receive(c);
        sources = json_object_get(reply.parameters, "sources");
        for (size_t i = 0; i < json_array_size(sources); i++) {
                json_t *source = json_array_get(sources, i);
                const char *reason = json_string_value(json_object_get(source, "reason"));

                if (i == SOURCE_OPTIONS) {
                        assert_string_equal(reason, "switched off by SocketOptions=no");
                        assert_string_equal(json_string_value(json_object_get(source, "result")), "skipped");
                        off++;
                } else if (i == SOURCE_NAMESPACES) {
                        assert_string_equal(reason, "switched off by Namespaces=own");
                        off++;
                } else
                        assert_null(reason);
        }
        assert_int_equal(off, 2);
        varlink_reply_done(&reply);
        varlink_client_free(c);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_a_list_waits_for_a_look_that_begins_after_the_question),
                TEST(test_a_scan_that_does_not_come),
                TEST(test_a_scan_that_fails),
                TEST(test_a_table_that_cannot_be_read),
                TEST(test_without_sctp),
                TEST(test_the_full_size),
                TEST(test_changes_while_the_present_is_sent),
                TEST(test_news),
                TEST(test_news_during_the_look_of_a_subscriber),
                TEST(test_many_news),
                TEST(test_lost_news),
                TEST(test_unsound_news),
                TEST(test_slow_readers_do_not_pile_up_snapshots),
                TEST(test_after_a_restart),
                TEST(test_the_first_look_is_no_news),
                TEST(test_flapping),
                TEST(test_flapping_undamped),
                TEST(test_a_scanner_that_cannot_be_asked),
                TEST(test_the_status_is_told_when_it_changes),
                TEST(test_namespaces),
                TEST(test_endpoints_that_do_not_listen),
                TEST(test_one_association),
                TEST(test_not_one_association),
                TEST(test_statistics),
                TEST(test_a_wish_whose_scan_fails),
                TEST(test_a_wish_that_does_not_come),
                TEST(test_details_have_their_turn),
                TEST(test_a_dear_table),
                TEST(test_what_is_switched_off),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
