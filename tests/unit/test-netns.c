/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

/* With limits that a test reaches. */
#include "netns.h"
#undef NETNS_LIST_MAX
#define NETNS_LIST_MAX 6u
#undef NETNS_FORKS_MAX
#define NETNS_FORKS_MAX 8u
#include "netns.c"
#include "netns-enter.c"
#include "netns-process.c"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* A line of mountinfo of a network namespace; NULL: it is not of one. */
static void assert_mount(const char *text, uint64_t netns, const char *point, const char *name) {
        char line[512];
        const char *found = NULL;
        uint64_t number = 0;

        snprintf(line, sizeof(line), "%s", text);
        assert_int_equal(parse_mount(line, &number, &found), point != NULL);
        if (!point)
                return;
        assert_true(number == netns);
        assert_string_equal(found, point);
        if (name)
                assert_string_equal(name_below(found), name);
        else
                assert_null(name_below(found));
}

static void test_mounts(void **state) {
        (void) state;
        assert_mount("44 43 0:4 net:[4026532293] /run/netns/r rw shared:25 - nsfs nsfs rw\n", 4026532293, "/run/netns/r",
                     "r");
        assert_mount("44 43 0:4 net:[7] /var/run/netns/a rw - nsfs nsfs rw\n", 7, "/var/run/netns/a", "a");
        assert_mount("1 2 0:4 net:[7] /run/docker/netns/1b2c rw shared:1 master:2 - nsfs nsfs rw", 7,
                     "/run/docker/netns/1b2c", NULL);
        assert_mount("1 2 0:4 net:[7] /run/netns/a\\040b\\134c rw - nsfs nsfs rw", 7, "/run/netns/a b\\c", "a b\\c");
        assert_mount("1 2 0:4 net:[7] /run/netns/a\\04 rw - nsfs nsfs rw", 7, "/run/netns/a\\04", "a\\04");
        assert_mount("1 2 0:4 net:[7] /run/netns/a/b rw - nsfs nsfs rw", 7, "/run/netns/a/b", NULL);
        assert_mount("1 2 0:4 mnt:[7] /run/netns/a rw - nsfs nsfs rw", 0, NULL, NULL);
        assert_mount("1 2 0:4 net:[7] /run/netns/a rw - tmpfs nsfs rw", 0, NULL, NULL);
        assert_mount("1 2 0:4 net:[x] /run/netns/a rw - nsfs nsfs rw", 0, NULL, NULL);
        assert_mount("1 2 0:4 net:[7 /run/netns/a rw - nsfs nsfs rw", 0, NULL, NULL);
        assert_mount("1 2 0:4 net:[7] /run/netns/a rw nsfs nsfs rw", 0, NULL, NULL);
        assert_mount("1 2 0:4 net:[7]", 0, NULL, NULL);
        assert_mount("\n", 0, NULL, NULL);
}

static void assert_numbers(pid_t old, pid_t now, pid_t pid_max, size_t n, pid_t first, pid_t last) {
        struct numbers numbers;

        numbers_between(old, now, pid_max, &numbers);
        assert_int_equal(numbers.n, n);
        if (n == 0)
                return;
        assert_int_equal(numbers_at(&numbers, 0), first);
        assert_int_equal(numbers_at(&numbers, n - 1), last);
        assert_true(numbers_have(&numbers, first));
        assert_true(numbers_have(&numbers, last));
        assert_false(numbers_have(&numbers, old));
        if (n < (size_t) pid_max - 2)
                assert_false(numbers_have(&numbers, last + 1));
}

static void test_numbers(void **state) {
        (void) state;
        assert_numbers(100, 100, 32768, 0, 0, 0);
        assert_numbers(100, 101, 32768, 1, 101, 101);
        assert_numbers(100, 200, 32768, 100, 101, 200);
        /* It goes on with a small number behind the largest. */
        assert_numbers(32765, 301, 32768, 303, 32766, 301);
        assert_numbers(32767, 301, 32768, 301, 1, 301);
        assert_numbers(50000, 301, 32768, 301, 1, 301);
}

