/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "filter.h"
#include "interface.h"
#include "json.h"
#include "netns.h"
#include "service.h"
#include "status.h"
#include "text.h"

#define ERROR(name) "io.sctpmon.Monitor." name

struct listing;

/* A question, from call to last reply. */
struct query {
        struct manager *manager;
        struct call *call;
        const struct listing *listing;  /* List*: of what */
        struct filter filter;
        char *netns;                    /* as the caller names it; NULL: all */
        struct want want;
        uint64_t not_before;            /* monotonic: a snapshot that began then is new enough */
        bool all;                       /* ListEndpoints: those that do not listen, too */
        bool updates, trace, present;   /* Monitor */
        bool past;                      /* Monitor: `since` is given */
        struct reading reading;         /* GetHistory */
        uint32_t association_id;        /* GetAssociation; 0: any */
        bool statistics;
        bool stale;
        struct hold hold;               /* of the snapshot that is listed */
        uint32_t position;
};

static void query_free(struct query *q) {
        if (q->hold.snapshot)
                hold_remove(&q->manager->holds, &q->hold);
        free(q->netns);
        free(q);
}
DEFINE_CLEANUP(struct query *, query_free)

static void query_release(void *userdata) {
        query_free(userdata);
}

static int not_available(struct call *call, const struct snapshot *s) {
        return call_error(call, ERROR("SctpNotAvailable"), json_pack("{ssss}", "reason", snapshot_head(s)->reason,
                                                                     "advice", snapshot_head(s)->advice));
}

static int no_snapshot(struct call *call, const struct manager *m) {
        return call_error(call, ERROR("NoSnapshot"), json_pack("{ss}", "reason",
                          m->notice[0] ? m->notice : "The first look at the kernel is not finished yet."));
}

/* -EINVAL: the caller has got an error. */
static int query_read_age(struct query *q, json_t *parameters) {
        json_t *age = json_object_get(parameters, "maxAgeMs");
        uint64_t now = clock_usec(CLOCK_MONOTONIC);

        if (age && !json_is_null(age)) {
                if (json_integer_value(age) < 0 || json_integer_value(age) > SERVICE_MAX_AGE_MS_MAX) {
                        (void) call_invalid(q->call, "maxAgeMs");
                        return -EINVAL;
                }
                q->want.max_age_usec = (uint64_t) json_integer_value(age) * USEC_PER_MSEC;
        }

        q->not_before = now - MIN(now, q->want.max_age_usec);
        q->want.deadline = now + q->manager->config.scan_wait_usec;
        return 0;
}

/* Which namespace it is, is found out when there is a snapshot. -EINVAL: the caller has got an error. */
static int query_read_netns(struct query *q, json_t *object, const char *parameter) {
        const char *text = json_string_value(json_object_get(object, "netns"));
        uint64_t number;
        bool all;

        if (!text)
                return 0;
        /* By Filter and apart. */
        if (q->netns || netns_resolve(text, &all, &number) == -EINVAL) {
                (void) call_invalid(q->call, parameter);
                return -EINVAL;
        }
        q->netns = strdup(text);
        return q->netns ? 0 : -ENOMEM;
}

static int query_read_filter(struct query *q, json_t *parameters, enum filter_subject subject) {
        json_t *filter = json_object_get(parameters, "filter");
        const char *wrong;
        char field[64];

        if (!filter || json_is_null(filter))
                return 0;
        if (filter_from_json(filter, subject, &q->filter, &wrong) < 0) {
                snprintf(field, sizeof(field), "filter.%s", wrong);
                (void) call_invalid(q->call, field);
                return -EINVAL;
        }

        if (q->filter.peer_name[0] != '\0' && !alias_has(q->manager->config.aliases, q->filter.peer_name)) {
                (void) call_invalid(q->call, "filter.peerName");
                return -EINVAL;
        }

        return query_read_netns(q, filter, "filter.netns");
}

