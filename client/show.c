/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <string.h>

#include "cells.h"
#include "explain.h"
#include "json.h"
#include "page.h"
#include "pager.h"
#include "show.h"
#include "source.h"
#include "text.h"
#include "writer.h"

/* Candidates that are named one by one. */
#define CANDIDATES_SHOWN_MAX 20u

/* One association and where what is told of it comes from. */
struct one {
        const struct options *options;
        json_t *association, *scan, *sources, *statistics;
};

/* Figures that stand in one line. Of a line that has none of them the source's reason is told. */
struct figure {
        const char *before, *member, *after;
        bool hexadecimal;
};

static const struct figures {
        const char *key;
        const char *source;             /* NULL: the tables, or several */
        struct figure figures[8];
} all_figures[] = {
        { "Streams", NULL, { { "", "inStreams", " inbound" }, { "", "outStreams", " outbound" } } },
        { "Windows", "sock_diag",
          { { "", "receiveWindowBytes", " bytes offered to the peer" },
            { "", "peerReceiveWindowBytes", " bytes left of what the peer offers" } } },
        { "To send", NULL,
          { { "", "transmitQueueBytes", " bytes not acknowledged" }, { "", "outQueueChunks", " chunks waiting" },
            { "", "unacknowledgedChunks", " chunks under way" } } },
        { "To be read", NULL,
          { { "", "receiveQueueBytes", " bytes" }, { "", "inQueueChunks", " chunks waiting" },
            { "", "pendingChunks", " chunks missing before others" } } },
        { "Retransmitted", NULL,
          { { "", "chunksRetransmitted", " DATA chunks" }, { "", "retransmittedChunks", " by the table (too many)" },
            { "INIT or COOKIE ECHO ", "initRetransmissions", " times" },
            { "SHUTDOWN ", "shutdownRetransmissions", " times" } } },
        { "Errors", NULL,
          { { "", "overallErrorCount", " in a row" }, { "given up beyond ", "maxRetransmissions", "" } } },
        { "Sent", "sock_diag",
          { { "", "packetsSent", " packets" }, { "", "orderedChunksSent", " ordered chunks" },
            { "", "unorderedChunksSent", " unordered" }, { "", "controlChunksSent", " control" },
            { "", "sacksSent", " SACKs" } } },
        { "Received", "sock_diag",
          { { "", "packetsReceived", " packets" }, { "", "orderedChunksReceived", " ordered chunks" },
            { "", "unorderedChunksReceived", " unordered" }, { "", "controlChunksReceived", " control" },
            { "", "sacksReceived", " SACKs" } } },
        { "Out of order", "sock_diag",
          { { "", "tsnsOutOfOrder", " received beyond the next TSN" },
            { "", "duplicateChunksReceived", " received twice" },
            { "", "gapAcksReceived", " gaps told by the peer" } } },
        { "Limits", "sock_diag",
          { { "Max.Burst ", "maxBurst", "" },
            { "messages are split beyond ", "fragmentationPointBytes", " bytes" } } },
        { "Socket buffers", NULL,
          { { "", "sendBufferBytes", " bytes to send" }, { "", "writeQueueBytes", " of them queued" },
            { "", "receiveBufferBytes", " to receive" } } },
        { "Socket memory", "sock_diag",
          { { "", "receiveMemoryBytes", " bytes received" }, { "", "sendMemoryBytes", " to send" },
            { "", "forwardMemoryBytes", " in reserve" }, { "", "optionMemoryBytes", " options" },
            { "", "backlogBytes", " backlog" }, { "", "drops", " packets dropped" } } },
        { "Tags", "sock_diag",
          { { "local ", "localTag", "", true }, { "peer's ", "peerTag", "", true } } },
};

static json_t *find_source(const struct one *one, const char *name) {
        json_t *source;
        size_t i;

        json_array_foreach(one->sources, i, source)
                if (strcmp(member_string(source, "name"), name) == 0)
                        return source;
        return NULL;
}

static const char *reason_of(const struct one *one, const char *source) {
        return source ? member_string(find_source(one, source), "reason") : "";
}

static void put_absence(const struct one *one, const char *key, const char *source) {
        const char *reason = reason_of(one, source);

        page_line(one->options, STYLE_DIM, key, reason[0] ? "- (%s: %s)" : "-", source, reason);
}

