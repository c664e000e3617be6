/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sleepers N: that many processes which do nothing until this one is killed. They share its memory, so that thousands
 * fit into a small machine. */
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "macro.h"

#define STACK_BYTES 4096u

static int sleep_on(void *arg) {
        (void) arg;
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        while (pause() < 0)
                ;
        return 0;
}

int main(int argc, char **argv) {
        size_t n = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
        char *stacks = mmap(NULL, (n + 1) * STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (n == 0 || stacks == MAP_FAILED)
                return 2;
        for (size_t i = 0; i < n; i++)
                if (clone(sleep_on, stacks + (i + 1) * STACK_BYTES, CLONE_VM | CLONE_FS | CLONE_FILES, NULL) < 0) {
                        perror("clone");
                        return 1;
                }

        printf("sleeping %zu\n", n);
        (void) fflush(stdout);
        for (;;)
                (void) pause();
}
