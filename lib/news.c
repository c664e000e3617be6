/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <search.h>
#include <string.h>

#include "bpf-record.h"
#include "builder.h"
#include "changes.h"
#include "clock.h"
#include "news.h"
#include "owner.h"
#include "text.h"

/* What is known of an association that something has happened to, from then to its end. */
struct tracked {
        uint64_t key;
        uint64_t observed_since;                /* realtime; 0: before events were on */
        uint64_t last_change, last_change_monotonic;    /* 0: not observed */
        uint32_t flaps;
        struct process owner;                   /* pid 0: not known */
        struct {
                struct address address;
                uint64_t at, at_monotonic;
        } paths[EVENT_ADDRESSES_MAX];           /* whose state has changed last */
        unsigned next_path;
};

struct news {
        struct record_event *records;
        size_t n, allocated;
        void *tracked;                          /* tree of struct tracked by key */
        size_t n_tracked;
};

/* One in the making. */
struct edition {
        struct news *news;
        const struct snapshot *previous;
        struct builder b;
        uint64_t offset;                        /* of realtime from monotonic */
        uint64_t hz;
        /* Processes in the order in which they were met: of row i those from `owners[i].first` on. */
        struct process *processes;
        size_t n_processes, allocated_processes;
        struct range *owners;
        size_t allocated_owners;
};

int news_new(struct news **ret) {
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

struct news *news_free(struct news *n) {
        if (n) {
                tdestroy(n->tracked, free);
                free(n->records);
                free(n);
        }
        return NULL;
}

int news_add(struct news *n, const void *record, size_t size) {
        const struct record_event *r = record;

        if (size < sizeof(*r) || r->head.kind != RECORD_EVENT || r->association.state > ASSOCIATION_SHUTDOWN_ACK_SENT ||
            r->old_state >= _ASSOCIATION_STATE_MAX || r->new_state >= _ASSOCIATION_STATE_MAX)
                return -EBADMSG;
        if (n->n >= n->allocated) {
                size_t more = MAX(n->allocated * 2, (size_t) 64);
                struct record_event *bigger;

                if (n->n >= SNAPSHOT_HAPPENINGS_MAX)
                        return -E2BIG;
                bigger = reallocarray(n->records, more, sizeof(*bigger));
                if (!bigger)
                        return -ENOMEM;
                n->records = bigger;
                n->allocated = more;
        }

        n->records[n->n++] = *r;
        return 0;
}

/* By the time at which the state machine was entered: what is told at its return comes out of order where one side
 * of a loopback connection works within the other's call. */
static int compare_records(const void *x, const void *y) {
        const struct record_event *a = *(const struct record_event *const *) x,
                                  *b = *(const struct record_event *const *) y;
        int c = CMP(a->at, b->at);

        return c != 0 ? c : CMP(a, b);
}

static int compare_tracked(const void *x, const void *y) {
        return CMP(((const struct tracked *) x)->key, ((const struct tracked *) y)->key);
}

/* NULL: nothing has happened to it yet. */
static struct tracked *find_tracked(struct news *n, uint64_t key) {
        struct tracked wanted = { .key = key };
        void *found = tfind(&wanted, &n->tracked, compare_tracked);

        return found ? *(struct tracked **) found : NULL;
}

/* NULL: there is none, and no room for another. */
static struct tracked *track(struct news *n, uint64_t key) {
        struct tracked *t = find_tracked(n, key);

        if (t)
                return t;
        if (n->n_tracked >= NEWS_TRACKED_MAX)
                return NULL;
        t = calloc(1, sizeof(*t));
        if (!t)
                return NULL;
        t->key = key;
        if (!tsearch(t, &n->tracked, compare_tracked)) {
                free(t);
                return NULL;
        }
        n->n_tracked++;
        return t;
}

static void untrack(struct news *n, struct tracked *t) {
        if (!t)
                return;
        (void) tdelete(t, &n->tracked, compare_tracked);
        n->n_tracked--;
        free(t);
}

/* The first row of the namespace with this id, or above it: they are sorted so. */
static uint32_t first_row(const struct association *a, uint32_t n, uint64_t netns, uint32_t id) {
        uint32_t low = 0, high = n;

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (a[middle].netns < netns || (a[middle].netns == netns && a[middle].id < id))
                        low = middle + 1;
                else
                        high = middle;
        }

        return low;
}

