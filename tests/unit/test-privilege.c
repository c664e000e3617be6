/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "macro.h"
#include "../../daemon/privilege.h"

/* Each of these in a process of its own, that has given up its rights: 0, or what was wrong. */
static void assert_in_child(int (*function)(void)) {
        int status = -1;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                int r = privilege_drop();

                _Exit(r < 0 ? 99 : function());
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

static int find_capability(void) {
        cap_t current = cap_get_proc();

        for (cap_value_t c = 0; c < cap_max_bits(); c++)
                for (int set = CAP_EFFECTIVE; set <= CAP_INHERITABLE; set++) {
                        cap_flag_value_t value;

                        if (cap_get_flag(current, c, (cap_flag_t) set, &value) == 0 && value == CAP_SET)
                                return 1;
                }
        cap_free(current);
        return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 2;
}

static void test_there_is_no_capability(void **state) {
        (void) state;
        assert_in_child(find_capability);
}

#define REFUSED(call) (errno = 0, (call) < 0 && errno == EPERM)

static int try_what_is_forbidden(void) {
        char *const nothing[] = { (char []) { "true" }, NULL };

        /* What needs no right, so that nothing else refuses it, comes first. */
        if (!REFUSED(execve("/bin/true", nothing, nothing + 1)))
                return 1;
        if (!REFUSED(syscall(SYS_unshare, 0)))
                return 2;
        if (!REFUSED(syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0)))
                return 3;
        if (!REFUSED(ptrace(PTRACE_TRACEME, 0, 0, 0)))
                return 4;
        if (!REFUSED(socket(AF_INET, SOCK_STREAM, 0)) || !REFUSED(socket(AF_NETLINK, SOCK_RAW, 0)) ||
            !REFUSED(socket(AF_PACKET, SOCK_RAW, 0)))
                return 5;
        if (!REFUSED(syscall(SYS_io_uring_setup, 1, NULL)))
                return 6;
        if (!REFUSED(syscall(SYS_keyctl, 0, -1, 0)))
                return 7;
        if (!REFUSED(syscall(SYS_bpf, 0, NULL, 0)) || !REFUSED(syscall(SYS_setns, -1, 0)) ||
            !REFUSED(syscall(SYS_pidfd_getfd, -1, -1, 0)) || !REFUSED(mount(NULL, "/", NULL, 0, NULL)) ||
            !REFUSED(syscall(SYS_finit_module, -1, "", 0)) || !REFUSED(syscall(SYS_perf_event_open, NULL, 0, 0, 0, 0)) ||
            !REFUSED(syscall(SYS_open_by_handle_at, -1, NULL, 0)))
                return 8;
        return REFUSED(syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0)) ? 0 : 9;
}

static void test_what_is_forbidden(void **state) {
        (void) state;
        assert_in_child(try_what_is_forbidden);
}

static void *do_nothing(void *userdata) {
        return userdata;
}

static int do_the_work(void) {
        pthread_t thread;
        int pair[2], fd;

        /* A client, the journal and its thread, and what is saved. */
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || write(pair[0], "x", 1) != 1)
                return 1;
        if (pthread_create(&thread, NULL, do_nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
                return 2;
        fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        return fd < 0 ? 3 : 0;
}

static void test_what_is_left(void **state) {
        (void) state;
        assert_in_child(do_the_work);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_there_is_no_capability),
                cmocka_unit_test(test_what_is_forbidden),
                cmocka_unit_test(test_what_is_left),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
