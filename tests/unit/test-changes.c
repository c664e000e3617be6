/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <time.h>

#include "changes.h"
#include "proc.h"
#include "scan-carry.h"
#include "scan.h"

#define HEAD "ASSOC-ID ST INODE RX_QUEUE LPORT RPORT LADDRS <-> RADDRS\n"
#define EPS "LPORT INODE LADDRS\n"

/* A snapshot of these rows, begun `at` seconds after the start of time. */
static struct snapshot *look(unsigned at, const char *assocs, const char *eps) {
        struct builder b = {};
        struct snapshot *s = NULL;
        struct netns *n;

        assert_int_equal(builder_add_netns(&b, &n), 0);
        *n = (struct netns) { .netns = 5, .own = 1, .has_sctp = 1 };
        b.head.sources[SOURCE_NAMESPACES].result = SOURCE_READ;
        b.head.available = true;
        b.head.started_monotonic = at * USEC_PER_SEC;
        b.head.started_realtime = (1000 + at) * USEC_PER_SEC;
        b.head.sources[SOURCE_SOCK_DIAG].result = SOURCE_READ;
        assert_int_equal(proc_read_assocs(&b, 5, false, assocs, strlen(assocs)), 0);
        assert_int_equal(proc_read_eps(&b, 5, eps, strlen(eps)), 0);
        assert_int_equal(b.head.malformed, 0);
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

struct news_told {
        char text[4096];
};

static int tell(const struct change *c, void *userdata) {
        struct news_told *t = userdata;
        size_t n = strlen(t->text);

        if (c->endpoint)
                snprintf(t->text + n, sizeof(t->text) - n, "%s %u\n", change_type_name(c->type), c->endpoint->local_port);
        else
                snprintf(t->text + n, sizeof(t->text) - n, "%s %u/%u %s>%s\n",
                         c->type == CHANGE_FIGURES ? "figures" : change_type_name(c->type), c->association->id,
                         c->association->local_port, association_state_name(c->old_state), association_state_name(c->new_state));
        return 0;
}

static void assert_told(const char *before, const char *after, bool figures, const char *expected) {
        struct snapshot *s = look(1, before, EPS), *t = look(2, after, EPS);
        struct news_told told = {};

        assert_int_equal(changes_find(s, t, figures, NULL, NULL, tell, &told), 0);
        assert_string_equal(told.text, expected);
        snapshot_unref(s);
        snapshot_unref(t);
}

static void test_nothing(void **state) {
        (void) state;
        assert_told(HEAD, HEAD, true, "");
        assert_told(HEAD "0 1 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n4 3 6 0 1001 9 10.0.0.1 <-> *10.0.0.8\n",
                    HEAD "4 3 6 0 1001 9 10.0.0.1 <-> *10.0.0.8\n0 1 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n", true, "");
}

static void test_life_of_an_association(void **state) {
        (void) state;
        assert_told(HEAD, HEAD "0 1 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n", false, "association_state 0/1000 closed>cookie_wait\n");
        /* It gets its id. */
        assert_told(HEAD "0 1 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n", HEAD "7 1 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n", false, "");
        assert_told(HEAD "0 1 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n", HEAD "7 3 5 0 1000 9 10.0.0.1 <-> 10.0.1.9 *10.0.0.9\n",
                    false, "association_up 7/1000 cookie_wait>established\n");
        assert_told(HEAD "7 3 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n", HEAD "7 5 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n", false,
                    "association_state 7/1000 established>shutdown_sent\n");
        assert_told(HEAD "7 5 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n", HEAD, false, "association_down 7/1000 shutdown_sent>closed\n");
        assert_told(HEAD, HEAD "7 3 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n", false, "association_up 7/1000 closed>established\n");
        /* Ended without ever getting an id. */
        assert_told(HEAD "0 1 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n", HEAD, false, "association_down 0/1000 cookie_wait>closed\n");
}

/* Closed before it was accepted: the kernel keeps the row. */
static void test_rows_that_are_closed(void **state) {
        static const char established[] = HEAD "7 3 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n",
                          closed[] = HEAD "7 0 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n",
                          closed_later[] = HEAD "7 0 5 4 1000 9 10.0.0.1 <-> 10.0.0.9 *10.0.1.9\n";

        (void) state;
        assert_told(established, closed, true, "association_down 7/1000 established>closed\n");
        assert_told(closed, closed_later, true, "");
        assert_told(closed, HEAD, true, "");
        assert_told(HEAD, closed, true, "");
        assert_told(closed, HEAD "7 1 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n", false,
                    "association_state 7/1000 closed>cookie_wait\n");
        /* Being freed, it has no addresses, and may look like any other of its ports. */
        assert_told(HEAD, HEAD "7 0 0 0 1000 9 <->\n8 0 0 0 1000 9 <-> *10.0.0.9\n", false, "");
        assert_told(established, HEAD "7 0 0 0 1000 9 <->\n", false, "association_down 7/1000 established>closed\n");
}

static void test_replaced(void **state) {
        (void) state;
        /* The same ends under another id: another association, and its end is told first. */
        assert_told(HEAD "7 3 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n", HEAD "8 3 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n", false,
                    "association_down 7/1000 established>closed\nassociation_up 8/1000 closed>established\n");
        assert_told(HEAD "7 3 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n", HEAD "0 1 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n", false,
                    "association_down 7/1000 established>closed\nassociation_state 0/1000 closed>cookie_wait\n");
}

static void test_many_without_id(void **state) {
        (void) state;
        /* Told apart by ports and peers, each with its own fate. */
        assert_told(HEAD "0 1 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n0 1 6 0 1001 9 10.0.0.1 <-> *10.0.0.9\n"
                         "0 1 7 0 1002 9 10.0.0.1 <-> *10.0.0.9\n0 1 7 0 1002 9 10.0.0.1 <-> *10.0.0.8\n",
                    HEAD "0 1 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n11 3 6 0 1001 9 10.0.0.1 <-> *10.0.0.9\n"
                         "0 2 7 0 1002 9 10.0.0.1 <-> *10.0.0.8\n", false,
                    "association_down 0/1002 cookie_wait>closed\nassociation_up 11/1001 cookie_wait>established\n"
                    "association_state 0/1002 cookie_wait>cookie_echoed\n");
}

/* One port each way and one peer: what differs is from where they connect, as with the processes of one
 * node that share a port number. */
static void test_without_id_from_several_addresses(void **state) {
        (void) state;
        assert_told(HEAD, HEAD "0 1 5 0 2905 2905 10.0.0.1 <-> *10.0.0.9\n0 1 6 0 2905 2905 10.0.0.2 <-> *10.0.0.9\n", false,
                    "association_state 0/2905 closed>cookie_wait\nassociation_state 0/2905 closed>cookie_wait\n");
        assert_told(HEAD "0 1 5 0 2905 2905 10.0.0.1 <-> *10.0.0.9\n0 2 6 0 2905 2905 10.0.0.2 <-> *10.0.0.9\n",
                    HEAD "7 3 6 0 2905 2905 10.0.0.2 10.0.1.2 <-> *10.0.0.9\n0 1 5 0 2905 2905 10.0.0.1 <-> *10.0.0.9\n", false,
                    "association_up 7/2905 cookie_echoed>established\n");
        assert_told(HEAD "0 1 5 0 2905 2905 10.0.0.1 <-> *10.0.0.9\n0 2 6 0 2905 2905 10.0.0.2 <-> *10.0.0.9\n",
                    HEAD "0 2 6 0 2905 2905 10.0.0.2 <-> *10.0.0.9\n", false, "association_down 0/2905 cookie_wait>closed\n");
        /* One that got no id before it was missed is another one than the next between the same ends. */
        assert_told(HEAD "0 3 5 0 2905 2905 10.0.0.1 <-> *10.0.0.9\n", HEAD "0 1 5 0 2905 2905 10.0.0.1 <-> *10.0.0.9\n",
                    false, "association_down 0/2905 established>closed\nassociation_state 0/2905 closed>cookie_wait\n");
        /* Where the kernel names no local address there is none to tell them apart by. */
        assert_told(HEAD "0 1 5 0 2905 2905 <-> *10.0.0.9\n", HEAD "7 3 5 0 2905 2905 <-> *10.0.0.9\n", false,
                    "association_up 7/2905 cookie_wait>established\n");
}

static void test_figures(void **state) {
        static const char before[] = HEAD "7 3 5 0 1000 9 10.0.0.1 <-> *10.0.0.9 10.0.1.9\n8 3 5 0 1001 9 10.0.0.1 <-> *10.0.0.9\n";

        (void) state;
        assert_told(before, HEAD "7 3 5 9 1000 9 10.0.0.1 <-> *10.0.0.9 10.0.1.9\n8 3 5 0 1001 9 10.0.0.1 <-> *10.0.0.9\n", true,
                    "figures 7/1000 established>established\n");
        /* The primary moved, an address was added: in the paths and addresses, not in the row itself. */
        assert_told(before, HEAD "7 3 5 0 1000 9 10.0.0.1 <-> 10.0.0.9 *10.0.1.9\n8 3 5 0 1001 9 10.0.0.1 <-> *10.0.0.9\n", true,
                    "primary_changed 7/1000 established>established\nfigures 7/1000 established>established\n");
        assert_told(before, HEAD "7 3 5 0 1000 9 10.0.0.1 <-> *10.0.0.9 10.0.1.9\n8 3 5 0 1001 9 10.0.0.2 <-> *10.0.0.9\n", true,
                    "figures 8/1001 established>established\n");
        assert_told(before, HEAD "7 3 5 9 1000 9 10.0.0.1 <-> *10.0.0.9 10.0.1.9\n8 3 5 0 1001 9 10.0.0.1 <-> *10.0.0.9\n", false, "");
        /* With a change of state only that. */
        assert_told(before, HEAD "7 4 5 9 1000 9 10.0.0.1 <-> *10.0.0.9 10.0.1.9\n8 3 5 0 1001 9 10.0.0.1 <-> *10.0.0.9\n", true,
                    "association_state 7/1000 established>shutdown_pending\n");
}

/* One association with these paths, by the last part of their addresses; the first is the primary. */
struct sketch {
        int state;
        uint32_t local_tag, peer_tag;           /* 0: not known */
        unsigned n;
        struct {
                uint8_t address;
                int state;                      /* -1: not known */
                int last;                       /* then: what it had been, and one more */
        } paths[4];
        uint8_t impaired;
        bool judged;
        uint8_t last_impaired;                  /* where it is not judged */
        bool at_start;                          /* it was there when the daemon began */
};

static struct snapshot *drawn(unsigned at, const struct sketch *d) {
        struct snapshot *s = NULL;
        struct association *a;
        struct builder b = {};
        struct netns *n;

