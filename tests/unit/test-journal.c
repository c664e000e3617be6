/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "builder.h"
#include "clock.h"
#include "../../daemon/journal.h"

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
        *e = (struct endpoint) { .given = { 1 << ENDPOINT_LOCAL_PORT }, .local_port = 5062,
                                 .state = ENDPOINT_LISTENING };
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

/* A value with a line feed begins no field of its own. */
static void test_availability(void **state) {
        struct sink *s = *state;

        begin(s, 64, LONG_USEC);
        assert_int_equal(journal_availability(s->journal, false, "No\nPRIORITY=0", "Do."), 0);
        end(s);
        assert_int_equal(s->n, 1);
        assert_null(strstr(s->entries[0], "\nPRIORITY=0"));
        /* It goes with its length, which has NULs in it. */
        assert_non_null(strstr(s->entries[0], "\nPRIORITY=4\nMESSAGE\n"));
}

/* What is no news is not sent, nor lost. */
static void test_figures(void **state) {
        _cleanup_(snapshot_unref_p) struct snapshot *snapshot = make_snapshot();
        struct change change = { .type = CHANGE_FIGURES, .snapshot = snapshot };
        struct sink *s = *state;

        change.association = snapshot_associations(snapshot);
        begin(s, 64, LONG_USEC);
        assert_int_equal(journal_change(s->journal, &change), 0);
        assert_int_equal(journal_get_counts(s->journal).queued, 0);
        end(s);
        assert_int_equal(s->n, 0);
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

/* A summary that finds no room is the loss of all that it counts. */
static void test_lost_summary(void **state) {
        _cleanup_(snapshot_unref_p) struct snapshot *snapshot = make_snapshot();
        struct flapping flapping = { .flaps = 20, .held = 37, .state = -1 };
        struct sink *s = *state;

        begin(s, 2, LONG_USEC);
        answer(s, -ENOBUFS);
        for (uint64_t i = 0; i < 2; i++)
                assert_int_equal(send_change(s, snapshot, i + 1), 0);
        assert_int_equal(journal_flapping(s->journal, &flapping, snapshot), -ENOBUFS);
        assert_int_equal(journal_get_counts(s->journal).lost, 37);
        answer(s, 0);
        wait_for(s, &s->n, 3);
        assert_non_null(strstr(s->entries[2], "\nSCTP_LOST=37\n"));
        assert_int_equal(journal_flapping(s->journal, &flapping, snapshot), 0);
        end(s);
        assert_non_null(strstr(s->entries[3], "\nSCTP_SUPPRESSED=37\n"));
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

#define MANY 10000u

/* All that changed in one interval, as it was found and as it arrived. */
struct many {
        struct journal *journal;
        char found[MANY][24], arrived[MANY][24];
        size_t n_found, n_arrived, tries;
};

static int find_one(const struct change *c, void *userdata) {
        struct many *m = userdata;

        assert_true(m->n_found < MANY);
        snprintf(m->found[m->n_found++], sizeof(m->found[0]), "%" PRIu32 " %s", c->association->id,
                 association_state_name(c->new_state));
        return journal_change(m->journal, c);
}

/* Each 97th time it is busy, now and then for longer. */
static int take_one(const char *entry, size_t size, void *userdata) {
        char id[16] = "", state[16] = "", *text = strndup(entry, size);
        const char *found;
        struct many *m = userdata;

        m->tries++;
        if (m->tries % 97 == 0 || (m->tries % 4000 > 3990 && m->tries > 4000)) {
                free(text);
                return m->tries % 2 ? -EAGAIN : -ENOBUFS;
        }

        found = strstr(text, "\nSCTP_ASSOC_ID=");
        if (found)
                (void) sscanf(found, "\nSCTP_ASSOC_ID=%15[0-9]", id);
        found = strstr(text, "\nSCTP_NEW_STATE=");
        if (found)
                (void) sscanf(found, "\nSCTP_NEW_STATE=%15[a-z_]", state);
        if (m->n_arrived < MANY)
                snprintf(m->arrived[m->n_arrived], sizeof(m->arrived[0]), "%.7s %.14s", id, state);
        m->n_arrived++;
        free(text);
        return 0;
}

/* Associations from `first` on, each with two addresses on either side. */
static struct snapshot *make_many(uint32_t first, uint32_t n) {
        _cleanup_(builder_done) struct builder b = {};
        struct snapshot *s;

        b.head.available = true;
        for (uint32_t i = first; i < first + n; i++) {
                struct association *a;
                char text[32];
                struct path *p;

                assert_int_equal(builder_add_association(&b, &a), 0);
                *a = (struct association) {
                        .given = { 1 << ASSOCIATION_ID | 1 << ASSOCIATION_LOCAL_PORT | 1 << ASSOCIATION_PEER_PORT |
                                   1 << ASSOCIATION_NETNS | 1 << ASSOCIATION_STATE },
                        .netns = 5, .id = i, .local_port = 2905, .peer_port = 2905, .state = ASSOCIATION_ESTABLISHED,
                        .paths = { (uint32_t) b.n_paths, 2 },
                };
                a->local = add_addresses(&b, "10.0.1.1", "10.0.2.1", true);
                for (unsigned j = 0; j < 2; j++) {
                        snprintf(text, sizeof(text), "10.%u.%u.%u", 1 + j, i / 250, 1 + i % 250);
                        assert_int_equal(builder_add_path(&b, &p), 0);
                        p->address = address(text, j == 0);
                }
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        return s;
}

/* The design's 10,000 changes in one interval, while journald is busy now and then: all arrive, in their order. */
static void test_ten_thousand(void **state) {
        _cleanup_(snapshot_unref_p) struct snapshot *before = make_many(1, MANY / 2);
        _cleanup_(snapshot_unref_p) struct snapshot *after = make_many(MANY, MANY / 2);
        struct many *m = calloc(1, sizeof(*m));
        struct journal_counts counts;

        (void) state;
        assert_non_null(m);
        assert_int_equal(journal_new_with(take_one, m, JOURNAL_QUEUE_MAX, LONG_USEC, NULL, &m->journal), 0);
        assert_int_equal(changes_find(before, after, false, NULL, NULL, find_one, m), 0);
        assert_int_equal(m->n_found, MANY);
        counts = journal_get_counts(m->journal);
        assert_int_equal(counts.lost, 0);
        journal_free(m->journal);
        assert_int_equal(m->n_arrived, MANY);
        assert_true(m->tries > MANY + MANY / 97);
        for (size_t i = 0; i < MANY; i++)
                assert_string_equal(m->arrived[i], m->found[i]);
        free(m);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_availability, setup, teardown),
                cmocka_unit_test_setup_teardown(test_figures, setup, teardown),
                cmocka_unit_test_setup_teardown(test_lost_summary, setup, teardown),
                cmocka_unit_test_setup_teardown(test_ten_thousand, setup, teardown),
                cmocka_unit_test_setup_teardown(test_order_and_checkpoint, setup, teardown),
                cmocka_unit_test_setup_teardown(test_checkpoints, setup, teardown),
                cmocka_unit_test_setup_teardown(test_save_error, setup, teardown),
                cmocka_unit_test_setup_teardown(test_overflow, setup, teardown),
                cmocka_unit_test_setup_teardown(test_oversize, setup, teardown),
                cmocka_unit_test_setup_teardown(test_stalled_at_shutdown, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
