/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "clock.h"
#include "json.h"
#include "layout.h"
#include "macro.h"
#include "netns.h"
#include "owner.h"
#include "scan.h"

/* The linker leads these calls of lib/ here (--wrap): each in its turn fails, once, and what needed it has to say so, to
 * lose nothing, and to go well the next time. */

static struct {
        bool counts;
        unsigned calls;                 /* so many were made since it began to count */
        unsigned failing;               /* the one that fails, from 1; 0: none */
        int error;                      /* 0: of its own kind */
        size_t at_once;                 /* as much as one read() gives; 0: all */
        unsigned busy;                  /* so often a memfd is not sealed */
        bool failed;
} fault;

static bool fails(int error) {
        if (!fault.counts || ++fault.calls != fault.failing)
                return false;
        fault.failed = true;
        errno = fault.error ?: error;
        return true;
}

#define WRAP(type, name, error, failure, parameters, ...)       \
        type __real_##name parameters;                          \
        type __wrap_##name parameters;                          \
        type __wrap_##name parameters {                         \
                return fails(error) ? failure : __real_##name(__VA_ARGS__); \
        }

/* What was allocated while it counted, and is not free yet. */
static void *kept[4096];
static size_t n_kept;

static void forget(const void *p) {
        for (size_t i = n_kept; p && i-- > 0;)
                if (kept[i] == p) {
                        kept[i] = kept[--n_kept];
                        return;
                }
}

static void *keep(void *p) {
        if (p && fault.counts) {
                if (n_kept >= ELEMENTS(kept))
                        abort();
                kept[n_kept++] = p;
        }
        return p;
}

#define WRAP_ALLOCATION(type, name, old, parameters, ...)       \
        type __real_##name parameters;                          \
        type __wrap_##name parameters;                          \
        type __wrap_##name parameters {                         \
                void *result;                                   \
                                                                \
                if (fails(ENOMEM))                              \
                        return NULL;                            \
                result = __real_##name(__VA_ARGS__);            \
                if (result)                                     \
                        forget(old);                            \
                return keep(result);                            \
        }

WRAP_ALLOCATION(void *, malloc, NULL, (size_t size), size)
WRAP_ALLOCATION(void *, calloc, NULL, (size_t n, size_t size), n, size)
WRAP_ALLOCATION(void *, realloc, p, (void *p, size_t size), p, size)
WRAP_ALLOCATION(void *, reallocarray, p, (void *p, size_t n, size_t size), p, n, size)
WRAP_ALLOCATION(char *, strdup, NULL, (const char *s), s)

void __real_free(void *p);
void __wrap_free(void *p);
void __wrap_free(void *p) {
        forget(p);
        __real_free(p);
}

WRAP(int, memfd_create, EMFILE, -1, (const char *name, unsigned flags), name, flags)
WRAP(ssize_t, write, ENOSPC, -1, (int fd, const void *data, size_t size), fd, data, size)
WRAP(int, ftruncate, ENOMEM, -1, (int fd, off_t length), fd, length)
WRAP(void *, mmap, ENOMEM, MAP_FAILED, (void *p, size_t n, int prot, int flags, int fd, off_t offset),
     p, n, prot, flags, fd, offset)
WRAP(DIR *, opendir, EMFILE, NULL, (const char *path), path)
WRAP(DIR *, fdopendir, ENOMEM, NULL, (int fd), fd)
WRAP(int, fstat, ENOMEM, -1, (int fd, struct stat *st), fd, st)

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...) {
        mode_t mode = 0;
        va_list args;

        va_start(args, flags);
        if (flags & O_CREAT)
                mode = va_arg(args, mode_t);
        va_end(args);
        return fails(EMFILE) ? -1 : __real_open(path, flags, mode);
}

int __real_openat(int directory, const char *path, int flags, ...);
int __wrap_openat(int directory, const char *path, int flags, ...);
int __wrap_openat(int directory, const char *path, int flags, ...) {
        return fails(EMFILE) ? -1 : __real_openat(directory, path, flags, 0);
}

ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size) {
        if (fails(EIO))
                return -1;
        return __real_read(fd, buffer, fault.counts && fault.at_once > 0 ? MIN(size, fault.at_once) : size);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...) {
        va_list args;
        long argument;

        va_start(args, command);
        argument = va_arg(args, long);
        va_end(args);
        if (command == F_ADD_SEALS && fault.busy > 0) {
                fault.busy--;
                errno = EBUSY;
                return -1;
        }
        return __real_fcntl(fd, command, argument);
}

