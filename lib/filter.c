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

bool filter_endpoint(const struct filter *f, const struct snapshot *s, const struct endpoint *e) {
        /* An endpoint has no peer. */
        return !(f->has_netns && f->netns != e->netns) &&
               !(f->port != 0 && f->port != e->local_port) &&
               !(f->local.has_port && f->local.port != e->local_port) &&
               !(f->local.address.family != 0 && !has_local(f, s, e->local)) &&
               !(f->peer.has_port || f->peer.address.family != 0) &&
               !(f->state >= 0 && !(FIELD_GIVEN(e, ENDPOINT_STATE) && f->state == e->state));
}

bool filter_association(const struct filter *f, const struct snapshot *s, const struct association *a) {
        return !(f->has_netns && f->netns != a->netns) &&
               !(f->port != 0 && f->port != a->local_port && f->port != a->peer_port) &&
               !(f->local.has_port && f->local.port != a->local_port) &&
               !(f->peer.has_port && f->peer.port != a->peer_port) &&
               !(f->local.address.family != 0 && !has_local(f, s, a->local)) &&
               !(f->peer.address.family != 0 && !has_peer(f, s, a->paths)) &&
               !(f->state >= 0 && f->state != a->state);
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
        if (wrong) {
                *ret_field = wrong;
                return -EINVAL;
        }

        *ret = f;
        return 0;
}
