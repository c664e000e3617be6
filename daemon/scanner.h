/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "snapshot.h"

/* The scanner process: it alone reads the kernel, may block there, and takes nothing from the server
 * but a serial number. Each look comes back as one sealed memfd. */

/* Forks the scanner. `previous` (may be NULL) is the scan it starts from, of which the caller has the only
 * reference, and keeps it. Call it before any thread is started and any other descriptor is opened. */
int scanner_start(struct snapshot *previous, pid_t *ret_pid, int *ret_fd);

/* Asks for a scan that begins now. */
int scanner_ask(int fd, uint64_t serial);

/* Takes an answer: a snapshot, or the (negative) error that ended the scan, in *ret_error. -EBADMSG: what
 * came is no sound answer; -ECONNRESET: the scanner is gone. */
int scanner_receive(int fd, uint64_t *ret_serial, int *ret_error, struct snapshot **ret);
