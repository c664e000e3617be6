/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "buffer.h"
#include "filter.h"

/* The first members are what a row says by itself; what follows is copied from its snapshot for a key that is kept. */
struct filter_key {
        enum { OF_ASSOCIATION, OF_ENDPOINT, OF_NETNS } kind;
        uint16_t local_port, peer_port;
        uint64_t netns;
        int8_t state;                   /* -1: not known */
        int8_t impaired;                /* 1, 0; -1: not known */

        size_t size;                    /* of all of it */
        uint32_t n_local, n_peer;
        /* Local and the peer's addresses; then, NUL-terminated, the peer's name, and each container's name and id. */
        struct address addresses[];
};

static struct filter_key key_of_association(const struct association *a) {
        return (struct filter_key) {
                .kind = OF_ASSOCIATION,
                .netns = a->netns,
                .local_port = a->local_port,
                .peer_port = a->peer_port,
                .state = a->state,
                .impaired = a->impairment_known ? a->impaired != 0 : -1,
        };
}

static struct filter_key key_of_endpoint(const struct endpoint *e) {
        return (struct filter_key) {
                .kind = OF_ENDPOINT,
                .netns = e->netns,
                .local_port = e->local_port,
                .state = FIELD_GIVEN(e, ENDPOINT_STATE) ? e->state : -1,
                .impaired = -1,
        };
}

static bool asks_for_peer(const struct filter *f) {
        return f->peer.has_port || f->peer.address.family != 0 || f->peer_name[0] != '\0';
}

static bool asks_for_ends(const struct filter *f) {
        return f->port != 0 || f->local.has_port || f->local.address.family != 0 || asks_for_peer(f);
}

/* What a row says by itself. */
static bool fits(const struct filter *f, const struct filter_key *k) {
        /* An endpoint has no peer. */
        if ((k->kind == OF_ENDPOINT && asks_for_peer(f)) || (k->kind == OF_NETNS && asks_for_ends(f)))
                return false;

        return !(f->has_netns && f->netns != k->netns) &&
               !(f->port != 0 && f->port != k->local_port && f->port != k->peer_port) &&
               !(f->local.has_port && f->local.port != k->local_port) &&
               !(f->peer.has_port && f->peer.port != k->peer_port) &&
               !(f->state >= 0 && f->state != k->state) &&
               !(f->impaired >= 0 && f->impaired != k->impaired);
}

static bool has_address(const struct address *addresses, uint32_t n, const struct address *wanted) {
        for (uint32_t i = 0; i < n; i++)
                if (address_equal(addresses + i, wanted))
                        return true;

        return false;
}

static bool has_local(const struct filter *f, const struct snapshot *s, struct range range) {
        return has_address(snapshot_addresses(s, range), range.count, &f->local.address);
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
        struct filter_key k = key_of_endpoint(e);

        return fits(f, &k) &&
               !(f->local.address.family != 0 && !has_local(f, s, e->local)) &&
               !(f->container[0] != '\0' && !has_container(f, s, e->netns, e->owners));
}

bool filter_association(const struct filter *f, const struct snapshot *s, const struct association *a,
                        const char *peer_name) {
        struct filter_key k = key_of_association(a);

        return fits(f, &k) &&
               !(f->local.address.family != 0 && !has_local(f, s, a->local)) &&
               !(f->peer.address.family != 0 && !has_peer(f, s, a->paths)) &&
               !(f->peer_name[0] != '\0' && strcmp(f->peer_name, peer_name ?: "") != 0) &&
               !(f->container[0] != '\0' && !has_container(f, s, a->netns, a->owners));
}

static void put_container(struct buffer *b, const char *name, const char *id) {
        if (*name == '\0' && *id == '\0')
                return;
        buffer_put(b, name, strlen(name) + 1);
        buffer_put(b, id, strlen(id) + 1);
}

static void put_containers(struct buffer *b, const struct snapshot *s, uint64_t number, struct range range) {
        const struct process *processes = snapshot_processes(s), *last = NULL;
        const struct netns *netns = snapshot_netns(s, number);
        const uint32_t *owners = snapshot_owners(s, range);

        if (netns)
                put_container(b, netns->container, "");
        /* Many processes of one container follow one another. */
        for (uint32_t i = 0; i < range.count; i++) {
                const struct process *p = processes + owners[i];

                if (!last || strcmp(last->container_id, p->container_id) != 0 ||
                    strcmp(last->container, p->container) != 0)
                        put_container(b, p->container, p->container_id);
                last = p;
        }
}

struct filter_key *filter_key_new(const struct change *c) {
        const char *peer_name = c->peer_name ?: "";
        struct range local = {}, paths = {}, owners = {};
        _cleanup_(buffer_done) struct buffer text = {};
        struct filter_key head, *k;
        const struct path *p;

        if (c->association) {
                head = key_of_association(c->association);
                local = c->association->local;
                paths = c->association->paths;
                owners = c->association->owners;
        } else if (c->endpoint) {
                head = key_of_endpoint(c->endpoint);
                local = c->endpoint->local;
                owners = c->endpoint->owners;
        } else
                head = (struct filter_key) { .kind = OF_NETNS, .netns = c->netns, .state = -1, .impaired = -1 };

        buffer_put(&text, peer_name, strlen(peer_name) + 1);
        put_containers(&text, c->snapshot, head.netns, owners);
        head.n_local = local.count;
        head.n_peer = paths.count;
        head.size = sizeof(head) + ((size_t) local.count + paths.count) * sizeof(struct address) + text.length;
        k = text.failed ? NULL : malloc(head.size);
        if (!k)
                return NULL;

        *k = head;
        if (local.count > 0)
                memcpy(k->addresses, snapshot_addresses(c->snapshot, local), local.count * sizeof(struct address));
        p = snapshot_paths(c->snapshot, paths);
        for (uint32_t i = 0; i < paths.count; i++)
                k->addresses[local.count + i] = p[i].address;
        memcpy(k->addresses + local.count + paths.count, text.data, text.length);
        return k;
}

size_t filter_key_size(const struct filter_key *k) {
        return k->size;
}

bool filter_change(const struct filter *f, const struct filter_key *k) {
        const struct address *peers = k->addresses + k->n_local;
        const char *peer_name = (const char *) (peers + k->n_peer), *end = (const char *) k + k->size;

        if (!fits(f, k) ||
            (f->local.address.family != 0 && !has_address(k->addresses, k->n_local, &f->local.address)) ||
            (f->peer.address.family != 0 && !has_address(peers, k->n_peer, &f->peer.address)) ||
            (f->peer_name[0] != '\0' && strcmp(f->peer_name, peer_name) != 0))
                return false;
        if (f->container[0] == '\0')
                return true;

        for (const char *name = peer_name + strlen(peer_name) + 1, *id; name < end; name = id + strlen(id) + 1) {
                id = name + strlen(name) + 1;
                if (is_container(f, name, id))
                        return true;
        }
        return false;
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

static bool read_peer_name(json_t *object, char ret[static ALIAS_NAME_MAX + 1]) {
        json_t *value = json_object_get(object, "peerName");

        if (!value || json_is_null(value))
                return true;
        if (!json_is_string(value) || !alias_is_name(json_string_value(value)))
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
        else if (!read_peer_name(object, f.peer_name))
                wrong = "peerName";
        if (wrong) {
                *ret_field = wrong;
                return -EINVAL;
        }

        *ret = f;
        return 0;
}
