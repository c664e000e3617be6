/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* The limits, made small enough to reach. */
#define OWNER_DESCRIPTORS_MAX 4096u
#define OWNER_PROCESSES_MAX 8u
#define OWNER_NEW_MAX 16u
#include "../../lib/owner.c"
#include "../../lib/owner-list.c"
#include "../../lib/owner-process.c"
#include "../../lib/owner-walk.c"

#define SOCKETS_MAX 8192u
#define FOREVER UINT64_MAX
/* Of a list of descriptors so many fit in between two looks at the clock. */
#define ENTRIES_MAX (sizeof(((struct owner_table *) NULL)->entries) / 24)

/* What is shown. */
struct shown {
        uint64_t inodes[SOCKETS_MAX];
        size_t n;
        struct source_report report;
};

static uint64_t inode_of(int fd) {
        struct stat st;

        assert_int_equal(fstat(fd, &st), 0);
        return st.st_ino;
}

/* Any socket has an inode; one that is SCTP's is not asked for here. */
static int open_socket(void) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        return fd;
}

/* The numbers next to those in use have been in use meanwhile, by the look itself. */
static int move_up(int fd, int least) {
        int moved = fcntl(fd, F_DUPFD_CLOEXEC, least);

        assert_true(moved >= least);
        assert_int_equal(close(fd), 0);
        return moved;
}

static void show(struct shown *s, uint64_t inode) {
        assert_true(s->n < SOCKETS_MAX);
        s->inodes[s->n++] = inode;
        qsort(s->inodes, s->n, sizeof(*s->inodes), owner_table_compare_inode);
}

static void hide(struct shown *s, uint64_t inode) {
        for (size_t i = 0; i < s->n; i++)
                if (s->inodes[i] == inode) {
                        memmove(s->inodes + i, s->inodes + i + 1, (--s->n - i) * sizeof(*s->inodes));
                        return;
                }
        fail_msg("it was not shown");
}

static void look_for(struct owner_table *t, struct shown *s, const pid_t *new_pids, size_t n_new_pids, bool strays,
                     uint64_t deadline) {
        const struct owner_look look = { s->inodes, s->n, new_pids, n_new_pids, strays, deadline, NULL, NULL, NULL };

        assert_int_equal(owner_table_look(t, &look, &s->report), 0);
        assert_true(s->report.last_run > 0);
}

static void look(struct owner_table *t, struct shown *s) {
        look_for(t, s, NULL, 0, false, FOREVER);
        assert_int_equal(s->report.result, SOURCE_READ);
}

static bool owns(const struct owner_table *t, uint64_t inode, pid_t pid) {
        const struct owner *o = NULL;
        size_t n = owner_table_get(t, inode, &o);

        for (size_t i = 0; i < n; i++)
                if (o[i].pid == pid)
                        return true;
        return false;
}

static void assert_owner(const struct owner_table *t, uint64_t inode, pid_t pid, int fd) {
        const struct owner *o = NULL;

        assert_int_equal(owner_table_get(t, inode, &o), 1);
        assert_true(o->inode == inode);
        assert_int_equal(o->pid, pid);
        assert_int_equal(o->fd, fd);
}

/* A child that has what we have, and waits. */
static pid_t fork_child(void) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;)
                        (void) pause();
        }
        return pid;
}

