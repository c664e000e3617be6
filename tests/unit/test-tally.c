/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "builder.h"
#include "changes.h"

/* A kernel that is looked at: what it has, and what it counts. */
struct kernel {
        struct {
                uint32_t id;
                int state;
                bool shown;             /* by a look, so that it is never missed again */
        } associations[512];
        unsigned n;
        uint32_t last_id;
        uint64_t begun, aborts, shutdowns;
        uint64_t established, failed;   /* all that there was */
        unsigned seed;
};

static unsigned some(struct kernel *k, unsigned n) {
        k->seed = k->seed * 1103515245u + 12345u;
        return k->seed / 65536u % n;
}

static void begin(struct kernel *k, int state) {
        if (k->n == ELEMENTS(k->associations))
                return;
        k->associations[k->n].id = ++k->last_id;
        k->associations[k->n].state = state;
        k->associations[k->n++].shown = false;
        if (state == ASSOCIATION_ESTABLISHED) {
                k->begun++;
                k->established++;
        }
}

static void end(struct kernel *k, unsigned i, bool abort) {
        if (abort)
                k->aborts++;
        else
                k->shutdowns++;
        k->failed += k->associations[i].state < ASSOCIATION_ESTABLISHED;
        k->associations[i] = k->associations[--k->n];
}

/* Nobody answers: not counted. */
static void give_up(struct kernel *k) {
        for (unsigned i = 0; i < k->n; i++)
                if (k->associations[i].state == ASSOCIATION_COOKIE_WAIT && k->associations[i].shown) {
                        k->associations[i] = k->associations[--k->n];
                        return;
                }
}

static void live(struct kernel *k, unsigned events) {
        for (unsigned n = some(k, events + 1); n > 0; n--) {
                unsigned i = k->n > 0 ? some(k, k->n) : 0;

                switch (some(k, 4)) {
                case 0:
                case 1:
                        begin(k, ASSOCIATION_ESTABLISHED);
                        break;
                case 2:
                        if (k->n > 0 && k->associations[i].state == ASSOCIATION_ESTABLISHED)
                                end(k, i, some(k, 2));
                        break;
                case 3:
                        /* Here and gone. */
                        begin(k, ASSOCIATION_ESTABLISHED);
                        if (k->n < ELEMENTS(k->associations))
                                end(k, k->n - 1, some(k, 2));
                        break;
                }
        }
}

static void add_counter(struct builder *b, const char *name, uint64_t value) {
        struct counter *c;

        assert_int_equal(builder_add_counter(b, &c), 0);
        *c = (struct counter) { .netns = 5, .value = (int64_t) value };
        snprintf(c->name, sizeof(c->name), "%s", name);
}

/* One look, while `events` go on; of the rows that no look has shown one in `missed` is missing. */
static struct snapshot *look(struct kernel *k, unsigned at, unsigned events, unsigned missed) {
        struct builder b = {};
        struct snapshot *s = NULL;
        struct netns *n;

