/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "builder.h"
#include "clock.h"
#include "../../daemon/entry.h"
#include "../../daemon/journal.h"
#include "message-id.h"

#define LONG_USEC (30 * USEC_PER_SEC)

/* Stands in for journald. */
struct sink {
        pthread_mutex_t lock;
        char *entries[64];
        size_t n, tries;
        int answer;             /* to every entry */
        const char *state;      /* which file must not be there yet when an entry comes */
        bool early;             /* it was */
        struct journal *journal;
        char base[64], path[96];
};

static int take(const char *entry, size_t size, void *userdata) {
        struct sink *s = userdata;
        int r;

        pthread_mutex_lock(&s->lock);
        s->tries++;
        r = s->answer;
        if (s->state && access(s->state, F_OK) == 0)
                s->early = true;
        if (r >= 0 && s->n < ELEMENTS(s->entries)) {
                s->entries[s->n] = malloc(size + 1);
                memcpy(s->entries[s->n], entry, size);
                s->entries[s->n++][size] = '\0';
        }
        pthread_mutex_unlock(&s->lock);

        return r;
}

static void answer(struct sink *s, int r) {
        pthread_mutex_lock(&s->lock);
        s->answer = r;
        pthread_mutex_unlock(&s->lock);
}

static size_t value(struct sink *s, const size_t *what) {
        size_t n;

        pthread_mutex_lock(&s->lock);
        n = *what;
        pthread_mutex_unlock(&s->lock);
        return n;
}

static void wait_for(struct sink *s, const size_t *what, size_t n) {
        uint64_t end = clock_usec(CLOCK_MONOTONIC) + LONG_USEC;

        while (value(s, what) < n) {
                if (clock_usec(CLOCK_MONOTONIC) > end)
                        fail_msg("waited too long for %zu", n);
                usleep(1000);
        }
}

static int setup(void **state) {
        struct sink *s = calloc(1, sizeof(*s));

        assert_non_null(s);
        pthread_mutex_init(&s->lock, NULL);
        strcpy(s->base, "/tmp/test-journal-XXXXXX");
        assert_non_null(mkdtemp(s->base));
        snprintf(s->path, sizeof(s->path), "%s/state", s->base);
        *state = s;
        return 0;
}

static int teardown(void **state) {
        struct sink *s = *state;

        journal_free(s->journal);
        for (size_t i = 0; i < s->n; i++)
                free(s->entries[i]);
        (void) unlink(s->path);
        assert_int_equal(rmdir(s->base), 0);
        pthread_mutex_destroy(&s->lock);
        free(s);
        return 0;
}

static void begin(struct sink *s, size_t queue_max, uint64_t grace_usec) {
        assert_int_equal(journal_new_with(take, s, queue_max, grace_usec, s->path, &s->journal), 0);
}

static void end(struct sink *s) {
        s->journal = journal_free(s->journal);
}

static struct address address(const char *text, bool primary) {
        struct address a;

        assert_int_equal(address_parse(text, strlen(text), &a), 0);
        a.primary = primary;
        return a;
}

static struct range add_addresses(struct builder *b, const char *first, const char *second, bool second_is_primary) {
        struct range range = { .first = (uint32_t) b->n_addresses, .count = 2 };
        struct address *a;

        assert_int_equal(builder_add_address(b, &a), 0);
        *a = address(first, false);
        assert_int_equal(builder_add_address(b, &a), 0);
        *a = address(second, second_is_primary);
        return range;
}

static struct snapshot *make_snapshot(void) {
        _cleanup_(builder_done) struct builder b = {};
        struct association *a;
        struct snapshot *s;
        struct endpoint *e;
        struct path *p;

        assert_int_equal(builder_add_endpoint(&b, &e), 0);
        *e = (struct endpoint) { .given = { 1 << ENDPOINT_LOCAL_PORT }, .local_port = 5062, .state = ENDPOINT_LISTENING };
        e->local = add_addresses(&b, "fd00::1", "10.0.1.1", false);

