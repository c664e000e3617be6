/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <string.h>
#include <syslog.h>

#include "buffer.h"
#include "impaired.h"
#include "journal-entry.h"
#include "journal-message.h"
#include "message-id.h"
#include "text.h"

struct journal_entry *journal_entry_free(struct journal_entry *e) {
        free(e);
        return NULL;
}

/* Fields */

static void put_number(struct buffer *b, const char *name, uint64_t value) {
        char text[24];

        snprintf(text, sizeof(text), "=%" PRIu64 "\n", value);
        buffer_puts(b, name);
        buffer_puts(b, text);
}

/* https://systemd.io/JOURNAL_NATIVE_PROTOCOL/: NAME=VALUE, or with the length before it where there is a
 * line feed in the value: nobody's text begins a field of its own. */
static void put_text(struct buffer *b, const char *name, const char *value) {
        size_t n = strlen(value);

        buffer_puts(b, name);
        if (memchr(value, '\n', n)) {
                buffer_put(b, "\n", 1);
                for (unsigned i = 0; i < 8; i++)
                        buffer_put(b, &(char) { (char) ((uint64_t) n >> 8 * i & 0xff) }, 1);
        } else
                buffer_put(b, "=", 1);
        buffer_put(b, value, n);
        buffer_put(b, "\n", 1);
}

static void put_known(struct buffer *b, const char *name, const char *value) {
        if (value && *value)
                put_text(b, name, value);
}

static void put_address(struct buffer *b, const char *name, const struct address *address) {
        char text[ADDRESS_TEXT_MAX];

        put_text(b, name, address_text(address, text));
}

static void put_addresses(struct buffer *b, const char *name, const struct address *addresses, size_t stride,
                          uint32_t n) {
        char text[ADDRESS_TEXT_MAX];

        if (n == 0)
                return;

        buffer_puts(b, name);
        for (uint32_t i = 0; i < MIN(n, JOURNAL_ENTRY_ADDRESSES_MAX); i++) {
                buffer_put(b, i > 0 ? " " : "=", 1);
                buffer_puts(b, address_text(addresses, text));
                addresses = (const struct address *) ((const char *) addresses + stride);
        }
        buffer_put(b, "\n", 1);
}

/* Whose it is, and where. A field may stand more than once in an entry: each process matches. */
static void put_place(struct buffer *b, const struct snapshot *s, uint64_t number, bool given, struct range range) {
        const struct netns *netns = snapshot_netns(s, number);
        const uint32_t *owners = snapshot_owners(s, range);

        if (given)
                put_number(b, "SCTP_NETNS", number);
        if (netns)
                put_known(b, "SCTP_NETNS_NAME", netns->name);
        for (uint32_t i = 0; i < MIN(range.count, JOURNAL_ENTRY_OWNERS_MAX); i++) {
                const struct process *p = snapshot_processes(s) + owners[i];

                put_number(b, "SCTP_PID", p->pid);
                put_known(b, "SCTP_COMM", p->command);
                put_known(b, "SCTP_UNIT", p->unit);
        }
        put_known(b, "SCTP_CONTAINER", journal_message_container(s, netns, range));
}

/* The last that is known of it: what happened may be seen coming in it. */
static void put_figures(struct buffer *b, const struct snapshot *s, const struct association *a) {
        const struct path *primary = snapshot_primary(s, a);
        uint64_t hz = snapshot_head(s)->hz;

        if (FIELD_GIVEN(a, ASSOCIATION_RETRANSMITTED_CHUNKS))
                put_number(b, "SCTP_RETRANSMITTED_CHUNKS", a->retransmitted_chunks);
        if (FIELD_GIVEN(a, ASSOCIATION_OVERALL_ERRORS))
                put_number(b, "SCTP_ERROR_COUNT", a->detail.overall_errors);
        if (FIELD_GIVEN(a, ASSOCIATION_MAX_RETRANSMISSIONS))
                put_number(b, "SCTP_MAX_RETRANS", a->max_retransmissions);
        if (primary && FIELD_GIVEN(primary, PATH_SRTT) && hz > 0)
                put_number(b, "SCTP_SRTT_MS", ((uint64_t) primary->detail.srtt * 1000 + hz / 2) / hz);
}

