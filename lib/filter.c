/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "filter.h"

static bool has_local(const struct filter *f, const struct snapshot *s, struct range range) {
        const struct address *local = snapshot_addresses(s, range);

        for (uint32_t i = 0; i < range.count; i++)
                if (address_equal(local + i, &f->local.address))
                        return true;

        return false;
}

static bool has_peer(const struct filter *f, const struct snapshot *s, struct range range) {
        const struct path *paths = snapshot_paths(s, range);

        for (uint32_t i = 0; i < range.count; i++)
                if (address_equal(&paths[i].address, &f->peer.address))
                        return true;

        return false;
}

/* What the daemon shows of a container: its name, or the start of its id where it has found no name. */
static bool is_container(const struct filter *f, const char *name, const char *id) {
        size_t length = strlen(f->container);

        return strcmp(f->container, name) == 0 ||
               (length >= FILTER_CONTAINER_ID_MIN &&
                (strncmp(id, f->container, length) == 0 ||
                 (strlen(name) == FILTER_CONTAINER_ID_MIN && strncmp(f->container, name, strlen(name)) == 0 &&
                  strspn(f->container, "0123456789abcdef") == length)));
}

/* Of the namespace, or of one of the owners. */
static bool has_container(const struct filter *f, const struct snapshot *s, uint64_t number, struct range range) {
        const struct netns *netns = snapshot_netns(s, number);
        const struct process *processes = snapshot_processes(s);
        const uint32_t *owners = snapshot_owners(s, range);

        if (netns && netns->container[0] != '\0' && is_container(f, netns->container, ""))
                return true;
        for (uint32_t i = 0; i < range.count; i++)
                if (is_container(f, processes[owners[i]].container, processes[owners[i]].container_id))
                        return true;

        return false;
}

bool filter_endpoint(const struct filter *f, const struct snapshot *s, const struct endpoint *e) {
        /* An endpoint has no peer, and no paths that could fail. */
        return !(f->has_netns && f->netns != e->netns) &&
               !(f->port != 0 && f->port != e->local_port) &&
               !(f->local.has_port && f->local.port != e->local_port) &&
               !(f->local.address.family != 0 && !has_local(f, s, e->local)) &&
               !(f->peer.has_port || f->peer.address.family != 0) && f->impaired < 0 &&
               !(f->state >= 0 && !(FIELD_GIVEN(e, ENDPOINT_STATE) && f->state == e->state)) &&
               !(f->container[0] != '\0' && !has_container(f, s, e->netns, e->owners));
}

bool filter_association(const struct filter *f, const struct snapshot *s, const struct association *a) {
        return !(f->has_netns && f->netns != a->netns) &&
               !(f->port != 0 && f->port != a->local_port && f->port != a->peer_port) &&
               !(f->local.has_port && f->local.port != a->local_port) &&
               !(f->peer.has_port && f->peer.port != a->peer_port) &&
               !(f->local.address.family != 0 && !has_local(f, s, a->local)) &&
               !(f->peer.address.family != 0 && !has_peer(f, s, a->paths)) &&
               !(f->state >= 0 && f->state != a->state) &&
               !(f->impaired >= 0 && !(a->impairment_known && f->impaired == (a->impaired != 0))) &&
               !(f->container[0] != '\0' && !has_container(f, s, a->netns, a->owners));
}

static bool read_port(json_t *object, const char *name, uint16_t *ret, bool *ret_given) {
        json_t *value = json_object_get(object, name);

        *ret_given = value && !json_is_null(value);
        if (!*ret_given)
                return true;
        if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > UINT16_MAX)
                return false;

        *ret = (uint16_t) json_integer_value(value);
        return true;
}

static bool read_address(json_t *object, const char *name, struct address *ret) {
        json_t *value = json_object_get(object, name);

        if (!value || json_is_null(value))
                return true;

        return json_is_string(value) &&
               address_parse(json_string_value(value), json_string_length(value), ret) >= 0;
}

static bool read_state(json_t *object, enum filter_subject subject, int *ret) {
        json_t *value = json_object_get(object, "state");
        const char *name = json_string_value(value);

        if (!value || json_is_null(value))
                return true;
        if (!name)
                return false;

        *ret = subject == FILTER_ENDPOINTS ? (int) endpoint_state_from_name(name) :
                (int) association_state_from_name(name);
        return *ret >= 0;
}

static bool read_impaired(json_t *object, int *ret) {
        json_t *value = json_object_get(object, "impaired");

        if (!value || json_is_null(value))
                return true;

        *ret = json_is_true(value);
        return json_is_boolean(value);
}

static bool read_container(json_t *object, char ret[static FILTER_CONTAINER_MAX + 1]) {
        json_t *value = json_object_get(object, "container");

        if (!value || json_is_null(value))
                return true;
        if (!json_is_string(value) || json_string_length(value) == 0 ||
            json_string_length(value) > FILTER_CONTAINER_MAX)
                return false;

        strcpy(ret, json_string_value(value));
        return true;
}

int filter_from_json(json_t *object, enum filter_subject subject, struct filter *ret, const char **ret_field) {
        struct filter f = FILTER_ANY;
        const char *wrong = NULL;
        bool given;

        if (!read_port(object, "port", &f.port, &given) || (given && f.port == 0))
                wrong = "port";
        else if (!read_port(object, "localPort", &f.local.port, &f.local.has_port))
                wrong = "localPort";
        else if (!read_port(object, "peerPort", &f.peer.port, &f.peer.has_port))
                wrong = "peerPort";
        else if (!read_address(object, "localAddress", &f.local.address))
                wrong = "localAddress";
        else if (!read_address(object, "peerAddress", &f.peer.address))
                wrong = "peerAddress";
        else if (!read_state(object, subject, &f.state))
                wrong = "state";
        else if (!read_impaired(object, &f.impaired))
                wrong = "impaired";
        else if (!read_container(object, f.container))
                wrong = "container";
        if (wrong) {
                *ret_field = wrong;
                return -EINVAL;
        }

        *ret = f;
        return 0;
}
