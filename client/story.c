/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "buffer.h"
#include "cells.h"
#include "changes.h"
#include "clock.h"
#include "plain.h"
#include "state.h"
#include "story.h"
#include "text.h"
#include "when.h"

static bool is_type(json_t *change, const char *type) {
        return strcmp(member_string(change, "type"), type) == 0;
}

static void put_names(FILE *f, json_t *names) {
        json_t *name;
        size_t i;

        json_array_foreach(names, i, name)
                fprintf(f, "%s%s", i > 0 ? ", " : "", json_string_value(name) ?: "-");
}

static void put_step(FILE *f, json_t *change, const char *before, const char *after) {
        const char *old = member_string(change, before), *new = member_string(change, after);

        if (*old || *new)
                fprintf(f, " %s -> %s", *old ? old : "unknown", *new ? new : "unknown");
}

static void put_primary(FILE *f, const char *old, const char *new) {
        fprintf(f, " primary %s -> %s", *old ? old : "none", *new ? new : "none");
}

static int number_of(const char *name, const char *(*name_of)(int number), int n) {
        for (int i = 0; i < n; i++)
                if (name_of(i) && strcmp(name_of(i), name) == 0)
                        return i;
        return n;
}

static uint32_t up_to(json_int_t value, uint32_t max) {
        return (uint32_t) MIN(MAX(value, 0), (json_int_t) max);
}

/* What the kernel has told itself, in the journal's words, behind `before`; false: nothing that is understood. */
static bool put_trigger(FILE *f, const char *before, json_t *change) {
        json_t *trigger = json_object_get(change, "trigger"), *cause = json_object_get(trigger, "errorCause");
        _cleanup_(buffer_done) struct buffer b = {};
        struct trigger t;
        struct change c = {
                .type = (enum change_type) number_of(member_string(change, "type"), change_type_name, _CHANGE_TYPE_MAX),
                .old_state = association_state_from_name(member_string(change, "oldState")),
                .cause = (enum cause) number_of(member_string(change, "cause"), cause_name, _CAUSE_MAX),
                .trigger = &t,
        };

        if (trigger_from_names(member_string(trigger, "kind"), member_string(trigger, "name"), &t) < 0)
                return false;
        t.has_error_cause = json_is_integer(cause);
        t.error_cause = (uint16_t) up_to(json_integer_value(cause), UINT16_MAX);
        t.tries = up_to(member_int(trigger, "tries"), UINT32_MAX);
        t.tries_max = up_to(json_object_get(trigger, "idleMs") ? member_int(trigger, "idleMs") / 1000 :
                                                                  member_int(trigger, "triesMax"), UINT32_MAX);
        t.pid = up_to(member_int(trigger, "pid"), UINT32_MAX);

        trigger_text(&b, &c, member_string(trigger, "command"));
        fprintf(f, "%s%.*s", before, (int) b.length, b.data ?: "");
        return true;
}

/* In plain words, with the interface's own where it is not the same. */
static void put_cause(FILE *f, json_t *change) {
        static const struct {
                const char *name, *words;
        } causes[] = {
                { "graceful", "closed (graceful)" },
                { "aborted", "aborted" },
                { "retransmissions_exhausted", "peer given up (retransmissions_exhausted)" },
                { "init_timeout", "nobody answered (init_timeout)" },
                { "unreachable", "the peer's host has no SCTP (unreachable)" },
        };
        const char *cause = member_string(change, "cause");
        const char *certainty = member_string(change, "causeCertainty");
        bool sure = strcmp(certainty, "high") == 0 || strcmp(certainty, "exact") == 0;

        for (size_t i = 0; i < ELEMENTS(causes); i++)
                if (strcmp(cause, causes[i].name) == 0)
                        fprintf(f, "; %s%s", sure ? "" : "probably ", causes[i].words);
}

static void put_place(FILE *f, json_t *change, json_t *thing) {
        json_t *owners = json_object_get(thing, "owners"), *owner = json_array_get(owners, 0);
        const char *container = member_string(thing ?: change, "container"),
                   *name = member_string(thing ?: change, "netnsName"), *command = member_string(owner, "command");

        if (owner)
                fprintf(f, *command ? "; %s[%" JSON_INTEGER_FORMAT "]" : "; process%s %" JSON_INTEGER_FORMAT, command,
                        member_int(owner, "pid"));
        if (json_array_size(owners) > 1)
                fprintf(f, " and %zu more", json_array_size(owners) - 1);
        if (!owner && (*container || *name))
                fputs(";", f);
        if (*container)
                fprintf(f, " in container %s", container);
        else if (*name)
                fprintf(f, " in network namespace %s", name);
}

