/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "cells.h"
#include "json.h"
#include "plain.h"
#include "source.h"

/* As plugins of Nagios and its kin report: one line on standard output, and these exit codes. */
enum outcome {
        OUTCOME_OK,
        OUTCOME_WARNING,
        OUTCOME_CRITICAL,
        OUTCOME_UNKNOWN,
};

#define PLURAL(n) ((n) == 1 ? "" : "s")

struct survey {
        unsigned associations, established, impaired, paths, active;
        unsigned unknown;               /* paths whose state nothing tells */
        unsigned least_active, most_active;     /* of the association with the fewest: surely; at the most */
        json_int_t srtt, errors;        /* the greatest; -1: not known */
        bool stale;
};

static enum code report(enum outcome outcome, const char *text, const char *figures) {
        static const char *const names[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };
        _cleanup_free_ char *words = plain_format("%s", text);

        /* Figures begin with the first bar. */
        for (char *c = words; c && *c; c++)
                if (*c == '|')
                        *c = '/';
        printf("SCTP %s - %s%s%s\n", names[outcome], words ?: "out of memory", *figures ? " | " : "", figures);
        return (enum code) outcome;
}

static void count(struct survey *s, json_t *a) {
        unsigned active = 0, unknown = 0;
        json_t *path;
        size_t i;

        s->associations++;
        if (strcmp(member_string(a, "state"), "established") != 0)
                return;

        json_array_foreach(json_object_get(a, "paths"), i, path) {
                const char *state = member_string(path, "state");

                active += strcmp(state, "active") == 0;
                unknown += state[0] == '\0';
                if (json_object_get(path, "srttMs"))
                        s->srtt = MAX(s->srtt, member_int(path, "srttMs"));
        }
        if (json_object_get(a, "overallErrorCount"))
                s->errors = MAX(s->errors, member_int(a, "overallErrorCount"));
        s->least_active = s->established == 0 ? active : MIN(s->least_active, active);
        s->most_active = s->established == 0 ? active + unknown : MIN(s->most_active, active + unknown);
        s->established++;
        s->impaired += json_is_true(json_object_get(a, "impaired"));
        s->active += active;
        s->unknown += unknown;
        s->paths += (unsigned) i;
}

static char *refusal(const struct options *o, const struct varlink_reply *reply) {
        const char *error = strrchr(reply->error, '.') ?: reply->error, *reason = member_string(reply->parameters, "reason");

        if (strcmp(error, ".SctpNotAvailable") == 0)
                return plain_format("SCTP is not available: %s", reason);
        if (strcmp(error, ".NamespaceNotFound") == 0)
                return plain_format("there is no network namespace %s", o->netns ?: "");
        if (strcmp(member_string(reply->parameters, "parameter"), "filter.peerName") == 0)
                return plain_format("sctpmond knows no peer of the name %s", member_string(o->filter, "peerName"));
        return plain_format("sctpmond says %s%s%s", error + (*error == '.'), *reason ? ": " : "", reason);
}

/* NULL: all went well; else why not, in words; malloc'ed. */
static char *ask(const struct options *o, struct survey *s) {
        _cleanup_(varlink_client_free_p) struct varlink_client *c = NULL;
        _cleanup_(json_decref_p) json_t *parameters = source_parameters(o);
        int r;

        r = parameters ? source_connect(o, &c) : -ENOMEM;
        if (r < 0)
                return plain_format("sctpmond cannot be reached at %s: %s", o->socket, strerror(-r));

        for (bool first = true; r >= 0; first = false) {
                _cleanup_(source_reply_done) struct source_reply answer = {};
                struct varlink_reply *reply = &answer.reply;
                json_t *scan;

                r = first ? source_call(o, &c, "io.sctpmon.Monitor.ListAssociations", parameters, true, NULL, &answer) :
                        varlink_client_receive(c, SOURCE_REPLY_TIMEOUT_USEC, reply);
                if (r < 0)
                        break;
                if (reply->error)
                        return refusal(o, reply);
                if (json_is_object(json_object_get(reply->parameters, "association")))
                        count(s, json_object_get(reply->parameters, "association"));
                scan = json_object_get(reply->parameters, "scan");
                if (scan)
                        s->stale = json_is_true(json_object_get(scan, "stale"));
                if (!reply->continues)
                        return NULL;
        }
        return plain_format("sctpmond does not answer: %s", strerror(-r));
}

static char *figures_text(const struct options *o, const struct survey *s) {
        char *text = NULL;
        size_t size;
        FILE *f;

        f = open_memstream(&text, &size);
        if (!f)
                return NULL;
        fprintf(f, "associations=%u;;%u:;0", s->established, MAX(o->min_associations, 1u));
        /* The limit is for each association, the figure for all. */
        if (s->established == 1 && o->min_paths > 0 && s->unknown == 0)
                fprintf(f, " paths_active=%u;;%u:;0;%u", s->active, o->min_paths, s->paths);
        else if (s->established > 0 && s->unknown == 0)
                fprintf(f, " paths_active=%u;;;0;%u", s->active, s->paths);
        if (s->srtt >= 0)
                fprintf(f, " srtt=%" JSON_INTEGER_FORMAT "ms", s->srtt);
        if (s->errors >= 0)
                fprintf(f, " errors=%" JSON_INTEGER_FORMAT, s->errors);
        return fclose(f) == 0 ? text : NULL;
}

enum code verb_check(const struct options *o) {
        struct survey s = { .srtt = -1, .errors = -1 };
        _cleanup_free_ char *why = ask(o, &s), *figures = NULL, *text = NULL, *paths = NULL;
        unsigned wanted = MAX(o->min_associations, 1u);
        enum outcome outcome = OUTCOME_OK;

        if (why)
                return report(OUTCOME_UNKNOWN, why, "");

        if (s.established < wanted || s.most_active < o->min_paths)
                outcome = OUTCOME_CRITICAL;
        else if (s.least_active < o->min_paths)
                outcome = OUTCOME_UNKNOWN;
        else if (s.impaired > 0 || s.stale)
                outcome = OUTCOME_WARNING;

        figures = figures_text(o, &s);
        paths = plain_format(s.unknown > 0 ? "%u of %u path%s active, %u not known" : "%u of %u path%s active",
                             s.active, s.paths, PLURAL(s.paths), s.unknown);
        if (s.established < wanted)
                text = plain_format("%u association%s established, %u wanted; %u in other states", s.established,
                                    PLURAL(s.established), wanted, s.associations - s.established);
        else if (outcome == OUTCOME_CRITICAL)
                text = plain_format("an association with %u active path%s, %u wanted; %s", s.most_active,
                                    PLURAL(s.most_active), o->min_paths, paths ?: "");
        else
                text = plain_format("%u association%s established, %s%s%s", s.established, PLURAL(s.established),
                                    paths ?: "", s.impaired > 0 ? ", impaired" : "", s.stale ? ", not up to date" : "");
        return report(outcome, text ?: "out of memory", figures ?: "");
}
