/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "json.h"
#include "netns.h"
#include "scan.h"
#include "source.h"
#include "text.h"

#define INTERFACE "io.sctpmon.Monitor."
/* At least 64 KiB: kernels 4.19 to 5.11 may leak a reference when a read ends before the table's page does. */
#define RAW_READ_BYTES (256u * 1024u)
/* Of malformed rows, so many are named. */
#define COMPLAINTS_SHOWN_MAX 5u

static json_t *endpoint_object(const struct options *o, const struct snapshot *s, const struct filter *f,
                               uint32_t index) {
        const struct endpoint *e = snapshot_endpoints(s) + index;

        return (o->all || !e->unlisted) && filter_endpoint(f, s, e) ? json_endpoint(s, e) : json_null();
}

static json_t *association_object(const struct options *o, const struct snapshot *s, const struct filter *f,
                                  uint32_t index) {
        const struct association *a = snapshot_associations(s) + index;

        (void) o;
        return filter_association(f, s, a, NULL) ? json_association(s, a, NULL) : json_null();
}

static json_t *namespace_object(const struct options *o, const struct snapshot *s, const struct filter *f,
                                uint32_t index) {
        (void) o;
        (void) f;
        return json_netns(snapshot_namespaces(s) + index);
}

static uint32_t endpoint_count(const struct snapshot *s) {
        return snapshot_head(s)->n_endpoints;
}

static uint32_t association_count(const struct snapshot *s) {
        return snapshot_head(s)->n_associations;
}

static uint32_t namespace_count(const struct snapshot *s) {
        return snapshot_head(s)->n_namespaces;
}

const struct listing listing_endpoints = {
        .method = INTERFACE "ListEndpoints",
        .member = "endpoint",
        .subject = FILTER_ENDPOINTS,
        .table = SOURCE_EPS,
        .object = endpoint_object,
        .count = endpoint_count,
};

const struct listing listing_associations = {
        .method = INTERFACE "ListAssociations",
        .member = "association",
        .subject = FILTER_ASSOCIATIONS,
        .table = SOURCE_ASSOCS,
        .object = association_object,
        .count = association_count,
};

const struct listing listing_namespaces = {
        .method = INTERFACE "ListNamespaces",
        .member = "namespace",
        .subject = FILTER_ASSOCIATIONS,
        .table = SOURCE_NAMESPACES,
        .object = namespace_object,
        .count = namespace_count,
};

/* The daemon */

int source_connect(const struct options *o, struct varlink_client **ret) {
        return varlink_client_connect(o->socket, ret);
}

static void say_group(const char *path) {
        struct group *group = NULL;
        struct stat st;

        if (stat(path, &st) >= 0 && st.st_gid != 0)
                group = getgrgid(st.st_gid);
        if (group)
                say("Members of the group %s may. To become one: usermod --append --groups %s USER, and log in again.",
                    group->gr_name, group->gr_name);
        else
                say("Run it as root.");
}

void source_say_no_daemon(const struct options *o, int error, const char *instead) {
        bool forbidden = error == -EACCES || error == -EPERM;

        say("%s (%s: %s)%s%s", forbidden ? "You may not use sctpmond's socket" :
                               error == -ENOENT || error == -ECONNREFUSED ? "sctpmond is not running" :
                               "sctpmond cannot be reached",
            o->socket, strerror(-error), instead ? "; " : ".", instead ?: "");
        if (forbidden)
                say_group(o->socket);
        else
                say("To start it: systemctl start sctpmond");
}

enum code source_say_failure(const struct options *o, int error) {
        char span[TEXT_SPAN_MAX];

        switch (-error) {

        case ENOMEM:
                return say_out_of_memory();

        case ETIMEDOUT:
                say("sctpmond has not answered within %s.", text_span(SOURCE_REPLY_TIMEOUT_USEC, span));
                break;

        case ECONNRESET:
        case EPIPE:
                say("sctpmond closed the connection before its answer was complete.");
                break;

        case EMSGSIZE:
        case EBADMSG:
                say("What listens at %s does not speak Varlink as sctpmond does.", o->socket);
                break;

        default:
                say("The connection to sctpmond failed: %s", strerror(-error));
        }
        say("See: systemctl status sctpmond. The kernel's own table, without sctpmond: --raw");
        return error == -ETIMEDOUT ? CODE_TIMED_OUT : CODE_FAILED;
}

