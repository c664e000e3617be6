/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/socket.h>

#include "bpf-listing.h"
#include "bpf-record.h"

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

static int add_place(struct listed_places *p, uint64_t netns, uint64_t key, uint32_t id, size_t row) {
        int k = grow((void **) &p->at, &p->allocated, p->n, SNAPSHOT_ASSOCIATIONS_MAX, sizeof(*p->at));

        if (k >= 0)
                p->at[p->n++] = (struct listed_place) { netns, key, id, (uint32_t) row };
        return k;
}

static int add_association(struct bpf_listing *l, const struct record_association *r) {
        struct association a;
        int k = bpf_record_association(r, l->hz, l->at, &a);

        if (k >= 0)
                k = GROW(l, associations, 0, l->n_associations, SNAPSHOT_ASSOCIATIONS_MAX);
        if (k >= 0)
                k = add_place(&l->association_places, a.netns, r->head.key, a.id, l->n_associations);
        if (k < 0)
                return k;

        a.local.first = (uint32_t) l->n_addresses;
        a.paths.first = (uint32_t) l->n_paths;
        l->associations[l->n_associations++] = a;
        l->key = r->head.key;
        l->key_is_endpoint = false;
        return 0;
}

static int add_endpoint(struct bpf_listing *l, const struct record_endpoint *r) {
        struct endpoint e;
        int k = bpf_record_endpoint(r, &e);

        if (k >= 0)
                k = GROW(l, endpoints, 4, l->n_endpoints, SNAPSHOT_ENDPOINTS_MAX);
        if (k >= 0)
                k = add_place(&l->endpoint_places, e.netns, r->head.key, e.local_port, l->n_endpoints);
        if (k < 0)
                return k;

        e.local.first = (uint32_t) l->n_addresses;
        l->endpoints[l->n_endpoints++] = e;
        l->key = r->head.key;
        l->key_is_endpoint = true;
        return 0;
}

static int add_local(struct bpf_listing *l, const struct record_local *r) {
        struct range *local = l->key_is_endpoint ?
                &l->endpoints[l->n_endpoints - 1].local : &l->associations[l->n_associations - 1].local;
        struct address address;
        int k = bpf_record_address(&r->address, &address);

        if (k >= 0 && local->count >= SNAPSHOT_ROW_MAX)
                k = -E2BIG;
        if (k >= 0)
                k = GROW(l, addresses, 1, l->n_addresses, SNAPSHOT_ADDRESSES_MAX);
        if (k < 0)
                return k;

        l->addresses[l->n_addresses++] = address;
        local->count++;
        return 0;
}

static int add_path(struct bpf_listing *l, const struct record_path *r) {
        struct range *paths = &l->associations[l->n_associations - 1].paths;
        struct path path;
        int k = bpf_record_path(r, l->hz, &path);

        if (k >= 0 && paths->count >= SNAPSHOT_ROW_MAX)
                k = -E2BIG;
        if (k >= 0)
                k = GROW(l, paths, 2, l->n_paths, SNAPSHOT_PATHS_MAX);
        if (k < 0)
                return k;

        l->paths[l->n_paths++] = path;
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

static int compare_keys(const void *x, const void *y) {
        const struct listed_place *a = x, *b = y;
        int c = CMP(a->key, b->key);

        return c != 0 ? c : CMP(a->row, b->row);
}

static int compare_places(const void *x, const void *y) {
        const struct listed_place *a = x, *b = y;
        int c = CMP(a->netns, b->netns);

        return c != 0 ? c : CMP(a->id, b->id);
}

/* By their keys; of those that came twice the later one. */
static void fold(struct listed_places *p) {
        size_t kept = 0;

        if (p->n == 0)
                return;
        qsort(p->at, p->n, sizeof(*p->at), compare_keys);
        for (size_t i = 0; i < p->n; i++)
                if (i + 1 == p->n || p->at[i].key != p->at[i + 1].key)
                        p->at[kept++] = p->at[i];
        p->n = kept;
}

/* The first one with this key, or namespace, or a greater one; they are sorted so. */
static size_t first_not_below(const struct listed_places *p, uint64_t value, bool by_key) {
        size_t low = 0, high = p->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if ((by_key ? p->at[middle].key : p->at[middle].netns) < value)
                        low = middle + 1;
                else
                        high = middle;
        }

        return low;
}

int bpf_listing_finish(struct bpf_listing *l) {
        fold(&l->association_places);
        fold(&l->endpoint_places);
        for (size_t i = 0; i < l->n_seen; i++) {
                size_t place = first_not_below(&l->association_places, l->seen[i], true);

                if (place == l->association_places.n || l->association_places.at[place].key != l->seen[i])
                        return -EAGAIN;
        }
        if (l->association_places.n > 0)
                qsort(l->association_places.at, l->association_places.n, sizeof(*l->association_places.at), compare_places);
        if (l->endpoint_places.n > 0)
                qsort(l->endpoint_places.at, l->endpoint_places.n, sizeof(*l->endpoint_places.at), compare_places);
        return 0;
}

static int build_local(const struct bpf_listing *l, struct range from, struct builder *b, struct range *ret) {
        int r = 0;

        *ret = (struct range) { (uint32_t) b->n_addresses, from.count };
        for (uint32_t i = 0; r >= 0 && i < from.count; i++) {
                struct address *address;

                r = builder_add_address(b, &address);
                if (r >= 0)
                        *address = l->addresses[from.first + i];
        }

        return r;
}

static int build_association(const struct bpf_listing *l, const struct association *row, struct builder *b) {
        struct range local, paths = { (uint32_t) b->n_paths, row->paths.count };
        struct association *a;
        int r;

        r = build_local(l, row->local, b, &local);
        for (uint32_t i = 0; r >= 0 && i < paths.count; i++) {
                struct path *path;

                r = builder_add_path(b, &path);
                if (r >= 0)
                        *path = l->paths[row->paths.first + i];
        }
        if (r >= 0)
                r = builder_add_association(b, &a);
        if (r < 0)
                return r;

        *a = *row;
        a->local = local;
        a->paths = paths;
        return 0;
}

static int build_endpoint(const struct bpf_listing *l, const struct endpoint *row, struct builder *b) {
        struct range local;
        struct endpoint *e;
        int r;

        r = build_local(l, row->local, b, &local);
        if (r >= 0)
                r = builder_add_endpoint(b, &e);
        if (r < 0)
                return r;

        *e = *row;
        e->local = local;
        return 0;
}

int bpf_listing_build(const struct bpf_listing *l, uint64_t netns, struct builder *b) {
        const struct listed_places *p = &l->endpoint_places;
        int r = 0;

        for (size_t i = first_not_below(p, netns, false); r >= 0 && i < p->n && p->at[i].netns == netns; i++)
                r = build_endpoint(l, l->endpoints + p->at[i].row, b);
        p = &l->association_places;
        for (size_t i = first_not_below(p, netns, false); r >= 0 && i < p->n && p->at[i].netns == netns; i++)
                r = build_association(l, l->associations + p->at[i].row, b);

        return r;
}

static uint64_t next_netns(const struct listed_places *p, uint64_t netns) {
        size_t i = first_not_below(p, netns + 1, false);

        return i < p->n ? p->at[i].netns : 0;
}

uint64_t bpf_listing_next_netns(const struct bpf_listing *l, uint64_t netns) {
        uint64_t x = next_netns(&l->association_places, netns), y = next_netns(&l->endpoint_places, netns);

        return x == 0 || (y != 0 && y < x) ? y : x;
}