static void test_protocols(void **state) {
        static const char text[] =
                "protocol  size sockets  memory press maxhdr  slab module     cl co\n"
                "SCTPv6    1544      3       0   no       0   yes  sctp        y  n\n"
                "SCTP      1400      4       0   no       0   yes  sctp        y  n\n"
                "SCTPish   1400     50      -1   NI       0   yes  kernel      y  n\n"
                "TCP       2368     60       0   no     256   yes  kernel      y  y\n";
        const char *none = strstr(text, "SCTPish");
        char without[512];
        uint32_t n = 77;

        (void) state;
        assert_int_equal(parse_protocols(text, strlen(text), &n), 0);
        assert_int_equal(n, 3 + 4 - 1);

        n = 77;
        snprintf(without, sizeof(without), "%.*s%s", (int) (strchr(text, '\n') + 1 - text), text, none);
        assert_int_equal(parse_protocols(without, strlen(without), &n), -ENOENT);
        assert_int_equal(parse_protocols("", 0, &n), -EBADMSG);
        assert_int_equal(parse_protocols("protocol size\nSCTP 1\n", 21, &n), -EBADMSG);
        assert_int_equal(parse_protocols("protocol sockets\nSCTP x\n", 24, &n), -EBADMSG);
        assert_int_equal(n, 77);
}

/* What read_protocols() takes from a table that is written to it; -errno. */
static int read_back(const char *text, char *buffer, size_t size) {
        int fds[2], r;
        size_t length;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(write(fds[1], text, strlen(text)), (int) strlen(text));
        (void) close(fds[1]);
        r = read_protocols(fds[0], buffer, size, &length);
        (void) close(fds[0]);
        return r < 0 ? r : (int) length;
}

static void test_only_as_much_of_protocols_as_it_takes(void **state) {
        char text[4096] = "protocol sockets\n", buffer[PROTOCOLS_BYTES_MAX];
        uint32_t n = 0;

        (void) state;
        strcat(text, "SCTPv6 3\nSCTP 12");
        /* The last number is half of one. */
        assert_int_equal(read_back(text, buffer, sizeof(buffer)), strlen("protocol sockets\nSCTPv6 3\n"));
        strcat(text, "4\n");
        for (unsigned i = 0; i < 100; i++)
                strcat(text, "TCP 100\n");
        assert_in_range(read_back(text, buffer, sizeof(buffer)), 1, PROTOCOLS_BYTES_AT_ONCE);
        assert_int_equal(parse_protocols(buffer, strlen(buffer), &n), 0);
        assert_int_equal(n, 3 + 124 - 1);
        memset(text, 'x', sizeof(text) - 1);
        assert_int_equal(read_back(text, buffer, sizeof(text) - 1), -EFBIG);
        assert_int_equal(read_back("", buffer, sizeof(buffer)), 0);

        /* Where there is no SCTPv6 it is read to its end. */
        strcpy(text, "protocol sockets\n");
        for (unsigned i = 0; i < 100; i++)
                strcat(text, "TCP 100\n");
        strcat(text, "SCTP 7\n");
        assert_int_equal(read_back(text, buffer, sizeof(buffer)), (int) strlen(text));
        assert_int_equal(parse_protocols(buffer, strlen(buffer), &n), 0);
        assert_int_equal(n, 6);
}

static struct netns_list *new_list(void) {
        struct netns_list *l = NULL;

        assert_int_equal(netns_list_new(&l), 0);
        return l;
}

static struct netns_place *place_of(struct netns_list *l, uint64_t netns) {
        for (size_t i = 0; i < netns_list_count(l); i++)
                if (netns_list_at(l, i)->netns == netns)
                        return netns_list_at(l, i);

        return NULL;
}

static struct netns_place *own_place(struct netns_list *l) {
        uint64_t self = 0;

        assert_int_equal(netns_self(&self), 0);
        return place_of(l, self);
}

static struct entry *add_entry(struct netns_list *l, uint64_t netns, const char *path) {
        struct entry *e = NULL;

        assert_int_equal(netns_list_find_or_add(l, netns, &e), 0);
        assert_non_null(e);
        snprintf(e->place.path, sizeof(e->place.path), "%s", path);
        e->fresh = false;
        return e;
}

