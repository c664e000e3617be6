/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>

#include "clock.h"
#include "journal.h"
#include "message-id.h"
#include "text.h"

/* How long to wait after a failure: doubled each time, from the first to the second. */
#define RETRY_USEC_MIN  (1 * USEC_PER_MSEC)
#define RETRY_USEC_MAX  (1 * USEC_PER_SEC)

/* Room for "[address]:port". */
#define END_TEXT_MAX (ADDRESS_TEXT_MAX + 10)

struct entry {
        struct entry *next;
        char *data;
        size_t size;
};

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
        struct entry *first, **last;
        size_t bytes;
        uint64_t n_queued, n_done;      /* entries so far */
        struct checkpoint checkpoints[2];
        struct journal_counts counts;
        uint64_t unreported;            /* of the lost ones */
        uint64_t deadline;              /* 0: go on; monotonic, usec */
};

static struct entry *entry_free(struct entry *e) {
        if (!e)
                return NULL;

        free(e->data);
        free(e);
        return NULL;
}

DEFINE_CLEANUP(struct entry *, entry_free)

/* An entry in the making. */
struct draft {
        FILE *stream;
        char *data;
        size_t size;
};

static void draft_done(struct draft *d) {
        if (d->stream)
                fclose(d->stream);
        free(d->data);
}

/* https://systemd.io/JOURNAL_NATIVE_PROTOCOL/: NAME=VALUE, or with the length before it where there is a
 * line feed in the value: nobody's text begins a field of its own. */
static void put_text(struct draft *d, const char *name, const char *value) {
        uint64_t n = strlen(value);

        if (!strchr(value, '\n')) {
                fprintf(d->stream, "%s=%s\n", name, value);
                return;
        }

        fprintf(d->stream, "%s\n", name);
        for (unsigned i = 0; i < 8; i++)
                fputc((int) (n >> 8 * i & 0xff), d->stream);
        fprintf(d->stream, "%s\n", value);
}

static void put_number(struct draft *d, const char *name, uint64_t value) {
        fprintf(d->stream, "%s=%" PRIu64 "\n", name, value);
}

static int draft_begin(struct draft *d, const char *message_id, int priority) {
        d->stream = open_memstream(&d->data, &d->size);
        if (!d->stream)
                return -errno;

        put_text(d, "SYSLOG_IDENTIFIER", "sctpmond");
        put_number(d, "SYSLOG_FACILITY", LOG_FAC(LOG_DAEMON));
        put_text(d, "MESSAGE_ID", message_id);
        put_number(d, "PRIORITY", (uint64_t) priority);
        return 0;
}

static int draft_finish(struct draft *d, struct entry **ret) {
        _cleanup_(entry_free_p) struct entry *e = calloc(1, sizeof(*e));
        FILE *stream = steal_ptr(d->stream);
        bool failed = ferror(stream);

        if (fclose(stream) != 0 || failed || !e)
                return -ENOMEM;

        e->data = steal_ptr(d->data);
        e->size = d->size;
        *ret = steal_ptr(e);
        return 0;
}

static void put_addresses(struct draft *d, const char *name, const struct snapshot *s, struct range range) {
        const struct address *addresses = snapshot_addresses(s, range);
        char text[ADDRESS_TEXT_MAX];

        if (range.count == 0)
                return;

        fprintf(d->stream, "%s=", name);
        for (uint32_t i = 0; i < MIN(range.count, JOURNAL_ADDRESSES_MAX); i++)
                fprintf(d->stream, "%s%s", i > 0 ? " " : "", address_text(&addresses[i], text));
        fputc('\n', d->stream);
}

static const char *end_text(const struct address *address, uint16_t port, char buffer[static END_TEXT_MAX]) {
        char text[ADDRESS_TEXT_MAX] = "-";

        if (address)
                (void) address_text(address, text);
        snprintf(buffer, END_TEXT_MAX, strchr(text, ':') ? "[%s]:%u" : "%s:%u", text, port);
        return buffer;
}

static const struct address *first_address(const struct snapshot *s, struct range range) {
        const struct address *addresses = snapshot_addresses(s, range);

        for (uint32_t i = 0; i < range.count; i++)
                if (addresses[i].primary)
                        return &addresses[i];

        return range.count > 0 ? &addresses[0] : NULL;
}

