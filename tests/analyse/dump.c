/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <stdlib.h>

/* Linked into programs whose coverage is of interest. The kernel kills the scanner when the server ends: before that, it
 * is told by this signal to write down what it has run, and to end. */

void __gcov_dump(void);

static void dump(int signal_number) {
        (void) signal_number;
        __gcov_dump();
        _Exit(0);
}

__attribute__((constructor)) static void listen_for_signal(void) {
        (void) signal(SIGUSR1, dump);
}
