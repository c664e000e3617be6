/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hold.h"
#include "json.h"

struct row {
        STAILQ_ENTRY(row) entry;
        struct message *reply;                  /* NULL: it is not kept */
};

/* What all who read from a snapshot have of it. */
struct shared {
        unsigned readers;
        size_t bytes, bytes_max;                /* of replies that are kept */
        STAILQ_HEAD(, row) kept;                /* the oldest first */
        struct json_memo *memo;                 /* NULL: none yet, or no memory for it */
        struct buffer text;                     /* that a reply is made in */
        struct row rows[];                      /* endpoints, associations, namespaces */
};

/* Where the rows of a kind begin; of _ROW_KIND_MAX: how many there are. */
static size_t first_row(const struct snapshot_head *head, enum row_kind kind) {
        const size_t n[] = { head->n_endpoints, head->n_associations, head->n_namespaces };
        size_t first = 0;

        for (size_t i = 0; i < kind; i++)
                first += n[i];
        return first;
}

/* The oldest ones, until no more than so many bytes are left. */
static void forget(struct shared *shared, size_t left) {
        while (shared->bytes > left) {
                struct row *row = STAILQ_FIRST(&shared->kept);

                STAILQ_REMOVE_HEAD(&shared->kept, entry);
                shared->bytes -= message_size(row->reply);
                row->reply = message_unref(row->reply);
        }
}

static void keep(struct shared *shared, struct row *row, struct message *m) {
        size_t size = message_size(m);

        if (size > shared->bytes_max)
                return;
        forget(shared, shared->bytes_max - size);
        STAILQ_INSERT_TAIL(&shared->kept, row, entry);
        row->reply = message_ref(m);
        shared->bytes += size;
}

static int make_reply(struct shared *shared, const struct snapshot *s, enum row_kind kind, uint32_t i,
                      const struct alias_table *aliases, struct message **ret) {
        static const char *const members[] = { "endpoint", "association", "namespace" };
        struct buffer *text = &shared->text;
        const struct association *a;

        message_begin(text, members[kind]);
        if (kind == ROW_ENDPOINT)
                json_write_endpoint(text, s, snapshot_endpoints(s) + i);
        else if (kind == ROW_NAMESPACE)
                json_write_netns(text, snapshot_namespaces(s) + i);
        else {
                a = snapshot_associations(s) + i;
                if (!shared->memo)
                        shared->memo = json_memo_new();
                json_write_association(text, shared->memo, s, a, alias_find(aliases, s, a));
        }
        return message_end(text, ret);
}

int hold_reply(struct hold *h, enum row_kind kind, uint32_t i, const struct alias_table *aliases,
               struct message **ret) {
        struct shared *shared = h->shared;
        struct row *row = shared->rows + first_row(snapshot_head(h->snapshot), kind) + i;
        int r;

        if (row->reply) {
                *ret = message_ref(row->reply);
                return 0;
        }

        r = make_reply(shared, h->snapshot, kind, i, aliases, ret);
        if (r >= 0 && shared->readers > 1)
                keep(shared, row, *ret);
        return r;
}

void hold_forget_replies(struct hold_list *list) {
        struct hold *h;

        TAILQ_FOREACH(h, list, entry)
                forget(h->shared, 0);
}

int hold_add(struct hold_list *list, struct hold *h, struct snapshot *s, void (*evict)(struct hold *h)) {
        struct hold *behind;

        /* In the order of their snapshots, so that readers of the same one stand together. */
        TAILQ_FOREACH_REVERSE(behind, list, hold_list, entry)
                if (snapshot_head(behind->snapshot)->serial <= snapshot_head(s)->serial)
                        break;

        if (behind && behind->snapshot == s)
                h->shared = behind->shared;
        else {
                h->shared = calloc(1, sizeof(*h->shared) +
                                      first_row(snapshot_head(s), _ROW_KIND_MAX) * sizeof(h->shared->rows[0]));
                if (!h->shared)
                        return -ENOMEM;
                STAILQ_INIT(&h->shared->kept);
                h->shared->bytes_max = MIN(snapshot_head(s)->size, (uint64_t) HOLD_REPLIES_BYTES_MAX);
        }
        h->shared->readers++;
        h->snapshot = snapshot_ref(s);
        h->evict = evict;

        if (behind)
                TAILQ_INSERT_AFTER(list, behind, h, entry);
        else
                TAILQ_INSERT_HEAD(list, h, entry);
        return 0;
}

void hold_remove(struct hold_list *list, struct hold *h) {
        struct shared *shared = steal_ptr(h->shared);

        TAILQ_REMOVE(list, h, entry);
        h->snapshot = snapshot_unref(h->snapshot);
        if (--shared->readers <= 1)
                forget(shared, 0);
        if (shared->readers == 0) {
                json_memo_free(shared->memo);
                buffer_done(&shared->text);
                free(shared);
        }
}

void hold_limit(struct hold_list *list, const struct snapshot *newest) {
        const struct snapshot *last = NULL;
        unsigned held = 0;
        uint64_t bytes = 0;
        struct hold *h;

        TAILQ_FOREACH(h, list, entry)
                if (h->snapshot != last && h->snapshot != newest) {
                        last = h->snapshot;
                        bytes += snapshot_head(last)->size;
                        held++;
                }

        for (; held > HOLD_SNAPSHOTS_MIN && bytes > HOLD_BYTES_MAX; held--) {
                const struct snapshot *oldest = TAILQ_FIRST(list)->snapshot;

                bytes -= snapshot_head(oldest)->size;
                while ((h = TAILQ_FIRST(list)) && h->snapshot == oldest)
                        h->evict(h);
        }
}
