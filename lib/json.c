/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <string.h>

#include "impaired.h"
#include "json.h"
#include "text.h"

int json_set_u64(json_t *object, const char *name, uint64_t value) {
        char text[24];

        if (value <= INT64_MAX)
                return json_object_set_new_nocheck(object, name, json_integer((json_int_t) value));

        snprintf(text, sizeof(text), "%" PRIu64, value);
        return json_object_set_new_nocheck(object, name, json_string_nocheck(text));
}

static json_t *json_address(const struct address *address) {
        char text[ADDRESS_TEXT_MAX];

        return json_string_nocheck(address_text(address, text));
}

static json_t *json_addresses(const struct address *addresses, uint32_t n) {
        json_t *array = json_array();

        for (uint32_t i = 0; i < n; i++)
                if (json_array_append_new(array, json_address(addresses + i)) < 0) {
                        json_decref(array);
                        return NULL;
                }

        return array;
}

static int set_name(json_t *object, const char *name, const char *value) {
        return json_object_set_new_nocheck(object, name, json_string_nocheck(value));
}

/* An array of the names of the bits that are set. */
static int set_names(json_t *object, const char *name, unsigned bits, int n, const char *(*name_of)(int bit)) {
        json_t *array = json_array();

        for (int i = 0; i < n; i++)
                if (((bits >> i) & 1) && json_array_append_new(array, json_string_nocheck(name_of(i))) < 0) {
                        json_decref(array);
                        return -1;
                }

        return json_object_set_new_nocheck(object, name, array);
}

static int set_jiffies(json_t *object, const char *name, uint64_t jiffies, uint64_t hz) {
        char full[64];

        snprintf(full, sizeof(full), "%s%s", name, hz > 0 ? "Ms" : "Jiffies");
        if (hz > 0)
                jiffies = (jiffies * 1000 + hz / 2) / hz;
        return json_set_u64(object, full, jiffies);
}

static int set_field(json_t *object, const struct field *field, int64_t value, uint64_t hz) {
        char time[TEXT_TIME_MAX];

        switch ((enum field_kind) field->kind) {
        case FIELD_NUMBER:
                return json_set_u64(object, field->name, (uint64_t) value);
        case FIELD_JIFFIES:
                return set_jiffies(object, field->name, (uint64_t) value, hz);
        case FIELD_BOOLEAN:
                return json_object_set_new_nocheck(object, field->name, json_boolean(value));
        case FIELD_TIME:
                return set_name(object, field->name, text_time((uint64_t) value, time));
        case FIELD_STYLE:
                return set_name(object, field->name, socket_style_name((int) value));
        case FIELD_ENDPOINT_STATE:
                return set_name(object, field->name, endpoint_state_name((int) value));
        case FIELD_ASSOCIATION_STATE:
                return set_name(object, field->name, association_state_name((int) value));
        case FIELD_PATH_STATE:
                return set_name(object, field->name, path_state_name((int) value));
        case FIELD_ATTACHMENT:
                return set_name(object, field->name, attachment_name((int) value));
        case FIELD_CAPABILITIES:
                return set_names(object, field->name, (unsigned) value, _CAPABILITY_MAX, capability_name);
        }

        return -1;
}

/* The fields that a source gave, of an object that begins with `given`. */
static int set_fields(json_t *json, const struct field *fields, size_t n, const void *object, uint64_t hz) {
        uint64_t given[FIELD_WORDS];
        int r = 0;

        memcpy(given, object, sizeof(given));
        for (size_t word = 0; word < FIELD_WORDS; word++)
                for (uint64_t rest = given[word]; r >= 0 && rest != 0; rest &= rest - 1) {
                        size_t i = word * 64 + (size_t) __builtin_ctzll(rest);

                        if (i < n && fields[i].name)
                                r = set_field(json, fields + i, field_get(fields + i, object), hz);
                }

        return r;
}

static json_t *json_path(const struct path *p, uint64_t hz) {
        _cleanup_(json_decref_p) json_t *path = json_object();

        if (json_object_set_new_nocheck(path, "address", json_address(&p->address)) < 0 ||
            json_object_set_new_nocheck(path, "primary", json_boolean(p->address.primary)) < 0 ||
            set_fields(path, path_fields, _PATH_FIELD_MAX, p, hz) < 0)
                return NULL;

        return steal_ptr(path);
}

