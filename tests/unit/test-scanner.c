/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../../daemon/scanner.c"
#include "builder.h"
#include "changes.h"

/* The test plays the kernel, too: each byte in a pipe is something that happens, an 'L' something that is lost, an 'E' that
 * there are other endpoints, a 'T' what only those hear of who want to hear of all. */
struct bpf_events {
        int fd;
        uint64_t lost;
        bool endpoints;
        struct tracing tracing;
};

#define BATCH_MAX 64u

int bpf_events_open(struct bpf_events **ret, char why[static BPF_WHY_MAX]) {
        (void) ret;
        (void) why;
        return -EOPNOTSUPP;
}

struct bpf_events *bpf_events_close(struct bpf_events *e) {
        (void) e;
        return NULL;
}

int bpf_events_fd(const struct bpf_events *e) {
        return e->fd;
}

int bpf_events_read(struct bpf_events *e, const struct snapshot *previous, bool own_only, struct snapshot **ret) {
        struct builder b = { .head.news = 1 };
        char bytes[BATCH_MAX];
        ssize_t n = read(e->fd, bytes, sizeof(bytes));

        (void) previous;
        (void) own_only;
        for (ssize_t i = 0; i < n; i++) {
                struct association *a;
                struct happening *h;

                if (bytes[i] == 'L') {
                        e->lost++;
                        continue;
                }
                if (bytes[i] == 'E') {
                        e->endpoints = true;
                        continue;
                }
                if (bytes[i] == 'T' && !e->tracing.on)
                        continue;
                assert_int_equal(builder_add_association(&b, &a), 0);
                a->id = (uint8_t) bytes[i];
                a->state = ASSOCIATION_ESTABLISHED;
                FIELD_GIVE(a, ASSOCIATION_STATE);
                assert_int_equal(builder_add_happening(&b, &h), 0);
                *h = (struct happening) {
                        .path = UINT32_MAX, .new_state = ASSOCIATION_ESTABLISHED, .path_old_state = -1,
                        .path_new_state = -1,
                };
        }
        if (b.n_associations > 0)
                assert_int_equal(builder_finish(&b, ret), 0);
        builder_done(&b);
        return n == BATCH_MAX;
}

bool bpf_events_endpoints(struct bpf_events *e) {
        bool endpoints = e->endpoints;

        e->endpoints = false;
        return endpoints;
}

void bpf_events_trace(struct bpf_events *e, const struct tracing *tracing) {
        e->tracing = *tracing;
}

void bpf_events_status(const struct bpf_events *e, uint64_t *ret_lost, uint64_t *ret_steps_lost,
                       struct source_report *ret) {
        *ret_lost = e->lost;
        *ret_steps_lost = 0;
        *ret = (struct source_report) { .result = SOURCE_READ };
}

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
        static const uint64_t kept = UINT64_C(1) << 2 | UINT64_C(1) << 12 | UINT64_C(1) << 19 | UINT64_C(1) << 21;
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

                q.tracing.on += i == 1 ? 2 : 0;
                q.dear_usec += i == 2;
                q.off += i == 3;
                q.new_only += i == 4;
                q.wish_statistics += i == 5;
                q.reserved[3] = i == 6;
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

/* A scanner with such a kernel. */
static pid_t scanner_of(int *ret_fd, int *ret_kernel, int wait_for) {
        int pair[2], events[2], little = 4096;
        pid_t pid;

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &little, sizeof(little)), 0);
        assert_int_equal(pipe2(events, O_CLOEXEC | O_NONBLOCK), 0);
        assert_true(fcntl(events[1], F_SETPIPE_SZ, little) > 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                struct bpf_events e = { .fd = events[0] };
                struct scanner s = { .fd = pair[1], .programs.events = &e };
                char go;
                int r;

                (void) close(pair[0]);
                if (wait_for >= 0 && read(wait_for, &go, 1) != 1)
                        _exit(EXIT_FAILURE);
                r = scan_memory_new(&s.memory);
                s.programs.due = UINT64_MAX;
                do
                        r = r < 0 ? r : await_request(&s);
                while (r >= 0 && (r = serve_request(&s)) > 0);
                _exit(r < 0);
        }
        (void) close(pair[1]);
        (void) close(events[0]);
        *ret_fd = pair[0];
        *ret_kernel = events[1];
        return pid;
}

