/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <sys/stat.h>
#include <time.h>

#include "changes.h"
#include "impaired.h"
#include "macro.h"
#include "scan-carry.h"
#include "scan.h"

/* A saved tree of this test's own. */
struct tree {
        char root[64];
};

static void write_file(const struct tree *t, const char *name, const char *text, size_t length) {
        char path[256];
        FILE *f;

        snprintf(path, sizeof(path), "%s/proc/%s", t->root, name);
        f = fopen(path, "we");
        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, length, f), length);
        assert_int_equal(fclose(f), 0);
}

static void copy(const struct tree *t, const char *table, const char *sample) {
        size_t length;
        _cleanup_free_ char *text = test_data(sample, &length);
        char name[64];

        snprintf(name, sizeof(name), "net/sctp/%s", table);
        write_file(t, name, text, length);
}

static int setup(void **state) {
        struct tree *t = calloc(1, sizeof(*t));
        char path[128];

        strcpy(t->root, "/tmp/test-scan-XXXXXX");
        if (!mkdtemp(t->root))
                return -1;
        for (size_t i = 0; i < 3; i++) {
                static const char *const directories[] = { "proc", "proc/net", "proc/net/sctp" };

                snprintf(path, sizeof(path), "%s/%s", t->root, directories[i]);
                if (mkdir(path, 0755) < 0)
                        return -1;
        }
        *state = t;
        return 0;
}

static int teardown(void **state) {
        struct tree *t = *state;
        char command[128];

        snprintf(command, sizeof(command), "rm -r %s", t->root);
        if (system(command) != 0)
                return -1;
        free(t);
        return 0;
}

static struct snapshot *scan(const struct tree *t, const struct snapshot *previous, uint64_t serial) {
        struct scan_options options = { .root = t->root, .previous = previous, .serial = serial };
        struct snapshot *s = NULL;

        assert_int_equal(scan_run(&options, &s), 0);
        return s;
}

static const struct association *by_port(const struct snapshot *s, uint16_t local_port) {
        for (uint32_t i = 0; i < snapshot_head(s)->n_associations; i++)
                if (snapshot_associations(s)[i].local_port == local_port)
                        return snapshot_associations(s) + i;

        return NULL;
}

static void test_saved_tree(void **state) {
        const struct tree *t = *state;
        const struct association *a;
        const struct path *p;
        struct snapshot *s;

        copy(t, "eps", "6.12/healthy.ns_a.eps");
        copy(t, "assocs", "6.12/path2_down.ns_a.assocs");
        copy(t, "remaddr", "6.12/path2_down.ns_a.remaddr");
        copy(t, "snmp", "6.12/path2_down.ns_a.snmp");
        s = scan(t, NULL, 0);

        assert_true(snapshot_head(s)->available);
        assert_int_equal(snapshot_head(s)->hz, 0);
        assert_int_equal(snapshot_head(s)->netns, 0);
        assert_int_equal(snapshot_head(s)->n_associations, 9);
        assert_int_equal(snapshot_head(s)->n_counters, 32);
        for (size_t i = SOURCE_EPS; i < SOURCE_SOCK_DIAG; i++)
                assert_int_equal(snapshot_head(s)->sources[i].result, SOURCE_READ);
        assert_int_equal(snapshot_head(s)->sources[SOURCE_SOCK_DIAG].result, SOURCE_SKIPPED);

        /* Paths are joined by the association's id, the primary mark comes from assocs. */
        for (uint32_t i = 0; i < snapshot_head(s)->n_associations; i++) {
                a = snapshot_associations(s) + i;
                p = snapshot_paths(s, a->paths);
                assert_true(p[0].address.primary);
                for (uint32_t j = 0; j < a->paths.count; j++)
                        assert_true(FIELD_GIVEN(p + j, PATH_STATE));
                if (a->paths.count == 2) {
                        assert_int_equal(p[0].state, PATH_ACTIVE);
                        assert_int_equal(p[1].state, PATH_INACTIVE);
                        assert_int_equal(p[1].rto, 250);
                        assert_false(p[1].address.primary);
                }
                assert_false(FIELD_GIVEN(a, ASSOCIATION_NETNS));
                assert_false(FIELD_GIVEN(a, ASSOCIATION_OBSERVED_SINCE));
        }
        snapshot_unref(s);
}