static void end_child(pid_t pid) {
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static struct owner_table *new_table(void) {
        struct owner_table *t = NULL;

        assert_int_equal(owner_table_new(&t), 0);
        return t;
}

static void test_one(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        _cleanup_close_ int fd = open_socket(), other = open_socket();
        const struct owner_process *p;
        const struct owner *o;
        struct shown s = {};
        size_t n;

        (void) state;
        assert_int_equal(owner_table_get(t, 1, &o), 0);
        (void) owner_table_strays(t, &n);
        assert_int_equal(n, 0);

        show(&s, inode_of(fd));
        look(t, &s);
        assert_owner(t, inode_of(fd), getpid(), fd);
        assert_int_equal(owner_table_get(t, inode_of(other), &o), 0);
        assert_true(s.report.rows > 0);
        assert_int_equal(s.report.waiting, 0);

        p = owner_table_process(t, getpid());
        assert_non_null(p);
        assert_int_equal(p->process.pid, getpid());
        assert_int_equal(p->process.uid, getuid());
        assert_string_equal(p->process.command, "test-owner");
        assert_int_equal(p->forwards_to.family, 0);
        assert_null(owner_table_process(t, 0));

        /* The lowest of several descriptors. */
        _cleanup_close_ int twin = fcntl(fd, F_DUPFD_CLOEXEC, 0);

        assert_true(twin > fd);
        show(&s, inode_of(other));
        look(t, &s);
        assert_owner(t, inode_of(fd), getpid(), fd);
        assert_owner(t, inode_of(other), getpid(), other);

        hide(&s, inode_of(fd));
        look(t, &s);
        assert_int_equal(owner_table_get(t, inode_of(fd), &o), 0);
        assert_owner(t, inode_of(other), getpid(), other);
}

static void test_nothing_shown(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        struct shown s = { .inodes = { 0 } };
        const pid_t self = getpid();

        (void) state;
        look_for(t, &s, &self, 1, false, FOREVER);
        assert_int_equal(s.report.rows, 0);
        assert_int_equal(s.report.waiting, 0);

        /* What has no file has inode 0. */
        s.n = 1;
        look(t, &s);
        assert_int_equal(s.report.rows, 0);
        assert_int_equal(s.report.waiting, 0);
}

static void test_fork(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        _cleanup_close_ int fd = open_socket(), other = open_socket();
        const uint64_t inode = inode_of(fd);
        pid_t children[3], late;
        const struct owner *o;
        struct shown s = {};

        (void) state;
        for (size_t i = 0; i < ELEMENTS(children); i++)
                children[i] = fork_child();

        show(&s, inode);
        show(&s, inode_of(other));
        look(t, &s);
        assert_int_equal(owner_table_get(t, inode_of(other), &o), 4);
        assert_int_equal(owner_table_get(t, inode, &o), 4);
        for (size_t i = 1; i < 4; i++)
                assert_true(o[i].pid > o[i - 1].pid);

        /* A known socket is not looked for among all processes, but new ones are looked at. */
        late = fork_child();
        look(t, &s);
        assert_false(owns(t, inode, late));
        look_for(t, &s, &late, 1, false, FOREVER);
        assert_true(owns(t, inode, late));
        assert_int_equal(owner_table_get(t, inode, &o), 5);

        /* Those that have ended go when their turn comes: all five fit into one look. */
        end_child(late);
        for (size_t i = 0; i < ELEMENTS(children); i++)
                end_child(children[i]);
        look(t, &s);
        assert_owner(t, inode, getpid(), fd);
        assert_null(owner_table_process(t, late));
}

static void test_closed_in_one(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        _cleanup_close_ int fd = open_socket();
        const uint64_t inode = inode_of(fd);
        struct shown s = {};
        pid_t child;
        int fd_closed;

        (void) state;
        child = fork_child();
        show(&s, inode);
        look_for(t, &s, &child, 1, false, FOREVER);
        look(t, &s);
        assert_true(owns(t, inode, getpid()) || owns(t, inode, child));

        /* Still shown, because the child has it: our number leads to another socket now. */
        fd_closed = fd;
        assert_int_equal(close(fd), 0);
        assert_int_equal(open_socket(), fd_closed);
        look(t, &s);
        look(t, &s);
        assert_owner(t, inode, child, fd_closed);
        end_child(child);
}

static void test_reuse(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        _cleanup_close_ int listener = open_socket(), file = -EBADF;
        struct shown s = {};
        uint64_t before;
        int fd = open_socket(), number = fd;

        (void) state;
        show(&s, inode_of(listener));
        show(&s, inode_of(fd));
        look(t, &s);
        assert_owner(t, inode_of(fd), getpid(), fd);

        /* Closed, and another one has its number. */
        before = inode_of(fd);
        assert_int_equal(close(fd), 0);
        fd = open_socket();
        assert_int_equal(fd, number);
        hide(&s, before);
        show(&s, inode_of(fd));
        look(t, &s);
        assert_owner(t, inode_of(fd), getpid(), fd);
        hide(&s, inode_of(fd));
        assert_int_equal(close(fd), 0);

        /* First a file, known as such, then a socket. */
        file = open("/dev/null", O_RDONLY | O_CLOEXEC);
        assert_int_equal(file, number);
        look(t, &s);
        look(t, &s);
        assert_int_equal(close(file), 0);
        file = open_socket();
        assert_int_equal(file, number);
        show(&s, inode_of(file));
        look(t, &s);
        assert_owner(t, inode_of(file), getpid(), file);
}

/* A socket that was open before it was shown. */
static void test_shown_later(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        _cleanup_close_ int listener = open_socket(), fd = open_socket();
        struct shown s = {};
        uint32_t rows;

        (void) state;
        show(&s, inode_of(listener));
        look(t, &s);
        look(t, &s);
        rows = s.report.rows;
        show(&s, inode_of(fd));
        look(t, &s);
        assert_owner(t, inode_of(fd), getpid(), fd);
        /* It was known where it is: one more was read than at any look. */
        assert_int_equal(s.report.rows, rows + 1);
}

static void test_deadline(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        _cleanup_close_ int fd = open_socket();
        const pid_t self = getpid();
        const struct owner *o;
        struct shown s = {};
        unsigned looks = 0;

        (void) state;
        show(&s, inode_of(fd));
        /* No time at all: a step at each look, and it is found in the end. */
        for (; owner_table_get(t, inode_of(fd), &o) == 0; looks++) {
                assert_true(looks < 100000);
                look_for(t, &s, NULL, 0, false, 0);
                assert_string_equal(s.report.text, "");
        }
        assert_owner(t, inode_of(fd), getpid(), fd);
        look_for(t, &s, &self, 1, false, 0);
        assert_int_equal(s.report.waiting, 1);
        look(t, &s);
        assert_int_equal(s.report.waiting, 0);

        /* So little time that a walk takes several looks. */
        show(&s, UINT64_MAX);
        looks = 0;
        do {
                look_for(t, &s, NULL, 0, false, clock_usec(CLOCK_MONOTONIC) + 100);
                looks++;
                assert_true(looks < 100000);
        } while (s.report.waiting > 0);
        assert_true(looks > 1);
}

/* A socket that no process has. */
static void test_nobody(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        _cleanup_close_ int fd = open_socket();
        struct shown s = {};
        pid_t child;

        (void) state;
        assert_true(fd >= 0);
        show(&s, UINT64_MAX);
        look(t, &s);
        assert_int_equal(s.report.waiting, 0);
        assert_true(s.report.rows > 0);
        look(t, &s);
        assert_true(s.report.rows > 0);
        for (unsigned i = 0; i < 3; i++) {
                look(t, &s);
                assert_int_equal(s.report.rows, 0);
                assert_int_equal(s.report.waiting, 0);
        }

        /* A new process is looked at for it. */
        s.n = 0;
        show(&s, UINT64_MAX);
        child = fork_child();
        look_for(t, &s, &child, 1, false, FOREVER);
        assert_true(s.report.rows > 0);
        assert_true(s.report.rows < 100);
        end_child(child);
}

/* 1,500 sockets in one process: to accept one more costs little. */
static void test_many(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        struct shown *s = calloc(1, sizeof(*s));
        enum { N = 1500 };
        int fds[N + 1];

        (void) state;
        assert_non_null(s);
        for (size_t i = 0; i < N; i++) {
                fds[i] = open_socket();
                show(s, inode_of(fds[i]));
        }
        look(t, s);
        for (size_t i = 0; i < N; i++)
                assert_owner(t, inode_of(fds[i]), getpid(), fds[i]);

        fds[N] = move_up(open_socket(), fds[N - 1] + 16);
        show(s, inode_of(fds[N]));
        look(t, s);
        assert_owner(t, inode_of(fds[N]), getpid(), fds[N]);
        assert_true(s->report.rows > 0);
        assert_true(s->report.rows <= ENTRIES_MAX + 64);

        /* One of the last is still shown under another number; each number's turn comes. */
        _cleanup_close_ int twin = fcntl(fds[N - 1], F_DUPFD_CLOEXEC, fds[N]);
        const uint64_t inode = inode_of(twin);

        assert_int_equal(dup2(fds[0], fds[N - 1]), fds[N - 1]);
        for (unsigned i = 0; i < 2 * N / OWNER_TURN_MAX + 2; i++)
                look(t, s);
        assert_owner(t, inode, getpid(), twin);

        /* A number that is known to be a file, and far from being read again in turn, becomes a socket: every
         * descriptor here is read to find it, and then the walk ends. */
        _cleanup_close_ int file = move_up(open("/dev/null", O_RDONLY | O_CLOEXEC), fds[N] + 16);

        for (unsigned i = 0; i < 2 * N / OWNER_TURN_MAX + 2; i++)
                look(t, s);
        assert_int_equal(close(file), 0);
        assert_int_equal(move_up(open_socket(), file), file);
        show(s, inode_of(file));
        t->turn = (struct place) {};
        look(t, s);
        assert_owner(t, inode_of(file), getpid(), file);
        assert_true(s->report.rows > N);
        assert_false(t->walking);

        for (size_t i = 0; i <= N; i++)
                assert_int_equal(close(fds[i]), 0);
        s->n = 0;
        look(t, s);
        assert_int_equal(t->n_owners, 0);
        free(s);
}

/* More than is remembered: what fits is known, and the rest is not looked for without end. */
static void test_descriptors_max(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        struct shown *s = calloc(1, sizeof(*s));
        enum { N = OWNER_DESCRIPTORS_MAX + 100, SHOWN = OWNER_DESCRIPTORS_MAX / 2 - 50 };
        size_t known = 0;
        int fds[N];

        (void) state;
        assert_non_null(s);
        for (size_t i = 0; i < N; i++) {
                fds[i] = open_socket();
                /* Others are no more than half. */
                if (i >= N - SHOWN)
                        show(s, inode_of(fds[i]));
        }
        look(t, s);
        for (size_t i = 0; i < N; i++)
                known += owns(t, inode_of(fds[i]), getpid());
        assert_int_equal(known, SHOWN);
        assert_int_equal(t->n_descriptors, SHOWN + OWNER_DESCRIPTORS_MAX / 2);

        for (size_t i = 0; i < N - SHOWN; i++)
                show(s, inode_of(fds[i]));
        for (unsigned i = 0; i < 4; i++)
                look(t, s);
        assert_int_equal(t->n_descriptors, OWNER_DESCRIPTORS_MAX);
        assert_int_equal(t->n_owners, OWNER_DESCRIPTORS_MAX);
        assert_int_equal(s->report.waiting, 0);
        assert_true(s->report.rows <= ENTRIES_MAX);

        for (size_t i = 0; i < N; i++)
                assert_int_equal(close(fds[i]), 0);
        free(s);
}

static void test_processes_max(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        _cleanup_close_ int fd = open_socket();
        pid_t children[OWNER_PROCESSES_MAX];
        const struct owner *o;
        struct shown s = {};

        (void) state;
        for (size_t i = 0; i < ELEMENTS(children); i++)
                children[i] = fork_child();
        show(&s, inode_of(fd));
        look_for(t, &s, children, ELEMENTS(children), false, FOREVER);
        assert_int_equal(owner_table_get(t, inode_of(fd), &o), OWNER_PROCESSES_MAX);
        for (size_t i = 0; i < ELEMENTS(children); i++)
                end_child(children[i]);
}

/* So many new processes that they are not kept in mind: all are looked at instead. */
static void test_new_max(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        _cleanup_close_ int fd = open_socket();
        pid_t pids[OWNER_NEW_MAX + 1];
        struct shown s = {};

        (void) state;
        show(&s, inode_of(fd));
        look(t, &s);
        for (size_t i = 0; i < ELEMENTS(pids); i++)
                pids[i] = INT_MAX;
        pids[0] = fork_child();
        look_for(t, &s, pids, OWNER_NEW_MAX, false, 0);
        assert_int_equal(s.report.waiting, OWNER_NEW_MAX);
        look_for(t, &s, pids, OWNER_NEW_MAX + 1, false, 0);
        assert_int_equal(s.report.waiting, 0);
        look(t, &s);
        assert_true(owns(t, inode_of(fd), pids[0]));
        assert_true(owns(t, inode_of(fd), getpid()));
        assert_int_equal(t->complete_from, 0);
        end_child(pids[0]);
}

static void test_linger(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        _cleanup_close_ int fd = open_socket();
        struct shown s = {};
        pid_t child;

        (void) state;
        child = fork_child();
        show(&s, inode_of(fd));
        look_for(t, &s, &child, 1, false, FOREVER);
        assert_non_null(owner_table_process(t, child));
        s.n = 0;
        look(t, &s);
        assert_non_null(owner_table_find_holder(t, child));
        assert_false(owns(t, inode_of(fd), child));
        owner_table_find_holder(t, child)->needed -= OWNER_LINGER_USEC + 1;
        look(t, &s);
        assert_null(owner_table_find_holder(t, child));
        end_child(child);
}

static void *end_children(void *p) {
        for (pid_t *pid = p; *pid != 0; pid++)
                (void) kill(*pid, SIGKILL);
        return NULL;
}

/* Processes end while they are being read. */
static void test_ending(void **state) {
        (void) state;
        for (unsigned round = 0; round < 20; round++) {
                _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
                _cleanup_close_ int fd = open_socket();
                pid_t children[7 + 1] = {};
                struct shown s = {};
                pthread_t thread;

                for (size_t i = 0; i < 7; i++)
                        children[i] = fork_child();
                show(&s, inode_of(fd));
                assert_int_equal(pthread_create(&thread, NULL, end_children, children), 0);
                look_for(t, &s, children, 7, false, FOREVER);
                look(t, &s);
                assert_int_equal(pthread_join(thread, NULL), 0);
                for (size_t i = 0; i < 7; i++)
                        assert_int_equal(waitpid(children[i], NULL, 0), children[i]);
                look(t, &s);
                look(t, &s);
                assert_owner(t, inode_of(fd), getpid(), fd);
        }
}

/* As nobody, without capabilities. */
static void test_denied(void **state) {
        pid_t pid, ended;
        siginfo_t info;
        int status;

        (void) state;
        ended = fork_child();
        assert_int_equal(kill(ended, SIGKILL), 0);
        assert_int_equal(waitid(P_PID, (id_t) ended, &info, WEXITED | WNOWAIT), 0);

        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                struct place place = { .pid = ended }, parent = { .pid = getppid() };
                static const uint64_t none = UINT64_MAX;
                const struct owner_look look_up = { &none, 1, NULL, 0, false, FOREVER, NULL, NULL, NULL };
                struct source_report report;
                struct owner_table *t;
                unsigned n = 0;

                if (setresuid(65534, 65534, 65534) < 0 || owner_table_new(&t) < 0 ||
                    owner_table_look(t, &look_up, &report) < 0 || report.result != SOURCE_READ)
                        _exit(1);
                if (sscanf(report.text, "descriptors of %u processes may not be read", &n) != 1 || n == 0 ||
                    !strstr(report.text, "(CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH)"))
                        _exit(2);

                /* One that has ended, and is not waited for yet, does not count. */
                t->look = &look_up;
                if (read_process(t, &place, true, FOREVER, SIZE_MAX) != 1 ||
                    read_process(t, &parent, true, FOREVER, SIZE_MAX) != -EACCES)
                        _exit(3);
                owner_table_free(t);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        assert_int_equal(waitpid(ended, NULL, 0), ended);
}

/* A name that looks like the rest of /proc/PID/stat, and one that a terminal would obey. */
static void test_hostile_name(void **state) {
        static const char *const names[][2] = {
                { "x) Z 1 1 (y)", "x) Z 1 1 (y)" },
                { "a\n\033[31mUid:\t0", "a\\x0a\\x1b[31mUid:\\x090" },
                { ")))))))))))))))", ")))))))))))))))" },
                { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                  "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff" },
                { "\n", "\\x0a" },
                { "", "" },
        };

        uint64_t start = 0;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(names); i++) {
                _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
                _cleanup_close_ int fd = open_socket();
                const struct owner_process *p;
                struct shown s = {};

                assert_int_equal(prctl(PR_SET_NAME, names[i][0]), 0);
                show(&s, inode_of(fd));
                look(t, &s);
                assert_owner(t, inode_of(fd), getpid(), fd);
                p = owner_table_process(t, getpid());
                assert_non_null(p);
                assert_string_equal(p->process.command, names[i][1]);
                assert_int_equal(p->process.uid, getuid());

                /* It is the same process at the next look. */
                look(t, &s);
                assert_ptr_equal(owner_table_process(t, getpid()), p);
                start = start ?: owner_table_find_holder(t, getpid())->start;
                assert_true(owner_table_find_holder(t, getpid())->start == start);
        }
        assert_int_equal(prctl(PR_SET_NAME, "test-owner"), 0);
}