        assert_int_equal(builder_add_association(&b, &a), 0);
        *a = (struct association) {
                .given = { 1 << ASSOCIATION_LOCAL_PORT | 1 << ASSOCIATION_PEER_PORT },
                .netns = 4026531840, .local_port = 7, .peer_port = 9,
        };
        assert_int_equal(builder_add_association(&b, &a), 0);
        *a = (struct association) {
                .given = { 1 << ASSOCIATION_ID | 1 << ASSOCIATION_LOCAL_PORT | 1 << ASSOCIATION_PEER_PORT |
                           1 << ASSOCIATION_NETNS | 1 << ASSOCIATION_STATE },
                .netns = 4026531840, .id = 5, .local_port = 39780, .peer_port = 5062, .state = ASSOCIATION_ESTABLISHED,
                .paths = { .count = 2 },
        };
        a->local = add_addresses(&b, "10.0.1.1", "10.0.2.1", true);
        assert_int_equal(builder_add_path(&b, &p), 0);
        p->address = address("fd00::2", false);
        assert_int_equal(builder_add_path(&b, &p), 0);
        p->address = address("fd00:1::2", true);

        assert_int_equal(builder_finish(&b, &s), 0);
        return s;
}

/* Number `n` of a row of changes that can be told apart. */
static int send_change(struct sink *s, const struct snapshot *snapshot, uint64_t n) {
        return journal_change(s->journal, &(struct change) {
                .type = CHANGE_ASSOCIATION_STATE, .certainty = CERTAINTY_HIGH, .at = 1, .snapshot = snapshot,
                .association = snapshot_associations(snapshot), .old_state = ASSOCIATION_COOKIE_WAIT,
                .new_state = ASSOCIATION_COOKIE_ECHOED, .duration_usec = n * USEC_PER_MSEC,
        });
}

static void assert_number(struct sink *s, size_t i, uint64_t n) {
        char text[64];

        assert_true(i < s->n);
        snprintf(text, sizeof(text), "\nSCTP_DURATION_MS=%lu\n", (unsigned long) n);
        if (!strstr(s->entries[i], text))
                fail_msg("no %s in %s", text, s->entries[i]);
}

static void assert_entry(struct sink *s, size_t i, const char *expected) {
        assert_true(i < s->n);
        assert_string_equal(s->entries[i], expected);
}