static const char *parameter(const struct varlink_reply *reply, const char *name) {
        return json_string_value(json_object_get(reply->parameters, name)) ?: "(it does not say)";
}

static const char *peer_name(const struct options *o) {
        return json_string_value(json_object_get(o->filter, "peerName"));
}

enum code source_say_error(const struct options *o, const struct varlink_reply *reply) {
        const char *error = reply->error;
        json_t *lost;

        if (strcmp(error, INTERFACE "SctpNotAvailable") == 0) {
                say("SCTP is not available: %s", parameter(reply, "reason"));
                say("%s", parameter(reply, "advice"));
                return CODE_NOT_AVAILABLE;
        }
        if (strcmp(error, INTERFACE "NamespaceNotFound") == 0) {
                say("There is no network namespace %s, or sctpmond does not watch it. Those it watches: sctpctl netns",
                    o->netns ?: parameter(reply, "netns"));
                return CODE_NOT_THERE;
        }
        if (strcmp(error, INTERFACE "EventsNotAvailable") == 0) {
                say("sctpmond cannot watch what happens in the kernel: %s", parameter(reply, "reason"));
                say("What it finds by looking: sctpctl monitor. See: sctpctl explain bpf_events");
                return CODE_FAILED;
        }
        if (strcmp(error, INTERFACE "NoSnapshot") == 0) {
                say("sctpmond has not been able to read the kernel's tables yet: %s", parameter(reply, "reason"));
                say("See: sctpctl status");
                return CODE_FAILED;
        }
        if (strcmp(error, INTERFACE "Overrun") == 0) {
                lost = json_object_get(reply->parameters, "lost");
                say("This was read too slowly: sctpmond gave up, %" JSON_INTEGER_FORMAT " replies were not sent.",
                    json_integer_value(lost));
                return CODE_FAILED;
        }
        if (strcmp(error, "org.varlink.service.InvalidParameter") == 0 &&
            strcmp(parameter(reply, "parameter"), "filter.peerName") == 0) {
                say("sctpmond knows no peer of the name %s: there is no section [Peer %s] in sctpmond.conf.",
                    peer_name(o), peer_name(o));
                return CODE_NOT_THERE;
        }
        if (strncmp(error, "org.varlink.service.", 20) == 0) {
                say("sctpmond does not understand this sctpctl: %s %s", error + 20,
                    json_string_value(json_object_get(reply->parameters, "parameter")) ?: "");
                say("Are both of one version? See: sctpctl --version, sctpctl status");
        } else
                say("sctpmond answered with an error: %s", error);
        return CODE_FAILED;
}

/* Figures are told to be old when a person could take them for new. */
static void say_age(json_t *scan) {
        json_int_t age = json_integer_value(json_object_get(scan, "ageMs"));
        char span[TEXT_SPAN_MAX];

        if (json_is_true(json_object_get(scan, "stale")))
                say("The kernel could not be read anew; these figures are at least %s old.",
                    text_span((uint64_t) MAX(age, 0) * USEC_PER_MSEC, span));
        else if (age > 1000)
                say("These figures are %s old.", text_span((uint64_t) age * USEC_PER_MSEC, span));
}

void source_reply_done(struct source_reply *reply) {
        varlink_reply_done(&reply->reply);
}

static int receive(struct varlink_client *c, const char *member, struct source_reply *ret) {
        ret->text = NULL;
        return member ? varlink_client_receive_text(c, SOURCE_REPLY_TIMEOUT_USEC, member, &ret->reply, &ret->text,
                                                    &ret->length) :
                varlink_client_receive(c, SOURCE_REPLY_TIMEOUT_USEC, &ret->reply);
}

int source_call(const struct options *o, struct varlink_client **c, const char *method, json_t *parameters, bool more,
                const char *member, struct source_reply *ret) {
        for (bool again = false;; again = true) {
                struct varlink_client *other;
                int r;

                r = varlink_client_send(*c, method, parameters, more);
                if (r >= 0)
                        r = receive(*c, member, ret);
                if (r != -ECONNRESET || again || source_connect(o, &other) < 0)
                        return r;
                varlink_client_free(*c);
                *c = other;
        }
}

