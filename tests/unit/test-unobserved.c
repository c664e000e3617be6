/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "builder.h"
#include "changes.h"
#include "scan-carry.h"

/* How many looks in a row a new row is missed for, at most. */
#define MISSES_MAX (UNOBSERVED_LOOKS - 1)

/* A kernel that is looked at: what it has, and what it counts. */
struct kernel {
        struct {
                uint32_t id;
                int state;
                bool shown, shown_up;   /* by a look, and as established */
                unsigned missed;
                uint32_t unseen;        /* not 0: it is kept, though no table shows it */
        } associations[2048];
        unsigned n;
        uint32_t last_id;
        uint64_t netns, generation;
        uint64_t begun, aborts, shutdowns;
        uint64_t unseen, failed;        /* came and went, without a look that showed them */
        bool waits;                     /* associations wait for their peers, so that looks see them do so */
        bool idle, hidden;              /* the tables, or the counters, are not read */
        unsigned seed;
        /* What it tells of itself. */
        bool tells, late;               /* late: the last event is told after the next look */
        uint64_t now;                   /* monotonic */
        struct {
                uint64_t at;
                uint32_t id;
                enum change_type type;
                int old_state, new_state;
                enum cause cause;
        } events[512];
        unsigned n_events, loses;       /* one in so many is lost; 0: none */
        uint64_t lost;
};

static unsigned some(struct kernel *k, unsigned n) {
        k->seed = k->seed * 1103515245u + 12345u;
        return k->seed / 65536u % n;
}

static void happen(struct kernel *k, uint32_t id, enum change_type type, int old_state, int new_state,
                   enum cause cause) {
        if (!k->tells)
                return;
        if (k->loses > 0 && some(k, k->loses) == 0) {
                k->lost++;
                return;
        }
        assert_true(k->n_events < ELEMENTS(k->events));
        k->events[k->n_events++] =
                (__typeof__(k->events[0])) { k->now, id, type, old_state, new_state, cause };
}

static void begin(struct kernel *k, int state) {
        assert_true(k->n < ELEMENTS(k->associations));
        k->associations[k->n] = (__typeof__(k->associations[0])) { .id = ++k->last_id, .state = state };
        k->n++;
        k->begun += state == ASSOCIATION_ESTABLISHED;
        happen(k, k->last_id, state == ASSOCIATION_ESTABLISHED ? CHANGE_ASSOCIATION_UP : CHANGE_ASSOCIATION_STATE,
               ASSOCIATION_CLOSED, state, CAUSE_UNKNOWN);
}

static void remove_one(struct kernel *k, unsigned i, enum cause cause) {
        happen(k, k->associations[i].id, CHANGE_ASSOCIATION_DOWN, k->associations[i].state, ASSOCIATION_CLOSED, cause);
        k->associations[i] = k->associations[--k->n];
}

static void end(struct kernel *k, unsigned i, bool abort) {
        if (abort)
                k->aborts++;
        else
                k->shutdowns++;
        if (k->associations[i].state >= ASSOCIATION_ESTABLISHED)
                k->unseen += !k->associations[i].shown_up;
        else
                k->failed += !k->associations[i].shown;
        remove_one(k, i, abort ? CAUSE_ABORTED : CAUSE_GRACEFUL);
}

static void come_and_go(struct kernel *k, int state) {
        begin(k, state);
        end(k, k->n - 1, some(k, 2));
}

/* Nobody answers: not counted. */
static void give_up(struct kernel *k) {
        for (unsigned i = 0; i < k->n; i++)
                if (k->associations[i].state == ASSOCIATION_COOKIE_WAIT && k->associations[i].shown) {
                        remove_one(k, i, CAUSE_INIT_TIMEOUT);
                        return;
                }
}

static void live(struct kernel *k, unsigned events) {
        for (unsigned n = some(k, events + 1); n > 0; n--) {
                unsigned i = k->n > 0 ? some(k, k->n) : 0;
                bool waiting = k->n > 0 && k->associations[i].state == ASSOCIATION_COOKIE_WAIT;

                switch (some(k, 9)) {
                case 0:
                case 1:
                case 2:
                        if (k->n < ELEMENTS(k->associations) / 2)
                                begin(k, ASSOCIATION_ESTABLISHED);
                        break;
                case 3:
                case 4:
                        if (k->n > 0 && !waiting)
                                end(k, i, some(k, 2));
                        break;
                case 5:
                        come_and_go(k, ASSOCIATION_ESTABLISHED);
                        break;
                case 6:
                        come_and_go(k, ASSOCIATION_COOKIE_WAIT);
                        break;
                case 7:
                        if (k->waits)
                                begin(k, ASSOCIATION_COOKIE_WAIT);
                        break;
                case 8:
                        if (waiting && some(k, 2)) {
                                k->associations[i].state = ASSOCIATION_ESTABLISHED;
                                k->begun++;
                                happen(k, k->associations[i].id, CHANGE_ASSOCIATION_UP, ASSOCIATION_COOKIE_WAIT,
                                       ASSOCIATION_ESTABLISHED, CAUSE_UNKNOWN);
                        } else if (waiting && some(k, 2))
                                end(k, i, true);
                        else if (waiting)
                                give_up(k);
                        break;
                }
        }
}

