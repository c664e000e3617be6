/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "alias.h"
#include "index.h"
#include "text.h"

struct name {
        char text[ALIAS_NAME_MAX + 1];
        uint16_t port;                  /* 0: any */
        uint16_t addresses;
};

/* One address of a name. */
struct end {
        struct address address;
        uint32_t name;
};

struct alias_table {
        unsigned refs;
        struct name *names;
        struct end *ends;
        size_t n_names, n_ends, names_allocated, ends_allocated;
        struct index by_name;           /* grows with the names */
        size_t indexed;                 /* for so many */
        struct index by_address;        /* of the ends */
};

int alias_table_new(struct alias_table **ret) {
        struct alias_table *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        t->refs = 1;
        *ret = t;
        return 0;
}

struct alias_table *alias_table_ref(struct alias_table *t) {
        if (t)
                t->refs++;
        return t;
}

struct alias_table *alias_table_unref(struct alias_table *t) {
        if (t && --t->refs == 0) {
                index_done(&t->by_name);
                index_done(&t->by_address);
                free(t->names);
                free(t->ends);
                free(t);
        }
        return NULL;
}

bool alias_is_name(const char *name) {
        size_t length = strlen(name), n;
        struct address address;

        if (length == 0 || length > ALIAS_NAME_MAX || name[0] == ' ' || name[length - 1] == ' ' ||
            strpbrk(name, "/:"))
                return false;
        for (size_t i = 0; i < length; i += n) {
                n = text_printable(name + i, length - i);
                if (n == 0)
                        return false;
        }

        return address_parse(name, length, &address) < 0;
}

static uint64_t hash_name(const char *name) {
        uint64_t hash = 0;

        for (const char *c = name; *c; c++)
                hash = index_hash(hash ^ (unsigned char) *c);
        return hash;
}

static bool find_name(const struct alias_table *t, const char *name) {
        size_t cursor = 0;
        uint32_t i;

        while (t->indexed > 0 && index_next(&t->by_name, hash_name(name), &cursor, &i))
                if (strcmp(t->names[i].text, name) == 0)
                        return true;

        return false;
}

/* Room for one more element. */
static int grow(void **array, size_t *allocated, size_t n, size_t size) {
        size_t more = MAX(*allocated * 2, (size_t) 16);
        void *bigger;

        if (n < *allocated)
                return 0;
        bigger = reallocarray(*array, more, size);
        if (!bigger)
                return -ENOMEM;
        *array = bigger;
        *allocated = more;
        return 0;
}

static int grow_index(struct alias_table *t) {
        struct index bigger = {};
        int r;

        if (t->n_names < t->indexed)
                return 0;
        r = index_init(&bigger, t->names_allocated);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < t->n_names; i++)
                index_add(&bigger, hash_name(t->names[i].text), i);
        index_done(&t->by_name);
        t->by_name = bigger;
        t->indexed = t->names_allocated;
        return 0;
}

int alias_add(struct alias_table *t, const char *name) {
        int r;

        if (!alias_is_name(name))
                return -EINVAL;
        if (find_name(t, name))
                return -EEXIST;
        if (t->n_names == ALIAS_NAMES_MAX)
                return -E2BIG;

        r = grow((void **) &t->names, &t->names_allocated, t->n_names, sizeof(*t->names));
        if (r >= 0)
                r = grow_index(t);
        if (r < 0)
                return r;

        t->names[t->n_names] = (struct name) {};
        strcpy(t->names[t->n_names].text, name);
        index_add(&t->by_name, hash_name(name), (uint32_t) t->n_names);
        t->n_names++;
        return 0;
}

int alias_add_address(struct alias_table *t, const struct address *address) {
        struct name *last = t->names + t->n_names - 1;
        int r;

        if (last->addresses == ALIAS_ADDRESSES_MAX)
                return -E2BIG;
        r = grow((void **) &t->ends, &t->ends_allocated, t->n_ends, sizeof(*t->ends));
        if (r < 0)
                return r;

        t->ends[t->n_ends++] = (struct end) { *address, (uint32_t) t->n_names - 1 };
        last->addresses++;
        return 0;
}

void alias_set_port(struct alias_table *t, uint16_t port) {
        t->names[t->n_names - 1].port = port;
}

unsigned alias_count_addresses(const struct alias_table *t) {
        return t->names[t->n_names - 1].addresses;
}

/* Those of one address are tried one after the other: the same twice is of no use. */
static int compare_ends(const void *a, const void *b) {
        const struct end *x = a, *y = b;

        return address_compare(&x->address, &y->address) ?: CMP(x->name, y->name);
}

int alias_finish(struct alias_table *t) {
        size_t n = 0;
        int r;

        if (t->n_ends > 0)
                qsort(t->ends, t->n_ends, sizeof(*t->ends), compare_ends);
        for (size_t i = 0; i < t->n_ends; i++)
                if (n == 0 || compare_ends(t->ends + n - 1, t->ends + i) != 0)
                        t->ends[n++] = t->ends[i];
        t->n_ends = n;

        r = index_init(&t->by_address, t->n_ends);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < t->n_ends; i++)
                index_add(&t->by_address, index_hash_address(0, &t->ends[i].address), i);
        return 0;
}

bool alias_has(const struct alias_table *t, const char *name) {
        return t && find_name(t, name);
}

static bool comes_before(const struct name *a, const struct name *b) {
        return (a->port != 0) != (b->port != 0) ? a->port != 0 : strcmp(a->text, b->text) < 0;
}

const char *alias_find(const struct alias_table *t, const struct snapshot *s, const struct association *a) {
        const struct name *best = NULL;
        const struct path *paths;

        if (!t)
                return NULL;

        paths = snapshot_paths(s, a->paths);
        for (uint32_t i = 0; i < a->paths.count; i++) {
                uint64_t hash = index_hash_address(0, &paths[i].address);
                size_t cursor = 0;
                uint32_t found;

                while (index_next(&t->by_address, hash, &cursor, &found)) {
                        const struct end *e = t->ends + found;
                        const struct name *name = t->names + e->name;

                        if (address_equal(&e->address, &paths[i].address) &&
                            (name->port == 0 || name->port == a->peer_port) && (!best || comes_before(name, best)))
                                best = name;
                }
        }

        return best ? best->text : NULL;
}