static int put_ends(FILE *f, json_t *association, json_t *endpoint) {
        _cleanup_free_ char *local = NULL, *peer = NULL;
        const char *name = member_string(association, "peerName");

        local = ends_text(association ?: endpoint, "localAddresses", "localPort", NULL);
        if (!local)
                return -ENOMEM;
        fprintf(f, " %s", local);
        if (!association)
                return 0;

        peer = ends_text(association, "peerAddresses", "peerPort", "primaryAddress");
        if (!peer)
                return -ENOMEM;
        fprintf(f, *name ? " <-> %s (%s)" : " <-> %s", peer, name);
        return 0;
}

/* Of the state machine: what it was called for, where that came from, and what it did. */
static void put_machine_step(FILE *f, json_t *change) {
        const char *old = member_string(change, "oldState"), *new = member_string(change, "newState"),
                   *path = member_string(change, "path");
        bool chunk = strcmp(member_string(json_object_get(change, "trigger"), "kind"), "chunk") == 0;

        (void) put_trigger(f, " ", change);
        if (*path)
                fprintf(f, "%s %s", chunk ? " from" : " of path", path);
        fputs(";", f);
        if (strcmp(old, new) != 0)
                put_step(f, change, "oldState", "newState");
        else
                fprintf(f, " %s", strcmp(new, "closed") == 0 ? "no association" : new);
}

static int put_story(FILE *f, json_t *change) {
        json_t *association = json_object_get(change, "association"), *endpoint = json_object_get(change, "endpoint"),
               *duration = json_object_get(change, "durationMs");
        const char *at = member_string(change, "at"), *type = member_string(change, "type");
        char span[TEXT_SPAN_MAX], when[WHEN_TEXT_MAX];
        uint64_t usec;

        fputs(text_to_time(at, &usec) < 0 ? at : when_text(usec, when), f);
        if (!*type) {
                fprintf(f, " %s", member_string(change, "message"));
                return 0;
        }
        fprintf(f, " %s", type);
        if ((association || endpoint) && put_ends(f, association, endpoint) < 0)
                return -ENOMEM;

        if (is_type(change, "step")) {
                put_machine_step(f, change);
                put_place(f, change, association);
                return 0;
        }
        if (member_string(change, "path")[0])
                fprintf(f, " path %s", member_string(change, "path"));
        put_step(f, change, "oldState", "newState");
        if (is_type(change, "path_state"))
                put_step(f, change, "oldPathState", "newPathState");
        if (is_type(change, "primary_changed"))
                put_primary(f, member_string(change, "oldPrimaryAddress"), member_string(association, "primaryAddress"));
        if (json_object_get(change, "reasons")) {
                fputs(is_type(change, "recovered") ? " was " : " ", f);
                put_names(f, json_object_get(change, "reasons"));
        }
        if (is_type(change, "unobserved"))
                fprintf(f, " between two looks: %" JSON_INTEGER_FORMAT " established and ended, %" JSON_INTEGER_FORMAT
                        " never came about", member_int(change, "established"), member_int(change, "failed"));
        if (duration)
                fprintf(f, " %s %s", is_type(change, "recovered") ? "for" : "after",
                        text_span((uint64_t) MAX(json_integer_value(duration), 0) * USEC_PER_MSEC, span));
        if (strcmp(member_string(change, "certainty"), "low") == 0)
                fputs(" (not certain)", f);
        if (!put_trigger(f, "; ", change))
                put_cause(f, change);
        put_place(f, change, association ?: endpoint);
        return 0;
}

char *story_text(json_t *change) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f;
        int r;

        f = open_memstream(&text, &size);
        if (!f)
                return NULL;
        r = put_story(f, change);
        if (fclose(f) != 0 || r < 0)
                return NULL;
        return plain_format("%s", text);
}

enum style story_style(json_t *change) {
        const char *state = member_string(change, "newPathState"), *cause = member_string(change, "cause");
        /* A regular end was under way. */
        bool ending = strncmp(member_string(change, "oldState"), "shutdown_", strlen("shutdown_")) == 0 &&
                (!*cause || strcmp(cause, "unknown") == 0);

        if (is_type(change, "impaired") || is_type(change, "association_restart") ||
            (is_type(change, "path_state") && (strcmp(state, "inactive") == 0 || strcmp(state, "pf") == 0)))
                return STYLE_WARNING;
        if (is_type(change, "association_down") && strcmp(cause, "graceful") != 0 && !ending)
                return STYLE_TROUBLE;

        return STYLE_PLAIN;
}
