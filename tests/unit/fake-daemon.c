/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "macro.h"

/* A daemon that says what its script tells it, well or badly, to whoever connects:
 *
 *   fake-daemon SOCKET < SCRIPT > REQUESTS
 *
 *   {…}            a reply, with its NUL
 *   @accept        wait for the next connection and its request (the first is waited for anyway)
 *   @request       wait for the next request on the same connection
 *   @part TEXT     bytes without the NUL
 *   @fill N        N bytes without a NUL
 *   @sleep MS
 *   @hang          wait until the other end closes
 *
 * The connection is closed at the end of the script and at @accept. "ready" on standard output means
 * that it listens. */

static int listen_at(const char *path) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        int fd;

        if (strlen(path) >= sizeof(sa.sun_path))
                return -ENAMETOOLONG;
        memcpy(sa.sun_path, path, strlen(path) + 1);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *) &sa, sizeof(sa)) < 0 || listen(fd, 8) < 0)
                return -errno;
        return fd;
}

static void say(int fd, const char *data, size_t length) {
        while (length > 0) {
                ssize_t n = send(fd, data, length, MSG_NOSIGNAL);

                if (n < 0)
                        return;
                data += n;
                length -= (size_t) n;
        }
}

/* Takes one request and prints it. */
static void take_request(int fd) {
        char c;

        while (fd >= 0 && recv(fd, &c, 1, 0) == 1 && c != '\0')
                (void) putchar(c);
        (void) putchar('\n');
        (void) fflush(stdout);
}

static int accept_request(int listener) {
        int fd = accept(listener, NULL, NULL);

        take_request(fd);
        return fd;
}

static void run_line(int listener, int *fd, char *line) {
        char *argument = line + strcspn(line, " ");
        char c;

        argument += *argument == ' ';
        if (line[0] == '{')
                say(*fd, line, strlen(line) + 1);
        else if (strcmp(line, "@accept") == 0) {
                (void) close(*fd);
                *fd = accept_request(listener);
        } else if (strcmp(line, "@request") == 0)
                take_request(*fd);
        else if (strncmp(line, "@part ", 6) == 0)
                say(*fd, argument, strlen(argument));
        else if (strncmp(line, "@fill ", 6) == 0) {
                static char block[4096];

                memset(block, 'x', sizeof(block));
                for (long n = atol(argument); n > 0; n -= (long) sizeof(block))
                        say(*fd, block, MIN((size_t) n, sizeof(block)));
        } else if (strncmp(line, "@sleep ", 7) == 0) {
                long ms = atol(argument);

                (void) nanosleep(&(struct timespec) { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
        } else if (strcmp(line, "@hang") == 0)
                while (recv(*fd, &c, 1, 0) > 0)
                        ;
}

int main(int argc, char **argv) {
        _cleanup_free_ char *line = NULL;
        _cleanup_close_ int listener = -EBADF, fd = -EBADF;
        size_t size = 0;
        ssize_t n;

        if (argc != 2)
                return EXIT_FAILURE;
        listener = listen_at(argv[1]);
        if (listener < 0)
                return EXIT_FAILURE;
        printf("ready\n");
        (void) fflush(stdout);
        fd = accept_request(listener);
        while ((n = getline(&line, &size, stdin)) > 0) {
                line[strcspn(line, "\n")] = '\0';
                run_line(listener, &fd, line);
        }
        return EXIT_SUCCESS;
}