/* Another name is noticed, as is another process of the same pid. */
static void test_other_process(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        _cleanup_close_ int fd = open_socket();
        const struct owner_process *p;
        struct shown s = {};
        uint64_t start;

        (void) state;
        show(&s, inode_of(fd));
        look(t, &s);
        assert_int_equal(prctl(PR_SET_NAME, "renamed"), 0);
        look(t, &s);
        p = owner_table_process(t, getpid());
        assert_string_equal(p->process.command, "renamed");
        assert_int_equal(prctl(PR_SET_NAME, "test-owner"), 0);

        start = owner_table_find_holder(t, getpid())->start;
        assert_true(start > 0);
        owner_table_find_holder(t, getpid())->start ^= 1;
        look(t, &s);
        look(t, &s);
        assert_true(owner_table_find_holder(t, getpid())->start == start);
        assert_owner(t, inode_of(fd), getpid(), fd);
        assert_string_equal(owner_table_process(t, getpid())->process.command, "test-owner");
}

/* No other protocol's socket is taken for a stray. */
static void test_no_strays(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        _cleanup_close_ int fd = open_socket(), tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const struct owner *o;
        struct shown s = {};
        size_t n;

        (void) state;
        assert_true(fd >= 0 && tcp >= 0);
        look_for(t, &s, NULL, 0, true, 0);
        assert_int_equal(s.report.waiting, 1);
        look_for(t, &s, NULL, 0, true, FOREVER);
        assert_int_equal(s.report.waiting, 0);
        assert_true(s.report.rows > 0);
        o = owner_table_strays(t, &n);
        for (size_t i = 0; i < n; i++)
                assert_true(o[i].pid != getpid());

        /* Not at each look. */
        look_for(t, &s, NULL, 0, true, FOREVER);
        assert_true(s.report.rows < OWNER_TURN_MAX * 2);
        t->strays_at -= OWNER_STRAYS_EVERY_USEC;
        look_for(t, &s, NULL, 0, true, 0);
        assert_int_equal(s.report.waiting, 1);
}