static void put_path(struct buffer *b, const struct change *change) {
        const struct path *p = change->path;

        if (p) {
                put_address(b, "SCTP_PATH", &p->address);
                if (FIELD_GIVEN(p, PATH_ERROR_COUNT))
                        put_number(b, "SCTP_PATH_ERROR_COUNT", p->detail.error_count);
        }
        if (change->type == CHANGE_PATH_STATE) {
                put_known(b, "SCTP_PATH_OLD_STATE", path_state_name(change->path_old_state));
                put_known(b, "SCTP_PATH_NEW_STATE", path_state_name(change->path_new_state));
        }
        if (change->old_primary)
                put_address(b, "SCTP_OLD_PRIMARY", change->old_primary);
}

static void put_reasons(struct buffer *b, unsigned reasons) {
        bool first = true;

        if (reasons == 0)
                return;

        buffer_puts(b, "SCTP_REASONS");
        for (int i = 0; i < _IMPAIRMENT_MAX; i++)
                if (reasons & 1u << i) {
                        buffer_put(b, first ? "=" : " ", 1);
                        buffer_puts(b, impairment_name(i));
                        first = false;
                }
        buffer_put(b, "\n", 1);
}

/* What made the kernel do it. */
static void put_trigger(struct buffer *b, const struct trigger *t) {
        char name[TRIGGER_NAME_MAX], command[TRIGGER_COMMAND_MAX];

        if (!t || !trigger_kind_name(t->kind))
                return;

        put_text(b, "SCTP_TRIGGER", trigger_kind_name(t->kind));
        put_known(b, "SCTP_TRIGGER_NAME", trigger_name(t, name));
        put_text(b, "SCTP_SIDE", trigger_side(t->kind));
        if (t->has_error_cause) {
                put_number(b, "SCTP_ERROR_CAUSE", t->error_cause);
                put_known(b, "SCTP_ERROR_CAUSE_NAME", error_cause_name(t->error_cause));
        }
        if (trigger_idle_msec(t) > 0)
                put_number(b, "SCTP_IDLE_MS", trigger_idle_msec(t));
        else {
                if (t->tries > 0)
                        put_number(b, "SCTP_TRIES", t->tries);
                if (t->tries_max > 0)
                        put_number(b, "SCTP_TRIES_MAX", t->tries_max);
        }
        if (t->pid > 0) {
                put_number(b, "SCTP_TRIGGER_PID", t->pid);
                put_known(b, "SCTP_TRIGGER_COMM", trigger_command(t, command));
        }
}

static bool is_step(enum change_type type) {
        return type == CHANGE_ASSOCIATION_UP || type == CHANGE_ASSOCIATION_STATE || type == CHANGE_ASSOCIATION_DOWN;
}

static void put_association(struct buffer *b, const struct change *change) {
        const struct snapshot *s = change->snapshot;
        const struct association *a = change->association;
        const struct path *paths = snapshot_paths(s, a->paths), *primary = snapshot_primary(s, a);

        if (FIELD_GIVEN(a, ASSOCIATION_ID))
                put_number(b, "SCTP_ASSOC_ID", a->id);
        if (FIELD_GIVEN(a, ASSOCIATION_LOCAL_TAG))
                put_number(b, "SCTP_LOCAL_TAG", a->detail.local_tag);
        if (FIELD_GIVEN(a, ASSOCIATION_PEER_TAG))
                put_number(b, "SCTP_PEER_TAG", a->detail.peer_tag);
        if (change->old_local_tag != 0)
                put_number(b, "SCTP_OLD_LOCAL_TAG", change->old_local_tag);
        if (change->old_peer_tag != 0)
                put_number(b, "SCTP_OLD_PEER_TAG", change->old_peer_tag);
        if (is_step(change->type)) {
                put_known(b, "SCTP_OLD_STATE", association_state_name(change->old_state));
                put_known(b, "SCTP_NEW_STATE", association_state_name(change->new_state));
        }
        if (FIELD_GIVEN(a, ASSOCIATION_LOCAL_PORT))
                put_number(b, "SCTP_LOCAL_PORT", a->local_port);
        if (FIELD_GIVEN(a, ASSOCIATION_PEER_PORT))
                put_number(b, "SCTP_PEER_PORT", a->peer_port);
        put_addresses(b, "SCTP_LOCAL_ADDRS", snapshot_addresses(s, a->local), sizeof(struct address), a->local.count);
        if (a->paths.count > 0)
                put_addresses(b, "SCTP_PEER_ADDRS", &paths->address, sizeof(*paths), a->paths.count);
        put_known(b, "SCTP_PEER_NAME", change->peer_name);
        if (primary)
                put_address(b, "SCTP_PRIMARY", &primary->address);
        put_path(b, change);
        if (change->duration_usec > 0)
                put_number(b, "SCTP_DURATION_MS", change->duration_usec / USEC_PER_MSEC);
        put_reasons(b, change->reasons);
        put_figures(b, s, a);
        put_place(b, s, a->netns, FIELD_GIVEN(a, ASSOCIATION_NETNS), a->owners);
        if (change->type == CHANGE_ASSOCIATION_DOWN) {
                put_known(b, "SCTP_CAUSE", cause_name(change->cause));
                if (change->cause != CAUSE_UNKNOWN)
                        put_text(b, "SCTP_CAUSE_CERTAINTY", certainty_name(change->cause_certainty));
        }
        put_trigger(b, change->trigger);
}

