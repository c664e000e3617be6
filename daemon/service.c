/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "clock.h"
#include "filter.h"
#include "interface.h"
#include "json.h"
#include "netns.h"
#include "service.h"
#include "text.h"

#define ERROR(name) "io.sctpmon.Monitor." name

/* A question about endpoints, associations or counters, from call to last reply. */
struct query {
        struct manager *manager;
        struct call *call;
        enum filter_subject subject;
        struct filter filter;
        bool updates;                   /* Monitor */
        bool stale;
        struct hold hold;               /* of the snapshot that is listed */
        uint32_t position;
};

static void query_free(struct query *q) {
        if (q->hold.snapshot)
                hold_remove(&q->manager->holds, &q->hold);
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

/* Reads `maxAgeMs` and the filter but for its namespace. 0; 1: the caller has got an error. */
static int query_read(struct query *q, json_t *parameters, uint64_t *ret_max_age) {
        json_t *age = json_object_get(parameters, "maxAgeMs"), *filter = json_object_get(parameters, "filter");
        const char *wrong, *netns;
        char field[64];
        bool all;
        int r;

        *ret_max_age = 0;
        if (age && !json_is_null(age)) {
                if (json_integer_value(age) < 0 || json_integer_value(age) > SERVICE_MAX_AGE_MS_MAX) {
                        (void) call_invalid(q->call, "maxAgeMs");
                        return 1;
                }
                *ret_max_age = (uint64_t) json_integer_value(age) * USEC_PER_MSEC;
        }

        q->filter = FILTER_ANY;
        if (!filter || json_is_null(filter))
                return 0;
        if (filter_from_json(filter, q->subject, &q->filter, &wrong) < 0) {
                snprintf(field, sizeof(field), "filter.%s", wrong);
                (void) call_invalid(q->call, field);
                return 1;
        }

        netns = json_string_value(json_object_get(filter, "netns"));
        if (!netns)
                return 0;
        r = netns_resolve(netns, &all, &q->filter.netns);
        if (r == -EINVAL)
                (void) call_invalid(q->call, "filter.netns");
        else if (r < 0)
                (void) call_error(q->call, ERROR("NamespaceNotFound"), json_pack("{ss}", "netns", netns));
        q->filter.has_netns = r >= 0 && !all;
        return r < 0;
}

static int query_new(struct manager *m, struct call *call, json_t *parameters, enum filter_subject subject,
                     struct query **ret, uint64_t *ret_max_age) {
        _cleanup_(query_free_p) struct query *q = NULL;
        int r;

        q = calloc(1, sizeof(*q));
        if (!q)
                return -ENOMEM;
        q->manager = m;
        q->call = call;
        q->subject = subject;
        r = query_read(q, parameters, ret_max_age);
        if (r == 0)
                *ret = steal_ptr(q);
        return r;
}

/* Whether the snapshot can answer; if not, the caller has got an error. */
static bool can_answer(const struct query *q, const struct snapshot *s) {
        if (!s) {
                (void) no_snapshot(q->call, q->manager);
                return false;
        }
        if (q->filter.has_netns && q->filter.netns != snapshot_head(s)->netns) {
                char name[32];

                snprintf(name, sizeof(name), "inode:%llu", (unsigned long long) q->filter.netns);
                (void) call_error(q->call, ERROR("NamespaceNotFound"), json_pack("{ss}", "netns", name));
                return false;
        }
        return true;
}

/* Of the rows asked for, those not sent yet. */
static uint32_t query_rest(const struct query *q) {
        const struct snapshot *s = q->hold.snapshot;
        const struct snapshot_head *head = snapshot_head(s);
        uint32_t rest = 0;

        if (q->subject == FILTER_ENDPOINTS)
                for (uint32_t i = q->position; i < head->n_endpoints; i++)
                        rest += filter_endpoint(&q->filter, s, snapshot_endpoints(s) + i);
        else
                for (uint32_t i = q->position; i < head->n_associations; i++)
                        rest += filter_association(&q->filter, s, snapshot_associations(s) + i);

        return rest;
}

static void query_evict(struct hold *h) {
        struct query *q = (struct query *) ((char *) h - offsetof(struct query, hold));

        call_count_overrun(q->call);
        /* Ends the stream, which releases the query. */
        (void) call_error(q->call, ERROR("Overrun"), json_pack("{sI}", "lost", (json_int_t) query_rest(q)));
}

static json_t *next_endpoint(struct query *q) {
        const struct snapshot *s = q->hold.snapshot;

        while (q->position < snapshot_head(s)->n_endpoints) {
                const struct endpoint *e = snapshot_endpoints(s) + q->position++;

                if (filter_endpoint(&q->filter, s, e))
                        return json_pack("{so}", "endpoint", json_endpoint(s, e));
        }

        return NULL;
}

static json_t *next_association(struct query *q) {
        const struct snapshot *s = q->hold.snapshot;

        while (q->position < snapshot_head(s)->n_associations) {
                const struct association *a = snapshot_associations(s) + q->position++;

                if (filter_association(&q->filter, s, a))
                        return json_pack("{so}", "association", json_association(s, a));
        }

        return NULL;
}

static int list_next(struct call *call, void *userdata) {
        struct query *q = userdata;
        uint32_t n = q->subject == FILTER_ENDPOINTS ? snapshot_head(q->hold.snapshot)->n_endpoints :
                snapshot_head(q->hold.snapshot)->n_associations;
        json_t *reply = q->subject == FILTER_ENDPOINTS ? next_endpoint(q) : next_association(q);
        int r;

        if (reply) {
                r = call_notify(call, reply);
                return r < 0 ? r : 1;
        }
        /* No more, or no memory for it. */
        if (q->position < n)
                return -ENOMEM;

        (void) call_reply(call, json_pack("{so}", "scan",
                                          json_scan(q->hold.snapshot, clock_usec(CLOCK_MONOTONIC), q->stale)));
        return 0;
}

/* Of a table that could not be read the scan hands on what an earlier one knew. */
static bool table_failed(const struct snapshot *s, enum source table) {
        return snapshot_head(s)->sources[table].result == SOURCE_FAILED;
}

static int list_snapshot(struct call *call, struct snapshot *s, bool stale, void *userdata) {
        struct query **holder = userdata, *q = *holder;

        if (!can_answer(q, s))
                return 0;
        if (!snapshot_head(s)->available)
                return not_available(call, s);

        /* The stream owns the query from here on. */
        *holder = NULL;
        q->stale = stale || table_failed(s, q->subject == FILTER_ENDPOINTS ? SOURCE_EPS : SOURCE_ASSOCS);
        hold_add(&q->manager->holds, &q->hold, s, query_evict);
        return call_stream(call, list_next, query_release, q);
}

/* A query waits for its snapshot in a holder, so that whoever takes it over can say so. */
static void holder_release(void *userdata) {
        struct query **holder = userdata;

        if (*holder)
                query_free(*holder);
        free(holder);
}

static int query_start(struct manager *m, struct call *call, json_t *parameters, enum filter_subject subject,
                       snapshot_handler handler) {
        struct query *q, **holder;
        uint64_t max_age;
        int r;

        r = query_new(m, call, parameters, subject, &q, &max_age);
        if (r != 0)
                return r < 0 ? r : 0;

        holder = malloc(sizeof(*holder));
        if (!holder) {
                query_free(q);
                return -ENOMEM;
        }
        *holder = q;
        q->updates = json_is_true(json_object_get(parameters, "updates"));
        return manager_get_snapshot(m, call, max_age, handler, holder_release, holder);
}

static int list_endpoints(struct call *call, json_t *parameters, void *userdata) {
        return query_start(userdata, call, parameters, FILTER_ENDPOINTS, list_snapshot);
}

static int list_associations(struct call *call, json_t *parameters, void *userdata) {
        return query_start(userdata, call, parameters, FILTER_ASSOCIATIONS, list_snapshot);
}

static int counters_snapshot(struct call *call, struct snapshot *s, bool stale, void *userdata) {
        struct query **holder = userdata;
        json_t *reply;

        if (!can_answer(*holder, s))
                return 0;
        if (!snapshot_head(s)->available)
                return not_available(call, s);

        reply = json_pack("{soso}", "counters", json_counters(s, NULL), "scan",
                          json_scan(s, clock_usec(CLOCK_MONOTONIC), stale || table_failed(s, SOURCE_SNMP)));
        if (reply && snapshot_head(s)->netns != 0)
                (void) json_set_u64(reply, "netns", snapshot_head(s)->netns);
        return call_reply(call, reply);
}

static int get_counters(struct call *call, json_t *parameters, void *userdata) {
        return query_start(userdata, call, parameters, FILTER_ASSOCIATIONS, counters_snapshot);
}

static int monitor_snapshot(struct call *call, struct snapshot *s, bool stale, void *userdata) {
        struct query **holder = userdata, *q = *holder;

        (void) stale;
        if (!can_answer(q, s))
                return 0;

        /* Without SCTP it begins with nothing, and goes on when SCTP appears. */
        return monitor_new(&q->manager->monitors, &q->manager->holds, call, &q->filter, q->updates, s);
}

static int monitor(struct call *call, json_t *parameters, void *userdata) {
        return query_start(userdata, call, parameters, FILTER_ASSOCIATIONS, monitor_snapshot);
}

static json_t *json_sources(const struct snapshot_head *head) {
        json_t *sources = json_array();

        for (size_t i = 0; i < _SOURCE_MAX; i++) {
                const struct source_report *report = head->sources + i;
                json_t *source = json_pack("{sssssIsIsI}",
                                           "name", source_name((enum source) i),
                                           "result", source_result_name(report->result),
                                           "rows", (json_int_t) report->rows,
                                           "malformed", (json_int_t) report->malformed,
                                           "durationUs", (json_int_t) report->duration_usec);

                if (source && report->text[0] != '\0')
                        (void) json_object_set_new(source, "reason", json_string(report->text));
                (void) json_array_append_new(sources, source);
        }

        return sources;
}

static json_t *json_complaints(const struct snapshot *s) {
        const struct complaint *c = snapshot_complaints(s);
        json_t *complaints = json_array();

        for (uint32_t i = 0; i < snapshot_head(s)->n_complaints; i++)
                (void) json_array_append_new(complaints, json_pack("{sssIss}", "source", c[i].file,
                                                                   "line", (json_int_t) c[i].line, "text", c[i].text));
        return complaints;
}

static json_t *json_status(const struct manager *m) {
        struct server_counts clients = server_get_counts(m->server);
        struct journal_counts journal = journal_get_counts(m->journal);
        char started[TEXT_TIME_MAX];

        return json_pack("{sssIsIsssIsIs{sIsIsIsIsI}s{sIsIsIss*}}",
                         "version", PACKAGE_VERSION,
                         "pid", (json_int_t) getpid(),
                         "scannerPid", (json_int_t) m->scanner_pid,
                         "startedAt", text_time(m->started, started),
                         "intervalMs", (json_int_t) (m->config.interval_usec / USEC_PER_MSEC),
                         "effectiveIntervalMs", (json_int_t) (m->effective_interval / USEC_PER_MSEC),
                         "clients",
                         "connected", (json_int_t) clients.connected,
                         "monitors", (json_int_t) monitor_count(&m->monitors),
                         "refusedConnections", (json_int_t) clients.refused_connections,
                         "refusedMessages", (json_int_t) clients.refused_messages,
                         "overruns", (json_int_t) clients.overruns,
                         "journal",
                         "queued", (json_int_t) journal.queued,
                         "sent", (json_int_t) journal.sent,
                         "lost", (json_int_t) journal.lost,
                         "saveError", journal.save_error < 0 ? strerror(-journal.save_error) : NULL);
}

/* What the last look adds; before the first there is nothing to say of SCTP. */
static int set_look(json_t *status, const struct manager *m) {
        static const struct snapshot_head none = { .reason = "The first look at the kernel is not finished yet." };
        const struct snapshot_head *head = m->current ? snapshot_head(m->current) : &none;
        bool stale = m->asked != 0 && clock_usec(CLOCK_MONOTONIC) - m->asked > m->config.scan_timeout_usec;
        int r;

        r = json_object_update_new(status, json_pack("{sbsIsIsoso}",
                "sctpAvailable", head->available,
                "endpoints", (json_int_t) head->n_endpoints,
                "associations", (json_int_t) head->n_associations,
                "sources", m->current ? json_sources(head) : json_array(),
                "complaints", m->current ? json_complaints(m->current) : json_array()));
        if (r >= 0 && !head->available)
                r = json_object_set_new(status, "reason", json_string(head->reason));
        if (r >= 0 && !head->available && head->advice[0] != '\0')
                r = json_object_set_new(status, "advice", json_string(head->advice));
        if (r >= 0 && head->netns != 0)
                r = json_set_u64(status, "netns", head->netns);
        if (r >= 0 && m->notice[0] != '\0')
                r = json_object_set_new(status, "notice", json_string(m->notice));
        if (r >= 0 && m->current)
                r = json_object_set_new(status, "scan", json_scan(m->current, clock_usec(CLOCK_MONOTONIC), stale));
        return r;
}

/* Answers from what there is: it must work just when scanning does not. */
static int get_status(struct call *call, json_t *parameters, void *userdata) {
        struct manager *m = userdata;
        json_t *status = json_status(m);

        (void) parameters;
        if (set_look(status, m) < 0) {
                json_decref(status);
                return -ENOMEM;
        }
        return call_reply(call, status);
}

int service_register(struct manager *m) {
        static const struct server_method_entry methods[] = {
                { "ListEndpoints", list_endpoints, true },
                { "ListAssociations", list_associations, true },
                { "GetCounters", get_counters, false },
                { "GetStatus", get_status, false },
                { "Monitor", monitor, true },
                {},
        };
        int r;

        r = server_set_info(m->server, "sctpmon", "sctpmond", PACKAGE_VERSION, "");
        if (r < 0)
                return r;
        return server_add_interface(m->server, interface_text, methods, m);
}
