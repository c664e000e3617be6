/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "address.h"
#include "cells.h"
#include "changes.h"
#include "clock.h"
#include "filter.h"
#include "json.h"
#include "message-id.h"
#include "netns.h"
#include "pager.h"
#include "plain.h"
#include "sctpctl.h"
#include "story.h"
#include "text.h"
#include "writer.h"

/* An entry may be written this much later than what it tells of was seen, or, after a step of the clock, sooner. */
#define SLACK_USEC (3600 * USEC_PER_SEC)
/* As many as journalctl --follow begins with. */
#define LINES_FOLLOW 10u
/* Processes of one entry. */
#define OWNERS_MAX 64u

/* What the daemon writes, and what the interface calls it; NULL: no change. */
static const struct kind {
        const char *id, *type;
        bool gap;                       /* it stands for changes that are told nowhere */
} kinds[] = {
        { MESSAGE_ID_ASSOCIATION_UP, "association_up" },
        { MESSAGE_ID_ASSOCIATION_STATE, "association_state" },
        { MESSAGE_ID_ASSOCIATION_DOWN, "association_down" },
        { MESSAGE_ID_ASSOCIATION_RESTART, "association_restart" },
        { MESSAGE_ID_PATH_STATE, "path_state" },
        { MESSAGE_ID_PATH_ADDED, "path_added" },
        { MESSAGE_ID_PATH_REMOVED, "path_removed" },
        { MESSAGE_ID_PRIMARY_CHANGED, "primary_changed" },
        { MESSAGE_ID_IMPAIRED, "impaired" },
        { MESSAGE_ID_RECOVERED, "recovered" },
        { MESSAGE_ID_ENDPOINT_ADDED, "endpoint_added" },
        { MESSAGE_ID_ENDPOINT_REMOVED, "endpoint_removed" },
        { MESSAGE_ID_UNOBSERVED, "unobserved" },
        { MESSAGE_ID_FLAPPING, NULL, true },
        { MESSAGE_ID_CHANGES_LOST, NULL, true },
        { MESSAGE_ID_AVAILABLE, NULL },
        { MESSAGE_ID_UNAVAILABLE, NULL },
};

/* libsystemd is loaded by this verb alone: for the others that would take longer than what they do. */
#define FUNCTIONS(_) _(open) _(open_directory) _(close) _(add_match) _(seek_head) _(seek_tail) _(seek_realtime_usec) \
                     _(next) _(previous) _(get_data) _(restart_data) _(enumerate_data) _(get_realtime_usec) _(wait) \
                     _(query_unique) _(enumerate_unique) _(restart_unique) _(flush_matches) _(get_fd) \
                     _(get_cursor) _(seek_cursor) _(get_usage) _(has_persistent_files)
#define DECLARE(name) typeof(sd_journal_##name) *name;
static struct {
        FUNCTIONS(DECLARE)
} sd;

static int load(void) {
        void *library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);

        if (!library)
                return -ENOSYS;
#define RESOLVE(name) \
        if (!(sd.name = (typeof(sd.name)) dlsym(library, "sd_journal_" #name))) \
                return -ENOSYS;
        FUNCTIONS(RESOLVE)
        return 0;
}

struct log {
        const struct options *options;
        sd_journal *journal;
        struct writer *writer;          /* NULL: lines for a person */
        bool has_netns;                 /* asked for by number; a name is compared as such */
        uint64_t netns;
        uint64_t found;
        bool gap;                       /* of the entry at hand: see kinds */
};

static bool json_is_utf8(const char *text, size_t length) {
        _cleanup_(json_decref_p) json_t *s = json_stringn(text, length);

        return s;
}

/* Fields of the entry at hand. A field's value, as text; NULL if it has none. Malloc'ed. */
static char *field(const struct log *l, const char *name) {
        const void *data;
        size_t length, skip = strlen(name) + 1;

        if (sd.get_data(l->journal, name, &data, &length) < 0 || length < skip)
                return NULL;
        data = (const char *) data + skip;
        length -= skip;
        /* As the daemon wrote it, so that it is the same everywhere; who prints it for a person escapes it. */
        if (!memchr(data, '\0', length) && json_is_utf8(data, length))
                return strndup(data, length);
        return text_escape(data, length);
}

static int set_text(const struct log *l, json_t *object, const char *member, const char *name) {
        _cleanup_free_ char *value = field(l, name);

        return value && *value ? json_object_set_new(object, member, json_string(value)) : 0;
}

static int set_number(const struct log *l, json_t *object, const char *member, const char *name) {
        _cleanup_free_ char *value = field(l, name);
        uint64_t number;

        if (!value || text_to_u64(value, strlen(value), 10, INT64_MAX, &number) < 0)
                return 0;
        return json_object_set_new(object, member, json_integer((json_int_t) number));
}

struct member {
        const char *member, *field;
        bool number;
};

static int set_members(const struct log *l, json_t *object, const struct member *members, size_t n) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++)
                r = (members[i].number ? set_number : set_text)(l, object, members[i].member, members[i].field);
        return r;
}