/* What the last look had of it; those that had no id then go by their tags. */
static const struct association *find_previous(const struct snapshot *s, const struct record_association *r) {
        const struct association *a = s ? snapshot_associations(s) : NULL;
        uint32_t n = s ? snapshot_head(s)->n_associations : 0, i;

        if (r->id != 0) {
                i = first_row(a, n, r->socket.netns, r->id);
                if (i < n && a[i].netns == r->socket.netns && a[i].id == r->id)
                        return a + i;
        }
        for (i = first_row(a, n, r->socket.netns, 0); i < n && a[i].netns == r->socket.netns && a[i].id == 0; i++)
                if (FIELD_GIVEN(a + i, ASSOCIATION_LOCAL_TAG) && a[i].detail.local_tag == r->local_tag &&
                    a[i].local_port == r->local_port && a[i].peer_port == r->peer_port)
                        return a + i;

        return NULL;
}

/* The socket of that number, by its port: a listener's associations have it until they are accepted. */
static const struct endpoint *find_endpoint(const struct snapshot *s, const struct association *a) {
        const struct endpoint *e = s ? snapshot_endpoints(s) : NULL;
        uint32_t low = 0, high = s ? snapshot_head(s)->n_endpoints : 0, n = high;

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (e[middle].netns < a->netns || (e[middle].netns == a->netns && e[middle].local_port < a->local_port))
                        low = middle + 1;
                else
                        high = middle;
        }
        for (; low < n && e[low].netns == a->netns && e[low].local_port == a->local_port; low++)
                if (e[low].inode == a->inode)
                        return e + low;

        return NULL;
}

/* Whose it is */

static int add_process(struct edition *x, const struct process *p) {
        if (x->n_processes >= x->allocated_processes) {
                size_t more = MAX(x->allocated_processes * 2, (size_t) 64);
                struct process *bigger = reallocarray(x->processes, more, sizeof(*bigger));

                if (!bigger)
                        return -ENOMEM;
                x->processes = bigger;
                x->allocated_processes = more;
        }
        x->processes[x->n_processes++] = *p;
        x->owners[x->b.n_associations].count++;
        return 0;
}

static int add_owners(struct edition *x, struct range owners) {
        const uint32_t *indices = snapshot_owners(x->previous, owners);
        int r = 0;

        for (uint32_t i = 0; r >= 0 && i < owners.count; i++)
                r = add_process(x, snapshot_processes(x->previous) + indices[i]);
        return r;
}

/* The process in whose call it happened: who asks for an association is its owner. */
static void read_owner(const struct record_trigger *t, struct process *ret) {
        _cleanup_free_ char *command = NULL;
        struct owner_process found;

        if (owner_process_read(NULL, (pid_t) t->pid, &found) >= 0) {
                *ret = found.process;
                ret->pid = t->pid;
                return;
        }
        *ret = (struct process) { .pid = t->pid };
        command = text_escape(t->comm, strnlen(t->comm, sizeof(t->comm)));
        snprintf(ret->command, sizeof(ret->command), "%s", command ?: "");
}

static int find_owners(struct edition *x, const struct record_event *r, struct tracked *t,
                       const struct association *before, const struct association *a) {
        const struct endpoint *e;

        if (before && before->owners.count > 0)
                return add_owners(x, before->owners);
        e = a->inode != 0 ? find_endpoint(x->previous, a) : NULL;
        if (e && e->owners.count > 0)
                return add_owners(x, e->owners);
        if (t && t->owner.pid == 0 && r->trigger.pid != 0 && r->trigger.kind == TRIGGER_PRIMITIVE)
                read_owner(&r->trigger, &t->owner);

        return t && t->owner.pid != 0 ? add_process(x, &t->owner) : 0;
}

