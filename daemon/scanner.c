/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "clock.h"
#include "log.h"
#include "module.h"
#include "privilege.h"
#include "programs.h"
#include "scan.h"
#include "scanner.h"

/* While SCTP is not there, how often to find out why: that walks all of /proc. */
#define MODULE_LOOK_USEC (10 * USEC_PER_SEC)
/* What happens within so long of each other goes to the server at once. */
#define NEWS_BATCH_MSEC 10

struct answer {
        uint64_t serial;
        int32_t error;                  /* negative errno; 0: a snapshot's descriptor comes along */
        uint32_t reserved;
};

/* So many batches go before an answer at the most: it would never come, where more happens than can be told. */
#define NEWS_ROUNDS_MAX 64u

struct scanner {
        int fd;
        struct snapshot *previous;
        struct scan_memory *memory;
        struct module_report module;
        uint64_t module_looked;         /* monotonic; 0: not yet */
        struct programs programs;
        uint64_t events_lost;           /* of which the server has heard */
        struct tracing tracing;         /* steps that somebody wants to hear of */
        bool own_only;                  /* what happens in other network namespaces is nobody's news */
};

static int answer(const struct scanner *s, uint64_t serial, int error, const struct snapshot *snapshot) {
        struct answer a = { .serial = serial, .error = error };
        struct iovec iov = { &a, sizeof(a) };
        union {
                char buffer[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control = {};
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

        if (snapshot) {
                struct cmsghdr *c = &control.align;
                int fd = snapshot_fd(snapshot);

                message.msg_control = control.buffer;
                message.msg_controllen = sizeof(control.buffer);
                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN(sizeof(int));
                memcpy(CMSG_DATA(c), &fd, sizeof(fd));
        }

        return sendmsg(s->fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The server may have been taken over: its numbers are not believed either. */
static bool request_sound(const struct scanner_request *q) {
        static const uint8_t zero[sizeof(q->reserved)] = {};

        return q->dear_usec <= SCANNER_DEAR_USEC_MAX && q->off < 1u << _SOURCE_MAX && q->new_only <= 1 &&
               q->wish_statistics <= 1 && q->tracing.on <= 1 && memcmp(q->reserved, zero, sizeof(zero)) == 0;
}

/* A namespace whose number may not be read is called otherwise by the programs: nothing can be joined. */
static bool is_unnamed(const struct snapshot *s) {
        uint32_t n = s ? snapshot_head(s)->n_namespaces : 0;

        return n > 0 && snapshot_namespaces(s)[n - 1].netns >= NETNS_UNNAMED_MIN;
}

static int tell_losses(struct scanner *s) {
        struct source_report report;
        uint64_t lost, steps_lost;

        bpf_events_status(s->programs.events, &lost, &steps_lost, &report);
        if (lost == s->events_lost)
                return 0;
        s->events_lost = lost;
        return answer(s, 0, -EOVERFLOW, NULL);
}

/* 1: there may be more. */
static int tell_news(struct scanner *s) {
        _cleanup_(snapshot_unref_p) struct snapshot *news = NULL;
        int more, r = 0;

        more = bpf_events_read(s->programs.events, s->previous, s->own_only, &news);
        if (is_unnamed(s->previous))
                return 0;
        /* What cannot be told is lost. */
        if (news)
                r = answer(s, 0, 0, news);
        if (r >= 0)
                r = tell_losses(s);
        if (r >= 0 && bpf_events_endpoints(s->programs.events))
                r = answer(s, 0, -ESTALE, NULL);
        return r < 0 ? r : more > 0;
}

static int list(void *userdata, struct bpf_listing *ret, char why[static BPF_WHY_MAX]) {
        return bpf_lister_run(userdata, ret, why);
}

static int list_owners(void *userdata, struct record_owner **ret, size_t *ret_n, char why[static OWNER_WHY_MAX]) {
        _Static_assert((int) OWNER_WHY_MAX == BPF_WHY_MAX, "the same words");
        return bpf_owners_run(userdata, ret, ret_n, why);
}

static int scan(struct scanner *s, const struct scanner_request *q) {
        _cleanup_(snapshot_unref_p) struct snapshot *snapshot = NULL;
        struct scan_options options = {
                .memory = s->memory,
                .previous = s->previous,
                .serial = q->serial,
                .dear_usec = q->dear_usec,
                .new_only = q->new_only,
                .wish = { q->wish_netns, q->wish_id, q->wish_statistics },
                .off = q->off,
                .list = s->programs.lister ? list : NULL,
                .list_userdata = s->programs.lister,
                .list_why = s->programs.lister_why[0] != '\0' ? s->programs.lister_why : NULL,
                .list_owners = s->programs.owners ? list_owners : NULL,
                .list_owners_userdata = s->programs.owners,
                .list_owners_why = s->programs.owners_why[0] != '\0' ? s->programs.owners_why : NULL,
        };
        int r, more = 1;

        s->own_only = (q->off >> SOURCE_NAMESPACES) & 1;
        if (access("/proc/net/sctp", F_OK) < 0) {
                uint64_t now = clock_usec(CLOCK_MONOTONIC);

                if (s->module_looked == 0 || now - s->module_looked >= MODULE_LOOK_USEC) {
                        module_look(&s->module);
                        s->module_looked = now;
                }
                options.reason = s->module.reason;
                options.advice = s->module.advice;
        }

        options.events_on = s->programs.events && !is_unnamed(s->previous);
        if (options.events_on)
                bpf_events_status(s->programs.events, &options.events_lost, &options.steps_lost, &options.events);
        else if (s->programs.events)
                options.events_why = SCAN_UNNAMED;
        else
                options.events_why = s->programs.events_why[0] != '\0' ? s->programs.events_why : NULL;

        r = scan_run(&options, &snapshot);
        /* Whatever happened up to its end is told before it is. */
        for (unsigned i = 0; s->programs.events && more > 0 && i < NEWS_ROUNDS_MAX; i++)
                more = tell_news(s);
        if (more < 0)
                return more;
        if (r < 0)
                return answer(s, q->serial, r, NULL);
        r = answer(s, q->serial, 0, snapshot);
        if (r < 0)
                return r;

        snapshot_unref(s->previous);
        s->previous = steal_ptr(snapshot);
        return 0;
}

static void set_trace(struct scanner *s) {
        if (s->programs.events)
                bpf_events_trace(s->programs.events, &s->tracing);
}

/* Waits for a request, and tells news meanwhile. 0: there is one. */
static int await_request(struct scanner *s) {
        for (;;) {
                struct pollfd fds[] = {
                        { .fd = s->fd, .events = POLLIN },
                        { .fd = s->programs.events ? bpf_events_fd(s->programs.events) : -1, .events = POLLIN },
                        { .fd = programs_fd(&s->programs), .events = POLLIN },
                };
                int r;

                if (poll(fds, ELEMENTS(fds), -1) < 0 && errno != EINTR)
                        return -errno;
                if (fds[2].revents) {
                        programs_take(&s->programs);
                        set_trace(s);
                }
                if (fds[0].revents)
                        return 0;
                if (!fds[1].revents || fds[2].revents)
                        continue;
                (void) poll(fds, 1, NEWS_BATCH_MSEC);
                r = tell_news(s);
                if (r < 0)
                        return r;
        }
}

/* 1; 0: the server is gone. */
static int serve_request(struct scanner *s) {
        struct scanner_request q;
        ssize_t n;
        int r;

        n = recv(s->fd, &q, sizeof(q), 0);
        if (n < 0 && errno == EINTR)
                return 1;
        if (n <= 0)
                return 0;
        if (n != sizeof(q) || !request_sound(&q))
                return -EBADMSG;

        s->tracing = q.tracing;
        set_trace(s);
        if (q.serial == 0)
                return 1;
        r = scan(s, &q);
        if (r < 0)
                return r;
        programs_load(&s->programs, !((q.off >> SOURCE_EVENTS) & 1));
        return 1;
}

static int scanner_main(int fd, struct snapshot *previous) {
        struct scanner s = { .fd = fd, .previous = previous };
        int r;

        r = privilege_keep_scanners();
        if (r >= 0)
                r = scan_memory_new(&s.memory);
        while (r >= 0) {
                r = await_request(&s);
                if (r >= 0)
                        r = serve_request(&s);
                /* So are we. */
                if (r == 0)
                        break;
        }

        if (r < 0 && r != -EPIPE)
                log_error("scanner: %s", strerror(-r));
        programs_done(&s.programs);
        scan_memory_free(s.memory);
        snapshot_unref(s.previous);
        return r < 0 && r != -EPIPE ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* All but stdin, stdout, stderr and these two. */
static void close_others(int a, int b) {
        const int kept[] = { MIN(a, b), MAX(a, b) };
        int next = STDERR_FILENO + 1;

        for (size_t i = 0; i < ELEMENTS(kept); i++) {
                if (kept[i] > next)
                        (void) close_range((unsigned) next, (unsigned) kept[i] - 1, 0);
                next = MAX(next, kept[i] + 1);
        }
        (void) close_range((unsigned) next, ~0U, 0);
}

int scanner_start(struct snapshot *previous, pid_t *ret_pid, int *ret_fd) {
        _cleanup_close_ int ours = -EBADF, theirs = -EBADF;
        int pair[2];
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        ours = pair[0];
        theirs = pair[1];

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                (void) prctl(PR_SET_NAME, "sctpmond-scan");
                /* A terminal's Ctrl-C is the server's to handle. */
                (void) signal(SIGINT, SIG_IGN);
                (void) signal(SIGHUP, SIG_IGN);
                if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                        _exit(EXIT_FAILURE);
                close_others(theirs, previous ? snapshot_fd(previous) : theirs);
                /* The fork made a copy of the mapping, and of the caller's reference. */
                _exit(scanner_main(theirs, previous));
        }

        *ret_pid = pid;
        *ret_fd = steal_fd(&ours);
        return 0;
}

int scanner_ask(int fd, const struct scanner_request *request) {
        return send(fd, request, sizeof(*request), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int scanner_receive(int fd, uint64_t *ret_serial, int *ret_error, struct snapshot **ret) {
        _cleanup_close_ int memfd = -EBADF;
        struct answer a;
        struct iovec iov = { &a, sizeof(a) };
        union {
                char buffer[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control = {};
        struct msghdr message = {
                .msg_iov = &iov, .msg_iovlen = 1,
                .msg_control = control.buffer, .msg_controllen = sizeof(control.buffer),
        };
        ssize_t n;
        int r;

        n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0)
                return -errno;
        if (n == 0)
                return -ECONNRESET;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
                        memcpy(&memfd, CMSG_DATA(c), sizeof(memfd));
        if (n != sizeof(a) || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
            (a.error < 0) != (memfd < 0) || a.error > 0)
                return -EBADMSG;

        if (a.error == 0) {
                r = snapshot_map(steal_fd(&memfd), ret);
                if (r < 0)
                        return r;
                snapshot_close_fd(*ret);
        }

        *ret_serial = a.serial;
        *ret_error = a.error;
        return 0;
}