static void add_counter(struct builder *b, const struct kernel *k, const char *name, uint64_t value) {
        struct counter *c;

        assert_int_equal(builder_add_counter(b, &c), 0);
        *c = (struct counter) { .netns = k->netns, .value = (int64_t) value };
        snprintf(c->name, sizeof(c->name), "%s", name);
}

static void begin_look(struct builder *b, unsigned at) {
        *b = (struct builder) {};
        b->head.available = true;
        b->head.hz = 250;
        b->head.duration_usec = 10;
        b->head.started_monotonic = at * USEC_PER_SEC;
        b->head.started_realtime = (1000 + at) * USEC_PER_SEC;
        b->head.sources[SOURCE_NAMESPACES].result = SOURCE_READ;
        b->head.sources[SOURCE_ASSOCS].result = SOURCE_READ;
        b->head.sources[SOURCE_SOCK_DIAG].result = SOURCE_READ;
}

/* Looks into one namespace, while `events` go on. Of the new rows one in `missed` is missing. */
static void look_into(struct builder *b, struct kernel *k, unsigned events, unsigned missed) {
        struct netns *n;

        assert_int_equal(builder_add_netns(b, &n), 0);
        *n = (struct netns) { .netns = k->netns, .generation = k->generation, .idle = k->idle, .has_sctp = 1 };
        live(k, events);
        for (unsigned i = 0; !k->idle && i < k->n; i++) {
                struct association *a;

                if (!k->associations[i].shown && missed > 0 && k->associations[i].missed < MISSES_MAX &&
                    some(k, missed) == 0) {
                        k->associations[i].missed++;
                        continue;
                }
                k->associations[i].shown = true;
                k->associations[i].shown_up |= k->associations[i].state >= ASSOCIATION_ESTABLISHED;
                assert_int_equal(builder_add_association(b, &a), 0);
                a->netns = k->netns;
                a->id = k->associations[i].id;
                a->state = (int8_t) k->associations[i].state;
                a->local_port = 5000;
                a->peer_port = (uint16_t) a->id;
                if (k->associations[i].unseen > 0)
                        a->unseen = k->associations[i].unseen++;
                FIELD_GIVE(a, ASSOCIATION_ID);
                FIELD_GIVE(a, ASSOCIATION_STATE);
        }
        live(k, events);
        if (!k->hidden) {
                add_counter(b, k, "SctpActiveEstabs", k->begun / 2);
                add_counter(b, k, "SctpPassiveEstabs", k->begun - k->begun / 2);
                add_counter(b, k, "SctpAborteds", k->aborts);
                add_counter(b, k, "SctpShutdowns", k->shutdowns);
        }
        live(k, events);
}

static struct snapshot *look(struct kernel *k, unsigned at, unsigned events, unsigned missed) {
        struct snapshot *s = NULL;
        struct builder b;

        if (k->netns == 0)
                k->netns = 5;
        begin_look(&b, at);
        look_into(&b, k, events, missed);
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

struct sum {
        uint64_t up, down, established, failed, looks;
        uint64_t causes[_CAUSE_MAX], certain;
};

static int tell(const struct change *c, void *userdata) {
        struct sum *t = userdata;

        t->up += c->type == CHANGE_ASSOCIATION_UP;
        if (c->type == CHANGE_ASSOCIATION_DOWN) {
                t->down++;
                t->causes[c->cause]++;
                t->certain += c->cause_certainty == CERTAINTY_HIGH;
        }
        if (c->type == CHANGE_UNOBSERVED) {
                assert_true(c->netns != 0 && !c->association && !c->endpoint);
                assert_true(c->established > 0 || c->failed > 0);
                t->established += c->established;
                t->failed += c->failed;
        }
        return 0;
}

/* `look`: the one before these came. */
static void tell_events(struct kernel *k, const struct snapshot *look, struct news_told *told, struct unobserved *tally,
                        struct sum *sum) {
        struct snapshot *s = NULL;
        struct builder b;
        bool left;

        const unsigned n = k->n_events - (k->n_events > 0 && k->late);

