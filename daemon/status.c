/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "clock.h"
#include "json.h"
#include "manager.h"
#include "status.h"
#include "text.h"

static json_t *json_source(const struct source_report *report, enum source source, const struct config *config) {
        static const struct source_report none = { .result = SOURCE_SKIPPED };
        char time[TEXT_TIME_MAX], reason[sizeof(report->text)];
        const char *off = config_off_by(config, source);
        json_t *json;

        snprintf(reason, sizeof(reason), "%s", report->text);
        if (off)
                snprintf(reason, sizeof(reason), "switched off by %s", off);
        /* Of one that was in use until the last reload nothing is true any more. Our own namespace is always read. */
        if (off && source != SOURCE_NAMESPACES)
                report = &none;
        json = json_pack("{sssssIsIsIsIss*ss*}",
                         "name", source_name(source),
                         "result", source_result_name(report->result),
                         "rows", (json_int_t) report->rows,
                         "malformed", (json_int_t) report->malformed,
                         "waiting", (json_int_t) report->waiting,
                         "durationUs", (json_int_t) report->duration_usec,
                         "lastRun", report->last_run > 0 ? text_time(report->last_run, time) : NULL,
                         "reason", reason[0] != '\0' ? reason : NULL);
        if (json && source == SOURCE_OPTIONS)
                (void) json_set_u64(json, "holdMaxUs", report->hold_max_usec);
        return json;
}

json_t *status_sources(const struct manager *m, const struct snapshot_head *head) {
        json_t *sources = json_array();

        for (size_t i = 0; i < _SOURCE_MAX; i++)
                (void) json_array_append_new(sources, json_source(head->sources + i, (enum source) i, &m->config));

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

/* What is not as it should be. */
static int set_notice(json_t *status, const struct manager *m) {
        struct samples_counts samples = samples_get_counts(m->samples);
        char text[sizeof(m->notice) + 128];

        snprintf(text, sizeof(text), "%s", m->notice);
        /* With 0 it is as somebody wants it. */
        if (m->config.sample_bytes == 0)
                samples = (struct samples_counts) {};
        if (samples.without > 0)
                snprintf(text + strlen(text), sizeof(text) - strlen(text),
                         "%sSampleBytes= leaves no room for samples of %u associations", *text ? "; " : "",
                         samples.without);
        else if (samples.depth > 0 && samples.depth < SAMPLES_MAX)
                snprintf(text + strlen(text), sizeof(text) - strlen(text),
                         "%sSampleBytes= leaves room for %u samples of an association instead of %u",
                         *text ? "; " : "", samples.depth, SAMPLES_MAX);

        return *text ? json_object_set_new(status, "notice", json_string(text)) : 0;
}

/* What the last look adds; before the first there is nothing to say of SCTP. */
static int set_look(json_t *status, const struct manager *m) {
        static const struct snapshot_head none = { .reason = "The first look at the kernel is not finished yet." };
        const struct snapshot_head *head = m->current ? snapshot_head(m->current) : &none;
        bool stale = m->asked != 0 && clock_usec(CLOCK_MONOTONIC) - m->asked > m->config.scan_timeout_usec;
        int r;

        r = json_object_update_new(status, json_pack("{sbsIsIsIsoso}",
                "sctpAvailable", head->available,
                "endpoints", (json_int_t) (m->current ? manager_count_listeners(m->current) : 0),
                "namespaces", (json_int_t) head->n_namespaces,
                "associations", (json_int_t) head->n_associations,
                "sources", m->current ? status_sources(m, head) : json_array(),
                "complaints", m->current ? json_complaints(m->current) : json_array()));
        if (r >= 0 && !head->available)
                r = json_object_set_new(status, "reason", json_string(head->reason));
        if (r >= 0 && !head->available && head->advice[0] != '\0')
                r = json_object_set_new(status, "advice", json_string(head->advice));
        if (r >= 0 && head->netns != 0)
                r = json_set_u64(status, "netns", head->netns);
        if (r >= 0)
                r = set_notice(status, m);
        if (r >= 0 && m->current)
                r = json_set_u64(status, "cpuUs", head->cpu_usec);
        if (r >= 0 && m->current)
                r = json_set_u64(status, "dearCpuUs", head->dear_cpu_usec);
        if (r >= 0 && m->current)
                r = json_object_set_new(status, "scan", json_scan(m->current, clock_usec(CLOCK_MONOTONIC), stale));
        return r;
}

/* What is kept of the past. */
static json_t *json_history(const struct manager *m) {
        struct history_counts history = history_get_counts(m->history);
        char since[TEXT_TIME_MAX];

        return json_pack("{sIsIsssIsI}",
                         "changes", (json_int_t) history.changes,
                         "bytes", (json_int_t) history.bytes,
                         "since", text_time(history.since, since),
                         "dropped", (json_int_t) history.dropped,
                         "samples", (json_int_t) samples_get_counts(m->samples).samples);
}

json_t *status_json(const struct manager *m) {
        json_t *status = json_status(m);

        if (set_look(status, m) < 0 || json_object_set_new(status, "history", json_history(m)) < 0) {
                json_decref(status);
                return NULL;
        }
        return status;
}