static void put_known(struct draft *d, const char *name, const char *value) {
        if (*value)
                put_text(d, name, value);
}

/* Whose it is, and where. A field may stand more than once in an entry: each process matches. */
static void put_place(struct draft *d, const struct snapshot *s, uint64_t number, bool given, struct range range) {
        const struct netns *netns = snapshot_netns(s, number);
        const uint32_t *owners = snapshot_owners(s, range);
        const char *container = netns ? netns->container : "";

        if (given)
                put_number(d, "SCTP_NETNS", number);
        if (netns)
                put_known(d, "SCTP_NETNS_NAME", netns->name);
        for (uint32_t i = 0; i < MIN(range.count, JOURNAL_OWNERS_MAX); i++) {
                const struct process *p = snapshot_processes(s) + owners[i];

                put_number(d, "SCTP_PID", p->pid);
                put_known(d, "SCTP_COMM", p->command);
                put_known(d, "SCTP_UNIT", p->unit);
                if (*container == '\0')
                        container = p->container;
        }
        put_known(d, "SCTP_CONTAINER", container);
}

static void put_association(struct draft *d, const struct change *change,
                            const char *old_state, const char *new_state) {
        const struct snapshot *s = change->snapshot;
        const struct association *a = change->association;
        const struct path *paths = snapshot_paths(s, a->paths), *primary = snapshot_primary(s, a);
        char text[ADDRESS_TEXT_MAX];

        if (FIELD_GIVEN(a, ASSOCIATION_ID))
                put_number(d, "SCTP_ASSOC_ID", a->id);
        if (old_state)
                put_text(d, "SCTP_OLD_STATE", old_state);
        if (new_state)
                put_text(d, "SCTP_NEW_STATE", new_state);
        if (FIELD_GIVEN(a, ASSOCIATION_LOCAL_PORT))
                put_number(d, "SCTP_LOCAL_PORT", a->local_port);
        if (FIELD_GIVEN(a, ASSOCIATION_PEER_PORT))
                put_number(d, "SCTP_PEER_PORT", a->peer_port);
        put_addresses(d, "SCTP_LOCAL_ADDRS", s, a->local);
        if (a->paths.count > 0) {
                fputs("SCTP_PEER_ADDRS=", d->stream);
                for (uint32_t i = 0; i < MIN(a->paths.count, JOURNAL_ADDRESSES_MAX); i++)
                        fprintf(d->stream, "%s%s", i > 0 ? " " : "", address_text(&paths[i].address, text));
                fputc('\n', d->stream);
        }
        if (primary)
                put_text(d, "SCTP_PRIMARY", address_text(&primary->address, text));
        if (change->duration_usec > 0)
                put_number(d, "SCTP_DURATION_MS", change->duration_usec / USEC_PER_MSEC);
        put_place(d, s, a->netns, FIELD_GIVEN(a, ASSOCIATION_NETNS), a->owners);
}

static const char *change_message_id(enum change_type type) {
        switch (type) {
        case CHANGE_ASSOCIATION_UP:
                return MESSAGE_ID_ASSOCIATION_UP;
        case CHANGE_ASSOCIATION_STATE:
                return MESSAGE_ID_ASSOCIATION_STATE;
        case CHANGE_ASSOCIATION_DOWN:
                return MESSAGE_ID_ASSOCIATION_DOWN;
        case CHANGE_ENDPOINT_ADDED:
                return MESSAGE_ID_ENDPOINT_ADDED;
        case CHANGE_ENDPOINT_REMOVED:
                return MESSAGE_ID_ENDPOINT_REMOVED;
        case CHANGE_ASSOCIATION_RESTART:
                return MESSAGE_ID_ASSOCIATION_RESTART;
        case CHANGE_PATH_STATE:
                return MESSAGE_ID_PATH_STATE;
        case CHANGE_PATH_ADDED:
                return MESSAGE_ID_PATH_ADDED;
        case CHANGE_PATH_REMOVED:
                return MESSAGE_ID_PATH_REMOVED;
        case CHANGE_PRIMARY_CHANGED:
                return MESSAGE_ID_PRIMARY_CHANGED;
        case CHANGE_IMPAIRED:
                return MESSAGE_ID_IMPAIRED;
        case CHANGE_RECOVERED:
                return MESSAGE_ID_RECOVERED;
        case CHANGE_UNOBSERVED:
                return MESSAGE_ID_UNOBSERVED;
        case CHANGE_FIGURES:
        case _CHANGE_TYPE_MAX:
                break;
        }

        return NULL;
}

