/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "macro.h"

/* Associations for tests and benchmarks, in numbers: one-to-one sockets and nothing but the kernel. */

static const char usage[] =
        "sctpload [OPTION…] hold N          N associations, left alone\n"
        "sctpload [OPTION…] churn RATE SEC  RATE times a second one of a few clients reconnects, RATE * SEC times:\n"
        "                                   where so many cannot be made in a second it takes longer\n"
        "sctpload [OPTION…] listen N        N endpoints that listen on ports from PORT on\n"
        "sctpload [OPTION…] serve           accepts what comes\n"
        "  -a ADDRESS  of the server, 127.0.0.1\n"
        "  -p PORT     of the server, 7000\n"
        "  -k CLIENTS  that take turns in reconnecting, 20\n"
        "  -c          clients only: the server is another one's\n"
        "When it has made what it was asked for it says how many, and all but churn go on until they are killed.\n";

struct load {
        struct sockaddr_storage address;
        socklen_t length;
        uint16_t port;
        unsigned clients;
        bool clients_only;
};

static void set_port(struct load *l, uint16_t port) {
        if (l->address.ss_family == AF_INET6)
                ((struct sockaddr_in6 *) &l->address)->sin6_port = htons(port);
        else
                ((struct sockaddr_in *) &l->address)->sin_port = htons(port);
}

static int set_address(struct load *l, const char *text) {
        struct sockaddr_in *in = (struct sockaddr_in *) &l->address;
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) &l->address;

        l->address = (struct sockaddr_storage) {};
        if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
                in->sin_family = AF_INET;
                l->length = sizeof(*in);
                return 0;
        }
        if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
                in6->sin6_family = AF_INET6;
                l->length = sizeof(*in6);
                return 0;
        }

        return -EINVAL;
}

static int allow_descriptors(unsigned n) {
        struct rlimit limit = { n + 64u, n + 64u };

        return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

static int sctp_socket(const struct load *l, int flags) {
        int fd = socket(l->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | flags, IPPROTO_SCTP);

        return fd < 0 ? -errno : fd;
}

static int listener_new(const struct load *l) {
        _cleanup_close_ int fd = sctp_socket(l, SOCK_NONBLOCK);
        int on = 1;

        if (fd < 0)
                return fd;
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
            bind(fd, (const struct sockaddr *) &l->address, l->length) < 0 || listen(fd, SOMAXCONN) < 0)
                return -errno;

        return steal_fd(&fd);
}

static int client_new(const struct load *l) {
        _cleanup_close_ int fd = sctp_socket(l, 0);

        if (fd < 0)
                return fd;
        if (connect(fd, (const struct sockaddr *) &l->address, l->length) < 0)
                return -errno;

        return steal_fd(&fd);
}

static int watch(int epoll, int fd) {
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

        return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int accept_all(int epoll, int listener) {
        for (;;) {
                int r, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

                if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED))
                        return 0;
                if (fd < 0)
                        return -errno;
                r = watch(epoll, fd);
                if (r < 0)
                        return r;
        }
}

/* Accepts all, and closes what the peer closes. */
static int serve(int listener) {
        _cleanup_close_ int epoll = epoll_create1(EPOLL_CLOEXEC);
        int r;

        if (epoll < 0)
                return -errno;
        r = watch(epoll, listener);
        while (r >= 0) {
                struct epoll_event events[64];
                int n = epoll_wait(epoll, events, ELEMENTS(events), -1);

                for (int i = 0; r >= 0 && i < n; i++) {
                        int fd = events[i].data.fd;
                        char ignored[4096];
                        ssize_t size;

                        if (fd == listener) {
                                r = accept_all(epoll, listener);
                                continue;
                        }
                        size = recv(fd, ignored, sizeof(ignored), 0);
                        if (size == 0 || (size < 0 && errno != EAGAIN))
                                close(fd);
                }
        }

        return r;
}