static void test_old_kernel_of_the_tree(void **state) {
        static const char version[] = "Linux version 2.6.32-754.el6.x86_64 (mockbuild@x) #1 SMP\n";
        static const char assocs[] = "ASSOC-ID ST LPORT RPORT LADDRS <-> RADDRS\n3 4 5000 6000 10.0.1.1 <-> *10.0.1.2\n";
        const struct tree *t = *state;
        struct snapshot *s;

        write_file(t, "version", version, strlen(version));
        write_file(t, "net/sctp/assocs", assocs, strlen(assocs));
        s = scan(t, NULL, 0);
        assert_int_equal(snapshot_associations(s)[0].state, ASSOCIATION_ESTABLISHED);
        /* What is not there is said. */
        assert_true(snapshot_head(s)->available);
        assert_int_equal(snapshot_head(s)->sources[SOURCE_EPS].result, SOURCE_FAILED);
        assert_int_equal(snapshot_head(s)->sources[SOURCE_EPS].error, ENOENT);
        snapshot_unref(s);
}

static void test_no_sctp(void **state) {
        const struct tree *t = *state;
        struct snapshot *s = scan(t, NULL, 0);

        assert_false(snapshot_head(s)->available);
        assert_non_null(strstr(snapshot_head(s)->reason, t->root));
        assert_true(snapshot_head(s)->advice[0] != '\0');
        for (size_t i = 0; i < _SOURCE_MAX; i++)
                assert_int_equal(snapshot_head(s)->sources[i].result, SOURCE_SKIPPED);
        snapshot_unref(s);
}

#define ASSOCS "ASSOC-ID ST INODE LPORT RPORT LADDRS <-> RADDRS\n"
#define REMADDR "ADDR ASSOC_ID RTO STATE\n"

static void put_assocs(const struct tree *t, const char *text) {
        write_file(t, "net/sctp/assocs", text, strlen(text));
}

static void put_remaddr(const struct tree *t, const char *text) {
        write_file(t, "net/sctp/remaddr", text, strlen(text));
}

/* What cannot be read is not for that reason absent. */
static void test_tables_that_cannot_be_read(void **state) {
        const struct tree *t = *state;
        struct snapshot *first, *second;
        char path[128];

        put_assocs(t, ASSOCS "4 3 6 1001 9 10.0.0.1 <-> *10.0.0.8\n");
        first = scan(t, NULL, 1);
        snprintf(path, sizeof(path), "%s/proc/net/sctp/assocs", t->root);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkdir(path, 0755), 0);
        second = scan(t, first, 2);
        assert_true(snapshot_head(second)->available);
        assert_int_equal(snapshot_head(second)->sources[SOURCE_ASSOCS].error, EISDIR);
        assert_int_equal(snapshot_head(second)->n_associations, 1);
        snapshot_unref(first);
        snapshot_unref(second);
}

static void test_paths_without_id(void **state) {
        const struct tree *t = *state;
        struct snapshot *s;

        /* 10.0.0.9 can only be of one of them, 10.0.0.8 of both: then nobody gets the figures. */
        put_assocs(t, ASSOCS "0 1 5 1000 9 10.0.0.1 <-> *10.0.0.9\n"
                             "0 1 6 1001 9 10.0.0.1 <-> *10.0.0.8\n"
                             "0 1 7 1002 9 10.0.0.1 <-> *10.0.0.8\n");
        put_remaddr(t, REMADDR "10.0.0.9 0 750 65535\n10.0.0.8 0 751 65535\n10.0.0.8 0 752 65535\n");
        s = scan(t, NULL, 0);
        assert_int_equal(snapshot_paths(s, by_port(s, 1000)->paths)->rto, 750);
        assert_false(FIELD_GIVEN(snapshot_paths(s, by_port(s, 1001)->paths), PATH_RTO));
        assert_false(FIELD_GIVEN(snapshot_paths(s, by_port(s, 1002)->paths), PATH_RTO));
        assert_true(by_port(s, 1001)->paths.count == 1);
        snapshot_unref(s);
}