static unsigned count_descriptors(void) {
        unsigned n = 0;

        for (int fd = 0; fd < 1024; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

/* With errors that are told from each other, and those that any call may have. */
static const int errors[] = { 0, EINTR, EMFILE, ENOMEM };

/* Runs it with each of its calls failing in turn, until it makes no more of them. How many there were. */
static unsigned each_fails(int error, void (*run)(void *userdata), void *userdata) {
        fault.error = error;
        for (fault.failing = 1;; fault.failing++) {
                unsigned before = count_descriptors();

                fault.failed = false;
                fault.calls = 0;
                run(userdata);
                assert_false(fault.counts);
                assert_int_equal(count_descriptors(), before);
                assert_int_equal(n_kept, 0);
                if (!fault.failed)
                        return fault.calls;
        }
}

struct tree {
        char root[64];
        struct snapshot *previous;      /* of the same tables, without a fault */
};

static void copy(const struct tree *t, const char *table, const char *sample) {
        size_t length;
        _cleanup_free_ char *text = test_data(sample, &length);
        char path[256];
        FILE *f;

        snprintf(path, sizeof(path), "%s/proc/net/sctp/%s", t->root, table);
        f = fopen(path, "we");
        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, length, f), length);
        assert_int_equal(fclose(f), 0);
}

static int setup(void **state) {
        static const char *const directories[] = { "proc", "proc/net", "proc/net/sctp" };
        static const char *const tables[] = { "eps", "assocs", "remaddr", "snmp" };
        struct tree *t = calloc(1, sizeof(*t));
        struct scan_options options = { .root = t->root, .serial = 1 };
        char path[128];

        strcpy(t->root, "/tmp/test-faults-XXXXXX");
        if (!mkdtemp(t->root))
                return -1;
        for (size_t i = 0; i < ELEMENTS(directories); i++) {
                snprintf(path, sizeof(path), "%s/%s", t->root, directories[i]);
                if (mkdir(path, 0755) < 0)
                        return -1;
        }
        for (size_t i = 0; i < ELEMENTS(tables); i++) {
                snprintf(path, sizeof(path), "6.12/%s.ns_a.%s", i == 0 ? "healthy" : "path2_down", tables[i]);
                copy(t, tables[i], path);
        }
        *state = t;
        return scan_run(&options, &t->previous);
}

static int teardown(void **state) {
        struct tree *t = *state;
        char command[128];

        snapshot_unref(t->previous);
        snprintf(command, sizeof(command), "rm -r %s", t->root);
        if (system(command) != 0)
                return -1;
        free(t);
        return 0;
}

static bool has_failed(const struct snapshot *s, enum source source) {
        return snapshot_head(s)->sources[source].result == SOURCE_FAILED;
}

/* The same rows, whether they were read or, of a table that could not be, are handed on. */
static void assert_same_rows(const struct snapshot *s, const struct snapshot *previous) {
        const struct snapshot_head *head = snapshot_head(s), *before = snapshot_head(previous);

        assert_true(head->available);
        assert_int_equal(head->n_endpoints, before->n_endpoints);
        for (uint32_t i = 0; i < head->n_endpoints; i++) {
                const struct endpoint *e = snapshot_endpoints(s) + i, *f = snapshot_endpoints(previous) + i;

                assert_int_equal(e->local_port, f->local_port);
                assert_int_equal(e->inode, f->inode);
                assert_int_equal(e->state, f->state);
                assert_int_equal(e->local.count, f->local.count);
        }
        assert_int_equal(head->n_associations, before->n_associations);
        for (uint32_t i = 0; i < head->n_associations; i++) {
                const struct association *a = snapshot_associations(s) + i, *b = snapshot_associations(previous) + i;
                const struct path *p = snapshot_paths(s, a->paths), *q = snapshot_paths(previous, b->paths);

                assert_int_equal(a->id, b->id);
                assert_int_equal(a->state, b->state);
                assert_int_equal(a->unseen, 0);
                assert_int_equal(a->local_port, b->local_port);
                assert_int_equal(a->peer_port, b->peer_port);
                assert_int_equal(a->local.count, b->local.count);
                assert_int_equal(a->paths.count, b->paths.count);
                for (uint32_t j = 0; j < a->paths.count; j++) {
                        assert_true(address_equal(&p[j].address, &q[j].address));
                        /* Known as it is, or not at all. */
                        assert_int_equal(FIELD_GIVEN(p + j, PATH_STATE), !has_failed(s, SOURCE_REMADDR) ||
                                         (has_failed(s, SOURCE_ASSOCS) && FIELD_GIVEN(p + j, PATH_STATE)));
                        if (FIELD_GIVEN(p + j, PATH_STATE))
                                assert_int_equal(p[j].state, q[j].state);
                }
        }
        assert_int_equal(head->n_counters, has_failed(s, SOURCE_SNMP) ? 0 : before->n_counters);
        for (size_t i = SOURCE_EPS; i < SOURCE_SOCK_DIAG; i++)
                if (has_failed(s, (enum source) i))
                        assert_true(head->sources[i].error > 0);
}

