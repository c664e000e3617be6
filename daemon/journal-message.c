/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "impaired.h"
#include "journal-message.h"
#include "text.h"

/* Room for "[address]:port". */
#define END_TEXT_MAX (ADDRESS_TEXT_MAX + 10)

const char *journal_message_container(const struct snapshot *s, const struct netns *netns, struct range range) {
        const uint32_t *owners = snapshot_owners(s, range);

        if (netns && *netns->container)
                return netns->container;
        for (uint32_t i = 0; i < range.count; i++)
                if (*snapshot_processes(s)[owners[i]].container)
                        return snapshot_processes(s)[owners[i]].container;

        return "";
}

bool journal_message_names_netns(uint64_t netns) {
        return netns > 0 && netns < NETNS_UNNAMED_MIN;
}

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

/* "10.0.0.1:5000 <-> hlr1 at 10.0.0.2:2905" */
static void say_ends(struct buffer *b, const struct change *change) {
        const struct association *a = change->association;
        const struct snapshot *s = change->snapshot;
        char local[END_TEXT_MAX], peer[END_TEXT_MAX];

        say(b, "%s <-> ", end_text(first_address(s, a->local), a->local_port, local));
        if (change->peer_name)
                say(b, "%s at ", change->peer_name);
        say(b, "%s", peer_text(s, a, peer));
}

/* "; m3ua[100] in container web". That it is the host's own network namespace goes without saying. */
static void say_place(struct buffer *b, const struct snapshot *s, uint64_t number, struct range range) {
        const struct netns *netns = snapshot_netns(s, number);
        const char *container = journal_message_container(s, netns, range), *before = "; ";

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
        else if (netns && !netns->own && journal_message_names_netns(number))
                say(b, "%sin network namespace %" PRIu64, before, number);
}

/* ", after 350ms" */
static void say_duration(struct buffer *b, const char *before, const struct change *change) {
        char span[TEXT_SPAN_MAX];

        if (change->duration_usec > 0)
                say(b, "%s%s", before, text_span(change->duration_usec, span));
}

/* What the kernel has told itself; false: nothing. */
static bool say_trigger(struct buffer *b, const struct change *change) {
        char command[TRIGGER_COMMAND_MAX];

        if (!change->trigger || !trigger_kind_name(change->trigger->kind))
                return false;

        say(b, "; ");
        trigger_text(b, change, trigger_command(change->trigger, command));
        return true;
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
        case CAUSE_UNREACHABLE:
                say(b, "; the peer's host has no SCTP");
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
                say_ends(b, change);
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
                say_ends(b, change);
                say_duration(b, ", after ", change);
                ends_behind = false;
                break;
        case CHANGE_ASSOCIATION_RESTART:
                say(b, " restarted: ");
                say_ends(b, change);
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
        case CHANGE_STEP:
        case _CHANGE_TYPE_MAX:
                break;
        }

        if (ends_behind) {
                say(b, " (");
                say_ends(b, change);
                say(b, ")");
        }
        if (change->certainty == CERTAINTY_LOW)
                say(b, ", as far as can be told");
        if (!say_trigger(b, change) && change->type == CHANGE_ASSOCIATION_DOWN)
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

void journal_message_of_flapping(struct buffer *b, const struct flapping *f, const struct snapshot *s) {
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

void journal_message_of_change(struct buffer *b, const struct change *change) {
        if (change->association)
                say_association(b, change);
        else if (change->endpoint)
                say_endpoint(b, change);
        else
                say_unobserved(b, change);
}

void journal_message_of_lost(struct buffer *b, uint64_t lost) {
        say(b, "%" PRIu64 " SCTP change%s not written here: journald did not take them fast enough", lost,
            lost == 1 ? " was" : "s were");
}
