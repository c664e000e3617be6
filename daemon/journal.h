/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "changes.h"
#include "damper.h"
#include "macro.h"
#include "snapshot.h"

/* The journal's own thread: changes are turned into finished entries, wait in a bounded queue and are
 * sent one by one, however slow journald is; the event loop never waits. While journald is away
 * everything stays in the queue. All functions are for one thread, the event loop's. */

/* The design's 10,000 changes of one interval, several times over. */
#define JOURNAL_QUEUE_MAX       65536u
#define JOURNAL_QUEUE_BYTES_MAX (64u * 1024u * 1024u)
#define JOURNAL_GRACE_USEC      (3 * USEC_PER_SEC)

struct journal;

struct journal_counts {
        uint64_t queued;                /* waiting now */
        uint64_t sent;                  /* entries, so far */
        uint64_t lost;                  /* changes, so far */
        int save_error;                 /* negative errno if the last checkpoint could not be saved */
};

/* `state_path` is where checkpoints are saved; NULL: nowhere. Not before fork(): it starts a thread. */
int journal_new(const char *state_path, struct journal **ret);
/* Sends what is queued, for JOURNAL_GRACE_USEC at the most, then ends the thread. What stays behind the
 * last checkpoint is reported again by the next start. */
struct journal *journal_free(struct journal *j);
DEFINE_CLEANUP(struct journal *, journal_free)

/* Queues one change; those of figures alone are none for the journal. -ENOBUFS: the queue is full, the
 * change is counted as lost; how many were lost is itself sent as an entry as soon as there is room. */
int journal_change(struct journal *j, const struct change *change);

/* Queues a summary of what was held back: damper_next() gave it. -ENOBUFS: all that it counts is lost. */
int journal_flapping(struct journal *j, const struct flapping *f, const struct snapshot *s);

/* Queues that SCTP is there now, or is not: why, and what to do. */
int journal_availability(struct journal *j, bool available, const char *reason, const char *advice);

/* Queues a checkpoint: when all that was queued before has been sent, `s` is saved at the state path,
 * for the next start to tell what changed since. Takes a reference of its own. Of those that wait, the
 * oldest and the newest are kept. */
int journal_checkpoint(struct journal *j, struct snapshot *s);

struct journal_counts journal_get_counts(struct journal *j);

/* For tests: another way to send an entry (in systemd's native journal protocol). It returns 0,
 * -EMSGSIZE to have the entry dropped, or an error after which it is called again later. */
typedef int (*journal_sender)(const char *entry, size_t size, void *userdata);
int journal_new_with(journal_sender sender, void *userdata, size_t queue_max, uint64_t grace_usec,
                     const char *state_path, struct journal **ret);