#define NUMBER_MAX 24

static const char *number_text(json_t *value, bool hexadecimal, char buffer[static NUMBER_MAX]) {
        if (!value)
                return "-";
        snprintf(buffer, NUMBER_MAX, hexadecimal ? "0x%08" PRIx64 : "%" PRIu64, (uint64_t) json_integer_value(value));
        return buffer;
}

static void print_figures(const struct one *one, const struct figures *f) {
        char text[512] = "";
        bool known = false;

        for (size_t i = 0; i < ELEMENTS(f->figures) && f->figures[i].member; i++) {
                const struct figure *figure = f->figures + i;
                json_t *value = json_object_get(one->association, figure->member);
                size_t length = strlen(text);
                char number[NUMBER_MAX];

                snprintf(text + length, sizeof(text) - length, "%s%s%s%s", i > 0 ? ", " : "", figure->before,
                         number_text(value, figure->hexadecimal, number), figure->after);
                known |= value != NULL;
        }
        if (known)
                page_line(one->options, STYLE_PLAIN, f->key, "%s", text);
        else
                put_absence(one, f->key, f->source);
}

static void print_ends(const struct one *one) {
        json_t *a = one->association;
        const char *original = member_string(a, "originalAddress");
        _cleanup_free_ char *local = NULL, *peer = NULL;

        local = ends_text(a, "localAddresses", "localPort", NULL);
        peer = ends_text(a, "peerAddresses", "peerPort", "primaryAddress");
        page_line(one->options, STYLE_PLAIN, "Local", "%s", local ?: "out of memory");
        page_line(one->options, STYLE_PLAIN, "Peer", "%s", peer ?: "out of memory");
        if (original[0])
                page_line(one->options, STYLE_PLAIN, "Via",
                          strchr(original, ':') ? "[%s]:%" JSON_INTEGER_FORMAT "%s" : "%s:%" JSON_INTEGER_FORMAT "%s",
                          original, member_int(a, "originalPort"), ", where the peer connected to (NAT)");
}

static void print_time(const struct one *one, const char *key, const char *member, bool since) {
        const char *at = member_string(one->association, member);
        char span[TEXT_SPAN_MAX];

        if (at[0])
                page_line(one->options, STYLE_PLAIN, key, since ? "since %s, for %s" : "%s, %s ago", at,
                          text_span(scan_age(one->scan, at), span));
        else
                page_line(one->options, STYLE_DIM, key, "-");
}

/* The meaning of a word of the interface. */
static const char *meaning_of(const char *subject, const char *word) {
        const struct explanation *e;
        size_t cursor = 0;

        while ((e = explain_find(word, &cursor)))
                if (strcmp(e->subject, subject) == 0)
                        return e->text;
        return "";
}

static void print_state(const struct one *one) {
        const struct options *o = one->options;
        json_t *a = one->association, *reason;
        bool impaired = json_is_true(json_object_get(a, "impaired"));
        const char *state = member_string(a, "state"), *key = "Impaired";
        size_t i;

        if (json_object_get(a, "associationId"))
                page_line(o, STYLE_HEADER, "Association", "%" JSON_INTEGER_FORMAT, member_int(a, "associationId"));
        else
                page_line(o, STYLE_HEADER, "Association", "- (it has no id until the peer answers INIT)");
        print_ends(one);
        page_line(o, impaired ? STYLE_TROUBLE : strcmp(state, "established") == 0 ? STYLE_PLAIN : STYLE_WARNING,
                  "State", "%s%s", state[0] ? state : "-", impaired ? ", impaired" : "");
        json_array_foreach(json_object_get(a, "impairedReasons"), i, reason) {
                const char *name = json_string_value(reason) ?: "-";

                page_line(o, STYLE_TROUBLE, key, "%s: %s", name, meaning_of("impairment", name));
                key = NULL;
        }
        print_time(one, "Observed", "observedSince", true);
        print_time(one, "Last change", "lastChange", false);
}