/* One call with one answer. */
static enum code ask(const struct options *o, struct varlink_client **c, const char *method, json_t *parameters,
                     json_t **ret) {
        _cleanup_(source_reply_done) struct source_reply answer = {};
        const struct varlink_reply *reply = &answer.reply;
        int r;

        r = source_call(o, c, method, parameters, false, NULL, &answer);
        if (r < 0)
                return source_say_failure(o, r);
        if (reply->error)
                return source_say_error(o, reply);
        if (!reply->parameters)
                return source_say_failure(o, -EBADMSG);
        *ret = json_incref(reply->parameters);
        return CODE_DONE;
}

json_t *source_parameters(const struct options *o) {
        _cleanup_(json_decref_p) json_t *filter = NULL, *parameters = NULL;

        filter = o->filter ? json_copy(o->filter) : json_object();
        parameters = json_object();
        if (!filter || !parameters)
                return NULL;
        if (o->netns && json_object_set_new(filter, "netns", json_string(o->netns)) < 0)
                return NULL;
        if (json_object_size(filter) > 0 && json_object_set(parameters, "filter", filter) < 0)
                return NULL;
        return steal_ptr(parameters);
}

/* Namespaces are listed whole. */
static json_t *list_parameters(const struct options *o, const struct listing *l) {
        _cleanup_(json_decref_p) json_t *parameters = NULL;

        parameters = l == &listing_namespaces ? json_object() : source_parameters(o);
        if (parameters && l == &listing_endpoints && o->all && json_object_set_new(parameters, "all", json_true()) < 0)
                return NULL;
        return steal_ptr(parameters);
}

static enum code list_from_daemon(const struct options *o, struct varlink_client **c, const struct listing *l,
                                  source_handler handler, source_text_handler text, void *userdata) {
        _cleanup_(json_decref_p) json_t *parameters = NULL;
        int r;

        parameters = list_parameters(o, l);
        if (!parameters)
                return say_out_of_memory();
        for (bool first = true;; first = false) {
                _cleanup_(source_reply_done) struct source_reply answer = {};
                const struct varlink_reply *reply = &answer.reply;
                const char *member = text ? l->member : NULL;
                json_t *object;

                r = first ? source_call(o, c, l->method, parameters, true, member, &answer) :
                        receive(*c, member, &answer);
                if (r < 0)
                        return source_say_failure(o, r);
                if (reply->error)
                        return source_say_error(o, reply);

                object = json_object_get(reply->parameters, l->member);
                if (answer.text)
                        r = text(answer.text, answer.length, userdata);
                else if (json_is_object(object))
                        r = handler(object, userdata);
                if (r < 0)
                        return r == -EPIPE ? CODE_DONE : say_out_of_memory();
                if (!reply->continues) {
                        say_age(json_object_get(reply->parameters, "scan"));
                        return CODE_DONE;
                }
        }
}

static enum code say_no_association(const struct options *o, uint32_t id) {
        if (id > 0)
                say("There is no association %" PRIu32 "%s.", id,
                    options_filtered(o) ? " that the filter matches" : "");
        else
                say("No association matches.");
        return CODE_NOT_THERE;
}

static enum code association_from_daemon(const struct options *o, struct varlink_client **c, uint32_t id,
                                         source_handler candidate, void *userdata, json_t **ret) {
        _cleanup_(source_reply_done) struct source_reply answer = {};
        const struct varlink_reply *reply = &answer.reply;
        _cleanup_(json_decref_p) json_t *parameters = NULL;
        int r;

        parameters = source_parameters(o);
        if (!parameters || (id > 0 && json_set_u64(parameters, "associationId", id) < 0) ||
            (o->statistics && json_object_set_new(parameters, "statistics", json_true()) < 0))
                return say_out_of_memory();
        r = source_call(o, c, INTERFACE "GetAssociation", parameters, false, NULL, &answer);
        if (r < 0)
                return source_say_failure(o, r);
        if (reply->error && strcmp(reply->error, INTERFACE "AssociationNotFound") == 0)
                return say_no_association(o, id);
        if (reply->error && strcmp(reply->error, INTERFACE "AssociationAmbiguous") == 0) {
                enum code code = list_from_daemon(o, c, &listing_associations, candidate, NULL, userdata);

                return code == CODE_DONE ? CODE_USAGE : code;
        }
        if (reply->error)
                return source_say_error(o, reply);
        if (!json_is_object(json_object_get(reply->parameters, "association")))
                return source_say_failure(o, -EBADMSG);

        say_age(json_object_get(reply->parameters, "scan"));
        *ret = json_incref(reply->parameters);
        return CODE_DONE;
}