/* Texts that are empty are not known. */
static int set_text(json_t *object, const char *name, const char *text) {
        return *text == '\0' ? 0 : set_name(object, name, text);
}

json_t *json_owner(const struct process *p) {
        _cleanup_(json_decref_p) json_t *owner = json_object();

        if (json_set_u64(owner, "pid", p->pid) < 0 || set_text(owner, "command", p->command) < 0 ||
            json_set_u64(owner, "uid", p->uid) < 0 || set_text(owner, "unit", p->unit) < 0 ||
            set_text(owner, "container", p->container) < 0 || set_text(owner, "containerId", p->container_id) < 0 ||
            set_text(owner, "runtime", p->runtime) < 0 || set_text(owner, "pod", p->pod) < 0)
                return NULL;

        return steal_ptr(owner);
}

json_t *json_netns(const struct netns *n) {
        _cleanup_(json_decref_p) json_t *netns = json_object();

        if ((n->netns < NETNS_UNNAMED_MIN && json_set_u64(netns, "netns", n->netns) < 0) ||
            set_text(netns, "netnsName", n->name) < 0 || set_text(netns, "container", n->container) < 0 ||
            (n->pid != 0 && json_set_u64(netns, "pid", n->pid) < 0) ||
            json_object_set_new_nocheck(netns, "own", json_boolean(n->own)) < 0 ||
            json_object_set_new_nocheck(netns, "sctpAvailable", json_boolean(n->has_sctp)) < 0 ||
            json_set_u64(netns, "endpoints", n->endpoints) < 0 ||
            json_set_u64(netns, "associations", n->associations) < 0 || set_text(netns, "error", n->error) < 0)
                return NULL;

        return steal_ptr(netns);
}

/* Whose it is, and where: the owners, and the names of the namespace and the container. */
static int set_place(json_t *object, const struct snapshot *s, uint64_t number, struct range range) {
        const struct process *processes = snapshot_processes(s);
        const uint32_t *owners = snapshot_owners(s, range);
        const struct netns *netns = snapshot_netns(s, number);
        _cleanup_(json_decref_p) json_t *array = json_array();
        const char *container = netns ? netns->container : "";

        for (uint32_t i = 0; i < range.count; i++) {
                const struct process *p = processes + owners[i];

                if (json_array_append_new(array, json_owner(p)) < 0)
                        return -1;
                if (*container == '\0')
                        container = p->container;
        }
        /* Not found out yet, or not allowed to: absent, which is not the same as nobody's. */
        if (range.count > 0 && json_object_set_new_nocheck(object, "owners", steal_ptr(array)) < 0)
                return -1;
        if (netns && set_text(object, "netnsName", netns->name) < 0)
                return -1;

        return set_text(object, "container", container);
}

json_t *json_endpoint(const struct snapshot *s, const struct endpoint *e) {
        _cleanup_(json_decref_p) json_t *endpoint = json_object();
        const struct address *local = snapshot_addresses(s, e->local);

        if (set_fields(endpoint, endpoint_fields, _ENDPOINT_FIELD_MAX, e, snapshot_head(s)->hz) < 0 ||
            json_object_set_new_nocheck(endpoint, "localAddresses", json_addresses(local, e->local.count)) < 0 ||
            set_place(endpoint, s, e->netns, e->owners) < 0)
                return NULL;
        if (e->forwards_to.family != 0 &&
            (json_object_set_new_nocheck(endpoint, "forwardsToAddress", json_address(&e->forwards_to)) < 0 ||
             json_set_u64(endpoint, "forwardsToPort", e->forwards_to_port) < 0))
                return NULL;

        return steal_ptr(endpoint);
}

