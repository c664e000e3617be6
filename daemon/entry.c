/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <syslog.h>

#include "buffer.h"
#include "entry.h"
#include "impaired.h"
#include "message-id.h"
#include "text.h"

/* Room for "[address]:port". */
#define END_TEXT_MAX (ADDRESS_TEXT_MAX + 10)

struct entry *entry_free(struct entry *e) {
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
        for (uint32_t i = 0; i < MIN(n, ENTRY_ADDRESSES_MAX); i++) {
                buffer_put(b, i > 0 ? " " : "=", 1);
                buffer_puts(b, address_text(addresses, text));
                addresses = (const struct address *) ((const char *) addresses + stride);
        }
        buffer_put(b, "\n", 1);
}

/* The one of the namespace, else that of the first owner that has one. */
static const char *container_of(const struct snapshot *s, const struct netns *netns, struct range range) {
        const uint32_t *owners = snapshot_owners(s, range);

        if (netns && *netns->container)
                return netns->container;
        for (uint32_t i = 0; i < range.count; i++)
                if (*snapshot_processes(s)[owners[i]].container)
                        return snapshot_processes(s)[owners[i]].container;

        return "";
}

/* Whether the number of a namespace is its inode. */
static bool is_shown(uint64_t netns) {
        return netns > 0 && netns < NETNS_UNNAMED_MIN;
}