static void test_what_is_handed_on(void **state) {
        const struct tree *t = *state;
        struct snapshot *first, *second, *third;
        uint64_t since, change;

        put_assocs(t, ASSOCS "0 1 5 1000 9 10.0.0.1 <-> *10.0.0.9\n4 3 6 1001 9 10.0.0.1 <-> *10.0.0.8\n");
        first = scan(t, NULL, 1);
        since = by_port(first, 1000)->observed_since;
        assert_true(FIELD_GIVEN(by_port(first, 1000), ASSOCIATION_OBSERVED_SINCE));
        assert_true(since == snapshot_head(first)->started_realtime);
        /* What was there at the first look: nobody saw it begin. */
        assert_false(FIELD_GIVEN(by_port(first, 1000), ASSOCIATION_LAST_CHANGE));

        /* It gets an id and is established; the other is as it was; a third one is new. */
        put_assocs(t, ASSOCS "7 3 5 1000 9 10.0.0.1 <-> *10.0.0.9 10.0.1.9\n4 3 6 1001 9 10.0.0.1 <-> *10.0.0.8\n"
                             "8 3 6 1002 9 10.0.0.1 <-> *10.0.0.8\n");
        second = scan(t, first, 2);
        assert_int_equal(by_port(second, 1000)->id, 7);
        assert_true(by_port(second, 1000)->observed_since == since);
        assert_true(FIELD_GIVEN(by_port(second, 1000), ASSOCIATION_LAST_CHANGE));
        change = by_port(second, 1000)->last_change;
        assert_true(change == snapshot_head(second)->started_realtime);
        assert_false(FIELD_GIVEN(by_port(second, 1001), ASSOCIATION_LAST_CHANGE));
        assert_true(by_port(second, 1002)->observed_since == snapshot_head(second)->started_realtime);
        assert_true(FIELD_GIVEN(by_port(second, 1002), ASSOCIATION_LAST_CHANGE));

        third = scan(t, second, 3);
        assert_true(by_port(third, 1000)->last_change == change);
        assert_true(by_port(third, 1000)->observed_since == since);
        snapshot_unref(first);
        snapshot_unref(second);
        snapshot_unref(third);
}

static void put_paths(const struct tree *t, const char *rows) {
        _cleanup_free_ char *text = NULL;
        int n = asprintf(&text, "ADDR ASSOC_ID HB_ACT RTO STATE\n%s", rows);

        assert_true(n > 0);
        write_file(t, "net/sctp/remaddr", text, (size_t) n);
}

static const struct path *path_of(const struct snapshot *s, uint16_t local_port, uint32_t index) {
        return snapshot_paths(s, by_port(s, local_port)->paths) + index;
}

static void test_impaired_since(void **state) {
        const struct tree *t = *state;
        struct snapshot *first, *second, *third, *fourth, *fifth;

        put_assocs(t, ASSOCS "4 3 6 1001 9 10.0.0.1 <-> *10.0.0.8 10.0.1.8\n5 1 6 1002 9 10.0.0.1 <-> *10.0.0.8\n");
        put_paths(t, "10.0.0.8 4 1 250 2\n10.0.1.8 4 1 250 2\n10.0.0.8 5 1 250 0\n");
        first = scan(t, NULL, 1);
        assert_true(by_port(first, 1001)->impairment_known);
        assert_int_equal(by_port(first, 1001)->impaired, 0);
        /* It is not established: nobody expects its paths to work. */
        assert_false(by_port(first, 1002)->impairment_known);
        assert_true(FIELD_GIVEN(path_of(first, 1001, 1), PATH_STATE_SINCE));

        put_paths(t, "10.0.0.8 4 1 250 2\n10.0.1.8 4 0 250 0\n10.0.0.8 5 1 250 0\n");
        second = scan(t, first, 2);
        assert_int_equal(by_port(second, 1001)->impaired, 1 << IMPAIRED_PATH_INACTIVE);
        assert_true(path_of(second, 1001, 0)->state_since == path_of(first, 1001, 0)->state_since);
        assert_true(path_of(second, 1001, 1)->state_since == snapshot_head(second)->started_realtime);

        /* A heartbeat timer that does not run in two looks is off. */
        third = scan(t, second, 3);
        assert_int_equal(by_port(third, 1001)->impaired, 1 << IMPAIRED_PATH_INACTIVE | 1 << IMPAIRED_HEARTBEATS_OFF);
        assert_true(path_of(third, 1001, 1)->state_since == path_of(second, 1001, 1)->state_since);

        put_paths(t, "10.0.0.8 4 1 250 1\n10.0.1.8 4 1 250 2\n10.0.0.8 5 1 250 0\n");
        fourth = scan(t, third, 4);
        assert_int_equal(by_port(fourth, 1001)->impaired, 1 << IMPAIRED_PATH_PF | 1 << IMPAIRED_PRIMARY_NOT_ACTIVE);

        /* The row of the path that does not work is missing: who can tell? What was known is handed on. */
        put_paths(t, "10.0.1.8 4 1 250 2\n");
        fifth = scan(t, fourth, 5);
        assert_false(by_port(fifth, 1001)->impairment_known);
        assert_int_equal(by_port(fifth, 1001)->impaired, 0);
        assert_true(by_port(fifth, 1001)->judged);
        assert_int_equal(by_port(fifth, 1001)->last_impaired, by_port(fourth, 1001)->impaired);
        assert_true(by_port(fifth, 1001)->impaired_since_monotonic == snapshot_head(second)->started_monotonic);
        snapshot_unref(fifth);
        snapshot_unref(first);
        snapshot_unref(second);
        snapshot_unref(third);
        snapshot_unref(fourth);
}

