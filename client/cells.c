/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <pwd.h>
#include <string.h>

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

static void put_peer(struct grid *g, json_t *object, const char *address, bool primary) {
        json_int_t port = member_int(object, "peerPort");
        const char *state = path_state(object, address);
        bool terminal = grid_layout(g) != LAYOUT_JOINED;
        char after[24] = "";
        enum style style = STYLE_PLAIN;

        if (state[0] && strcmp(state, "active") != 0) {
                style = strcmp(state, "inactive") == 0 ? STYLE_TROUBLE : STYLE_WARNING;
                if (terminal)
                        snprintf(after, sizeof(after), " %s", state);
        }
        put_end(g, style, primary ? "*" : terminal ? " " : "", address, port, after);
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
static const char *user_name(uid_t uid) {
        static struct { bool known; uid_t uid; char name[33]; } users[USERS_CACHED];
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
        name = o->root ? "" : user_name((uid_t) json_integer_value(uid));
        if (name[0])
                grid_put(g, STYLE_PLAIN, "%s", name);
        else
                grid_put(g, STYLE_PLAIN, "%" JSON_INTEGER_FORMAT, json_integer_value(uid));
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

void tally_count(struct tally *t, json_t *object, int step) {
        const char *state = member_string(object, "state");

        t->total += (unsigned) step;
        for (int i = 0; i < TALLY_STATES_MAX && t->state_name(i); i++)
                if (strcmp(t->state_name(i), state) == 0)
                        t->states[i] += (unsigned) step;
}

char *tally_text(const struct tally *t, const char *singular, const char *plural) {
        _cleanup_free_ char *text = NULL;
        const char *before = ": ";
        size_t size;
        FILE *f;

        f = open_memstream(&text, &size);
        if (!f)
                return NULL;
        fprintf(f, "%u %s", t->total, t->total == 1 ? singular : plural);
        for (int i = TALLY_STATES_MAX - 1; i >= 0; i--)
                if (t->states[i] > 0) {
                        fprintf(f, "%s%u %s", before, t->states[i], t->state_name(i));
                        before = ", ";
                }
        if (fclose(f) != 0)
                return NULL;
        return steal_ptr(text);
}