/* Words with spaces between. */
static int set_list(const struct log *l, json_t *object, const char *member, const char *name) {
        _cleanup_free_ char *value = field(l, name);
        _cleanup_(json_decref_p) json_t *list = json_array();

        if (!value)
                return 0;
        for (char *rest = NULL, *word = strtok_r(value, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
                if (json_array_append_new(list, json_string(word)) < 0)
                        return -ENOMEM;
        return json_object_set(object, member, list);
}

/* Where several have the socket the journal does not keep what belongs together: then their numbers are all there is. */
static int set_owners(const struct log *l, json_t *object) {
        _cleanup_(json_decref_p) json_t *owners = json_array(), *only = NULL;
        static const char prefix[] = "SCTP_PID=";
        const void *data;
        size_t length, n = sizeof(prefix) - 1;

        sd.restart_data(l->journal);
        while (json_array_size(owners) < OWNERS_MAX && sd.enumerate_data(l->journal, &data, &length) > 0) {
                uint64_t pid;

                if (length > n && memcmp(data, prefix, n) == 0 &&
                    text_to_u64((const char *) data + n, length - n, 10, INT32_MAX, &pid) >= 0 &&
                    json_array_append_new(owners, json_pack("{sI}", "pid", (json_int_t) pid)) < 0)
                        return -ENOMEM;
        }
        if (json_array_size(owners) == 0)
                return 0;
        if (json_array_size(owners) == 1) {
                only = json_incref(json_array_get(owners, 0));
                if (set_text(l, only, "command", "SCTP_COMM") < 0 || set_text(l, only, "unit", "SCTP_UNIT") < 0)
                        return -ENOMEM;
        }
        return json_object_set(object, "owners", owners);
}

/* What it happened to: an association, an endpoint, or (unobserved) no single one. */
static int set_thing(const struct log *l, json_t *change, const char *type) {
        _cleanup_(json_decref_p) json_t *thing = json_object();
        bool endpoint = strncmp(type, "endpoint_", strlen("endpoint_")) == 0;
        json_t *place = thing;
        int r;

        if (strcmp(type, "unobserved") == 0)
                place = change;
        r = set_number(l, place, "netns", "SCTP_NETNS");
        if (r >= 0)
                r = set_text(l, place, "netnsName", "SCTP_NETNS_NAME");
        if (r >= 0)
                r = set_text(l, place, "container", "SCTP_CONTAINER");
        if (r < 0 || place == change)
                return r;

        r = set_number(l, thing, "localPort", "SCTP_LOCAL_PORT");
        if (r >= 0)
                r = set_list(l, thing, "localAddresses", "SCTP_LOCAL_ADDRS");
        if (r >= 0)
                r = set_owners(l, thing);
        if (r >= 0 && !endpoint) {
                r = set_number(l, thing, "associationId", "SCTP_ASSOC_ID");
                if (r >= 0)
                        r = set_number(l, thing, "localTag", "SCTP_LOCAL_TAG");
                if (r >= 0)
                        r = set_number(l, thing, "peerTag", "SCTP_PEER_TAG");
                if (r >= 0)
                        r = set_number(l, thing, "peerPort", "SCTP_PEER_PORT");
                if (r >= 0)
                        r = set_list(l, thing, "peerAddresses", "SCTP_PEER_ADDRS");
                if (r >= 0)
                        r = set_text(l, thing, "primaryAddress", "SCTP_PRIMARY");
                if (r >= 0)
                        r = set_text(l, thing, "peerName", "SCTP_PEER_NAME");
        }
        return r < 0 ? r : json_object_set(change, endpoint ? "endpoint" : "association", thing);
}

static int set_trigger(const struct log *l, json_t *change) {
        static const struct member members[] = {
                { "kind", "SCTP_TRIGGER", false }, { "name", "SCTP_TRIGGER_NAME", false }, { "side", "SCTP_SIDE", false },
                { "errorCause", "SCTP_ERROR_CAUSE", true }, { "errorCauseName", "SCTP_ERROR_CAUSE_NAME", false },
                { "tries", "SCTP_TRIES", true }, { "triesMax", "SCTP_TRIES_MAX", true },
                { "idleMs", "SCTP_IDLE_MS", true }, { "pid", "SCTP_TRIGGER_PID", true },
                { "command", "SCTP_TRIGGER_COMM", false },
        };
        _cleanup_(json_decref_p) json_t *trigger = json_object();
        int r = set_members(l, trigger, members, ELEMENTS(members));

        return r < 0 || !json_object_get(trigger, "kind") ? r : json_object_set(change, "trigger", trigger);
}

/* The entry as the interface's Change; what is no change has a `message` instead of a `type`. */
static json_t *read_entry(struct log *l) {
        static const struct member members[] = {
                { "certainty", "SCTP_CERTAINTY", false }, { "durationMs", "SCTP_DURATION_MS", true },
                { "path", "SCTP_PATH", false }, { "oldPathState", "SCTP_PATH_OLD_STATE", false },
                { "newPathState", "SCTP_PATH_NEW_STATE", false }, { "oldPrimaryAddress", "SCTP_OLD_PRIMARY", false },
                { "oldLocalTag", "SCTP_OLD_LOCAL_TAG", true }, { "oldPeerTag", "SCTP_OLD_PEER_TAG", true },
                { "cause", "SCTP_CAUSE", false }, { "causeCertainty", "SCTP_CAUSE_CERTAINTY", false },
                { "established", "SCTP_ESTABLISHED", true }, { "failed", "SCTP_FAILED", true },
                { "oldState", "SCTP_OLD_STATE", false }, { "newState", "SCTP_NEW_STATE", false },
        };
        _cleanup_(json_decref_p) json_t *change = json_object();
        _cleanup_free_ char *id = field(l, "MESSAGE_ID"), *seen = field(l, "SCTP_SEEN_AT");
        const struct kind *kind = NULL;
        char time[TEXT_TIME_MAX];
        uint64_t at;
        int r;

        for (size_t i = 0; id && i < ELEMENTS(kinds); i++)
                if (strcmp(kinds[i].id, id) == 0)
                        kind = kinds + i;
        if (!kind || !change)
                return NULL;
        l->gap = kind->gap;
        /* The entry's own time is when journald took it. */
        if ((!seen || text_to_time(seen, &at) < 0) && sd.get_realtime_usec(l->journal, &at) < 0)
                return NULL;

        if (!kind->type)
                r = set_text(l, change, "message", "MESSAGE");
        else
                r = json_object_set_new(change, "type", json_string(kind->type));
        if (r >= 0)
                r = json_object_set_new(change, "at", json_string(text_time(at, time)));
        if (r >= 0 && kind->type)
                r = set_members(l, change, members, ELEMENTS(members));
        if (r >= 0 && kind->type)
                r = set_trigger(l, change);
        if (r >= 0 && kind->type)
                r = set_list(l, change, "reasons", "SCTP_REASONS");
        if (r >= 0)
                r = set_thing(l, change, kind->type ?: "association_");
        return r < 0 ? NULL : steal_ptr(change);
}

/* Filters */

static bool has_address(json_t *thing, const char *member, const char *wanted) {
        struct address a, b;
        json_t *text;
        size_t i;

        if (address_parse(wanted, strlen(wanted), &a) < 0)
                return false;
        json_array_foreach(json_object_get(thing, member), i, text) {
                const char *address = json_string_value(text) ?: "";

                if (address_parse(address, strlen(address), &b) >= 0 && address_equal(&a, &b))
                        return true;
        }
        return false;
}

/* A name, or the start of an id; asked for by more of it, too. */
static bool is_container(const char *name, const char *asked) {
        return strcmp(name, asked) == 0 ||
                (strlen(name) == FILTER_CONTAINER_ID_MIN && strncmp(name, asked, strlen(name)) == 0 &&
                 strspn(asked, "0123456789abcdef") == strlen(asked));
}

/* A gap fits where it does not say otherwise. */
static bool is_asked_for(const struct log *l, json_t *change) {
        json_t *thing = json_object_get(change, "association") ?: json_object_get(change, "endpoint") ?: change, *value;
        const struct options *o = l->options;
        const char *name;
        bool fits = true;

        json_object_foreach(o->filter, name, value) {
                const char *text = json_string_value(value);

                const char *member = strcmp(name, "localAddress") == 0 ? "localAddresses" :
                                     strcmp(name, "peerAddress") == 0 ? "peerAddresses" :
                                     strcmp(name, "port") == 0 ? "localPort" : name;

                if (l->gap && !json_object_get(thing, member) &&
                    (strcmp(name, "port") != 0 || !json_object_get(thing, "peerPort")))
                        continue;
                if (strcmp(name, "port") == 0)
                        fits &= json_equal(json_object_get(thing, "localPort"), value) ||
                                json_equal(json_object_get(thing, "peerPort"), value);
                else if (strcmp(name, "localAddress") == 0 || strcmp(name, "peerAddress") == 0)
                        fits &= has_address(thing, member, text);
                else if (strcmp(name, "state") == 0)
                        fits &= strcmp(member_string(change, "newState"), text) == 0 ||
                                strcmp(member_string(change, "oldState"), text) == 0;
                else if (strcmp(name, "container") == 0)
                        fits &= is_container(member_string(thing, name), text);
                else
                        /* localPort, peerPort, peerName */
                        fits &= json_equal(json_object_get(thing, name), value);
        }
        if (l->has_netns)
                fits &= (uint64_t) member_int(thing, "netns") == l->netns;
        else if (o->netns && strcmp(o->netns, "all") != 0)
                fits &= strcmp(member_string(thing, "netnsName"), o->netns) == 0;

        return fits;
}

/* 1: it is one of those wanted; 0: not. */
static int take(struct log *l, json_t **ret) {
        _cleanup_(json_decref_p) json_t *change = read_entry(l);
        const struct options *o = l->options;
        uint64_t at;

        if (!change)
                return 0;
        /* What is no change is for a person. */
        if (l->writer && !json_object_get(change, "type"))
                return 0;
        if (text_to_time(member_string(change, "at"), &at) < 0 || !is_asked_for(l, change))
                return 0;
        /* It is told to the millisecond. */
        if ((o->since > 0 && at < o->since / USEC_PER_MSEC * USEC_PER_MSEC) ||
            (o->until > 0 && at >= o->until / USEC_PER_MSEC * USEC_PER_MSEC))
                return 0;

        l->found++;
        *ret = steal_ptr(change);
        return 1;
}

static int print(struct log *l, json_t *change) {
        _cleanup_free_ char *line = NULL;

        if (l->writer)
                return writer_object(l->writer, change);

        line = story_text(change);
        if (!line)
                return -ENOMEM;
        writer_style(l->options, line, strlen(line), story_style(change));
        printf("\n");
        return ferror(stdout) ? -EPIPE : 0;
}

/* The last so many, in their order. From then on it stands behind the newest entry of all. */
static int print_last(struct log *l, unsigned n) {
        _cleanup_(json_decref_p) json_t *last = json_array();
        uint64_t since = l->options->since, written;
        _cleanup_free_ char *newest = NULL;
        json_t *change;
        int r;

        r = sd.seek_tail(l->journal);
        if (r >= 0)
                r = sd.previous(l->journal);
        if (r == 0)
                return sd.seek_head(l->journal);
        if (r > 0)
                r = sd.get_cursor(l->journal, &newest);
        while (r >= 0 && json_array_size(last) < n) {
                if (since > SLACK_USEC && sd.get_realtime_usec(l->journal, &written) >= 0 &&
                    written < since - SLACK_USEC)
                        break;
                r = take(l, &change);
                if (r > 0)
                        r = json_array_append_new(last, change);
                if (r >= 0)
                        r = sd.previous(l->journal);
                if (r == 0)
                        break;
        }
        for (size_t i = json_array_size(last); r >= 0 && i-- > 0;)
                r = print(l, json_array_get(last, i));
        if (r >= 0)
                r = sd.seek_cursor(l->journal, newest);
        return r < 0 ? r : sd.next(l->journal);
}

/* From where it stands. */
static int print_on(struct log *l) {
        json_t *change;
        int r;

        while ((r = sd.next(l->journal)) > 0) {
                uint64_t written;

                if (l->options->until > 0 && sd.get_realtime_usec(l->journal, &written) >= 0 &&
                    written > l->options->until + SLACK_USEC)
                        return 0;
                r = take(l, &change);
                if (r > 0) {
                        r = print(l, change);
                        json_decref(change);
                }
                if (r < 0)
                        return r;
        }
        return r;
}

static int print_all(struct log *l, unsigned lines) {
        const struct options *o = l->options;
        int r;

        if (lines != LINES_ALL)
                return print_last(l, lines);
        r = o->since > 0 ? sd.seek_realtime_usec(l->journal, o->since - MIN(o->since, SLACK_USEC)) :
                sd.seek_head(l->journal);
        return r < 0 ? r : print_on(l);
}

static int follow(struct log *l) {
        int r = 0;

        while (r >= 0) {
                struct pollfd reader = { .fd = STDOUT_FILENO };

                r = print_on(l);
                (void) fflush(stdout);
                if (poll(&reader, 1, 0) > 0 && (reader.revents & POLLERR))
                        return -EPIPE;
                if (r >= 0)
                        r = sd.wait(l->journal, USEC_PER_SEC);
        }
        return r;
}

/* Boots */

struct boot {
        char match[64];                 /* "_BOOT_ID=…" */
        uint64_t first;
};

static int compare_boots(const void *a, const void *b) {
        const struct boot *x = a, *y = b;

        return CMP(x->first, y->first);
}

#define BOOTS_MAX 4096u

/* The boot that is `offset` (0 or less) before the last one that the journal knows. */
static int find_boot(const struct log *l, long offset, char match[static 64]) {
        _cleanup_free_ struct boot *boots = calloc(BOOTS_MAX, sizeof(*boots));
        const void *data;
        size_t length, n = 0;
        int r;

        if (!boots)
                return -ENOMEM;
        r = sd.query_unique(l->journal, "_BOOT_ID");
        while (r >= 0 && n < BOOTS_MAX && (r = sd.enumerate_unique(l->journal, &data, &length)) > 0)
                if (length < sizeof(boots->match)) {
                        memcpy(boots[n].match, data, length);
                        n++;
                }
        for (size_t i = 0; r >= 0 && i < n; i++) {
                sd.flush_matches(l->journal);
                r = sd.add_match(l->journal, boots[i].match, 0);
                if (r >= 0)
                        r = sd.seek_head(l->journal);
                if (r >= 0 && sd.next(l->journal) > 0)
                        (void) sd.get_realtime_usec(l->journal, &boots[i].first);
        }
        sd.flush_matches(l->journal);
        if (r < 0)
                return r;
        if (offset > 0 || (size_t) -offset >= n)
                return -ENOENT;

        qsort(boots, n, sizeof(*boots), compare_boots);
        memcpy(match, boots[n - 1 - (size_t) -offset].match, 64);
        return 0;
}

static int match_boot(const struct log *l, const char *boot) {
        char match[64], *end;
        long offset;
        int r;

        offset = strtol(boot, &end, 10);
        if (*end == '\0' && strlen(boot) < 10) {
                r = find_boot(l, offset, match);
                if (r < 0)
                        return r;
        } else
                snprintf(match, sizeof(match), "_BOOT_ID=%s", boot);
        return sd.add_match(l->journal, match, 0);
}

/* Anybody may write entries that look like ours: what systemd itself says of where they come from nobody can. */
static int match_ours(const struct log *l) {
        int r = l->options->boot ? match_boot(l, l->options->boot) : 0;

        if (r >= 0)
                r = sd.add_match(l->journal, "_SYSTEMD_UNIT=sctpmond.service", 0);
        for (size_t i = 0; r >= 0 && i < ELEMENTS(kinds); i++) {
                char match[64];

                snprintf(match, sizeof(match), "MESSAGE_ID=%s", kinds[i].id);
                r = sd.add_match(l->journal, match, 0);
        }
        return r;
}

/* Files that may not be read, or are none, are left out without a word. */
static bool is_readable(const struct log *l) {
        uint64_t bytes;

        return sd.get_usage(l->journal, &bytes) >= 0 && bytes > 0;
}

static enum code end(const struct log *l, int r) {
        const struct options *o = l->options;

        if (r == -EPIPE)
                return CODE_DONE;
        if (r == -ENOMEM)
                return say_out_of_memory();
        if (r == -ENOENT && o->boot) {
                say("--boot=%s: the journal has no such boot; journalctl --list-boots shows those it has.", o->boot);
                if (!o->directory && sd.has_persistent_files(l->journal) == 0)
                        say("This host keeps no journal of earlier boots; see Storage= in journald.conf(5).");
                return CODE_NOT_THERE;
        }
        if (r < 0) {
                say("The journal cannot be read: %s", strerror(-r));
                return CODE_FAILED;
        }
        if (l->found > 0 || !(options_filtered(o) || o->since > 0 || o->until > 0 || o->boot))
                return CODE_DONE;
        say("No change matches.");
        return CODE_NOT_THERE;
}

static int resolve_netns(struct log *l) {
        bool all;
        int r;

        if (!l->options->netns || strcmp(l->options->netns, "all") == 0)
                return 0;
        r = netns_resolve(l->options->netns, &all, &l->netns);
        /* It may be gone; its name stands in the journal. */
        l->has_netns = r >= 0 && (strcmp(l->options->netns, "host") == 0 || strchr(l->options->netns, ':'));
        return r < 0 && strchr(l->options->netns, ':') ? r : 0;
}

enum code verb_log(const struct options *o) {
        struct log l = { .options = o };
        unsigned lines = o->lines;
        enum code code;
        int r;

        r = load();
        if (r < 0) {
                say("libsystemd.so.0, which reads the journal, is not installed.");
                return CODE_FAILED;
        }
        if (resolve_netns(&l) < 0) {
                say("--netns=%s: there is no such network namespace now.", o->netns);
                return CODE_NOT_THERE;
        }
        r = o->directory ? sd.open_directory(&l.journal, o->directory, 0) :
                sd.open(&l.journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
        if (r < 0) {
                say("The journal%s%s cannot be opened: %s", o->directory ? " in " : "", o->directory ?: "", strerror(-r));
                return CODE_FAILED;
        }
        if (!is_readable(&l)) {
                if (o->directory)
                        say("There is no journal in %s, or none that may be read.", o->directory);
                else
                        say("There is no journal of the system that may be read: that is for root, and for members of "
                            "the group systemd-journal.");
                sd.close(l.journal);
                return CODE_FAILED;
        }
        /* From now on it is watched for what is added. */
        if (o->follow)
                (void) sd.get_fd(l.journal);
        if (o->follow && lines == LINES_ALL && o->since == 0)
                lines = LINES_FOLLOW;

        r = match_ours(&l);
        if (r >= 0 && o->output != OUTPUT_TABLE && !(l.writer = writer_new(o, WRITER_STREAM, NULL, 0)))
                r = -ENOMEM;
        if (r >= 0 && !o->follow && !l.writer)
                pager_open(o);
        if (r >= 0)
                r = print_all(&l, lines);
        (void) fflush(stdout);
        if (r >= 0 && o->follow)
                r = follow(&l);

        code = end(&l, r);
        writer_free(l.writer);
        sd.close(l.journal);
        return code;
}
