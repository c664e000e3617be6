/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json.h"
#include "netns.h"
#include "samples.h"
#include "text.h"

/* One that is not known, or does not fit. */
#define ABSENT UINT32_MAX

struct sample {
        uint32_t srtt;                  /* ms */
        uint32_t cwnd, transmit_queue;  /* bytes */
        uint32_t retransmitted_chunks;
};

/* Of one association: a sample for each round since its first one, the newest behind the others in the ring. */
struct series {
        uint64_t netns, generation;
        uint64_t observed_since;        /* an id is used again */
        uint32_t id;
        uint8_t depth, next, count;
        struct sample ring[];
};

struct samples {
        struct series **series;         /* sorted by namespace and id, as snapshots are */
        uint32_t n;
        uint64_t rounds;                /* so far */
        uint64_t at[SAMPLES_MAX];       /* realtime, usec; that of a round stands at the rest of its number */
        struct samples_counts counts;
};

int samples_new(struct samples **ret) {
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

static size_t series_size(unsigned depth) {
        /* With what malloc() takes for itself, and its place in the list. */
        return sizeof(struct series) + depth * sizeof(struct sample) + 2 * sizeof(size_t) + sizeof(struct series *);
}

static void series_drop(struct samples *t, struct series *x) {
        t->counts.bytes -= series_size(x->depth);
        t->counts.samples -= x->count;
        free(x);
}

struct samples *samples_free(struct samples *t) {
        if (!t)
                return NULL;

        for (uint32_t i = 0; i < t->n; i++)
                free(t->series[i]);
        free(t->series);
        free(t);
        return NULL;
}

static uint64_t generation_of(const struct snapshot *s, uint64_t number) {
        const struct netns *netns = snapshot_netns(s, number);

        return netns ? netns->generation : 0;
}

/* How many samples each of `n` associations can have. */
static unsigned depth_for(uint32_t n, uint64_t bytes_max) {
        unsigned depth = SAMPLES_MAX;

        /* By steps: when some come and go all the others need not be moved each time. */
        while (depth > SAMPLES_MIN && n * series_size(depth) > bytes_max)
                depth -= 5;

        return depth;
}

static const struct sample *sample_get(const struct series *x, unsigned i) {
        return x->ring + ((unsigned) x->next + x->depth - x->count + i) % x->depth;
}

/* The same with another depth; the newest ones are kept. NULL: out of memory, and it is as it was. */
static struct series *series_resize(struct samples *t, struct series *x, unsigned depth) {
        struct series *y = malloc(sizeof(*y) + depth * sizeof(struct sample));
        unsigned kept = MIN((unsigned) x->count, depth);

        if (!y)
                return NULL;
        *y = *x;
        y->depth = (uint8_t) depth;
        y->count = (uint8_t) kept;
        y->next = (uint8_t) (kept % depth);
        for (unsigned i = 0; i < kept; i++)
                y->ring[i] = *sample_get(x, x->count - kept + i);

        t->counts.bytes += series_size(depth) - series_size(x->depth);
        t->counts.samples -= x->count - kept;
        free(x);
        return y;
}

/* NULL: out of memory. */
static struct series *series_new(struct samples *t, const struct association *a, uint64_t generation, unsigned depth) {
        struct series *x = malloc(sizeof(*x) + depth * sizeof(struct sample));

        if (!x)
                return NULL;
        *x = (struct series) {
                .netns = a->netns,
                .generation = generation,
                .observed_since = a->observed_since,
                .id = a->id,
                .depth = (uint8_t) depth,
        };
        t->counts.bytes += series_size(depth);
        return x;
}

static uint32_t fitting(uint64_t value) {
        return value < ABSENT ? (uint32_t) value : ABSENT;
}

static struct sample sample_of(const struct snapshot *s, const struct association *a, uint64_t interval_usec) {
        const struct snapshot_head *head = snapshot_head(s);
        struct sample sample = { ABSENT, ABSENT, ABSENT, ABSENT };
        const struct path *p = snapshot_primary(s, a);

        /* What is there is of an earlier look. */
        if (a->unseen > 0)
                return sample;

        if (FIELD_GIVEN(a, ASSOCIATION_TRANSMIT_QUEUE))
                sample.transmit_queue = fitting(a->transmit_queue);
        if (FIELD_GIVEN(a, ASSOCIATION_RETRANSMITTED_CHUNKS))
                sample.retransmitted_chunks = fitting(a->retransmitted_chunks);
        if (p && MAX(a->detail.diag_at, a->detail.options_at) + interval_usec >= head->started_realtime) {
                if (FIELD_GIVEN(p, PATH_SRTT) && head->hz > 0)
                        sample.srtt = fitting((p->detail.srtt * UINT64_C(1000) + head->hz / 2) / head->hz);
                if (FIELD_GIVEN(p, PATH_CWND))
                        sample.cwnd = fitting(p->detail.cwnd);
        }
        return sample;
}

static void series_add(struct samples *t, struct series *x, struct sample sample) {
        x->ring[x->next] = sample;
        x->next = (uint8_t) ((x->next + 1) % x->depth);
        if (x->count < x->depth) {
                x->count++;
                t->counts.samples++;
        }
}

static int compare(const struct series *x, uint64_t netns, uint32_t id) {
        return CMP(x->netns, netns) ?: CMP(x->id, id);
}

static bool is_of(const struct series *x, const struct association *a, uint64_t generation) {
        return compare(x, a->netns, a->id) == 0 && x->observed_since == a->observed_since &&
               netns_may_be_same(x->generation, generation);
}

int samples_add(struct samples *t, const struct snapshot *s, uint64_t interval_usec, uint64_t bytes_max) {
        const struct association *a = snapshot_associations(s);
        uint32_t n = snapshot_head(s)->n_associations, kept = 0, old = 0;
        uint64_t netns = 0, generation = generation_of(s, 0);
        unsigned depth = depth_for(n, bytes_max);
        struct series **series;

        series = reallocarray(NULL, n + UINT64_C(1), sizeof(*series));
        if (!series)
                return -ENOMEM;

        /* First of all, so that there is room for new ones. */
        for (uint32_t i = 0; i < t->n; i++)
                if (t->series[i]->depth > depth)
                        t->series[i] = series_resize(t, t->series[i], depth) ?: t->series[i];

        t->counts.without = 0;
        t->at[t->rounds++ % SAMPLES_MAX] = snapshot_head(s)->started_realtime;
        for (uint32_t i = 0; i < n; i++) {
                struct series *x = NULL;

                if (a[i].id == 0)
                        continue;
                if (a[i].netns != netns)
                        generation = generation_of(s, netns = a[i].netns);
                while (old < t->n && compare(t->series[old], netns, a[i].id) < 0)
                        series_drop(t, t->series[old++]);
                if (old < t->n && compare(t->series[old], netns, a[i].id) == 0) {
                        x = t->series[old++];
                        if (!is_of(x, a + i, generation)) {
                                series_drop(t, x);
                                x = NULL;
                        }
                }

                if (x && t->counts.bytes > bytes_max) {
                        series_drop(t, x);
                        x = NULL;
                } else if (x && x->depth < depth &&
                           t->counts.bytes + series_size(depth) - series_size(x->depth) <= bytes_max)
                        x = series_resize(t, x, depth) ?: x;
                else if (!x && t->counts.bytes + series_size(depth) <= bytes_max)
                        x = series_new(t, a + i, generation, depth);
                if (x) {
                        x->generation = generation;
                        series_add(t, x, sample_of(s, a + i, interval_usec));
                        series[kept++] = x;
                } else
                        t->counts.without++;
        }
        while (old < t->n)
                series_drop(t, t->series[old++]);

        free(t->series);
        t->series = series;
        t->n = kept;
        t->counts.depth = depth;
        return 0;
}

static const struct series *find(const struct samples *t, const struct snapshot *s, const struct association *a) {
        uint32_t first = 0, n = t->n;

        while (n > 0) {
                const struct series *x = t->series[first + n / 2];

                if (compare(x, a->netns, a->id) < 0) {
                        first += n / 2 + 1;
                        n -= n / 2 + 1;
                } else
                        n /= 2;
        }

        return first < t->n && is_of(t->series[first], a, generation_of(s, a->netns)) ? t->series[first] : NULL;
}

static int set(json_t *json, const char *name, uint32_t value) {
        return value == ABSENT ? 0 : json_set_u64(json, name, value);
}

static json_t *json_sample(const struct sample *sample, uint64_t at) {
        char time[TEXT_TIME_MAX];
        _cleanup_(json_decref_p) json_t *json = json_pack("{ss}", "at", text_time(at, time));

        if (!json || set(json, "srttMs", sample->srtt) < 0 || set(json, "cwndBytes", sample->cwnd) < 0 ||
            set(json, "transmitQueueBytes", sample->transmit_queue) < 0 ||
            set(json, "retransmittedChunks", sample->retransmitted_chunks) < 0)
                return NULL;
        return steal_ptr(json);
}

json_t *samples_json(const struct samples *t, const struct snapshot *s, const struct association *a) {
        _cleanup_(json_decref_p) json_t *samples = json_array();
        const struct series *x = find(t, s, a);

        for (unsigned i = 0; x && i < x->count; i++)
                if (json_array_append_new(samples, json_sample(sample_get(x, i),
                                                               t->at[(t->rounds - x->count + i) % SAMPLES_MAX])) < 0)
                        return NULL;
        return steal_ptr(samples);
}

struct samples_counts samples_get_counts(const struct samples *t) {
        return t->counts;
}
