/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "cells.h"
#include "json.h"
#include "source.h"
#include "writer.h"

/* What Linux counts under these names (net/sctp); the first 17 are of RFC 3873. */
static const struct meaning {
        const char *name, *text;
} meanings[] = {
        { "SctpCurrEstab", "associations now: established, shutdown_received or shutdown_pending" },
        { "SctpActiveEstabs", "associations established that this host began" },
        { "SctpPassiveEstabs", "associations established that the peer began" },
        { "SctpAborteds", "associations ended by an ABORT, of either side" },
        { "SctpShutdowns", "associations ended gracefully, by SHUTDOWN" },
        { "SctpOutOfBlues", "packets received that belong to no association" },
        { "SctpChecksumErrors", "packets received with a wrong checksum" },
        { "SctpOutCtrlChunks", "control chunks sent, without retransmissions" },
        { "SctpOutOrderChunks", "ordered DATA chunks sent, without retransmissions" },
        { "SctpOutUnorderChunks", "unordered DATA chunks sent, without retransmissions" },
        { "SctpInCtrlChunks", "control chunks received" },
        { "SctpInOrderChunks", "ordered DATA chunks received, duplicates left out" },
        { "SctpInUnorderChunks", "unordered DATA chunks received, duplicates left out" },
        { "SctpFragUsrMsgs", "messages that had to be cut into several DATA chunks to be sent" },
        { "SctpReasmUsrMsgs", "messages put together from several DATA chunks" },
        { "SctpOutSCTPPacks", "packets sent" },
        { "SctpInSCTPPacks", "packets received" },
        { "SctpT1InitExpireds", "times an INIT was not answered in time (timer T1-init)" },
        { "SctpT1CookieExpireds", "times a COOKIE ECHO was not answered in time (timer T1-cookie)" },
        { "SctpT2ShutdownExpireds", "times a SHUTDOWN or SHUTDOWN ACK was not answered in time (timer T2-shutdown)" },
        { "SctpT3RtxExpireds", "times DATA was not acknowledged in time (timer T3-rtx)" },
        { "SctpT4RtoExpireds", "times an ASCONF was not acknowledged in time (timer T4-rto)" },
        { "SctpT5ShutdownGuardExpireds", "times a shutdown took too long and was aborted (timer T5-shutdown-guard)" },
        { "SctpDelaySackExpireds", "times a SACK was sent because its delay was over" },
        { "SctpAutocloseExpireds", "associations closed because they were idle (SCTP_AUTOCLOSE)" },
        { "SctpT3Retransmits", "times retransmission was begun because timer T3-rtx expired" },
        { "SctpPmtudRetransmits", "times retransmission was begun because a path's MTU shrank" },
        { "SctpFastRetransmits", "times retransmission was begun because the peer reported gaps" },
        { "SctpInPktSoftirq", "packets handled at once when they came" },
        { "SctpInPktBacklog", "packets that waited because their socket was in use" },
        { "SctpInPktDiscards", "packets received and discarded" },
        { "SctpInDataChunkDiscards", "DATA chunks discarded: duplicates, beyond the window, or on a stream that does not exist" },
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
                r = writer_finish(w);
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