static void test_too_many_namespaces(void **state) {
        static const uint64_t numbers[] = { 5, 2, 9, 4, 7 };
        struct netns_list *l = new_list();
        uint64_t self = 0;
        size_t with_process = 0;

        (void) state;
        assert_int_equal(netns_self(&self), 0);
        /* As if this one, which the list will find processes in, were not its own. */
        l->own = 1;
        l->own_table = 0;
        add_entry(l, l->own, "");
        l->mounts_read = true;
        for (size_t i = 0; i < ELEMENTS(numbers); i++)
                add_entry(l, numbers[i], "/mounted/as/before");
        assert_int_equal(netns_list_count(l), NETNS_LIST_MAX);

        assert_int_equal(netns_list_update(l, false), -E2BIG);
        assert_int_equal(netns_list_count(l), NETNS_LIST_MAX);
        assert_null(place_of(l, self));
        for (size_t i = 1; i < NETNS_LIST_MAX; i++)
                assert_true(netns_list_at(l, i - 1)->netns < netns_list_at(l, i)->netns);

        /* One goes, and there is room for one that has a process. */
        for (size_t i = 0; i < NETNS_LIST_MAX; i++)
                assert_true(netns_list_at(l, i)->own || netns_list_at(l, i)->pid == 0);
        netns_list_entry(l, 4)->place.path[0] = '\0';
        assert_int_equal(netns_list_update(l, true), -E2BIG);
        assert_null(place_of(l, 4));
        assert_int_equal(netns_list_count(l), NETNS_LIST_MAX - 1);
        (void) netns_list_update(l, true);
        assert_int_equal(netns_list_count(l), NETNS_LIST_MAX);
        for (size_t i = 0; i < NETNS_LIST_MAX; i++)
                with_process += !netns_list_at(l, i)->own && netns_list_at(l, i)->pid > 0;
        assert_int_equal(with_process, 1);
        netns_list_free(l);
}

static size_t count_new(const struct netns_list *l, pid_t pid) {
        size_t n, found = 0;
        const pid_t *pids = netns_list_new_pids(l, &n);

        for (size_t i = 0; i < n; i++)
                found += pids[i] == pid;
        return found;
}

static pid_t spawn(void) {
        pid_t pid = fork();

        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;)
                        (void) pause();
        }
        assert_true(pid > 0);
        return pid;
}