/* The next that the scanner sends: how much has happened; 0 of an answer, with its serial, or of losses. */
static unsigned receive_news(int fd, uint64_t *ret_serial, int *ret_error) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        struct snapshot *s = NULL;
        unsigned n;

        *ret_error = 0;
        assert_int_equal(poll(&p, 1, 60 * 1000), 1);
        assert_int_equal(scanner_receive(fd, ret_serial, ret_error, &s), 0);
        n = s ? snapshot_head(s)->n_happenings : 0;
        if (s)
                assert_true(snapshot_head(s)->news == (*ret_serial == 0));
        snapshot_unref(s);
        return n;
}

static void test_tells_news(void **state) {
        uint64_t serial;
        int fd, kernel, error;
        pid_t pid;

        (void) state;
        pid = scanner_of(&fd, &kernel, -1);
        assert_int_equal(write(kernel, "ab", 2), 2);
        assert_int_equal(receive_news(fd, &serial, &error), 2);
        assert_int_equal(serial, 0);
        assert_int_equal(write(kernel, "L", 1), 1);
        assert_int_equal(receive_news(fd, &serial, &error), 0);
        assert_int_equal(serial, 0);
        assert_int_equal(error, -EOVERFLOW);
        assert_int_equal(write(kernel, "E", 1), 1);
        assert_int_equal(receive_news(fd, &serial, &error), 0);
        assert_int_equal(serial, 0);
        assert_int_equal(error, -ESTALE);

        /* Steps for who asks for them; that is no question that would be answered. */
        assert_int_equal(write(kernel, "Ta", 2), 2);
        assert_int_equal(receive_news(fd, &serial, &error), 1);
        assert_int_equal(scanner_ask(fd, &(struct scanner_request) { .tracing.on = 1 }), 0);
        assert_int_equal(write(kernel, "Ta", 2), 2);
        assert_int_equal(receive_news(fd, &serial, &error), 2);
        assert_int_equal(serial, 0);
        (void) close(fd);
        (void) close(kernel);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* All that happened before an answer is told before it. */
static void test_news_come_before_the_answer(void **state) {
        struct scanner_request q = { .serial = 7 };
        int fd, kernel, go[2], error;
        unsigned happened = 0;
        char bytes[3 * BATCH_MAX + 1];
        uint64_t serial;
        pid_t pid;

        (void) state;
        memset(bytes, 'a', sizeof(bytes));
        assert_int_equal(pipe2(go, O_CLOEXEC), 0);
        pid = scanner_of(&fd, &kernel, go[0]);
        assert_int_equal(scanner_ask(fd, &q), 0);
        assert_int_equal(write(kernel, bytes, sizeof(bytes)), sizeof(bytes));
        assert_int_equal(write(go[1], "", 1), 1);
        do
                happened += receive_news(fd, &serial, &error);
        while (serial == 0);
        assert_int_equal(serial, 7);
        assert_int_equal(happened, sizeof(bytes));
        (void) close(fd);
        (void) close(kernel);
        (void) close(go[0]);
        (void) close(go[1]);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* It waits for a server that does not read, and goes on with it. */
static void test_a_stuck_server(void **state) {
        struct scanner_request q = { .serial = 7 };
        unsigned written = 0, happened = 0;
        int fd, kernel, error, status;
        char bytes[1024];
        uint64_t serial;
        ssize_t n = 0;
        pid_t pid;

        (void) state;
        memset(bytes, 'a', sizeof(bytes));
        pid = scanner_of(&fd, &kernel, -1);
        for (unsigned i = 0; i < 20 || n > 0; i++) {
                n = write(kernel, bytes, sizeof(bytes));
                written += n > 0 ? (unsigned) n : 0;
                (void) usleep(1000);
        }
        assert_int_equal(scanner_ask(fd, &q), 0);
        (void) usleep(100 * 1000);
        assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
        for (bool answered = false; !answered || happened < written; answered |= serial == 7)
                happened += receive_news(fd, &serial, &error);
        assert_int_equal(happened, written);
        (void) close(fd);
        (void) close(kernel);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_has_only_what_it_needs),
                cmocka_unit_test(test_keeps_its_capabilities_only),
                cmocka_unit_test(test_refuses_unsound_requests),
                cmocka_unit_test(test_tells_news),
                cmocka_unit_test(test_news_come_before_the_answer),
                cmocka_unit_test(test_a_stuck_server),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
