/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alias.h"
#include "history.h"
#include "macro.h"
#include "samples.h"
#include "snapshot.h"

/* Settings, from /etc/sctpmond.conf, /etc/sctpmond.conf.d/ and the command line: section [Monitor],
 * `Interval=1s`, on the command line `--interval=1s`. Sections [Peer NAME] name peers. */

#define CONFIG_INTERVAL_USEC_MIN        (100 * USEC_PER_MSEC)
#define CONFIG_INTERVAL_USEC_MAX        (3600 * USEC_PER_SEC)
#define CONFIG_SCAN_WAIT_USEC_MIN       USEC_PER_MSEC
#define CONFIG_SCAN_WAIT_USEC_MAX       (60 * USEC_PER_SEC)
#define CONFIG_SCAN_TIMEOUT_USEC_MIN    USEC_PER_SEC
#define CONFIG_SCAN_TIMEOUT_USEC_MAX    (3600 * USEC_PER_SEC)
#define CONFIG_FILE_MAX                 (1024u * 1024u)
#define CONFIG_MESSAGE_MAX              512

struct config {
        uint64_t interval_usec;         /* Interval=, 1s: from one scan to the next */
        uint64_t scan_wait_usec;        /* ScanWait=, 500ms: how long a caller waits for a scan */
        uint64_t scan_timeout_usec;     /* ScanTimeout=, 1min: then a scan is reported as stuck */
        unsigned cpu_share_percent;     /* CpuShare=, 5%: of one CPU, for scanning on the timer */
        bool load_module;               /* LoadModule=, yes: load sctp if missing (when started by hand as root) */
        bool all_namespaces;            /* Namespaces=, all: watch every network namespace, not our own alone */
        /* Which sources besides the tables are used; all are. */
        bool sock_diag;                 /* SockDiag= */
        bool socket_options;            /* SocketOptions=: those of other processes' sockets */
        bool owners;                    /* Owners=: which processes have the sockets */
        bool conntrack;                 /* Conntrack=: where a connection came in before DNAT */
        bool bpf;                       /* Bpf=: instead of the tables, sock_diag and socket options, where it works */
        bool damping;                   /* Damping=, yes: sum up in the journal what goes up and down too often */
        uint64_t history_changes;       /* HistoryChanges=, 20000: that are kept in memory at the most */
        uint64_t history_bytes;         /* HistoryBytes=, 16M: in so much of it */
        uint64_t sample_interval_usec;  /* SampleInterval=, 10s: from one round of samples to the next */
        uint64_t sample_bytes;          /* SampleBytes=, 32M: the memory for them; 0: none are made */
        struct alias_table *aliases;    /* of the sections [Peer NAME]; NULL: none */
};

#define CONFIG_DEFAULT ((struct config) {                               \
        .interval_usec = USEC_PER_SEC,                                  \
        .scan_wait_usec = 500 * USEC_PER_MSEC,                          \
        .scan_timeout_usec = 60 * USEC_PER_SEC,                         \
        .cpu_share_percent = 5,                                         \
        .load_module = true,                                            \
        .all_namespaces = true,                                         \
        .sock_diag = true,                                              \
        .socket_options = true,                                         \
        .owners = true,                                                 \
        .conntrack = true,                                              \
        .bpf = true,                                                    \
        .damping = true,                                                \
        .history_changes = 20000,                                       \
        .history_bytes = 16 * 1024 * 1024,                              \
        .sample_interval_usec = 10 * USEC_PER_SEC,                      \
        .sample_bytes = 32 * 1024 * 1024,                               \
})

/* Reads `path` and `path`.d/ *.conf in the order of their names. Files that do not exist are fine. On
 * an error *config is untouched and `message` says what, where (file:line) and what is allowed. Otherwise the
 * names of peers are those of the files alone, and its reference to the ones before is released. */
int config_load(const char *path, struct config *config, char message[static CONFIG_MESSAGE_MAX]);

/* Releases its reference to the names of peers. */
void config_done(struct config *config);

/* Sets one value by its name, "Interval" or on the command line "interval". -ENOENT: no such name;
 * -EINVAL, -ERANGE: `message` says what is allowed ("interval=0 is out of range: 100ms to 1h"). */
int config_set(struct config *config, const char *name, const char *value, char message[static CONFIG_MESSAGE_MAX]);

/* The settings one by one, for the command line: name of the option ("scan-wait") or NULL after the
 * last, what to call its value in --help ("TIME"), and what it is for. */
const char *config_option(size_t index, const char **ret_value, const char **ret_help);

/* Bits by enum source: those that are switched off. */
unsigned config_off(const struct config *config);

/* The setting that a source is switched off by, "SocketOptions=no"; NULL: it is not. */
const char *config_off_by(const struct config *config, enum source source);
