/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <search.h>
#include <string.h>

#include "json.h"
#include "rows.h"
#include "state.h"

/* Whatever the daemon tells, no more than this is kept. */
#ifndef ROWS_MAX
#define ROWS_MAX 100000u
#endif
#ifndef ROWS_BYTES_MAX
#define ROWS_BYTES_MAX ((size_t) 1 << 30)
#endif
/* Of one association: some hundred paths. */
#ifndef ROW_BYTES_MAX
#define ROW_BYTES_MAX ((size_t) 256 * 1024)
#endif
/* What a JSON value takes in memory, roughly: itself and its name. */
#define VALUE_BYTES 100u

TAILQ_HEAD(row_list, row);

struct rows {
        const struct options *options;
        struct grid *grid;              /* for single cells */
        const struct column *columns;
        struct row_list all, marked;    /* all; those with a mark, the oldest first */
        void *by_name;                  /* tsearch() tree of those that are not gone */
        struct row **order;
        size_t n_order, order_allocated, n_all, bytes;
        struct totals totals;
        uint64_t serial;
        unsigned telling;               /* counts how often all was told anew */
        bool ready;                     /* they have been told once; until then there is no order */
        bool left_out;
        size_t sort;                    /* column */
        bool reverse;
        char filter[ROWS_FILTER_MAX + 1];
        uint64_t filter_columns;
        struct row *cursor, *held;      /* NULL: at the first; none */
};

/* Order */

static void key_done(struct row_key *key) {
        free(key->text);
        *key = (struct row_key) {};
}

static int key_make(struct rows *s, json_t *object, struct row_key *ret) {
        const struct column *column;
        const char *member;
        json_t *value;

        *ret = (struct row_key) {};
        if (s->sort >= grid_columns(s->grid))
                return 0;
        column = s->columns + s->sort;
        member = column->sort ?: column->right ? column->member : NULL;
        if (member) {
                value = json_object_get(object, member);
                ret->kind = json_is_integer(value) ? KEY_NUMBER : KEY_NONE;
                ret->number = json_integer_value(value);
                return 0;
        }
        ret->text = grid_text(s->grid, UINT64_C(1) << s->sort, object);
        if (!ret->text)
                return -ENOMEM;
        /* As the grid shows nothing. */
        ret->kind = strcmp(ret->text, "-") == 0 ? KEY_NONE : KEY_TEXT;
        return 0;
}

static int compare_keys(const struct row_key *a, const struct row_key *b) {
        return a->kind == KEY_TEXT ? strverscmp(a->text, b->text) : CMP(a->number, b->number);
}

static int compare_names(const void *a, const void *b) {
        const struct row *x = a, *y = b;
        int r = CMP(x->netns, y->netns);

        r = r ?: CMP(x->id, y->id);
        if (x->id > 0)
                return r;
        r = r ?: CMP(x->local_port, y->local_port);
        return r ?: CMP(x->peer_port, y->peer_port);
}

/* No two rows are equal: so a row is found by itself. */
static int compare_rows(const void *a, const void *b, void *userdata) {
        const struct row *x = *(struct row *const *) a, *y = *(struct row *const *) b;
        const struct rows *s = userdata;
        int r;

        if ((x->key.kind == KEY_NONE) != (y->key.kind == KEY_NONE))
                return x->key.kind == KEY_NONE ? 1 : -1;
        r = compare_keys(&x->key, &y->key);
        r = r ?: compare_names(x, y);
        r = r ?: CMP(x->serial, y->serial);
        return s->reverse ? -r : r;
}

/* Where it is, or belongs. */
static size_t place_of(const struct rows *s, struct row *row) {
        size_t from = 0, to = s->n_order;

        while (from < to) {
                size_t middle = from + (to - from) / 2;

                if (compare_rows(s->order + middle, &row, (void *) s) < 0)
                        from = middle + 1;
                else
                        to = middle;
        }
        return from;
}