/* This host, or a saved tree */

/* Whether what is wrong with the source concerns a person who asked for this table. */
static bool concerns(enum source source, enum source table) {
        return source == table || (table == SOURCE_ASSOCS && source == SOURCE_REMADDR);
}

static void say_sources(const struct snapshot *s, enum source table) {
        const struct snapshot_head *head = snapshot_head(s);
        uint64_t left_out = 0;
        uint32_t shown = 0;

        for (enum source i = 0; i < _SOURCE_MAX; i++) {
                if (!concerns(i, table))
                        continue;
                if (head->sources[i].result == SOURCE_FAILED)
                        say("%s could not be read: %s", source_name(i), head->sources[i].text);
                left_out += head->sources[i].malformed;

                for (uint32_t j = 0; j < head->n_complaints && shown < COMPLAINTS_SHOWN_MAX; j++) {
                        const struct complaint *c = snapshot_complaints(s) + j;

                        if (strcmp(c->file, source_name(i)) != 0)
                                continue;
                        say("%s, line %" PRIu32 ", is left out: %s", c->file, c->line, c->text);
                        shown++;
                }
        }
        if (left_out > shown)
                say("%" PRIu64 " more rows are left out.", left_out - shown);
}

/* Neither counters nor namespaces have owners or details. */
static bool has_details(enum source table) {
        return table == SOURCE_EPS || table == SOURCE_ASSOCS;
}

/* What people miss without a source, for one line. */
static const char *missing_without(enum source source, enum source table) {
        static const char *const names[_SOURCE_MAX] = {
                [SOURCE_NAMESPACES] = "network namespaces",
                [SOURCE_SOCK_DIAG] = "details by sock_diag",
                [SOURCE_OPTIONS] = "details by socket options",
                [SOURCE_OWNERS] = "owners",
                [SOURCE_CONNTRACK] = "addresses before NAT",
        };
        bool wanted = source == SOURCE_NAMESPACES || (has_details(table) && source == SOURCE_OWNERS) ||
                table == SOURCE_ASSOCS;

        return wanted ? names[source] : NULL;
}

/* What this process could not find out, and for want of which right. */
static void say_missing(const struct snapshot *s, enum source table) {
        char text[1024] = "";

        for (enum source i = 0; i < _SOURCE_MAX; i++) {
                const struct source_report *report = snapshot_head(s)->sources + i;
                const char *missing = missing_without(i, table);
                size_t length = strlen(text);

                if (!missing || report->result == SOURCE_SKIPPED || (report->text[0] == '\0' && report->waiting == 0))
                        continue;
                snprintf(text + length, sizeof(text) - length, "%s%s: ", length > 0 ? "; " : "", missing);
                length = strlen(text);
                if (report->text[0])
                        snprintf(text + length, sizeof(text) - length, "%s", report->text);
                else
                        snprintf(text + length, sizeof(text) - length, "no time for %" PRIu32 " of them",
                                 report->waiting);
        }
        if (text[0])
                say("Not complete: %s.", text);
}

/* Which namespace of the snapshot is meant. */
static enum code find_netns(const struct options *o, const struct snapshot *s, struct filter *f) {
        const struct netns *n = snapshot_namespaces(s);
        bool all = false, found;
        uint64_t number = 0;
        int r;

        if (!o->netns)
                return CODE_DONE;
        r = netns_resolve(o->netns, &all, &number);
        found = r >= 0 && (all || snapshot_netns(s, number));
        for (uint32_t i = 0; r == -ENOENT && !found && i < snapshot_head(s)->n_namespaces; i++)
                if (strcmp(n[i].name, o->netns) == 0) {
                        found = true;
                        number = n[i].netns;
                }
        if (!found) {
                say("Network namespace %s: %s", o->netns, strerror(r < 0 ? -r : ENOENT));
                return r < 0 && r != -ENOENT ? CODE_FAILED : CODE_NOT_THERE;
        }
        f->has_netns = !all;
        f->netns = number;
        return CODE_DONE;
}