        b.head.available = true;
        b.head.hz = 250;
        b.head.started_monotonic = at * USEC_PER_SEC;
        b.head.started_realtime = (1000 + at) * USEC_PER_SEC;
        b.head.sources[SOURCE_NAMESPACES].result = SOURCE_READ;
        b.head.sources[SOURCE_SOCK_DIAG].result = SOURCE_READ;
        assert_int_equal(builder_add_netns(&b, &n), 0);
        *n = (struct netns) { .netns = 5, .own = 1, .has_sctp = 1, .begun_given = 1, .begun = k->begun };
        live(k, events);
        for (unsigned i = 0; i < k->n; i++) {
                struct association *a;

                if (!k->associations[i].shown && missed > 0 && some(k, missed) == 0)
                        continue;
                k->associations[i].shown = true;
                assert_int_equal(builder_add_association(&b, &a), 0);
                a->netns = 5;
                a->id = k->associations[i].id;
                a->state = (int8_t) k->associations[i].state;
                a->local_port = 5000;
                a->peer_port = (uint16_t) a->id;
                FIELD_GIVE(a, ASSOCIATION_ID);
                FIELD_GIVE(a, ASSOCIATION_STATE);
        }
        live(k, events);
        add_counter(&b, "SctpAborteds", k->aborts);
        add_counter(&b, "SctpShutdowns", k->shutdowns);
        live(k, events);
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

struct told {
        uint64_t up, down, established, failed, looks;
        uint64_t causes[_CAUSE_MAX], certain;
};

static int tell(const struct change *c, void *userdata) {
        struct told *t = userdata;

        t->up += c->type == CHANGE_ASSOCIATION_UP;
        if (c->type == CHANGE_ASSOCIATION_DOWN) {
                t->down++;
                t->causes[c->cause]++;
                t->certain += c->cause_certainty == CERTAINTY_HIGH;
        }
        if (c->type == CHANGE_UNOBSERVED) {
                assert_int_equal(c->netns, 5);
                t->established += c->established;
                t->failed += c->failed;
        }
        return 0;
}

/* Looks `n` times; *before is the last one. */
static void look_on(struct kernel *k, struct tally *tally, struct snapshot **before, struct told *told,
                    unsigned n, unsigned events, unsigned missed) {
        for (unsigned i = 0; i < n; i++) {
                struct snapshot *s = look(k, (unsigned) ++told->looks, events, missed);

                assert_int_equal(changes_find(*before, s, false, tally, tell, told), 0);
                snapshot_unref(*before);
                *before = s;
        }
}

static void test_nothing_is_left_out(void **state) {
        (void) state;
        for (unsigned seed = 0; seed < 300; seed++) {
                struct kernel k = { .seed = seed };
                struct told told = {};
                struct tally *tally;
                struct snapshot *before;
                uint64_t already;

                assert_int_equal(tally_new(&tally), 0);
                /* What is there at first is no news. */
                live(&k, 40);
                before = look(&k, 0, 0, 0);
                already = k.established;
                for (unsigned i = 0; i < 50; i++) {
                        look_on(&k, tally, &before, &told, 1, some(&k, 30), 0);
                        assert_true(told.up + told.established <= k.established - already);
                        assert_int_equal(told.failed, 0);
                }
                /* When it is calm all is told, one way or the other. */
                look_on(&k, tally, &before, &told, 3, 0, 0);
                assert_int_equal(told.up + told.established, k.established - already);
                assert_int_equal(told.failed, 0);
                snapshot_unref(before);
                tally_free(tally);
        }
}

static void test_failures(void **state) {
        (void) state;
        for (unsigned seed = 0; seed < 100; seed++) {
                struct kernel k = { .seed = seed };
                struct told told = {};
                struct tally *tally;
                struct snapshot *before;
                uint64_t refused = 0, seen = 0;

                assert_int_equal(tally_new(&tally), 0);
                before = look(&k, 0, 0, 0);
                for (unsigned i = 0; i < 40; i++) {
                        unsigned n = some(&k, 5);

                        /* Refused by a closed port, faster than anybody looks. */
                        k.aborts += n;
                        refused += n;
                        /* One that is seen, and that nobody answers. */
                        begin(&k, ASSOCIATION_COOKIE_WAIT);
                        look_on(&k, tally, &before, &told, 2, 0, 0);
                        give_up(&k);
                        seen++;
                        look_on(&k, tally, &before, &told, 1, 0, 0);
                        assert_true(told.failed <= refused);
                }
                look_on(&k, tally, &before, &told, 3, 0, 0);
                assert_int_equal(told.failed, refused);
                assert_int_equal(told.established, 0);
                assert_int_equal(told.down, seen);
                assert_int_equal(told.causes[CAUSE_INIT_TIMEOUT] + told.causes[CAUSE_ABORTED], seen);
                snapshot_unref(before);
                tally_free(tally);
        }
}

/* A row that the table misses for once is not said to have come and gone. */
static void test_missed_rows(void **state) {
        struct kernel k = {};
        struct told told = {};
        struct tally *tally;
        struct snapshot *before;

        (void) state;
        assert_int_equal(tally_new(&tally), 0);
        before = look(&k, 0, 0, 0);
        begin(&k, ASSOCIATION_ESTABLISHED);
        begin(&k, ASSOCIATION_ESTABLISHED);
        look_on(&k, tally, &before, &told, 1, 0, 1);
        assert_int_equal(told.up + told.established, 0);
        look_on(&k, tally, &before, &told, 1, 0, 0);
        assert_int_equal(told.up, 2);
        look_on(&k, tally, &before, &told, 3, 0, 0);
        assert_int_equal(told.established, 0);
        snapshot_unref(before);
        tally_free(tally);
}

/* The causes of ends by the counters beside them. */
static void test_causes(void **state) {
        struct kernel k = {};
        struct told told = {};
        struct tally *tally;
        struct snapshot *before;

        (void) state;
        assert_int_equal(tally_new(&tally), 0);
        before = look(&k, 0, 0, 0);
        for (unsigned i = 0; i < 6; i++)
                begin(&k, ASSOCIATION_ESTABLISHED);
        look_on(&k, tally, &before, &told, 1, 0, 0);

        end(&k, 0, false);
        end(&k, 0, false);
        look_on(&k, tally, &before, &told, 1, 0, 0);
        assert_int_equal(told.causes[CAUSE_GRACEFUL], 2);
        assert_int_equal(told.certain, 2);

        end(&k, 0, true);
        look_on(&k, tally, &before, &told, 1, 0, 0);
        assert_int_equal(told.causes[CAUSE_ABORTED], 1);
        /* The peer's silence counts alike, and nothing is known of it. */
        assert_int_equal(told.certain, 2);

        /* Both at once: which is which? */
        end(&k, 0, true);
        end(&k, 0, false);
        look_on(&k, tally, &before, &told, 1, 0, 0);
        assert_int_equal(told.causes[CAUSE_UNKNOWN], 2);
        assert_int_equal(told.certain, 2);

        /* Gone without having been counted. */
        k.n--;
        look_on(&k, tally, &before, &told, 1, 0, 0);
        assert_int_equal(told.causes[CAUSE_UNKNOWN], 3);
        assert_int_equal(told.down, 6);
        snapshot_unref(before);
        tally_free(tally);
}

static void assert_cause(struct ending e, enum cause cause, bool certain) {
        bool found = false;

        assert_int_equal(cause_find(&e, &found), cause);
        assert_int_equal(found, certain);
}

/* What these set is set again by those who use them. */
#pragma GCC diagnostic ignored "-Woverride-init"

/* An established association whose end counted as an abort, alone. */
#define ABORT(...) ((struct ending) { .state = ASSOCIATION_ESTABLISHED, .counted = true, .aborts = 1, .established = 1, \
                                      .errors_known = true, .errors_max = 10, .rto_usec = USEC_PER_SEC, __VA_ARGS__ })

