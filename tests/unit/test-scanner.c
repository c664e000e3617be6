/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
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
        assert_true(n <= 5);
        assert_int_equal(matching, 1);

        for (uint64_t serial = 7; serial < 10; serial++) {
                assert_int_equal(scanner_ask(fd, serial), 0);
                assert_true(receive(fd) == serial);
        }
        /* It answers before it lets go of the scan before. */
        for (unsigned i = 0; descriptors(pid, "sctpmon-snapshot", &matching) > 5 && i < 10000; i++)
                (void) usleep(1000);
        assert_int_equal(matching, 1);

        /* It ends with the server. */
        (void) close(fd);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        (void) close(marker);
        snapshot_unref(previous);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_has_only_what_it_needs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