static enum code check_tree(const char *root) {
        struct stat st;
        int error;

        error = stat(root, &st) < 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
        if (error == 0)
                return CODE_DONE;
        say("%s: %s", root, strerror(error));
        return CODE_FAILED;
}

/* One look at this host, or at a saved tree. */
struct look {
        struct scan_memory *memory;
        struct snapshot *snapshot;
        struct filter filter;
};

static void look_done(struct look *l) {
        snapshot_unref(l->snapshot);
        scan_memory_free(l->memory);
}

static int look_scan(const struct options *o, struct look *l, enum source table, const struct scan_wish *wish) {
        struct scan_options options = {
                .root = o->root,
                .memory = l->memory,
                .dear_usec = SOURCE_DEAR_USEC,
                .wish = wish ? *wish : (struct scan_wish) {},
                .off = has_details(table) ? 0 : 1u << SOURCE_SOCK_DIAG | 1u << SOURCE_OPTIONS | 1u << SOURCE_OWNERS |
                        1u << SOURCE_CONNTRACK,
        };
        struct snapshot *s;
        int r;

        r = scan_run(&options, &s);
        if (r < 0)
                return r;
        snapshot_unref(l->snapshot);
        l->snapshot = s;
        return 0;
}

static enum code say_no_scan(int error) {
        say("The kernel's tables cannot be read: %s", strerror(-error));
        return CODE_FAILED;
}

static enum code look_here(const struct options *o, enum source table, enum filter_subject subject,
                           struct look *ret) {
        _cleanup_(look_done) struct look l = { .filter = FILTER_ANY };
        const struct snapshot_head *head;
        enum code code = CODE_DONE;
        const char *field;
        int r = 0;

        if (peer_name(o)) {
                say("%s is no address, and names of peers are known to sctpmond only.", peer_name(o));
                return CODE_FAILED;
        }
        if (o->filter && filter_from_json(o->filter, subject, &l.filter, &field) < 0) {
                say("The filter is not understood: %s", field);
                return CODE_USAGE;
        }
        if (o->root)
                code = check_tree(o->root);
        else
                r = scan_memory_new(&l.memory);
        if (code != CODE_DONE)
                return code;
        if (r >= 0)
                r = look_scan(o, &l, table, NULL);
        if (r < 0)
                return say_no_scan(r);

        head = snapshot_head(l.snapshot);
        if (!head->available) {
                say("SCTP is not available: %s", head->reason);
                if (head->advice[0])
                        say("%s", head->advice);
                return CODE_NOT_AVAILABLE;
        }
        say_sources(l.snapshot, table);
        if (!o->root)
                say_missing(l.snapshot, table);
        if (head->sources[table].result != SOURCE_READ)
                return CODE_FAILED;
        code = find_netns(o, l.snapshot, &l.filter);
        if (code != CODE_DONE)
                return code;

        *ret = l;
        l = (struct look) {};
        return CODE_DONE;
}

static json_t *look_age(const struct look *l) {
        return json_scan(l->snapshot, clock_usec(CLOCK_MONOTONIC), false);
}

static enum code list_look(const struct options *o, const struct look *look, const struct listing *l,
                           source_handler handler, void *userdata) {
        for (uint32_t i = 0; i < l->count(look->snapshot); i++) {
                _cleanup_(json_decref_p) json_t *object = NULL;
                int r;

                object = l->object(o, look->snapshot, &look->filter, i);
                if (json_is_null(object))
                        continue;
                r = object ? handler(object, userdata) : -ENOMEM;
                if (r < 0)
                        return r == -EPIPE ? CODE_DONE : say_out_of_memory();
        }
        return CODE_DONE;
}

static enum code list_from_here(const struct options *o, const struct listing *l,
                                source_handler handler, void *userdata) {
        _cleanup_(look_done) struct look look = {};
        _cleanup_(json_decref_p) json_t *scan = NULL;
        enum code code;

        code = look_here(o, l->table, l->subject, &look);
        if (code == CODE_DONE)
                code = list_look(o, &look, l, handler, userdata);
        if (code == CODE_DONE && !o->root) {
                scan = look_age(&look);
                say_age(scan);
        }
        return code;
}