static int order_reserve(struct rows *s, size_t n) {
        struct row **order;

        if (n <= s->order_allocated)
                return 0;
        n = MAX(n, MAX(s->order_allocated * 2, (size_t) 64));
        order = reallocarray(s->order, n, sizeof(*order));
        if (!order)
                return -ENOMEM;
        s->order = order;
        s->order_allocated = n;
        return 0;
}

static void order_remove(struct rows *s, struct row *row) {
        size_t place;

        if (!row->shown)
                return;
        place = place_of(s, row);
        s->n_order--;
        memmove(s->order + place, s->order + place + 1, (s->n_order - place) * sizeof(*s->order));
        row->shown = false;
        if (s->cursor == row)
                s->cursor = s->n_order > 0 ? s->order[MIN(place, s->n_order - 1)] : NULL;
}

static int order_insert(struct rows *s, struct row *row) {
        size_t place;

        if (order_reserve(s, s->n_order + 1) < 0)
                return -ENOMEM;
        place = place_of(s, row);
        memmove(s->order + place + 1, s->order + place, (s->n_order - place) * sizeof(*s->order));
        s->order[place] = row;
        s->n_order++;
        row->shown = true;
        return 0;
}

/* The filter */

static int text_make(struct rows *s, struct row *row) {
        _cleanup_free_ char *cells = NULL;
        json_t *owner;
        size_t size, i;
        FILE *f;

        cells = grid_text(s->grid, s->filter_columns, row->object);
        f = cells ? open_memstream(&row->text, &size) : NULL;
        if (!f)
                return -ENOMEM;
        fprintf(f, "%s\n%s\n%s", cells, member_string(row->object, "peerName"), member_string(row->object, "container"));
        json_array_foreach(json_object_get(row->object, "owners"), i, owner)
                fprintf(f, "\n%s\n%s", member_string(owner, "command"), member_string(owner, "container"));
        return fclose(f) == 0 ? 0 : -ENOMEM;
}

/* 1, 0, -ENOMEM */
static int matches(struct rows *s, struct row *row) {
        char words[sizeof(s->filter)], *state, *word;
        int r;

        if (s->filter[0] == '\0')
                return 1;
        if (!row->text) {
                r = text_make(s, row);
                if (r < 0)
                        return r;
        }
        memcpy(words, s->filter, sizeof(words));
        for (word = strtok_r(words, " ", &state); word; word = strtok_r(NULL, " ", &state))
                if (!strcasestr(row->text, word))
                        return 0;
        return 1;
}

/* Gives all their places anew, with other keys or another filter than before. */
static int order_make(struct rows *s, bool keys, bool texts) {
        struct row *row;
        int r;

        s->n_order = 0;
        r = order_reserve(s, s->n_all);
        TAILQ_FOREACH(row, &s->all, entry) {
                row->shown = false;
                if (keys && r >= 0) {
                        key_done(&row->key);
                        r = key_make(s, row->object, &row->key);
                }
                if (texts) {
                        free(row->text);
                        row->text = NULL;
                }
                r = r < 0 ? r : matches(s, row);
                if (r > 0) {
                        row->shown = true;
                        s->order[s->n_order++] = row;
                }
        }
        if (s->n_order > 0)
                qsort_r(s->order, s->n_order, sizeof(*s->order), compare_rows, s);
        if (s->cursor && !s->cursor->shown)
                s->cursor = NULL;
        return MIN(r, 0);
}

int rows_sort(struct rows *s, size_t column, bool reverse) {
        bool keys = column != s->sort;

        s->sort = column;
        s->reverse = reverse;
        return order_make(s, keys, false);
}

int rows_filter(struct rows *s, const char *text, uint64_t columns) {
        bool other_columns = columns != s->filter_columns;

        s->filter_columns = columns;
        if (strcmp(text, s->filter) == 0 && (!other_columns || !text[0]))
                return 0;
        snprintf(s->filter, sizeof(s->filter), "%s", text);
        return order_make(s, false, other_columns);
}

/* Names */