/* Entries */

const char *journal_entry_message_id(enum change_type type) {
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
        case CHANGE_STEP:
        case _CHANGE_TYPE_MAX:
                break;
        }

        return NULL;
}

static int down_priority(const struct change *change) {
        if (change->cause != CAUSE_UNKNOWN)
                return change->cause == CAUSE_GRACEFUL ? LOG_NOTICE : LOG_WARNING;

        /* A regular end was under way. */
        return change->old_state >= ASSOCIATION_SHUTDOWN_PENDING ? LOG_NOTICE : LOG_WARNING;
}

static int path_priority(const struct change *change) {
        bool failed = change->path_old_state == PATH_INACTIVE || change->path_old_state == PATH_PF;

        if (change->path_new_state == PATH_INACTIVE || change->path_new_state == PATH_PF)
                return LOG_WARNING;

        /* A new path that is confirmed is as it should be. */
        return failed && change->path_new_state == PATH_ACTIVE ? LOG_NOTICE : LOG_INFO;
}

static int change_priority(const struct change *change) {
        switch (change->type) {
        case CHANGE_ASSOCIATION_DOWN:
                return down_priority(change);
        case CHANGE_PATH_STATE:
                return path_priority(change);
        case CHANGE_ASSOCIATION_RESTART:
        case CHANGE_IMPAIRED:
                return LOG_WARNING;
        case CHANGE_RECOVERED:
        case CHANGE_PATH_REMOVED:
        case CHANGE_PRIMARY_CHANGED:
        case CHANGE_UNOBSERVED:
        case CHANGE_ENDPOINT_REMOVED:
                return LOG_NOTICE;
        case CHANGE_ASSOCIATION_UP:
        case CHANGE_ASSOCIATION_STATE:
        case CHANGE_PATH_ADDED:
        case CHANGE_ENDPOINT_ADDED:
        case CHANGE_FIGURES:
        case CHANGE_STEP:
        case _CHANGE_TYPE_MAX:
                break;
        }

        return LOG_INFO;
}

static void begin(struct buffer *b, const char *message_id, int priority) {
        put_text(b, "SYSLOG_IDENTIFIER", "sctpmond");
        put_number(b, "SYSLOG_FACILITY", LOG_FAC(LOG_DAEMON));
        put_text(b, "MESSAGE_ID", message_id);
        put_number(b, "PRIORITY", (uint64_t) priority);
}

/* A copy that is not greater than it needs to be: thousands may have to wait. */
static int finish(const struct buffer *b, uint64_t changes, struct journal_entry **ret) {
        struct journal_entry *e = b->failed ? NULL : malloc(sizeof(*e) + b->length);

        if (!e)
                return -ENOMEM;

        *e = (struct journal_entry) { .changes = changes, .size = b->length };
        memcpy(e->data, b->data, b->length);
        *ret = e;
        return 0;
}

