/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../../daemon/scanner.h"
#include "builder.h"

/* How many descriptors the process has, and how many of them are of files with this in their name. */
static unsigned descriptors(pid_t pid, const char *part, unsigned *ret_matching) {
        char directory[64], target[256];
        struct dirent *e;
        unsigned n = 0;
        DIR *d;

        snprintf(directory, sizeof(directory), "/proc/%d/fd", pid);
        d = opendir(directory);
        assert_non_null(d);
        *ret_matching = 0;
        while ((e = readdir(d))) {
                ssize_t length = readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);

                if (length < 0)
                        continue;
                target[length] = '\0';
                n++;
                *ret_matching += !!strstr(target, part);
        }
        closedir(d);
        return n;
}

static uint64_t receive(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        struct snapshot *s = NULL;
        uint64_t serial = 0;
        int error = 0;

        assert_int_equal(poll(&p, 1, 60 * 1000), 1);
        assert_int_equal(scanner_receive(fd, &serial, &error, &s), 0);
        assert_int_equal(error, 0);
        assert_true(snapshot_head(s)->serial == serial);
        snapshot_unref(s);
        return serial;
}

static void test_has_only_what_it_needs(void **state) {
        struct snapshot *previous = NULL;
        int marker, fd, status;
        struct builder b = {};
        unsigned n, matching;
        pid_t pid;

        (void) state;
        assert_int_equal(builder_finish(&b, &previous), 0);
        marker = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
        assert_int_equal(scanner_start(previous, &pid, &fd), 0);
        do
                (void) descriptors(pid, "/status", &matching);
        while (matching > 0 && usleep(1000) == 0);

        /* The snapshot it starts from stays whole: its number must not be another file's when it is let go. */
        n = descriptors(pid, "sctpmon-snapshot", &matching);
        /* Besides: its own namespace, and what is mounted. */
        assert_true(n <= 7);
        assert_int_equal(matching, 1);

        for (uint64_t serial = 7; serial < 10; serial++) {
                struct scanner_request q = { .serial = serial };

                assert_int_equal(scanner_ask(fd, &q), 0);
                assert_true(receive(fd) == serial);
        }
        /* It answers before it lets go of the scan before. */
        for (unsigned i = 0; descriptors(pid, "sctpmon-snapshot", &matching) > 7 && i < 10000; i++)
                (void) usleep(1000);
        assert_int_equal(matching, 1);

        /* It ends with the server. */
        (void) close(fd);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        (void) close(marker);
        snapshot_unref(previous);
}

/* A line of /proc/PID/status, as a number. */
static uint64_t status_of(pid_t pid, const char *name, int base) {
        char path[64], line[256];
        uint64_t value = UINT64_MAX;
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%d/status", pid);
        f = fopen(path, "re");
        assert_non_null(f);
        while (fgets(line, sizeof(line), f))
                if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
                        value = strtoull(line + strlen(name) + 1, NULL, base);
        (void) fclose(f);
        return value;
}

static void test_keeps_its_capabilities_only(void **state) {
        static const uint64_t kept = UINT64_C(1) << 2 | UINT64_C(1) << 12 | UINT64_C(1) << 19 | UINT64_C(1) << 21 |
                                     UINT64_C(1) << 34;
        struct scanner_request q = { .serial = 1 };
        uint64_t ours;
        pid_t pid;
        int fd;

        (void) state;
        ours = status_of(getpid(), "CapPrm", 16);
        assert_int_equal(scanner_start(NULL, &pid, &fd), 0);
        /* It has answered: it is at work. */
        assert_int_equal(scanner_ask(fd, &q), 0);
        (void) receive(fd);
        assert_true(status_of(pid, "CapPrm", 16) == (ours & kept));
        assert_true(status_of(pid, "CapEff", 16) == (ours & kept));
        assert_true(status_of(pid, "CapInh", 16) == 0);
        assert_true(status_of(pid, "CapAmb", 16) == 0);
        assert_true(status_of(pid, "NoNewPrivs", 10) == 1);
        (void) close(fd);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* A server that was taken over gets nothing out of it but its end. */
static void test_refuses_unsound_requests(void **state) {
        const struct scanner_request good = {
                .serial = 1, .dear_usec = SCANNER_DEAR_USEC_MAX, .off = (1u << _SOURCE_MAX) - 1, .new_only = 1,
                .wish_netns = UINT64_MAX, .wish_id = UINT32_MAX, .wish_statistics = 1,
        };

        (void) state;
        for (unsigned i = 0; i < 8; i++) {
                struct scanner_request q = good;
                size_t size = sizeof(q);
                int fd, status;
                pid_t pid;

                q.serial -= i == 1;
                q.dear_usec += i == 2;
                q.off += i == 3;
                q.new_only += i == 4;
                q.wish_statistics += i == 5;
                q.reserved[5] = i == 6;
                size -= i == 7;
                assert_int_equal(scanner_start(NULL, &pid, &fd), 0);
                assert_int_equal(send(fd, &q, size, 0), size);
                if (i == 0)
                        (void) receive(fd);
                (void) shutdown(fd, SHUT_WR);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_true(WIFEXITED(status) && WEXITSTATUS(status) == (i > 0));
                (void) close(fd);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_has_only_what_it_needs),
                cmocka_unit_test(test_keeps_its_capabilities_only),
                cmocka_unit_test(test_refuses_unsound_requests),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
