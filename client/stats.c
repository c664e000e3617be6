/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "cells.h"
#include "json.h"
#include "source.h"
#include "writer.h"

/* What Linux counts under these names (net/sctp); the first 17 are of RFC 3873. Short, so that a line
 * fits a terminal: sctpctl(1) says more. */
static const struct meaning {
        const char *name, *text;
} meanings[] = {
        { "SctpCurrEstab", "associations established now" },
        { "SctpActiveEstabs", "established, begun by this host" },
        { "SctpPassiveEstabs", "established, begun by the peer" },
        { "SctpAborteds", "ended by an ABORT of either side" },
        { "SctpShutdowns", "ended gracefully, by SHUTDOWN" },
        { "SctpOutOfBlues", "packets of no known association" },
        { "SctpChecksumErrors", "packets with a wrong checksum" },
        { "SctpOutCtrlChunks", "control chunks sent" },
        { "SctpOutOrderChunks", "ordered DATA chunks sent" },
        { "SctpOutUnorderChunks", "unordered DATA chunks sent" },
        { "SctpInCtrlChunks", "control chunks received" },
        { "SctpInOrderChunks", "ordered DATA chunks received" },
        { "SctpInUnorderChunks", "unordered DATA chunks received" },
        { "SctpFragUsrMsgs", "messages cut into several chunks" },
        { "SctpReasmUsrMsgs", "messages put together from chunks" },
        { "SctpOutSCTPPacks", "packets sent" },
        { "SctpInSCTPPacks", "packets received" },
        { "SctpT1InitExpireds", "times INIT got no answer in time" },
        { "SctpT1CookieExpireds", "times COOKIE ECHO got no answer in time" },
        { "SctpT2ShutdownExpireds", "times SHUTDOWN got no answer in time" },
        { "SctpT3RtxExpireds", "times DATA got no SACK in time" },
        { "SctpT4RtoExpireds", "times ASCONF got no answer in time" },
        { "SctpT5ShutdownGuardExpireds", "shutdowns that took too long: aborted" },
        { "SctpDelaySackExpireds", "SACKs sent when their delay was over" },
        { "SctpAutocloseExpireds", "associations closed for being idle" },
        { "SctpT3Retransmits", "retransmissions begun by T3-rtx" },
        { "SctpPmtudRetransmits", "retransmissions begun as the MTU shrank" },
        { "SctpFastRetransmits", "retransmissions begun for reported gaps" },
        { "SctpInPktSoftirq", "packets handled at once" },
        { "SctpInPktBacklog", "packets that waited for a busy socket" },
        { "SctpInPktDiscards", "packets discarded on receipt" },
        { "SctpInDataChunkDiscards", "DATA chunks discarded on receipt" },
};

static const char *meaning_of(const char *name) {
        for (size_t i = 0; i < ELEMENTS(meanings); i++)
                if (strcmp(meanings[i].name, name) == 0)
                        return meanings[i].text;
        return "";
}

/* A counter that never moved is in the background. */
static enum style style_of(json_t *row) {
        return member_int(row, "value") == 0 ? STYLE_DIM : STYLE_PLAIN;
}

static void cell_name(struct grid *g, json_t *row) {
        grid_put(g, style_of(row), "%s", member_string(row, "name"));
}

static void cell_value(struct grid *g, json_t *row) {
        grid_put(g, style_of(row), "%" JSON_INTEGER_FORMAT, member_int(row, "value"));
}

static void cell_meaning(struct grid *g, json_t *row) {
        grid_put(g, style_of(row), "%s", meaning_of(member_string(row, "name")));
}

static const struct column columns[] = {
        { .title = "NAME", .render = cell_name },
        { .title = "VALUE", .render = cell_value, .right = true },
        { .title = "MEANING", .render = cell_meaning },
};

static enum code print_table(const struct options *o, json_t *counters) {
        _cleanup_(writer_free_p) struct writer *w = NULL;
        const char *name;
        json_t *value;
        int r = 0;

        w = writer_new(o, WRITER_LIST, columns, ELEMENTS(columns));
        if (!w)
                return say_out_of_memory();
        json_object_foreach(counters, name, value) {
                _cleanup_(json_decref_p) json_t *row = NULL;

                row = json_pack("{s:s, s:O}", "name", name, "value", value);
                r = row ? writer_object(w, row) : -ENOMEM;
                if (r < 0)
                        break;
        }
        if (r >= 0)
                r = writer_finish(w, NULL);
        return r == -ENOMEM ? say_out_of_memory() : CODE_DONE;
}

enum code verb_stats(const struct options *o) {
        _cleanup_(json_decref_p) json_t *counters = NULL;
        enum code code;

        if (o->raw)
                return source_raw(o, SOURCE_SNMP);

        code = source_counters(o, &counters);
        if (code != CODE_DONE)
                return code;
        if (o->output == OUTPUT_TABLE)
                return print_table(o, json_object_get(counters, "counters"));
        return writer_document(o, counters) == -ENOMEM ? say_out_of_memory() : CODE_DONE;
}
