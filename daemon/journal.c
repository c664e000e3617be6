/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "clock.h"
#include "journal-entry.h"
#include "journal.h"

/* How long to wait after a failure: doubled each time, from the first to the second. */
#define RETRY_USEC_MIN  (1 * USEC_PER_MSEC)
#define RETRY_USEC_MAX  (1 * USEC_PER_SEC)

struct checkpoint {
        struct snapshot *snapshot;      /* NULL: none */
        uint64_t position;              /* how many entries come before it */
};

struct journal {
        journal_sender sender;
        void *userdata;
        size_t queue_max;
        uint64_t grace_usec;
        char *state_path;
        int fd;

        bool started;                   /* the thread, and with it lock and wake */
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t wake;

        /* Behind the lock; only the thread takes entries out. */
        struct journal_entry *first, **last;
        size_t bytes;
        uint64_t n_queued, n_done;      /* entries so far */
        struct checkpoint checkpoints[2];
        struct journal_counts counts;
        uint64_t unreported;            /* of the lost ones */
        uint64_t deadline;              /* 0: go on; monotonic, usec */
};

/* These four only with the lock. */
static void count_lost(struct journal *j, uint64_t changes) {
        j->counts.lost += changes;
        j->unreported += changes;
}

static void push(struct journal *j, struct journal_entry *e) {
        *j->last = e;
        j->last = &e->next;
        j->bytes += e->size;
        j->n_queued++;
        j->counts.queued++;
        pthread_cond_signal(&j->wake);
}

static void push_lost(struct journal *j) {
        struct journal_entry *e;

        if (journal_entry_of_lost(j->unreported, &e) < 0)
                return;         /* out of memory: next time */
        j->unreported = 0;
        push(j, e);
}

static int enqueue(struct journal *j, struct journal_entry *e) {
        /* What was lost stands before what comes after it. */
        size_t n = j->unreported > 0 ? 2 : 1;

        if (j->counts.queued + n > j->queue_max || j->bytes + e->size > JOURNAL_QUEUE_BYTES_MAX)
                return -ENOBUFS;

        if (j->unreported > 0)
                push_lost(j);
        push(j, e);
        return 0;
}

/* `changes` are told by the entry, or would have been: it may have failed to be made. */
static int submit(struct journal *j, struct journal_entry *taken, uint64_t changes, int r) {
        _cleanup_(journal_entry_free_p) struct journal_entry *e = taken;

        pthread_mutex_lock(&j->lock);
        if (r >= 0)
                r = enqueue(j, e);
        if (r >= 0)
                e = NULL;
        else
                count_lost(j, changes);
        pthread_mutex_unlock(&j->lock);

        return r;
}

int journal_change(struct journal *j, const struct change *change) {
        struct journal_entry *e = NULL;
        int r;

        if (!journal_entry_message_id(change->type))
                return 0;

        r = journal_entry_of_change(change, &e);
        return submit(j, e, 1, r);
}

int journal_flapping(struct journal *j, const struct flapping *f, const struct snapshot *s) {
        struct journal_entry *e = NULL;
        int r = journal_entry_of_flapping(f, s, &e);

        return submit(j, e, MAX(f->held, UINT64_C(1)), r);
}

int journal_availability(struct journal *j, bool available, const char *reason, const char *advice) {
        struct journal_entry *e = NULL;
        int r = journal_entry_of_availability(available, reason, advice, &e);

        return submit(j, e, 1, r);
}

int journal_checkpoint(struct journal *j, struct snapshot *s) {
        struct checkpoint *c = j->checkpoints;

        if (!j->state_path)
                return 0;

        pthread_mutex_lock(&j->lock);
        /* The newest makes those before it needless, but the one that is nearest to its turn stays:
         * otherwise none would ever be saved while entries keep coming. */
        if (c->snapshot && c->position < j->n_queued)
                c++;
        snapshot_unref(c->snapshot);
        *c = (struct checkpoint) { .snapshot = snapshot_ref(s), .position = j->n_queued };
        pthread_cond_signal(&j->wake);
        pthread_mutex_unlock(&j->lock);

        return 0;
}

struct journal_counts journal_get_counts(struct journal *j) {
        struct journal_counts counts;

        pthread_mutex_lock(&j->lock);
        counts = j->counts;
        pthread_mutex_unlock(&j->lock);

        return counts;
}

/* Waits until then, or until the thread is told to stop. */
static void pause_until(struct journal *j, uint64_t usec) {
        struct timespec ts = {
                .tv_sec = (time_t) (usec / USEC_PER_SEC),
                .tv_nsec = (long) (usec % USEC_PER_SEC * 1000),
        };
        uint64_t deadline = j->deadline;

        while (j->deadline == deadline && pthread_cond_timedwait(&j->wake, &j->lock, &ts) == 0)
                ;
}

static bool out_of_time(const struct journal *j) {
        return j->deadline > 0 && clock_usec(CLOCK_MONOTONIC) >= j->deadline;
}