static void end(pid_t pid) {
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static size_t count_fds(void) {
        _cleanup_(closedir_p) DIR *d = opendir("/proc/self/fd");
        size_t n = 0;

        assert_non_null(d);
        while (readdir(d))
                n++;
        return n;
}

static void test_own(void **state) {
        struct netns_list *l = new_list();
        uint64_t cookie = 0;
        struct netns_place *own;
        uint32_t n = 77;

        (void) state;
        assert_int_equal(netns_list_update(l, false), 0);
        own = own_place(l);
        assert_non_null(own);
        assert_true(own->own);
        assert_int_equal(own->pid, getpid());
        if (read_cookie(&cookie) >= 0)
                assert_true(own->generation == cookie);
        else
                assert_true(own->generation >= GENERATION_COUNTED);

        cookie = own->generation;
        own->was_empty = true;
        own->skipped = 5;
        assert_int_equal(netns_list_update(l, true), 0);
        own = own_place(l);
        assert_true(own->generation == cookie);
        assert_true(own->was_empty);
        assert_int_equal(own->skipped, 5);

        /* Nothing to enter, and no right is needed for it. */
        assert_int_equal(netns_enter(l, own), 0);
        netns_leave(l);
        assert_int_equal(netns_open_sctp(l, own) >= 0, access("/proc/self/net/sctp", F_OK) == 0);
        if (access("/proc/self/net/sctp", F_OK) < 0)
                assert_int_equal(netns_count_sockets(l, own, &n), -ENOENT);
        else
                assert_int_equal(netns_count_sockets(l, own, &n), 0);
        netns_list_free(l);
}

static void test_another_one_is_stale(void **state) {
        struct netns_list *l = new_list();
        struct netns_place place;
        uint32_t n;

        (void) state;
        assert_int_equal(netns_list_update(l, false), 0);
        place = *own_place(l);
        place.generation++;
        assert_int_equal(netns_enter(l, &place), -ESTALE);
        assert_int_equal(netns_open_sctp(l, &place), -ESTALE);
        assert_int_equal(netns_count_sockets(l, &place, &n), -ESTALE);
        place.generation--;
        place.netns = 1;
        assert_int_equal(netns_enter(l, &place), -ESTALE);
        netns_list_free(l);
}

static void test_denied_by_a_process_that_has_ended(void **state) {
        pid_t pid = spawn();

        (void) state;
        assert_int_equal(denied_or_stale(pid, 0), 0);
        assert_int_equal(denied_or_stale(pid, -EACCES), -EACCES);
        end(pid);
        assert_int_equal(denied_or_stale(pid, -EACCES), -ESTALE);
        assert_int_equal(denied_or_stale(pid, -EPERM), -EPERM);
}

/* Until the other end is closed. */
static void *tell_and_wait(void *arg) {
        int fd = ((int *) arg)[1];
        pid_t tid = gettid();

        assert_int_equal(write(fd, &tid, sizeof(tid)), sizeof(tid));
        assert_int_equal(read(fd, &tid, sizeof(tid)), 0);
        return NULL;
}

static void test_new_processes(void **state) {
        struct netns_list *l = new_list();
        pid_t before = spawn(), after, tid = 0;
        pthread_t thread;
        int fds[2];

        (void) state;
        /* All are new to the first look. */
        assert_int_equal(netns_list_update(l, false), 0);
        assert_int_equal(count_new(l, before), 1);
        assert_int_equal(count_new(l, getpid()), 1);

        after = spawn();
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(pthread_create(&thread, NULL, tell_and_wait, fds), 0);
        assert_int_equal(read(fds[0], &tid, sizeof(tid)), sizeof(tid));
        assert_int_equal(netns_list_update(l, false), 0);
        assert_int_equal(count_new(l, after), 1);
        assert_int_equal(count_new(l, before), 0);
        /* A number was given out for it, too, but it is no process. */
        assert_int_equal(count_new(l, tid), 0);

        for (unsigned i = 0; i < CANDIDATE_LOOKS + 1; i++) {
                assert_int_equal(netns_list_update(l, i == 2), 0);
                assert_int_equal(count_new(l, after), 0);
        }
        (void) close(fds[0]);
        assert_int_equal(pthread_join(thread, NULL), 0);
        (void) close(fds[1]);
        end(before);
        end(after);
        netns_list_free(l);
}

static void test_more_new_processes_than_are_looked_at_one_by_one(void **state) {
        struct netns_list *l = new_list();
        pid_t before = spawn(), after[NETNS_FORKS_MAX + 1];

        (void) state;
        assert_int_equal(netns_list_update(l, false), 0);
        for (size_t i = 0; i < ELEMENTS(after); i++)
                after[i] = spawn();
        assert_int_equal(netns_list_update(l, false), 0);
        for (size_t i = 0; i < ELEMENTS(after); i++)
                assert_int_equal(count_new(l, after[i]), 1);
        assert_int_equal(count_new(l, before), 0);
        assert_int_equal(netns_list_update(l, false), 0);
        for (size_t i = 0; i < ELEMENTS(after); i++) {
                assert_int_equal(count_new(l, after[i]), 0);
                end(after[i]);
        }
        end(before);
        netns_list_free(l);
}

static void test_nothing_stays_open(void **state) {
        struct netns_list *l = new_list();
        size_t n;

        (void) state;
        assert_int_equal(netns_list_update(l, true), 0);
        n = count_fds();
        for (unsigned i = 0; i < 50; i++)
                assert_int_equal(netns_list_update(l, i % 10 == 0), 0);
        assert_int_equal(count_fds(), n);
        netns_list_free(l);
        assert_int_equal(count_fds(), n - 2);
}

static void test_a_lack_of_descriptors_is_no_news(void **state) {
        struct netns_list *l = new_list();
        struct rlimit limit, none;
        pid_t pid = spawn();
        uint64_t generation;
        size_t count;

        (void) state;
        assert_int_equal(netns_list_update(l, false), 0);
        generation = own_place(l)->generation;
        count = netns_list_count(l);

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        none = (struct rlimit) { 0, limit.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        assert_int_equal(netns_list_update(l, false), -EMFILE);
        assert_int_equal(netns_list_count(l), count);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);

        /* It begins anew. */
        assert_int_equal(netns_list_update(l, false), 0);
        assert_true(own_place(l)->generation == generation);
        assert_int_equal(count_new(l, pid), 1);
        end(pid);
        netns_list_free(l);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_protocols),
        cmocka_unit_test(test_only_as_much_of_protocols_as_it_takes),
        cmocka_unit_test(test_too_many_namespaces),
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_another_one_is_stale),
        cmocka_unit_test(test_denied_by_a_process_that_has_ended),
        cmocka_unit_test(test_new_processes),
        cmocka_unit_test(test_more_new_processes_than_are_looked_at_one_by_one),
        cmocka_unit_test(test_nothing_stays_open),
        cmocka_unit_test(test_a_lack_of_descriptors_is_no_news),
};

int main(void) {
        return cmocka_run_group_tests_name("netns", tests, NULL, NULL);
}