/* In a process of its own, which ends with this one. */
static int start_server(const struct load *l) {
        _cleanup_close_ int listener = listener_new(l);
        pid_t pid;

        if (listener < 0)
                return listener;
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                fprintf(stderr, "sctpload: server: %s\n", strerror(-serve(listener)));
                _exit(EXIT_FAILURE);
        }

        return 0;
}

static int hold(const struct load *l, unsigned n) {
        for (unsigned i = 0; i < n; i++) {
                int fd = client_new(l);

                if (fd < 0)
                        return fd;
        }

        printf("holding %u\n", n);
        for (;;)
                pause();
}

static int listen_on(struct load *l, unsigned n) {
        for (unsigned i = 0; i < n; i++) {
                int fd;

                set_port(l, (uint16_t) (l->port + i));
                fd = listener_new(l);
                if (fd < 0)
                        return fd;
        }

        printf("listening on %u\n", n);
        for (;;)
                pause();
}

static double now(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static void sleep_until(double at) {
        struct timespec ts = { .tv_sec = (time_t) at, .tv_nsec = (long) ((at - (double) (time_t) at) * 1e9) };

        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
                ;
}

static int churn(const struct load *l, unsigned rate, unsigned seconds) {
        _cleanup_free_ int *clients = malloc(l->clients * sizeof(*clients));
        double start = now();
        uint64_t made = 0;
        int r = 0;

        if (!clients)
                return -ENOMEM;
        for (unsigned i = 0; i < l->clients; i++)
                clients[i] = -EBADF;

        while (made < (uint64_t) rate * seconds) {
                int *client = clients + made % l->clients;

                close_p(client);
                r = *client = client_new(l);
                if (r < 0)
                        break;
                made++;
                sleep_until(start + (double) made / rate);
        }
        for (unsigned i = 0; i < l->clients; i++)
                close_p(clients + i);
        if (r < 0)
                return r;

        printf("made %llu in %.1f s\n", (unsigned long long) made, now() - start);
        return 0;
}

static int run(struct load *l, int n, char *words[]) {
        const char *verb = n > 0 ? words[0] : "";
        unsigned a = n > 1 ? (unsigned) atoi(words[1]) : 0, b = n > 2 ? (unsigned) atoi(words[2]) : 0;
        bool is_hold = strcmp(verb, "hold") == 0 && n == 2, is_churn = strcmp(verb, "churn") == 0 && n == 3 && a > 0;
        int r;

        if (strcmp(verb, "serve") == 0 && n == 1) {
                _cleanup_close_ int listener = -EBADF;

                r = allow_descriptors(200000);
                if (r < 0)
                        return r;
                listener = listener_new(l);
                return listener < 0 ? listener : serve(listener);
        }
        if (strcmp(verb, "listen") == 0 && n == 2) {
                r = allow_descriptors(a);
                return r < 0 ? r : listen_on(l, a);
        }
        if (!is_hold && !is_churn) {
                fputs(usage, stderr);
                return -EINVAL;
        }

        /* The server may close later than the clients. */
        r = allow_descriptors(is_hold ? a : l->clients + 1000);
        if (r >= 0 && !l->clients_only)
                r = start_server(l);
        if (r < 0)
                return r;
        return is_hold ? hold(l, a) : churn(l, a, b);
}

int main(int argc, char *argv[]) {
        struct load l = { .port = 7000, .clients = 20 };
        int c, r;

        setlinebuf(stdout);
        (void) set_address(&l, "127.0.0.1");
        while ((c = getopt(argc, argv, "a:p:k:c")) >= 0) {
                if (c == 'p')
                        l.port = (uint16_t) atoi(optarg);
                else if (c == 'k')
                        l.clients = (unsigned) atoi(optarg);
                else if (c == 'c')
                        l.clients_only = true;
                if (c == '?' || (c == 'a' && set_address(&l, optarg) < 0) || l.clients == 0) {
                        fputs(usage, stderr);
                        return 2;
                }
        }
        set_port(&l, l.port);

        r = run(&l, argc - optind, argv + optind);
        if (r < 0)
                fprintf(stderr, "sctpload: %s\n", strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