static int change_priority(const struct change *change) {
        switch (change->type) {
        case CHANGE_ASSOCIATION_DOWN:
                /* Never came about: nobody answers there, or refuses. */
                return change->old_state == ASSOCIATION_COOKIE_WAIT || change->old_state == ASSOCIATION_COOKIE_ECHOED ?
                        LOG_WARNING : LOG_NOTICE;
        case CHANGE_ENDPOINT_REMOVED:
                return LOG_NOTICE;
        case CHANGE_ASSOCIATION_UP:
        case CHANGE_ASSOCIATION_STATE:
        case CHANGE_ASSOCIATION_RESTART:
        case CHANGE_PATH_STATE:
        case CHANGE_PATH_ADDED:
        case CHANGE_PATH_REMOVED:
        case CHANGE_PRIMARY_CHANGED:
        case CHANGE_IMPAIRED:
        case CHANGE_RECOVERED:
        case CHANGE_UNOBSERVED:
        case CHANGE_ENDPOINT_ADDED:
        case CHANGE_FIGURES:
        case _CHANGE_TYPE_MAX:
                break;
        }

        return LOG_INFO;
}

static void put_association_message(struct draft *d, const struct change *change,
                                    const char *old_state, const char *new_state) {
        const struct association *a = change->association;
        const struct path *primary = snapshot_primary(change->snapshot, a);
        char local[END_TEXT_MAX], peer[END_TEXT_MAX], span[TEXT_SPAN_MAX], id[16] = "(no id yet)";

        if (!primary && a->paths.count > 0)
                primary = snapshot_paths(change->snapshot, a->paths);
        if (FIELD_GIVEN(a, ASSOCIATION_ID))
                snprintf(id, sizeof(id), "%" PRIu32, a->id);
        (void) end_text(first_address(change->snapshot, a->local), a->local_port, local);
        (void) end_text(primary ? &primary->address : NULL, a->peer_port, peer);

        fprintf(d->stream, "MESSAGE=SCTP association %s ", id);
        if (change->type == CHANGE_ASSOCIATION_UP)
                fprintf(d->stream, "established: %s <-> %s", local, peer);
        else if (change->type == CHANGE_ASSOCIATION_DOWN)
                fprintf(d->stream, "gone: was %s%s%s (%s <-> %s)", old_state ?: "in an unknown state",
                        change->duration_usec > 0 ? " for " : "",
                        change->duration_usec > 0 ? text_span(change->duration_usec, span) : "", local, peer);
        else if (change->old_state == ASSOCIATION_CLOSED)
                fprintf(d->stream, "appeared in %s: %s <-> %s", new_state ?: "an unknown state", local, peer);
        else
                fprintf(d->stream, "went from %s to %s: %s <-> %s", old_state ?: "an unknown state",
                        new_state ?: "an unknown state", local, peer);
        fputs(change->certainty == CERTAINTY_LOW ? ", as far as can be told\n" : "\n", d->stream);
}

static int change_entry(const struct change *change, struct entry **ret) {
        _cleanup_(draft_done) struct draft d = {};
        const char *certainty = certainty_name(change->certainty);
        char text[MAX(END_TEXT_MAX, TEXT_TIME_MAX)];
        int r;

        r = draft_begin(&d, change_message_id(change->type), change_priority(change));
        if (r < 0)
                return r;

        if (change->association) {
                const char *old_state = association_state_name(change->old_state);
                const char *new_state = association_state_name(change->new_state);

                put_association_message(&d, change, old_state, new_state);
                put_association(&d, change, old_state, new_state);
        } else if (change->endpoint) {
                const struct endpoint *e = change->endpoint;

                fprintf(d.stream, "MESSAGE=SCTP endpoint %s: %s",
                        change->type == CHANGE_ENDPOINT_ADDED ? "listening" : "gone",
                        end_text(first_address(change->snapshot, e->local), e->local_port, text));
                if (e->local.count > 1)
                        fprintf(d.stream, " and %" PRIu32 " more", e->local.count - 1);
                fputc('\n', d.stream);
                if (FIELD_GIVEN(e, ENDPOINT_LOCAL_PORT))
                        put_number(&d, "SCTP_LOCAL_PORT", e->local_port);
                put_addresses(&d, "SCTP_LOCAL_ADDRS", change->snapshot, e->local);
                put_place(&d, change->snapshot, e->netns, FIELD_GIVEN(e, ENDPOINT_NETNS), e->owners);
        }
        if (certainty)
                put_text(&d, "SCTP_CERTAINTY", certainty);
        /* The entry's own time is when journald took it. */
        put_text(&d, "SCTP_SEEN_AT", text_time(change->at, text));

        return draft_finish(&d, ret);
}