/* Rows */

static uint64_t realtime(const struct edition *x, uint64_t monotonic) {
        return monotonic + x->offset;
}

static bool is_path_event(const struct record_event *r) {
        return r->event == EVENT_PATH_STATE || r->event == EVENT_PATH_ADDED || r->event == EVENT_PATH_REMOVED;
}

static const struct path *find_path(const struct path *paths, uint32_t n, const struct address *address) {
        for (uint32_t i = 0; i < n; i++)
                if (address_equal(&paths[i].address, address))
                        return paths + i;

        return NULL;
}

/* When the path's state began, as the last look, or something that happened since, had it. */
static void date_path(const struct edition *x, const struct tracked *t, const struct association *before,
                      struct path *p) {
        const struct path *old = before ?
                find_path(snapshot_paths(x->previous, before->paths), before->paths.count, &p->address) : NULL;

        if (old && FIELD_GIVEN(old, PATH_STATE_SINCE)) {
                p->state_since = old->state_since;
                p->state_since_monotonic = old->state_since_monotonic;
                FIELD_GIVE(p, PATH_STATE_SINCE);
        }
        for (unsigned i = 0; t && i < ELEMENTS(t->paths); i++)
                if (t->paths[i].at != 0 && address_equal(&t->paths[i].address, &p->address) &&
                    t->paths[i].at_monotonic > p->state_since_monotonic) {
                        p->state_since = t->paths[i].at;
                        p->state_since_monotonic = t->paths[i].at_monotonic;
                        FIELD_GIVE(p, PATH_STATE_SINCE);
                }
        p->last_state = (uint8_t) (path_last_state(p) + 1);
}

static int add_locals(struct edition *x, const struct record_event *r, const struct association *before,
                      struct association *a) {
        uint32_t n = r->n_local;
        int k = 0;

        a->local = (struct range) { (uint32_t) x->b.n_addresses, 0 };
        if (n > EVENT_ADDRESSES_MAX && before)
                n = before->local.count;
        else
                n = MIN(n, (uint32_t) EVENT_ADDRESSES_MAX);
        for (uint32_t i = 0; k >= 0 && i < n; i++) {
                struct address *address;

                k = builder_add_address(&x->b, &address);
                if (k < 0)
                        break;
                if (r->n_local > EVENT_ADDRESSES_MAX && before)
                        *address = snapshot_addresses(x->previous, before->local)[i];
                else
                        k = bpf_record_address(r->local + i, address);
                a->local.count++;
        }

        return k;
}

static int add_paths(struct edition *x, const struct record_event *r, const struct tracked *t,
                     const struct association *before, struct association *a) {
        bool known = r->n_paths > EVENT_ADDRESSES_MAX && before;
        uint32_t n = known ? before->paths.count : MIN(r->n_paths, (uint32_t) EVENT_ADDRESSES_MAX);
        int k = 0;

        a->paths = (struct range) { (uint32_t) x->b.n_paths, 0 };
        for (uint32_t i = 0; k >= 0 && i < n; i++) {
                struct path *path;

                k = builder_add_path(&x->b, &path);
                if (k < 0)
                        break;
                if (known)
                        *path = snapshot_paths(x->previous, before->paths)[i];
                else {
                        k = bpf_record_path(r->paths + i, x->hz, path);
                        if (k >= 0)
                                date_path(x, t, before, path);
                }
                a->paths.count++;
        }

        return k;
}