static bool arrays_overlap(json_t *a, json_t *b) {
        json_t *x, *y;
        size_t i, j;

        json_array_foreach(a, i, x)
                json_array_foreach(b, j, y)
                        if (json_equal(x, y))
                                return true;
        return false;
}

static void name_read(struct row *row, json_t *object) {
        row->netns = member_int(object, "netns");
        row->id = MAX(member_int(object, "associationId"), 0);
        row->local_port = member_int(object, "localPort");
        row->peer_port = member_int(object, "peerPort");
}

static struct row *find(struct rows *s, json_t *object) {
        struct row name, **found;

        name_read(&name, object);
        found = name.id > 0 ? tfind(&name, &s->by_name, compare_names) : NULL;
        if (found)
                return *found;
        /* The same association before it had an id */
        name.id = 0;
        found = tfind(&name, &s->by_name, compare_names);
        for (struct row *row = found ? *found : NULL; row; row = row->same)
                if (arrays_overlap(json_object_get(row->object, "peerAddresses"),
                                   json_object_get(object, "peerAddresses")))
                        return row;
        return NULL;
}

static int name_add(struct rows *s, struct row *row) {
        struct row **found;

        name_read(row, row->object);
        row->same = NULL;
        found = tsearch(row, &s->by_name, compare_names);
        if (!found)
                return -ENOMEM;
        if (*found != row) {
                row->same = (*found)->same;
                (*found)->same = row;
        }
        return 0;
}

static void name_remove(struct rows *s, struct row *row) {
        struct row **found = tfind(row, &s->by_name, compare_names), *other;

        if (!found)
                return;
        if (*found != row) {
                for (other = *found; other && other->same != row; other = other->same)
                        ;
                if (other)
                        other->same = row->same;
        } else if (row->same)
                *found = row->same;
        else
                (void) tdelete(row, &s->by_name, compare_names);
        row->same = NULL;
}

/* Rows */

static size_t weigh(json_t *value) {
        size_t bytes = VALUE_BYTES, i;
        const char *name;
        json_t *part;

        if (json_is_string(value))
                return bytes + json_string_length(value);
        json_array_foreach(value, i, part)
                bytes += weigh(part);
        json_object_foreach(value, name, part)
                bytes += weigh(part) + strlen(name);
        return bytes;
}

static void unmark(struct rows *s, struct row *row) {
        if (row->mark)
                TAILQ_REMOVE(&s->marked, row, marking);
        row->mark = 0;
}

static void mark(struct rows *s, struct row *row, char mark, uint64_t now) {
        /* What is new stays new for its time. */
        if (row->mark == '+' && mark == '~')
                mark = '+';
        unmark(s, row);
        row->mark = mark;
        row->marked = now;
        TAILQ_INSERT_TAIL(&s->marked, row, marking);
}

static void row_free(struct row *row) {
        json_decref(row->object);
        key_done(&row->key);
        free(row->text);
        free(row);
}

/* Takes it out altogether. */
static void row_remove(struct rows *s, struct row *row) {
        if (row->mark != '-') {
                name_remove(s, row);
                totals_count(&s->totals, row->object, -1);
        }
        order_remove(s, row);
        unmark(s, row);
        TAILQ_REMOVE(&s->all, row, entry);
        s->n_all--;
        s->bytes -= row->bytes;
        row->removed = true;
        if (row != s->held)
                row_free(row);
}

/* A row that is gone keeps its place in the picture and nowhere else. */
static void row_gone(struct rows *s, struct row *row, uint64_t now) {
        name_remove(s, row);
        totals_count(&s->totals, row->object, -1);
        mark(s, row, '-', now);
}

/* Where it belongs with the object that it has now. */
static int row_place(struct rows *s, struct row *row) {
        int r;

        if (!s->ready)
                return 0;
        free(row->text);
        row->text = NULL;
        r = matches(s, row);
        return r > 0 ? order_insert(s, row) : r;
}

