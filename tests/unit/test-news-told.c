/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "builder.h"
#include "changes.h"
#include "macro.h"

/* What news tell, looks do not tell again; and what no news told, looks do. Times are seconds since the start. */

struct row {
        uint32_t id, tag;
        int state;
        int path_state;
        uint32_t unseen;
        bool two_paths;                 /* a second one, that is active */
};

static void fill(struct builder *b, const struct row *row, struct association *ret) {
        struct address *address;
        struct path *path;

        *ret = (struct association) {
                .netns = 5,
                .id = row->id,
                .local_port = 1000,
                .peer_port = 9,
                .state = (int8_t) row->state,
                .unseen = row->unseen,
                .local = { (uint32_t) b->n_addresses, 1 },
                .paths = { (uint32_t) b->n_paths, 1 },
                .detail.local_tag = row->tag,
                .detail.peer_tag = row->tag + 1,
        };
        FIELD_GIVE(ret, ASSOCIATION_STATE);
        if (row->tag != 0) {
                FIELD_GIVE(ret, ASSOCIATION_LOCAL_TAG);
                FIELD_GIVE(ret, ASSOCIATION_PEER_TAG);
        }
        assert_int_equal(builder_add_address(b, &address), 0);
        assert_int_equal(address_parse("10.0.0.1", 8, address), 0);
        assert_int_equal(builder_add_path(b, &path), 0);
        assert_int_equal(address_parse("10.0.0.9", 8, &path->address), 0);
        path->address.primary = 1;
        path->state = (int8_t) (row->path_state >= 0 ? row->path_state : PATH_ACTIVE);
        path->last_state = (uint8_t) (path->state + 1);
        FIELD_GIVE(path, PATH_STATE);
        if (row->two_paths) {
                assert_int_equal(builder_add_path(b, &path), 0);
                assert_int_equal(address_parse("10.0.1.9", 8, &path->address), 0);
                path->state = PATH_ACTIVE;
                path->last_state = PATH_ACTIVE + 1;
                FIELD_GIVE(path, PATH_STATE);
                ret->paths.count++;
        }
}

static void begin(struct builder *b, unsigned at) {
        struct netns *n;

        assert_int_equal(builder_add_netns(b, &n), 0);
        *n = (struct netns) { .netns = 5, .own = 1, .has_sctp = 1 };
        b->head.sources[SOURCE_NAMESPACES].result = SOURCE_READ;
        b->head.available = true;
        b->head.started_monotonic = at * USEC_PER_SEC;
        b->head.started_realtime = (1000 + at) * USEC_PER_SEC;
}

static struct snapshot *look(unsigned at, const struct row *rows, size_t n) {
        struct builder b = {};
        struct snapshot *s = NULL;

        begin(&b, at);
        b.head.duration_usec = USEC_PER_SEC;
        b.head.events_on = 1;
        b.head.sources[SOURCE_LISTING].result = SOURCE_READ;
        for (size_t i = 0; i < n; i++) {
                struct association a, *added;

                fill(&b, rows + i, &a);
                assert_int_equal(builder_add_association(&b, &added), 0);
                *added = a;
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}
#define LOOK(at, ...) look(at, (const struct row[]) { __VA_ARGS__ }, sizeof((const struct row[]) { __VA_ARGS__ }) / sizeof(struct row))
#define NOTHING(at) look(at, NULL, 0)

struct step {
        unsigned at;
        enum change_type type;
        int old_state, new_state;
        uint32_t id, tag;
        int path_old, path_new;
};

static struct snapshot *news(const struct step *steps, size_t n) {
        struct builder b = {};
        struct snapshot *s = NULL;

