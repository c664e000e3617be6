/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/socket.h>

#include "index.h"
#include "bpf-listing.h"
#include "bpf-record.h"

struct listed {
        uint64_t key;
        struct association association; /* its ranges are those of the listing's own arrays */
};

struct listed_place {
        uint64_t netns;
        uint32_t id;
        uint32_t row;
};

void bpf_listing_done(struct bpf_listing *l) {
        free(l->rows);
        free(l->addresses);
        free(l->paths);
        free(l->seen);
        free(l->places);
        *l = (struct bpf_listing) {};
}

void bpf_listing_clear(struct bpf_listing *l) {
        l->n_rows = l->n_addresses = l->n_paths = l->n_seen = l->n_places = 0;
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

static int add_association(struct bpf_listing *l, const struct record_association *r) {
        struct listed row = { .key = r->head.key };
        int k = bpf_record_association(r, l->hz, l->at, &row.association);

        if (k >= 0)
                k = GROW(l, rows, 0, l->n_rows, SNAPSHOT_ASSOCIATIONS_MAX);
        if (k < 0)
                return k;

        row.association.local.first = (uint32_t) l->n_addresses;
        row.association.paths.first = (uint32_t) l->n_paths;
        l->rows[l->n_rows++] = row;
        return 0;
}

static int add_local(struct bpf_listing *l, struct association *a, const struct record_local *r) {
        struct address address;
        int k = bpf_record_address(&r->address, &address);

        if (k >= 0 && a->local.count >= SNAPSHOT_ROW_MAX)
                k = -E2BIG;
        if (k >= 0)
                k = GROW(l, addresses, 1, l->n_addresses, SNAPSHOT_ADDRESSES_MAX);
        if (k < 0)
                return k;

        l->addresses[l->n_addresses++] = address;
        a->local.count++;
        return 0;
}

static int add_path(struct bpf_listing *l, struct association *a, const struct record_path *r) {
        struct path path;
        int k = bpf_record_path(r, l->hz, &path);

        if (k >= 0 && a->paths.count >= SNAPSHOT_ROW_MAX)
                k = -E2BIG;
        if (k >= 0)
                k = GROW(l, paths, 2, l->n_paths, SNAPSHOT_PATHS_MAX);
        if (k < 0)
                return k;

        l->paths[l->n_paths++] = path;
        a->paths.count++;
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
        struct listed *row = l->n_rows > 0 ? l->rows + l->n_rows - 1 : NULL;

        if (size < sizeof(*head))
                return -EBADMSG;
        if (head->kind == RECORD_ASSOCIATION && size >= sizeof(struct record_association))
                return add_association(l, record);
        if (head->kind == RECORD_SEEN)
                return add_seen(l, head->key);
        if (!row || row->key != head->key)
                return -EBADMSG;
        if (head->kind == RECORD_LOCAL && size >= sizeof(struct record_local))
                return add_local(l, &row->association, record);
        if (head->kind == RECORD_PATH && size >= sizeof(struct record_path))
                return add_path(l, &row->association, record);

        return -EBADMSG;
}

static int compare_places(const void *x, const void *y) {
        const struct listed_place *a = x, *b = y;
        int c = CMP(a->netns, b->netns);

        return c != 0 ? c : CMP(a->id, b->id);
}

static bool is_known(const struct bpf_listing *l, const struct index *x, uint64_t key) {
        size_t cursor = 0;
        uint32_t row;

        while (index_next(x, index_hash(key), &cursor, &row))
                if (l->rows[row].key == key)
                        return true;

        return false;
}

int bpf_listing_finish(struct bpf_listing *l) {
        _cleanup_(index_done) struct index known = {};
        int r;

        r = index_init(&known, l->n_rows);
        if (r < 0)
                return r;
        free(l->places);
        l->n_places = 0;
        l->places = calloc(MAX(l->n_rows, (size_t) 1), sizeof(*l->places));
        if (!l->places)
                return -ENOMEM;

        for (size_t i = l->n_rows; i-- > 0;) {
                const struct association *a = &l->rows[i].association;

                if (is_known(l, &known, l->rows[i].key))
                        continue;
                index_add(&known, index_hash(l->rows[i].key), (uint32_t) i);
                l->places[l->n_places++] = (struct listed_place) { a->netns, a->id, (uint32_t) i };
        }
        for (size_t i = 0; i < l->n_seen; i++)
                if (!is_known(l, &known, l->seen[i]))
                        return -EAGAIN;

        qsort(l->places, l->n_places, sizeof(*l->places), compare_places);
        return 0;
}

/* The first place of this namespace, or of one above it. */
static size_t first_of(const struct bpf_listing *l, uint64_t netns) {
        size_t low = 0, high = l->n_places;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (l->places[middle].netns < netns)
                        low = middle + 1;
                else
                        high = middle;
        }

        return low;
}

static int build_row(const struct bpf_listing *l, const struct association *row, struct builder *b) {
        struct range local = { (uint32_t) b->n_addresses, row->local.count },
                     paths = { (uint32_t) b->n_paths, row->paths.count };
        struct association *a;
        int r = 0;

        for (uint32_t i = 0; r >= 0 && i < local.count; i++) {
                struct address *address;

                r = builder_add_address(b, &address);
                if (r >= 0)
                        *address = l->addresses[row->local.first + i];
        }
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

int bpf_listing_build(const struct bpf_listing *l, uint64_t netns, struct builder *b) {
        int r = 0;

        for (size_t i = first_of(l, netns); r >= 0 && i < l->n_places && l->places[i].netns == netns; i++)
                r = build_row(l, &l->rows[l->places[i].row].association, b);

        return r;
}

uint64_t bpf_listing_next_netns(const struct bpf_listing *l, uint64_t netns) {
        size_t i = first_of(l, netns + 1);

        return i < l->n_places ? l->places[i].netns : 0;
}