/* How often a path has ceased to be active; and what is not read for once has not changed. */
static void test_flaps(void **state) {
        static const struct {
                const char *rows;
                uint32_t flaps;
                int state;              /* of the second path; -1: not given */
                bool since_again;       /* it is in this state since this look */
        } looks[] = {
                { "10.0.0.8 4 1 250 2\n10.0.1.8 4 1 250 2\n", 0, PATH_ACTIVE, true },
                { "10.0.0.8 4 1 250 2\n10.0.1.8 4 1 250 0\n", 1, PATH_INACTIVE, true },
                { "10.0.0.8 4 1 250 2\n10.0.1.8 4 1 250 1\n", 1, PATH_PF, true },
                { "10.0.0.8 4 1 250 1\n10.0.1.8 4 1 250 2\n", 2, PATH_ACTIVE, true },
                { "10.0.0.8 4 1 250 2\n", 2, -1, false },
                { "10.0.0.8 4 1 250 2\n10.0.1.8 4 1 250 2\n", 2, PATH_ACTIVE, false },
                { "10.0.0.8 4 1 250 2\n", 2, -1, false },
                { "10.0.0.8 4 1 250 2\n10.0.1.8 4 1 250 0\n", 3, PATH_INACTIVE, true },
                { "10.0.0.8 4 1 250 2\n10.0.1.8 4 1 250 2\n", 3, PATH_ACTIVE, true },
                { "10.0.0.8 4 1 250 2\n10.0.1.8 4 1 250 65535\n", 3, PATH_UNKNOWN, true },
                { "10.0.0.8 4 1 250 2\n10.0.1.8 4 1 250 2\n", 3, PATH_ACTIVE, true },
                { "10.0.0.8 4 1 250 2\n10.0.1.8 4 1 250 65535\n", 3, PATH_UNKNOWN, true },
                { "10.0.0.8 4 1 250 2\n10.0.1.8 4 1 250 0\n", 4, PATH_INACTIVE, true },
        };
        const struct tree *t = *state;
        struct snapshot *before = NULL;
        uint64_t since = 0;

        put_assocs(t, ASSOCS "4 3 6 1001 9 10.0.0.1 <-> *10.0.0.8 10.0.1.8\n");
        put_paths(t, looks[0].rows);
        /* Who looks once observes nothing. */
        before = scan(t, NULL, 0);
        assert_false(FIELD_GIVEN(by_port(before, 1001), ASSOCIATION_FLAPS));
        snapshot_unref(before);
        before = NULL;
        for (size_t i = 0; i < ELEMENTS(looks); i++) {
                struct snapshot *s;
                const struct path *p;

                put_paths(t, looks[i].rows);
                s = scan(t, before, i + 1);
                p = path_of(s, 1001, 1);
                assert_true(FIELD_GIVEN(by_port(s, 1001), ASSOCIATION_FLAPS));
                assert_int_equal(by_port(s, 1001)->flaps, looks[i].flaps);
                assert_int_equal(FIELD_GIVEN(p, PATH_STATE) ? p->state : -1, looks[i].state);
                assert_int_equal(FIELD_GIVEN(p, PATH_STATE_SINCE), looks[i].state >= 0);
                if (looks[i].since_again)
                        since = snapshot_head(s)->started_monotonic;
                assert_true(p->state_since_monotonic == since);
                snapshot_unref(before);
                before = s;
        }
        snapshot_unref(before);
}