static void test_decisions(void **state) {
        (void) state;

        assert_cause(ABORT(.errors = 0, .errors_age_usec = USEC_PER_SEC), CAUSE_ABORTED, true);
        assert_cause(ABORT(.errors = 5, .errors_age_usec = USEC_PER_SEC), CAUSE_ABORTED, true);
        assert_cause(ABORT(.errors = 9), CAUSE_RETRANSMISSIONS_EXHAUSTED, true);
        assert_cause(ABORT(.errors = 10), CAUSE_RETRANSMISSIONS_EXHAUSTED, true);
        /* There was time for more of them. */
        assert_cause(ABORT(.errors = 5, .errors_age_usec = 5 * USEC_PER_SEC), CAUSE_RETRANSMISSIONS_EXHAUSTED, false);
        assert_cause(ABORT(.errors = 0, .errors_age_usec = 60 * USEC_PER_SEC), CAUSE_ABORTED, false);
        assert_cause(ABORT(.errors_known = false, .paths_troubled = 2), CAUSE_RETRANSMISSIONS_EXHAUSTED, false);
        assert_cause(ABORT(.errors_known = false, .paths_troubled = 1, .paths_active = 1), CAUSE_ABORTED, false);
        /* Not enough of them for all that ended. */
        assert_cause(ABORT(.errors = 0, .errors_age_usec = 1, .established = 2), CAUSE_ABORTED, false);

        assert_cause(ABORT(.aborts = 0, .shutdowns = 1), CAUSE_GRACEFUL, true);
        assert_cause(ABORT(.aborts = 0, .shutdowns = 1, .established = 2), CAUSE_GRACEFUL, false);
        assert_cause(ABORT(.shutdowns = 1, .errors = 1), CAUSE_UNKNOWN, false);
        assert_cause(ABORT(.shutdowns = 1, .errors = 10), CAUSE_RETRANSMISSIONS_EXHAUSTED, false);
        assert_cause(ABORT(.shutdowns = 1, .state = ASSOCIATION_SHUTDOWN_SENT), CAUSE_GRACEFUL, false);
        assert_cause(ABORT(.aborts = 0), CAUSE_UNKNOWN, false);
        assert_cause(ABORT(.counted = false, .errors = 10), CAUSE_RETRANSMISSIONS_EXHAUSTED, false);
        assert_cause(ABORT(.counted = false), CAUSE_UNKNOWN, false);
        /* SHUTDOWN is not answered. */
        assert_cause(ABORT(.state = ASSOCIATION_SHUTDOWN_SENT, .errors = 9), CAUSE_RETRANSMISSIONS_EXHAUSTED, true);

#define BEGUN(...) ((struct ending) { .state = ASSOCIATION_COOKIE_WAIT, .counted = true, .others = 1, __VA_ARGS__ })
        assert_cause(BEGUN(.init_retransmissions = 8), CAUSE_INIT_TIMEOUT, true);
        assert_cause(BEGUN(.init_retransmissions = 0), CAUSE_INIT_TIMEOUT, false);
        assert_cause(BEGUN(.init_retransmissions = 3, .counted = false), CAUSE_INIT_TIMEOUT, false);
        assert_cause(BEGUN(.init_retransmissions = 0, .counted = false), CAUSE_UNKNOWN, false);
        assert_cause(BEGUN(.aborts = 1), CAUSE_ABORTED, true);
        assert_cause(BEGUN(.aborts = 1, .init_retransmissions = 2), CAUSE_ABORTED, false);
        assert_cause(BEGUN(.aborts = 1, .established = 1), CAUSE_INIT_TIMEOUT, false);
        assert_cause(BEGUN(.shutdowns = 1), CAUSE_GRACEFUL, true);
        assert_cause(BEGUN(.aborts = 1, .shutdowns = 1), CAUSE_UNKNOWN, false);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nothing_is_left_out),
                cmocka_unit_test(test_failures),
                cmocka_unit_test(test_missed_rows),
                cmocka_unit_test(test_causes),
                cmocka_unit_test(test_decisions),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
