/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <pwd.h>
#include <string.h>
#include <time.h>

#include "cells.h"

#define USERS_CACHED 64u

json_int_t member_int(json_t *object, const char *name) {
        return json_integer_value(json_object_get(object, name));
}

const char *member_string(json_t *object, const char *name) {
        return json_string_value(json_object_get(object, name)) ?: "";
}

void cell_addresses(struct grid *g, json_t *object) {
        json_t *address;
        size_t i;

        json_array_foreach(json_object_get(object, "localAddresses"), i, address)
                grid_put(g, STYLE_PLAIN, "%s", json_string_value(address) ?: "-");
}

static bool is_ipv6(const char *address) {
        return strchr(address, ':');
}

static void put_end(struct grid *g, enum style style, const char *before, const char *address, json_int_t port,
                    const char *after) {
        grid_put(g, style, is_ipv6(address) ? "%s[%s]:%" JSON_INTEGER_FORMAT "%s" : "%s%s:%" JSON_INTEGER_FORMAT "%s",
                 before, address, port, after);
}

void cell_put_end(struct grid *g, const char *address, json_int_t port) {
        put_end(g, STYLE_PLAIN, "", address, port, "");
}

void cell_local_ends(struct grid *g, json_t *object) {
        json_int_t port = member_int(object, "localPort");
        json_t *address;
        size_t i;

        json_array_foreach(json_object_get(object, "localAddresses"), i, address)
                put_end(g, STYLE_PLAIN, "", json_string_value(address) ?: "-", port, "");
}

static const char *path_state(json_t *object, const char *address) {
        json_t *path;
        size_t i;

        json_array_foreach(json_object_get(object, "paths"), i, path)
                if (strcmp(member_string(path, "address"), address) == 0)
                        return member_string(path, "state");
        return "";
}

enum style path_style(const char *state) {
        return state[0] == '\0' || strcmp(state, "active") == 0 ? STYLE_PLAIN :
                strcmp(state, "inactive") == 0 ? STYLE_TROUBLE : STYLE_WARNING;
}

static void put_peer(struct grid *g, json_t *object, const char *address, bool primary) {
        json_int_t port = member_int(object, "peerPort");
        const char *state = path_state(object, address);
        bool terminal = grid_layout(g) != LAYOUT_JOINED;
        char after[24] = "";

        if (state[0] && strcmp(state, "active") != 0 && terminal)
                snprintf(after, sizeof(after), " %s", state);
        put_end(g, path_style(state), primary ? "*" : terminal ? " " : "", address, port, after);
}

void cell_peer_ends(struct grid *g, json_t *object) {
        json_t *addresses = json_object_get(object, "peerAddresses"), *address;
        const char *primary = member_string(object, "primaryAddress");
        size_t i;

        if (primary[0])
                put_peer(g, object, primary, true);
        json_array_foreach(addresses, i, address)
                if (json_is_string(address) && strcmp(json_string_value(address), primary) != 0)
                        put_peer(g, object, json_string_value(address), false);
}

/* Asking who a number is may mean a network: each is asked for once. */
const char *user_name(json_int_t number) {
        static struct { bool known; uid_t uid; char name[33]; } users[USERS_CACHED];
        uid_t uid = (uid_t) number;
        typeof(users[0]) *user = users + uid % USERS_CACHED;
        struct passwd *entry;

        if (!user->known || user->uid != uid) {
                entry = getpwuid(uid);
                user->known = true;
                user->uid = uid;
                snprintf(user->name, sizeof(user->name), "%s", entry ? entry->pw_name : "");
        }
        return user->name;
}

void cell_user(struct grid *g, json_t *object) {
        const struct options *o = grid_userdata(g);
        json_t *uid = json_object_get(object, "uid");
        const char *name;

        if (!json_is_integer(uid))
                return;
        /* A saved tree's numbers are another host's. */
        name = o->root ? "" : user_name(json_integer_value(uid));
        if (name[0])
                grid_put(g, STYLE_PLAIN, "%s", name);
        else
                grid_put(g, STYLE_PLAIN, "%" JSON_INTEGER_FORMAT, json_integer_value(uid));
}

void cell_process(struct grid *g, json_t *object) {
        json_t *owners = json_object_get(object, "owners"), *owner = json_array_get(owners, 0);
        const char *attachment = member_string(object, "attachment");
        bool unaccepted = strcmp(attachment, "unaccepted") == 0;
        size_t n = json_array_size(owners);
        char more[24] = "";

        if (n > 1)
                snprintf(more, sizeof(more), " +%zu", n - 1);
        if (strcmp(attachment, "orphan") == 0)
                grid_put(g, STYLE_DIM, "(orphan)");
        else if (owner)
                grid_put(g, STYLE_PLAIN, "%s/%" JSON_INTEGER_FORMAT "%s%s", member_string(owner, "command"),
                         member_int(owner, "pid"), more, unaccepted ? " (not accepted)" : "");
        else if (unaccepted)
                grid_put(g, STYLE_DIM, "(not accepted)");
}

