/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/queue.h>

#include "damper.h"
#include "index.h"

#define BUCKETS 16384u

/* Without gaps: it is compared and hashed as it stands. */
struct key {
        uint64_t netns;
        struct address peer;
        struct address path;            /* family 0: the ends themselves */
        uint16_t local_port, peer_port;
};

_Static_assert(sizeof(struct key) == 6 * sizeof(uint64_t), "a key has gaps");

/* Ends, or one of their paths. */
struct slot {
        TAILQ_ENTRY(slot) entry;        /* of the calm or the damped */
        LIST_ENTRY(slot) bucket;
        struct key key;
        uint64_t touched;               /* when it was last counted */

        /* Since then: */
        uint64_t since;
        uint64_t flaps;
        int64_t balance, low, high;     /* of coming and going: at least high - low of them are there at once */

        /* Of ends alone. */
        uint64_t path_flaps;
        struct address local;
        int state;
        bool damped, announced;
        uint64_t due;                   /* when the next summary is */
        uint64_t held;
};

TAILQ_HEAD(slot_list, slot);

struct damper {
        LIST_HEAD(bucket, slot) buckets[BUCKETS];
        struct slot_list calm;          /* the one that was longest not counted first */
        struct slot_list damped;        /* by when they are due */
        size_t n;
};

int damper_new(struct damper **ret) {
        struct damper *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;

        TAILQ_INIT(&d->calm);
        TAILQ_INIT(&d->damped);
        *ret = d;
        return 0;
}

static void forget(struct damper *d, struct slot *s) {
        TAILQ_REMOVE(s->damped ? &d->damped : &d->calm, s, entry);
        LIST_REMOVE(s, bucket);
        free(s);
        d->n--;
}

struct damper *damper_free(struct damper *d) {
        struct slot *s;

        if (!d)
                return NULL;

        while ((s = TAILQ_FIRST(&d->calm)))
                forget(d, s);
        while ((s = TAILQ_FIRST(&d->damped)))
                forget(d, s);
        free(d);
        return NULL;
}

static uint16_t lasting_port(uint16_t port) {
        return port < DAMPER_EPHEMERAL_PORT ? port : 0;
}

static struct key key_of(const struct change *c) {
        const struct association *a = c->association;
        struct key key = {
                .netns = a->netns,
                .local_port = lasting_port(a->local_port),
                .peer_port = lasting_port(a->peer_port),
        };

        /* The primary may change while they are the same; the first is the one that it was set up with. */
        if (a->paths.count > 0)
                key.peer = snapshot_paths(c->snapshot, a->paths)->address;
        key.peer.primary = 0;
        return key;
}

static struct bucket *bucket_of(struct damper *d, const struct key *key) {
        uint64_t words[sizeof(*key) / sizeof(uint64_t)], hash = 0;

        memcpy(words, key, sizeof(words));
        for (size_t i = 0; i < ELEMENTS(words); i++)
                hash = index_hash(hash ^ words[i]);
        return &d->buckets[hash % BUCKETS];
}

static struct slot *find(struct damper *d, const struct key *key) {
        struct slot *s;

        LIST_FOREACH(s, bucket_of(d, key), bucket)
                if (memcmp(&s->key, key, sizeof(*key)) == 0)
                        return s;

        return NULL;
}

static struct slot *find_or_add(struct damper *d, const struct key *key, uint64_t now) {
        struct slot *s = find(d, key);

        if (s)
                return s;
        if (d->n == DAMPER_SLOTS_MAX) {
                if (TAILQ_EMPTY(&d->calm))
                        return NULL;
                forget(d, TAILQ_FIRST(&d->calm));
        }
        s = calloc(1, sizeof(*s));
        if (!s)
                return NULL;

        s->key = *key;
        s->since = s->touched = now;
        s->state = -1;
        LIST_INSERT_HEAD(bucket_of(d, key), s, bucket);
        TAILQ_INSERT_TAIL(&d->calm, s, entry);
        d->n++;
        return s;
}

static void count_anew(struct slot *s, uint64_t now) {
        s->since = now;
        s->flaps = s->path_flaps = 0;
        s->balance = s->low = s->high = 0;
}

static void touch(struct damper *d, struct slot *s, uint64_t now) {
        s->touched = now;
        if (s->damped)
                return;
        if (now - s->since >= DAMPER_PERIOD_USEC)
                count_anew(s, now);
        TAILQ_REMOVE(&d->calm, s, entry);
        TAILQ_INSERT_TAIL(&d->calm, s, entry);
}

/* Whether it was too often. A hundred associations from one host that end at once have each ended once: as many as are
 * there at a time, so many may each do it that often. */