        if (n == 0)
                return;
        begin_look(&b, 0);
        b.head.news = 1;
        for (unsigned i = 0; i < n; i++) {
                struct association *a;
                struct happening *h;

                assert_int_equal(builder_add_association(&b, &a), 0);
                a->netns = k->netns;
                a->id = k->events[i].id;
                a->local_port = 5000;
                a->peer_port = (uint16_t) a->id;
                a->state = (int8_t) (k->events[i].type == CHANGE_ASSOCIATION_DOWN ?
                                     k->events[i].old_state : k->events[i].new_state);
                FIELD_GIVE(a, ASSOCIATION_ID);
                FIELD_GIVE(a, ASSOCIATION_STATE);
                assert_int_equal(builder_add_happening(&b, &h), 0);
                *h = (struct happening) {
                        .at_monotonic = k->events[i].at,
                        .type = (uint8_t) k->events[i].type,
                        .old_state = (int8_t) k->events[i].old_state,
                        .new_state = (int8_t) k->events[i].new_state,
                        .path = UINT32_MAX,
                        .path_old_state = -1,
                        .path_new_state = -1,
                        .cause = (uint8_t) k->events[i].cause,
                };
        }
        memmove(k->events, k->events + n, (k->n_events - n) * sizeof(*k->events));
        k->n_events -= n;
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        assert_int_equal(changes_tell(s, look, false, told, tally, &left, tell, sum), 0);
        assert_false(left);
        snapshot_unref(s);
}

/* A look while the kernel tells of itself; some of what happens while it is made is told before it. */
static struct snapshot *look_besides(struct kernel *k, unsigned at, unsigned events) {
        struct snapshot *s = NULL;
        struct builder b;