        assert_int_equal(builder_add_netns(&b, &n), 0);
        *n = (struct netns) { .netns = 5, .own = 1, .has_sctp = 1 };
        b.head.available = true;
        b.head.started_monotonic = at * USEC_PER_SEC;
        b.head.started_realtime = (1000 + at) * USEC_PER_SEC;
        b.head.sources[SOURCE_NAMESPACES].result = SOURCE_READ;
        assert_int_equal(builder_add_association(&b, &a), 0);
        a->netns = 5;
        a->id = 7;
        a->state = (int8_t) d->state;
        a->local_port = 1000;
        FIELD_GIVE(a, ASSOCIATION_ID);
        FIELD_GIVE(a, ASSOCIATION_STATE);
        if (!d->at_start)
                FIELD_GIVE(a, ASSOCIATION_LAST_CHANGE);
        else
                a->observed_since = 1001 * USEC_PER_SEC;
        if (d->local_tag) {
                a->detail.local_tag = d->local_tag;
                a->detail.peer_tag = d->peer_tag;
                FIELD_GIVE(a, ASSOCIATION_LOCAL_TAG);
                FIELD_GIVE(a, ASSOCIATION_PEER_TAG);
        }
        a->impaired = d->impaired;
        a->impairment_known = d->judged;
        a->last_impaired = d->judged ? d->impaired : d->last_impaired;
        a->judged = d->judged || d->last_impaired;
        a->impaired_since_monotonic = a->last_impaired && !d->at_start ? 2 * USEC_PER_SEC : 0;
        for (unsigned i = 0; i < d->n; i++) {
                struct path *path;

                assert_int_equal(builder_add_path(&b, &path), 0);
                path->address = (struct address) { .family = 2, .primary = i == 0, .bytes = { 10, 0, 0, d->paths[i].address } };
                path->state_since = 1001 * USEC_PER_SEC;
                path->state_since_monotonic = 1 * USEC_PER_SEC;
                path->last_state = (uint8_t) d->paths[i].last;
                if (d->paths[i].state >= 0) {
                        path->state = (int8_t) d->paths[i].state;
                        FIELD_GIVE(path, PATH_STATE);
                        FIELD_GIVE(path, PATH_STATE_SINCE);
                }
        }
        a->paths = (struct range) { 0, d->n };
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

static int tell_all(const struct change *c, void *userdata) {
        char text[ADDRESS_TEXT_MAX] = "";
        struct news_told *t = userdata;
        size_t n = strlen(t->text);

        if (c->path)
                (void) address_text(&c->path->address, text);
        else if (c->old_primary)
                (void) address_text(c->old_primary, text);
        if (c->old_local_tag != 0)
                snprintf(text, sizeof(text), "%u/%u", c->old_local_tag, c->old_peer_tag);
        snprintf(t->text + n, sizeof(t->text) - n, "%s %s %s>%s %u %us\n", change_type_name(c->type), text,
                 c->path && c->path_old_state >= 0 ? path_state_name(c->path_old_state) : "-",
                 c->path && c->path_new_state >= 0 ? path_state_name(c->path_new_state) : "-",
                 c->reasons, (unsigned) (c->duration_usec / USEC_PER_SEC));
        return 0;
}

static void assert_drawn(const struct sketch *before, const struct sketch *after, const char *expected) {
        struct snapshot *s = drawn(1, before), *t = drawn(5, after);
        struct news_told told = {};

        assert_int_equal(changes_find(s, t, false, NULL, NULL, tell_all, &told), 0);
        assert_string_equal(told.text, expected);
        snapshot_unref(s);
        snapshot_unref(t);
}

/* What it sets is set again by those who use it. */
#pragma GCC diagnostic ignored "-Woverride-init"
#define SKETCH(...) (&(struct sketch) { .state = ASSOCIATION_ESTABLISHED, __VA_ARGS__ })

static void test_paths(void **state) {
        const struct sketch *two = SKETCH(.n = 2, .paths = { { 1, PATH_ACTIVE }, { 2, PATH_ACTIVE } }, .judged = true);

        (void) state;
        assert_drawn(two, two, "");
        assert_drawn(two, SKETCH(.n = 2, .paths = { { 1, PATH_ACTIVE }, { 2, PATH_INACTIVE } }, .judged = true, .impaired = 1),
                     "path_state 10.0.0.2 active>inactive 0 4s\nimpaired  ->- 1 0s\n");
        assert_drawn(SKETCH(.n = 2, .paths = { { 1, PATH_ACTIVE }, { 2, PATH_INACTIVE } }, .judged = true, .impaired = 1), two,
                     "path_state 10.0.0.2 inactive>active 0 4s\nrecovered  ->- 1 3s\n");
        /* Nobody saw it begin. */
        assert_drawn(SKETCH(.n = 2, .paths = { { 1, PATH_ACTIVE }, { 2, PATH_INACTIVE } }, .judged = true, .impaired = 1,
                            .at_start = true), two, "path_state 10.0.0.2 inactive>active 0 0s\nrecovered  ->- 1 0s\n");
        /* Impaired for other reasons. */
        assert_drawn(SKETCH(.n = 1, .paths = { { 1, PATH_PF } }, .judged = true, .impaired = 2),
                     SKETCH(.n = 1, .paths = { { 1, PATH_INACTIVE } }, .judged = true, .impaired = 9),
                     "path_state 10.0.0.1 pf>inactive 0 4s\nimpaired  ->- 9 0s\n");
        /* Another order of the same is none; a path more, a path less. */
        assert_drawn(SKETCH(.n = 3, .paths = { { 1, 2 }, { 2, 2 }, { 3, 2 } }), SKETCH(.n = 3, .paths = { { 1, 2 }, { 3, 2 }, { 2, 2 } }), "");
        assert_drawn(two, SKETCH(.n = 3, .paths = { { 1, 2 }, { 3, PATH_UNCONFIRMED }, { 2, 2 } }, .judged = true),
                     "path_added 10.0.0.3 ->unconfirmed 0 0s\n");
        assert_drawn(two, SKETCH(.n = 1, .paths = { { 1, 2 } }, .judged = true), "path_removed 10.0.0.2 active>- 0 0s\n");
        /* The primary path. */
        assert_drawn(two, SKETCH(.n = 2, .paths = { { 2, 2 }, { 1, 2 } }, .judged = true), "primary_changed 10.0.0.1 ->- 0 0s\n");
        /* What one of the looks does not know is no news. */
        assert_drawn(two, SKETCH(.n = 2, .paths = { { 1, -1 }, { 2, -1 } }), "");
        assert_drawn(SKETCH(.n = 2, .paths = { { 1, -1 }, { 2, -1 } }),
                     SKETCH(.n = 2, .paths = { { 1, 2 }, { 2, PATH_INACTIVE } }, .judged = true, .impaired = 1), "");
        /* But what is known of before then is told when the next look knows of it. */
        assert_drawn(SKETCH(.n = 2, .paths = { { 1, -1, PATH_ACTIVE + 1 }, { 2, -1, PATH_INACTIVE + 1 } }, .last_impaired = 1), two,
                     "path_state 10.0.0.2 inactive>active 0 0s\nrecovered  ->- 1 3s\n");
        assert_drawn(SKETCH(.n = 1, .paths = { { 1, -1, PATH_INACTIVE + 1 } }, .last_impaired = 1),
                     SKETCH(.n = 1, .paths = { { 1, PATH_INACTIVE } }, .judged = true, .impaired = 1), "");
        /* A state may be unknown for the moment. */
        assert_drawn(SKETCH(.n = 1, .paths = { { 1, PATH_ACTIVE } }),
                     SKETCH(.n = 1, .paths = { { 1, PATH_UNKNOWN, PATH_ACTIVE + 1 } }), "");
        assert_drawn(SKETCH(.n = 1, .paths = { { 1, PATH_UNKNOWN, PATH_ACTIVE + 1 } }),
                     SKETCH(.n = 1, .paths = { { 1, PATH_PF } }), "path_state 10.0.0.1 active>pf 0 0s\n");
        assert_drawn(SKETCH(.n = 1, .paths = { { 1, PATH_UNKNOWN } }), SKETCH(.n = 1, .paths = { { 1, PATH_ACTIVE } }), "");
        /* All at once, in this order. */
        assert_drawn(SKETCH(.local_tag = 1, .peer_tag = 2, .n = 3, .paths = { { 1, 2 }, { 2, 2 }, { 3, 2 } }, .judged = true),
                     SKETCH(.local_tag = 3, .peer_tag = 4, .n = 3, .paths = { { 2, 2 }, { 1, PATH_INACTIVE }, { 4, 2 } },
                            .judged = true, .impaired = 1),
                     "association_restart 1/2 ->- 0 0s\nprimary_changed 10.0.0.1 ->- 0 0s\n"
                     "path_state 10.0.0.1 active>inactive 0 4s\npath_added 10.0.0.4 ->active 0 0s\n"
                     "path_removed 10.0.0.3 active>- 0 0s\nimpaired  ->- 1 0s\n");
        /* While it is set up its paths are only being found out; impaired from the beginning it is. */
        assert_drawn(SKETCH(.state = ASSOCIATION_COOKIE_WAIT, .n = 1, .paths = { { 1, 2 } }),
                     SKETCH(.n = 2, .paths = { { 2, 2 }, { 1, PATH_INACTIVE } }, .judged = true, .impaired = 1),
                     "association_up  ->- 0 5s\nimpaired  ->- 1 0s\n");
}

static void test_restart(void **state) {
        (void) state;
        assert_drawn(SKETCH(.local_tag = 1, .peer_tag = 2), SKETCH(.local_tag = 3, .peer_tag = 4), "association_restart 1/2 ->- 0 0s\n");
        assert_drawn(SKETCH(.local_tag = 1, .peer_tag = 2), SKETCH(.local_tag = 1, .peer_tag = 4), "");
        assert_drawn(SKETCH(.local_tag = 1, .peer_tag = 2), SKETCH(.local_tag = 3, .peer_tag = 2), "");
        assert_drawn(SKETCH(.local_tag = 1, .peer_tag = 2), SKETCH(.local_tag = 0), "");
        assert_drawn(SKETCH(.local_tag = 0), SKETCH(.local_tag = 1, .peer_tag = 2), "");
}

static void test_endpoints(void **state) {
        struct snapshot *s = look(1, HEAD, EPS "5000 11 0.0.0.0\n5001 12 10.0.0.1\n5002 0 10.0.0.1\n");
        struct snapshot *t = look(2, HEAD, EPS "5001 12 10.0.0.1 10.0.0.2\n5000 13 0.0.0.0\n5002 0 10.0.0.1\n5002 0 10.0.0.2\n");
        struct news_told told = {};

        (void) state;
        /* An endpoint is its socket: bound to one address more it is the same, opened anew it is another. */
        assert_int_equal(changes_find(s, t, true, NULL, NULL, tell, &told), 0);
        assert_string_equal(told.text, "endpoint_removed 5000\nendpoint_added 5000\nendpoint_added 5002\n");
        snapshot_unref(s);
        snapshot_unref(t);
}

static int keep(const struct change *c, void *userdata) {
        *(struct change *) userdata = *c;
        return 0;
}

static void test_what_a_change_carries(void **state) {
        const struct association *p;
        struct builder b = {};
        struct association *a;
        struct snapshot *s, *t, *u;
        struct change c = {};

        (void) state;
        s = look(10, HEAD "7 3 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n", EPS);
        t = look(12, HEAD, EPS);
        assert_int_equal(changes_find(s, t, false, NULL, NULL, keep, &c), 0);
        assert_int_equal(c.type, CHANGE_ASSOCIATION_DOWN);
        assert_true(c.at == 1012 * USEC_PER_SEC);
        assert_int_equal(c.certainty, CERTAINTY_HIGH);
        assert_ptr_equal(c.snapshot, s);
        assert_ptr_equal(c.association, snapshot_associations(s));
        /* Nobody saw the old state begin. */
        assert_int_equal(c.duration_usec, 0);

        /* The same with its start observed, and given up: sock_diag could not tell of this one. */
        p = snapshot_associations(s);
        assert_int_equal(builder_copy_association(&b, p, snapshot_addresses(s, p->local),
                                                  snapshot_paths(s, p->paths), &a), 0);
        FIELD_GIVE(a, ASSOCIATION_LAST_CHANGE);
        a->last_change_monotonic = 5 * USEC_PER_SEC;
        a->unseen = SCAN_CARRY_LOOKS_MAX - 1;
        b.head.available = true;
        assert_int_equal(builder_finish(&b, &u), 0);
        builder_done(&b);
        b.head.available = true;
        b.head.started_monotonic = 12 * USEC_PER_SEC;
        b.head.sources[SOURCE_SOCK_DIAG].result = SOURCE_READ;
        snapshot_unref(t);
        assert_int_equal(builder_finish(&b, &t), 0);
        assert_int_equal(changes_find(u, t, false, NULL, NULL, keep, &c), 0);
        assert_int_equal(c.type, CHANGE_ASSOCIATION_DOWN);
        assert_true(c.duration_usec == 7 * USEC_PER_SEC);
        assert_int_equal(c.certainty, CERTAINTY_LOW);
        builder_done(&b);
        snapshot_unref(s);
        snapshot_unref(t);
        snapshot_unref(u);
}

static void test_without_sctp(void **state) {
        struct snapshot *s = look(1, HEAD "7 3 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n", EPS "5000 11 0.0.0.0\n"), *none = NULL;
        struct news_told told = {};
        struct builder b = {};

        (void) state;
        assert_int_equal(builder_finish(&b, &none), 0);
        assert_int_equal(changes_find(s, none, true, NULL, NULL, tell, &told), 0);
        assert_string_equal(told.text, "");
        /* It has just appeared: what is there has begun since. */
        assert_int_equal(changes_find(none, s, true, NULL, NULL, tell, &told), 0);
        assert_string_equal(told.text, "endpoint_added 5000\nassociation_up 7/1000 closed>established\n");
        builder_done(&b);
        snapshot_unref(s);
        snapshot_unref(none);
}

/* One association and one listener in each of the namespaces, whose generations are these (0: it is not there). */
static struct snapshot *places(const uint64_t *generations, size_t n, enum source_result watched) {
        struct snapshot *s = NULL;
        struct builder b = {};