static int row_add(struct rows *s, json_t *object, size_t bytes, struct row **ret) {
        struct row *row;
        int r;

        row = calloc(1, sizeof(*row));
        if (!row)
                return -ENOMEM;
        row->object = json_incref(object);
        row->serial = s->serial++;
        row->bytes = bytes;
        TAILQ_INSERT_TAIL(&s->all, row, entry);
        s->n_all++;
        s->bytes += bytes;
        totals_count(&s->totals, object, +1);
        r = name_add(s, row);
        if (r >= 0)
                r = key_make(s, object, &row->key);
        if (r >= 0)
                r = row_place(s, row);
        *ret = row;
        return r;
}

static int row_update(struct rows *s, struct row *row, json_t *object, size_t bytes) {
        _cleanup_(json_decref_p) json_t *before = row->object;
        struct row *cursor = s->cursor;
        struct row_key key, old;
        struct row name = {};
        bool renamed, moved;
        int r;

        totals_count(&s->totals, before, -1);
        totals_count(&s->totals, object, +1);
        s->bytes += bytes - row->bytes;
        row->bytes = bytes;
        row->object = json_incref(object);
        free(row->text);
        row->text = NULL;

        r = key_make(s, object, &key);
        if (r < 0)
                return r;
        name_read(&name, object);
        renamed = name.id != row->id;
        moved = renamed || key.kind != row->key.kind || compare_keys(&key, &row->key) != 0;
        if (!moved && s->filter[0] == '\0') {
                key_done(&key);
                return 0;
        }

        order_remove(s, row);
        old = row->key;
        row->key = key;
        key_done(&old);
        if (renamed) {
                name_remove(s, row);
                r = name_add(s, row);
                if (r < 0)
                        return r;
        }
        r = row_place(s, row);
        if (row->shown)
                s->cursor = cursor;
        return r;
}

/* Whether a person should look: a path changed its state, or another is the primary. Figures alone
 * change all the time. */
static bool differ(json_t *a, json_t *b) {
        json_t *p = json_object_get(a, "paths"), *q = json_object_get(b, "paths"), *path;
        size_t i;

        if (strcmp(member_string(a, "state"), member_string(b, "state")) != 0 ||
            strcmp(member_string(a, "primaryAddress"), member_string(b, "primaryAddress")) != 0 ||
            json_array_size(p) != json_array_size(q))
                return true;
        json_array_foreach(p, i, path)
                if (strcmp(member_string(path, "state"), member_string(json_array_get(q, i), "state")) != 0)
                        return true;
        return false;
}

/* Not in the state that was asked for, or not impaired. What is left of one that has ended is nobody's news when it
 * goes, either. */
static bool unwanted(const struct rows *s, json_t *association) {
        json_t *state = json_object_get(s->options->filter, "state"),
               *impaired = json_object_get(s->options->filter, "impaired");

        return strcmp(member_string(association, "state"), "closed") == 0 ||
                (state && !json_equal(state, json_object_get(association, "state"))) ||
                (impaired && !json_equal(impaired, json_object_get(association, "impaired")));
}

/* `*ret` is NULL if there is no row for it. */
static int put(struct rows *s, json_t *object, bool *ret_new, struct row **ret) {
        struct row *row = find(s, object);
        size_t bytes = weigh(object), others = s->bytes - (row ? row->bytes : 0);

        *ret = NULL;
        *ret_new = !row;
        if (bytes > ROW_BYTES_MAX || bytes > ROWS_BYTES_MAX - MIN(others, ROWS_BYTES_MAX) ||
            (!row && s->n_all >= ROWS_MAX)) {
                s->left_out = true;
                /* What it was would not be true any more. */
                if (row)
                        row_remove(s, row);
                return 0;
        }
        if (!row)
                return row_add(s, object, bytes, ret);
        *ret = row;
        return row_update(s, row, object, bytes);
}