static void print_socket(const struct one *one) {
        json_t *a = one->association, *uid = json_object_get(a, "uid");
        const char *style = member_string(a, "style"), *state = member_string(a, "socketState"),
                *attachment = member_string(a, "attachment");
        const char *user = uid && !one->options->root ? user_name(json_integer_value(uid)) : "";
        char numbers[2][NUMBER_MAX];

        page_line(one->options, STYLE_PLAIN, "Socket", "%s, %s, inode %s, uid %s%s%s%s%s", style[0] ? style : "-",
                  state[0] ? state : "-", number_text(json_object_get(a, "inode"), false, numbers[0]),
                  number_text(uid, false, numbers[1]), user[0] ? " (" : "", user, user[0] ? ")" : "",
                  strcmp(attachment, "orphan") == 0 ? " (orphan: no program has it any more)" :
                  strcmp(attachment, "unaccepted") == 0 ? " (not accepted: its listener's)" : "");
}

/* ", unit a.service" where it is known */
static void add_text(char *text, size_t size, const char *before, const char *value) {
        size_t length = strlen(text);

        if (value[0])
                snprintf(text + length, size - length, ", %s%s", before, value);
}

static void print_owners(const struct one *one) {
        json_t *owners = json_object_get(one->association, "owners"), *owner;
        const char *key = "Process";
        size_t i;

        if (!owners)
                put_absence(one, key, "owners");
        json_array_foreach(owners, i, owner) {
                char more[512] = "";

                add_text(more, sizeof(more), "unit ", member_string(owner, "unit"));
                add_text(more, sizeof(more), "container ", member_string(owner, "container"));
                add_text(more, sizeof(more), "id ", member_string(owner, "containerId"));
                add_text(more, sizeof(more), "by ", member_string(owner, "runtime"));
                add_text(more, sizeof(more), "pod ", member_string(owner, "pod"));
                page_line(one->options, STYLE_PLAIN, key, "%s/%" JSON_INTEGER_FORMAT ", uid %" JSON_INTEGER_FORMAT "%s",
                          member_string(owner, "command"), member_int(owner, "pid"), member_int(owner, "uid"), more);
                key = NULL;
        }
}

static void print_place(const struct one *one) {
        const char *name = member_string(one->association, "netnsName"),
                *container = member_string(one->association, "container");
        json_t *netns = json_object_get(one->association, "netns");
        char number[32] = "";

        if (netns)
                snprintf(number, sizeof(number), "inode %" JSON_INTEGER_FORMAT, json_integer_value(netns));
        if (netns || name[0])
                page_line(one->options, STYLE_PLAIN, "Namespace", "%s%s%s", name, name[0] && netns ? ", " : "", number);
        else
                page_line(one->options, STYLE_DIM, "Namespace", "-");
        if (container[0])
                page_line(one->options, STYLE_PLAIN, "Container", "%s", container);
}

static void print_timers(const struct one *one) {
        json_t *a = one->association, *ms = json_object_get(a, "heartbeatIntervalMs"),
               *jiffies = json_object_get(a, "heartbeatIntervalJiffies"),
               *timer = json_object_get(a, "retransmissionTimerMs");
        char heartbeat[64] = "-", t3[64] = "-";

        if (ms)
                snprintf(heartbeat, sizeof(heartbeat), "%" JSON_INTEGER_FORMAT "ms", json_integer_value(ms));
        else if (jiffies)
                snprintf(heartbeat, sizeof(heartbeat), "%" JSON_INTEGER_FORMAT " jiffies", json_integer_value(jiffies));
        if (timer)
                snprintf(t3, sizeof(t3), "expires in %" JSON_INTEGER_FORMAT "ms", json_integer_value(timer));
        else if (json_object_get(a, "sockDiagAt"))
                snprintf(t3, sizeof(t3), "does not run");
        page_line(one->options, STYLE_PLAIN, "Timers", "heartbeat interval %s; T3-rtx %s%s", heartbeat, t3,
                  json_is_true(json_object_get(a, "peerZeroWindow")) ? "; the peer's window is 0" : "");
}