static void test_fields(void **state) {
        _cleanup_(snapshot_unref_p) struct snapshot *snapshot = make_snapshot();
        const struct association *bare = NULL, *full = NULL;
        struct sink *s = *state;
        struct change change;

        for (uint32_t i = 0; i < 2; i++)
                if (snapshot_associations(snapshot)[i].id == 5)
                        full = snapshot_associations(snapshot) + i;
                else
                        bare = snapshot_associations(snapshot) + i;

        begin(s, 64, LONG_USEC);
        change = (struct change) {
                .type = CHANGE_ASSOCIATION_UP, .certainty = CERTAINTY_HIGH, .at = UINT64_C(1769860800123000),
                .snapshot = snapshot, .association = full,
                .old_state = ASSOCIATION_COOKIE_ECHOED, .new_state = ASSOCIATION_ESTABLISHED, .duration_usec = 120000,
        };
        assert_int_equal(journal_change(s->journal, &change), 0);
        change.type = CHANGE_ASSOCIATION_STATE;
        change.old_state = ASSOCIATION_CLOSED;
        change.new_state = ASSOCIATION_COOKIE_WAIT;
        change.duration_usec = 0;
        assert_int_equal(journal_change(s->journal, &change), 0);
        change.type = CHANGE_ASSOCIATION_DOWN;
        change.association = bare;
        change.old_state = ASSOCIATION_COOKIE_WAIT;
        change.new_state = ASSOCIATION_CLOSED;
        change.duration_usec = 3200 * USEC_PER_MSEC;
        change.certainty = CERTAINTY_LOW;
        assert_int_equal(journal_change(s->journal, &change), 0);
        change.type = CHANGE_FIGURES;
        assert_int_equal(journal_change(s->journal, &change), 0);
        change = (struct change) {
                .type = CHANGE_ENDPOINT_REMOVED, .certainty = CERTAINTY_HIGH, .at = UINT64_C(1769860800123000),
                .snapshot = snapshot, .endpoint = snapshot_endpoints(snapshot),
        };
        assert_int_equal(journal_change(s->journal, &change), 0);
        assert_int_equal(journal_availability(s->journal, false, "No\nPRIORITY=0", "Do."), 0);
        end(s);

        assert_int_equal(s->n, 5);
        assert_entry(s, 0,
                     "SYSLOG_IDENTIFIER=sctpmond\nSYSLOG_FACILITY=3\n"
                     "MESSAGE_ID=" MESSAGE_ID_ASSOCIATION_UP "\nPRIORITY=6\n"
                     "MESSAGE=SCTP association 5 established: 10.0.2.1:39780 <-> [fd00:1::2]:5062, after 120ms in "
                     "cookie_echoed\nSCTP_ASSOC_ID=5\nSCTP_OLD_STATE=cookie_echoed\nSCTP_NEW_STATE=established\n"
                     "SCTP_LOCAL_PORT=39780\nSCTP_PEER_PORT=5062\nSCTP_LOCAL_ADDRS=10.0.1.1 10.0.2.1\n"
                     "SCTP_PEER_ADDRS=fd00::2 fd00:1::2\nSCTP_PRIMARY=fd00:1::2\nSCTP_DURATION_MS=120\n"
                     "SCTP_NETNS=4026531840\nSCTP_CERTAINTY=high\nSCTP_SEEN_AT=2026-01-31T12:00:00.123Z\n");
        assert_non_null(strstr(s->entries[1],
                               "MESSAGE=SCTP association 5 appeared in cookie_wait: 10.0.2.1:39780 <-> "));
        assert_null(strstr(s->entries[1], "SCTP_DURATION_MS"));
        assert_entry(s, 2,
                     "SYSLOG_IDENTIFIER=sctpmond\nSYSLOG_FACILITY=3\n"
                     "MESSAGE_ID=" MESSAGE_ID_ASSOCIATION_DOWN "\nPRIORITY=4\n"
                     "MESSAGE=SCTP association (no id yet) gone: was cookie_wait for 3.2s (-:7 <-> -:9), "
                     "as far as can be told\n"
                     "SCTP_OLD_STATE=cookie_wait\nSCTP_NEW_STATE=closed\nSCTP_LOCAL_PORT=7\nSCTP_PEER_PORT=9\n"
                     "SCTP_DURATION_MS=3200\nSCTP_CAUSE=unknown\nSCTP_CERTAINTY=low\nSCTP_SEEN_AT=2026-01-31T12:00:00.123Z\n");
        assert_entry(s, 3,
                     "SYSLOG_IDENTIFIER=sctpmond\nSYSLOG_FACILITY=3\n"
                     "MESSAGE_ID=" MESSAGE_ID_ENDPOINT_REMOVED "\nPRIORITY=5\n"
                     "MESSAGE=SCTP endpoint gone: [fd00::1]:5062 and 1 more\nSCTP_LOCAL_PORT=5062\n"
                     "SCTP_LOCAL_ADDRS=fd00::1 10.0.1.1\nSCTP_CERTAINTY=high\nSCTP_SEEN_AT=2026-01-31T12:00:00.123Z\n");
        /* A value with a line feed goes with its length, which has NULs in it. */
        assert_null(strstr(s->entries[4], "\nPRIORITY=0"));
        assert_non_null(strstr(s->entries[4], "\nPRIORITY=4\nMESSAGE\n"));
}