        k->now = at * USEC_PER_SEC - USEC_PER_SEC / 2;
        live(k, events);
        begin_look(&b, at);
        b.head.sources[SOURCE_LISTING].result = SOURCE_READ;
        b.head.events_on = k->tells;
        b.head.events_lost = k->lost;
        k->now = at * USEC_PER_SEC + 1;
        look_into(&b, k, events / 3, 0);
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

/* Looks `n` times; *before is the last one. */
static void look_on(struct kernel *k, struct unobserved *tally, struct snapshot **before, struct sum *told,
                    unsigned n, unsigned events, unsigned missed) {
        for (unsigned i = 0; i < n; i++) {
                struct snapshot *s = look(k, (unsigned) ++told->looks, events, missed);

                assert_int_equal(changes_find(*before, s, false, tally, NULL, tell, told), 0);
                snapshot_unref(*before);
                *before = s;
        }
}

/* Each is told once, by news, by a look or, where that was lost, by the counters; and never more than there were. */
static void test_news(void **state) {
        uint64_t begun = 0, told_in_all = 0, unobserved = 0;

        (void) state;
        for (unsigned seed = 0; seed < 300; seed++) {
                struct kernel k = { .netns = 5, .seed = seed, .waits = seed % 2, .tells = true };
                struct snapshot *before = look_besides(&k, 1, 0), *s;
                struct sum sum = {};
                struct unobserved *tally;
                struct news_told *told;

                assert_int_equal(unobserved_new(&tally), 0);
                assert_int_equal(news_told_new(&told), 0);
                for (unsigned at = 2; at < 60; at++) {
                        /* Some are lost for a while; then, in the end, it is calm. */
                        k.loses = seed % 3 > 0 && at % 20 < 8 ? 4 : 0;
                        /* The kernel counts a moment before it tells: once in a while a look is made then. */
                        k.late = seed % 5 > 0 && at < 50 && at % 3 == 0;
                        s = look_besides(&k, at, at < 50 ? 20 : 0);
                        tell_events(&k, before, told, tally, &sum);
                        assert_int_equal(changes_find(before, s, false, tally, told, tell, &sum), 0);
                        snapshot_unref(before);
                        before = s;
                        assert_true(sum.up + sum.established <= k.begun);
                        assert_true(sum.failed <= k.failed);
                }
                if (k.lost == 0) {
                        assert_int_equal(sum.up, k.begun);
                        assert_int_equal(sum.established + sum.failed, 0);
                }
                begun += k.begun;
                told_in_all += sum.up + sum.established;
                unobserved += sum.established;
                snapshot_unref(before);
                news_told_free(told);
                unobserved_free(tally);
        }
        /* What is lost while a look is made may be put down to that one. */
        assert_true(unobserved > 0 && told_in_all > begun * 98 / 100);
}

/* Told is never more than there was, on the way; when it is calm all is told, one way or the other, and once. */
static void test_nothing_is_left_out(void **state) {
        (void) state;
        for (unsigned seed = 0; seed < 400; seed++) {
                struct kernel k = { .seed = seed * 7919, .waits = seed % 2 };
                struct sum told = {};
                struct unobserved *tally;
                struct snapshot *before;
                uint64_t already;

                assert_int_equal(unobserved_new(&tally), 0);
                /* What is there at first is no news. */
                live(&k, 40);
                before = look(&k, 0, 0, 0);
                already = k.begun;
                k.unseen = k.failed = 0;
                for (unsigned i = 0; i < 50; i++) {
                        k.hidden = seed % 3 == 0 && some(&k, 5) == 0;
                        look_on(&k, tally, &before, &told, 1, some(&k, 30), seed % 5);
                        assert_true(told.established <= k.unseen);
                        assert_true(told.failed <= k.failed);
                }
                k.hidden = false;
                look_on(&k, tally, &before, &told, MISSES_MAX + UNOBSERVED_LOOKS, 0, 0);
                assert_int_equal(told.established, k.unseen);
                assert_int_equal(told.up + told.established, k.begun - already);
                /* Of those that were seen to wait it is not known how they ended. */
                assert_true(k.waits ? told.failed <= k.failed : told.failed == k.failed);
                snapshot_unref(before);
                unobserved_free(tally);
        }
}

/* It is told once the looks have had their time, not before. */
static void test_when_it_is_told(void **state) {
        struct kernel k = {};
        struct sum told = {};
        struct unobserved *tally;
        struct snapshot *before;

        (void) state;
        assert_int_equal(unobserved_new(&tally), 0);
        before = look(&k, 0, 0, 0);
        come_and_go(&k, ASSOCIATION_ESTABLISHED);
        come_and_go(&k, ASSOCIATION_ESTABLISHED);
        come_and_go(&k, ASSOCIATION_COOKIE_WAIT);
        look_on(&k, tally, &before, &told, UNOBSERVED_LOOKS, 0, 0);
        assert_int_equal(told.established + told.failed, 0);
        /* Looks that read no tables, or no counters, are none. */
        k.idle = true;
        look_on(&k, tally, &before, &told, 5, 0, 0);
        k.idle = false;
        k.hidden = true;
        look_on(&k, tally, &before, &told, 5, 0, 0);
        k.hidden = false;
        assert_int_equal(told.established + told.failed, 0);
        look_on(&k, tally, &before, &told, 1, 0, 0);
        assert_int_equal(told.established, 2);
        assert_int_equal(told.failed, 1);
        look_on(&k, tally, &before, &told, 10, 0, 0);
        assert_int_equal(told.established, 2);
        assert_int_equal(told.failed, 1);
        snapshot_unref(before);
        unobserved_free(tally);
}

/* A daemon that begins anew goes on from the last one's snapshot. */
static void test_a_restored_measure(void **state) {
        struct kernel k = { .seed = 3 };
        struct sum told = {};
        struct unobserved *tally;
        struct snapshot *before;
        uint64_t already;

        (void) state;
        live(&k, 40);
        before = look(&k, 0, 0, 0);
        already = k.begun;
        k.unseen = k.failed = 0;
        live(&k, 200);
        assert_true(k.unseen > 0 && k.failed > 0);
        assert_int_equal(unobserved_new(&tally), 0);
        look_on(&k, tally, &before, &told, 1 + UNOBSERVED_LOOKS, 0, 0);
        assert_int_equal(told.established, k.unseen);
        assert_int_equal(told.failed, k.failed);
        assert_int_equal(told.up + told.established, k.begun - already);
        snapshot_unref(before);
        unobserved_free(tally);
}

/* One that begins in the midst of it says nothing of what had begun before, though its first look missed it. */
static void test_a_first_look_that_misses(void **state) {
        struct kernel k = {};
        struct sum told = {};
        struct unobserved *tally;
        struct snapshot *before;

        (void) state;
        assert_int_equal(unobserved_new(&tally), 0);
        for (unsigned i = 0; i < 5; i++)
                begin(&k, ASSOCIATION_ESTABLISHED);
        before = look(&k, 0, 0, 1);
        assert_int_equal(snapshot_head(before)->n_associations, 0);
        look_on(&k, tally, &before, &told, 10, 0, 0);
        assert_int_equal(told.up, 5);
        assert_int_equal(told.established, 0);
        /* And what is new from now on is told all the same. */
        come_and_go(&k, ASSOCIATION_ESTABLISHED);
        look_on(&k, tally, &before, &told, 10, 0, 0);
        assert_int_equal(told.established, 1);
        snapshot_unref(before);
        unobserved_free(tally);
}

/* Two ends that begin at once are established without being counted: that takes nothing off others. */
static void test_uncounted(void **state) {
        struct kernel k = {};
        struct sum told = {};
        struct unobserved *tally;
        struct snapshot *before;

        (void) state;
        assert_int_equal(unobserved_new(&tally), 0);
        before = look(&k, 0, 0, 0);
        begin(&k, ASSOCIATION_ESTABLISHED);
        k.begun--;
        look_on(&k, tally, &before, &told, 2, 0, 0);
        come_and_go(&k, ASSOCIATION_ESTABLISHED);
        look_on(&k, tally, &before, &told, 1 + UNOBSERVED_LOOKS, 0, 0);
        assert_int_equal(told.up, 1);
        assert_int_equal(told.established, 1);
        assert_int_equal(told.failed, 0);

        /* One that is restarted while it is shut down is established again, and not counted again. */
        k.associations[0].state = ASSOCIATION_SHUTDOWN_ACK_SENT;
        look_on(&k, tally, &before, &told, 1, 0, 0);
        k.associations[0].state = ASSOCIATION_ESTABLISHED;
        come_and_go(&k, ASSOCIATION_ESTABLISHED);
        look_on(&k, tally, &before, &told, 1 + UNOBSERVED_LOOKS, 0, 0);
        assert_int_equal(told.up, 2);
        assert_int_equal(told.established, 2);

        /* Nor is an end of which nothing else is known: that takes nothing off what fails from then on. */
        k.n--;
        look_on(&k, tally, &before, &told, 1, 0, 0);
        assert_int_equal(told.down, 1);
        come_and_go(&k, ASSOCIATION_COOKIE_WAIT);
        look_on(&k, tally, &before, &told, 1 + UNOBSERVED_LOOKS, 0, 0);
        assert_int_equal(told.failed, 1);
        assert_int_equal(told.established, 2);
        snapshot_unref(before);
        unobserved_free(tally);
}

/* Where sock_diag cannot tell, a row that has ended is kept for some looks: what was counted then is its end. */
static void test_kept_rows(void **state) {
        (void) state;
        for (int from = ASSOCIATION_COOKIE_WAIT; from <= ASSOCIATION_SHUTDOWN_SENT; from++) {
                struct kernel k = {};
                struct sum told = {};
                struct unobserved *tally;
                struct snapshot *before;

                assert_int_equal(unobserved_new(&tally), 0);
                begin(&k, from);
                before = look(&k, 0, 0, 0);
                k.aborts++;
                k.associations[0].unseen = 1;
                look_on(&k, tally, &before, &told, SCAN_CARRY_LOOKS_MAX - 1, 0, 0);
                assert_int_equal(told.down, 0);
                k.n--;
                look_on(&k, tally, &before, &told, 1 + UNOBSERVED_LOOKS, 0, 0);
                assert_int_equal(told.down, 1);
                assert_int_equal(told.failed, 0);
                assert_int_equal(told.certain, 0);
                snapshot_unref(before);
                unobserved_free(tally);
        }
}

/* Both are looked at; of `second` only what is there. */
static struct snapshot *look_at_both(struct kernel *first, struct kernel *second, enum source_result watched) {
        struct snapshot *s = NULL;
        struct builder b;