/* As many as are told, though there are more. */
static void test_strays_max(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        struct holder *h;
        size_t n;

        (void) state;
        assert_int_equal(owner_table_add_holder(t, 1, 1, &h), 0);
        h->n_descriptors = OWNER_STRAYS_MAX + 1;
        h->descriptors = calloc(h->n_descriptors, sizeof(*h->descriptors));
        assert_non_null(h->descriptors);
        for (size_t i = 0; i < h->n_descriptors; i++)
                h->descriptors[i] = (struct descriptor) { i + 1, (int) i, KIND_STRAY };
        assert_int_equal(make_owners(t), 0);
        (void) owner_table_strays(t, &n);
        assert_int_equal(n, OWNER_STRAYS_MAX);
}

/* No descriptor is left to read with: what is known stays known, and the look says why it learnt nothing. */
static void test_no_descriptors(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        _cleanup_close_ int fd = open_socket();
        struct rlimit limit, none;
        struct shown s = {};

        (void) state;
        show(&s, inode_of(fd));
        look(t, &s);
        show(&s, UINT64_MAX);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        none = (struct rlimit) { 0, limit.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        look_for(t, &s, NULL, 0, false, FOREVER);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(s.report.result, SOURCE_FAILED);
        assert_int_equal(s.report.error, EMFILE);
        assert_true(strlen(s.report.text) > 0);
        assert_int_equal(s.report.waiting, 1);
        assert_owner(t, inode_of(fd), getpid(), fd);
        assert_string_equal(owner_table_process(t, getpid())->process.command, "test-owner");
}

static bool is_stray(const struct owner_table *t, int fd) {
        size_t n;
        const struct owner *o = owner_table_strays(t, &n);

        for (size_t i = 0; i < n; i++)
                if (o[i].inode == inode_of(fd) && o[i].pid == getpid() && o[i].fd == fd)
                        return true;
        return false;
}

/* Where the kernel has SCTP. */
static void test_strays(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        _cleanup_close_ int v4 = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP);
        _cleanup_close_ int v6 = socket(AF_INET6, SOCK_SEQPACKET | SOCK_CLOEXEC, IPPROTO_SCTP);
        _cleanup_close_ int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct shown s = {};
        size_t n;

        (void) state;
        assert_true(v4 >= 0);
        assert_true(v6 >= 0);
        look_for(t, &s, NULL, 0, true, FOREVER);
        assert_true(is_stray(t, v4));
        assert_true(is_stray(t, v6));
        assert_false(is_stray(t, tcp));
        assert_string_equal(owner_table_process(t, getpid())->process.command, "test-owner");

        /* One is shown now, and then none is looked for any more. */
        show(&s, inode_of(v4));
        look_for(t, &s, NULL, 0, true, FOREVER);
        assert_owner(t, inode_of(v4), getpid(), v4);
        assert_false(is_stray(t, v4));
        assert_true(is_stray(t, v6));
        look(t, &s);
        (void) owner_table_strays(t, &n);
        assert_int_equal(n, 0);
        assert_owner(t, inode_of(v4), getpid(), v4);
}

