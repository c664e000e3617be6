/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../unit/test.h"
#include "../unit/world.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/epoll.h>

#include "field.h"

/* What it costs the server to answer many callers.
 *
 *      bench-server lists ROWS CLIENTS LISTS   so many clients, each a process, list so many made-up associations so
 *                                              often: beside a program that writes the same bytes and does nothing else
 *      bench-server hog ROWS REQUESTS          small requests of one user, alone, and while another one has all the
 *                                              connections that it may have, full of requests (as root) */

#define LIST "{\"method\":\"io.sctpmon.Monitor.ListAssociations\",\"parameters\":{\"maxAgeMs\":3600000},\"more\":true}"
#define STATUS "{\"method\":\"io.sctpmon.Monitor.GetStatus\"}"
/* Of a user that may use nothing. */
#define HOG_UID 65533u

static char buffer[256 * 1024];

/* A row with all that BPF tells of an association with two paths. */
static void add_whole(struct builder *b, uint32_t i) {
        struct association *a;
        struct address *local;

        assert_int_equal(builder_add_address(b, &local), 0);
        *local = (struct address) { .family = AF_INET, .bytes = { 10, 0, 0, 1 } };
        for (uint8_t j = 0; j < 2; j++) {
                struct path *p;

                assert_int_equal(builder_add_path(b, &p), 0);
                p->address = (struct address) {
                        .family = AF_INET, .primary = j == 0, .bytes = { 10, 1 + j, (uint8_t) (i >> 8), (uint8_t) i },
                };
                for (size_t f = 0; f < _PATH_FIELD_MAX; f++)
                        if (path_fields[f].name) {
                                FIELD_GIVE(p, f);
                                field_set(path_fields + f, p, path_fields[f].size > 1 ? i * 7919u % 5000 : 1);
                        }
        }
        assert_int_equal(builder_add_owner(b, 0), 0);
        assert_int_equal(builder_add_association(b, &a), 0);
        for (size_t f = 0; f < _ASSOCIATION_FIELD_MAX; f++)
                if (association_fields[f].name) {
                        FIELD_GIVE(a, f);
                        field_set(association_fields + f, a, association_fields[f].size > 1 ? i * 7919u % 5000 : 1);
                }
        a->id = i + 1;
        a->netns = 4026531840;
        a->local_port = 2905;
        a->local = (struct range) { (uint32_t) b->n_addresses - 1, 1 };
        a->paths = (struct range) { (uint32_t) b->n_paths - 2, 2 };
        a->owners = (struct range) { (uint32_t) b->n_owners - 1, 1 };
}

static struct snapshot *whole(uint64_t serial, uint32_t rows) {
        struct snapshot *s = NULL;
        struct builder b = {};
        struct process *p;
        struct netns *n;

        b.head.available = true;
        b.head.serial = serial;
        b.head.hz = 250;
        b.head.started_monotonic = clock_usec(CLOCK_MONOTONIC);
        b.head.started_realtime = clock_usec(CLOCK_REALTIME);
        for (size_t i = 0; i < _SOURCE_MAX; i++)
                b.head.sources[i].result = SOURCE_READ;
        assert_int_equal(builder_add_netns(&b, &n), 0);
        *n = (struct netns) { .netns = 4026531840, .own = 1, .has_sctp = 1 };
        assert_int_equal(builder_add_process(&b, &p), 0);
        *p = (struct process) { .pid = 1310, .command = "mme", .unit = "mme.service" };
        for (uint32_t i = 0; i < rows; i++)
                add_whole(&b, i);
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

static uint64_t cpu_of(pid_t pid) {
        struct timespec t;
        clockid_t clock;

        assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
        assert_int_equal(clock_gettime(clock, &t), 0);
        return (uint64_t) t.tv_sec * USEC_PER_SEC + (uint64_t) t.tv_nsec / 1000;
}

/* Starts the real server with such a snapshot. */
static struct world *serve(uint32_t rows) {
        void *state = NULL;
        struct world *w;

