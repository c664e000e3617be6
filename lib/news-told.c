/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "changes.h"
#include "news-told.h"

struct news_told {
        struct news_told_entry *entries;
        size_t n, allocated;
        struct index index;
        size_t n_places, places_max;    /* entries of the index: one by id, one by tag; some are out of date */
        struct index ends;              /* made when needed */
};

int news_told_new(struct news_told **ret) {
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

struct news_told *news_told_free(struct news_told *t) {
        if (t) {
                for (size_t i = 0; i < t->n; i++)
                        snapshot_unref(t->entries[i].news);
                free(t->entries);
                index_done(&t->index);
                index_done(&t->ends);
                free(t);
        }
        return NULL;
}

static uint64_t hash_id(const struct association *a) {
        return index_hash(a->netns ^ index_hash(a->id));
}

static uint64_t hash_tag(const struct association *a) {
        return index_hash(a->netns ^ index_hash((uint64_t) a->detail.local_tag << 32 | (uint32_t) a->local_port << 16 |
                                                a->peer_port));
}

static bool has_tag(const struct association *a) {
        return FIELD_GIVEN(a, ASSOCIATION_LOCAL_TAG) && a->detail.local_tag != 0;
}

static bool same_id(const struct association *a, const struct association *b) {
        return a->netns == b->netns && a->id == b->id;
}

static bool same_tag(const struct association *a, const struct association *b) {
        return a->netns == b->netns && has_tag(b) && a->detail.local_tag == b->detail.local_tag &&
               a->local_port == b->local_port && a->peer_port == b->peer_port && (a->id == 0 || b->id == 0);
}

static struct news_told_entry *find(const struct news_told *t, const struct association *a) {
        size_t cursor = 0;
        uint32_t i;

        if (!t->index.slots)
                return NULL;
        if (a->id != 0)
                while (index_next(&t->index, hash_id(a), &cursor, &i))
                        if (same_id(a, t->entries[i].association))
                                return t->entries + i;
        cursor = 0;
        if (has_tag(a))
                while (index_next(&t->index, hash_tag(a), &cursor, &i))
                        if (same_tag(a, t->entries[i].association))
                                return t->entries + i;

        return NULL;
}

const struct news_told_entry *news_told_find(const struct news_told *t, const struct association *a) {
        return find(t, a);
}

static int make_ends(struct news_told *t) {
        size_t n = 0;
        int r;

        for (size_t i = 0; i < t->n; i++)
                n += index_pairs(t->entries[i].association);
        r = index_init(&t->ends, n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < t->n; i++) {
                const struct news_told_entry *e = t->entries + i;

                index_add_pairs(&t->ends, e->association, snapshot_addresses(e->news, e->association->local),
                                snapshot_paths(e->news, e->association->paths), (uint32_t) i);
        }
        return 0;
}

static bool same_ends(const struct news_told_entry *e, const struct snapshot *s, const struct association *a, bool last) {
        const struct association *b = e->association;

        return (a->id == 0 || b->id == 0) && snapshot_same_association(s, a, e->news, b) &&
               (last || !association_state_begins_anew(a->state, b->state));
}

int news_told_find_ends(struct news_told *t, const struct snapshot *s, const struct association *a, bool last,
                        const struct news_told_entry **ret) {
        const struct address *local = snapshot_addresses(s, a->local);
        const struct path *paths = snapshot_paths(s, a->paths);
        const struct news_told_entry *found = NULL;
        size_t pair = 0, cursor = 0;
        uint32_t i;
        int r;

        *ret = NULL;
        if (has_tag(a))
                return 0;
        if (!t->ends.slots) {
                r = make_ends(t);
                if (r < 0)
                        return r;
        }
        while (index_next_pair(&t->ends, a, local, paths, &pair, &cursor, &i))
                if (same_ends(t->entries + i, s, a, last) &&
                    (!found || (last ? t->entries + i > found : t->entries + i < found)))
                        found = t->entries + i;

        *ret = found;
        return 0;
}

static void place(struct news_told *t, size_t i) {
        const struct association *a = t->entries[i].association;

        if (a->id != 0) {
                index_add(&t->index, hash_id(a), (uint32_t) i);
                t->n_places++;
        }
        if (has_tag(a)) {
                index_add(&t->index, hash_tag(a), (uint32_t) i);
                t->n_places++;
        }
}

/* All entries' anew. */
static int make_index(struct news_told *t) {
        struct index fresh = {};
        int r;

        t->places_max = MAX(8 * t->n, (size_t) 1024);
        r = index_init(&fresh, t->places_max);
        if (r < 0)
                return r;
        index_done(&t->index);
        t->index = fresh;
        t->n_places = 0;
        for (size_t i = 0; i < t->n; i++)
                place(t, i);
        return 0;
}

int news_told_rows_init(struct news_told_rows *rows, const struct snapshot *look) {
        const struct association *a = snapshot_associations(look);
        uint32_t n = snapshot_head(look)->n_associations;
        int r;

        rows->look = look;
        r = index_init(&rows->index, 2 * (size_t) n);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < n; i++) {
                if (a[i].id != 0)
                        index_add(&rows->index, hash_id(a + i), i);
                if (has_tag(a + i))
                        index_add(&rows->index, hash_tag(a + i), i);
        }
        return 0;
}