        b.head.available = true;
        b.head.sources[SOURCE_NAMESPACES].result = (uint8_t) watched;
        for (size_t i = 0; i < n; i++) {
                struct association *a;
                struct endpoint *e;
                struct netns *netns;

                if (generations[i] == 0)
                        continue;
                assert_int_equal(builder_add_netns(&b, &netns), 0);
                *netns = (struct netns) { .netns = i + 1, .generation = generations[i] };
                if (generations[i] == UINT64_MAX) {
                        strcpy(netns->error, "no way in");
                        continue;
                }
                assert_int_equal(builder_add_endpoint(&b, &e), 0);
                *e = (struct endpoint) { .netns = i + 1, .inode = 70 + i, .local_port = (uint16_t) (50 + i) };
                assert_int_equal(builder_add_association(&b, &a), 0);
                *a = (struct association) { .netns = i + 1, .id = 7, .local_port = (uint16_t) (50 + i),
                                            .state = ASSOCIATION_ESTABLISHED };
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

static int tell_certainty(const struct change *c, void *userdata) {
        struct news_told *t = userdata;
        size_t n;

        (void) tell(c, userdata);
        n = strlen(t->text);
        snprintf(t->text + n - 1, sizeof(t->text) - n + 1, " %s\n", certainty_name(c->certainty));
        return 0;
}

/* A generation that was counted. */
#define COUNTED (UINT64_C(1) << 62)

static void test_namespaces(void **state) {
        static const struct {
                uint64_t before[2], after[2];
                enum source_result watched_before, watched_after;
                const char *expected;
        } cases[] = {
                { { 1, 2 }, { 1, 2 }, SOURCE_READ, SOURCE_READ, "" },
                /* It has ended, and nobody was asked about what was in it. */
                {
                        { 1, 2 }, { 1, 0 }, SOURCE_READ, SOURCE_READ,
                        "endpoint_removed 51 high\nassociation_down 7/51 established>closed low\n",
                },
                {
                        { 1, 0 }, { 1, 2 }, SOURCE_READ, SOURCE_READ,
                        "endpoint_added 51 high\nassociation_up 7/51 closed>established high\n",
                },
                /* Another one has got its inode: the same ids are others. */
                {
                        { 1, 2 }, { 1, 3 }, SOURCE_READ, SOURCE_READ,
                        "association_down 7/51 established>closed low\nassociation_up 7/51 closed>established high\n",
                },
                /* Counts of another process of ours, and where it could or could not ask the kernel. */
                { { 1, COUNTED + 3 }, { 1, COUNTED }, SOURCE_READ, SOURCE_READ, "" },
                { { 1, 2 }, { 1, COUNTED }, SOURCE_READ, SOURCE_READ, "" },
                { { 1, COUNTED }, { 1, 2 }, SOURCE_READ, SOURCE_READ, "" },
                {
                        { 1, COUNTED }, { 1, COUNTED + 1 }, SOURCE_READ, SOURCE_READ,
                        "association_down 7/51 established>closed low\nassociation_up 7/51 closed>established high\n",
                },
                /* It is there, but may not be looked into. */
                {
                        { 1, 2 }, { 1, UINT64_MAX }, SOURCE_READ, SOURCE_READ,
                        "endpoint_removed 51 high\nassociation_down 7/51 established>closed low\n",
                },
                /* It is not watched any more, and then again. */
                { { 1, 2 }, { 1, 0 }, SOURCE_READ, SOURCE_SKIPPED, "" },
                { { 1, 0 }, { 1, 2 }, SOURCE_SKIPPED, SOURCE_READ, "" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                struct snapshot *s = places(cases[i].before, 2, cases[i].watched_before),
                                *t = places(cases[i].after, 2, cases[i].watched_after);
                struct news_told told = {};

                assert_int_equal(changes_find(s, t, true, NULL, NULL, tell_certainty, &told), 0);
                assert_string_equal(told.text, cases[i].expected);
                snapshot_unref(s);
                snapshot_unref(t);
        }
}

/* Without an id yet the ends tell which it is, but not across namespaces of one inode. */
static void test_namespace_replaced_without_id(void **state) {
        struct snapshot *s, *t;
        struct news_told told = {};

        (void) state;
        for (unsigned i = 0; i < 2; i++) {
                struct builder b = {};
                struct netns *n;

                assert_int_equal(builder_add_netns(&b, &n), 0);
                *n = (struct netns) { .netns = 5, .generation = 1 + i };
                b.head.available = true;
                b.head.sources[SOURCE_NAMESPACES].result = SOURCE_READ;
                assert_int_equal(proc_read_assocs(&b, 5, false, HEAD "0 1 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n",
                                                  strlen(HEAD "0 1 5 0 1000 9 10.0.0.1 <-> *10.0.0.9\n")), 0);
                assert_int_equal(builder_finish(&b, i == 0 ? &s : &t), 0);
                builder_done(&b);
        }
        assert_int_equal(changes_find(s, t, false, NULL, NULL, tell, &told), 0);
        assert_string_equal(told.text, "association_down 0/1000 cookie_wait>closed\n"
                                       "association_state 0/1000 closed>cookie_wait\n");
        snapshot_unref(s);
        snapshot_unref(t);
}

static int refuse(const struct change *c, void *userdata) {
        (void) c;
        (*(unsigned *) userdata)++;
        return -ECANCELED;
}

static void test_a_handler_can_end_it(void **state) {
        struct snapshot *s = look(1, HEAD, EPS), *t = look(2, HEAD "7 3 5 0 1 9 10.0.0.1 <-> *10.0.0.9\n8 3 5 0 2 9 10.0.0.1 <-> *10.0.0.9\n", EPS);
        unsigned calls = 0;

        (void) state;
        assert_int_equal(changes_find(s, t, false, NULL, NULL, refuse, &calls), -ECANCELED);
        assert_int_equal(calls, 1);
        snapshot_unref(s);
        snapshot_unref(t);
}

static int count(const struct change *c, void *userdata) {
        (*(unsigned (*)[_CHANGE_TYPE_MAX + 1]) userdata)[c->type]++;
        return 0;
}

/* None has an id yet, all go from one port to one peer's. */
static struct snapshot *all_waiting(unsigned first, unsigned n) {
        struct snapshot *s = NULL;
        struct builder b = {};

        b.head.available = true;
        for (unsigned i = first; i < first + n; i++) {
                struct association *a;
                struct address *local;
                struct path *path;

                assert_int_equal(builder_add_address(&b, &local), 0);
                *local = (struct address) { .family = 2, .bytes = { 127, 0, (uint8_t) (i >> 8), (uint8_t) i } };
                assert_int_equal(builder_add_path(&b, &path), 0);
                path->address = (struct address) { .family = 2, .primary = 1, .bytes = { 10, 0, 0, 9 } };
                assert_int_equal(builder_add_association(&b, &a), 0);
                FIELD_GIVE(a, ASSOCIATION_STATE);
                a->state = ASSOCIATION_COOKIE_WAIT;
                a->local_port = a->peer_port = 2905;
                a->local = (struct range) { (uint32_t) b.n_addresses - 1, 1 };
                a->paths = (struct range) { (uint32_t) b.n_paths - 1, 1 };
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

/* Were they looked for one by one among all of the same ports and peer, it would take minutes. */
static void test_fifty_thousand_waiting(void **state) {
        struct snapshot *s = all_waiting(0, 50000), *t = all_waiting(500, 50000);
        unsigned counts[_CHANGE_TYPE_MAX + 1] = {};
        clock_t begin = clock();

        (void) state;
        assert_int_equal(snapshot_head(s)->n_associations, 50000);
        assert_int_equal(changes_find(s, t, false, NULL, NULL, count, counts), 0);
        assert_int_equal(counts[CHANGE_ASSOCIATION_DOWN], 500);
        assert_int_equal(counts[CHANGE_ASSOCIATION_STATE], 500);
        assert_true(clock() - begin < 10 * CLOCKS_PER_SEC);
        snapshot_unref(s);
        snapshot_unref(t);
}

static struct snapshot *made_up(unsigned first, unsigned n, unsigned every) {
        struct snapshot *s = NULL;
        struct builder b = {};

        b.head.available = true;
        for (unsigned i = first; i < first + n; i++) {
                struct association *a;
                struct address *local;
                struct path *path;

                assert_int_equal(builder_add_address(&b, &local), 0);
                *local = (struct address) { .family = 2, .bytes = { 10, 0, 0, 1 } };
                assert_int_equal(builder_add_path(&b, &path), 0);
                path->address = (struct address) { .family = 2, .primary = 1, .bytes = { 10, 1, (uint8_t) (i >> 8), (uint8_t) i } };
                assert_int_equal(builder_add_association(&b, &a), 0);
                a->id = i + 1;
                FIELD_GIVE(a, ASSOCIATION_ID);
                FIELD_GIVE(a, ASSOCIATION_STATE);
                a->state = every && i % every == 0 ? ASSOCIATION_SHUTDOWN_PENDING : ASSOCIATION_ESTABLISHED;
                a->local_port = 5000;
                a->peer_port = (uint16_t) (i >> 16);
                a->local = (struct range) { (uint32_t) b.n_addresses - 1, 1 };
                a->paths = (struct range) { (uint32_t) b.n_paths - 1, 1 };
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

/* The size the pipeline is designed for. */
static void test_fifty_thousand(void **state) {
        struct snapshot *s = made_up(0, 50000, 0), *t = made_up(500, 50000, 100);
        unsigned counts[_CHANGE_TYPE_MAX + 1] = {};

        (void) state;
        assert_int_equal(changes_find(s, t, false, NULL, NULL, count, counts), 0);
        assert_int_equal(counts[CHANGE_ASSOCIATION_DOWN], 500);
        assert_int_equal(counts[CHANGE_ASSOCIATION_STATE], 500);
        /* Those that are first seen ending had been established. */
        assert_int_equal(counts[CHANGE_ASSOCIATION_UP], 500);
        snapshot_unref(s);
        snapshot_unref(t);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nothing),
                cmocka_unit_test(test_life_of_an_association),
                cmocka_unit_test(test_rows_that_are_closed),
                cmocka_unit_test(test_replaced),
                cmocka_unit_test(test_many_without_id),
                cmocka_unit_test(test_without_id_from_several_addresses),
                cmocka_unit_test(test_figures),
                cmocka_unit_test(test_paths),
                cmocka_unit_test(test_restart),
                cmocka_unit_test(test_endpoints),
                cmocka_unit_test(test_what_a_change_carries),
                cmocka_unit_test(test_without_sctp),
                cmocka_unit_test(test_namespaces),
                cmocka_unit_test(test_namespace_replaced_without_id),
                cmocka_unit_test(test_a_handler_can_end_it),
                cmocka_unit_test(test_fifty_thousand),
                cmocka_unit_test(test_fifty_thousand_waiting),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