/* What the kernel would list. */
struct made_up {
        struct record_owner records[16];
        size_t n;
        int error;
        unsigned calls;
};

static int make_up(void *userdata, struct record_owner **ret, size_t *ret_n, char why[static OWNER_WHY_MAX]) {
        struct made_up *m = userdata;

        m->calls++;
        if (m->error < 0) {
                snprintf(why, OWNER_WHY_MAX, "a whim");
                return m->error;
        }
        *ret = calloc(ELEMENTS(m->records), sizeof(**ret));
        assert_non_null(*ret);
        memcpy(*ret, m->records, m->n * sizeof(**ret));
        *ret_n = m->n;
        return 0;
}

static void has(struct made_up *m, pid_t pid, int fd, uint64_t inode) {
        assert_true(m->n < ELEMENTS(m->records));
        m->records[m->n++] = (struct record_owner) { inode, 1000 + (uint64_t) pid, (uint32_t) pid, (uint32_t) fd };
}

static void forget_process(struct made_up *m, pid_t pid) {
        size_t n = 0;

        for (size_t i = 0; i < m->n; i++)
                if (m->records[i].pid != (uint32_t) pid)
                        m->records[n++] = m->records[i];
        m->n = n;
}

/* Between two looks no time passes; or so much that the next list is due, whatever happens. */
static bool time_passes;

static void let_time_pass(void) {
        time_passes = true;
}

static void look_at(struct owner_table *t, struct shown *s, struct made_up *m, bool strays, uint64_t deadline) {
        const struct owner_look look = { s->inodes, s->n, NULL, 0, strays, deadline, make_up, m, NULL };

        if (t->list_at > 0)
                t->list_at = clock_usec(CLOCK_MONOTONIC) - (time_passes ? OWNER_LIST_MOST_USEC : 0);
        time_passes = false;
        assert_int_equal(owner_table_look(t, &look, &s->report), 0);
        assert_int_equal(s->report.result, SOURCE_READ);
}

/* Whoever waits is not kept waiting by a list that would say the same, but for once in a while. */
static void test_listed_in_a_hurry(void **state) {
        static const struct {
                bool brief;
                uint64_t later;
                unsigned lists;
        } looks[] = {
                { true, 2 * OWNER_LIST_LEAST_USEC, 1 },
                { false, 2 * OWNER_LIST_LEAST_USEC, 2 },
                { true, OWNER_LIST_MOST_USEC, 3 },
        };
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        struct made_up m = {};
        struct shown s = {};

        (void) state;
        has(&m, getpid(), 7, 101);
        show(&s, 101);
        look_at(t, &s, &m, false, FOREVER);
        for (size_t i = 0; i < ELEMENTS(looks); i++) {
                const struct owner_look look = {
                        s.inodes, s.n, NULL, 0, false, FOREVER, make_up, &m, NULL, looks[i].brief,
                };

                t->list_cost = 0;
                t->list_at = clock_usec(CLOCK_MONOTONIC) - looks[i].later;
                assert_int_equal(owner_table_look(t, &look, &s.report), 0);
                assert_int_equal(m.calls, looks[i].lists);
                assert_owner(t, 101, getpid(), 7);
        }
}