/* *ret stays as it is where it is not given. -EINVAL: the caller has got an error. */
static int query_read_time(struct query *q, json_t *parameters, const char *name, uint64_t *ret) {
        const char *text = json_string_value(json_object_get(parameters, name));

        if (text && text_to_time(text, ret) < 0) {
                (void) call_invalid(q->call, name);
                return -EINVAL;
        }
        return text != NULL;
}

static int query_read_id(struct query *q, json_t *parameters) {
        json_t *id = json_object_get(parameters, "associationId");

        if (!id || json_is_null(id))
                return 0;
        if (json_integer_value(id) < 1 || json_integer_value(id) > UINT32_MAX) {
                (void) call_invalid(q->call, "associationId");
                return -EINVAL;
        }
        q->association_id = (uint32_t) json_integer_value(id);
        return 0;
}

/* -EINVAL: the caller has got an error. */
static int query_new(struct manager *m, struct call *call, json_t *parameters, enum filter_subject subject,
                     struct query **ret) {
        _cleanup_(query_free_p) struct query *q = NULL;
        int r;

        q = calloc(1, sizeof(*q));
        if (!q)
                return -ENOMEM;
        q->manager = m;
        q->call = call;
        q->filter = FILTER_ANY;
        q->updates = json_is_true(json_object_get(parameters, "updates"));
        q->trace = json_is_true(json_object_get(parameters, "trace"));
        q->present = !json_is_false(json_object_get(parameters, "present"));
        q->statistics = json_is_true(json_object_get(parameters, "statistics"));
        q->all = json_is_true(json_object_get(parameters, "all"));
        q->reading = (struct reading) { .filter = &q->filter, .until = UINT64_MAX, .gaps = true };
        r = query_read_age(q, parameters);
        if (r >= 0)
                r = query_read_id(q, parameters);
        if (r >= 0)
                r = query_read_time(q, parameters, "since", &q->reading.since);
        if (r >= 0) {
                q->past = r > 0;
                r = query_read_time(q, parameters, "until", &q->reading.until);
        }
        if (r >= 0)
                r = query_read_netns(q, parameters, "netns");
        if (r >= 0)
                r = query_read_filter(q, parameters, subject);
        if (r >= 0)
                *ret = steal_ptr(q);
        return r;
}

/* A process that is not ours to look at has the files of its namespace below /proc/PID/net all the same, and they
 * have one inode for all processes in it. */
static bool table_of(const char *pid, uint64_t *ret) {
        char path[64];
        struct stat st;

        snprintf(path, sizeof(path), "/proc/%s/net/dev", pid);
        if (stat(path, &st) < 0)
                return false;

        *ret = st.st_ino;
        return true;
}

static bool find_netns_of_pid(const struct snapshot *s, const char *pid, uint64_t *ret) {
        const struct netns *n = snapshot_namespaces(s);
        uint64_t table, other;
        char text[16];

        if (!table_of(pid, &table))
                return false;
        for (uint32_t i = 0; i < snapshot_head(s)->n_namespaces; i++) {
                snprintf(text, sizeof(text), "%u", n[i].pid);
                if (n[i].pid != 0 && table_of(text, &other) && other == table) {
                        *ret = n[i].netns;
                        return true;
                }
        }

        return false;
}

static bool find_netns_named(const struct snapshot *s, const char *text, uint64_t *ret) {
        const struct netns *n = snapshot_namespaces(s);
        char name[sizeof(n->name)];

        text_escape_into(name, sizeof(name), text, strlen(text));
        for (uint32_t i = 0; i < snapshot_head(s)->n_namespaces; i++)
                if (strcmp(n[i].name, name) == 0) {
                        *ret = n[i].netns;
                        return true;
                }

        return false;
}

/* A namespace of the snapshot, by any of its names. */
static bool find_netns(const struct snapshot *s, const char *text, bool *ret_all, uint64_t *ret) {
        int r;

        r = netns_resolve(text, ret_all, ret);
        /* Without SCTP no namespace was looked into: what there is may have it later. */
        if (r >= 0)
                return *ret_all || snapshot_netns(s, *ret) || !snapshot_head(s)->available;

        *ret_all = false;
        return strncmp(text, "pid:", 4) == 0 ? find_netns_of_pid(s, text + 4, ret) : find_netns_named(s, text, ret);
}