        begin_look(&b, 1);
        b.head.sources[SOURCE_NAMESPACES].result = (uint8_t) watched;
        look_into(&b, first, 0, 0);
        if (second)
                look_into(&b, second, 0, 0);
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

static void look_on_both(struct kernel *first, struct kernel *second, struct unobserved *tally, struct snapshot **before,
                         struct sum *told, unsigned n) {
        for (unsigned i = 0; i < n; i++) {
                struct snapshot *s = look_at_both(first, second, SOURCE_READ);

                assert_int_equal(changes_find(*before, s, false, tally, NULL, tell, told), 0);
                snapshot_unref(*before);
                *before = s;
        }
}

static void test_namespaces(void **state) {
        (void) state;
        for (unsigned i = 0; i < 4; i++) {
                struct kernel k = { .netns = 5, .generation = 1 }, other = { .netns = 6, .generation = 1 };
                struct sum told = {};
                struct unobserved *tally;
                struct snapshot *before;

                assert_int_equal(unobserved_new(&tally), 0);
                for (unsigned j = 0; j < 7; j++)
                        come_and_go(&other, ASSOCIATION_ESTABLISHED);
                begin(&other, ASSOCIATION_ESTABLISHED);
                switch (i) {
                case 0:
                        /* A new one has counted from 0. */
                        before = look_at_both(&k, NULL, SOURCE_READ);
                        look_on_both(&k, &other, tally, &before, &told, 10);
                        assert_int_equal(told.up, 1);
                        assert_int_equal(told.established, 7);
                        break;
                case 1:
                        /* One that was not watched had counted before. */
                        before = look_at_both(&k, NULL, SOURCE_SKIPPED);
                        look_on_both(&k, &other, tally, &before, &told, 10);
                        assert_int_equal(told.up, 0);
                        assert_int_equal(told.established, 0);
                        break;
                case 2:
                        /* Nor is anything known of one whose counters could not be read. */
                        other.hidden = true;
                        before = look_at_both(&k, &other, SOURCE_READ);
                        look_on_both(&k, &other, tally, &before, &told, 10);
                        other.hidden = false;
                        look_on_both(&k, &other, tally, &before, &told, 10);
                        assert_int_equal(told.established, 0);
                        come_and_go(&other, ASSOCIATION_ESTABLISHED);
                        look_on_both(&k, &other, tally, &before, &told, 10);
                        assert_int_equal(told.established, 1);
                        break;
                case 3:
                        /* Another one has got the number. */
                        before = look_at_both(&k, &other, SOURCE_READ);
                        look_on_both(&k, &other, tally, &before, &told, 10);
                        assert_int_equal(told.established, 0);
                        other = (struct kernel) { .netns = 6, .generation = 2 };
                        come_and_go(&other, ASSOCIATION_ESTABLISHED);
                        look_on_both(&k, &other, tally, &before, &told, 10);
                        assert_int_equal(told.established, 1);
                        assert_int_equal(told.down, 1);
                        /* The end of the one before is not to be found in its counters. */
                        assert_int_equal(told.causes[CAUSE_UNKNOWN], 1);
                        /* Counters that go back are others' as well, and a new measure. */
                        other.begun = other.aborts = other.shutdowns = 0;
                        look_on_both(&k, &other, tally, &before, &told, 10);
                        assert_int_equal(told.established, 1);
                        break;
                }
                assert_int_equal(told.failed, 0);
                snapshot_unref(before);
                unobserved_free(tally);
        }
}

static void test_failures(void **state) {
        (void) state;
        for (unsigned seed = 0; seed < 100; seed++) {
                struct kernel k = { .seed = seed };
                struct sum told = {};
                struct unobserved *tally;
                struct snapshot *before;
                uint64_t refused = 0, seen = 0;

                assert_int_equal(unobserved_new(&tally), 0);
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
                look_on(&k, tally, &before, &told, 1 + UNOBSERVED_LOOKS, 0, 0);
                assert_int_equal(told.failed, refused);
                assert_int_equal(told.established, 0);
                assert_int_equal(told.down, seen);
                assert_int_equal(told.causes[CAUSE_INIT_TIMEOUT] + told.causes[CAUSE_ABORTED], seen);
                snapshot_unref(before);
                unobserved_free(tally);
        }
}

/* The causes of ends by the counters beside them. */
static void test_causes(void **state) {
        struct kernel k = {};
        struct sum told = {};
        struct unobserved *tally;
        struct snapshot *before;

        (void) state;
        assert_int_equal(unobserved_new(&tally), 0);
        before = look(&k, 0, 0, 0);
        for (unsigned i = 0; i < 6; i++)
                begin(&k, ASSOCIATION_ESTABLISHED);
        look_on(&k, tally, &before, &told, 1, 0, 0);

        /* What is settled at one look is no evidence at the next. */
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
        /* They are settled all the same. */
        end(&k, 0, false);
        look_on(&k, tally, &before, &told, 1, 0, 0);
        assert_int_equal(told.causes[CAUSE_GRACEFUL], 3);
        assert_int_equal(told.certain, 3);
        for (unsigned i = 0; i < 4; i++)
                begin(&k, ASSOCIATION_ESTABLISHED);
        look_on(&k, tally, &before, &told, 1, 0, 0);
        end(&k, 0, true);
        end(&k, 0, false);
        look_on(&k, tally, &before, &told, 1, 0, 0);
        assert_int_equal(told.causes[CAUSE_UNKNOWN], 4);
        end(&k, 0, true);
        look_on(&k, tally, &before, &told, 1, 0, 0);
        assert_int_equal(told.causes[CAUSE_ABORTED], 2);

        /* Gone without having been counted. */
        k.n--;
        look_on(&k, tally, &before, &told, 1, 0, 0);
        assert_int_equal(told.causes[CAUSE_UNKNOWN], 5);
        assert_int_equal(told.down, 10);

        /* Counted when the table had been read already, and told of at the next look. */
        begin(&k, ASSOCIATION_ESTABLISHED);
        look_on(&k, tally, &before, &told, 3, 0, 0);
        k.shutdowns++;
        look_on(&k, tally, &before, &told, 1, 0, 0);
        k.n--;
        look_on(&k, tally, &before, &told, 1, 0, 0);
        assert_int_equal(told.causes[CAUSE_GRACEFUL], 4);
        assert_int_equal(told.certain, 4);
        look_on(&k, tally, &before, &told, 10, 0, 0);
        assert_int_equal(told.established + told.failed, 0);
        snapshot_unref(before);
        unobserved_free(tally);
}

/* One association as last seen, and what the counters say of its end. */
struct last_seen {
        int state;
        uint32_t errors, shutdown_retransmissions, init_retransmissions;
        unsigned asked_ago;             /* seconds before that look when sock_diag was asked */
        uint32_t unseen;
        uint64_t aborts, shutdowns;
        bool not_readable;              /* its namespace, when it is gone */
        enum cause cause;
        enum certainty certainty;
};

static int keep_down(const struct change *c, void *userdata) {
        if (c->type == CHANGE_ASSOCIATION_DOWN)
                *(struct change *) userdata = *c;
        return 0;
}

/* What the cause is drawn from stands in the rows. */
static void test_rows(void **state) {
        static const struct last_seen cases[] = {
                { .state = ASSOCIATION_ESTABLISHED, .aborts = 1, .cause = CAUSE_ABORTED, .certainty = CERTAINTY_HIGH },
                { .state = ASSOCIATION_ESTABLISHED, .aborts = 1, .asked_ago = 60, .cause = CAUSE_ABORTED },
                {
                        .state = ASSOCIATION_ESTABLISHED, .aborts = 1, .errors = 9,
                        .cause = CAUSE_RETRANSMISSIONS_EXHAUSTED, .certainty = CERTAINTY_HIGH,
                },
                {
                        .state = ASSOCIATION_ESTABLISHED, .aborts = 1, .errors = 9, .asked_ago = 60,
                        .cause = CAUSE_RETRANSMISSIONS_EXHAUSTED,
                },
                {
                        .state = ASSOCIATION_SHUTDOWN_SENT, .aborts = 1, .shutdown_retransmissions = 10,
                        .asked_ago = 60, .cause = CAUSE_RETRANSMISSIONS_EXHAUSTED, .certainty = CERTAINTY_HIGH,
                },
                {
                        .state = ASSOCIATION_SHUTDOWN_SENT, .shutdowns = 1,
                        .cause = CAUSE_GRACEFUL, .certainty = CERTAINTY_HIGH,
                },
                {
                        .state = ASSOCIATION_ESTABLISHED, .aborts = 1, .unseen = SCAN_CARRY_LOOKS_MAX - 1,
                        .cause = CAUSE_ABORTED,
                },
                { .state = ASSOCIATION_ESTABLISHED, .shutdowns = 1, .not_readable = true, .cause = CAUSE_UNKNOWN },
                { .state = ASSOCIATION_SHUTDOWN_SENT, .not_readable = true, .cause = CAUSE_GRACEFUL },
                {
                        .state = ASSOCIATION_COOKIE_WAIT, .init_retransmissions = 3,
                        .cause = CAUSE_INIT_TIMEOUT, .certainty = CERTAINTY_HIGH,
                },
                { .state = ASSOCIATION_COOKIE_WAIT, .aborts = 1, .cause = CAUSE_ABORTED, .certainty = CERTAINTY_HIGH },
                {
                        .state = ASSOCIATION_COOKIE_WAIT, .shutdowns = 1,
                        .cause = CAUSE_GRACEFUL, .certainty = CERTAINTY_HIGH,
                },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const struct last_seen *d = cases + i;
                struct kernel k = { .netns = 5 };
                struct snapshot *before, *after;
                struct change c = {};
                struct association *a;
                struct unobserved *tally;
                struct builder b;
                struct path *path;

                assert_int_equal(unobserved_new(&tally), 0);
                begin_look(&b, 100);
                look_into(&b, &k, 0, 0);
                assert_int_equal(builder_add_path(&b, &path), 0);
                path->address = (struct address) { .family = 2, .primary = 1, .bytes = { 10, 0, 0, 9 } };
                path->rto = 50;
                FIELD_GIVE(path, PATH_RTO);
                assert_int_equal(builder_add_association(&b, &a), 0);
                *a = (struct association) {
                        .netns = 5, .id = 7, .state = (int8_t) d->state, .paths = { 0, 1 }, .unseen = d->unseen,
                        .max_retransmissions = 10, .init_retransmissions = d->init_retransmissions,
                        .shutdown_retransmissions = d->shutdown_retransmissions, .detail.overall_errors = d->errors,
                        .detail.diag_at = b.head.started_realtime - d->asked_ago * USEC_PER_SEC,
                };
                a->given[0] = UINT64_C(1) << ASSOCIATION_ID | UINT64_C(1) << ASSOCIATION_STATE |
                              UINT64_C(1) << ASSOCIATION_MAX_RETRANSMISSIONS |
                              UINT64_C(1) << ASSOCIATION_INIT_RETRANSMISSIONS |
                              UINT64_C(1) << ASSOCIATION_SHUTDOWN_RETRANSMISSIONS;
                FIELD_GIVE(a, ASSOCIATION_OVERALL_ERRORS);
                FIELD_GIVE(a, ASSOCIATION_DIAG_AT);
                assert_int_equal(builder_finish(&b, &before), 0);
                builder_done(&b);

                k.aborts = d->aborts;
                k.shutdowns = d->shutdowns;
                k.hidden = d->not_readable;
                after = look(&k, 101, 0, 0);
                assert_int_equal(changes_find(before, after, false, tally, NULL, keep_down, &c), 0);
                assert_int_equal(c.type, CHANGE_ASSOCIATION_DOWN);
                assert_string_equal(cause_name(c.cause), cause_name(d->cause));
                assert_string_equal(certainty_name(c.cause_certainty), certainty_name(d->certainty));
                snapshot_unref(before);
                snapshot_unref(after);
                unobserved_free(tally);
        }
}

static void assert_cause(struct ending e, enum cause cause, bool certain) {
        bool found = false;

        assert_int_equal(cause_find(&e, &found), cause);
        assert_int_equal(found, certain);
}

/* What these set is set again by those who use them. */
#pragma GCC diagnostic ignored "-Woverride-init"

/* An established association whose end counted as an abort, alone. */
#define ABORT(...) ((struct ending) { .state = ASSOCIATION_ESTABLISHED, .counted = true, .aborts = 1, \
                                      .established = 1, .errors_known = true, .errors_max = 10, \
                                      .rto_usec = USEC_PER_SEC, .paths = 1, __VA_ARGS__ })

static void test_decisions(void **state) {
        (void) state;

        assert_cause(ABORT(.errors = 0, .errors_age_usec = USEC_PER_SEC), CAUSE_ABORTED, true);
        assert_cause(ABORT(.errors = 5, .errors_age_usec = USEC_PER_SEC), CAUSE_ABORTED, true);
        assert_cause(ABORT(.errors = 9), CAUSE_RETRANSMISSIONS_EXHAUSTED, true);
        assert_cause(ABORT(.errors = 10), CAUSE_RETRANSMISSIONS_EXHAUSTED, true);
        /* It may have been answered since. */
        assert_cause(ABORT(.errors = 9, .errors_age_usec = 60 * USEC_PER_SEC), CAUSE_RETRANSMISSIONS_EXHAUSTED, false);
        assert_cause(ABORT(.errors = 9, .errors_age_usec = 60 * USEC_PER_SEC, .errors_fresh = true),
                     CAUSE_RETRANSMISSIONS_EXHAUSTED, true);
        /* There was time for more of them, */
        assert_cause(ABORT(.errors = 5, .errors_age_usec = 5 * USEC_PER_SEC), CAUSE_RETRANSMISSIONS_EXHAUSTED, false);
        assert_cause(ABORT(.errors = 0, .errors_age_usec = 60 * USEC_PER_SEC), CAUSE_ABORTED, false);
        /* or the timers of many paths, */
        assert_cause(ABORT(.errors_age_usec = USEC_PER_SEC, .paths = 5), CAUSE_ABORTED, true);
        assert_cause(ABORT(.errors_age_usec = USEC_PER_SEC, .paths = 6), CAUSE_ABORTED, false);
        /* or nobody knows how long one takes, or how many are allowed. */
        assert_cause(ABORT(.rto_usec = 0), CAUSE_ABORTED, false);
        assert_cause(ABORT(.errors_max = 0, .errors = 3), CAUSE_RETRANSMISSIONS_EXHAUSTED, false);
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

#define BEGUN(...) ((struct ending) { .state = ASSOCIATION_COOKIE_WAIT, .counted = true, .others = 1, \
                                      .init_known = true, __VA_ARGS__ })
        assert_cause(BEGUN(.init_retransmissions = 8), CAUSE_INIT_TIMEOUT, true);
        assert_cause(BEGUN(.init_retransmissions = 0), CAUSE_INIT_TIMEOUT, false);
        assert_cause(BEGUN(.init_retransmissions = 3, .counted = false), CAUSE_INIT_TIMEOUT, false);
        assert_cause(BEGUN(.init_retransmissions = 0, .counted = false), CAUSE_UNKNOWN, false);
        assert_cause(BEGUN(.aborts = 1), CAUSE_ABORTED, true);
        assert_cause(BEGUN(.aborts = 1, .init_retransmissions = 2), CAUSE_ABORTED, false);
        assert_cause(BEGUN(.aborts = 1, .init_known = false), CAUSE_ABORTED, false);
        assert_cause(BEGUN(.aborts = 1, .others = 2), CAUSE_ABORTED, false);
        assert_cause(BEGUN(.state = ASSOCIATION_COOKIE_ECHOED, .aborts = 1), CAUSE_ABORTED, true);
        assert_cause(BEGUN(.aborts = 1, .established = 1), CAUSE_INIT_TIMEOUT, false);
        assert_cause(BEGUN(.shutdowns = 1), CAUSE_GRACEFUL, true);
        assert_cause(BEGUN(.aborts = 1, .shutdowns = 1), CAUSE_UNKNOWN, false);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nothing_is_left_out),
                cmocka_unit_test(test_news),
                cmocka_unit_test(test_when_it_is_told),
                cmocka_unit_test(test_a_restored_measure),
                cmocka_unit_test(test_a_first_look_that_misses),
                cmocka_unit_test(test_uncounted),
                cmocka_unit_test(test_kept_rows),
                cmocka_unit_test(test_namespaces),
                cmocka_unit_test(test_failures),
                cmocka_unit_test(test_causes),
                cmocka_unit_test(test_rows),
                cmocka_unit_test(test_decisions),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
