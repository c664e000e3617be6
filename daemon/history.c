/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "history.h"
#include "json.h"

struct history {
        struct event *ring;
        size_t allocated;               /* a power of 2 */
        uint64_t first, end;            /* numbers; a number's place is its remainder */
        uint64_t bytes;
        uint64_t changes_max, bytes_max;
        uint64_t since, dropped;
};

void event_init(struct event *e, const struct change *c) {
        _cleanup_(buffer_done) struct buffer text = {};

        *e = (struct event) { .at = c->at, .key = filter_key_new(c) };
        if (!e->key)
                return;
        message_begin(&text, "change");
        json_write_change(&text, c);
        if (message_end(&text, &e->message) < 0)
                e->message = NULL;
}

void event_done(struct event *e) {
        message_unref(e->message);
        free(e->key);
        *e = (struct event) {};
}

static uint64_t event_size(const struct event *e) {
        return sizeof(*e) + message_size(e->message) + filter_key_size(e->key);
}

int history_new(uint64_t since, struct history **ret) {
        struct history *h = calloc(1, sizeof(*h));

        if (!h)
                return -ENOMEM;
        h->since = since;
        *ret = h;
        return 0;
}

struct history *history_free(struct history *h) {
        if (!h)
                return NULL;

        for (uint64_t i = h->first; i < h->end; i++)
                event_done(h->ring + i % h->allocated);
        free(h->ring);
        free(h);
        return NULL;
}

/* Others of the same look, and of the same millisecond when times are told, may still be there. */
static void lose(struct history *h, uint64_t at) {
        h->dropped++;
        h->since = MAX(h->since, (at / USEC_PER_MSEC + 1) * USEC_PER_MSEC);
}

static void drop_first(struct history *h) {
        struct event *e = h->ring + h->first++ % h->allocated;

        h->bytes -= event_size(e);
        lose(h, e->at);
        event_done(e);
}

static void make_room(struct history *h, uint64_t changes, uint64_t bytes) {
        while (h->first < h->end && (h->end - h->first + changes > h->changes_max || h->bytes + bytes > h->bytes_max))
                drop_first(h);
}

void history_set_limits(struct history *h, uint64_t changes_max, uint64_t bytes_max) {
        h->changes_max = changes_max;
        h->bytes_max = bytes_max;
        make_room(h, 0, 0);
}

static int grow(struct history *h) {
        size_t allocated = MAX(h->allocated * 2, (size_t) 64);
        struct event *ring;

        if (h->end - h->first < h->allocated)
                return 0;
        ring = reallocarray(NULL, allocated, sizeof(*ring));
        if (!ring)
                return -ENOMEM;
        for (uint64_t i = h->first; i < h->end; i++)
                ring[i % allocated] = h->ring[i % h->allocated];
        free(h->ring);
        h->ring = ring;
        h->allocated = allocated;
        return 0;
}

void history_add(struct history *h, struct event *e) {
        uint64_t size = e->message ? event_size(e) : 0;

        make_room(h, 1, size);
        if (e->message && h->changes_max > 0 && size <= h->bytes_max && grow(h) >= 0) {
                h->ring[h->end++ % h->allocated] = *e;
                h->bytes += size;
                *e = (struct event) {};
                return;
        }

        /* Nobody must take a gap for calm: what is before it is not told any more, and the number is used up. */
        while (h->first < h->end)
                drop_first(h);
        lose(h, e->at);
        h->first = ++h->end;
        event_done(e);
}

uint64_t history_first(const struct history *h) {
        return h->first;
}

uint64_t history_end(const struct history *h) {
        return h->end;
}

int history_read(const struct history *h, struct reading *r, const struct event **ret) {
        uint64_t end = MIN(r->end, h->end);

        if (r->number < MIN(h->first, end)) {
                if (!r->gaps)
                        return -ESTALE;
                r->number = MIN(h->first, end);
                r->complete = h->since;
        }
        while (r->number < end) {
                const struct event *e = h->ring + r->number++ % h->allocated;

                /* The clock may have been set back: they need not be in order. */
                if (e->at > r->after && e->at / USEC_PER_MSEC >= r->since / USEC_PER_MSEC &&
                    e->at / USEC_PER_MSEC <= r->until / USEC_PER_MSEC && filter_change(r->filter, e->key)) {
                        *ret = e;
                        return 1;
                }
        }

        return 0;
}

struct history_counts history_get_counts(const struct history *h) {
        return (struct history_counts) {
                .changes = h->end - h->first,
                .bytes = h->bytes,
                .since = h->since,
                .dropped = h->dropped,
        };
}