void news_told_rows_done(struct news_told_rows *rows) {
        index_done(&rows->index);
}

const struct association *news_told_rows_find(const struct news_told_rows *rows, const struct association *a) {
        const struct association *all = snapshot_associations(rows->look);
        size_t cursor = 0;
        uint32_t i;

        if (a->id != 0)
                while (index_next(&rows->index, hash_id(a), &cursor, &i))
                        if (same_id(a, all + i))
                                return all + i;
        cursor = 0;
        if (has_tag(a))
                while (index_next(&rows->index, hash_tag(a), &cursor, &i))
                        if (same_tag(a, all + i))
                                return all + i;
        return NULL;
}

static bool ends(const struct happening *h) {
        return h->type == CHANGE_ASSOCIATION_DOWN;
}

bool news_told_has_room(const struct news_told *t, const struct association *a) {
        return t->n < NEWS_TOLD_MAX || find(t, a);
}

int news_told_add(struct news_told *t, struct snapshot *news, uint32_t i) {
        const struct association *a = snapshot_associations(news) + i;
        const struct happening *h = snapshot_happenings(news) + i;
        struct news_told_entry *e;
        bool known;
        int r;

        index_done(&t->ends);
        if (!t->index.slots || t->n_places + 2 > t->places_max) {
                r = make_index(t);
                if (r < 0)
                        return r;
        }
        e = find(t, a);
        if (!e) {
                if (t->n >= t->allocated) {
                        size_t more = MAX(t->allocated * 2, (size_t) 64);
                        struct news_told_entry *bigger = reallocarray(t->entries, more, sizeof(*bigger));

                        if (!bigger)
                                return -ENOMEM;
                        t->entries = bigger;
                        t->allocated = more;
                }
                e = t->entries + t->n++;
                *e = (struct news_told_entry) {};
        }

        known = e->news && same_id(e->association, a) && e->association->detail.local_tag == a->detail.local_tag;
        snapshot_unref(e->news);
        *e = (struct news_told_entry) {
                .news = snapshot_ref(news),
                .association = a,
                .at = h->at_monotonic,
                .gone = ends(h),
                .removed = h->type == CHANGE_PATH_REMOVED ? snapshot_paths(news, a->paths) + h->path : NULL,
        };
        if (!known)
                place(t, (size_t) (e - t->entries));
        return 0;
}

size_t news_told_count(const struct news_told *t) {
        return t->n;
}

const struct news_told_entry *news_told_at(const struct news_told *t, size_t i) {
        return t->entries + i;
}

void news_told_keep(struct news_told *t, size_t i, bool missed) {
        t->entries[i].kept = true;
        t->entries[i].misses += missed;
}

int news_told_forget(struct news_told *t, uint64_t since) {
        size_t kept = 0;

        index_done(&t->ends);
        for (size_t i = 0; i < t->n; i++)
                if (t->entries[i].at >= since || t->entries[i].kept) {
                        t->entries[i].kept = false;
                        t->entries[kept++] = t->entries[i];
                } else
                        snapshot_unref(t->entries[i].news);
        if (kept == t->n)
                return 0;

        t->n = kept;
        return make_index(t);
}