static void test_whose_and_where(void **state) {
        _cleanup_(snapshot_unref_p) struct snapshot *snapshot = NULL;
        _cleanup_(builder_done) struct builder b = {};
        struct change change = { .type = CHANGE_ENDPOINT_ADDED, .certainty = CERTAINTY_HIGH };
        struct sink *s = *state;
        struct endpoint *e;
        struct process *o;
        struct netns *n;
        char text[64];

        assert_int_equal(builder_add_netns(&b, &n), 0);
        *n = (struct netns) { .netns = 5, .name = "blue" };
        assert_int_equal(builder_add_endpoint(&b, &e), 0);
        *e = (struct endpoint) { .given = { 1 << ENDPOINT_NETNS }, .netns = 5 };
        e->owners = (struct range) { 0, ENTRY_OWNERS_MAX + 1 };
        for (unsigned i = 0; i < ENTRY_OWNERS_MAX + 1; i++) {
                assert_int_equal(builder_add_process(&b, &o), 0);
                *o = (struct process) { .pid = 100 + i, .command = "m3ua" };
                if (i == 1)
                        *o = (struct process) { .pid = 101, .unit = "m3ua.service", .container = "web" };
                assert_int_equal(builder_add_owner(&b, i), 0);
        }
        assert_int_equal(builder_finish(&b, &snapshot), 0);

        begin(s, 64, LONG_USEC);
        change.snapshot = snapshot;
        change.endpoint = snapshot_endpoints(snapshot);
        assert_int_equal(journal_change(s->journal, &change), 0);
        end(s);
        assert_int_equal(s->n, 1);
        assert_non_null(strstr(s->entries[0], "\nSCTP_NETNS=5\nSCTP_NETNS_NAME=blue\nSCTP_PID=100\nSCTP_COMM=m3ua\n"
                                              "SCTP_PID=101\nSCTP_UNIT=m3ua.service\nSCTP_PID=102\nSCTP_COMM=m3ua\n"));
        assert_non_null(strstr(s->entries[0], "\nSCTP_CONTAINER=web\n"));
        /* More are not named. */
        for (unsigned i = 0; i < 2; i++) {
                snprintf(text, sizeof(text), "\nSCTP_PID=%u\n", 100 + ENTRY_OWNERS_MAX - 1 + i);
                assert_int_equal(!!strstr(s->entries[0], text), i == 0);
        }
}

static void test_order_and_checkpoint(void **state) {
        _cleanup_(snapshot_unref_p) struct snapshot *snapshot = make_snapshot(), *loaded = NULL;
        struct sink *s = *state;

        s->state = s->path;
        begin(s, 64, LONG_USEC);
        answer(s, -EAGAIN);
        for (uint64_t i = 0; i < 20; i++)
                assert_int_equal(send_change(s, snapshot, i + 1), 0);
        assert_int_equal(journal_checkpoint(s->journal, snapshot), 0);
        wait_for(s, &s->tries, 3);
        answer(s, 0);
        end(s);

        assert_int_equal(s->n, 20);
        for (uint64_t i = 0; i < 20; i++)
                assert_number(s, i, i + 1);
        assert_false(s->early);
        assert_int_equal(snapshot_load(s->path, &loaded), 0);
}

/* The oldest checkpoint is saved as soon as what comes before it is sent, and later ones after it. */
static void test_checkpoints(void **state) {
        _cleanup_(snapshot_unref_p) struct snapshot *snapshot = make_snapshot();
        struct sink *s = *state;
        struct journal_counts counts;

        begin(s, 64, 0);
        assert_int_equal(send_change(s, snapshot, 1), 0);
        wait_for(s, &s->n, 1);
        answer(s, -ECONNREFUSED);
        for (uint64_t i = 0; i < 5; i++) {
                assert_int_equal(journal_checkpoint(s->journal, snapshot), 0);
                assert_int_equal(send_change(s, snapshot, i + 2), 0);
        }
        for (unsigned i = 0; access(s->path, F_OK) < 0; i++) {
                assert_true(i < 10000);
                usleep(1000);
        }
        counts = journal_get_counts(s->journal);
        assert_int_equal(counts.queued, 5);
        assert_int_equal(counts.save_error, 0);

        /* Without grace nothing behind the unsent ones is saved. */
        assert_int_equal(unlink(s->path), 0);
        end(s);
        assert_int_equal(access(s->path, F_OK), -1);
}

