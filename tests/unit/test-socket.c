/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "../../daemon/socket.h"
#include "macro.h"

struct place {
        char directory[64], path[128];
};

static int setup(void **state) {
        struct place *p = calloc(1, sizeof(*p));

        strcpy(p->directory, "/tmp/test-socket-XXXXXX");
        if (!mkdtemp(p->directory))
                return -1;
        snprintf(p->path, sizeof(p->path), "%s/run/socket", p->directory);
        *state = p;
        return 0;
}

static int teardown(void **state) {
        struct place *p = *state;
        char command[128];

        snprintf(command, sizeof(command), "rm -r %s", p->directory);
        if (system(command) != 0)
                return -1;
        free(p);
        return 0;
}

static void test_own(void **state) {
        const struct place *p = *state;
        int fd = -EBADF, second = -EBADF;
        struct stat st;
        bool own;

        assert_int_equal(socket_listen(p->path, &fd, &own), 0);
        assert_true(own);
        assert_int_equal(stat(p->path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0660);

        /* While it is answered there is no second one; what a killed daemon left behind is in nobody's way. */
        assert_int_equal(socket_listen(p->path, &second, &own), -EADDRINUSE);
        (void) close(fd);
        assert_int_equal(socket_listen(p->path, &fd, &own), 0);
        (void) close(fd);
}

/* connect() refuses a file that is no socket in the same words as a socket that nobody answers. */
static void test_no_socket_there(void **state) {
        const struct place *p = *state;
        char file[128];
        struct stat st;
        int fd;
        bool own;

        snprintf(file, sizeof(file), "%s/precious", p->directory);
        fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        (void) close(fd);
        assert_int_equal(socket_listen(file, &fd, &own), -EEXIST);
        assert_int_equal(stat(file, &st), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_own),
                TEST(test_no_socket_there),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