/* Whether the snapshot has the namespace that is asked for. */
static bool query_find_netns(struct query *q, const struct snapshot *s) {
        bool all = true;

        if (q->netns && !find_netns(s, q->netns, &all, &q->filter.netns))
                return false;

        q->filter.has_netns = !all;
        return true;
}

/* Whether the snapshot can answer; if not, the caller has got an error. */
static bool can_answer(struct query *q, const struct snapshot *s) {
        if (!s)
                (void) no_snapshot(q->call, q->manager);
        else if (!query_find_netns(q, s))
                (void) call_error(q->call, ERROR("NamespaceNotFound"), json_pack("{ss}", "netns", q->netns));
        else
                return true;

        return false;
}

/* The same where nothing can be said without SCTP. */
static bool can_list(struct query *q, const struct snapshot *s) {
        if (s && !snapshot_head(s)->available) {
                (void) not_available(q->call, s);
                return false;
        }

        return can_answer(q, s);
}

/* What List* goes through, row by row. */
struct listing {
        enum row_kind kind;
        enum source source;
        uint32_t (*count)(const struct snapshot_head *head);
        bool (*wants)(const struct query *q, uint32_t row);
};

static uint32_t count_endpoints(const struct snapshot_head *head) {
        return head->n_endpoints;
}

static bool wants_endpoint(const struct query *q, uint32_t row) {
        const struct endpoint *e = snapshot_endpoints(q->hold.snapshot) + row;

        return (q->all || !e->unlisted) && filter_endpoint(&q->filter, q->hold.snapshot, e);
}

static uint32_t count_associations(const struct snapshot_head *head) {
        return head->n_associations;
}

static const char *query_peer_name(const struct query *q, const struct snapshot *s, const struct association *a) {
        return alias_find(q->manager->config.aliases, s, a);
}

static bool wants_association(const struct query *q, uint32_t row) {
        const struct association *a = snapshot_associations(q->hold.snapshot) + row;

        return filter_association(&q->filter, q->hold.snapshot, a, query_peer_name(q, q->hold.snapshot, a));
}

static uint32_t count_namespaces(const struct snapshot_head *head) {
        return head->n_namespaces;
}

static bool wants_namespace(const struct query *q, uint32_t row) {
        (void) q;
        (void) row;
        return true;
}

static const struct listing endpoints = { ROW_ENDPOINT, SOURCE_EPS, count_endpoints, wants_endpoint };
static const struct listing associations = { ROW_ASSOCIATION, SOURCE_ASSOCS, count_associations, wants_association };
static const struct listing namespaces = { ROW_NAMESPACE, SOURCE_NAMESPACES, count_namespaces, wants_namespace };

/* Of the rows asked for, those not sent yet. */
static uint32_t query_rest(const struct query *q) {
        uint32_t n = q->listing->count(snapshot_head(q->hold.snapshot)), rest = 0;

        for (uint32_t i = q->position; i < n; i++)
                rest += q->listing->wants(q, i);

        return rest;
}

static void query_evict(struct hold *h) {
        struct query *q = (struct query *) ((char *) h - offsetof(struct query, hold));

        call_count_overrun(q->call);
        /* Ends the stream, which releases the query. */
        (void) call_error(q->call, ERROR("Overrun"), json_pack("{sI}", "lost", (json_int_t) query_rest(q)));
}

static int list_next(struct call *call, void *userdata) {
        struct query *q = userdata;
        const struct snapshot *s = q->hold.snapshot;
        uint32_t n = q->listing->count(snapshot_head(s));
        int r;

        while (q->position < n) {
                _cleanup_(message_unref_p) struct message *m = NULL;
                uint32_t row = q->position++;

                if (!q->listing->wants(q, row))
                        continue;
                r = hold_reply(&q->hold, q->listing->kind, row, q->manager->config.aliases, &m);
                if (r >= 0)
                        r = call_notify_message(call, m);
                return r < 0 ? r : 1;
        }

        (void) call_reply(call, json_pack("{so}", "scan", json_scan(s, clock_usec(CLOCK_MONOTONIC), q->stale)));
        return 0;
}