void cell_netns(struct grid *g, json_t *object) {
        const char *name = member_string(object, "netnsName");

        if (name[0])
                grid_put(g, STYLE_PLAIN, "%s", name);
        else if (json_object_get(object, "netns"))
                grid_put(g, STYLE_PLAIN, "%" JSON_INTEGER_FORMAT, member_int(object, "netns"));
}

/* A time in ms, or where the kernel's tick is not known in jiffies. */
static void put_time(struct grid *g, json_t *object, const char *ms, const char *jiffies, bool in_seconds) {
        json_int_t value = member_int(object, ms);

        if (!json_object_get(object, ms)) {
                if (json_object_get(object, jiffies))
                        grid_put(g, STYLE_PLAIN, "%" JSON_INTEGER_FORMAT "jiffies", member_int(object, jiffies));
        } else if (in_seconds && value % 1000 == 0)
                grid_put(g, STYLE_PLAIN, "%" JSON_INTEGER_FORMAT "s", value / 1000);
        else
                grid_put(g, STYLE_PLAIN, "%" JSON_INTEGER_FORMAT "ms", value);
}

void cell_heartbeat(struct grid *g, json_t *object) {
        if (json_is_false(json_object_get(object, "heartbeats")))
                grid_put(g, STYLE_WARNING, "off");
        else
                put_time(g, object, "heartbeatIntervalMs", "heartbeatIntervalJiffies", true);
}

void cell_rto(struct grid *g, json_t *object) {
        put_time(g, object, "rtoMs", "rtoJiffies", false);
}

void cell_srtt(struct grid *g, json_t *object) {
        put_time(g, object, "srttMs", "srttJiffies", false);
}

char *ends_text(json_t *object, const char *addresses, const char *port, const char *primary) {
        _cleanup_free_ char *text = NULL;
        json_t *address;
        FILE *f;
        size_t i, size;

        f = open_memstream(&text, &size);
        if (!f)
                return NULL;
        json_array_foreach(json_object_get(object, addresses), i, address) {
                const char *a = json_string_value(address) ?: "-";

                fprintf(f, is_ipv6(a) ? "%s%s[%s]:%" JSON_INTEGER_FORMAT : "%s%s%s:%" JSON_INTEGER_FORMAT,
                        i > 0 ? "," : "", primary && strcmp(member_string(object, primary), a) == 0 ? "*" : "",
                        a, member_int(object, port));
        }
        if (json_array_size(json_object_get(object, addresses)) == 0)
                fprintf(f, "-:%" JSON_INTEGER_FORMAT, member_int(object, port));
        if (fclose(f) != 0)
                return NULL;
        return steal_ptr(text);
}

uint64_t time_of(const char *text) {
        struct tm tm = {};
        const char *rest;
        unsigned ms = 0;

        rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
        if (!rest || sscanf(rest, ".%3uZ", &ms) != 1)
                return 0;
        return (uint64_t) timegm(&tm) * USEC_PER_SEC + ms * USEC_PER_MSEC;
}

uint64_t scan_age(json_t *scan, const char *at) {
        uint64_t now = time_of(member_string(scan, "startedAt")), then = time_of(at);

        now += (uint64_t) MAX(member_int(scan, "ageMs"), 0) * USEC_PER_MSEC;
        return now - MIN(now, then);
}

void totals_count(struct totals *t, json_t *object, int step) {
        const char *state = member_string(object, "state");

        t->total += (unsigned) step;
        if (json_is_true(json_object_get(object, "impaired")))
                t->impaired += (unsigned) step;
        for (int i = 0; i < TOTALS_STATES_MAX && t->state_name(i); i++)
                if (strcmp(t->state_name(i), state) == 0)
                        t->states[i] += (unsigned) step;
}

char *totals_text(const struct totals *t, const char *singular, const char *plural) {
        _cleanup_free_ char *text = NULL;
        const char *before = ": ";
        size_t size;
        FILE *f;

        f = open_memstream(&text, &size);
        if (!f)
                return NULL;
        fprintf(f, "%u %s", t->total, t->total == 1 ? singular : plural);
        for (int i = TOTALS_STATES_MAX - 1; i >= 0; i--)
                if (t->states[i] > 0) {
                        fprintf(f, "%s%u %s", before, t->states[i], t->state_name(i));
                        before = ", ";
                }
        if (t->impaired > 0)
                fprintf(f, "; %u impaired", t->impaired);
        if (fclose(f) != 0)
                return NULL;
        return steal_ptr(text);
}
