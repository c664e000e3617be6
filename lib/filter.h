/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "alias.h"
#include "changes.h"
#include "snapshot.h"

/* A container's id has 64 characters, its name hardly more. */
#define FILTER_CONTAINER_MAX 71u
/* As many of them as name a container for certain, and as runtimes show by default. */
#define FILTER_CONTAINER_ID_MIN 12u

/* Which endpoints and associations somebody asks for. All that is set must hold. */
struct filter {
        bool has_netns;
        uint64_t netns;                 /* inode */
        uint16_t port;                  /* either side; 0: any */
        struct address_port local, peer;        /* family 0 and no port: any */
        int state;                      /* enum association_state, or enum endpoint_state for endpoints; -1: any */
        int impaired;                   /* 1: yes, 0: known not to be, -1: any */
        char container[FILTER_CONTAINER_MAX + 1];       /* name, id or start of the id; "": any */
        char peer_name[ALIAS_NAME_MAX + 1];             /* by the configuration; "": any */
};

#define FILTER_ANY ((struct filter) { .state = -1, .impaired = -1 })

bool filter_endpoint(const struct filter *f, const struct snapshot *s, const struct endpoint *e);
/* `peer_name` is what the configuration calls the peer; NULL: nothing. */
bool filter_association(const struct filter *f, const struct snapshot *s, const struct association *a,
                        const char *peer_name);

/* What filters look at of a change, kept apart from its snapshot. One of a network namespace is of all that is in it
 * and of nothing in particular: it fits when that is all that is asked for. */
struct filter_key;

/* To be released by free(). NULL when out of memory. */
struct filter_key *filter_key_new(const struct change *c);
size_t filter_key_size(const struct filter_key *k);
bool filter_change(const struct filter *f, const struct filter_key *k);

/* To and from the interface's Filter object (without netns, which is resolved apart). On -EINVAL
 * *ret_field names the member that is wrong. `states_of` says whose state names count. */
enum filter_subject { FILTER_ENDPOINTS, FILTER_ASSOCIATIONS };
int filter_from_json(json_t *object, enum filter_subject subject, struct filter *ret, const char **ret_field);
