/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "clock.h"
#include "scan.h"

/* What a scan costs beside the kernel's part of it: the same tables read and thrown away. Both are made
 * in turns in one process, and the best of each counts.
 *
 *      bench-scan [ROOT]       ROOT/proc/net/sctp instead of the running kernel's tables */

#define ROUNDS 15

static int read_away(const char *root) {
        static const char *const tables[] = { "eps", "assocs", "remaddr", "snmp" };
        static char buffer[256 * 1024];

        for (size_t i = 0; i < ELEMENTS(tables); i++) {
                _cleanup_close_ int fd = -EBADF;
                char path[4096];
                ssize_t n;

                snprintf(path, sizeof(path), "%s/proc/net/sctp/%s", root ?: "", tables[i]);
                fd = open(path, O_RDONLY | O_CLOEXEC);
                if (fd < 0)
                        return -errno;
                while ((n = read(fd, buffer, sizeof(buffer))) > 0)
                        ;
                if (n < 0)
                        return -errno;
        }

        return 0;
}

int main(int argc, char *argv[]) {
        const char *root = argc > 1 ? argv[1] : NULL;
        _cleanup_(snapshot_unref_p) struct snapshot *previous = NULL;
        uint64_t kernel = UINT64_MAX, scan = UINT64_MAX;
        int r = 0;

        for (unsigned i = 0; r >= 0 && i < ROUNDS; i++) {
                struct scan_options options = { .root = root, .previous = previous, .serial = i + 1 };
                uint64_t start = clock_usec(CLOCK_PROCESS_CPUTIME_ID), middle, end;
                struct snapshot *next = NULL;

                r = read_away(root);
                middle = clock_usec(CLOCK_PROCESS_CPUTIME_ID);
                if (r >= 0)
                        r = scan_run(&options, &next);
                end = clock_usec(CLOCK_PROCESS_CPUTIME_ID);
                if (r < 0)
                        break;

                kernel = MIN(kernel, middle - start);
                /* The first one asks for every association's tags: that is once in its life. */
                if (i > 0)
                        scan = MIN(scan, end - middle);
                snapshot_unref(previous);
                previous = next;
        }
        if (r < 0) {
                fprintf(stderr, "bench-scan: %s\n", strerror(-r));
                return EXIT_FAILURE;
        }

        printf("rows %" PRIu32 " read_us %" PRIu64 " scan_us %" PRIu64 " own_share %.3f\n",
               snapshot_head(previous)->n_associations, kernel, scan, ((double) scan - (double) kernel) / (double) kernel);
        return EXIT_SUCCESS;
}