/* The tables miss rows that nobody touched. Where sock_diag cannot tell (a saved tree) one is kept for some
 * looks, and comes back as the same. */
static void test_rows_that_are_missed(void **state) {
        const struct tree *t = *state;
        struct snapshot *s, *next;
        uint64_t since;

        put_assocs(t, ASSOCS "4 3 6 1001 9 10.0.0.1 <-> *10.0.0.8\n5 3 6 1002 9 10.0.0.1 <-> *10.0.0.8\n");
        s = scan(t, NULL, 1);
        since = by_port(s, 1001)->observed_since;

        put_assocs(t, ASSOCS "5 3 6 1002 9 10.0.0.1 <-> *10.0.0.8\n");
        for (uint64_t i = 1; i < SCAN_CARRY_LOOKS_MAX; i++) {
                next = scan(t, s, i + 1);
                assert_int_equal(snapshot_head(next)->n_associations, 2);
                assert_int_equal(by_port(next, 1001)->unseen, i);
                assert_int_equal(by_port(next, 1001)->state, ASSOCIATION_ESTABLISHED);
                assert_true(by_port(next, 1001)->observed_since == since);
                assert_int_equal(by_port(next, 1002)->unseen, 0);
                snapshot_unref(s);
                s = next;
        }

        put_assocs(t, ASSOCS "4 3 6 1001 9 10.0.0.1 <-> *10.0.0.8\n5 3 6 1002 9 10.0.0.1 <-> *10.0.0.8\n");
        next = scan(t, s, 10);
        assert_int_equal(by_port(next, 1001)->unseen, 0);
        assert_true(by_port(next, 1001)->observed_since == since);
        snapshot_unref(s);
        s = next;

        put_assocs(t, ASSOCS "5 3 6 1002 9 10.0.0.1 <-> *10.0.0.8\n");
        for (uint64_t i = 0; i < SCAN_CARRY_LOOKS_MAX; i++) {
                next = scan(t, s, i + 11);
                snapshot_unref(s);
                s = next;
        }
        assert_int_equal(snapshot_head(s)->n_associations, 1);
        assert_null(by_port(s, 1001));
        snapshot_unref(s);
}

/* Ports and addresses can be taken over by another association at once: the old one is gone then. */
static void test_replaced(void **state) {
        const struct tree *t = *state;
        struct snapshot *first, *second;

        put_assocs(t, ASSOCS "4 3 6 1001 9 10.0.0.1 <-> *10.0.0.8\n");
        first = scan(t, NULL, 1);
        put_assocs(t, ASSOCS "9 3 6 1001 9 10.0.0.1 <-> *10.0.0.8\n");
        second = scan(t, first, 2);
        assert_int_equal(snapshot_head(second)->n_associations, 1);
        assert_int_equal(snapshot_associations(second)->id, 9);
        assert_true(snapshot_associations(second)->observed_since == snapshot_head(second)->started_realtime);
        snapshot_unref(first);
        snapshot_unref(second);
}

static int count_change(const struct change *c, void *userdata) {
        (*(unsigned (*)[_CHANGE_TYPE_MAX]) userdata)[c->type]++;
        return 0;
}

/* The table repeats rows while others come and go; what got its id between two sightings is one all the same. */
static void test_gets_its_id_while_the_table_is_read(void **state) {
        const struct tree *t = *state;
        unsigned counts[_CHANGE_TYPE_MAX] = {};
        struct snapshot *first, *second, *third;

        put_assocs(t, ASSOCS "0 1 5 1000 9 10.0.0.1 <-> *10.0.0.9\n");
        first = scan(t, NULL, 1);
        put_assocs(t, ASSOCS "0 1 5 1000 9 10.0.0.1 <-> *10.0.0.9\n4 3 6 1001 9 10.0.0.1 <-> *10.0.0.8\n"
                             "7 3 5 1000 9 10.0.0.1 <-> *10.0.0.9 10.0.1.9\n");
        second = scan(t, first, 2);
        put_assocs(t, ASSOCS "7 3 5 1000 9 10.0.0.1 <-> *10.0.0.9 10.0.1.9\n4 3 6 1001 9 10.0.0.1 <-> *10.0.0.8\n");
        third = scan(t, second, 3);

        assert_int_equal(snapshot_head(second)->n_associations, 2);
        assert_int_equal(by_port(second, 1000)->id, 7);
        assert_true(by_port(second, 1000)->observed_since == by_port(first, 1000)->observed_since);
        assert_int_equal(changes_find(first, second, false, NULL, NULL, count_change, counts), 0);
        assert_int_equal(changes_find(second, third, false, NULL, NULL, count_change, counts), 0);
        assert_int_equal(counts[CHANGE_ASSOCIATION_UP], 2);
        assert_int_equal(counts[CHANGE_ASSOCIATION_DOWN], 0);
        snapshot_unref(first);
        snapshot_unref(second);
        snapshot_unref(third);
}

