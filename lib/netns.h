/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "macro.h"

/* Inode of this process's own network namespace, as `ls -L /proc/self/ns/net` shows it. */
int netns_self(uint64_t *ret);

/* Resolves "all" (*ret_all true), "host" (this one), a name under /run/netns, "pid:N" or "inode:N".
 * -EINVAL: none of these forms; -ENOENT: there is no such namespace; -EACCES: not ours to look at. */
int netns_resolve(const char *text, bool *ret_all, uint64_t *ret);

/* How long a process that moved itself to another namespace may go unnoticed: all are looked at anew after this. */
#define NETNS_WALK_USEC (10 * USEC_PER_SEC)
/* More forks than this from one update to the next, and all of /proc is read instead of what they made. */
#define NETNS_FORKS_MAX 4096u
/* More are not watched, which the error -E2BIG says after all others have been found. */
#define NETNS_LIST_MAX 65536u

/* Whether the namespace that has a number now can be the one that had it before, by their generations. A count begins
 * anew with each process, so that only a higher one is another's; a count says nothing of a cookie. */
bool netns_may_be_same(uint64_t before, uint64_t now);

/* A way into one network namespace. Nothing in it is open, so that nothing keeps the namespace alive. */
struct netns_place {
        uint64_t netns;                 /* inode, or above NETNS_UNNAMED_MIN where that may not be read */
        /* Differs between namespaces that had the same inode one after the other: the kernel's SO_NETNS_COOKIE (Linux
         * 5.14) where we may enter, else a count of the list's, above all cookies. Not noticed without a cookie: one
         * mounted where another one was; never noticed: a process that moved twice between two updates and got the
         * inode of the first. */
        uint64_t generation;
        pid_t pid;                      /* of a process in it; 0: none is known, there is a path */
        bool own;
        char name[64];                  /* below /run/netns, escaped; "" if it has none there */
        char path[256];                 /* where it is mounted, as it is; "" if it is not, or where we cannot see it */
        /* The user's, kept from one update to the next: whether the last look found it empty, and how many looks ago
         * it was read at the last. */
        bool was_empty;
        unsigned skipped;
};

/* The namespaces of this host, remembered from one look to the next. */
struct netns_list;

int netns_list_new(struct netns_list **ret);
struct netns_list *netns_list_free(struct netns_list *l);
DEFINE_CLEANUP(struct netns_list *, netns_list_free)

/* Looks what is new and what is gone: processes that are new since the last time (by the number of the last one
 * forked, so that thousands of sleeping ones cost nothing), those known to be in a namespace, what is mounted if
 * that changed; every process every NETNS_WALK_USEC, and always with `thorough` and the first time. Processes that end
 * meanwhile are no error, threads that moved alone are not looked for. -E2BIG. -ENOMEM, -EMFILE and
 * the like: then the list is not to be used until an update goes well. */
int netns_list_update(struct netns_list *l, bool thorough);

size_t netns_list_count(const struct netns_list *l);
/* In the order of their numbers. Valid until the next update. */
struct netns_place *netns_list_at(struct netns_list *l, size_t index);
/* NULL: there is none of that number. */
struct netns_place *netns_list_find(struct netns_list *l, uint64_t netns);
/* Processes that the last update saw for the first time. */
const pid_t *netns_list_new_pids(const struct netns_list *l, size_t *ret_n);

/* Goes into the namespace, for opening tables and sockets there, and back. It is what the list says it is, or
 * -ESTALE: it has gone, or the way leads elsewhere now. -EPERM, -EACCES: no right to enter (CAP_SYS_ADMIN, and
 * CAP_SYS_PTRACE where only a process leads there). From its own namespace to the same one nothing is done.
 * A thread is moved, not the process: for one thread only.
 * netns_leave() cannot fail: it ends the process (abort) rather than stay in the wrong namespace. */
int netns_enter(const struct netns_list *l, const struct netns_place *place);
void netns_leave(const struct netns_list *l);

/* A descriptor (O_PATH) of the namespace's net/sctp directory in /proc, below which names lead to this very
 * namespace, whatever becomes of the process that it was found by. It does not keep the namespace alive: opening a
 * table below it says ENXIO or ENOENT when that has gone (an open table does, until it is closed). By way of a process
 * no right is needed; by a path the namespace is entered and left. -ENOENT: there is no SCTP in it;
 * -ESTALE; -EPERM, -EACCES. */
int netns_open_sctp(const struct netns_list *l, const struct netns_place *place);

/* How many SCTP sockets processes have in it, by the table `protocols`: cheap, and 0 in most namespaces. Those closed
 * are not counted, even while their associations are being shut down, nor are associations not accepted yet.
 * -ENOENT: the kernel has no SCTP; -EBADMSG: no such table; -ESTALE; -EPERM, -EACCES. */
int netns_count_sockets(const struct netns_list *l, const struct netns_place *place, uint32_t *ret);