int rows_put(struct rows *s, json_t *association, uint64_t now) {
        struct row *row = find(s, association);
        bool other = row && differ(row->object, association), new;
        int r;

        if (!row && unwanted(s, association))
                return 0;
        r = put(s, association, &new, &row);
        if (r < 0 || !row)
                return r;
        /* At the very start all is new, so nothing is. */
        if (s->ready && (new || other))
                mark(s, row, new ? '+' : '~', now);
        row->telling = s->telling;
        if (unwanted(s, association))
                row_gone(s, row, now);
        return 0;
}

int rows_change(struct rows *s, json_t *change, uint64_t now) {
        json_t *association = json_object_get(change, "association");
        const char *state = member_string(change, "newState");
        _cleanup_(json_decref_p) json_t *object = NULL;
        struct row *row;
        bool gone, new;
        int r;

        object = json_copy(association);
        if (!object || (state[0] && json_object_set_new(object, "state", json_string(state)) < 0))
                return -ENOMEM;
        gone = strcmp(member_string(change, "type"), "association_down") == 0 || unwanted(s, object);
        if (gone && !find(s, object))
                return 0;
        r = put(s, object, &new, &row);
        if (r < 0 || !row)
                return r;
        mark(s, row, new ? '+' : '~', now);
        row->telling = s->telling;
        if (gone)
                row_gone(s, row, now);
        return 0;
}

void rows_begin(struct rows *s) {
        s->telling++;
        s->left_out = false;
}

void rows_ready(struct rows *s, uint64_t now) {
        struct row *row;

        TAILQ_FOREACH(row, &s->all, entry)
                if (row->telling != s->telling && row->mark != '-')
                        row_gone(s, row, now);
        if (s->ready)
                return;
        s->ready = true;
        (void) order_make(s, false, false);
}

bool rows_expire(struct rows *s, uint64_t now) {
        bool any = false;
        struct row *row;

        while ((row = TAILQ_FIRST(&s->marked)) && now - MIN(now, row->marked) >= ROWS_MARK_USEC) {
                any = true;
                if (row->mark == '-')
                        row_remove(s, row);
                else
                        unmark(s, row);
        }
        return any;
}

const struct totals *rows_totals(const struct rows *s) {
        return &s->totals;
}

bool rows_left_out(const struct rows *s) {
        return s->left_out;
}

size_t rows_count(const struct rows *s) {
        return s->n_order;
}

size_t rows_total(const struct rows *s) {
        return s->n_all;
}

struct row *rows_at(struct rows *s, size_t index) {
        return index < s->n_order ? s->order[index] : NULL;
}

size_t rows_cursor(const struct rows *s) {
        return s->cursor ? place_of(s, s->cursor) : 0;
}

void rows_move(struct rows *s, size_t index) {
        s->cursor = index > 0 && s->n_order > 0 ? s->order[MIN(index, s->n_order - 1)] : NULL;
}

void rows_hold(struct rows *s, struct row *row) {
        if (s->held && s->held != row && s->held->removed)
                row_free(s->held);
        s->held = row;
}

struct row *rows_held(const struct rows *s) {
        return s->held;
}

int rows_new(const struct column *columns, size_t n_columns, const struct options *o, struct rows **ret) {
        _cleanup_(rows_free_p) struct rows *s = NULL;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        TAILQ_INIT(&s->all);
        TAILQ_INIT(&s->marked);
        s->options = o;
        s->columns = columns;
        s->sort = n_columns;
        s->totals.state_name = association_state_name;
        s->grid = grid_new(columns, n_columns, LAYOUT_FIRST, o);
        if (!s->grid)
                return -ENOMEM;
        *ret = steal_ptr(s);
        return 0;
}

static void keep(void *row) {
        (void) row;
}

struct rows *rows_free(struct rows *s) {
        struct row *row;

        if (!s)
                return NULL;
        rows_hold(s, NULL);
        tdestroy(s->by_name, keep);
        while ((row = TAILQ_FIRST(&s->all))) {
                TAILQ_REMOVE(&s->all, row, entry);
                row_free(row);
        }
        grid_free(s->grid);
        free(s->order);
        free(s);
        return NULL;
}
