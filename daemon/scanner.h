/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "record.h"
#include "snapshot.h"

/* The scanner process: it alone reads the kernel, may block there, has the capabilities that this takes and no others,
 * and takes nothing from the server but a request of numbers. Each look comes back as one sealed memfd. */

/* The time for details that a request may grant. */
#define SCANNER_DEAR_USEC_MAX (60 * USEC_PER_SEC)

/* What a scan is asked for; see struct scan_options. */
struct scanner_request {
        uint64_t serial;                /* from 1; 0: no scan is asked for, and no answer, only that `tracing` holds */
        uint64_t dear_usec;             /* up to SCANNER_DEAR_USEC_MAX */
        uint64_t wish_netns;
        uint32_t wish_id;
        uint32_t off;                   /* bits by enum source */
        uint8_t new_only, wish_statistics;      /* 0 or 1 */
        struct tracing tracing;         /* from now on news have these steps, too */
        uint8_t reserved[4];            /* 0 */
};

/* Forks the scanner. `previous` (may be NULL) is the scan it starts from, of which the caller has the only
 * reference, and keeps it. Call it before any thread is started and any other descriptor is opened. */
int scanner_start(struct snapshot *previous, pid_t *ret_pid, int *ret_fd);

/* Asks for a scan that begins now, or for what else `serial` says. */
int scanner_ask(int fd, const struct scanner_request *request);

/* Takes an answer: a snapshot, or the (negative) error that ended the scan, in *ret_error; or news, which nobody asked
 * for, with the serial 0: what happened up to the next answer comes before it. With that serial, -EOVERFLOW in
 * *ret_error says that some are lost, and that a scan is to make up for them; -ESTALE that there are other endpoints now,
 * which only a scan tells. -EBADMSG: what came is no sound answer;
 * -ECONNRESET: the scanner is gone. */
int scanner_receive(int fd, uint64_t *ret_serial, int *ret_error, struct snapshot **ret);