/* Whose it is, and where. A field may stand more than once in an entry: each process matches. */
static void put_place(struct buffer *b, const struct snapshot *s, uint64_t number, bool given, struct range range) {
        const struct netns *netns = snapshot_netns(s, number);
        const uint32_t *owners = snapshot_owners(s, range);

        if (given)
                put_number(b, "SCTP_NETNS", number);
        if (netns)
                put_known(b, "SCTP_NETNS_NAME", netns->name);
        for (uint32_t i = 0; i < MIN(range.count, ENTRY_OWNERS_MAX); i++) {
                const struct process *p = snapshot_processes(s) + owners[i];

                put_number(b, "SCTP_PID", p->pid);
                put_known(b, "SCTP_COMM", p->command);
                put_known(b, "SCTP_UNIT", p->unit);
        }
        put_known(b, "SCTP_CONTAINER", container_of(s, netns, range));
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

static bool is_step(enum change_type type) {
        return type == CHANGE_ASSOCIATION_UP || type == CHANGE_ASSOCIATION_STATE || type == CHANGE_ASSOCIATION_DOWN;
}

static void put_association(struct buffer *b, const struct change *change) {
        const struct snapshot *s = change->snapshot;
        const struct association *a = change->association;
        const struct path *paths = snapshot_paths(s, a->paths), *primary = snapshot_primary(s, a);

        if (FIELD_GIVEN(a, ASSOCIATION_ID))
                put_number(b, "SCTP_ASSOC_ID", a->id);
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
}

/* Messages */

_printf_(2, 3)
static void say(struct buffer *b, const char *format, ...) {
        char text[512];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        /* A message is one line, whoever's names stand in it. */
        for (char *c = text; (c = strchr(c, '\n')); )
                *c = '?';
        buffer_puts(b, text);
}

/* A port of 0 is several, and not said. */
static const char *end_text(const struct address *address, uint16_t port, char buffer[static END_TEXT_MAX]) {
        char text[ADDRESS_TEXT_MAX] = "-";

        if (address && address->family != 0)
                (void) address_text(address, text);
        if (port > 0)
                snprintf(buffer, END_TEXT_MAX, strchr(text, ':') ? "[%s]:%u" : "%s:%u", text, port);
        else
                strcpy(buffer, text);
        return buffer;
}

static const struct address *first_address(const struct snapshot *s, struct range range) {
        const struct address *addresses = snapshot_addresses(s, range);

        for (uint32_t i = 0; i < range.count; i++)
                if (addresses[i].primary)
                        return &addresses[i];

        return range.count > 0 ? &addresses[0] : NULL;
}

static const char *peer_text(const struct snapshot *s, const struct association *a, char buffer[static END_TEXT_MAX]) {
        const struct path *p = snapshot_primary(s, a);

        if (!p && a->paths.count > 0)
                p = snapshot_paths(s, a->paths);
        return end_text(p ? &p->address : NULL, a->peer_port, buffer);
}

static void say_ends(struct buffer *b, const struct snapshot *s, const struct association *a) {
        char local[END_TEXT_MAX], peer[END_TEXT_MAX];

        say(b, "%s <-> %s", end_text(first_address(s, a->local), a->local_port, local), peer_text(s, a, peer));
}

/* "; m3ua[100] in container web". That it is the host's own network namespace goes without saying. */
static void say_place(struct buffer *b, const struct snapshot *s, uint64_t number, struct range range) {
        const struct netns *netns = snapshot_netns(s, number);
        const char *container = container_of(s, netns, range), *before = "; ";

        if (range.count > 0) {
                const struct process *p = snapshot_processes(s) + snapshot_owners(s, range)[0];

                if (*p->command)
                        say(b, "; %s[%" PRIu32 "]", p->command, p->pid);
                else
                        say(b, "; process %" PRIu32, p->pid);
                if (range.count > 1)
                        say(b, " and %" PRIu32 " more", range.count - 1);
                before = " ";
        }
        if (*container)
                say(b, "%sin container %s", before, container);
        else if (netns && !netns->own && *netns->name)
                say(b, "%sin network namespace %s", before, netns->name);
        else if (netns && !netns->own && is_shown(number))
                say(b, "%sin network namespace %" PRIu64, before, number);
}

/* ", after 350ms" */
static void say_duration(struct buffer *b, const char *before, const struct change *change) {
        char span[TEXT_SPAN_MAX];

        if (change->duration_usec > 0)
                say(b, "%s%s", before, text_span(change->duration_usec, span));
}

static void say_cause(struct buffer *b, const struct change *change) {
        const struct association *a = change->association;
        const char *probably = change->cause_certainty == CERTAINTY_LOW ? "probably " : "";
        bool set_up = change->old_state != ASSOCIATION_COOKIE_WAIT && change->old_state != ASSOCIATION_COOKIE_ECHOED;

        switch (change->cause) {
        case CAUSE_GRACEFUL:
                say(b, "; %s%s", probably, set_up ? "closed by SHUTDOWN" : "closed before it was established");
                break;
        case CAUSE_ABORTED:
                say(b, "; %saborted", probably);
                break;
        case CAUSE_RETRANSMISSIONS_EXHAUSTED:
                if (FIELD_GIVEN(a, ASSOCIATION_MAX_RETRANSMISSIONS))
                        say(b, "; %sthe peer was given up after %" PRIu32 " retransmission%s", probably,
                            a->max_retransmissions, a->max_retransmissions == 1 ? "" : "s");
                else
                        say(b, "; %sthe peer was given up after too many retransmissions", probably);
                break;
        case CAUSE_INIT_TIMEOUT:
                say(b, "; %sno answer to %s", probably,
                    change->old_state == ASSOCIATION_COOKIE_ECHOED ? "COOKIE ECHO" : "INIT");
                break;
        case CAUSE_UNKNOWN:
        case _CAUSE_MAX:
                break;
        }
}

/* "path 10.0.1.2 inactive", "2 paths inactive"; of what is over, and where they are not so now: "a path inactive". */
static void say_paths(struct buffer *b, const struct change *change, enum path_state state, const char *what) {
        const struct association *a = change->association;
        const struct path *p = snapshot_paths(change->snapshot, a->paths), *one = NULL;
        char text[ADDRESS_TEXT_MAX];
        unsigned n = 0;

        for (uint32_t i = 0; change->type == CHANGE_IMPAIRED && i < a->paths.count; i++)
                if (FIELD_GIVEN(p + i, PATH_STATE) && p[i].state == state) {
                        one = p + i;
                        n++;
                }
        if (n == 1)
                say(b, "path %s %s", address_text(&one->address, text), what);
        else if (n > 1)
                say(b, "%u paths %s", n, what);
        else
                say(b, "a path %s", what);
}

static void say_reasons(struct buffer *b, const char *before, const struct change *change) {
        for (int i = 0; i < _IMPAIRMENT_MAX; i++) {
                if (!(change->reasons & 1u << i))
                        continue;
                say(b, "%s", before);
                before = ", ";
                switch ((enum impairment) i) {
                case IMPAIRED_PATH_INACTIVE:
                        say_paths(b, change, PATH_INACTIVE, "inactive");
                        break;
                case IMPAIRED_PATH_PF:
                        say_paths(b, change, PATH_PF, "potentially failed");
                        break;
                case IMPAIRED_PATH_UNCONFIRMED:
                        say_paths(b, change, PATH_UNCONFIRMED, "unconfirmed");
                        break;
                case IMPAIRED_PRIMARY_NOT_ACTIVE:
                        say(b, "primary path not active");
                        break;
                case IMPAIRED_HEARTBEATS_OFF:
                        say(b, "heartbeats off");
                        break;
                case _IMPAIRMENT_MAX:
                        break;
                }
        }
}

static void say_path(struct buffer *b, const struct path *p) {
        char text[ADDRESS_TEXT_MAX];

        if (p)
                say(b, ": %spath %s", p->address.primary ? "primary " : "", address_text(&p->address, text));
        else
                say(b, ": a path");
}

static void say_association(struct buffer *b, const struct change *change) {
        const struct snapshot *s = change->snapshot;
        const struct association *a = change->association;
        const struct path *primary = snapshot_primary(s, a);
        const char *old_state = association_state_name(change->old_state) ?: "an unknown state";
        const char *new_state = association_state_name(change->new_state) ?: "an unknown state";
        const char *old_path_state = path_state_name(change->path_old_state);
        char text[ADDRESS_TEXT_MAX];
        bool ends_behind = true;

        if (FIELD_GIVEN(a, ASSOCIATION_ID))
                say(b, "SCTP association %" PRIu32, a->id);
        else
                say(b, "SCTP association (no id yet)");

        switch (change->type) {
        case CHANGE_ASSOCIATION_UP:
                say(b, " established: ");
                say_ends(b, s, a);
                say_duration(b, ", after ", change);
                if (change->duration_usec > 0)
                        say(b, " in %s", old_state);
                ends_behind = false;
                break;
        case CHANGE_ASSOCIATION_STATE:
                if (change->old_state == ASSOCIATION_CLOSED)
                        say(b, " appeared in %s: ", new_state);
                else
                        say(b, " went from %s to %s: ", old_state, new_state);
                say_ends(b, s, a);
                say_duration(b, ", after ", change);
                ends_behind = false;
                break;
        case CHANGE_ASSOCIATION_RESTART:
                say(b, " restarted: ");
                say_ends(b, s, a);
                say_duration(b, ", after ", change);
                ends_behind = false;
                break;
        case CHANGE_ASSOCIATION_DOWN:
                say(b, " gone: was %s", old_state);
                say_duration(b, " for ", change);
                break;
        case CHANGE_PATH_STATE:
                say_path(b, change->path);
                if (old_path_state)
                        say(b, " went from %s to ", old_path_state);
                else
                        say(b, " is now ");
                say(b, "%s", path_state_name(change->path_new_state) ?: "in an unknown state");
                say_duration(b, " after ", change);
                break;
        case CHANGE_PATH_ADDED:
                say_path(b, change->path);
                say(b, " added");
                break;
        case CHANGE_PATH_REMOVED:
                say_path(b, change->path);
                say(b, " removed");
                break;
        case CHANGE_PRIMARY_CHANGED:
                say(b, ": primary path is now %s", primary ? address_text(&primary->address, text) : "none");
                if (change->old_primary)
                        say(b, ", was %s", address_text(change->old_primary, text));
                break;
        case CHANGE_IMPAIRED:
                say(b, " impaired");
                say_reasons(b, ": ", change);
                break;
        case CHANGE_RECOVERED:
                say(b, " recovered: was impaired");
                say_duration(b, " for ", change);
                say_reasons(b, ", ", change);
                break;
        case CHANGE_ENDPOINT_ADDED:
        case CHANGE_ENDPOINT_REMOVED:
        case CHANGE_UNOBSERVED:
        case CHANGE_FIGURES:
        case _CHANGE_TYPE_MAX:
                break;
        }

        if (ends_behind) {
                say(b, " (");
                say_ends(b, s, a);
                say(b, ")");
        }
        if (change->certainty == CERTAINTY_LOW)
                say(b, ", as far as can be told");
        if (change->type == CHANGE_ASSOCIATION_DOWN)
                say_cause(b, change);
        say_place(b, s, a->netns, a->owners);
}

static void say_endpoint(struct buffer *b, const struct change *change) {
        const struct endpoint *e = change->endpoint;
        char text[END_TEXT_MAX];

        say(b, "SCTP endpoint %s: %s", change->type == CHANGE_ENDPOINT_ADDED ? "listening" : "gone",
            end_text(first_address(change->snapshot, e->local), e->local_port, text));
        if (e->local.count > 1)
                say(b, " and %" PRIu32 " more", e->local.count - 1);
        say_place(b, change->snapshot, e->netns, e->owners);
}

static void say_unobserved(struct buffer *b, const struct change *change) {
        say(b, "SCTP associations not observed:");
        if (change->established > 0 || change->failed == 0)
                say(b, " %" PRIu64 " established and gone between looks", change->established);
        if (change->failed > 0)
                say(b, "%s %" PRIu64 " never came about", change->established > 0 ? "," : "", change->failed);
        say_place(b, change->snapshot, change->netns, (struct range) {});
}

/* "3 entries were", "1 entry was" */
static void say_held(struct buffer *b, uint64_t n) {
        if (n > 0)
                say(b, "; %" PRIu64 " entr%s held back", n, n == 1 ? "y was" : "ies were");
}

static void say_flapping(struct buffer *b, const struct flapping *f, const struct snapshot *s) {
        char local[END_TEXT_MAX], peer[END_TEXT_MAX], span[TEXT_SPAN_MAX];
        const char *state = association_state_name(f->state);

        say(b, "SCTP associations %s <-> %s ", end_text(&f->local, f->local_port, local),
            end_text(&f->peer, f->peer_port, peer));
        if (f->flaps > 0)
                say(b, "went up and down %" PRIu64 " time%s", f->flaps, f->flaps == 1 ? "" : "s");
        if (f->path_flaps > 0)
                say(b, "%slost a path %" PRIu64 " time%s", f->flaps > 0 ? " and " : "", f->path_flaps,
                    f->path_flaps == 1 ? "" : "s");
        if (f->flaps == 0 && f->path_flaps == 0)
                say(b, "did not go up and down");
        say(b, " in the last %s", text_span(f->span_usec, span));
        say_held(b, f->held);
        if (state)
                say(b, "; now %s", f->state == ASSOCIATION_CLOSED ? "gone" : state);
        if (f->goes_on)
                say(b, "; further entries are held back");
        else if (f->calm)
                say(b, "; entries are written again");
        say_place(b, s, f->netns, (struct range) {});
}

/* Entries */

const char *entry_message_id(enum change_type type) {
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
static int finish(const struct buffer *b, uint64_t changes, struct entry **ret) {
        struct entry *e = b->failed ? NULL : malloc(sizeof(*e) + b->length);

        if (!e)
                return -ENOMEM;

        *e = (struct entry) { .changes = changes, .size = b->length };
        memcpy(e->data, b->data, b->length);
        *ret = e;
        return 0;
}

int entry_of_change(const struct change *change, struct entry **ret) {
        _cleanup_(buffer_done) struct buffer b = {};
        const struct snapshot *s = change->snapshot;
        char text[TEXT_TIME_MAX];

        begin(&b, entry_message_id(change->type), change_priority(change));
        buffer_puts(&b, "MESSAGE=");
        if (change->association) {
                say_association(&b, change);
                buffer_put(&b, "\n", 1);
                put_association(&b, change);
        } else if (change->endpoint) {
                const struct endpoint *e = change->endpoint;

                say_endpoint(&b, change);
                buffer_put(&b, "\n", 1);
                if (FIELD_GIVEN(e, ENDPOINT_LOCAL_PORT))
                        put_number(&b, "SCTP_LOCAL_PORT", e->local_port);
                put_addresses(&b, "SCTP_LOCAL_ADDRS", snapshot_addresses(s, e->local), sizeof(struct address),
                              e->local.count);
                put_place(&b, s, e->netns, FIELD_GIVEN(e, ENDPOINT_NETNS), e->owners);
        } else {
                say_unobserved(&b, change);
                buffer_put(&b, "\n", 1);
                put_number(&b, "SCTP_ESTABLISHED", change->established);
                put_number(&b, "SCTP_FAILED", change->failed);
                put_place(&b, s, change->netns, is_shown(change->netns), (struct range) {});
        }
        put_text(&b, "SCTP_CERTAINTY", certainty_name(change->certainty));
        /* The entry's own time is when journald took it. */
        put_text(&b, "SCTP_SEEN_AT", text_time(change->at, text));

        return finish(&b, 1, ret);
}

int entry_of_flapping(const struct flapping *f, const struct snapshot *s, struct entry **ret) {
        _cleanup_(buffer_done) struct buffer b = {};
        char text[TEXT_TIME_MAX];

        begin(&b, MESSAGE_ID_FLAPPING, LOG_WARNING);
        buffer_puts(&b, "MESSAGE=");
        say_flapping(&b, f, s);
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
        put_place(&b, s, f->netns, is_shown(f->netns), (struct range) {});
        put_text(&b, "SCTP_SEEN_AT", text_time(snapshot_head(s)->started_realtime, text));

        return finish(&b, MAX(f->held, UINT64_C(1)), ret);
}

int entry_of_availability(bool available, const char *reason, const char *advice, struct entry **ret) {
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

int entry_of_lost(uint64_t lost, struct entry **ret) {
        _cleanup_(buffer_done) struct buffer b = {};

        begin(&b, MESSAGE_ID_CHANGES_LOST, LOG_WARNING);
        buffer_puts(&b, "MESSAGE=");
        say(&b, "%" PRIu64 " SCTP change%s not written here: journald did not take them fast enough", lost,
            lost == 1 ? " was" : "s were");
        buffer_put(&b, "\n", 1);
        put_number(&b, "SCTP_LOST", lost);
        return finish(&b, lost, ret);
}