int journal_entry_of_change(const struct change *change, struct journal_entry **ret) {
        _cleanup_(buffer_done) struct buffer b = {};
        const struct snapshot *s = change->snapshot;
        char text[TEXT_TIME_MAX];

        begin(&b, journal_entry_message_id(change->type), change_priority(change));
        buffer_puts(&b, "MESSAGE=");
        journal_message_of_change(&b, change);
        buffer_put(&b, "\n", 1);
        if (change->association) {
                put_association(&b, change);
        } else if (change->endpoint) {
                const struct endpoint *e = change->endpoint;

                if (FIELD_GIVEN(e, ENDPOINT_LOCAL_PORT))
                        put_number(&b, "SCTP_LOCAL_PORT", e->local_port);
                put_addresses(&b, "SCTP_LOCAL_ADDRS", snapshot_addresses(s, e->local), sizeof(struct address),
                              e->local.count);
                put_place(&b, s, e->netns, FIELD_GIVEN(e, ENDPOINT_NETNS), e->owners);
        } else {
                put_number(&b, "SCTP_ESTABLISHED", change->established);
                put_number(&b, "SCTP_FAILED", change->failed);
                put_place(&b, s, change->netns, journal_message_names_netns(change->netns), (struct range) {});
        }
        put_text(&b, "SCTP_CERTAINTY", certainty_name(change->certainty));
        /* The entry's own time is when journald took it. */
        put_text(&b, "SCTP_SEEN_AT", text_time(change->at, text));

        return finish(&b, 1, ret);
}

int journal_entry_of_flapping(const struct flapping *f, const struct snapshot *s, struct journal_entry **ret) {
        _cleanup_(buffer_done) struct buffer b = {};
        char text[TEXT_TIME_MAX];

        begin(&b, MESSAGE_ID_FLAPPING, LOG_WARNING);
        buffer_puts(&b, "MESSAGE=");
        journal_message_of_flapping(&b, f, s);
        buffer_put(&b, "\n", 1);
        put_number(&b, "SCTP_FLAPS", f->flaps + f->path_flaps);
        put_number(&b, "SCTP_SUPPRESSED", f->held);
        put_known(&b, "SCTP_NEW_STATE", association_state_name(f->state));
        if (f->local_port > 0)
                put_number(&b, "SCTP_LOCAL_PORT", f->local_port);
        if (f->peer_port > 0)
                put_number(&b, "SCTP_PEER_PORT", f->peer_port);
        if (f->local.family != 0)
                put_address(&b, "SCTP_LOCAL_ADDRS", &f->local);
        if (f->peer.family != 0)
                put_address(&b, "SCTP_PEER_ADDRS", &f->peer);
        put_number(&b, "SCTP_DURATION_MS", f->span_usec / USEC_PER_MSEC);
        put_place(&b, s, f->netns, journal_message_names_netns(f->netns), (struct range) {});
        put_text(&b, "SCTP_SEEN_AT", text_time(snapshot_head(s)->started_realtime, text));

        return finish(&b, MAX(f->held, UINT64_C(1)), ret);
}

int journal_entry_of_availability(bool available, const char *reason, const char *advice, struct journal_entry **ret) {
        _cleanup_(buffer_done) struct buffer b = {};
        _cleanup_free_ char *message = NULL;

        if (asprintf(&message, available ? "SCTP is available" : "SCTP is not available: %s", reason ?: "") < 0) {
                message = NULL;
                return -ENOMEM;
        }

        begin(&b, available ? MESSAGE_ID_AVAILABLE : MESSAGE_ID_UNAVAILABLE, available ? LOG_NOTICE : LOG_WARNING);
        put_text(&b, "MESSAGE", message);
        put_known(&b, "SCTP_REASON", reason);
        put_known(&b, "SCTP_ADVICE", advice);
        return finish(&b, 1, ret);
}

int journal_entry_of_lost(uint64_t lost, struct journal_entry **ret) {
        _cleanup_(buffer_done) struct buffer b = {};

        begin(&b, MESSAGE_ID_CHANGES_LOST, LOG_WARNING);
        buffer_puts(&b, "MESSAGE=");
        journal_message_of_lost(&b, lost);
        buffer_put(&b, "\n", 1);
        put_number(&b, "SCTP_LOST", lost);
        return finish(&b, lost, ret);
}
