/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "builder.h"
#include "impaired.h"
#include "layout.h"
#include "proc.h"

static struct snapshot *sample(void) {
        size_t length;
        _cleanup_free_ char *eps = test_data("6.1/healthy.ns_b.eps", &length), *assocs = NULL, *snmp = NULL;
        struct snapshot *s = NULL;
        struct process *process;
        struct builder b = {};
        struct netns *netns;

        for (uint32_t i = 0; i < 2; i++) {
                assert_int_equal(builder_add_netns(&b, &netns), 0);
                *netns = (struct netns) { .netns = 5 + i };
                assert_int_equal(builder_add_process(&b, &process), 0);
                *process = (struct process) { .pid = 100 + i };
                assert_int_equal(builder_add_owner(&b, i), 0);
        }
        assert_int_equal(proc_read_eps(&b, 5, eps, length), 0);
        assocs = test_data("6.1/healthy.ns_b.assocs", &length);
        assert_int_equal(proc_read_assocs(&b, 5, false, assocs, length), 0);
        snmp = test_data("6.1/healthy.ns_b.snmp", &length);
        assert_int_equal(proc_read_snmp(&b, 5, snmp, length), 0);
        b.associations[0].owners = (struct range) { 0, 2 };
        builder_complain(&b, SOURCE_EPS, 1, "for the test");
        b.head.serial = 17;
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

/* A sealed memfd of these bytes. */
static int memfd_of(const void *data, size_t length, int seals) {
        int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, data, length), length);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
        return fd;
}

static int map(const void *data, size_t length, struct snapshot **ret) {
        return snapshot_map(memfd_of(data, length, SNAPSHOT_SEALS), ret);
}

static void test_goes_to_another_process(void **state) {
        struct snapshot *s = sample(), *t = NULL;

        (void) state;
        assert_int_equal(snapshot_map(fcntl(snapshot_fd(s), F_DUPFD_CLOEXEC, 3), &t), 0);
        assert_memory_equal(snapshot_head(s), snapshot_head(t), snapshot_head(s)->size);
        assert_int_equal(snapshot_head(t)->serial, 17);
        snapshot_unref(s);
        assert_int_equal(snapshot_head(t)->n_associations, 8);
        assert_null(snapshot_unref(t));
        assert_null(snapshot_unref(NULL));
}

static void test_seals_are_asked_for(void **state) {
        struct snapshot *s = sample(), *t = NULL;

        (void) state;
        assert_int_equal(snapshot_map(memfd_of(snapshot_head(s), snapshot_head(s)->size, F_SEAL_GROW), &t), -EBADMSG);
        assert_int_equal(snapshot_map(memfd_of("", 0, SNAPSHOT_SEALS), &t), -EBADMSG);
        snapshot_unref(s);
}