/* Of a table that could not be read the scan hands on what an earlier one knew. */
static bool table_failed(const struct snapshot *s, enum source table) {
        return snapshot_head(s)->sources[table].result == SOURCE_FAILED;
}

static int list_snapshot(struct call *call, struct snapshot *s, bool stale, void *userdata) {
        struct query **holder = userdata, *q = *holder;
        int r;

        if (!can_list(q, s))
                return 0;

        r = hold_add(&q->manager->holds, &q->hold, s, query_evict);
        if (r < 0)
                return r;
        /* The stream owns the query from here on. */
        *holder = NULL;
        q->stale = stale || table_failed(s, q->listing->source);
        return call_stream(call, list_next, query_release, q);
}

/* A query waits for its snapshot in a holder, so that whoever takes it over can say so. */
static void holder_release(void *userdata) {
        struct query **holder = userdata;

        if (*holder)
                query_free(*holder);
        free(holder);
}

/* Takes the query over, also on failure. */
static int query_wait(struct query *q, snapshot_handler handler) {
        struct query **holder = malloc(sizeof(*holder));

        if (!holder) {
                query_free(q);
                return -ENOMEM;
        }
        *holder = q;
        return manager_get_snapshot(q->manager, q->call, &q->want, handler, holder_release, holder);
}

static int query_start(struct manager *m, struct call *call, json_t *parameters, const struct listing *listing,
                       snapshot_handler handler) {
        struct query *q;
        int r;

        r = query_new(m, call, parameters, listing == &endpoints ? FILTER_ENDPOINTS : FILTER_ASSOCIATIONS, &q);
        if (r < 0)
                return r == -EINVAL ? 0 : r;

        q->listing = listing;
        return query_wait(q, handler);
}

static int list_endpoints(struct call *call, json_t *parameters, void *userdata) {
        return query_start(userdata, call, parameters, &endpoints, list_snapshot);
}

static int list_associations(struct call *call, json_t *parameters, void *userdata) {
        return query_start(userdata, call, parameters, &associations, list_snapshot);
}

static int list_namespaces(struct call *call, json_t *parameters, void *userdata) {
        return query_start(userdata, call, parameters, &namespaces, list_snapshot);
}

static int counters_snapshot(struct call *call, struct snapshot *s, bool stale, void *userdata) {
        struct query **holder = userdata, *q = *holder;
        json_t *reply;

        if (!can_list(q, s))
                return 0;

        reply = json_pack("{soso}", "counters", json_counters(s, q->filter.has_netns ? &q->filter.netns : NULL), "scan",
                          json_scan(s, clock_usec(CLOCK_MONOTONIC), stale || table_failed(s, SOURCE_SNMP)));
        if (reply && q->filter.has_netns && q->filter.netns < NETNS_UNNAMED_MIN)
                (void) json_set_u64(reply, "netns", q->filter.netns);
        return call_reply(call, reply);
}

static int get_counters(struct call *call, json_t *parameters, void *userdata) {
        return query_start(userdata, call, parameters, NULL, counters_snapshot);
}

static int monitor_snapshot(struct call *call, struct snapshot *s, bool stale, void *userdata) {
        struct query **holder = userdata, *q = *holder;

        (void) stale;
        if (!can_answer(q, s))
                return 0;

        if (q->trace && manager_untraceable(q->manager, snapshot_head(s)))
                return call_error(call, ERROR("EventsNotAvailable"),
                                  json_pack("{ss}", "reason", manager_untraceable(q->manager, snapshot_head(s))));

        /* Without SCTP it begins with nothing, and goes on when SCTP appears. */
        return monitor_new(q->manager, call, &(struct monitor_options) {
                .filter = q->filter,
                .updates = q->updates,
                .trace = q->trace,
                .present = q->present,
                .past = q->past,
                .since = q->reading.since,
        });
}