static void print_capabilities(const struct one *one) {
        json_t *names = json_object_get(one->association, "peerCapabilities"), *name;
        char text[256] = "";
        size_t i;

        if (!names) {
                put_absence(one, "Peer can", "sock_diag");
                return;
        }
        json_array_foreach(names, i, name) {
                size_t length = strlen(text);

                snprintf(text + length, sizeof(text) - length, "%s%s", i > 0 ? ", " : "",
                         json_string_value(name) ?: "-");
        }
        page_line(one->options, STYLE_PLAIN, "Peer can", "%s", text[0] ? text : "nothing of note");
        if (json_object_get(one->association, "interfaceIndex"))
                page_line(one->options, STYLE_PLAIN, "Interface", "number %" JSON_INTEGER_FORMAT,
                          member_int(one->association, "interfaceIndex"));
}

static void print_statistics(const struct one *one) {
        json_t *s = one->statistics;
        const char *address = member_string(s, "maxRtoAddress");

        if (!s)
                return;
        if (!json_object_get(s, "maxRtoMs")) {
                page_line(one->options, STYLE_WARNING, "Greatest RTO", "- (%s)", member_string(s, "reason"));
                return;
        }
        page_line(one->options, STYLE_PLAIN, "Greatest RTO", "%" JSON_INTEGER_FORMAT "ms%s%s since anybody asked last",
                  member_int(s, "maxRtoMs"), address[0] ? " of " : "", address);
        page_line(one->options, STYLE_WARNING, NULL, "This reading began it anew for everyone who asks.");
}

static void cell_address(struct grid *g, json_t *path) {
        bool primary = json_is_true(json_object_get(path, "primary"));

        grid_put(g, path_style(member_string(path, "state")), "%s%s", primary ? "*" : " ",
                 member_string(path, "address"));
}

static void cell_state(struct grid *g, json_t *path) {
        const char *state = member_string(path, "state");

        if (state[0])
                grid_put(g, path_style(state), "%s", state);
}

static void cell_pending(struct grid *g, json_t *path) {
        json_t *pending = json_object_get(path, "heartbeatPending");

        if (pending)
                grid_put(g, STYLE_PLAIN, "%s", json_is_true(pending) ? "runs" : "stopped");
}

const struct column show_path_columns[] = {
        { .title = "PATH", .render = cell_address },
        { .title = "STATE", .render = cell_state },
        { .title = "RTO", .render = cell_rto, .right = true, .drop = 1 },
        { .title = "SRTT", .render = cell_srtt, .right = true, .drop = 2 },
        { .title = "CWND", .member = "cwndBytes", .right = true, .drop = 3 },
        { .title = "SSTHRESH", .member = "ssthreshBytes", .right = true, .drop = 9 },
        { .title = "FLIGHT", .member = "flightSizeBytes", .right = true, .drop = 5 },
        { .title = "ACKED", .member = "partialBytesAcked", .right = true, .drop = 10 },
        { .title = "ERR", .member = "errorCount", .right = true, .drop = 4 },
        { .title = "MAXRTX", .member = "maxRetransmissions", .right = true, .drop = 7 },
        { .title = "MTU", .member = "mtuBytes", .right = true, .drop = 6 },
        { .title = "HB", .render = cell_heartbeat, .right = true, .drop = 8 },
        { .title = "TIMER", .render = cell_pending, .drop = 12 },
        { .title = "SACKDELAY", .member = "sackDelayMs", .right = true, .drop = 13 },
        { .title = "SINCE", .member = "stateSince", .drop = 11 },
};
const size_t n_show_path_columns = ELEMENTS(show_path_columns);

static int print_paths(const struct one *one) {
        _cleanup_(writer_free_p) struct writer *w = NULL;
        json_t *path;
        size_t i;
        int r = 0;

        w = writer_new(one->options, WRITER_LIST, show_path_columns, n_show_path_columns);
        if (!w)
                return -ENOMEM;
        json_array_foreach(json_object_get(one->association, "paths"), i, path) {
                r = writer_object(w, path);
                if (r < 0)
                        return r;
        }
        printf("\n");
        return writer_finish(w, NULL);
}

static void print_age(const struct one *one, const char *name, const char *member, char *text, size_t size) {
        const char *at = member_string(one->association, member);
        size_t length = strlen(text);
        char span[TEXT_SPAN_MAX];

        snprintf(text + length, size - length, ", %s %s%s", name,
                 at[0] ? text_span(scan_age(one->scan, at), span) : "never", at[0] ? " ago" : "");
}

