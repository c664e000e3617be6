/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* The kernel modules `sctp` and `sctp_diag`, through libkmod. Once loaded, sctp cannot be unloaded
 * until the next boot. Nothing here calls socket(IPPROTO_SCTP), which would load it behind the
 * administrator's back. */

enum module_state {
        MODULE_LOADED,                  /* or built in: /proc/net/sctp is there */
        MODULE_LOADABLE,                /* nothing stands against loading it */
        MODULE_MISSING,                 /* no such module for the running kernel, or none that we can see */
        MODULE_BLACKLISTED,
        MODULE_INSTALL_RULE,            /* modprobe.d has an install rule; those are never run */
        MODULE_USERSPACE_STACK,         /* a raw socket for protocol 132: the kernel would ABORT its associations */
        MODULE_FAILED,                  /* tried; the kernel refused, or it was not there afterwards */
        _MODULE_STATE_MAX,
};

struct module_report {
        enum module_state state;
        int error;                      /* negative errno behind MODULE_FAILED, else 0 */
        char reason[256];               /* a sentence: why SCTP is (not) there */
        char advice[256];               /* a sentence: what to do; empty when there is nothing */
};

/* Looks, and changes nothing. Reads modprobe.d and goes once over /proc/<pid>: not for every scan. */
void module_look(struct module_report *ret);

/* Loads sctp, then sctp_diag, if nothing stands against it, and verifies that /proc/net/sctp is there
 * afterwards. True if SCTP is there. A missing or refused sctp_diag is told in `advice` only. */
bool module_load(struct module_report *ret);

/* The same look at other places, for tests. */
struct module_places {
        const char *modules;            /* directory with modules.dep; NULL: of the running kernel */
        const char *const *rules;       /* modprobe.d directories, the most important first; NULL: the system's */
        const char *proc;
};
void module_look_at(const struct module_places *places, struct module_report *ret);