static int monitor(struct call *call, json_t *parameters, void *userdata) {
        return query_start(userdata, call, parameters, NULL, monitor_snapshot);
}

/* How many of the snapshot's associations are asked for, and the last of them. */
static uint32_t find_associations(const struct query *q, const struct snapshot *s, const struct association **ret) {
        const struct association *a = snapshot_associations(s);
        uint32_t n = 0;

        for (uint32_t i = 0; i < snapshot_head(s)->n_associations; i++)
                if ((q->association_id == 0 || a[i].id == q->association_id) &&
                    filter_association(&q->filter, s, a + i, query_peer_name(q, s, a + i))) {
                        *ret = a + i;
                        n++;
                }

        return n;
}

/* Why the statistics are not told. */
static const char *statistics_reason(const struct query *q, const struct snapshot *s, const struct association *a) {
        const struct statistics *found = &snapshot_head(s)->statistics;

        if (a->id == 0)
                return "it has no id yet";
        if (config_off_by(&q->manager->config, SOURCE_OPTIONS))
                return "socket options are switched off by the configuration";
        if (found->association_id != a->id || found->netns != a->netns)
                return "the answer did not come in time";

        switch (found->error) {
        case 0:
                return NULL;
        case -ENODATA:
                return "no process is known to have its socket";
        case -EPERM:
                return "other processes' sockets may not be asked (CAP_SYS_PTRACE)";
        default:
                /* It comes from a process that may have been taken over. */
                return found->error < 0 && found->error > -4096 ? strerror(-found->error) : "it cannot be read";
        }
}

static json_t *json_statistics(const struct query *q, const struct snapshot *s, const struct association *a) {
        const struct statistics *found = &snapshot_head(s)->statistics;
        const char *reason = statistics_reason(q, s, a);
        char text[ADDRESS_TEXT_MAX];
        json_t *json;

        if (reason)
                return json_pack("{ss}", "reason", reason);

        json = json_pack("{ss*}", "maxRtoAddress",
                         found->max_rto_path.family != 0 ? address_text(&found->max_rto_path, text) : NULL);
        (void) json_set_u64(json, "maxRtoMs", found->max_rto);
        return json;
}

static int reply_association(const struct query *q, const struct snapshot *s, const struct association *a, bool stale) {
        return call_reply(q->call, json_pack("{sosososo*}",
                          "association", json_association(s, a, query_peer_name(q, s, a)),
                          "scan", json_scan(s, clock_usec(CLOCK_MONOTONIC), stale || table_failed(s, SOURCE_ASSOCS)),
                          "sources", status_sources(q->manager, snapshot_head(s)),
                          "statistics", q->statistics ? json_statistics(q, s, a) : NULL));
}

static int not_one(const struct query *q, uint32_t n) {
        json_t *parameters;

        if (n > 0)
                return call_error(q->call, ERROR("AssociationAmbiguous"), json_pack("{sI}", "count", (json_int_t) n));

        parameters = json_object();
        if (q->association_id != 0)
                (void) json_set_u64(parameters, "associationId", q->association_id);
        return call_error(q->call, ERROR("AssociationNotFound"), parameters);
}

static bool is_wish(const struct scan_wish *wish, const struct association *a) {
        return wish->id == a->id && wish->netns == a->netns;
}

/* Finds out by any snapshot which association is meant, then waits for the scan that was asked for that one; where the
 * snapshot is too old to tell, for a new one first. Its deadline is when all of this must have come to an end. */
static int association_snapshot(struct call *call, struct snapshot *s, bool stale, void *userdata) {
        struct query **holder = userdata, *q = *holder;
        bool last = !s || stale || snapshot_head(s)->started_monotonic >= q->not_before;
        const struct association *a = NULL;
        uint32_t n = 0;

        (void) call;
        if (last && !can_list(q, s))
                return 0;
        if (query_find_netns(q, s))
                n = find_associations(q, s, &a);
        if (last && n != 1)
                return not_one(q, n);
        if (last && (stale || a->id == 0 || is_wish(&q->want.wish, a) || (q->want.max_age_usec > 0 && !q->statistics)))
                return reply_association(q, s, a, stale);

        q->want.wish = n == 1 ? (struct scan_wish) { a->netns, a->id, q->statistics } : (struct scan_wish) {};
        *holder = NULL;
        return query_wait(q, association_snapshot);
}