static void test_listed(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        const pid_t self = getpid(), child = fork_child();
        const struct owner *o;
        struct made_up m = {};
        struct shown s = {};
        size_t n;

        (void) state;
        /* There is nothing to find. */
        look_at(t, &s, &m, false, FOREVER);
        assert_int_equal(m.calls, 0);

        /* A socket that two have, by several descriptors; one that is not shown. Nothing of it is in /proc. */
        has(&m, child, 9, 101);
        has(&m, self, 8, 101);
        has(&m, self, 7, 101);
        has(&m, self, 6, 102);
        show(&s, 101);
        look_at(t, &s, &m, false, FOREVER);
        assert_int_equal(m.calls, 1);
        assert_int_equal(t->n_read, 0);
        assert_int_equal(s.report.rows, 3);
        assert_int_equal(s.report.waiting, 0);
        assert_string_equal(s.report.text, "");
        assert_int_equal(owner_table_get(t, 101, &o), 2);
        assert_true(owns(t, 101, child));
        assert_int_equal(o[self > child].pid, self);
        assert_int_equal(o[self > child].fd, 7);
        assert_int_equal(owner_table_get(t, 102, &o), 0);
        (void) owner_table_strays(t, &n);
        assert_int_equal(n, 0);
        for (size_t i = 0; i < 2; i++) {
                const struct owner_process *p = owner_table_process(t, i == 0 ? self : child);

                assert_non_null(p);
                assert_string_equal(p->process.command, "test-owner");
                assert_int_equal(p->process.uid, getuid());
        }

        /* What is on the list needs no other one, be it asked for or shown. */
        look_at(t, &s, &m, true, FOREVER);
        o = owner_table_strays(t, &n);
        assert_int_equal(n, 1);
        assert_int_equal(o->inode, 102);
        show(&s, 102);
        look_at(t, &s, &m, true, FOREVER);
        (void) owner_table_strays(t, &n);
        assert_int_equal(n, 0);
        assert_owner(t, 102, self, 6);
        assert_int_equal(m.calls, 1);

        /* A process that is handed a socket that is known is found in time. */
        has(&m, child, 5, 102);
        look_at(t, &s, &m, false, FOREVER);
        assert_false(owns(t, 102, child));
        let_time_pass();
        look_at(t, &s, &m, false, FOREVER);
        assert_int_equal(m.calls, 2);
        assert_true(owns(t, 102, child));

        /* What is unknown is looked for at once, and not for ever. */
        show(&s, 103);
        show(&s, 104);
        has(&m, child, 4, 103);
        t->list_cost = 0;
        look_at(t, &s, &m, false, FOREVER);
        assert_int_equal(m.calls, 3);
        assert_owner(t, 103, child, 4);
        assert_int_equal(owner_table_get(t, 104, &o), 0);
        t->list_cost = 0;
        look_at(t, &s, &m, false, FOREVER);
        assert_int_equal(m.calls, 4);
        t->list_cost = 0;
        look_at(t, &s, &m, false, FOREVER);
        assert_int_equal(m.calls, 4);
        assert_int_equal(s.report.waiting, 0);

        /* But for as long as it took the last time it waits. */
        t->list_cost = OWNER_LIST_MOST_USEC;
        has(&m, child, 3, 105);
        show(&s, 105);
        look_at(t, &s, &m, false, FOREVER);
        assert_int_equal(m.calls, 4);
        assert_int_equal(s.report.waiting, 1);
        let_time_pass();
        look_at(t, &s, &m, false, FOREVER);
        assert_int_equal(m.calls, 5);
        assert_int_equal(s.report.waiting, 0);
        assert_owner(t, 105, child, 3);

        s.n = 0;
        look_at(t, &s, &m, false, FOREVER);
        assert_int_equal(m.calls, 5);
        assert_int_equal(s.report.rows, 0);
        assert_int_equal(owner_table_get(t, 101, &o), 0);
        end_child(child);
}

static void test_listed_ends(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        const pid_t child = fork_child();
        const struct owner *o;
        struct made_up m = {};
        struct shown s = {};

        (void) state;
        has(&m, child, 9, 101);
        has(&m, getpid(), 9, 101);
        show(&s, 101);
        look_at(t, &s, &m, false, FOREVER);
        assert_int_equal(owner_table_get(t, 101, &o), 2);

        /* It is noticed when it is read in turn; the next look makes a list. */
        end_child(child);
        forget_process(&m, child);
        look_at(t, &s, &m, false, FOREVER);
        assert_null(owner_table_process(t, child));
        t->list_cost = 0;
        look_at(t, &s, &m, false, FOREVER);
        assert_int_equal(m.calls, 2);
        assert_owner(t, 101, getpid(), 9);
        t->list_cost = 0;
        look_at(t, &s, &m, false, FOREVER);
        assert_int_equal(m.calls, 2);

        /* It is remembered for a while. */
        assert_non_null(owner_table_find_holder(t, child));
        owner_table_find_holder(t, child)->needed -= OWNER_LINGER_USEC + 1;
        look_at(t, &s, &m, false, FOREVER);
        assert_null(owner_table_find_holder(t, child));

        /* One that cannot be found is not looked for again and again. */
        has(&m, child, 9, 101);
        for (unsigned i = 0; i < 3; i++) {
                let_time_pass();
                look_at(t, &s, &m, false, FOREVER);
                t->list_cost = 0;
                assert_false(t->list_stale);
        }
        assert_true(owns(t, 101, child));
        assert_null(owner_table_process(t, child));

        /* Another process with the number of one that is known, and another name. */
        assert_int_equal(prctl(PR_SET_NAME, "renamed"), 0);
        for (size_t i = 0; i < m.n; i++)
                m.records[i].start++;
        let_time_pass();
        t->turn.pid = INT_MAX;
        look_at(t, &s, &m, false, 0);
        assert_string_equal(owner_table_process(t, getpid())->process.command, "renamed");
        /* The same by another name. */
        assert_int_equal(prctl(PR_SET_NAME, "test-owner"), 0);
        look_at(t, &s, &m, false, FOREVER);
        assert_string_equal(owner_table_process(t, getpid())->process.command, "test-owner");
        /* /proc knows that it is another one before the list does. */
        owner_table_find_holder(t, getpid())->start ^= 1;
        look_at(t, &s, &m, false, FOREVER);
        assert_null(owner_table_process(t, getpid()));
        t->list_cost = 0;
        look_at(t, &s, &m, false, FOREVER);
        assert_non_null(owner_table_process(t, getpid()));
}

static void test_listed_deadline(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        pid_t children[4];
        struct made_up m = {};
        struct shown s = {};

        (void) state;
        show(&s, 101);
        for (size_t i = 0; i < ELEMENTS(children); i++) {
                children[i] = fork_child();
                has(&m, children[i], 9, 101);
        }
        /* All owners are known at once, and one more at each look is read. */
        for (unsigned i = 1; i <= ELEMENTS(children); i++) {
                unsigned known = 0;

                look_at(t, &s, &m, false, 0);
                assert_int_equal(s.report.waiting, ELEMENTS(children) - i);
                for (size_t k = 0; k < ELEMENTS(children); k++) {
                        assert_true(owns(t, 101, children[k]));
                        known += owner_table_process(t, children[k]) != NULL;
                }
                assert_int_equal(known, i);
        }
        for (size_t i = 0; i < ELEMENTS(children); i++)
                end_child(children[i]);
}