static bool count(struct damper *d, struct slot *s, bool went, bool came, uint64_t now) {
        touch(d, s, now);
        if (went) {
                s->flaps++;
                s->balance--;
                s->low = MIN(s->low, s->balance);
        }
        if (came) {
                s->balance++;
                s->high = MAX(s->high, s->balance);
        }

        return s->flaps > DAMPER_FLAPS_MAX * (uint64_t) MAX(s->high - s->low, INT64_C(1));
}

/* Returns the ends, if they are watched. */
static struct slot *count_association(struct damper *d, const struct change *c, const struct key *key, uint64_t now,
                                      bool *ret_often) {
        bool restart = c->type == CHANGE_ASSOCIATION_RESTART;
        bool steps = c->type == CHANGE_ASSOCIATION_UP || c->type == CHANGE_ASSOCIATION_STATE;
        bool went = restart || c->type == CHANGE_ASSOCIATION_DOWN;
        bool came = restart || (steps && c->old_state == ASSOCIATION_CLOSED);
        struct slot *s = went || came ? find_or_add(d, key, now) : find(d, key);

        if (s && (went || came))
                *ret_often = count(d, s, went, came, now);
        return s;
}

static struct slot *count_path(struct damper *d, const struct change *c, const struct key *ends, uint64_t now,
                               bool *ret_often) {
        bool went = c->path_old_state == PATH_ACTIVE && c->path_new_state != PATH_ACTIVE;
        bool came = c->path_old_state != PATH_ACTIVE && c->path_new_state == PATH_ACTIVE;
        struct key key = *ends;
        struct slot *s, *path;

        if (!went && !came)
                return find(d, ends);

        key.path = c->path->address;
        key.path.primary = 0;
        path = find_or_add(d, &key, now);
        if (path)
                *ret_often = count(d, path, went, came, now);
        /* The path may have had to make room for its ends: it is not looked at any more. */
        s = find_or_add(d, ends, now);
        if (s) {
                touch(d, s, now);
                s->path_flaps += went;
        }
        return s;
}

bool damper_pass(struct damper *d, const struct change *change, uint64_t now) {
        const struct association *a = change->association;
        bool often = false;
        struct slot *s;
        struct key key;

        if (!a || change->type == CHANGE_FIGURES)
                return true;

        key = key_of(change);
        s = change->type == CHANGE_PATH_STATE ? count_path(d, change, &key, now, &often) :
                                                count_association(d, change, &key, now, &often);
        if (!s)
                return true;

        s->state = change->type == CHANGE_ASSOCIATION_DOWN ? ASSOCIATION_CLOSED : a->state;
        if (a->local.count > 0)
                s->local = *snapshot_addresses(change->snapshot, a->local);
        if (often && !s->damped) {
                TAILQ_REMOVE(&d->calm, s, entry);
                TAILQ_INSERT_HEAD(&d->damped, s, entry);
                s->damped = true;
                s->announced = false;
                /* That it begins is said at once: should this process be killed, what is missing has been told. */
                s->due = now;
        }
        if (!s->damped)
                return true;

        s->held++;
        return false;
}

static void end_damping(struct damper *d, struct slot *s, uint64_t now) {
        TAILQ_REMOVE(&d->damped, s, entry);
        TAILQ_INSERT_TAIL(&d->calm, s, entry);
        s->damped = false;
        s->touched = now;
}

bool damper_next(struct damper *d, uint64_t now, bool all, struct flapping *ret) {
        struct slot *s;

        while ((s = TAILQ_FIRST(&d->calm)) && now - s->touched >= DAMPER_PERIOD_USEC)
                forget(d, s);
        /* Of these there is nothing left to tell. */
        while (all && (s = TAILQ_FIRST(&d->damped)) && s->held == 0)
                end_damping(d, s, now);

        s = TAILQ_FIRST(&d->damped);
        if (!s || (!all && s->due > now))
                return false;

        *ret = (struct flapping) {
                .netns = s->key.netns,
                .local = s->local,
                .peer = s->key.peer,
                .local_port = s->key.local_port,
                .peer_port = s->key.peer_port,
                .flaps = s->flaps,
                .path_flaps = s->path_flaps,
                .span_usec = now - s->since,
                .held = s->held,
                .state = s->high - s->low <= 1 ? s->state : -1,
                .calm = !all && s->announced && s->flaps + s->path_flaps <= DAMPER_FLAPS_MAX,
        };
        ret->goes_on = !all && !ret->calm;

        s->announced = true;
        s->held = 0;
        count_anew(s, now);
        if (ret->goes_on) {
                s->due = now + DAMPER_PERIOD_USEC;
                TAILQ_REMOVE(&d->damped, s, entry);
                TAILQ_INSERT_TAIL(&d->damped, s, entry);
        } else
                end_damping(d, s, now);

        return true;
}
