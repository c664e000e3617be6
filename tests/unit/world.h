/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "builder.h"
#include "varlink.h"

/* The test plays the scanner, with the scanner's own ways of answering. */
#include "../../daemon/scanner.c"
#include "../../daemon/manager.h"

/* The server process in a process of its own, at work for one test: the test is its scanner, its journald
 * and its clients, and the interface file is the judge of each reply. */

#define LONG_USEC (60 * USEC_PER_SEC)
#define SCAN_WAIT_USEC (200 * USEC_PER_MSEC)

struct world {
        char directory[64], socket_path[96], state_path[96], config_path[96];
        bool lax;                       /* replies are not checked, */
        bool deaf;                      /* and entries of the journal not kept */
        bool scans;                     /* a scanner is at work, the test is none */
        struct config config;
        pid_t pid;
        struct scanner scanner;         /* our end; not if a scanner is at work */
        int journal_fd;                 /* entries come here */
};

static inline int send_entry(const char *entry, size_t size, void *userdata) {
        int fd = *(int *) userdata;

        return fd >= 0 && send(fd, entry, size, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static inline int read_config(const void *userdata, struct config *ret) {
        const struct world *w = userdata;
        char message[CONFIG_MESSAGE_MAX];

        return config_load(w->config_path, ret, message);
}

static inline int listen_at(const char *path) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        strcpy(sa.sun_path, path);
        assert_int_equal(bind(fd, (struct sockaddr *) &sa, sizeof(sa)), 0);
        assert_int_equal(listen(fd, 100), 0);
        return fd;
}

static inline int connect_to(const char *path) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        strcpy(sa.sun_path, path);
        assert_int_equal(connect(fd, (struct sockaddr *) &sa, sizeof(sa)), 0);
        return fd;
}

static inline void start(struct world *w, struct snapshot *restored) {
        int scanner[2], journal[2], listen_fd = listen_at(w->socket_path);

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, scanner), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, journal), 0);
        w->pid = fork();
        assert_true(w->pid >= 0);
        if (w->pid == 0) {
                struct manager_start s = {
                        .config = w->config,
                        .read_config = read_config,
                        .userdata = w,
                        .state_path = w->state_path,
                        .restored = restored,
                        .scanner_fd = scanner[1],
                        .listen_fd = listen_fd,
                        .journal_sender = send_entry,
                        .journal_userdata = &journal[1],
                        .strict = !w->lax,
                };
                int r;

                s.scanner_pid = fork();
                if (s.scanner_pid == 0) {
                        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                        close_others(scanner[0], scanner[0]);
                        if (w->scans)
                                _exit(scanner_main(scanner[0], NULL));
                        (void) close(scanner[0]);
                        for (;;)
                                (void) pause();
                }
                (void) close(scanner[0]);
                (void) close(journal[0]);
                if (w->deaf)
                        journal[1] = -EBADF;
                r = manager_run(&s);
                (void) kill(s.scanner_pid, SIGKILL);
                _exit(r < 0 ? 1 : 0);
        }

        (void) close(listen_fd);
        (void) close(scanner[1]);
        (void) close(journal[1]);
        if (w->scans)
                (void) close(scanner[0]);
        w->scanner = (struct scanner) { .fd = w->scans ? -EBADF : scanner[0] };
        w->journal_fd = journal[0];
}

static inline int setup(void **state) {
        struct world *w = calloc(1, sizeof(*w));

        strcpy(w->directory, "/tmp/test-manager-XXXXXX");
        if (!mkdtemp(w->directory))
                return -1;
        snprintf(w->socket_path, sizeof(w->socket_path), "%s/socket", w->directory);
        snprintf(w->state_path, sizeof(w->state_path), "%s/snapshot", w->directory);
        snprintf(w->config_path, sizeof(w->config_path), "%s/config", w->directory);
        w->config = CONFIG_DEFAULT;
        w->config.scan_wait_usec = SCAN_WAIT_USEC;
        /* Scans are made when somebody asks; the timer comes once, after the test. */
        w->config.interval_usec = 3600 * USEC_PER_SEC;
        *state = w;
        return 0;
}