/* No kernel repeats a row so often, but a saved tree may be anybody's. */
static void test_one_row_fifty_thousand_times(void **state) {
        static const char row[] = "7 3 5 1000 9 10.0.0.1 <-> *10.0.0.9\n", address[] = "10.0.0.9 7 250 2\n";
        const struct tree *t = *state;
        _cleanup_free_ char *assocs = NULL, *remaddr = NULL;
        size_t n_assocs, n_remaddr;
        clock_t begin = clock();
        struct snapshot *s;
        FILE *f, *g;

        f = open_memstream(&assocs, &n_assocs);
        g = open_memstream(&remaddr, &n_remaddr);
        fputs(ASSOCS, f);
        fputs(REMADDR, g);
        for (unsigned i = 0; i < 50000; i++) {
                fputs(row, f);
                fputs(address, g);
        }
        assert_int_equal(fclose(f), 0);
        assert_int_equal(fclose(g), 0);
        write_file(t, "net/sctp/assocs", assocs, n_assocs);
        write_file(t, "net/sctp/remaddr", remaddr, n_remaddr);
        s = scan(t, NULL, 1);
        assert_int_equal(snapshot_head(s)->n_associations, 1);
        assert_int_equal(snapshot_paths(s, snapshot_associations(s)->paths)->rto, 250);
        assert_true(clock() - begin < 10 * CLOCKS_PER_SEC);
        snapshot_unref(s);
}

static void test_a_table_that_fails(void **state) {
        const struct tree *t = *state;
        struct snapshot *first, *second;

        copy(t, "eps", "6.1/healthy.ns_b.eps");
        put_assocs(t, ASSOCS "4 3 6 1001 9 10.0.0.1 <-> *10.0.0.8\n");
        first = scan(t, NULL, 1);
        /* Those that listen, and the socket of the association. */
        assert_int_equal(snapshot_head(first)->n_endpoints, 8);
        for (uint32_t i = 0; i < 8; i++)
                assert_int_equal(snapshot_endpoints(first)[i].unlisted, snapshot_endpoints(first)[i].inode == 6);

        /* Nothing ends because a table cannot be read. */
        write_file(t, "net/sctp/eps", "nonsense\n", 9);
        put_assocs(t, "nonsense\n");
        second = scan(t, first, 2);
        assert_int_equal(snapshot_head(second)->n_endpoints, 8);
        assert_int_equal(snapshot_head(second)->n_associations, 1);
        assert_int_equal(snapshot_head(second)->sources[SOURCE_EPS].result, SOURCE_FAILED);
        assert_int_equal(snapshot_head(second)->sources[SOURCE_ASSOCS].result, SOURCE_FAILED);
        assert_int_equal(snapshot_head(second)->n_complaints, 2);
        snapshot_unref(first);

        /* However long: it was not looked at. */
        for (uint64_t i = 0; i < SCAN_CARRY_LOOKS_MAX; i++) {
                first = second;
                second = scan(t, first, 3 + i);
                assert_int_equal(snapshot_head(second)->n_associations, 1);
                snapshot_unref(first);
        }
        put_assocs(t, ASSOCS);
        first = scan(t, second, 3 + SCAN_CARRY_LOOKS_MAX);
        assert_int_equal(by_port(first, 1001)->unseen, 1);
        snapshot_unref(first);
        snapshot_unref(second);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_saved_tree),
                TEST(test_old_kernel_of_the_tree),
                TEST(test_no_sctp),
                TEST(test_tables_that_cannot_be_read),
                TEST(test_paths_without_id),
                TEST(test_what_is_handed_on),
                TEST(test_impaired_since),
                TEST(test_flaps),
                TEST(test_rows_that_are_missed),
                TEST(test_replaced),
                TEST(test_gets_its_id_while_the_table_is_read),
                TEST(test_one_row_fifty_thousand_times),
                TEST(test_a_table_that_fails),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