static int get_association(struct call *call, json_t *parameters, void *userdata) {
        struct manager *m = userdata;
        struct query *q, **holder;
        int r;

        r = query_new(m, call, parameters, FILTER_ASSOCIATIONS, &q);
        if (r < 0)
                return r == -EINVAL ? 0 : r;
        if (!m->current)
                return query_wait(q, association_snapshot);

        holder = &q;
        r = association_snapshot(call, m->current, false, holder);
        if (q)
                query_free(q);
        return r;
}

static int get_samples(struct call *call, json_t *parameters, void *userdata) {
        _cleanup_(query_free_p) struct query *q = NULL;
        const struct association *a = NULL;
        struct manager *m = userdata;
        uint32_t n;
        int r;

        r = query_new(m, call, parameters, FILTER_ASSOCIATIONS, &q);
        if (r < 0)
                return r == -EINVAL ? 0 : r;
        if (!can_list(q, m->current))
                return 0;
        n = find_associations(q, m->current, &a);
        if (n != 1)
                return not_one(q, n);
        return call_reply(call, json_pack("{sIso}",
                          "intervalMs",
                          (json_int_t) (MAX(m->config.sample_interval_usec, m->effective_interval) / USEC_PER_MSEC),
                          "samples", samples_json(m->samples, m->current, a)));
}

static int history_next(struct call *call, void *userdata) {
        struct query *q = userdata;
        const struct event *e;
        char time[TEXT_TIME_MAX];
        int r;

        r = history_read(q->manager->history, &q->reading, &e);
        if (r > 0) {
                r = call_notify_message(call, e->message);
                return r < 0 ? r : 1;
        }

        (void) call_reply(call, json_pack("{ss}", "historySince", text_time(q->reading.complete, time)));
        return 0;
}

/* Where the namespace was, whatever is there now; if its name is not known, the caller has got an error. */
static bool can_recall(struct query *q) {
        bool all = true;

        if (q->netns && netns_resolve(q->netns, &all, &q->filter.netns) < 0)
                return can_answer(q, q->manager->current);
        q->filter.has_netns = !all;
        return true;
}

static int get_history(struct call *call, json_t *parameters, void *userdata) {
        _cleanup_(query_free_p) struct query *q = NULL;
        struct manager *m = userdata;
        int r;

        r = query_new(m, call, parameters, FILTER_ASSOCIATIONS, &q);
        if (r < 0)
                return r == -EINVAL ? 0 : r;
        if (!can_recall(q))
                return 0;

        q->reading.number = history_first(m->history);
        q->reading.end = history_end(m->history);
        q->reading.complete = history_get_counts(m->history).since;
        return call_stream(call, history_next, query_release, steal_ptr(q));
}

/* Answers from what there is: it must work just when scanning does not. */
static int get_status(struct call *call, json_t *parameters, void *userdata) {
        json_t *status = status_json(userdata);

        (void) parameters;
        return status ? call_reply(call, status) : -ENOMEM;
}

int service_register(struct manager *m) {
        static const struct server_method_entry methods[] = {
                { "ListEndpoints", list_endpoints, true },
                { "ListAssociations", list_associations, true },
                { "GetAssociation", get_association, false },
                { "ListNamespaces", list_namespaces, true },
                { "GetCounters", get_counters, false },
                { "GetStatus", get_status, false },
                { "GetHistory", get_history, true },
                { "GetSamples", get_samples, false },
                { "Monitor", monitor, true },
                {},
        };
        int r;

        r = server_set_info(m->server, "sctpmon", "sctpmond", PACKAGE_VERSION, "");
        if (r < 0)
                return r;
        return server_add_interface(m->server, interface_text, methods, m);
}
