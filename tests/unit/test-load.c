/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/resource.h>

#include "json.h"
#include "scan.h"

/* The scanner reads saved tables instead of the kernel's. */
static int scan_saved(const struct scan_options *options, struct snapshot **ret);
#define scan_run scan_saved
#include "world.h"
#undef scan_run

/* The whole daemon, both of its processes, under load: many callers, a table that hangs, and for a long time. */

#define CONNECTIONS 1000u
/* A snapshot for each of them is not too much to be held. */
#define ROWS 100u
/* Without SCTPMON_SOAK_REQUESTS and SCTPMON_SOAK_SCANS in the environment. */
#define SOAK_REQUESTS 8000u
#define SOAK_SCANS 800u
/* What a process may take more in the end than after a tenth of them; where it is, malloc() keeps some for later. */
#define SOAK_GROWTH_KIB_MAX 1024u
/* Looks at the one tree before there are as many at the other one. */
#define SOAK_LOOKS 10u

static char trees[2][96];

static int scan_saved(const struct scan_options *options, struct snapshot **ret) {
        struct scan_options saved = *options;

        saved.root = trees[options->serial / SOAK_LOOKS % ELEMENTS(trees)];
        saved.memory = NULL;
        return scan_run(&saved, ret);
}

/* The linker leads the server's question for its peer here: each 256 callers are another user. */
int __real_getsockopt(int fd, int level, int option, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size) {
        static unsigned callers;
        int r = __real_getsockopt(fd, level, option, value, size);

        if (r == 0 && level == SOL_SOCKET && option == SO_PEERCRED)
                ((struct ucred *) value)->uid = 1000 + callers++ / SERVER_CONNECTIONS_PER_USER_MAX;
        return r;
}

/* A tree with tables that a real kernel has printed. */
static void make_tree(const struct world *w, size_t i, const char *saved) {
        static const char *const tables[] = { "eps", "assocs", "remaddr", "snmp" };
        char path[192], target[4096];

        snprintf(trees[i], sizeof(trees[i]), "%s/%zu", w->directory, i);
        snprintf(path, sizeof(path), "mkdir -p %s/proc/net/sctp", trees[i]);
        assert_int_equal(system(path), 0);
        for (size_t j = 0; j < ELEMENTS(tables); j++) {
                snprintf(path, sizeof(path), "%s/proc/net/sctp/%s", trees[i], tables[j]);
                snprintf(target, sizeof(target), "%s/6.12/%s.%s", getenv("TEST_DATA"), saved, tables[j]);
                assert_int_equal(symlink(target, path), 0);
        }
}

static int setup_trees(void **state) {
        struct world *w;

        if (setup(state) < 0)
                return -1;
        w = *state;
        make_tree(w, 0, "healthy.ns_b");
        make_tree(w, 1, "path2_down.ns_b");
        w->scans = w->deaf = true;
        w->config.bpf = false;
        return 0;
}

static int teardown_trees(void **state) {
        const struct world *w = *state;
        char command[160];

        snprintf(command, sizeof(command), "rm -rf %s/0 %s/1", w->directory, w->directory);
        return system(command) == 0 ? teardown(state) : -1;
}

#define ASSOCIATIONS 8u

struct look {
        unsigned rows;
        int64_t age_ms;
        bool stale;
};

static struct look receive_look(struct varlink_client *c) {
        struct look look = {};

        for (bool last = false; !last;) {
                struct varlink_reply reply = receive(c);
                json_t *scan = json_object_get(reply.parameters, "scan");

                last = !reply.continues;
                if (last && !reply.error) {
                        look.age_ms = json_integer_value(json_object_get(scan, "ageMs"));
                        look.stale = json_is_true(json_object_get(scan, "stale"));
                }
                look.rows += !!json_object_get(reply.parameters, "association");
                varlink_reply_done(&reply);
        }
        return look;
}

static void await_fresh_look(struct varlink_client *c) {
        struct look look;

        do {
                call(c, "ListAssociations", NULL);
                look = receive_look(c);
        } while (look.rows == 0 || look.stale);
        assert_int_equal(look.rows, ASSOCIATIONS);
}

