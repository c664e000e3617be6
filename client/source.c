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

static json_t *endpoint_object(const struct snapshot *s, const struct filter *f, uint32_t index) {
        const struct endpoint *e = snapshot_endpoints(s) + index;

        return filter_endpoint(f, s, e) ? json_endpoint(s, e) : json_null();
}

static json_t *association_object(const struct snapshot *s, const struct filter *f, uint32_t index) {
        const struct association *a = snapshot_associations(s) + index;

        return filter_association(f, s, a) ? json_association(s, a) : json_null();
}

static uint32_t endpoint_count(const struct snapshot *s) {
        return snapshot_head(s)->n_endpoints;
}

static uint32_t association_count(const struct snapshot *s) {
        return snapshot_head(s)->n_associations;
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

/* Whether the daemon watches another namespace than the one that is meant without --netns=: ours. */
static bool is_elsewhere(const struct options *o, const struct varlink_reply *reply) {
        return !o->netns && reply->error && strcmp(reply->error, INTERFACE "NamespaceNotFound") == 0;
}

enum code source_say_error(const struct options *o, const struct varlink_reply *reply) {
        const char *error = reply->error;
        json_t *lost;

        if (strcmp(error, INTERFACE "SctpNotAvailable") == 0) {
                say("SCTP is not available: %s", parameter(reply, "reason"));
                say("%s", parameter(reply, "advice"));
                return CODE_NOT_AVAILABLE;
        }
        if (is_elsewhere(o, reply)) {
                say("sctpmond watches another network namespace than this one, and to follow changes it is needed.");
                say("What it watches: sctpctl status. All that it watches, from here: --netns=all");
                return CODE_NOT_THERE;
        }
        if (strcmp(error, INTERFACE "NamespaceNotFound") == 0) {
                say("sctpmond watches no network namespace %s. Those with a name: ip netns list",
                    o->netns ?: parameter(reply, "netns"));
                say("What the kernel says in one that is not watched: ip netns exec NAME sctpctl eps --raw");
                return CODE_NOT_THERE;
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

/* One call with one answer. */
static enum code ask(const struct options *o, struct varlink_client *c, const char *method, json_t **ret) {
        _cleanup_(varlink_reply_done) struct varlink_reply reply = {};
        int r;

        r = varlink_client_send(c, method, NULL, false);
        if (r >= 0)
                r = varlink_client_receive(c, SOURCE_REPLY_TIMEOUT_USEC, &reply);
        if (r < 0)
                return source_say_failure(o, r);
        if (reply.error)
                return source_say_error(o, &reply);
        if (!reply.parameters)
                return source_say_failure(o, -EBADMSG);
        *ret = json_incref(reply.parameters);
        return CODE_DONE;
}

json_t *source_parameters(const struct options *o) {
        _cleanup_(json_decref_p) json_t *filter = NULL, *parameters = NULL;
        uint64_t netns;
        char own[32];

        filter = o->filter ? json_copy(o->filter) : json_object();
        parameters = json_object();
        if (!filter || !parameters)
                return NULL;
        if (o->netns && json_object_set_new(filter, "netns", json_string(o->netns)) < 0)
                return NULL;
        /* What cat shows is the namespace that one is in: so do we. */
        if (!o->netns && netns_self(&netns) >= 0) {
                snprintf(own, sizeof(own), "inode:%" PRIu64, netns);
                if (json_object_set_new(filter, "netns", json_string(own)) < 0)
                        return NULL;
        }
        if (json_object_size(filter) > 0 && json_object_set(parameters, "filter", filter) < 0)
                return NULL;
        return steal_ptr(parameters);
}

static void say_elsewhere(void) {
        say("sctpmond watches another network namespace; reading this one's tables without it: no times, no history.");
}

static enum code list_from_daemon(const struct options *o, struct varlink_client *c, const struct listing *l,
                                  source_handler handler, void *userdata, bool *ret_elsewhere) {
        _cleanup_(json_decref_p) json_t *parameters = NULL;
        int r;

        parameters = source_parameters(o);
        if (!parameters)
                return say_out_of_memory();
        r = varlink_client_send(c, l->method, parameters, true);
        if (r < 0)
                return source_say_failure(o, r);

        for (;;) {
                _cleanup_(varlink_reply_done) struct varlink_reply reply = {};
                json_t *object;

                r = varlink_client_receive(c, SOURCE_REPLY_TIMEOUT_USEC, &reply);
                if (r < 0)
                        return source_say_failure(o, r);
                *ret_elsewhere = is_elsewhere(o, &reply);
                if (*ret_elsewhere)
                        return CODE_DONE;
                if (reply.error)
                        return source_say_error(o, &reply);

                object = json_object_get(reply.parameters, l->member);
                if (json_is_object(object)) {
                        r = handler(object, userdata);
                        if (r < 0)
                                return r == -EPIPE ? CODE_DONE : say_out_of_memory();
                }
                if (!reply.continues) {
                        say_age(json_object_get(reply.parameters, "scan"));
                        return CODE_DONE;
                }
        }
}

/* This host, or a saved tree */

/* Whether what is wrong with the source concerns a person who asked for this table. */
static bool concerns(enum source source, enum source table) {
        return source == table || (table == SOURCE_ASSOCS && (source == SOURCE_REMADDR || source == SOURCE_SOCK_DIAG));
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

static enum code check_place(const struct options *o) {
        uint64_t netns, self;
        struct stat st;
        bool all;
        int r;

        if (o->root) {
                r = stat(o->root, &st) < 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
                if (r > 0)
                        say("%s: %s", o->root, strerror(r));
                return r > 0 ? CODE_FAILED : CODE_DONE;
        }
        if (!o->netns)
                return CODE_DONE;

        r = netns_resolve(o->netns, &all, &netns);
        if (r < 0) {
                say("Network namespace %s: %s", o->netns,
                    r == -EINVAL ? "expected all, host, NAME, pid:N or inode:N" : strerror(-r));
                return r == -EINVAL ? CODE_USAGE : r == -ENOENT ? CODE_NOT_THERE : CODE_FAILED;
        }
        r = netns_self(&self);
        if (!all && (r < 0 || self != netns)) {
                say("Without sctpmond only this process's own network namespace can be read. "
                    "In another one: ip netns exec NAME sctpctl …");
                return CODE_FAILED;
        }
        return CODE_DONE;
}

static enum code scan_here(const struct options *o, enum source table, struct snapshot **ret) {
        struct scan_options options = { .root = o->root, .serial = 1 };
        _cleanup_(snapshot_unref_p) struct snapshot *s = NULL;
        const struct snapshot_head *head;
        enum code code;
        int r;

        code = check_place(o);
        if (code != CODE_DONE)
                return code;
        r = scan_run(&options, &s);
        if (r < 0) {
                say("The kernel's tables cannot be read: %s", strerror(-r));
                return CODE_FAILED;
        }
        head = snapshot_head(s);
        if (!head->available) {
                say("SCTP is not available: %s", head->reason);
                if (head->advice[0])
                        say("%s", head->advice);
                return CODE_NOT_AVAILABLE;
        }
        say_sources(s, table);
        if (head->sources[table].result != SOURCE_READ)
                return CODE_FAILED;
        *ret = steal_ptr(s);
        return CODE_DONE;
}

static enum code list_from_here(const struct options *o, const struct listing *l,
                                source_handler handler, void *userdata) {
        _cleanup_(snapshot_unref_p) struct snapshot *s = NULL;
        _cleanup_(json_decref_p) json_t *scan = NULL;
        struct filter filter = FILTER_ANY;
        enum code code;
        const char *field;

        if (o->filter && filter_from_json(o->filter, l->subject, &filter, &field) < 0) {
                say("The filter is not understood: %s", field);
                return CODE_USAGE;
        }
        code = scan_here(o, l->table, &s);
        if (code != CODE_DONE)
                return code;

        for (uint32_t i = 0; i < l->count(s); i++) {
                _cleanup_(json_decref_p) json_t *object = NULL;
                int r;

                object = l->object(s, &filter, i);
                if (json_is_null(object))
                        continue;
                /* One look knows no before. */
                (void) json_object_del(object, "observedSince");
                r = object ? handler(object, userdata) : -ENOMEM;
                if (r < 0)
                        return r == -EPIPE ? CODE_DONE : say_out_of_memory();
        }
        if (!o->root) {
                scan = json_scan(s, clock_usec(CLOCK_MONOTONIC), false);
                say_age(scan);
        }
        return CODE_DONE;
}

/* Either. Returns whether the daemon is to be asked. */
static bool use_daemon(const struct options *o, struct varlink_client **ret) {
        int r;

        if (o->root)
                return false;
        r = source_connect(o, ret);
        if (r < 0)
                source_say_no_daemon(o, r, "reading this host's tables without it: no times, no history.");
        return r >= 0;
}

enum code source_list(const struct options *o, const struct listing *l, source_handler handler, void *userdata) {
        _cleanup_(varlink_client_free_p) struct varlink_client *c = NULL;
        bool elsewhere = false;
        enum code code;

        if (use_daemon(o, &c)) {
                code = list_from_daemon(o, c, l, handler, userdata, &elsewhere);
                if (!elsewhere)
                        return code;
                say_elsewhere();
        }
        return list_from_here(o, l, handler, userdata);
}

static json_t *counters_object(const struct options *o, const struct snapshot *s) {
        _cleanup_(json_decref_p) json_t *object = NULL;

        object = json_object();
        if (!object)
                return NULL;
        if (!o->root && json_set_u64(object, "netns", snapshot_head(s)->netns) < 0)
                return NULL;
        if (json_object_set_new(object, "counters", json_counters(s, NULL)) < 0 ||
            json_object_set_new(object, "scan", json_scan(s, clock_usec(CLOCK_MONOTONIC), false)) < 0)
                return NULL;
        return steal_ptr(object);
}

enum code source_counters(const struct options *o, json_t **ret) {
        _cleanup_(varlink_client_free_p) struct varlink_client *c = NULL;
        _cleanup_(snapshot_unref_p) struct snapshot *s = NULL;
        _cleanup_(json_decref_p) json_t *object = NULL;
        json_t *watched;
        enum code code;
        uint64_t netns;

        if (use_daemon(o, &c)) {
                code = ask(o, c, INTERFACE "GetCounters", &object);
                if (code != CODE_DONE)
                        return code;
                watched = json_object_get(object, "netns");
                if (watched && netns_self(&netns) >= 0 && (uint64_t) json_integer_value(watched) != netns) {
                        say_elsewhere();
                        json_decref(object);
                        object = NULL;
                }
        }
        if (!object) {
                code = scan_here(o, SOURCE_SNMP, &s);
                if (code != CODE_DONE)
                        return code;
                object = counters_object(o, s);
                if (!object)
                        return say_out_of_memory();
        }
        if (!o->root)
                say_age(json_object_get(object, "scan"));
        *ret = steal_ptr(object);
        return CODE_DONE;
}

enum code source_status(const struct options *o, json_t **ret) {
        _cleanup_(varlink_client_free_p) struct varlink_client *c = NULL;
        int r;

        r = source_connect(o, &c);
        if (r < 0) {
                source_say_no_daemon(o, r, NULL);
                return CODE_FAILED;
        }
        return ask(o, c, INTERFACE "GetStatus", ret);
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