/* Either. Returns whether the daemon is to be asked. */
static bool use_daemon(const struct options *o, struct varlink_client **ret) {
        int r;

        if (o->root)
                return false;
        r = source_connect(o, ret);
        if (r < 0)
                source_say_no_daemon(o, r, "reading this host without it: no times, no history.");
        return r >= 0;
}

enum code source_list(const struct options *o, const struct listing *l, source_handler handler,
                      source_text_handler text, void *userdata) {
        _cleanup_(varlink_client_free_p) struct varlink_client *c = NULL;

        return use_daemon(o, &c) ? list_from_daemon(o, &c, l, handler, text, userdata) :
                list_from_here(o, l, handler, userdata);
}

static json_t *sources_object(const struct snapshot *s) {
        _cleanup_(json_decref_p) json_t *sources = json_array();

        for (enum source i = 0; i < _SOURCE_MAX; i++) {
                const struct source_report *report = snapshot_head(s)->sources + i;
                char time[TEXT_TIME_MAX];

                if (json_array_append_new(sources, json_pack("{sssssIsIsIsIss*ss*}",
                        "name", source_name(i),
                        "result", source_result_name(report->result),
                        "rows", (json_int_t) report->rows,
                        "malformed", (json_int_t) report->malformed,
                        "waiting", (json_int_t) report->waiting,
                        "durationUs", (json_int_t) report->duration_usec,
                        "lastRun", report->last_run > 0 ? text_time(report->last_run, time) : NULL,
                        "reason", report->text[0] ? report->text : NULL)) < 0)
                        return NULL;
        }
        return steal_ptr(sources);
}

static json_t *statistics_object(const struct snapshot *s) {
        const struct statistics *found = &snapshot_head(s)->statistics;
        char address[ADDRESS_TEXT_MAX];

        if (found->association_id == 0)
                return json_pack("{ss}", "reason", "it has no id yet");
        if (found->error < 0)
                return json_pack("{ss}", "reason",
                                 found->error == -ENODATA ? "no process is known to have its socket" :
                                 found->error == -EPERM ? "other processes' sockets may not be asked (CAP_SYS_PTRACE)" :
                                 strerror(-found->error));
        return json_pack("{sIss*}", "maxRtoMs", (json_int_t) found->max_rto, "maxRtoAddress",
                         found->max_rto_path.family != 0 ? address_text(&found->max_rto_path, address) : NULL);
}

/* How many associations of the look are meant, and the last of them. */
static uint32_t find_associations(const struct look *l, uint32_t id, const struct association **ret) {
        const struct association *a = snapshot_associations(l->snapshot);
        uint32_t n = 0;

        for (uint32_t i = 0; i < snapshot_head(l->snapshot)->n_associations; i++)
                if ((id == 0 || a[i].id == id) && filter_association(&l->filter, l->snapshot, a + i, NULL)) {
                        *ret = a + i;
                        n++;
                }
        return n;
}

static enum code association_from_look(const struct options *o, const struct look *l, const struct association *a,
                                       json_t **ret) {
        _cleanup_(json_decref_p) json_t *object = NULL;

        object = json_pack("{sosososo*}", "association", json_association(l->snapshot, a, NULL), "scan", look_age(l),
                           "sources", sources_object(l->snapshot),
                           "statistics", o->statistics ? statistics_object(l->snapshot) : NULL);
        if (!object)
                return say_out_of_memory();
        *ret = steal_ptr(object);
        return CODE_DONE;
}

static enum code association_from_here(const struct options *o, uint32_t id, source_handler candidate, void *userdata,
                                       json_t **ret) {
        _cleanup_(look_done) struct look look = {};
        const struct association *a = NULL;
        enum code code;
        uint32_t n;

        code = look_here(o, SOURCE_ASSOCS, FILTER_ASSOCIATIONS, &look);
        if (code != CODE_DONE)
                return code;
        n = find_associations(&look, id, &a);
        if (n > 1) {
                code = list_look(o, &look, &listing_associations, candidate, userdata);
                return code == CODE_DONE ? CODE_USAGE : code;
        }

        /* There was no time for this one, or more is wanted of it. */
        if (n == 1 && !o->root && a->id > 0 && (o->statistics || !FIELD_GIVEN(a, ASSOCIATION_DIAG_AT))) {
                struct scan_wish wish = { a->netns, a->id, o->statistics };
                int r;

                r = look_scan(o, &look, SOURCE_ASSOCS, &wish);
                if (r < 0)
                        return say_no_scan(r);
                n = find_associations(&look, id, &a);
        }
        return n == 1 ? association_from_look(o, &look, a, ret) : say_no_association(o, id);
}