        begin(&b, steps[n - 1].at);
        b.head.news = 1;
        for (size_t i = 0; i < n; i++) {
                const struct step *step = steps + i;
                bool of_path = step->type == CHANGE_PATH_STATE;
                bool of_second = step->type == CHANGE_PATH_ADDED || step->type == CHANGE_PATH_REMOVED;
                struct row row = {
                        .id = step->id,
                        .tag = step->tag,
                        .state = step->type == CHANGE_ASSOCIATION_DOWN ? step->old_state : step->new_state,
                        .path_state = of_path ? step->path_new : PATH_ACTIVE,
                        .two_paths = of_second,
                };
                struct association a, *added;
                struct happening *h;

                fill(&b, &row, &a);
                assert_int_equal(builder_add_association(&b, &added), 0);
                *added = a;
                assert_int_equal(builder_add_happening(&b, &h), 0);
                *h = (struct happening) {
                        .at = (1000 + step->at) * USEC_PER_SEC,
                        .at_monotonic = step->at * USEC_PER_SEC,
                        .path = of_path ? 0 : of_second ? 1 : UINT32_MAX,
                        .type = (uint8_t) step->type,
                        .cause = step->type == CHANGE_ASSOCIATION_DOWN ? CAUSE_ABORTED : CAUSE_UNKNOWN,
                        .old_state = (int8_t) step->old_state,
                        .new_state = (int8_t) step->new_state,
                        .path_old_state = (int8_t) (of_path ? step->path_old : -1),
                        .path_new_state = (int8_t) (of_path ? step->path_new : -1),
                        .trigger = { .kind = TRIGGER_CHUNK, .number = 6 },
                };
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}
#define NEWS(...) news((const struct step[]) { __VA_ARGS__ }, sizeof((const struct step[]) { __VA_ARGS__ }) / sizeof(struct step))

#define UP(at, id, tag) { at, CHANGE_ASSOCIATION_UP, ASSOCIATION_CLOSED, ASSOCIATION_ESTABLISHED, id, tag, 0, 0 }
#define DOWN(at, id, tag) { at, CHANGE_ASSOCIATION_DOWN, ASSOCIATION_ESTABLISHED, ASSOCIATION_CLOSED, id, tag, 0, 0 }
#define ESTABLISHED(id, tag) { id, tag, ASSOCIATION_ESTABLISHED, -1 }

struct said {
        char text[4096];
};

static int say(const struct change *c, void *userdata) {
        struct said *s = userdata;
        size_t n = strlen(s->text);

        snprintf(s->text + n, sizeof(s->text) - n, "%s %u %s>%s%s%s\n", change_type_name(c->type), c->association->id,
                 c->path ? path_state_name(c->path_old_state) ?: "-" : association_state_name(c->old_state),
                 c->path ? path_state_name(c->path_new_state) ?: "-" : association_state_name(c->new_state),
                 c->certainty == CERTAINTY_EXACT ? " exact" : "", c->trigger ? " with trigger" : "");
        return 0;
}

static int setup(void **state) {
        struct news_told *t;

        if (news_told_new(&t) < 0)
                return -1;
        *state = t;
        return 0;
}

static int teardown(void **state) {
        news_told_free(*state);
        return 0;
}

static void expect(struct news_told *t, struct snapshot *s, struct snapshot *look, bool early, const char *expected) {
        struct said said = {};
        bool left;

        assert_int_equal(changes_tell(s, look, early, t, NULL, &left, say, &said), 0);
        assert_false(left);
        assert_string_equal(said.text, expected);
        snapshot_unref(s);
        snapshot_unref(look);
}

static void expect_more(struct news_told *t, struct snapshot *s, struct snapshot *look, const char *expected) {
        expect(t, s, look, look, expected);
}

static void expect_news(struct news_told *t, struct snapshot *s, const char *expected) {
        expect_more(t, s, NULL, expected);
}

/* Takes over both. */
static void expect_looks(struct news_told *t, struct snapshot *before, struct snapshot *after, const char *expected) {
        struct said said = {};

        assert_int_equal(changes_find(before, after, false, NULL, t, say, &said), 0);
        assert_string_equal(said.text, expected);
        snapshot_unref(before);
        snapshot_unref(after);
}

static void test_between_two_looks(void **state) {
        struct news_told *t = *state;

        expect_news(t, NEWS(UP(2, 7, 70), DOWN(3, 7, 70)),
                    "association_up 7 closed>established exact with trigger\n"
                    "association_down 7 established>closed exact with trigger\n");
        assert_int_equal(news_told_count(t), 1);
        expect_looks(t, NOTHING(1), NOTHING(4), "");
        assert_int_equal(news_told_count(t), 0);
}

static void test_not_again(void **state) {
        struct news_told *t = *state;

        expect_news(t, NEWS(UP(2, 7, 70)), "association_up 7 closed>established exact with trigger\n");
        expect_looks(t, NOTHING(1), LOOK(4, ESTABLISHED(7, 70)), "");
        expect_news(t, NEWS(DOWN(5, 7, 70)), "association_down 7 established>closed exact with trigger\n");
        expect_looks(t, LOOK(4, ESTABLISHED(7, 70)), NOTHING(6), "");
        expect_looks(t, NOTHING(6), NOTHING(7), "");
}

/* What happens while a look is made it may have seen or not. */
static void test_during_a_look(void **state) {
        struct news_told *t = *state;

        expect_news(t, NEWS(UP(4, 7, 70), DOWN(5, 8, 80), UP(5, 9, 90), DOWN(6, 9, 90)),
                    "association_up 7 closed>established exact with trigger\n"
                    "association_down 8 established>closed exact with trigger\n"
                    "association_up 9 closed>established exact with trigger\n"
                    "association_down 9 established>closed exact with trigger\n");
        /* The first not yet, the others still. */
        expect_looks(t, LOOK(1, ESTABLISHED(8, 80)), LOOK(4, ESTABLISHED(8, 80), ESTABLISHED(9, 90)), "");
        assert_int_equal(news_told_count(t), 3);
        expect_looks(t, LOOK(4, ESTABLISHED(8, 80), ESTABLISHED(9, 90)), LOOK(8, ESTABLISHED(7, 70)), "");
        assert_int_equal(news_told_count(t), 0);
        expect_looks(t, LOOK(8, ESTABLISHED(7, 70)), NOTHING(9), "association_down 7 established>closed\n");
}

/* News that were lost: the next look tells what they would have told. */
static void test_healed(void **state) {
        struct news_told *t = *state;

        expect_news(t, NEWS(UP(2, 7, 70)), "association_up 7 closed>established exact with trigger\n");
        expect_looks(t, NOTHING(1), NOTHING(4), "association_down 7 established>closed\n");
        expect_news(t, NEWS(UP(5, 8, 80)), "association_up 8 closed>established exact with trigger\n");
        expect_looks(t, NOTHING(4), LOOK(6, { 8, 80, ASSOCIATION_SHUTDOWN_SENT, -1 }),
                     "association_state 8 established>shutdown_sent\n");
        expect_looks(t, LOOK(6, { 8, 80, ASSOCIATION_SHUTDOWN_SENT, -1 }), LOOK(7, ESTABLISHED(9, 90)),
                     "association_down 8 shutdown_sent>closed\nassociation_up 9 closed>established\n");
        /* One of several steps. */
        expect_news(t, NEWS({ 8, CHANGE_PATH_STATE, ASSOCIATION_ESTABLISHED, ASSOCIATION_ESTABLISHED, 9, 90, PATH_ACTIVE,
                              PATH_PF }), "path_state 9 active>pf exact with trigger\n");
        expect_looks(t, LOOK(7, ESTABLISHED(9, 90)), LOOK(9, { 9, 90, ASSOCIATION_ESTABLISHED, PATH_INACTIVE }),
                     "path_state 9 pf>inactive\n");
}

static void test_paths(void **state) {
        const struct row active = ESTABLISHED(9, 90), failed = { 9, 90, ASSOCIATION_ESTABLISHED, PATH_INACTIVE };
        struct news_told *t = *state;

        expect_news(t, NEWS({ 2, CHANGE_PATH_STATE, ASSOCIATION_ESTABLISHED, ASSOCIATION_ESTABLISHED, 9, 90, PATH_ACTIVE,
                              PATH_INACTIVE }), "path_state 9 active>inactive exact with trigger\n");
        expect_looks(t, look(1, &active, 1), look(3, &failed, 1), "");
        /* It failed and came back between two looks. */
        expect_news(t, NEWS({ 4, CHANGE_PATH_STATE, ASSOCIATION_ESTABLISHED, ASSOCIATION_ESTABLISHED, 9, 90, PATH_INACTIVE,
                              PATH_ACTIVE },
                            { 5, CHANGE_PATH_STATE, ASSOCIATION_ESTABLISHED, ASSOCIATION_ESTABLISHED, 9, 90, PATH_ACTIVE,
                              PATH_INACTIVE }),
                    "path_state 9 inactive>active exact with trigger\npath_state 9 active>inactive exact with trigger\n");
        expect_looks(t, look(3, &failed, 1), look(6, &failed, 1), "");
}

#define OF_PATH(at, type, id, tag) { at, type, ASSOCIATION_ESTABLISHED, ASSOCIATION_ESTABLISHED, id, tag, 0, 0 }

static void test_paths_come_and_go(void **state) {
        const struct row one = ESTABLISHED(9, 90), two = { 9, 90, ASSOCIATION_ESTABLISHED, -1, .two_paths = true };
        struct news_told *t = *state;

        expect_news(t, NEWS(OF_PATH(2, CHANGE_PATH_ADDED, 9, 90)), "path_added 9 ->- exact with trigger\n");
        expect_looks(t, look(1, &one, 1), look(3, &two, 1), "");
        expect_news(t, NEWS(OF_PATH(4, CHANGE_PATH_REMOVED, 9, 90)),
                    "path_removed 9 ->- exact with trigger\n");
        expect_looks(t, look(3, &two, 1), look(5, &one, 1), "");
        /* It was removed, and it is not known to have come back. */
        expect_news(t, NEWS(OF_PATH(6, CHANGE_PATH_REMOVED, 9, 90)),
                    "path_removed 9 ->- exact with trigger\n");
        expect_looks(t, look(5, &two, 1), look(7, &two, 1), "path_added 9 ->active\n");
}

/* The kernel tells when it began, and the look may have come between that and what it did. */
static void test_shortly_before_a_look(void **state) {
        const struct row row = ESTABLISHED(7, 70);
        struct snapshot *before = look(1, &row, 1), *after;
        struct news_told *t = *state;
        struct said said = {};
        struct builder b = {};
        struct association a, *added;

        expect_news(t, NEWS(DOWN(4, 7, 70)), "association_down 7 established>closed exact with trigger\n");
        begin(&b, 4);
        b.head.started_monotonic += 10 * USEC_PER_MSEC;
        fill(&b, &row, &a);
        assert_int_equal(builder_add_association(&b, &added), 0);
        *added = a;
        assert_int_equal(builder_finish(&b, &after), 0);
        builder_done(&b);
        assert_int_equal(changes_find(before, after, false, NULL, t, say, &said), 0);
        assert_string_equal(said.text, "");
        snapshot_unref(before);
        expect_looks(t, after, NOTHING(5), "");
        assert_int_equal(news_told_count(t), 0);
}

/* It has ended, but there is no sock_diag to say so: the scan keeps its row for a while. */
static void test_kept_by_the_scan(void **state) {
        const struct row row = ESTABLISHED(7, 70), kept = { 7, 70, ASSOCIATION_ESTABLISHED, -1, .unseen = 1 },
                         longer = { 7, 70, ASSOCIATION_ESTABLISHED, -1, .unseen = 2 };
        struct news_told *t = *state;

        expect_news(t, NEWS(DOWN(2, 7, 70)), "association_down 7 established>closed exact with trigger\n");
        expect_looks(t, look(1, &row, 1), look(3, &kept, 1), "");
        expect_looks(t, look(3, &kept, 1), look(4, &longer, 1), "");
        expect_looks(t, look(4, &longer, 1), NOTHING(5), "");
        assert_int_equal(news_told_count(t), 0);
        /* What the kernel shows is there. */
        expect_news(t, NEWS(DOWN(6, 7, 70)), "association_down 7 established>closed exact with trigger\n");
        expect_looks(t, look(5, &row, 1), look(7, &row, 1), "association_up 7 closed>established\n");
}

/* A look by the kernel's tables. */
static struct snapshot *by_tables(unsigned at, enum source_result result, const struct row *row) {
        struct snapshot *s = NULL;
        struct builder b = {};