/* As many as are remembered: of the others there is the number alone. */
static void test_listed_max(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        struct made_up m = {};
        const struct owner *o;
        struct shown s = {};

        (void) state;
        show(&s, 101);
        for (size_t i = 0; i <= OWNER_PROCESSES_MAX; i++)
                has(&m, getpid() + (pid_t) i, 9, 101);
        look_at(t, &s, &m, false, FOREVER);
        assert_int_equal(owner_table_get(t, 101, &o), OWNER_PROCESSES_MAX + 1);
        assert_int_equal(t->n_holders, OWNER_PROCESSES_MAX);
}

/* Where some processes may not be looked into that comes first. */
static void assert_text(const struct owner_table *t, const struct shown *s, const char *text) {
        if (owner_table_denied(t) == 0)
                assert_string_equal(s->report.text, text);
}

/* From one way to the other, and back. */
static void test_list_fails(void **state) {
        _cleanup_(owner_table_free_p) struct owner_table *t = new_table();
        _cleanup_close_ int fd = open_socket(), other = open_socket();
        struct owner_look look_up = { .deadline = FOREVER, .list_why = "no such luck" };
        const uint64_t inode = inode_of(fd);
        struct made_up m = { .error = -E2BIG };
        struct shown s = {};

        (void) state;
        /* /proc serves at once. */
        show(&s, inode);
        look_at(t, &s, &m, false, FOREVER);
        assert_int_equal(m.calls, 1);
        assert_text(t, &s, "taken from /proc: a whim");
        assert_true(s.report.rows > 0);
        assert_owner(t, inode, getpid(), fd);
        assert_string_equal(owner_table_process(t, getpid())->process.command, "test-owner");
        look_at(t, &s, &m, false, FOREVER);
        assert_int_equal(m.calls, 1);
        assert_text(t, &s, "taken from /proc: a whim");

        /* Once more, in vain: what is known stays known. */
        t->list_retry = 1;
        look_at(t, &s, &m, false, 0);
        assert_int_equal(m.calls, 2);
        assert_owner(t, inode, getpid(), fd);

        m.error = 0;
        has(&m, getpid(), 1000, inode);
        t->list_retry = 1;
        look_at(t, &s, &m, false, FOREVER);
        assert_int_equal(m.calls, 3);
        assert_string_equal(s.report.text, "");
        assert_owner(t, inode, getpid(), 1000);

        m.error = -ENOMEM;
        show(&s, inode_of(other));
        t->list_cost = 0;
        look_at(t, &s, &m, false, FOREVER);
        assert_int_equal(m.calls, 4);
        assert_text(t, &s, "taken from /proc: a whim");
        assert_owner(t, inode, getpid(), fd);
        assert_owner(t, inode_of(other), getpid(), other);

        m.error = 0;
        t->list_retry = 1;
        look_at(t, &s, &m, false, FOREVER);
        assert_owner(t, inode, getpid(), 1000);

        /* And it is taken away. */
        look_up.inodes = s.inodes;
        look_up.n_inodes = s.n;
        assert_int_equal(owner_table_look(t, &look_up, &s.report), 0);
        assert_text(t, &s, "taken from /proc: no such luck");
        assert_owner(t, inode, getpid(), fd);
        look_up.list_why = NULL;
        assert_int_equal(owner_table_look(t, &look_up, &s.report), 0);
        assert_text(t, &s, "");
}

/* A tree as /proc has it, of one process. */
static char root[] = "/tmp/test-owner.XXXXXX";

static void write_file(const char *name, const char *text, size_t length) {
        _cleanup_free_ char *path = NULL;

        assert_true(asprintf(&path, "%s/proc/42/%s", root, name) > 0);

        _cleanup_fclose_ FILE *f = fopen(path, "we");

        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, length, f), length);
}

static void write_text(const char *name, const char *text) {
        write_file(name, text, strlen(text));
}

static void make_root(void) {
        char path[64];

        snprintf(path, sizeof(path), "%s/proc", root);
        assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
        snprintf(path, sizeof(path), "%s/proc/42", root);
        assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
        write_text("status", "Name:\tsctpgw\nUmask:\t0022\nUid:\t1001\t0\t0\t0\nGid:\t7\t7\t7\t7\n");
        write_text("comm", "sctpgw\n");
        write_text("cgroup", "0::/system.slice/sctpgw.service\n");
        write_file("cmdline", "sctpgw", 7);
}

static void test_process(void **state) {
        struct owner_process p = { .process.pid = 7 };
        const char *comm = "comm that is far longer than any kernel would make it, so that it must be cut off";

        (void) state;
        make_root();
        assert_int_equal(owner_process_read(root, 43, &p), -ESRCH);
        assert_int_equal(p.process.pid, 7);

        assert_int_equal(owner_process_read(root, 42, &p), 0);
        assert_int_equal(p.process.pid, 42);
        assert_int_equal(p.process.uid, 1001);
        assert_string_equal(p.process.command, "sctpgw");
        assert_string_equal(p.process.unit, "sctpgw.service");
        assert_string_equal(p.process.runtime, "");
        assert_string_equal(p.process.container, "");

        write_text("comm", comm);
        assert_int_equal(owner_process_read(root, 42, &p), 0);
        assert_int_equal(strlen(p.process.command), sizeof(p.process.command) - 1);

        /* What stands beyond so many bytes is not read. */
        _cleanup_free_ char *text = calloc(1, OWNER_TEXT_MAX * 2);

        assert_non_null(text);
        memset(text, '\n', OWNER_TEXT_MAX * 2 - 1);
        memcpy(text + OWNER_TEXT_MAX - 20, "0::/a.service", 13);
        write_text("cgroup", text);
        assert_int_equal(owner_process_read(root, 42, &p), 0);
        assert_string_equal(p.process.unit, "a.service");
        memset(text, '\n', OWNER_TEXT_MAX);
        memcpy(text + OWNER_TEXT_MAX, "0::/a.service", 13);
        write_text("cgroup", text);
        assert_int_equal(owner_process_read(root, 42, &p), 0);
        assert_string_equal(p.process.unit, "");

        /* In a container of which no file tells the name. */
        write_text("cgroup", "0::/docker/4c01db0b339c0a4b5d2b1f3e6a7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f8\n");
        assert_int_equal(owner_process_read(root, 42, &p), 0);
        assert_string_equal(p.process.unit, "");
        assert_string_equal(p.process.runtime, "docker");
        assert_string_equal(p.process.container, "4c01db0b339c");
        assert_int_equal(strlen(p.process.container_id), 64);
}