json_t *json_association(const struct snapshot *s, const struct association *a) {
        _cleanup_(json_decref_p) json_t *association = json_object(), *peers = json_array(), *paths = json_array();
        const struct address *local = snapshot_addresses(s, a->local);
        const struct path *p = snapshot_paths(s, a->paths), *primary = snapshot_primary(s, a);
        uint64_t hz = snapshot_head(s)->hz;

        if (set_fields(association, association_fields, _ASSOCIATION_FIELD_MAX, a, hz) < 0 ||
            json_object_set_new_nocheck(association, "localAddresses", json_addresses(local, a->local.count)) < 0 ||
            (primary &&
             json_object_set_new_nocheck(association, "primaryAddress", json_address(&primary->address)) < 0) ||
            (a->detail.original.family != 0 &&
             json_object_set_new_nocheck(association, "originalAddress", json_address(&a->detail.original)) < 0) ||
            (a->impairment_known &&
             json_object_set_new_nocheck(association, "impaired", json_boolean(a->impaired)) < 0) ||
            (a->impaired &&
             set_names(association, "impairedReasons", a->impaired, _IMPAIRMENT_MAX, impairment_name) < 0) ||
            set_place(association, s, a->netns, a->owners) < 0)
                return NULL;

        for (uint32_t i = 0; i < a->paths.count; i++)
                if (json_array_append_new(peers, json_address(&p[i].address)) < 0 ||
                    json_array_append_new(paths, json_path(p + i, hz)) < 0)
                        return NULL;
        if (json_object_set_new_nocheck(association, "peerAddresses", steal_ptr(peers)) < 0 ||
            json_object_set_new_nocheck(association, "paths", steal_ptr(paths)) < 0)
                return NULL;

        return steal_ptr(association);
}

json_t *json_counters(const struct snapshot *s, const uint64_t *netns) {
        _cleanup_(json_decref_p) json_t *counters = json_object();
        const struct counter *c = snapshot_counters(s);

        for (uint32_t i = 0; i < snapshot_head(s)->n_counters; i++) {
                /* The kernel's own names are ASCII; in a saved tree they may be anything. */
                _cleanup_free_ char *name = NULL;
                json_int_t sum = c[i].value;

                if (netns && c[i].netns != *netns)
                        continue;
                name = text_escape(c[i].name, strlen(c[i].name));
                if (!name)
                        return NULL;
                sum += json_integer_value(json_object_get(counters, name));
                if (json_object_set_new_nocheck(counters, name, json_integer(sum)) < 0)
                        return NULL;
        }

        return steal_ptr(counters);
}

json_t *json_scan(const struct snapshot *s, uint64_t now_monotonic, bool stale) {
        const struct snapshot_head *head = snapshot_head(s);
        _cleanup_(json_decref_p) json_t *scan = json_object();
        uint64_t age = now_monotonic > head->started_monotonic ? now_monotonic - head->started_monotonic : 0;
        char time[TEXT_TIME_MAX];

        if (json_set_u64(scan, "serial", head->serial) < 0 ||
            set_name(scan, "startedAt", text_time(head->started_realtime, time)) < 0 ||
            json_set_u64(scan, "ageMs", age / USEC_PER_MSEC) < 0 ||
            json_set_u64(scan, "durationUs", head->duration_usec) < 0 ||
            json_object_set_new_nocheck(scan, "stale", json_boolean(stale)) < 0)
                return NULL;

        return steal_ptr(scan);
}

json_t *json_change(const struct change *change) {
        _cleanup_(json_decref_p) json_t *json = json_object();
        char time[TEXT_TIME_MAX];

        if (set_name(json, "type", change_type_name(change->type)) < 0 ||
            set_name(json, "at", text_time(change->at, time)) < 0 ||
            set_name(json, "certainty", certainty_name(change->certainty)) < 0)
                return NULL;

        if (change->endpoint &&
            json_object_set_new_nocheck(json, "endpoint", json_endpoint(change->snapshot, change->endpoint)) < 0)
                return NULL;
        if (change->association &&
            (json_object_set_new_nocheck(json, "association",
                                         json_association(change->snapshot, change->association)) < 0 ||
             set_name(json, "oldState", association_state_name(change->old_state)) < 0 ||
             set_name(json, "newState", association_state_name(change->new_state)) < 0))
                return NULL;
        if (change->duration_usec > 0 && json_set_u64(json, "durationMs", change->duration_usec / USEC_PER_MSEC) < 0)
                return NULL;

        return steal_ptr(json);
}