static bool has_notice(struct varlink_client *c, bool *ret_stale) {
        struct varlink_reply reply;
        bool notice;

        call(c, "GetStatus", NULL);
        reply = receive(c);
        notice = json_object_get(reply.parameters, "notice");
        *ret_stale = json_is_true(json_object_get(json_object_get(reply.parameters, "scan"), "stale"));
        varlink_reply_done(&reply);
        return notice;
}

/* A scanner that hangs in the kernel: everybody gets the last snapshot, with its age, and the status says why. */
static void test_a_table_that_hangs(void **state) {
        char table[160], fifo[160], kept[160];
        struct varlink_client *c, *many[10];
        struct world *w = *state;
        struct look look, earlier = {};
        bool stale;
        int fd;

        w->config.scan_timeout_usec = 2 * SCAN_WAIT_USEC;
        /* All looks are at the same one. */
        strcpy(trees[1], trees[0]);
        start(w, NULL);
        c = client(w);
        await_fresh_look(c);
        assert_false(has_notice(c, &stale));
        assert_false(stale);

        /* Who opens it waits in the kernel for somebody to write. */
        snprintf(table, sizeof(table), "%s/proc/net/sctp/assocs", trees[0]);
        snprintf(kept, sizeof(kept), "%s/kept", trees[0]);
        snprintf(fifo, sizeof(fifo), "%s/fifo", trees[0]);
        assert_int_equal(mkfifo(fifo, 0600), 0);
        assert_int_equal(rename(table, kept), 0);
        assert_int_equal(link(fifo, table), 0);

        for (size_t i = 0; i < ELEMENTS(many); i++) {
                many[i] = client(w);
                call(many[i], "ListAssociations", NULL);
        }
        for (size_t i = 0; i < ELEMENTS(many); i++) {
                look = receive_look(many[i]);
                assert_int_equal(look.rows, ASSOCIATIONS);
                assert_true(look.stale);
                assert_true(look.age_ms >= (int64_t) (SCAN_WAIT_USEC / USEC_PER_MSEC));
        }
        while (!has_notice(c, &stale))
                ;
        assert_true(stale);
        for (size_t i = 0; i < ELEMENTS(many); i++) {
                call(many[i], "ListAssociations", NULL);
                look = receive_look(many[i]);
                assert_int_equal(look.rows, ASSOCIATIONS);
                assert_true(look.stale && look.age_ms > earlier.age_ms);
                assert_true(look.age_ms >= (int64_t) (w->config.scan_timeout_usec / USEC_PER_MSEC));
                earlier = look;
                varlink_client_free(many[i]);
        }

        /* It goes on at last. */
        assert_int_equal(rename(kept, table), 0);
        fd = open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        assert_true(fd >= 0);
        (void) close(fd);
        await_fresh_look(c);
        assert_false(has_notice(c, &stale));
        assert_false(stale);
        varlink_client_free(c);
}

#define LIST "{\"method\":\"io.sctpmon.Monitor.ListAssociations\",\"more\":true}"

/* One of very many callers. */
struct caller {
        int fd;
        size_t length;                  /* of what has come so far */
        bool done;
};