enum code source_association(const struct options *o, uint32_t id, source_handler candidate, void *userdata,
                             json_t **ret) {
        _cleanup_(varlink_client_free_p) struct varlink_client *c = NULL;

        return use_daemon(o, &c) ? association_from_daemon(o, &c, id, candidate, userdata, ret) :
                association_from_here(o, id, candidate, userdata, ret);
}

static enum code counters_from_here(const struct options *o, json_t **ret) {
        _cleanup_(look_done) struct look look = {};
        _cleanup_(json_decref_p) json_t *object = NULL;
        const uint64_t *netns;
        enum code code;

        code = look_here(o, SOURCE_SNMP, FILTER_ASSOCIATIONS, &look);
        if (code != CODE_DONE)
                return code;
        netns = look.filter.has_netns ? &look.filter.netns : NULL;
        object = json_pack("{soso}", "counters", json_counters(look.snapshot, netns), "scan", look_age(&look));
        if (!object || (netns && *netns < NETNS_UNNAMED_MIN && json_set_u64(object, "netns", *netns) < 0))
                return say_out_of_memory();
        *ret = steal_ptr(object);
        return CODE_DONE;
}

enum code source_counters(const struct options *o, json_t **ret) {
        _cleanup_(varlink_client_free_p) struct varlink_client *c = NULL;
        _cleanup_(json_decref_p) json_t *parameters = NULL;
        enum code code;

        if (!use_daemon(o, &c))
                return counters_from_here(o, ret);
        parameters = json_pack("{ss*}", "netns", o->netns);
        if (!parameters)
                return say_out_of_memory();
        code = ask(o, &c, INTERFACE "GetCounters", parameters, ret);
        if (code == CODE_DONE)
                say_age(json_object_get(*ret, "scan"));
        return code;
}

enum code source_status(const struct options *o, json_t **ret) {
        _cleanup_(varlink_client_free_p) struct varlink_client *c = NULL;
        int r;

        r = source_connect(o, &c);
        if (r < 0) {
                source_say_no_daemon(o, r, NULL);
                return CODE_FAILED;
        }
        return ask(o, &c, INTERFACE "GetStatus", NULL, ret);
}

/* The kernel's own text */

static enum code copy_out(int fd, const char *path) {
        _cleanup_free_ char *buffer = NULL;

        buffer = malloc(RAW_READ_BYTES);
        if (!buffer)
                return say_out_of_memory();
        for (;;) {
                ssize_t n, m;

                n = read(fd, buffer, RAW_READ_BYTES);
                if (n == 0)
                        return CODE_DONE;
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        say("%s: %s", path, strerror(errno));
                        return CODE_FAILED;
                }
                for (ssize_t done = 0; done < n; done += m) {
                        m = write(STDOUT_FILENO, buffer + done, (size_t) (n - done));
                        if (m < 0 && errno == EINTR)
                                m = 0;
                        else if (m < 0 && errno == EPIPE)
                                return CODE_DONE;
                        else if (m < 0) {
                                say("Standard output: %s", strerror(errno));
                                return CODE_FAILED;
                        }
                }
        }
}

enum code source_raw(const struct options *o, enum source table) {
        _cleanup_close_ int fd = -EBADF;
        char path[PATH_MAX];

        if ((size_t) snprintf(path, sizeof(path), "%s/proc/net/sctp/%s",
                              o->root ?: "", source_name(table)) >= sizeof(path)) {
                say("--root=: %s", strerror(ENAMETOOLONG));
                return CODE_FAILED;
        }
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
                bool missing = errno == ENOENT;

                say("%s: %s", path, strerror(errno));
                if (missing && !o->root)
                        say("The kernel has not loaded SCTP. "
                            "sctpmond does so when it starts: systemctl start sctpmond");
                return missing ? CODE_NOT_AVAILABLE : CODE_FAILED;
        }
        return copy_out(fd, path);
}