static int lost_entry(uint64_t lost, struct entry **ret) {
        _cleanup_(draft_done) struct draft d = {};
        int r = draft_begin(&d, MESSAGE_ID_CHANGES_LOST, LOG_WARNING);

        if (r < 0)
                return r;

        fprintf(d.stream,
                "MESSAGE=%" PRIu64 " SCTP change%s not written here: journald did not take them fast enough\n",
                lost, lost == 1 ? " was" : "s were");
        put_number(&d, "SCTP_LOST", lost);
        return draft_finish(&d, ret);
}

/* Only with the lock. */
static void push(struct journal *j, struct entry *e) {
        *j->last = e;
        j->last = &e->next;
        j->bytes += e->size;
        j->n_queued++;
        j->counts.queued++;
        pthread_cond_signal(&j->wake);
}

static void push_lost(struct journal *j) {
        struct entry *e;

        if (lost_entry(j->unreported, &e) < 0)
                return;         /* out of memory: next time */
        j->unreported = 0;
        push(j, e);
}

static int enqueue(struct journal *j, struct entry *e) {
        /* What was lost stands before what comes after it. */
        size_t n = j->unreported > 0 ? 2 : 1;

        if (j->counts.queued + n > j->queue_max || j->bytes + e->size > JOURNAL_QUEUE_BYTES_MAX)
                return -ENOBUFS;

        if (j->unreported > 0)
                push_lost(j);
        push(j, e);
        return 0;
}

static int submit(struct journal *j, struct entry *taken, int r) {
        _cleanup_(entry_free_p) struct entry *e = taken;

        pthread_mutex_lock(&j->lock);
        if (r >= 0)
                r = enqueue(j, e);
        if (r >= 0)
                e = NULL;
        else {
                j->counts.lost++;
                j->unreported++;
        }
        pthread_mutex_unlock(&j->lock);

        return r;
}

int journal_change(struct journal *j, const struct change *change) {
        struct entry *e = NULL;
        int r;

        if (!change_message_id(change->type))
                return 0;

        r = change_entry(change, &e);
        return submit(j, e, r);
}

int journal_availability(struct journal *j, bool available, const char *reason, const char *advice) {
        _cleanup_(draft_done) struct draft d = {};
        struct entry *e = NULL;
        int r;

        r = draft_begin(&d, available ? MESSAGE_ID_AVAILABLE : MESSAGE_ID_UNAVAILABLE,
                        available ? LOG_NOTICE : LOG_WARNING);
        if (r >= 0) {
                _cleanup_free_ char *message = NULL;

                if (asprintf(&message, available ? "SCTP is available" : "SCTP is not available: %s", reason ?: "") < 0)
                        message = NULL;
                put_text(&d, "MESSAGE", message ?: "SCTP's availability changed");
                if (reason && *reason)
                        put_text(&d, "SCTP_REASON", reason);
                if (advice && *advice)
                        put_text(&d, "SCTP_ADVICE", advice);
                r = draft_finish(&d, &e);
        }

        return submit(j, e, r);
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
                struct entry *e = j->first;
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
                else {
                        j->counts.lost++;
                        j->unreported++;
                }
                entry_free(e);
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
                struct entry *e = j->first;

                j->first = e->next;
                entry_free(e);
        }
        for (size_t i = 0; i < ELEMENTS(j->checkpoints); i++)
                snapshot_unref(j->checkpoints[i].snapshot);
        close_p(&j->fd);
        free(j->state_path);
        free(j);

        return NULL;
}