/* One wrong number anywhere in the bookkeeping: refused. */
static void test_unsound(void **state) {
        struct snapshot *s = sample(), *t = NULL;
        size_t size = snapshot_head(s)->size;
        _cleanup_free_ char *copy = malloc(size);
        struct snapshot_head *h = (struct snapshot_head *) copy;
        struct association *a;
        struct endpoint *e;
        struct process *o;
        struct netns *n;
        struct path *p;
        struct address *x;

        (void) state;
#define REFUSED(statement)                                      \
        do {                                                    \
                memcpy(copy, snapshot_head(s), size);           \
                a = (struct association *) (copy + h->associations);    \
                e = (struct endpoint *) (copy + h->endpoints);  \
                p = (struct path *) (copy + h->paths);          \
                x = (struct address *) (copy + h->addresses);   \
                n = (struct netns *) (copy + h->namespaces);    \
                o = (struct process *) (copy + h->processes);   \
                statement;                                      \
                assert_int_equal(map(copy, size, &t), -EBADMSG);\
        } while (0)

        REFUSED(h->magic++);
        REFUSED(h->size++);
        REFUSED(h->n_endpoints++; h->endpoints = size - sizeof(struct endpoint));
        REFUSED(h->n_associations = UINT32_MAX);
        REFUSED(h->associations = UINT64_MAX);
        REFUSED(h->associations += 4);
        REFUSED(h->paths = 0);
        REFUSED(h->addresses = size + 8);
        REFUSED(h->n_counters = UINT32_MAX / 2);
        REFUSED(h->n_complaints = 1000000);
        REFUSED(memset(h->reason, 'x', sizeof(h->reason)));
        REFUSED(memset(h->advice, 'x', sizeof(h->advice)));
        REFUSED(h->sources[0].result = 77);
        REFUSED(memset(h->sources[1].text, 'x', sizeof(h->sources[1].text)));
        REFUSED(strcpy(h->reason, "none\nMAINPID=1"));
        REFUSED(strcpy(h->sources[1].text, "\x1b[2J"));
        REFUSED(strcpy(h->advice, "\x7f"));
        REFUSED(a[3].local.first = UINT32_MAX);
        REFUSED(a[3].paths.count = UINT32_MAX);
        REFUSED(a[3].state = _ASSOCIATION_STATE_MAX);
        REFUSED(a[3].state = -1);
        REFUSED(a[3].style = 9);
        REFUSED(a[3].socket_state = -7);
        REFUSED(a[3].given[0] |= UINT64_C(1) << 63);
        REFUSED(a[3].given[1] |= UINT64_C(1) << 63);
        REFUSED(FIELD_GIVE(a + 3, ASSOCIATION_ATTACHMENT); a[3].attachment = _ATTACHMENT_MAX);
        REFUSED(a[3].impaired = 1u << _IMPAIRMENT_MAX);
        REFUSED(a[3].last_impaired = 1u << _IMPAIRMENT_MAX);
        REFUSED(p[0].last_state = _PATH_STATE_MAX + 1);
        REFUSED(a[3].detail.original.family = 77);
        REFUSED(a[3].owners.count = 1);
        REFUSED(e[1].owners.first = 1);
        REFUSED(e[1].forwards_to.family = 77);
        REFUSED(((uint32_t *) (copy + h->owners))[0] = h->n_processes);
        REFUSED(h->n_owners = UINT32_MAX);
        REFUSED(h->n_namespaces = UINT32_MAX);
        REFUSED(h->processes += 8);
        REFUSED(n[1].netns = n[0].netns);
        REFUSED(memset(n[0].name, 'x', sizeof(n[0].name)));
        REFUSED(memset(n[0].container, 'x', sizeof(n[0].container)));
        REFUSED(memset(n[1].error, 'x', sizeof(n[1].error)));
        REFUSED(o[1].pid = o[0].pid);
        REFUSED(memset(o[0].command, 'x', sizeof(o[0].command)));
        REFUSED(memset(o[0].unit, 'x', sizeof(o[0].unit)));
        REFUSED(memset(o[0].runtime, 'x', sizeof(o[0].runtime)));
        REFUSED(memset(o[0].container_id, 'x', sizeof(o[0].container_id)));
        REFUSED(memset(o[1].container, 'x', sizeof(o[1].container)));
        REFUSED(memset(o[1].pod, 'x', sizeof(o[1].pod)));
        REFUSED(h->statistics.max_rto_path.family = 77);
        REFUSED(a[3].local.first--);
        REFUSED(a[3].paths = a[2].paths);
        REFUSED(e[1].local.count = 1000);
        REFUSED(e[1].state = 99);
        REFUSED(FIELD_GIVE(p + 2, PATH_STATE); p[2].state = -1);
        REFUSED(p[2].address.family = 0);
        REFUSED(x[4].family = 77);
        REFUSED(memset(copy + h->counters, 'x', sizeof(((struct counter *) NULL)->name)));
        REFUSED(memset(copy + h->complaints, 'x', sizeof(((struct complaint *) NULL)->file)));
        (void) e;
        (void) p;
        (void) x;
        (void) n;
        (void) o;

        /* Not given, so never looked at. */
        memcpy(copy, snapshot_head(s), size);
        a = (struct association *) (copy + h->associations);
        FIELD_TAKE_BACK(a, ASSOCIATION_STATE);
        a->state = -1;
        assert_int_equal(map(copy, size, &t), 0);
        snapshot_unref(t);

        /* Cut short, or longer than it says. */
        assert_int_equal(map(snapshot_head(s), size - 8, &t), -EBADMSG);
        assert_int_equal(map(snapshot_head(s), sizeof(*h) - 1, &t), -EBADMSG);
        snapshot_unref(s);
}

static void test_namespaces_and_owners(void **state) {
        struct snapshot *s = sample();
        const struct association *a = NULL;

        (void) state;
        assert_null(snapshot_netns(s, 4));
        assert_int_equal(snapshot_netns(s, 5)->netns, 5);
        assert_int_equal(snapshot_netns(s, 6)->netns, 6);
        assert_null(snapshot_netns(s, 7));
        for (uint32_t i = 0; i < snapshot_head(s)->n_associations; i++)
                if (snapshot_associations(s)[i].owners.count > 0)
                        a = snapshot_associations(s) + i;
        assert_non_null(a);
        assert_int_equal(a->owners.count, 2);
        for (uint32_t i = 0; i < 2; i++)
                assert_int_equal(snapshot_processes(s)[snapshot_owners(s, a->owners)[i]].pid, 100 + i);
        snapshot_unref(s);
}

