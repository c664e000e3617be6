/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "changes.h"
#include "macro.h"
#include "snapshot.h"

/* The journal's own thread: changes are turned into finished fields, wait in a bounded queue and are
 * sent one by one, however slow journald is; the event loop never waits. */

/* The design's 10,000 changes of one interval, several times over. */
#define JOURNAL_QUEUE_MAX 65536u

struct journal;

struct journal_counts {
        uint64_t queued, sent, lost;
};

/* `state_path` is where checkpoints are saved; NULL: nowhere. */
int journal_new(const char *state_path, struct journal **ret);
/* Sends what is queued, for `grace_usec` at the most, then ends the thread. What stays behind the last
 * checkpoint is reported again by the next start. */
struct journal *journal_free(struct journal *j);
DEFINE_CLEANUP(struct journal *, journal_free)

/* Queues one change. -ENOBUFS: the queue is full, the change is counted as lost; how many were lost is
 * itself sent as an entry as soon as there is room. */
int journal_change(struct journal *j, const struct change *change);

/* Queues a checkpoint: when all that was queued before has been sent, `s` is saved at the state path,
 * for the next start to tell what changed since. Takes a reference of its own. */
int journal_checkpoint(struct journal *j, struct snapshot *s);

struct journal_counts journal_get_counts(struct journal *j);