/* Reads what there is. It must be the rows, and then a scan. */
static void caller_read(struct caller *c, const char *rows, size_t length) {
        static char buffer[65536];
        ssize_t n;

        n = recv(c->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        assert_true(n != 0);
        if (n < 0) {
                assert_int_equal(errno, EAGAIN);
                return;
        }
        for (size_t i = 0; i < (size_t) n; c->length++, i++) {
                static const char scan[] = "{\"parameters\":{\"scan\":{\"serial\":";

                assert_false(c->done);
                if (c->length < length)
                        assert_int_equal(buffer[i], rows[c->length]);
                else if (c->length - length < sizeof(scan) - 1)
                        assert_int_equal(buffer[i], scan[c->length - length]);
                else
                        c->done = buffer[i] == '\0';
        }
}

/* What each of them is to get; to be freed. */
static char *expected_rows(size_t *ret_length) {
        struct snapshot *s = made_up(1, 0, ROWS, 0);
        struct buffer text = {};

        for (uint32_t i = 0; i < ROWS; i++) {
                buffer_puts(&text, "{\"parameters\":{\"association\":");
                json_write_association(&text, NULL, s, snapshot_associations(s) + i, NULL);
                buffer_puts(&text, "},\"continues\":true}");
                buffer_putc(&text, '\0');
        }
        assert_false(text.failed);
        snapshot_unref(s);
        *ret_length = text.length;
        return text.data;
}

/* This process and the server have a descriptor for each. */
static bool may_have_descriptors(rlim_t n) {
        struct rlimit limit;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = MAX(limit.rlim_cur, MIN(n, limit.rlim_max));
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        return limit.rlim_cur >= n;
}

/* Callers of several users, each of whom has connected before any of them asks, and asked before any of them reads. */
static void test_a_thousand_callers(void **state) {
        static struct caller callers[CONNECTIONS];
        struct world *w = *state;
        unsigned done = 0;
        size_t length;
        char *rows;

        if (!may_have_descriptors(CONNECTIONS + 100))
                skip();
        w->lax = w->deaf = true;
        w->config.scan_wait_usec = LONG_USEC;
        start(w, NULL);
        (void) scan_next(w, 0, ROWS, 0);
        rows = expected_rows(&length);
        for (size_t i = 0; i < CONNECTIONS; i++)
                callers[i] = (struct caller) { .fd = connect_to(w->socket_path) };
        for (size_t i = 0; i < CONNECTIONS; i++)
                assert_int_equal(send(callers[i].fd, LIST, sizeof(LIST), 0), sizeof(LIST));
        while (done < CONNECTIONS) {
                if (request_waits(w, 0))
                        (void) scan_next(w, 0, ROWS, 0);
                for (size_t i = 0; i < CONNECTIONS; i++)
                        if (!callers[i].done) {
                                caller_read(callers + i, rows, length);
                                done += callers[i].done;
                        }
        }
        free(rows);
        for (size_t i = 1; i < CONNECTIONS; i++)
                (void) close(callers[i].fd);
        {
                struct varlink_client *c = client(w);
                struct varlink_reply reply;
                json_t *clients;

                call(c, "GetStatus", NULL);
                reply = receive(c);
                clients = json_object_get(reply.parameters, "clients");
                assert_int_equal(json_integer_value(json_object_get(clients, "refusedConnections")), 0);
                assert_int_equal(json_integer_value(json_object_get(clients, "overruns")), 0);
                varlink_reply_done(&reply);
                varlink_client_free(c);
        }
        (void) close(callers[0].fd);
}

/* What a process has. */
struct use {
        unsigned descriptors;
        uint64_t resident_kib;
};

static unsigned count_descriptors(pid_t pid) {
        char path[64];
        unsigned n = 0;
        DIR *d;

        snprintf(path, sizeof(path), "/proc/%d/fd", pid);
        d = opendir(path);
        assert_non_null(d);
        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

static struct use use_of(pid_t pid) {
        struct use use = { .descriptors = count_descriptors(pid) };
        char path[64], line[256];
        FILE *f;

        /* Those that are about to be closed do not count. */
        for (unsigned i = 0; i < 20; i++) {
                (void) usleep(USEC_PER_MSEC);
                use.descriptors = MIN(use.descriptors, count_descriptors(pid));
        }

        snprintf(path, sizeof(path), "/proc/%d/status", pid);
        f = fopen(path, "re");
        assert_non_null(f);
        while (fgets(line, sizeof(line), f))
                if (strncmp(line, "VmRSS:", 6) == 0)
                        use.resident_kib = strtoull(line + 6, NULL, 10);
        (void) fclose(f);
        return use;
}

static void expect_no_more(const char *who, struct use before, struct use after) {
        print_message("# %s: %u descriptors and %" PRIu64 " KiB, then %u and %" PRIu64 " KiB\n",
                      who, before.descriptors, before.resident_kib, after.descriptors, after.resident_kib);
        assert_int_equal(after.descriptors, before.descriptors);
#ifndef __SANITIZE_ADDRESS__            /* It keeps what was freed. */
        assert_true(after.resident_kib <= before.resident_kib + SOAK_GROWTH_KIB_MAX);
#endif
}

static unsigned long number_of(const char *variable, unsigned long otherwise) {
        const char *text = getenv(variable);

        return text ? strtoul(text, NULL, 10) : otherwise;
}

/* All kinds of requests that need no scan, in turns. */
static void request_something(struct varlink_client *c, unsigned long i) {
        switch (i % 8) {
        case 0:
                call(c, "GetStatus", NULL);
                break;
        case 1:
                call(c, "GetCounters", json_pack("{si}", "maxAgeMs", 3600000));
                break;
        case 2:
                call(c, "ListAssociations", json_pack("{si}", "maxAgeMs", 3600000));
                break;
        case 3:
                call(c, "ListEndpoints", json_pack("{sis{si}}", "maxAgeMs", 3600000, "filter", "port", 5000));
                break;
        case 4:
                call(c, "GetAssociation", json_pack("{sisi}", "maxAgeMs", 3600000, "associationId", 10));
                break;
        case 5:
                call(c, "GetSamples", json_pack("{si}", "associationId", 7));
                break;
        case 6:
                call(c, "GetHistory", NULL);
                break;
        default:
                call(c, "ListAssociations", json_pack("{si}", "maxAgeMs", -1));
        }
        (void) receive_look(c);
}

/* Some leave while they are listed to, or have just begun to say what they want. */
static void leave_early(const struct world *w, unsigned long i) {
        static const char monitor[] = "{\"method\":\"io.sctpmon.Monitor.Monitor\",\"more\":true}";
        int fd = connect_to(w->socket_path);

        assert_true(send(fd, i % 2 == 0 ? LIST : monitor, i % 3 == 0 ? sizeof(LIST) / 2 : sizeof(monitor), 0) > 0);
        (void) close(fd);
}

/* Until the server knows that they have left; while it waits for a scan it has seen them come. */
static void await_leavers(struct varlink_client *c) {
        json_int_t connected;

        await_fresh_look(c);
        do {
                struct varlink_reply reply;
                json_t *clients;

                call(c, "GetStatus", NULL);
                reply = receive(c);
                clients = json_object_get(reply.parameters, "clients");
                connected = json_integer_value(json_object_get(clients, "connected"));
                varlink_reply_done(&reply);
        } while (connected > 1);
}

/* Descriptors and memory stay what they are, however much is asked and looked at. */
static void test_descriptors_and_memory_stay(void **state) {
        unsigned long requests = number_of("SCTPMON_SOAK_REQUESTS", SOAK_REQUESTS), done = 0;
        unsigned long scans = number_of("SCTPMON_SOAK_SCANS", SOAK_SCANS);
        struct use server = {}, scanner = {};
        struct varlink_reply reply;
        struct varlink_client *c;
        struct world *w = *state;
        pid_t scanner_pid;

        /* They are full soon. */
        w->config.history_changes = 10;
        w->config.scan_wait_usec = LONG_USEC;
        start(w, NULL);
        c = client(w);
        await_fresh_look(c);
        call(c, "GetStatus", NULL);
        reply = receive(c);
        scanner_pid = (pid_t) json_integer_value(json_object_get(reply.parameters, "scannerPid"));
        varlink_reply_done(&reply);

        for (unsigned long i = 1; i <= scans; i++) {
                call(c, "ListAssociations", NULL);
                assert_int_equal(receive_look(c).rows, ASSOCIATIONS);
                for (; done * scans < i * requests; done++)
                        request_something(c, done);
                if (i % 10 == 0)
                        leave_early(w, i / 10);
                if (i == scans || i == scans / 10)
                        await_leavers(c);
                if (i == scans / 10) {
                        server = use_of(w->pid);
                        scanner = use_of(scanner_pid);
                }
        }
        expect_no_more("server", server, use_of(w->pid));
        expect_no_more("scanner", scanner, use_of(scanner_pid));
        varlink_client_free(c);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_a_table_that_hangs, setup_trees, teardown_trees),
                cmocka_unit_test_setup_teardown(test_a_thousand_callers, setup, teardown),
                cmocka_unit_test_setup_teardown(test_descriptors_and_memory_stay, setup_trees, teardown_trees),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