        begin(&b, at);
        b.head.events_on = 1;
        b.head.sources[SOURCE_ASSOCS].result = (uint8_t) result;
        if (row) {
                struct association a, *added;

                fill(&b, row, &a);
                assert_int_equal(builder_add_association(&b, &added), 0);
                *added = a;
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

/* The tables miss rows while others come and go, and the scan cannot ask for what it has never seen. */
static void test_missed_by_the_tables(void **state) {
        const struct row row = ESTABLISHED(7, 70);
        struct news_told *t = *state;

        expect_news(t, NEWS(UP(2, 7, 70)), "association_up 7 closed>established exact with trigger\n");
        expect_looks(t, NOTHING(1), by_tables(3, SOURCE_READ, NULL), "");
        expect_looks(t, NOTHING(3), by_tables(4, SOURCE_READ, NULL), "");
        expect_looks(t, NOTHING(4), by_tables(5, SOURCE_READ, &row), "");
        assert_int_equal(news_told_count(t), 0);

        expect_news(t, NEWS(UP(6, 8, 80)), "association_up 8 closed>established exact with trigger\n");
        for (unsigned at = 7; at < 20; at++)
                expect_looks(t, NOTHING(6), by_tables(at, SOURCE_FAILED, NULL), "");
        for (unsigned i = 1; i < UNOBSERVED_LOOKS; i++)
                expect_looks(t, NOTHING(6), by_tables(20 + i, SOURCE_READ, NULL), "");
        expect_looks(t, NOTHING(6), by_tables(30, SOURCE_READ, NULL), "association_down 8 established>closed\n");
        assert_int_equal(news_told_count(t), 0);
}

/* Without an id it goes by its tag, and gets its id later. */
static void test_promotion(void **state) {
        struct news_told *t = *state;
        const struct row waiting = { 0, 70, ASSOCIATION_COOKIE_WAIT, -1 };

        expect_news(t, NEWS({ 2, CHANGE_ASSOCIATION_STATE, ASSOCIATION_CLOSED, ASSOCIATION_COOKIE_WAIT, 0, 70, 0, 0 }),
                    "association_state 0 closed>cookie_wait exact with trigger\n");
        expect_looks(t, NOTHING(1), look(3, &waiting, 1), "");
        expect_news(t, NEWS({ 4, CHANGE_ASSOCIATION_UP, ASSOCIATION_COOKIE_WAIT, ASSOCIATION_ESTABLISHED, 7, 70, 0, 0 }),
                    "association_up 7 cookie_wait>established exact with trigger\n");
        assert_int_equal(news_told_count(t), 1);
        expect_looks(t, look(3, &waiting, 1), LOOK(5, ESTABLISHED(7, 70)), "");
        expect_looks(t, LOOK(5, ESTABLISHED(7, 70)), LOOK(6, ESTABLISHED(7, 70)), "");
}

/* The same ends, one after the other: told apart by their tags. */
static void test_successors(void **state) {
        struct news_told *t = *state;

        expect_news(t, NEWS({ 2, CHANGE_ASSOCIATION_DOWN, ASSOCIATION_COOKIE_WAIT, ASSOCIATION_CLOSED, 0, 70, 0, 0 },
                            { 3, CHANGE_ASSOCIATION_STATE, ASSOCIATION_CLOSED, ASSOCIATION_COOKIE_WAIT, 0, 80, 0, 0 }),
                    "association_down 0 cookie_wait>closed exact with trigger\n"
                    "association_state 0 closed>cookie_wait exact with trigger\n");
        assert_int_equal(news_told_count(t), 2);
        expect_looks(t, LOOK(1, { 0, 70, ASSOCIATION_COOKIE_WAIT, -1 }), LOOK(4, { 0, 80, ASSOCIATION_COOKIE_WAIT, -1 }), "");
}

#define WAITING(at, tag) { at, CHANGE_ASSOCIATION_STATE, ASSOCIATION_CLOSED, ASSOCIATION_COOKIE_WAIT, 0, tag, 0, 0 }
#define PROMOTED(at, id, tag) \
        { at, CHANGE_ASSOCIATION_UP, ASSOCIATION_COOKIE_WAIT, ASSOCIATION_ESTABLISHED, id, tag, 0, 0 }
#define GIVEN_UP(at, tag) { at, CHANGE_ASSOCIATION_DOWN, ASSOCIATION_COOKIE_WAIT, ASSOCIATION_CLOSED, 0, tag, 0, 0 }

/* The tables tell no tags: without an id it goes by its ends then. */
static void test_looks_without_tags(void **state) {
        const struct row waiting = { 0, 0, ASSOCIATION_COOKIE_WAIT, -1 }, up = { 7, 0, ASSOCIATION_ESTABLISHED, -1 };
        struct news_told *t = *state;

        expect_news(t, NEWS(WAITING(2, 70)),
                    "association_state 0 closed>cookie_wait exact with trigger\n");
        expect_looks(t, NOTHING(1), look(3, &waiting, 1), "");
        expect_news(t, NEWS(PROMOTED(4, 7, 70)),
                    "association_up 7 cookie_wait>established exact with trigger\n");
        expect_looks(t, look(3, &waiting, 1), look(5, &up, 1), "");
        /* Gone, and the next one begins. */
        expect_news(t, NEWS(DOWN(6, 7, 70), WAITING(7, 80)),
                    "association_down 7 established>closed exact with trigger\n"
                    "association_state 0 closed>cookie_wait exact with trigger\n");
        expect_looks(t, look(5, &up, 1), look(8, &waiting, 1), "");
        expect_news(t, NEWS(GIVEN_UP(9, 80)),
                    "association_down 0 cookie_wait>closed exact with trigger\n");
        expect_looks(t, look(8, &waiting, 1), NOTHING(10), "");
        expect_news(t, NEWS(GIVEN_UP(11, 80),
                            WAITING(12, 85)),
                    "association_down 0 cookie_wait>closed exact with trigger\n"
                    "association_state 0 closed>cookie_wait exact with trigger\n");
        expect_looks(t, look(10, &waiting, 1), look(13, &waiting, 1), "");
        /* It got its id, and ended. */
        expect_news(t, NEWS(PROMOTED(14, 9, 90),
                            DOWN(15, 9, 90)),
                    "association_up 9 cookie_wait>established exact with trigger\n"
                    "association_down 9 established>closed exact with trigger\n");
        expect_looks(t, look(13, &waiting, 1), NOTHING(16), "");
}

static void test_restart(void **state) {
        struct news_told *t = *state;

        expect_news(t, NEWS({ 2, CHANGE_ASSOCIATION_RESTART, ASSOCIATION_ESTABLISHED, ASSOCIATION_ESTABLISHED, 7, 75, 0, 0 }),
                    "association_restart 7 established>established exact with trigger\n");
        expect_looks(t, LOOK(1, ESTABLISHED(7, 70)), LOOK(3, ESTABLISHED(7, 75)), "");
        expect_looks(t, LOOK(3, ESTABLISHED(7, 75)), LOOK(4, ESTABLISHED(7, 99)),
                     "association_restart 7 established>established\n");
}

/* The kernel began to tell before the look: what that shows of it is not told twice, and what goes on from there is
 * told. */
static void test_since_a_look(void **state) {
        const struct step waits = {
                3, CHANGE_ASSOCIATION_STATE, ASSOCIATION_CLOSED, ASSOCIATION_COOKIE_WAIT, 0, 70, 0, 0,
        };
        const struct step comes_up = {
                3, CHANGE_ASSOCIATION_UP, ASSOCIATION_COOKIE_WAIT, ASSOCIATION_ESTABLISHED, 7, 70, 0, 0,
        };
        const struct step shuts = {
                3, CHANGE_ASSOCIATION_STATE, ASSOCIATION_ESTABLISHED, ASSOCIATION_SHUTDOWN_SENT, 7, 70, 0, 0,
        };
        const struct step ends = { 3, CHANGE_ASSOCIATION_DOWN, ASSOCIATION_SHUTDOWN_SENT, ASSOCIATION_CLOSED, 7, 70, 0, 0 };
        struct news_told *t = *state;

        /* Before the look, and while it was made. */
        expect_more(t, NEWS(UP(1, 7, 70), DOWN(1, 7, 70)), NOTHING(2), "");
        expect_more(t, NEWS(waits, comes_up), LOOK(2, ESTABLISHED(7, 70)), "");
        assert_int_equal(news_told_count(t), 0);
        expect_more(t, NEWS(waits, comes_up), LOOK(2, { 0, 70, ASSOCIATION_COOKIE_WAIT, -1 }),
                    "association_up 7 cookie_wait>established exact with trigger\n");
        expect_looks(t, LOOK(2, { 0, 70, ASSOCIATION_COOKIE_WAIT, -1 }), LOOK(5, ESTABLISHED(7, 70)), "");
        assert_int_equal(news_told_count(t), 0);

        /* It was gone when the look came to it, and was there. */
        expect_more(t, NEWS(DOWN(3, 7, 70)), NOTHING(2), "");
        expect_more(t, NEWS(DOWN(3, 7, 70)), LOOK(2, ESTABLISHED(7, 70)),
                    "association_down 7 established>closed exact with trigger\n");
        expect_looks(t, LOOK(2, ESTABLISHED(7, 70)), NOTHING(4), "");

        /* The look met it when it was just ending: with its end alone there would be more ends than beginnings. Or when it
         * was about to begin. */
        expect_more(t, NEWS(shuts, ends), LOOK(2, { 7, 70, ASSOCIATION_CLOSED, -1 }), "");
        assert_int_equal(news_told_count(t), 0);
        expect_more(t, NEWS(waits, comes_up), LOOK(2, { 0, 70, ASSOCIATION_CLOSED, -1 }),
                    "association_state 0 closed>cookie_wait exact with trigger\n"
                    "association_up 7 cookie_wait>established exact with trigger\n");
        expect_looks(t, LOOK(2, { 0, 70, ASSOCIATION_CLOSED, -1 }), LOOK(5, ESTABLISHED(7, 70)), "");
        assert_int_equal(news_told_count(t), 0);

        /* It came and went after that. */
        expect_more(t, NEWS(UP(5, 8, 80), DOWN(6, 8, 80)), NOTHING(5),
                    "association_up 8 closed>established exact with trigger\n"
                    "association_down 8 established>closed exact with trigger\n");
        expect_looks(t, NOTHING(5), NOTHING(7), "");
}

/* Likewise what does not change an association's state: it is in the look, or it is told. */
static void test_the_same_since_a_look(void **state) {
        const struct row row = ESTABLISHED(7, 70), failed = { 7, 70, ASSOCIATION_ESTABLISHED, PATH_INACTIVE },
                         two = { .id = 7, .tag = 70, .state = ASSOCIATION_ESTABLISHED, .path_state = -1, .two_paths = true },
                         restarted = ESTABLISHED(7, 75);
        const struct {
                enum change_type type;
                uint32_t tag;
                const struct row *before, *after;
                const char *told;
        } cases[] = {
                { CHANGE_ASSOCIATION_RESTART, 75, &row, &restarted, "association_restart 7 established>established" },
                { CHANGE_PATH_STATE, 70, &row, &failed, "path_state 7 active>inactive" },
                { CHANGE_PATH_ADDED, 70, &row, &two, "path_added 7 ->-" },
                { CHANGE_PATH_REMOVED, 70, &two, &row, "path_removed 7 ->-" },
        };
        struct news_told *t = *state;

        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                const struct step step = {
                        3, cases[i].type, ASSOCIATION_ESTABLISHED, ASSOCIATION_ESTABLISHED, 7, cases[i].tag, PATH_ACTIVE,
                        PATH_INACTIVE,
                };
                char told[128];

                snprintf(told, sizeof(told), "%s exact with trigger\n", cases[i].told);
                expect_more(t, news(&step, 1), look(2, cases[i].after, 1), "");
                assert_int_equal(news_told_count(t), 0);
                expect_more(t, news(&step, 1), look(2, cases[i].before, 1), told);
                expect_looks(t, look(2, cases[i].before, 1), look(5, cases[i].after, 1), "");
                assert_int_equal(news_told_count(t), 0);
        }
}

/* What a look saw, and told, before the kernel had come to tell it. */
static void test_told_late(void **state) {
        struct news_told *t = *state;

        expect(t, NEWS(UP(2, 7, 70)), LOOK(2, ESTABLISHED(7, 70)), false, "");
        expect(t, NEWS(DOWN(3, 8, 80)), LOOK(2, ESTABLISHED(7, 70)), false, "");
        assert_int_equal(news_told_count(t), 0);
        /* It did not see this, */
        expect(t, NEWS(UP(2, 8, 80)), LOOK(2, ESTABLISHED(7, 70)), false,
               "association_up 8 closed>established exact with trigger\n");
        /* did not tell what news had told, */
        expect(t, NEWS(DOWN(3, 8, 80)), NOTHING(2), false, "association_down 8 established>closed exact with trigger\n");
        /* and what comes behind it is none of its. */
        expect(t, NEWS(DOWN(4, 7, 70)), NOTHING(2), false, "association_down 7 established>closed exact with trigger\n");
}

/* Beyond the maximum looks alone tell, and nothing twice. */
static void test_maximum(void **state) {
        struct news_told *t = *state;
        struct step *steps = calloc(NEWS_TOLD_MAX + 1, sizeof(*steps));
        struct said said = {};
        struct snapshot *s;
        bool left;

        assert_non_null(steps);
        for (uint32_t i = 0; i <= NEWS_TOLD_MAX; i++)
                steps[i] = (struct step) UP(2, i + 1, i + 1);
        s = news(steps, NEWS_TOLD_MAX);
        assert_int_equal(changes_tell(s, NULL, false, t, NULL, &left, say, &said), 0);
        assert_false(left);
        assert_int_equal(news_told_count(t), NEWS_TOLD_MAX);
        snapshot_unref(s);

        said = (struct said) {};
        s = news(steps + NEWS_TOLD_MAX, 1);
        assert_int_equal(changes_tell(s, NULL, false, t, NULL, &left, say, &said), 0);
        assert_true(left);
        assert_string_equal(said.text, "");
        snapshot_unref(s);
        /* There is room for what goes on. */
        expect_news(t, NEWS(DOWN(3, 1, 1)), "association_down 1 established>closed exact with trigger\n");

        assert_int_equal(news_told_forget(t, 4 * USEC_PER_SEC), 0);
        assert_int_equal(news_told_count(t), 0);
        expect_looks(t, NOTHING(1), LOOK(5, ESTABLISHED(NEWS_TOLD_MAX + 1, NEWS_TOLD_MAX + 1)),
                     "association_up 65537 closed>established\n");
        free(steps);
}

/* While events are on, counters tell nothing of what nobody saw. */
static int refuse_unobserved(const struct change *c, void *userdata) {
        (void) userdata;
        assert_int_not_equal(c->type, CHANGE_UNOBSERVED);
        return 0;
}

static struct snapshot *counted(unsigned at, int64_t established, bool events_on) {
        static const char *const names[] = { "SctpActiveEstabs", "SctpPassiveEstabs", "SctpAborteds", "SctpShutdowns" };
        struct builder b = {};
        struct snapshot *s = NULL;