        assert_int_equal(setup(&state), 0);
        w = state;
        w->lax = w->deaf = true;
        start(w, NULL);
        give(w, whole(wait_for_request(w), rows));
        return w;
}

/* Asks for a list, and reads it all; into `text` if that is not NULL. How long it was. */
static size_t read_list(int fd, uint32_t rows, char *text) {
        size_t length = 0;

        assert_int_equal(send(fd, LIST, sizeof(LIST), 0), sizeof(LIST));
        /* The last reply is the scan. */
        for (uint32_t replies = 0; replies < rows + 1;) {
                ssize_t n = recv(fd, buffer, sizeof(buffer), 0);

                assert_true(n > 0);
                if (text)
                        memcpy(text + length, buffer, (size_t) n);
                length += (size_t) n;
                for (const char *p = buffer; (p = memchr(p, '\0', (size_t) (buffer + n - p))); p++)
                        replies++;
        }
        return length;
}

struct taken {
        uint64_t cpu, wall;             /* usec */
};

/* What it takes that process to serve so many clients, which begin when all are there. */
static struct taken serve_clients(pid_t server, const char *path, uint32_t rows, unsigned clients, unsigned lists) {
        struct taken before;
        int ready[2], go[2];
        char byte;

        assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
        assert_int_equal(pipe2(go, O_CLOEXEC), 0);
        for (unsigned i = 0; i < clients; i++) {
                pid_t pid = fork();

                assert_true(pid >= 0);
                if (pid == 0) {
                        int fd = connect_to(path);

                        (void) close(go[1]);
                        assert_int_equal(write(ready[1], "", 1), 1);
                        assert_int_equal(read(go[0], &byte, 1), 0);
                        for (unsigned j = 0; j < lists; j++)
                                (void) read_list(fd, rows, NULL);
                        _exit(EXIT_SUCCESS);
                }
        }
        for (unsigned i = 0; i < clients; i++)
                assert_int_equal(read(ready[0], &byte, 1), 1);
        before = (struct taken) { cpu_of(server), clock_usec(CLOCK_MONOTONIC) };
        (void) close(go[1]);
        for (unsigned i = 0; i < clients; i++) {
                int status;

                assert_true(wait(&status) > 0);
                assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
        (void) close(go[0]);
        (void) close(ready[0]);
        (void) close(ready[1]);
        return (struct taken) { cpu_of(server) - before.cpu, clock_usec(CLOCK_MONOTONIC) - before.wall };
}

/* Writes the text once for each request that comes. */
static void write_plainly(int listener, const char *text, size_t length) {
        static size_t left[4096];       /* by descriptor: bytes to be written */
        int epoll = epoll_create1(EPOLL_CLOEXEC);
        struct epoll_event event = { EPOLLIN, { .fd = listener } };

        assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event), 0);
        while (epoll_wait(epoll, &event, 1, -1) >= 0) {
                int fd = event.data.fd, op = EPOLL_CTL_MOD;
                char request[sizeof(LIST)];
                ssize_t n;

                if (fd == listener) {
                        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                        assert_in_range(fd, 0, ELEMENTS(left) - 1);
                        op = EPOLL_CTL_ADD;
                } else if (event.events & EPOLLIN) {
                        if (recv(fd, request, sizeof(request), 0) <= 0) {
                                (void) close(fd);
                                continue;
                        }
                        left[fd] = length;
                }
                n = send(fd, text + length - left[fd], left[fd], MSG_NOSIGNAL);
                left[fd] -= n > 0 ? (size_t) n : 0;
                event = (struct epoll_event) { EPOLLET | (left[fd] > 0 ? EPOLLOUT : EPOLLIN), { .fd = fd } };
                assert_int_equal(epoll_ctl(epoll, op, fd, &event), 0);
        }
}

static void bench_lists(uint32_t rows, unsigned clients, unsigned lists) {
        struct world *w = serve(rows);
        struct taken server, plain;
        int fd = connect_to(w->socket_path), listener;
        size_t length = read_list(fd, rows, NULL);
        char *text = malloc(length + 64), path[128];
        void *state = w;
        pid_t pid;

        assert_non_null(text);
        /* The age of the snapshot may have a digit more now. */
        length = read_list(fd, rows, text);
        (void) close(fd);
        snprintf(path, sizeof(path), "%s/plain", w->directory);
        listener = listen_at(path);
        pid = fork();
        if (pid == 0)
                write_plainly(listener, text, length);
        server = serve_clients(w->pid, w->socket_path, rows, clients, lists);
        plain = serve_clients(pid, path, rows, clients, lists);
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
        (void) unlink(path);
        (void) close(listener);
        free(text);
        assert_int_equal(teardown(&state), 0);

        printf("bytes %zu server_cpu_us %" PRIu64 " server_wall_us %" PRIu64 " plain_cpu_us %" PRIu64
               " plain_wall_us %" PRIu64 "\n", length, server.cpu, server.wall, plain.cpu, plain.wall);
}

