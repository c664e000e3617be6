/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/socket.h>

#include "bpf-listing.h"
#include "bpf-record.h"
#include "index.h"

void bpf_listing_done(struct bpf_listing *l) {
        free(l->associations);
        free(l->endpoints);
        free(l->addresses);
        free(l->paths);
        free(l->seen);
        free(l->association_places.at);
        free(l->endpoint_places.at);
        *l = (struct bpf_listing) {};
}

void bpf_listing_clear(struct bpf_listing *l) {
        const uint64_t hz = l->hz, at = l->at, cpu_usec = l->cpu_usec;

        if (builder_is_spare(l->allocated[0], l->n_associations) || builder_is_spare(l->allocated[1], l->n_addresses) ||
            builder_is_spare(l->allocated[2], l->n_paths) || builder_is_spare(l->allocated[3], l->n_seen) ||
            builder_is_spare(l->allocated[4], l->n_endpoints))
                bpf_listing_done(l);
        l->hz = hz;
        l->at = at;
        l->cpu_usec = cpu_usec;
        l->n_associations = l->n_endpoints = l->n_addresses = l->n_paths = l->n_seen = 0;
        l->association_places.n = l->endpoint_places.n = 0;
        l->key = 0;
}

/* Makes room for one more element. */
static int grow(void **array, size_t *allocated, size_t n, size_t max, size_t size) {
        size_t more = MAX(*allocated * 2, (size_t) 64);
        void *bigger;

        if (n < *allocated)
                return 0;
        if (n >= max)
                return -E2BIG;
        bigger = reallocarray(*array, more, size);
        if (!bigger)
                return -ENOMEM;

        *array = bigger;
        *allocated = more;
        return 0;
}
#define GROW(l, array, slot, n, max) \
        grow((void **) &(l)->array, (l)->allocated + (slot), (n), (max), sizeof(*(l)->array))

static int add_place(struct listed_places *p, uint64_t netns, uint32_t id, uint64_t key, size_t row) {
        int k = grow((void **) &p->at, &p->allocated, p->n, SNAPSHOT_ASSOCIATIONS_MAX, sizeof(*p->at));

        if (k >= 0)
                p->at[p->n++] = (struct rank) { netns << 32 | id, key, (uint32_t) row };
        return k;
}

static int add_association(struct bpf_listing *l, const struct record_association *r) {
        int k = GROW(l, associations, 0, l->n_associations, SNAPSHOT_ASSOCIATIONS_MAX);
        struct association *a;

        if (k < 0)
                return k;
        a = l->associations + l->n_associations;
        k = bpf_record_association(r, l->hz, l->at, a);
        if (k >= 0)
                k = add_place(&l->association_places, r->socket.netns, r->id, r->head.key, l->n_associations);
        if (k < 0)
                return k;

        a->local.first = (uint32_t) l->n_addresses;
        a->paths.first = (uint32_t) l->n_paths;
        l->n_associations++;
        l->key = r->head.key;
        l->key_is_endpoint = false;
        return 0;
}

static int add_endpoint(struct bpf_listing *l, const struct record_endpoint *r) {
        int k = GROW(l, endpoints, 4, l->n_endpoints, SNAPSHOT_ENDPOINTS_MAX);
        struct endpoint *e;

        if (k < 0)
                return k;
        e = l->endpoints + l->n_endpoints;
        k = bpf_record_endpoint(r, e);
        if (k >= 0)
                k = add_place(&l->endpoint_places, r->socket.netns, r->local_port, r->head.key, l->n_endpoints);
        if (k < 0)
                return k;

        e->local.first = (uint32_t) l->n_addresses;
        l->n_endpoints++;
        l->key = r->head.key;
        l->key_is_endpoint = true;
        return 0;
}

static int add_local(struct bpf_listing *l, const struct record_local *r) {
        struct range *local = l->key_is_endpoint ?
                &l->endpoints[l->n_endpoints - 1].local : &l->associations[l->n_associations - 1].local;
        int k = local->count < SNAPSHOT_ROW_MAX ? GROW(l, addresses, 1, l->n_addresses, SNAPSHOT_ADDRESSES_MAX) : -E2BIG;

        if (k >= 0)
                k = bpf_record_address(&r->address, l->addresses + l->n_addresses);
        if (k < 0)
                return k;

        l->n_addresses++;
        local->count++;
        return 0;
}