static inline int teardown(void **state) {
        struct world *w = *state;
        int status = -1;

        (void) kill(w->pid, SIGTERM);
        if (waitpid(w->pid, &status, 0) != w->pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return -1;
        (void) close(w->scanner.fd);
        (void) close(w->journal_fd);
        (void) unlink(w->socket_path);
        (void) unlink(w->state_path);
        (void) unlink(w->config_path);
        (void) rmdir(w->directory);
        config_done(&w->config);
        free(w);
        return 0;
}

static inline struct scanner_request take_request(const struct world *w) {
        struct scanner_request q;

        assert_int_equal(recv(w->scanner.fd, &q, sizeof(q), 0), sizeof(q));
        assert_true(request_sound(&q));
        return q;
}

static inline uint64_t wait_for_request(const struct world *w) {
        return take_request(w).serial;
}

static inline bool request_waits(const struct world *w, int timeout_ms) {
        struct pollfd p = { .fd = w->scanner.fd, .events = POLLIN };

        return poll(&p, 1, timeout_ms) > 0;
}

static inline void add_made_up(struct builder *b, unsigned i, int state) {
        struct association *a;
        struct address *local;
        struct path *path;

        assert_int_equal(builder_add_address(b, &local), 0);
        *local = (struct address) { .family = AF_INET, .bytes = { 10, 0, 0, 1 } };
        assert_int_equal(builder_add_path(b, &path), 0);
        path->address = (struct address) {
                .family = AF_INET, .primary = 1, .bytes = { 10, 1, (uint8_t) (i >> 8), (uint8_t) i },
        };
        assert_int_equal(builder_add_association(b, &a), 0);
        a->id = i + 1;
        a->given[0] = UINT64_C(1) << ASSOCIATION_ID | UINT64_C(1) << ASSOCIATION_STATE |
                UINT64_C(1) << ASSOCIATION_LOCAL_PORT | UINT64_C(1) << ASSOCIATION_PEER_PORT;
        a->state = (int8_t) state;
        a->local_port = 5000;
        a->peer_port = (uint16_t) (6000 + (i >> 16));
        a->local = (struct range) { (uint32_t) b->n_addresses - 1, 1 };
        a->paths = (struct range) { (uint32_t) b->n_paths - 1, 1 };
}

/* Associations with the ids from `first` on; every `down`th one (0: none) is being shut down. Of their events so many
 * steps were lost; or they cannot be watched, for this reason. */
static inline struct snapshot *made_up_with(uint64_t serial, unsigned first, unsigned n, unsigned down,
                                            uint64_t steps_lost, const char *untraceable) {
        struct snapshot *s = NULL;
        struct builder b = {};

        b.head.available = true;
        b.head.events_on = 1;
        b.head.serial = serial;
        b.head.hz = 250;
        b.head.started_monotonic = clock_usec(CLOCK_MONOTONIC);
        b.head.started_realtime = clock_usec(CLOCK_REALTIME);
        for (size_t i = 0; i < _SOURCE_MAX; i++)
                b.head.sources[i].result = SOURCE_READ;
        b.head.steps_lost = steps_lost;
        if (untraceable) {
                b.head.events_on = 0;
                b.head.sources[SOURCE_EVENTS].result = SOURCE_FAILED;
                snprintf(b.head.sources[SOURCE_EVENTS].text, sizeof(b.head.sources[SOURCE_EVENTS].text), "%s",
                         untraceable);
        }
        for (unsigned i = first; i < first + n; i++)
                add_made_up(&b, i, down && i % down == 0 ? ASSOCIATION_SHUTDOWN_PENDING : ASSOCIATION_ESTABLISHED);
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

static inline struct snapshot *made_up(uint64_t serial, unsigned first, unsigned n, unsigned down) {
        return made_up_with(serial, first, n, down, 0, NULL);
}

/* The same ones come up, or end, now. */
static inline struct snapshot *made_up_news(enum change_type type, unsigned first, unsigned n) {
        struct snapshot *s = NULL;
        struct builder b = {};

        b.head.news = 1;
        b.head.hz = 250;
        for (unsigned i = first; i < first + n; i++) {
                bool down = type == CHANGE_ASSOCIATION_DOWN;
                struct happening *h;

                add_made_up(&b, i, ASSOCIATION_ESTABLISHED);
                assert_int_equal(builder_add_happening(&b, &h), 0);
                *h = (struct happening) {
                        .at = clock_usec(CLOCK_REALTIME),
                        .at_monotonic = clock_usec(CLOCK_MONOTONIC),
                        .path = UINT32_MAX,
                        .type = (uint8_t) type,
                        .old_state = down ? ASSOCIATION_ESTABLISHED : ASSOCIATION_CLOSED,
                        .new_state = down ? ASSOCIATION_CLOSED : ASSOCIATION_ESTABLISHED,
                        .path_old_state = -1,
                        .path_new_state = -1,
                };
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

static inline void give_news(const struct world *w, struct snapshot *s) {
        assert_int_equal(answer(&w->scanner, 0, 0, s), 0);
        snapshot_unref(s);
}

static inline void give(const struct world *w, struct snapshot *s) {
        assert_int_equal(answer(&w->scanner, snapshot_head(s)->serial, 0, s), 0);
        snapshot_unref(s);
}

/* Answers the next request. */
static inline uint64_t scan_next(const struct world *w, unsigned first, unsigned n, unsigned down) {
        uint64_t serial = wait_for_request(w);

        give(w, made_up(serial, first, n, down));
        return serial;
}

static inline struct varlink_client *client(const struct world *w) {
        struct varlink_client *c = NULL;

        assert_int_equal(varlink_client_connect(w->socket_path, &c), 0);
        return c;
}

static inline void call(struct varlink_client *c, const char *method, json_t *parameters) {
        bool more = strncmp(method, "Get", 3) != 0 || strcmp(method, "GetHistory") == 0;
        char full[64];

        snprintf(full, sizeof(full), "io.sctpmon.Monitor.%s", method);
        assert_int_equal(varlink_client_send(c, full, parameters, more), 0);
        json_decref(parameters);
}

static inline struct varlink_reply receive(struct varlink_client *c) {
        struct varlink_reply reply = {};

        assert_int_equal(varlink_client_receive(c, LONG_USEC, &reply), 0);
        return reply;
}

/* Takes the stream to its end: how many objects, and the last reply's scan or error. */
static inline unsigned receive_list(struct varlink_client *c, int64_t *ret_serial, bool *ret_stale,
                                    char error[static 64]) {
        unsigned n = 0;

        for (;;) {
                struct varlink_reply reply = receive(c);
                json_t *scan = json_object_get(reply.parameters, "scan");
                bool last = !reply.continues;

                n += !!json_object_get(reply.parameters, "association");
                if (last) {
                        *ret_serial = json_integer_value(json_object_get(scan, "serial"));
                        *ret_stale = json_is_true(json_object_get(scan, "stale"));
                        snprintf(error, 64, "%s", reply.error ?: "");
                }
                varlink_reply_done(&reply);
                if (last)
                        return n;
        }
}

/* Entries of the journal, at most `n`; how many came, and how many of them say `part`. */
static inline unsigned journal_entries(const struct world *w, unsigned n, const char *part, unsigned *ret_matching) {
        static char entry[65536];
        unsigned got = 0;

        *ret_matching = 0;
        while (got < n) {
                struct pollfd p = { .fd = w->journal_fd, .events = POLLIN };
                ssize_t size;

                if (poll(&p, 1, LONG_USEC / USEC_PER_MSEC) <= 0)
                        break;
                size = recv(w->journal_fd, entry, sizeof(entry) - 1, 0);
                assert_true(size > 0);
                entry[size] = '\0';
                *ret_matching += !!strstr(entry, part);
                got++;
        }

        return got;
}

static inline void assert_error(struct varlink_client *c, const char *error) {
        struct varlink_reply reply = receive(c);

        assert_non_null(reply.error);
        assert_string_equal(reply.error + strlen("io.sctpmon.Monitor."), error);
        varlink_reply_done(&reply);
}

/* How many objects of this name the stream has. */
static inline unsigned count_rows(struct varlink_client *c, const char *member) {
        unsigned n = 0;

        for (;;) {
                struct varlink_reply reply = receive(c);
                bool last = !reply.continues;

                assert_null(reply.error);
                n += !!json_object_get(reply.parameters, member);
                varlink_reply_done(&reply);
                if (last)
                        return n;
        }
}