/* Takes all connections that a user may have and keeps each full of requests; of every second one it reads no reply. */
static void hog(const char *path, int ready) {
        static const char requests[] = STATUS "\0" LIST "\0" STATUS "\0" STATUS;
        struct pollfd fds[SERVER_CONNECTIONS_PER_USER_MAX];

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (size_t i = 0; i < ELEMENTS(fds); i++)
                fds[i] = (struct pollfd) { connect_to(path), POLLOUT | (i % 2 == 0 ? POLLIN : 0), 0 };
        (void) close(ready);
        while (poll(fds, ELEMENTS(fds), -1) > 0)
                for (size_t i = 0; i < ELEMENTS(fds); i++) {
                        if (fds[i].revents & POLLOUT)
                                (void) send(fds[i].fd, requests, sizeof(requests), MSG_DONTWAIT | MSG_NOSIGNAL);
                        if (fds[i].revents & POLLIN)
                                (void) recv(fds[i].fd, buffer, sizeof(buffer), MSG_DONTWAIT);
                        /* It has asked for too much. */
                        if (fds[i].revents & (POLLHUP | POLLERR)) {
                                (void) close(fds[i].fd);
                                fds[i].fd = connect_to(path);
                        }
                }
}

static int compare(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

        return (x > y) - (x < y);
}

/* Small requests one after the other: the median of how long each took, and the 99th percentile. */
static void ask_little(const char *path, unsigned n, uint64_t *ret_median, uint64_t *ret_99th) {
        uint64_t *usec = calloc(n, sizeof(*usec));
        int fd = connect_to(path);

        assert_non_null(usec);
        for (unsigned i = 0; i < n; i++) {
                uint64_t began = clock_usec(CLOCK_MONOTONIC);
                ssize_t size;

                assert_int_equal(send(fd, STATUS, sizeof(STATUS), 0), sizeof(STATUS));
                do {
                        size = recv(fd, buffer, sizeof(buffer), 0);
                        assert_true(size > 0);
                } while (buffer[size - 1] != '\0');
                usec[i] = clock_usec(CLOCK_MONOTONIC) - began;
        }
        qsort(usec, n, sizeof(*usec), compare);
        *ret_median = usec[n / 2];
        *ret_99th = usec[n * 99 / 100];
        free(usec);
        (void) close(fd);
}

static void bench_hog(uint32_t rows, unsigned requests) {
        uint64_t alone[2], hogged[2];
        struct world *w = serve(rows);
        void *state = w;
        int ready[2];
        char byte;
        pid_t pid;

        assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
        assert_int_equal(chmod(w->directory, 0755), 0);
        assert_int_equal(chmod(w->socket_path, 0666), 0);
        ask_little(w->socket_path, requests, alone, alone + 1);
        pid = fork();
        if (pid == 0) {
                assert_int_equal(setresuid(HOG_UID, HOG_UID, HOG_UID), 0);
                hog(w->socket_path, ready[1]);
        }
        /* Until it has all of them. */
        (void) close(ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 0);
        (void) close(ready[0]);
        ask_little(w->socket_path, requests, hogged, hogged + 1);
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
        assert_int_equal(teardown(&state), 0);

        printf("alone_median_us %" PRIu64 " alone_99th_us %" PRIu64 " hogged_median_us %" PRIu64
               " hogged_99th_us %" PRIu64 "\n", alone[0], alone[1], hogged[0], hogged[1]);
}

int main(int argc, char *argv[]) {
        if (argc == 5 && strcmp(argv[1], "lists") == 0)
                bench_lists((uint32_t) atoi(argv[2]), (unsigned) atoi(argv[3]), (unsigned) atoi(argv[4]));
        else if (argc == 4 && strcmp(argv[1], "hog") == 0)
                bench_hog((uint32_t) atoi(argv[2]), (unsigned) atoi(argv[3]));
        else
                return EXIT_FAILURE;
        return EXIT_SUCCESS;
}