        begin(&b, at);
        b.head.events_on = events_on;
        for (size_t i = 0; i < ELEMENTS(names); i++) {
                struct counter *c;

                assert_int_equal(builder_add_counter(&b, &c), 0);
                strcpy(c->name, names[i]);
                c->value = i == 0 || i == 3 ? established : 0;
                c->netns = 5;
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

static int count_unobserved_ones(const struct change *c, void *userdata) {
        if (c->type == CHANGE_UNOBSERVED)
                *(uint64_t *) userdata += c->established;
        return 0;
}

static void test_counters(void **state) {
        struct snapshot *looks[9 + UNOBSERVED_LOOKS];
        uint64_t unobserved = 0;
        struct unobserved *tally;

        (void) state;
        assert_int_equal(unobserved_new(&tally), 0);
        for (unsigned i = 0; i < ELEMENTS(looks); i++)
                looks[i] = counted(i, i < 8 ? i * 10 : 80, i < 5);
        for (unsigned i = 1; i < 5; i++)
                assert_int_equal(changes_find(looks[i - 1], looks[i], false, tally, NULL, refuse_unobserved, NULL), 0);
        /* Off: from then on they count again, and from there alone. */
        for (unsigned i = 5; i < ELEMENTS(looks); i++)
                assert_int_equal(changes_find(looks[i - 1], looks[i], false, tally, NULL, count_unobserved_ones, &unobserved),
                                 0);
        assert_int_equal(unobserved, 40);
        for (unsigned i = 0; i < ELEMENTS(looks); i++)
                snapshot_unref(looks[i]);
        unobserved_free(tally);
}

/* They come from a process that may have been taken over. */
static void test_unsound(void **state) {
        static const struct step good = UP(2, 7, 70);

        (void) state;
        for (unsigned i = 0; i < 12; i++) {
                struct builder b = {};
                struct snapshot *s = NULL;
                struct association a, *added;
                struct happening *h;
                const struct row row = { 7, 70, ASSOCIATION_ESTABLISHED, -1 };

                begin(&b, 2);
                b.head.news = i != 1;
                fill(&b, &row, &a);
                assert_int_equal(builder_add_association(&b, &added), 0);
                *added = a;
                assert_int_equal(builder_add_happening(&b, &h), 0);
                *h = (struct happening) {
                        .at_monotonic = 2, .path = UINT32_MAX, .type = (uint8_t) good.type,
                        .old_state = (int8_t) good.old_state, .new_state = (int8_t) good.new_state,
                        .path_old_state = -1, .path_new_state = -1,
                };
                if (i == 2)
                        h->type = CHANGE_IMPAIRED;
                if (i == 3)
                        h->new_state = _ASSOCIATION_STATE_MAX;
                if (i == 4)
                        h->path = 0;
                if (i == 5) {
                        h->type = CHANGE_PATH_STATE;
                        h->path = 1;
                }
                if (i == 6)
                        memset(h->trigger.command, 'x', sizeof(h->trigger.command));
                if (i == 7)
                        h->cause = _CAUSE_MAX;
                if (i == 8)
                        h->trigger.kind = _TRIGGER_KIND_MAX;
                if (i == 9)
                        FIELD_TAKE_BACK(added, ASSOCIATION_STATE);
                if (i == 10)
                        h->type = CHANGE_ASSOCIATION_DOWN;
                if (i == 11) {
                        struct happening first = *h;

                        assert_int_equal(builder_add_association(&b, &added), 0);
                        *added = b.associations[0];
                        added->local = added->paths = added->owners = (struct range) {};
                        assert_int_equal(builder_add_happening(&b, &h), 0);
                        *h = first;
                        h->at_monotonic--;
                }
                assert_int_equal(builder_finish(&b, &s), i == 0 ? 0 : -EBADMSG);
                snapshot_unref(s);
                builder_done(&b);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_between_two_looks, setup, teardown),
                cmocka_unit_test_setup_teardown(test_not_again, setup, teardown),
                cmocka_unit_test_setup_teardown(test_during_a_look, setup, teardown),
                cmocka_unit_test_setup_teardown(test_healed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
                cmocka_unit_test_setup_teardown(test_paths_come_and_go, setup, teardown),
                cmocka_unit_test_setup_teardown(test_shortly_before_a_look, setup, teardown),
                cmocka_unit_test_setup_teardown(test_kept_by_the_scan, setup, teardown),
                cmocka_unit_test_setup_teardown(test_missed_by_the_tables, setup, teardown),
                cmocka_unit_test_setup_teardown(test_promotion, setup, teardown),
                cmocka_unit_test_setup_teardown(test_successors, setup, teardown),
                cmocka_unit_test_setup_teardown(test_looks_without_tags, setup, teardown),
                cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
                cmocka_unit_test_setup_teardown(test_since_a_look, setup, teardown),
                cmocka_unit_test_setup_teardown(test_the_same_since_a_look, setup, teardown),
                cmocka_unit_test_setup_teardown(test_told_late, setup, teardown),
                cmocka_unit_test_setup_teardown(test_maximum, setup, teardown),
                cmocka_unit_test(test_counters),
                cmocka_unit_test(test_unsound),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