static int add_path(struct bpf_listing *l, const struct record_path *r) {
        struct range *paths = &l->associations[l->n_associations - 1].paths;
        int k = paths->count < SNAPSHOT_ROW_MAX ? GROW(l, paths, 2, l->n_paths, SNAPSHOT_PATHS_MAX) : -E2BIG;

        if (k >= 0)
                k = bpf_record_path(r, l->hz, l->paths + l->n_paths);
        if (k < 0)
                return k;

        l->n_paths++;
        paths->count++;
        return 0;
}

static int add_seen(struct bpf_listing *l, uint64_t key) {
        int k = GROW(l, seen, 3, l->n_seen, SNAPSHOT_PATHS_MAX);

        if (k >= 0)
                l->seen[l->n_seen++] = key;
        return k;
}

int bpf_listing_add(struct bpf_listing *l, const void *record, size_t size) {
        const struct record_head *head = record;

        if (size < sizeof(*head))
                return -EBADMSG;
        if (head->kind == RECORD_ASSOCIATION && size >= sizeof(struct record_association))
                return add_association(l, record);
        if (head->kind == RECORD_ENDPOINT && size >= sizeof(struct record_endpoint))
                return add_endpoint(l, record);
        if (head->kind == RECORD_SEEN)
                return add_seen(l, head->key);
        if (l->key == 0 || l->key != head->key)
                return -EBADMSG;
        if (head->kind == RECORD_LOCAL && size >= sizeof(struct record_local))
                return add_local(l, record);
        if (head->kind == RECORD_PATH && size >= sizeof(struct record_path) && !l->key_is_endpoint)
                return add_path(l, record);

        return -EBADMSG;
}

/* The place of what has this key; NULL: there is none. */
static struct rank *find_key(const struct listed_places *p, const struct index *keys, uint64_t key) {
        size_t cursor = 0;
        uint32_t i;

        while (index_next(keys, index_hash(key), &cursor, &i))
                if (p->at[i].key == key)
                        return p->at + i;

        return NULL;
}

/* Of what came twice the later one. */
static int fold(struct listed_places *p, struct index *keys) {
        size_t kept = 0;
        int r;

        r = index_init(keys, p->n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < p->n; i++) {
                struct rank *before = find_key(p, keys, p->at[i].key);

                if (before)
                        *before = p->at[i];
                else {
                        p->at[kept] = p->at[i];
                        index_add(keys, index_hash(p->at[i].key), (uint32_t) kept++);
                }
        }

        p->n = kept;
        return 0;
}

/* The first one of this namespace, or of one above it. */
static size_t first_not_below(const struct listed_places *p, uint64_t netns) {
        size_t low = 0, high = p->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (p->at[middle].number >> 32 < netns)
                        low = middle + 1;
                else
                        high = middle;
        }

        return low;
}

int bpf_listing_finish(struct bpf_listing *l) {
        _cleanup_(index_done) struct index associations = {}, endpoints = {};
        int r;

        r = fold(&l->association_places, &associations);
        if (r >= 0)
                r = fold(&l->endpoint_places, &endpoints);
        for (size_t i = 0; r >= 0 && i < l->n_seen; i++)
                if (!find_key(&l->association_places, &associations, l->seen[i]))
                        r = -EAGAIN;
        if (r >= 0)
                r = rank_sort(l->association_places.at, l->association_places.n);
        if (r >= 0)
                r = rank_sort(l->endpoint_places.at, l->endpoint_places.n);

        return r;
}

int bpf_listing_build(const struct bpf_listing *l, uint64_t netns, struct builder *b) {
        const struct listed_places *p = &l->endpoint_places;
        int r = 0;

        for (size_t i = first_not_below(p, netns); r >= 0 && i < p->n && p->at[i].number >> 32 == netns; i++) {
                const struct endpoint *e = l->endpoints + p->at[i].row;

                r = builder_copy_endpoint(b, e, l->addresses + e->local.first);
        }
        p = &l->association_places;
        for (size_t i = first_not_below(p, netns); r >= 0 && i < p->n && p->at[i].number >> 32 == netns; i++) {
                const struct association *a = l->associations + p->at[i].row;
                struct association *added;

                r = builder_copy_association(b, a, l->addresses + a->local.first, l->paths + a->paths.first, &added);
        }

        return r;
}

static uint64_t next_netns(const struct listed_places *p, uint64_t netns) {
        size_t i = first_not_below(p, netns + 1);

        return i < p->n ? p->at[i].number >> 32 : 0;
}

uint64_t bpf_listing_next_netns(const struct bpf_listing *l, uint64_t netns) {
        uint64_t x = next_netns(&l->association_places, netns), y = next_netns(&l->endpoint_places, netns);

        return x == 0 || (y != 0 && y < x) ? y : x;
}