static void *run(void *userdata) {
        struct journal *j = userdata;
        uint64_t pause = RETRY_USEC_MIN;

        pthread_mutex_lock(&j->lock);
        while (!out_of_time(j)) {
                struct journal_entry *e = j->first;
                int r;

                if (j->checkpoints[0].snapshot && j->checkpoints[0].position <= j->n_done) {
                        struct snapshot *s = j->checkpoints[0].snapshot;

                        j->checkpoints[0] = j->checkpoints[1];
                        j->checkpoints[1] = (struct checkpoint) {};
                        pthread_mutex_unlock(&j->lock);
                        r = snapshot_save(s, j->state_path);
                        snapshot_unref(s);
                        pthread_mutex_lock(&j->lock);
                        j->counts.save_error = MIN(r, 0);
                        continue;
                }

                if (!e && j->unreported > 0) {
                        push_lost(j);
                        if (!j->first)
                                pause_until(j, clock_usec(CLOCK_MONOTONIC) + RETRY_USEC_MAX);
                        continue;
                }

                if (!e) {
                        if (j->deadline > 0)
                                break;
                        pthread_cond_wait(&j->wake, &j->lock);
                        continue;
                }

                pthread_mutex_unlock(&j->lock);
                r = j->sender(e->data, e->size, j->userdata);
                pthread_mutex_lock(&j->lock);

                if (r < 0 && r != -EMSGSIZE) {
                        uint64_t until = clock_usec(CLOCK_MONOTONIC) + pause;

                        pause_until(j, j->deadline > 0 ? MIN(until, j->deadline) : until);
                        pause = MIN(2 * pause, RETRY_USEC_MAX);
                        continue;
                }

                pause = RETRY_USEC_MIN;
                j->first = e->next;
                if (!j->first)
                        j->last = &j->first;
                j->bytes -= e->size;
                j->n_done++;
                j->counts.queued--;
                if (r >= 0)
                        j->counts.sent++;
                else
                        count_lost(j, e->changes);
                journal_entry_free(e);
        }
        pthread_mutex_unlock(&j->lock);

        return NULL;
}

/* Not by sd_journal_sendv(): it blocks when journald stands still, so that the thread could not be ended,
 * and counts an entry as written when there is no journald (ENOENT). The address is given each time, so
 * that a journald that was started anew is found. */
static int send_native(const char *entry, size_t size, void *userdata) {
        static const struct sockaddr_un journald = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket" };
        const struct journal *j = userdata;

        if (sendto(j->fd, entry, size, MSG_DONTWAIT | MSG_NOSIGNAL,
                   (const struct sockaddr *) &journald, sizeof(journald)) < 0)
                return -errno;

        return 0;
}

static int start(struct journal *j) {
        pthread_condattr_t attributes;
        sigset_t all, before;
        int r;

        /* None of these can fail on Linux. */
        (void) pthread_condattr_init(&attributes);
        (void) pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        (void) pthread_mutex_init(&j->lock, NULL);
        (void) pthread_cond_init(&j->wake, &attributes);
        (void) pthread_condattr_destroy(&attributes);

        /* Signals are the event loop's. */
        sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, &before);
        r = -pthread_create(&j->thread, NULL, run, j);
        (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r < 0)
                return r;

        (void) pthread_setname_np(j->thread, "journal");
        j->started = true;
        return 0;
}

int journal_new_with(journal_sender sender, void *userdata, size_t queue_max, uint64_t grace_usec,
                     const char *state_path, struct journal **ret) {
        _cleanup_(journal_free_p) struct journal *j = calloc(1, sizeof(*j));
        int r;

        if (!j)
                return -ENOMEM;

        j->sender = sender ?: send_native;
        j->userdata = sender ? userdata : j;
        j->queue_max = queue_max;
        j->grace_usec = grace_usec;
        j->last = &j->first;
        j->fd = -EBADF;

        if (state_path) {
                j->state_path = strdup(state_path);
                if (!j->state_path)
                        return -ENOMEM;
        }

        if (!sender) {
                j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
                if (j->fd < 0)
                        return -errno;
        }

        r = start(j);
        if (r < 0)
                return r;

        *ret = steal_ptr(j);
        return 0;
}

int journal_new(const char *state_path, struct journal **ret) {
        return journal_new_with(NULL, NULL, JOURNAL_QUEUE_MAX, JOURNAL_GRACE_USEC, state_path, ret);
}

struct journal *journal_free(struct journal *j) {
        if (!j)
                return NULL;

        if (j->started) {
                pthread_mutex_lock(&j->lock);
                j->deadline = clock_usec(CLOCK_MONOTONIC) + j->grace_usec;
                pthread_cond_signal(&j->wake);
                pthread_mutex_unlock(&j->lock);
                (void) pthread_join(j->thread, NULL);
                (void) pthread_mutex_destroy(&j->lock);
                (void) pthread_cond_destroy(&j->wake);
        }

        while (j->first) {
                struct journal_entry *e = j->first;

                j->first = e->next;
                journal_entry_free(e);
        }
        for (size_t i = 0; i < ELEMENTS(j->checkpoints); i++)
                snapshot_unref(j->checkpoints[i].snapshot);
        close_p(&j->fd);
        free(j->state_path);
        free(j);

        return NULL;
}