static void test_save_error(void **state) {
        _cleanup_(snapshot_unref_p) struct snapshot *snapshot = make_snapshot();
        struct sink *s = *state;
        struct journal_counts counts;

        snprintf(s->path, sizeof(s->path), "%s/not/there", s->base);
        begin(s, 64, LONG_USEC);
        assert_int_equal(journal_checkpoint(s->journal, snapshot), 0);
        for (unsigned i = 0; (counts = journal_get_counts(s->journal)).save_error == 0; i++) {
                assert_true(i < 10000);
                usleep(1000);
        }
        assert_int_equal(counts.save_error, -ENOENT);
        end(s);
}

static void test_overflow(void **state) {
        _cleanup_(snapshot_unref_p) struct snapshot *snapshot = make_snapshot();
        struct sink *s = *state;
        struct journal_counts counts;

        begin(s, 8, LONG_USEC);
        answer(s, -ENOBUFS);
        for (uint64_t i = 0; i < 8; i++)
                assert_int_equal(send_change(s, snapshot, i + 1), 0);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(send_change(s, snapshot, 100), -ENOBUFS);
        counts = journal_get_counts(s->journal);
        assert_int_equal(counts.queued, 8);
        assert_int_equal(counts.lost, 3);

        /* Told without anything else happening, */
        answer(s, 0);
        wait_for(s, &s->n, 9);
        assert_number(s, 7, 8);
        assert_non_null(strstr(s->entries[8], "MESSAGE=3 SCTP changes were not written"));
        assert_non_null(strstr(s->entries[8], "\nSCTP_LOST=3\n"));

        /* and before what comes after. */
        answer(s, -ENOBUFS);
        for (uint64_t i = 0; i < 8; i++)
                assert_int_equal(send_change(s, snapshot, i + 1), 0);
        assert_int_equal(send_change(s, snapshot, 100), -ENOBUFS);
        answer(s, 0);
        while (send_change(s, snapshot, 9) < 0)
                usleep(1000);
        end(s);
        assert_number(s, 16, 8);
        assert_non_null(strstr(s->entries[17], "\nSCTP_LOST="));
        assert_number(s, 18, 9);
        assert_int_equal(s->n, 19);
}

/* An entry that can never be sent does not hold up the others. */
static void test_oversize(void **state) {
        _cleanup_(snapshot_unref_p) struct snapshot *snapshot = make_snapshot();
        struct sink *s = *state;

        begin(s, 8, LONG_USEC);
        answer(s, -EMSGSIZE);
        assert_int_equal(send_change(s, snapshot, 1), 0);
        wait_for(s, &s->tries, 1);
        answer(s, 0);
        wait_for(s, &s->n, 1);
        assert_non_null(strstr(s->entries[0], "SCTP_LOST="));
        end(s);
}

static void test_stalled_at_shutdown(void **state) {
        _cleanup_(snapshot_unref_p) struct snapshot *snapshot = make_snapshot();
        struct sink *s = *state;
        uint64_t before, took;

        begin(s, 64, 200 * USEC_PER_MSEC);
        answer(s, -ENOENT);
        assert_int_equal(send_change(s, snapshot, 1), 0);
        assert_int_equal(journal_checkpoint(s->journal, snapshot), 0);
        /* By now it pauses for longer than the grace. */
        wait_for(s, &s->tries, 8);
        before = clock_usec(CLOCK_MONOTONIC);
        end(s);
        took = clock_usec(CLOCK_MONOTONIC) - before;
        assert_true(took >= 150 * USEC_PER_MSEC);
        assert_true(took < LONG_USEC);
        assert_int_equal(s->n, 0);
        assert_int_equal(access(s->path, F_OK), -1);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
                cmocka_unit_test_setup_teardown(test_whose_and_where, setup, teardown),
                cmocka_unit_test_setup_teardown(test_order_and_checkpoint, setup, teardown),
                cmocka_unit_test_setup_teardown(test_checkpoints, setup, teardown),
                cmocka_unit_test_setup_teardown(test_save_error, setup, teardown),
                cmocka_unit_test_setup_teardown(test_overflow, setup, teardown),
                cmocka_unit_test_setup_teardown(test_oversize, setup, teardown),
                cmocka_unit_test_setup_teardown(test_stalled_at_shutdown, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
