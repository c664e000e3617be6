/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "macro.h"

#define SCTPCTL_SOCKET "/run/sctpmon/io.sctpmon.Monitor"

/* What sctpctl exits with. */
enum code {
        CODE_DONE,
        CODE_FAILED,
        CODE_USAGE,
        CODE_NOT_AVAILABLE,             /* the kernel has no SCTP */
        CODE_NOT_THERE,                 /* what was asked for by filter, id or name */
        CODE_TIMED_OUT,
};

enum output {
        OUTPUT_TABLE,
        OUTPUT_JSON_PRETTY,
        OUTPUT_JSON_SHORT,
};

struct options {
        enum output output;
        bool terminal;                  /* standard output is one */
        bool color;
        bool legend;
        bool pager;
        bool raw;
        bool watch;
        bool wide;
        bool all;                       /* eps: those that do not listen, too */
        bool statistics;                /* show: SCTP_GET_ASSOC_STATS, too */
        const char *socket;
        const char *root;               /* NULL: this host */
        const char *netns;              /* NULL: not asked for */
        const char *argument;           /* show: the id; explain: the word; NULL: none */
        uint64_t since, until;          /* realtime, usec; 0: not asked for */
        uint64_t timeout_usec;          /* wait: 0: for ever */
        const char *directory;          /* log: of journals; NULL: this host's */
        const char *boot;               /* log: "0", "-1", an id; NULL: all */
        bool follow;                    /* log */
        unsigned lines;                 /* log: the last so many; LINES_ALL */
        unsigned min_paths, min_associations;   /* check: 0: not asked for */
        const char *path_state;         /* paths: in this state; NULL: any */
        json_t *filter;                 /* the interface's Filter, without netns; NULL: nothing asked for */
};

#define LINES_ALL UINT32_MAX

/* Whether fewer rows than all were asked for. */
bool options_filtered(const struct options *o);

/* One line on standard error, "sctpctl: …"; safe on a terminal whatever the arguments hold. */
void say(const char *format, ...) _printf_(1, 2);
/* The usual last words. */
enum code say_out_of_memory(void);

enum code verb_eps(const struct options *o);
enum code verb_assocs(const struct options *o);
enum code verb_show(const struct options *o);
enum code verb_paths(const struct options *o);
enum code verb_netns(const struct options *o);
enum code verb_stats(const struct options *o);
enum code verb_status(const struct options *o);
enum code verb_explain(const struct options *o);
enum code verb_monitor(const struct options *o);
enum code verb_trace(const struct options *o);
enum code verb_log(const struct options *o);
enum code verb_wait(const struct options *o);
enum code verb_check(const struct options *o);
