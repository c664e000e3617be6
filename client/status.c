/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "cells.h"
#include "json.h"
#include "page.h"
#include "pager.h"
#include "source.h"
#include "text.h"
#include "writer.h"

#define PLURAL(n) ((n) == 1 ? "" : "s")

static const char *span(json_t *object, const char *name, uint64_t unit, char buffer[static TEXT_SPAN_MAX]) {
        json_int_t value = member_int(object, name);

        return text_span(value > 0 ? (uint64_t) value * unit : 0, buffer);
}

/* Most looks take less than text_span() has a word for. */
static const char *duration_text(json_t *object, char buffer[static TEXT_SPAN_MAX]) {
        json_int_t us = member_int(object, "durationUs");

        if (us < 0 || us >= 10000)
                return span(object, "durationUs", 1, buffer);
        snprintf(buffer, TEXT_SPAN_MAX, "%.2fms", (double) us / 1000);
        return buffer;
}

static void print_scan(const struct options *o, json_t *status) {
        char interval[TEXT_SPAN_MAX], effective[TEXT_SPAN_MAX], age[TEXT_SPAN_MAX], duration[TEXT_SPAN_MAX];
        bool stretched = member_int(status, "effectiveIntervalMs") > member_int(status, "intervalMs");
        bool noticed = member_string(status, "notice")[0];
        json_t *scan = json_object_get(status, "scan");

        span(status, "intervalMs", USEC_PER_MSEC, interval);
        span(status, "effectiveIntervalMs", USEC_PER_MSEC, effective);
        page_line(o, stretched && noticed ? STYLE_WARNING : STYLE_PLAIN, "Interval",
                  !stretched ? "%s" : noticed ? "%s, stretched to %s" : "%s, %s while nothing happens",
                  interval, effective);
        if (noticed)
                page_line(o, STYLE_WARNING, NULL, "%s", member_string(status, "notice"));
        if (!scan)
                page_line(o, STYLE_WARNING, "Last scan", "none yet");
        else
                page_line(o, json_is_true(json_object_get(scan, "stale")) ? STYLE_WARNING : STYLE_PLAIN, "Last scan",
                          "number %" JSON_INTEGER_FORMAT ", %s ago, took %s%s", member_int(scan, "serial"),
                          span(scan, "ageMs", USEC_PER_MSEC, age), duration_text(scan, duration),
                          json_is_true(json_object_get(scan, "stale")) ? ", stale" : "");
        if (json_object_get(status, "cpuUs"))
                page_line(o, STYLE_PLAIN, "CPU time", "%" JSON_INTEGER_FORMAT "us of the last scan, %"
                          JSON_INTEGER_FORMAT "us of it for details and owners", member_int(status, "cpuUs"),
                          member_int(status, "dearCpuUs"));
}

/* What a source did at its last run, and what it cost. */
static void print_source(const struct options *o, const char *key, json_t *source, json_t *scan) {
        const char *reason = member_string(source, "reason"), *result = member_string(source, "result"),
                *last_run = member_string(source, "lastRun");
        json_int_t rows = member_int(source, "rows"), malformed = member_int(source, "malformed"),
                waiting = member_int(source, "waiting"), hold = member_int(source, "holdMaxUs");
        char text[512] = "", duration[TEXT_SPAN_MAX], age[TEXT_SPAN_MAX];
        size_t length;

        if (strcmp(result, "read") != 0) {
                page_line(o, strcmp(result, "failed") == 0 ? STYLE_TROUBLE : STYLE_PLAIN, key, "%-14s %s%s%s",
                          member_string(source, "name"), result, reason[0] ? ": " : "", reason);
                return;
        }
        snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT " row%s in %s", rows, PLURAL(rows),
                 duration_text(source, duration));
        length = strlen(text);
        if (malformed > 0)
                length += (size_t) snprintf(text + length, sizeof(text) - length,
                                            ", %" JSON_INTEGER_FORMAT " malformed", malformed);
        if (waiting > 0)
                length += (size_t) snprintf(text + length, sizeof(text) - length,
                                            ", %" JSON_INTEGER_FORMAT " waiting for their turn", waiting);
        if (last_run[0])
                length += (size_t) snprintf(text + length, sizeof(text) - length, ", %s ago",
                                            text_span(scan_age(scan, last_run), age));
        if (hold > 0)
                snprintf(text + length, sizeof(text) - length,
                         ", held a socket for %" JSON_INTEGER_FORMAT "us at most", hold);
        page_line(o, malformed > 0 ? STYLE_WARNING : STYLE_PLAIN, key, "%-14s %s", member_string(source, "name"), text);
        if (reason[0])
                page_line(o, STYLE_WARNING, NULL, "%-14s %s", "", reason);
}