/* The path that it happened to is one of the row's, in its new state. */
static int add_affected_path(struct edition *x, const struct record_event *r, const struct tracked *t,
                             const struct association *before, struct association *a, uint32_t *ret) {
        struct path *paths = x->b.paths + a->paths.first, *path;
        struct address address;
        int k;

        k = bpf_record_address(&r->path, &address);
        if (k < 0)
                return k;
        for (uint32_t i = 0; r->event == EVENT_PRIMARY && i < a->paths.count; i++)
                paths[i].address.primary = address_equal(&paths[i].address, &address);
        path = (struct path *) find_path(paths, a->paths.count, &address);
        if (!path) {
                k = builder_add_path(&x->b, &path);
                if (k < 0)
                        return k;
                path->address = address;
                path->address.primary = r->event == EVENT_PRIMARY;
                a->paths.count++;
        }
        if (is_path_event(r)) {
                int state = path_state_from_proc(r->path_new_state);

                if (state < 0)
                        return -EBADMSG;
                path->state = (int8_t) state;
                FIELD_GIVE(path, PATH_STATE);
                date_path(x, t, before, path);
        }
        if (r->event != EVENT_PRIMARY)
                *ret = (uint32_t) (path - (x->b.paths + a->paths.first));
        return 0;
}

/* What the last look knew of it. */
static void carry(const struct tracked *t, const struct association *before, struct association *a) {
        if (before) {
                a->flaps = before->flaps;
                a->impaired = before->impaired;
                a->impairment_known = before->impairment_known;
                a->last_impaired = before->last_impaired;
                a->judged = before->judged;
                a->impaired_since_monotonic = before->impaired_since_monotonic;
                a->detail.original = before->detail.original;
                a->detail.original_port = before->detail.original_port;
                a->detail.original_asked = before->detail.original_asked;
                if (FIELD_GIVEN(before, ASSOCIATION_ORIGINAL_PORT))
                        FIELD_GIVE(a, ASSOCIATION_ORIGINAL_PORT);
        }
        if (!t)
                return;
        a->flaps += t->flaps;
        FIELD_GIVE(a, ASSOCIATION_FLAPS);
        if (t->observed_since != 0) {
                a->observed_since = t->observed_since;
                FIELD_GIVE(a, ASSOCIATION_OBSERVED_SINCE);
        }
        if (t->last_change != 0) {
                a->last_change = t->last_change;
                a->last_change_monotonic = t->last_change_monotonic;
                FIELD_GIVE(a, ASSOCIATION_LAST_CHANGE);
        }
}

static int add_netns(struct edition *x, uint64_t netns) {
        const struct netns *known = x->previous ? snapshot_netns(x->previous, netns) : NULL;
        struct netns *added;
        int r;

        for (size_t i = x->b.n_namespaces; i-- > 0;)
                if (x->b.namespaces[i].netns == netns)
                        return 0;
        r = builder_add_netns(&x->b, &added);
        if (r < 0)
                return r;

        *added = known ? *known : (struct netns) { .netns = netns, .has_sctp = 1 };
        return 0;
}

/* What it was about: lib/cause.h */
static enum cause cause_of(const struct record_event *r) {
        const struct record_trigger *t = &r->trigger;

        switch (t->kind) {
        case TRIGGER_CHUNK:
                return t->number == CHUNK_SHUTDOWN_COMPLETE || t->number == CHUNK_SHUTDOWN_ACK ?
                        CAUSE_GRACEFUL : CAUSE_ABORTED;
        case TRIGGER_TIMER:
                return t->number == TIMER_T1_INIT || t->number == TIMER_T1_COOKIE ? CAUSE_INIT_TIMEOUT :
                       t->number == TIMER_T5_SHUTDOWN_GUARD ? CAUSE_ABORTED : CAUSE_RETRANSMISSIONS_EXHAUSTED;
        case TRIGGER_PRIMITIVE:
                return t->number == PRIMITIVE_ABORT ? CAUSE_ABORTED : CAUSE_GRACEFUL;
        case TRIGGER_ICMP:
                return CAUSE_UNREACHABLE;
        default:
                return CAUSE_UNKNOWN;
        }
}

static struct trigger trigger_of(const struct record_trigger *from, uint64_t hz) {
        struct trigger t = {
                .kind = from->kind < _TRIGGER_KIND_MAX ? from->kind : TRIGGER_NONE,
                .number = from->number,
                .has_error_cause = from->has_error_cause != 0,
                .error_cause = from->error_cause,
                .tries = from->tries,
                .tries_max = from->tries_max,
                .pid = from->pid,
        };