static void test_proxy(void **state) {
#define WORDS(text) text, sizeof(text)
        static const struct {
                const char *comm, *words;
                size_t length;
                const char *to;         /* NULL: it stands for nothing */
                uint16_t from_port, to_port;
        } cases[] = {
                { "docker-proxy", WORDS("/usr/bin/docker-proxy\0-proto\0sctp\0-host-ip\0" "0.0.0.0\0-host-port\0"
                                        "200\0-container-ip\0" "172.17.0.2\0-container-port\0" "202"),
                  "172.17.0.2", 200, 202 },
                { "docker-proxy", WORDS("docker-proxy\0-proto=sctp\0--host-ip=::\0--host-port=200\0"
                                        "-container-ip=fd00::2\0--container-port\0" "202\0-use-listen-fd"),
                  "fd00::2", 200, 202 },
                { "rootlesskit-doc", WORDS("rootlesskit-docker-proxy\0-proto\0sctp\0-host-port\0" "9\0-container-ip\0"
                                           "10.0.0.1\0-container-port\0" "65535"),
                  "10.0.0.1", 9, 65535 },
                { "docker-proxy", WORDS("docker-proxy\0-proto\0tcp\0-host-port\0" "200\0-container-ip\0" "172.17.0.2\0"
                                        "-container-port\0" "202"), NULL, 0, 0 },
                { "docker-proxy", WORDS("docker-proxy\0-proto\0sctp\0-host-port\0" "0\0-container-ip\0" "172.17.0.2\0"
                                        "-container-port\0" "202"), NULL, 0, 0 },
                { "docker-proxy", WORDS("docker-proxy\0-proto\0sctp\0-host-port\0" "200\0-container-ip\0" "172.17.0.2\0"
                                        "-container-port\0" "65536"), NULL, 0, 0 },
                { "docker-proxy", WORDS("docker-proxy\0-proto\0sctp\0-host-port\0" "200\0-container-ip\0" "web\0"
                                        "-container-port\0" "202"), NULL, 0, 0 },
                /* Cut off within an option, before its value, and after nothing. */
                { "docker-proxy", WORDS("docker-proxy\0-proto\0sctp\0-host-port\0" "200\0-container-ip\0" "172.17.0.2\0"
                                        "-container-port"), NULL, 0, 0 },
                { "docker-proxy", WORDS("docker-proxy\0-proto\0sctp\0-host-port\0" "200\0-container-ip\0" "172.17.0.2"),
                  NULL, 0, 0 },
                { "docker-proxy", WORDS("-"), NULL, 0, 0 },
                { "docker-proxy", "", 0, NULL, 0, 0 },
                /* Another program with these options. */
                { "sctpgw", WORDS("sctpgw\0-proto\0sctp\0-host-port\0" "200\0-container-ip\0" "172.17.0.2\0"
                                  "-container-port\0" "202"), NULL, 0, 0 },
        };
#undef WORDS

        (void) state;
        make_root();
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                char text[ADDRESS_TEXT_MAX];
                struct owner_process p;

                write_text("comm", cases[i].comm);
                write_file("cmdline", cases[i].words, cases[i].length);
                assert_int_equal(owner_process_read(root, 42, &p), 0);
                assert_string_equal(p.process.command, cases[i].comm);
                assert_string_equal(address_text(&p.forwards_to, text), cases[i].to ?: "-");
                assert_int_equal(p.forwards_from_port, cases[i].from_port);
                assert_int_equal(p.forwards_to_port, cases[i].to_port);
        }
}

static int set_up(void **state) {
        const struct rlimit limit = { 2 * OWNER_DESCRIPTORS_MAX, 2 * OWNER_DESCRIPTORS_MAX };

        (void) state;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || prctl(PR_SET_NAME, "test-owner") < 0)
                return -1;
        return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state) {
        char command[64];

        (void) state;
        snprintf(command, sizeof(command), "rm -rf %s", root);
        return system(command);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_one),
                cmocka_unit_test(test_nothing_shown),
                cmocka_unit_test(test_fork),
                cmocka_unit_test(test_closed_in_one),
                cmocka_unit_test(test_reuse),
                cmocka_unit_test(test_shown_later),
                cmocka_unit_test(test_deadline),
                cmocka_unit_test(test_nobody),
                cmocka_unit_test(test_many),
                cmocka_unit_test(test_descriptors_max),
                cmocka_unit_test(test_processes_max),
                cmocka_unit_test(test_new_max),
                cmocka_unit_test(test_linger),
                cmocka_unit_test(test_ending),
                cmocka_unit_test(test_denied),
                cmocka_unit_test(test_hostile_name),
                cmocka_unit_test(test_other_process),
                cmocka_unit_test(test_no_strays),
                cmocka_unit_test(test_strays_max),
                cmocka_unit_test(test_no_descriptors),
                cmocka_unit_test(test_listed),
                cmocka_unit_test(test_listed_in_a_hurry),
                cmocka_unit_test(test_listed_ends),
                cmocka_unit_test(test_listed_deadline),
                cmocka_unit_test(test_listed_max),
                cmocka_unit_test(test_list_fails),
                cmocka_unit_test(test_process),
                cmocka_unit_test(test_proxy),
                cmocka_unit_test(test_strays),
        };
        int r, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP);
        const bool has_sctp = fd >= 0;

        if (has_sctp)
                (void) close(fd);
        r = _cmocka_run_group_tests("tests", tests, ELEMENTS(tests) - !has_sctp, set_up, tear_down);
        return r;
}