static void test_saved_and_loaded(void **state) {
        char directory[] = "/tmp/test-snapshot-XXXXXX", path[64], other[64];
        struct snapshot *s = sample(), *t = NULL;
        FILE *f;

        (void) state;
        assert_non_null(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/snapshot", directory);
        snprintf(other, sizeof(other), "%s/snapshot.new", directory);
        assert_int_equal(snapshot_load(path, &t), -ENOENT);
        assert_int_equal(snapshot_save(s, path), 0);
        assert_int_equal(snapshot_save(s, path), 0);
        assert_int_equal(access(other, F_OK), -1);
        assert_int_equal(snapshot_load(path, &t), 0);
        assert_memory_equal(snapshot_head(s), snapshot_head(t), snapshot_head(s)->size);
        snapshot_unref(t);

        f = fopen(path, "we");
        (void) fputs("not a snapshot", f);
        (void) fclose(f);
        assert_int_equal(snapshot_load(path, &t), -EBADMSG);
        assert_int_equal(snapshot_load(directory, &t), -EBADMSG);
        assert_int_equal(truncate(path, (off_t) SNAPSHOT_FILE_MAX + 1), 0);
        assert_int_equal(snapshot_load(path, &t), -EBADMSG);
        /* One that nobody writes into. */
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(snapshot_load(path, &t), -EBADMSG);
        assert_int_equal(snapshot_save(s, "/nonexistent/snapshot"), -ENOENT);

        (void) unlink(path);
        (void) rmdir(directory);
        snapshot_unref(s);
}

static void test_maxima(void **state) {
        struct association *a;
        struct builder b = {};
        struct endpoint *e;
        struct counter *c;
        struct address *x;
        struct process *o;
        struct netns *n;
        struct path *p;

        (void) state;
        for (unsigned i = 0; i < SNAPSHOT_COUNTERS_MAX; i++)
                assert_int_equal(builder_add_counter(&b, &c), 0);
        assert_int_equal(builder_add_counter(&b, &c), -E2BIG);

        b.n_namespaces = SNAPSHOT_NAMESPACES_MAX;
        b.n_processes = SNAPSHOT_PROCESSES_MAX;
        b.n_owners = SNAPSHOT_OWNERS_MAX;
        assert_int_equal(builder_add_netns(&b, &n), -E2BIG);
        assert_int_equal(builder_add_process(&b, &o), -E2BIG);
        assert_int_equal(builder_add_owner(&b, 0), -E2BIG);
        b.n_endpoints = SNAPSHOT_ENDPOINTS_MAX;
        b.n_associations = SNAPSHOT_ASSOCIATIONS_MAX;
        b.n_paths = SNAPSHOT_PATHS_MAX;
        b.n_addresses = SNAPSHOT_ADDRESSES_MAX;
        assert_int_equal(builder_add_endpoint(&b, &e), -E2BIG);
        assert_int_equal(builder_add_association(&b, &a), -E2BIG);
        assert_int_equal(builder_add_path(&b, &p), -E2BIG);
        assert_int_equal(builder_add_address(&b, &x), -E2BIG);
        builder_done(&b);
}

/* One snapshot after the other is made in the same room, of many rows and of few. */
static void test_cleared(void **state) {
        static const unsigned sizes[] = { BUILDER_SPARE_MIN * 5, BUILDER_SPARE_MIN * 5 - 1, 3, 0, 7 };
        struct builder b = {};

        (void) state;
        for (size_t i = 0; i < ELEMENTS(sizes); i++) {
                const void *room = b.associations;
                struct association *a;
                struct snapshot *s;
                struct endpoint *e;

                b.head.serial = i;
                assert_int_equal(builder_add_endpoint(&b, &e), 0);
                e->local_port = (uint16_t) i;
                for (unsigned k = 0; k < sizes[i]; k++) {
                        assert_int_equal(builder_add_association(&b, &a), 0);
                        /* Nothing is left of the row that was there before. */
                        assert_true(a->id == 0 && a->state == 0 && a->detail.local_tag == 0);
                        *a = (struct association) { .id = 1 + k, .state = 3, .detail.local_tag = k };
                }
                if (i == 1)
                        assert_ptr_equal(b.associations, room);
                assert_int_equal(builder_finish(&b, &s), 0);
                assert_int_equal(snapshot_head(s)->serial, i);
                assert_int_equal(snapshot_head(s)->n_endpoints, 1);
                assert_int_equal(snapshot_endpoints(s)->local_port, i);
                assert_int_equal(snapshot_head(s)->n_associations, sizes[i]);
                snapshot_unref(s);

                builder_clear(&b);
                assert_true(b.n_endpoints == 0 && b.n_associations == 0 && b.head.serial == 0);
                /* What many took is given back when there are few. */
                assert_true((b.allocated[1] > BUILDER_SPARE_MIN) == (i < 2));
        }
        builder_done(&b);
}

static void test_empty(void **state) {
        struct snapshot *s = NULL;
        struct builder b = {};

        (void) state;
        assert_int_equal(builder_finish(&b, &s), 0);
        assert_int_equal(snapshot_head(s)->n_associations, 0);
        assert_int_equal(snapshot_head(s)->size, sizeof(struct snapshot_head));
        snapshot_unref(s);
        builder_done(&b);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_goes_to_another_process),
                cmocka_unit_test(test_seals_are_asked_for),
                cmocka_unit_test(test_unsound),
                cmocka_unit_test(test_namespaces_and_owners),
                cmocka_unit_test(test_saved_and_loaded),
                cmocka_unit_test(test_maxima),
                cmocka_unit_test(test_cleared),
                cmocka_unit_test(test_empty),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