        if (t.kind == TRIGGER_TIMER && t.number == TIMER_AUTOCLOSE)
                t.tries_max = hz > 0 ? (uint32_t) (from->tries_max / hz) : 0;
        memcpy(t.command, from->comm, sizeof(t.command) - 1);
        return t;
}

/* Of what belongs to no association: an INIT, or what came out of the blue. */
static struct association no_association(const struct record_association *r) {
        struct association a = {
                .netns = r->socket.netns,
                .local_port = r->local_port,
                .peer_port = r->peer_port,
                .state = ASSOCIATION_CLOSED,
        };

        FIELD_GIVE(&a, ASSOCIATION_NETNS);
        FIELD_GIVE(&a, ASSOCIATION_LOCAL_PORT);
        FIELD_GIVE(&a, ASSOCIATION_PEER_PORT);
        FIELD_GIVE(&a, ASSOCIATION_STATE);
        return a;
}

static int fill_row(struct edition *x, const struct record_event *r, enum change_type type, int old_state, int new_state,
                    struct tracked *t, const struct association *before) {
        uint64_t at = r->at / 1000;
        struct happening *h, happening = {
                .at = realtime(x, at),
                .at_monotonic = at,
                .path = UINT32_MAX,
                .type = (uint8_t) type,
                .cause = type == CHANGE_ASSOCIATION_DOWN ? (uint8_t) cause_of(r) : CAUSE_UNKNOWN,
                .old_state = (int8_t) old_state,
                .new_state = (int8_t) new_state,
                .path_old_state = -1,
                .path_new_state = -1,
                .old_local_tag = r->old_local_tag,
                .old_peer_tag = r->old_peer_tag,
                .trigger = trigger_of(&r->trigger, x->hz),
        };
        bool of_state = old_state != new_state && type != CHANGE_STEP;
        struct association a = no_association(&r->association), *added;
        int k = 0;

        if (r->head.key != 0)
                k = bpf_record_association(&r->association, x->hz, realtime(x, at), &a);
        if (k < 0)
                return k;
        /* What has ended is as it was last. */
        a.state = (int8_t) (new_state == ASSOCIATION_CLOSED ? old_state : new_state);
        if (of_state && t) {
                if (t->last_change_monotonic != 0 && at > t->last_change_monotonic)
                        happening.duration_usec = at - t->last_change_monotonic;
                if (type != CHANGE_ASSOCIATION_DOWN) {
                        t->last_change = happening.at;
                        t->last_change_monotonic = at;
                }
        }
        carry(t, before, &a);
        a.partial = (r->n_local > EVENT_ADDRESSES_MAX || r->n_paths > EVENT_ADDRESSES_MAX) && !before;
        k = add_locals(x, r, before, &a);
        if (k >= 0)
                k = add_paths(x, r, t, before, &a);
        if (k >= 0 && (is_path_event(r) || r->event == EVENT_PRIMARY || r->path.family != 0))
                k = add_affected_path(x, r, t, before, &a, &happening.path);
        if (k >= 0 && r->event == EVENT_PRIMARY && r->old_primary.family != 0)
                k = bpf_record_address(&r->old_primary, &happening.old_primary);
        if (k < 0)
                return k;

        if (is_path_event(r)) {
                struct path *path = x->b.paths + a.paths.first + happening.path;

                happening.path_new_state = r->event == EVENT_PATH_REMOVED ? -1 : path->state;
                if (r->event != EVENT_PATH_ADDED)
                        happening.path_old_state = (int8_t) path_state_from_proc(r->path_old_state);
                if (path->state_since_monotonic != 0 && at > path->state_since_monotonic && r->event == EVENT_PATH_STATE)
                        happening.duration_usec = at - path->state_since_monotonic;
                path->state_since = happening.at;
                path->state_since_monotonic = at;
                FIELD_GIVE(path, PATH_STATE_SINCE);
                if (t) {
                        unsigned i = t->next_path++ % ELEMENTS(t->paths);

                        t->paths[i].address = path->address;
                        t->paths[i].at = happening.at;
                        t->paths[i].at_monotonic = at;
                        t->flaps += r->event == EVENT_PATH_STATE && happening.path_old_state == PATH_ACTIVE;
                }
        }

        k = add_netns(x, a.netns);
        if (k >= 0 && x->b.n_associations >= x->allocated_owners) {
                size_t more = MAX(x->allocated_owners * 2, (size_t) 64);
                struct range *bigger = reallocarray(x->owners, more, sizeof(*bigger));

                if (!bigger)
                        return -ENOMEM;
                x->owners = bigger;
                x->allocated_owners = more;
        }
        if (k < 0)
                return k;
        x->owners[x->b.n_associations] = (struct range) { (uint32_t) x->n_processes, 0 };
        k = find_owners(x, r, t, before, &a);
        if (k >= 0)
                k = builder_add_happening(&x->b, &h);
        if (k >= 0)
                k = builder_add_association(&x->b, &added);
        if (k < 0)
                return k;

        *h = happening;
        *added = a;
        return 0;
}