static void scan(void *userdata) {
        struct tree *t = userdata;
        struct scan_options options = { .root = t->root, .previous = t->previous, .serial = 2 };
        struct snapshot *s = NULL;
        unsigned failed = 0;
        int r;

        fault.counts = true;
        r = scan_run(&options, &s);
        fault.counts = false;
        assert_true(r <= 0);
        if (r < 0) {
                assert_true(fault.failed);
                assert_null(s);
                return;
        }

        assert_same_rows(s, t->previous);
        for (size_t i = 0; i < _SOURCE_MAX; i++)
                failed += has_failed(s, (enum source) i);
        assert_true(failed <= fault.failed);
        snapshot_unref(s);
}

static void test_a_scan(void **state) {
        struct tree *t = *state;
        unsigned before = 0;

        for (size_t i = 0; i < ELEMENTS(errors); i++) {
                unsigned calls = each_fails(errors[i], scan, t);

                /* They are the same ones each time; and without the linker's help there would be none. */
                assert_true(calls > 20);
                assert_true(i == 0 || calls == before);
                before = calls;
        }
}

/* A signal that comes while a table is read is no reason to do without it. */
static void test_a_scan_with_short_reads(void **state) {
        static const size_t sizes[] = { 1, 7, 4095 };
        struct tree *t = *state;

        for (size_t i = 0; i < ELEMENTS(sizes); i++) {
                fault.at_once = sizes[i];
                fault.failing = 0;
                fault.failed = false;
                scan(t);
        }
        fault.at_once = 0;
}

static void save_and_load(void *userdata) {
        struct tree *t = userdata;
        struct snapshot *s = NULL;
        char path[96];
        int r;

        snprintf(path, sizeof(path), "%s/snapshot", t->root);
        fault.counts = true;
        r = snapshot_save(t->previous, path);
        if (r >= 0)
                r = snapshot_load(path, &s);
        fault.counts = false;
        if (r < 0)
                assert_true(fault.failed);
        else
                assert_same_rows(s, t->previous);
        snapshot_unref(s);
}

static void test_a_snapshot_is_saved_and_loaded(void **state) {
        for (size_t i = 0; i < ELEMENTS(errors); i++)
                assert_true(each_fails(errors[i], save_and_load, *state) > 5);
}

static void test_a_snapshot_is_not_sealed_at_once(void **state) {
        struct tree *t = *state;
        struct snapshot *s = NULL;
        char path[96];

        snprintf(path, sizeof(path), "%s/snapshot", t->root);
        assert_int_equal(snapshot_save(t->previous, path), 0);
        fault.busy = SNAPSHOT_SEAL_TRIES_MAX - 1;
        assert_int_equal(snapshot_load(path, &s), 0);
        assert_same_rows(s, t->previous);
        snapshot_unref(s);
        fault.busy = SNAPSHOT_SEAL_TRIES_MAX;
        assert_int_equal(snapshot_load(path, &s), -EBUSY);
        assert_int_equal(fault.busy, 0);
}

/* All rows as JSON, behind texts of other lengths, so that each part of a row is where the text has to grow. */
static void write_rows(void *userdata) {
        struct tree *t = userdata;

        for (size_t before = 0; before < 4096; before += 512) {
                _cleanup_(buffer_done) struct buffer b = {};
                struct json_memo *memo;

                fault.counts = true;
                memo = json_memo_new();
                for (size_t i = 0; i < before; i++)
                        buffer_putc(&b, ' ');
                for (uint32_t i = 0; i < snapshot_head(t->previous)->n_associations; i++)
                        json_write_association(&b, memo, t->previous, snapshot_associations(t->previous) + i, "peer");
                buffer_putc(&b, '\n');
                json_memo_free(memo);
                fault.counts = false;
                assert_true(b.length <= b.allocated);
                assert_true(fault.failed || !b.failed);
                if (!b.failed)
                        assert_int_equal(b.data[b.length - 1], '\n');
        }
}

static void test_rows_are_written(void **state) {
        assert_true(each_fails(0, write_rows, *state) > 16);
}

/* Of this machine: they come and go, but this process's own is among them whenever it goes well. */
static void list_namespaces(void *userdata) {
        struct netns_list *l = NULL;
        uint64_t own;
        int r;

        (void) userdata;
        assert_int_equal(netns_self(&own), 0);
        fault.counts = true;
        r = netns_list_new(&l);
        for (unsigned i = 0; r >= 0 && i < 2; i++)
                r = netns_list_update(l, i > 0);
        fault.counts = false;
        if (r < 0)
                assert_true(fault.failed);
        else if (!fault.failed)
                assert_non_null(netns_list_find(l, own));
        /* Once a fault is over, all is well again. */
        if (l) {
                assert_int_equal(netns_list_update(l, true), 0);
                assert_non_null(netns_list_find(l, own));
        }
        netns_list_free(l);
}

static void test_namespaces_are_listed(void **state) {
        (void) state;
        assert_true(each_fails(0, list_namespaces, NULL) > 10);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_a_scan),
                TEST(test_a_scan_with_short_reads),
                TEST(test_a_snapshot_is_saved_and_loaded),
                TEST(test_a_snapshot_is_not_sealed_at_once),
                TEST(test_rows_are_written),
                cmocka_unit_test(test_namespaces_are_listed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