static void print_sources(const struct options *o, json_t *sources, json_t *scan) {
        json_t *source;
        size_t i;

        json_array_foreach(sources, i, source)
                print_source(o, i == 0 ? "Sources" : NULL, source, scan);
}

static void print_complaints(const struct options *o, json_t *complaints) {
        const char *key = "Complaints";
        json_t *complaint;
        size_t i;

        json_array_foreach(complaints, i, complaint) {
                page_line(o, STYLE_WARNING, key, "%s, line %" JSON_INTEGER_FORMAT ": %s",
                          member_string(complaint, "source"), member_int(complaint, "line"),
                          member_string(complaint, "text"));
                key = NULL;
        }
}

static void print_clients(const struct options *o, json_t *clients) {
        json_int_t connections = member_int(clients, "refusedConnections"),
                messages = member_int(clients, "refusedMessages"), overruns = member_int(clients, "overruns");

        page_line(o, STYLE_PLAIN, "Clients", "%" JSON_INTEGER_FORMAT " connected, %" JSON_INTEGER_FORMAT " monitoring",
                  member_int(clients, "connected"), member_int(clients, "monitors"));
        if (connections > 0 || messages > 0 || overruns > 0)
                page_line(o, STYLE_PLAIN, NULL, "refused: %" JSON_INTEGER_FORMAT " connections, %" JSON_INTEGER_FORMAT
                     " messages; read too slowly: %" JSON_INTEGER_FORMAT, connections, messages, overruns);
}

static void print_journal(const struct options *o, json_t *journal) {
        json_int_t lost = member_int(journal, "lost");

        page_line(o, lost > 0 ? STYLE_TROUBLE : STYLE_PLAIN, "Journal",
                  "%" JSON_INTEGER_FORMAT " sent, %" JSON_INTEGER_FORMAT " queued, %" JSON_INTEGER_FORMAT " lost",
                  member_int(journal, "sent"), member_int(journal, "queued"), lost);
        if (member_string(journal, "saveError")[0])
                page_line(o, STYLE_TROUBLE, NULL, "what the next start needs could not be saved: %s",
                          member_string(journal, "saveError"));
}

static void print_status(const struct options *o, json_t *status) {
        json_int_t endpoints = member_int(status, "endpoints"), associations = member_int(status, "associations"),
                namespaces = member_int(status, "namespaces");

        page_line(o, STYLE_PLAIN, "sctpmond", "%s, running since %s",
                  member_string(status, "version"), member_string(status, "startedAt"));
        page_line(o, STYLE_PLAIN, "Processes", "server %" JSON_INTEGER_FORMAT ", scanner %" JSON_INTEGER_FORMAT,
                  member_int(status, "pid"), member_int(status, "scannerPid"));
        if (json_is_true(json_object_get(status, "sctpAvailable")))
                page_line(o, STYLE_PLAIN, "SCTP", "available");
        else {
                page_line(o, STYLE_TROUBLE, "SCTP", "not available: %s", member_string(status, "reason"));
                if (member_string(status, "advice")[0])
                        page_line(o, STYLE_PLAIN, NULL, "%s", member_string(status, "advice"));
        }
        if (json_object_get(status, "netns"))
                page_line(o, STYLE_PLAIN, "Namespace", "inode:%" JSON_INTEGER_FORMAT, member_int(status, "netns"));
        page_line(o, STYLE_PLAIN, "Watched",
                  "%" JSON_INTEGER_FORMAT " endpoint%s, %" JSON_INTEGER_FORMAT " association%s in %"
                  JSON_INTEGER_FORMAT " network namespace%s",
                  endpoints, PLURAL(endpoints), associations, PLURAL(associations), namespaces, PLURAL(namespaces));
        print_scan(o, status);
        print_sources(o, json_object_get(status, "sources"), json_object_get(status, "scan"));
        print_complaints(o, json_object_get(status, "complaints"));
        print_clients(o, json_object_get(status, "clients"));
        print_journal(o, json_object_get(status, "journal"));
}

enum code verb_status(const struct options *o) {
        _cleanup_(json_decref_p) json_t *status = NULL;
        enum code code;

        code = source_status(o, &status);
        if (code != CODE_DONE)
                return code;
        if (o->output != OUTPUT_TABLE)
                return writer_document(o, status) == -ENOMEM ? say_out_of_memory() : CODE_DONE;
        pager_open(o);
        print_status(o, status);
        return CODE_DONE;
}