/* One that cannot be is left out, with what was added for it: the next look will tell. */
static int make_row(struct edition *x, const struct record_event *r, enum change_type type, int old_state, int new_state,
                    struct tracked *t, const struct association *before) {
        const size_t n_addresses = x->b.n_addresses, n_paths = x->b.n_paths;
        int k;

        k = fill_row(x, r, type, old_state, new_state, t, before);
        if (k != -EBADMSG)
                return k;
        x->b.n_addresses = n_addresses;
        x->b.n_paths = n_paths;
        return 0;
}

/* As lib/changes.c tells it of two looks. */
static int make_step(struct edition *x, const struct record_event *r, struct tracked *t,
                     const struct association *before) {
        int old = (int) r->old_state, new = (int) r->new_state, k;

        if (new == ASSOCIATION_CLOSED)
                return make_row(x, r, CHANGE_ASSOCIATION_DOWN, old, new, t, before);
        if (new == ASSOCIATION_ESTABLISHED)
                return make_row(x, r, CHANGE_ASSOCIATION_UP, old, new, t, before);
        if (new < ASSOCIATION_ESTABLISHED || old >= ASSOCIATION_ESTABLISHED)
                return make_row(x, r, CHANGE_ASSOCIATION_STATE, old, new, t, before);

        k = make_row(x, r, CHANGE_ASSOCIATION_UP, old, ASSOCIATION_ESTABLISHED, t, before);
        return k < 0 ? k : make_row(x, r, CHANGE_ASSOCIATION_STATE, ASSOCIATION_ESTABLISHED, new, t, before);
}

static int make_rows(struct edition *x, const struct record_event *r) {
        const struct association *before = r->head.key != 0 ? find_previous(x->previous, &r->association) : NULL;
        struct tracked *t = r->event == EVENT_STEP ? find_tracked(x->news, r->head.key) : track(x->news, r->head.key);
        int state = (int) r->new_state, k = 0;

        /* A new one at the place of one whose end was lost. */
        if (t && r->event == EVENT_STATE && r->old_state == ASSOCIATION_CLOSED)
                *t = (struct tracked) { .key = t->key, .observed_since = realtime(x, r->at / 1000) };
        else if (t && t->observed_since == 0 && before) {
                t->observed_since = before->observed_since;
                if (FIELD_GIVEN(before, ASSOCIATION_LAST_CHANGE)) {
                        t->last_change = before->last_change;
                        t->last_change_monotonic = before->last_change_monotonic;
                }
        }

        switch (r->event) {
        case EVENT_STATE:
                k = make_step(x, r, t, before);
                break;
        case EVENT_END:
                /* What was closed before has been told; the kernel had kept it for one that listens. */
                if (r->old_state != ASSOCIATION_CLOSED)
                        k = make_row(x, r, CHANGE_ASSOCIATION_DOWN, (int) r->old_state, ASSOCIATION_CLOSED, t, before);
                untrack(x->news, t);
                break;
        case EVENT_RESTART:
                k = make_row(x, r, CHANGE_ASSOCIATION_RESTART, state, state, t, before);
                break;
        case EVENT_PATH_STATE:
                k = make_row(x, r, CHANGE_PATH_STATE, state, state, t, before);
                break;
        case EVENT_PATH_ADDED:
                k = make_row(x, r, CHANGE_PATH_ADDED, state, state, t, before);
                break;
        case EVENT_PATH_REMOVED:
                k = make_row(x, r, CHANGE_PATH_REMOVED, state, state, t, before);
                break;
        case EVENT_PRIMARY:
                k = make_row(x, r, CHANGE_PRIMARY_CHANGED, state, state, t, before);
                break;
        case EVENT_STEP:
                k = make_row(x, r, CHANGE_STEP, (int) r->old_state, state, t, before);
                break;
        }

        return k;
}

