/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "pager.h"

static pid_t pager_pid;

/* A pager can start a shell: not one with more rights than the person has. */
static bool elevated(void) {
        return geteuid() != getuid() || getenv("SUDO_UID") || getenv("PKEXEC_UID");
}

static _Noreturn void run_pager(const char *command, pid_t parent) {
        char buffer[4096];
        ssize_t n;

        (void) signal(SIGPIPE, SIG_DFL);
        (void) prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
        (void) setenv("LESS", getenv("SCTPCTL_LESS") ?: "FRSX", 1);
        (void) setenv("LESSCHARSET", "utf-8", 0);
        if (elevated())
                (void) setenv("LESSSECURE", "1", 1);

        if (command)
                (void) execl("/bin/sh", "sh", "-c", command, NULL);
        /* Not more(1): it counts colours as columns, and waits at the end of what fits the screen. */
        (void) execlp("less", "less", NULL);
        while ((n = read(STDIN_FILENO, buffer, sizeof(buffer))) > 0)
                if (write(STDOUT_FILENO, buffer, (size_t) n) != n)
                        break;
        _exit(EXIT_SUCCESS);
}

void pager_open(const struct options *o) {
        const char *command, *term = getenv("TERM");
        pid_t pid, self = getpid();
        int fds[2];

        if (pager_pid > 0 || !o->pager || !o->terminal)
                return;
        if (!term || strcmp(term, "dumb") == 0)
                return;
        command = getenv("SCTPCTL_PAGER") ?: getenv("PAGER");
        if (command && (command[0] == '\0' || strcmp(command, "cat") == 0))
                return;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return;

        pid = fork();
        if (pid == 0) {
                /* Who has the end for writing open waits for itself. */
                if (dup2(fds[0], STDIN_FILENO) < 0 || close(fds[1]) < 0)
                        _exit(EXIT_FAILURE);
                run_pager(command, self);
        }
        if (pid > 0 && dup2(fds[1], STDOUT_FILENO) >= 0)
                pager_pid = pid;
        (void) close(fds[0]);
        (void) close(fds[1]);
        /* Ctrl-C is the pager's from here on. */
        if (pager_pid > 0)
                (void) signal(SIGINT, SIG_IGN);
}

void pager_close(void) {
        if (pager_pid <= 0)
                return;
        (void) fclose(stdout);
        while (waitpid(pager_pid, NULL, 0) < 0 && errno == EINTR)
                ;
        pager_pid = 0;
}