/* Where each block comes from and how old it is, and what keeps a source from telling more. */
static void print_sources(const struct one *one) {
        char span[TEXT_SPAN_MAX], text[256];
        json_t *source;
        size_t i;

        printf("\n");
        snprintf(text, sizeof(text), "tables %s ago",
                 text_span((uint64_t) MAX(member_int(one->scan, "ageMs"), 0) * USEC_PER_MSEC, span));
        print_age(one, "sock_diag", "sockDiagAt", text, sizeof(text));
        print_age(one, "socket options", "socketOptionsAt", text, sizeof(text));
        page_line(one->options, STYLE_PLAIN, "Sources", "%s", text);
        json_array_foreach(one->sources, i, source)
                if (member_string(source, "reason")[0])
                        page_line(one->options, STYLE_DIM, NULL, "%s: %s", member_string(source, "name"),
                                  member_string(source, "reason"));
}

static int print_page(const struct one *one) {
        int r;

        pager_open(one->options);
        print_state(one);
        print_owners(one);
        print_place(one);
        print_socket(one);
        for (size_t i = 0; i < ELEMENTS(all_figures); i++)
                print_figures(one, all_figures + i);
        print_timers(one);
        print_capabilities(one);
        print_statistics(one);
        r = print_paths(one);
        if (r >= 0)
                print_sources(one);
        return r;
}

/* The association itself, with what came along. */
static int print_json(const struct one *one) {
        _cleanup_(json_decref_p) json_t *object = NULL;

        object = json_copy(one->association);
        if (!object || json_object_set(object, "scan", one->scan) < 0 ||
            json_object_set(object, "sources", one->sources) < 0 ||
            (one->statistics && json_object_set(object, "statistics", one->statistics) < 0))
                return -ENOMEM;
        return writer_document(one->options, object);
}

struct candidates {
        uint32_t id;                    /* 0: any */
        unsigned n;
};

static int say_candidate(json_t *association, void *userdata) {
        struct candidates *c = userdata;
        _cleanup_free_ char *local = NULL, *peer = NULL;

        if ((c->id > 0 && member_int(association, "associationId") != c->id) || c->n++ >= CANDIDATES_SHOWN_MAX)
                return 0;
        local = ends_text(association, "localAddresses", "localPort", NULL);
        peer = ends_text(association, "peerAddresses", "peerPort", "primaryAddress");
        if (!local || !peer)
                return -ENOMEM;
        if (c->n == 1)
                say("Several associations match; name one of them:");
        if (json_object_get(association, "associationId"))
                say("  %" JSON_INTEGER_FORMAT "  %s <-> %s  %s", member_int(association, "associationId"), local, peer,
                    member_string(association, "state"));
        else
                say("  -  %s <-> %s  %s", local, peer, member_string(association, "state"));
        return 0;
}

enum code verb_show(const struct options *o) {
        _cleanup_(json_decref_p) json_t *reply = NULL;
        struct candidates candidates = {};
        struct one one = { .options = o };
        enum code code;
        uint64_t id = 0;
        int r;

        if (o->argument && (text_to_u64(o->argument, strlen(o->argument), 10, UINT32_MAX, &id) < 0 || id == 0)) {
                say("show %s: expected the id of an association, a number.", o->argument);
                return CODE_USAGE;
        }
        if (!o->argument && !options_filtered(o)) {
                say("show needs the id of an association, or a filter: sctpctl show 4, sctpctl show --peer=ADDR");
                return CODE_USAGE;
        }
        candidates.id = (uint32_t) id;
        code = source_association(o, (uint32_t) id, say_candidate, &candidates, &reply);
        if (code == CODE_USAGE && candidates.n > CANDIDATES_SHOWN_MAX)
                say("  and %u more", candidates.n - CANDIDATES_SHOWN_MAX);
        if (code != CODE_DONE)
                return code;

        one.association = json_object_get(reply, "association");
        one.scan = json_object_get(reply, "scan");
        one.sources = json_object_get(reply, "sources");
        one.statistics = json_object_get(reply, "statistics");
        r = o->output == OUTPUT_TABLE ? print_page(&one) : print_json(&one);
        return r == -ENOMEM ? say_out_of_memory() : CODE_DONE;
}