static int compare_pids(const void *x, const void *y) {
        return CMP(((const struct process *) x)->pid, ((const struct process *) y)->pid);
}

/* The snapshot has its processes in the order of their pids, each once. */
static int place_owners(struct edition *x) {
        _cleanup_free_ struct process *sorted = NULL;
        size_t n = 0;
        int r = 0;

        sorted = calloc(MAX(x->n_processes, (size_t) 1), sizeof(*sorted));
        if (!sorted)
                return -ENOMEM;
        if (x->n_processes > 0)
                memcpy(sorted, x->processes, x->n_processes * sizeof(*sorted));
        qsort(sorted, x->n_processes, sizeof(*sorted), compare_pids);
        for (size_t i = 0; r >= 0 && i < x->n_processes; i++) {
                struct process *added;

                if (n > 0 && sorted[n - 1].pid == sorted[i].pid)
                        continue;
                sorted[n++] = sorted[i];
                r = builder_add_process(&x->b, &added);
                if (r >= 0)
                        *added = sorted[n - 1];
        }

        for (size_t i = 0; r >= 0 && i < x->b.n_associations; i++) {
                struct range *owners = &x->b.associations[i].owners;

                *owners = (struct range) { (uint32_t) x->b.n_owners, x->owners[i].count };
                for (uint32_t j = 0; r >= 0 && j < x->owners[i].count; j++) {
                        const struct process *p = bsearch(x->processes + x->owners[i].first + j, sorted, n,
                                                          sizeof(*sorted), compare_pids);

                        r = builder_add_owner(&x->b, (uint32_t) (p - sorted));
                }
        }

        return r;
}

static void edition_done(struct edition *x) {
        builder_done(&x->b);
        free(x->processes);
        free(x->owners);
        x->news->n = 0;
}

int news_finish(struct news *n, const struct snapshot *previous, bool own_only, struct snapshot **ret) {
        _cleanup_(edition_done) struct edition x = { .news = n, .previous = previous, .hz = clock_hz() };
        _cleanup_free_ const struct record_event **sorted = NULL;
        int r = 0;

        *ret = NULL;
        if (n->n == 0)
                return 0;
        sorted = calloc(n->n, sizeof(*sorted));
        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < n->n; i++)
                sorted[i] = n->records + i;
        qsort(sorted, n->n, sizeof(*sorted), compare_records);

        x.offset = clock_usec(CLOCK_REALTIME) - clock_usec(CLOCK_MONOTONIC);
        x.b.head.news = 1;
        x.b.head.available = 1;
        x.b.head.hz = x.hz;
        x.b.head.netns = previous ? snapshot_head(previous)->netns : 0;
        x.b.head.started_monotonic = sorted[n->n - 1]->at / 1000;
        x.b.head.started_realtime = realtime(&x, x.b.head.started_monotonic);
        for (size_t i = 0; r >= 0 && i < n->n; i++)
                if (!own_only || sorted[i]->association.socket.netns == x.b.head.netns)
                        r = make_rows(&x, sorted[i]);
        if (r >= 0 && x.b.n_associations > 0)
                r = place_owners(&x);
        if (r < 0 || x.b.n_associations == 0)
                return r;

        return builder_finish(&x.b, ret);
}
