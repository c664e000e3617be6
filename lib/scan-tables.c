/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>

#include "clock.h"
#include "scan-tables.h"

/* Below this a read from procfs could fill up before the kernel's page does, which on Linux 4.19 to
 * 5.11 leaks a reference. */
#define READ_BYTES_MIN (64u * 1024u)
/* With more rows without an id than this, looking for what they belong to would cost their square. */
#define JOIN_WITHOUT_ID_MAX 256u

void scan_tables_done(struct scan_tables *t) {
        free(t->remaddr);
        index_done(&t->by_id);
        index_done(&t->by_ends);
}

int scan_tables_read_text(int directory, const char *name, char **ret, size_t *ret_length) {
        size_t length = 0, allocated = 4 * READ_BYTES_MIN;
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = -EBADF;

        fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        text = malloc(allocated);
        if (!text)
                return -ENOMEM;

        for (;;) {
                ssize_t n;

                /* One byte is kept for the NUL. */
                if (allocated - length < READ_BYTES_MIN + 1) {
                        char *bigger;

                        if (allocated >= SCAN_TABLES_BYTES_MAX)
                                return -EFBIG;
                        bigger = realloc(text, allocated *= 2);
                        if (!bigger)
                                return -ENOMEM;
                        text = bigger;
                }

                n = read(fd, text + length, allocated - length - 1);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                length += (size_t) n;
        }

        text[length] = '\0';
        *ret = steal_ptr(text);
        *ret_length = length;
        return 0;
}

/* A table's part of its source's report, which is about all namespaces: what stood there before this one. */
struct share {
        size_t n_complaints;
        uint64_t malformed;
        uint32_t source_malformed[_SOURCE_MAX], rows[_SOURCE_MAX];
};

static void remember(const struct builder *b, struct share *ret) {
        ret->n_complaints = b->n_complaints;
        ret->malformed = b->head.malformed;
        for (size_t i = 0; i < _SOURCE_MAX; i++) {
                ret->source_malformed[i] = b->head.sources[i].malformed;
                ret->rows[i] = b->head.sources[i].rows;
        }
}

static void forget_since(struct builder *b, const struct share *share, enum source source) {
        b->head.sources[source].malformed = share->source_malformed[source];
        b->head.sources[source].rows = share->rows[source];
}

/* Errors of a table whose namespace has ended, or is ending. */
static bool has_ended(int error) {
        return error == -ENOENT || error == -ENXIO || error == -ESRCH || error == -EINVAL;
}

/* Reads one table and hands its text to the reader. What goes wrong with the table goes into its report;
 * only what ends the scan comes back. */
static int read_source(struct scan_tables *t, enum source source, unsigned *read,
                       int (*reader)(struct scan_tables *t, const char *text, size_t length)) {
        struct source_report *report = t->builder->head.sources + source;
        uint64_t start = clock_usec(CLOCK_MONOTONIC);
        _cleanup_free_ char *text = NULL;
        size_t length;
        int r;

        *read &= ~(1u << source);
        r = scan_tables_read_text(t->directory, source_name(source), &text, &length);
        if (r >= 0) {
                r = reader(t, text, length);
                if (r >= 0) {
                        *read |= 1u << source;
                        /* What failed in one namespace stays said. */
                        if (report->result != SOURCE_FAILED)
                                report->result = SOURCE_READ;
                }
        } else if (t->may_end && has_ended(r))
                return -ESTALE;
        /* Whatever else may be wrong with it, it is there. */
        t->builder->head.available |= r != -ENOENT;
        if (r < 0 && r != -ENOMEM && r != -E2BIG) {
                report->result = SOURCE_FAILED;
                report->error = -r;
                snprintf(report->text, sizeof(report->text), "%s",
                         r == -EBADMSG ? "not the table it should be" : strerror(-r));
        }
        report->duration_usec += clock_usec(CLOCK_MONOTONIC) - start;
        report->last_run = t->builder->head.started_realtime;

        return r == -ENOMEM || r == -E2BIG ? r : 0;
}

static int read_eps(struct scan_tables *t, const char *text, size_t length) {
        return proc_read_eps(t->builder, t->netns, text, length);
}

static int read_assocs(struct scan_tables *t, const char *text, size_t length) {
        return proc_read_assocs(t->builder, t->netns, t->shifted, text, length);
}

static int read_remaddr(struct scan_tables *t, const char *text, size_t length) {
        free(t->remaddr);
        t->remaddr = NULL;
        t->n_remaddr = 0;
        return proc_read_remaddr(t->builder, text, length, &t->remaddr, &t->n_remaddr);
}

static int read_snmp(struct scan_tables *t, const char *text, size_t length) {
        return proc_read_snmp(t->builder, t->netns, text, length);
}

/* They are in the order of their ids, and mostly asked for in that order. */
static struct association *find_listed(struct scan_tables *t, uint32_t id) {
        struct association *associations = t->builder->associations;
        size_t low = t->first_association, high = t->end_listed;

        if (t->next_listed < high && associations[t->next_listed].id == id)
                return associations + t->next_listed++;
        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (associations[middle].id <= id)
                        low = middle + 1;
                else
                        high = middle;
        }

        t->next_listed = low;
        return low > t->first_association && associations[low - 1].id == id ? associations + low - 1 : NULL;
}

struct association *scan_tables_find_id(struct scan_tables *t, uint32_t id) {
        struct association *associations = t->builder->associations;
        size_t cursor = 0;
        uint32_t i;

        if (t->listing)
                return find_listed(t, id);

        while (index_next(&t->by_id, index_hash(id), &cursor, &i))
                if (associations[i].id == id)
                        return associations + i;

        return NULL;
}

/* Of repeated rows the last counts, as it does when they are folded. */
static int index_by_id(struct scan_tables *t) {
        struct builder *b = t->builder;
        int r;

        index_done(&t->by_id);
        r = index_init(&t->by_id, b->n_associations - t->first_association);
        if (r < 0)
                return r;

        for (size_t i = b->n_associations; i-- > t->first_association;)
                if (b->associations[i].id != 0 && !scan_tables_find_id(t, b->associations[i].id))
                        index_add(&t->by_id, index_hash(b->associations[i].id), (uint32_t) i);

        return 0;
}

static int index_by_ends(struct scan_tables *t) {
        struct builder *b = t->builder;
        size_t n_pairs = 0;
        int r;

        for (size_t i = t->first_association; i < b->n_associations; i++)
                n_pairs += index_pairs(b->associations + i);
        r = index_init(&t->by_ends, n_pairs);
        if (r < 0)
                return r;

        for (size_t i = t->first_association; i < b->n_associations; i++) {
                const struct association *a = b->associations + i;

                index_add_pairs(&t->by_ends, a, b->addresses + a->local.first, b->paths + a->paths.first, (uint32_t) i);
        }

        return 0;
}

int scan_tables_find_ends(struct scan_tables *t, const struct snapshot *s, const struct association *p,
                          struct association **ret) {
        const struct address *local = snapshot_addresses(s, p->local);
        const struct path *paths = snapshot_paths(s, p->paths);
        struct builder *b = t->builder;
        struct association *found = NULL;
        size_t pair = 0, cursor = 0;
        uint32_t element;
        int r;

        if (!t->by_ends.slots) {
                r = index_by_ends(t);
                if (r < 0)
                        return r;
        }

        while (index_next_pair(&t->by_ends, p, local, paths, &pair, &cursor, &element)) {
                struct association *a = b->associations + element;

                if (association_same_ends(p, local, paths,
                                          a, b->addresses + a->local.first, b->paths + a->paths.first))
                        found = a;
        }

        *ret = found;
        return 0;
}

/* Whether remaddr speaks of an association that assocs did not show. */
static bool rows_missed(struct scan_tables *t) {
        for (size_t i = 0; i < t->n_remaddr; i++)
                if (t->remaddr[i].association_id != 0 && !scan_tables_find_id(t, t->remaddr[i].association_id))
                        return true;

        return false;
}

/* Rows without an id cannot be told apart over two reads; those of the last read count. */
static void drop_rows_without_id(struct scan_tables *t) {
        struct builder *b = t->builder;
        size_t kept = t->first_association;

        for (size_t i = kept; i < b->n_associations; i++)
                if (b->associations[i].id != 0)
                        b->associations[kept++] = b->associations[i];
        b->n_associations = kept;
}

/* Rows are repeated while others come and go: a row without an id, and behind it one with an id and the same
 * ends and socket, are one association that got its id while the table was read. */
static int drop_promoted(struct scan_tables *t) {
        _cleanup_(index_done) struct index waiting = {};
        _cleanup_free_ bool *promoted = NULL;
        struct builder *b = t->builder;
        size_t n_pairs = 0, kept = t->first_association;
        int r;

        for (size_t i = t->first_association; i < b->n_associations; i++)
                if (b->associations[i].id == 0)
                        n_pairs += index_pairs(b->associations + i);
        if (n_pairs == 0)
                return 0;
        promoted = calloc(b->n_associations, sizeof(*promoted));
        if (!promoted)
                return -ENOMEM;
        r = index_init(&waiting, n_pairs);
        if (r < 0)
                return r;

        /* In the order of the table, so that only rows before this one are found. */
        for (size_t i = t->first_association; i < b->n_associations; i++) {
                const struct association *a = b->associations + i;
                const struct address *local = b->addresses + a->local.first;
                const struct path *paths = b->paths + a->paths.first;
                size_t pair = 0, cursor = 0;
                uint32_t element;

                if (a->id == 0) {
                        index_add_pairs(&waiting, a, local, paths, (uint32_t) i);
                        continue;
                }
                while (index_next_pair(&waiting, a, local, paths, &pair, &cursor, &element)) {
                        const struct association *w = b->associations + element;

                        promoted[element] |= w->inode == a->inode &&
                                association_same_ends(a, local, paths,
                                                      w, b->addresses + w->local.first, b->paths + w->paths.first);
                }
        }

        for (size_t i = t->first_association; i < b->n_associations; i++)
                if (!promoted[i])
                        b->associations[kept++] = b->associations[i];
        if (kept == b->n_associations)
                return 0;
        b->n_associations = kept;
        return index_by_id(t);
}

static int read_associations(struct scan_tables *t, unsigned *read) {
        struct builder *b = t->builder;
        struct share share;
        int r;

        remember(b, &share);
        for (unsigned i = 0; i < t->reads_max; i++) {
                drop_rows_without_id(t);
                b->n_complaints = share.n_complaints;
                b->head.malformed = share.malformed;
                forget_since(b, &share, SOURCE_ASSOCS);
                forget_since(b, &share, SOURCE_REMADDR);
                r = read_source(t, SOURCE_ASSOCS, read, read_assocs);
                if (r >= 0)
                        r = read_source(t, SOURCE_REMADDR, read, read_remaddr);
                if (r >= 0)
                        r = index_by_id(t);
                if (r < 0)
                        return r;
                if (!rows_missed(t))
                        break;
        }

        return drop_promoted(t);
}

static int take_listed(struct scan_tables *t, unsigned *read) {
        int r;

        r = bpf_listing_build(t->listing, t->netns, t->builder);
        if (r < 0)
                return r;

        t->next_listed = t->first_association;
        t->end_listed = t->builder->n_associations;
        *read |= 1u << SOURCE_EPS | 1u << SOURCE_ASSOCS | 1u << SOURCE_REMADDR;
        return 0;
}

static bool has_peer(const struct builder *b, const struct association *a, const struct address *peer) {
        for (uint32_t i = 0; i < a->paths.count; i++)
                if (address_equal(&b->paths[a->paths.first + i].address, peer))
                        return true;

        return false;
}

static void join_path(struct scan_tables *t, const struct association *a, const struct proc_remaddr *row) {
        for (uint32_t i = 0; i < a->paths.count; i++) {
                struct path *path = t->builder->paths + a->paths.first + i;
                uint8_t primary = path->address.primary;

                if (!address_equal(&path->address, &row->path.address))
                        continue;
                *path = row->path;
                path->address.primary = primary;
        }
}

/* A row of remaddr without an id belongs to an association without an id, but the table does not say to
 * which: it is joined where just one can be meant. */
static void join_without_id(struct scan_tables *t, const struct proc_remaddr *row) {
        const struct association *only = NULL;

        for (size_t i = 0; i < t->n_remaddr; i++)
                if (t->remaddr + i != row && t->remaddr[i].association_id == 0 &&
                    address_equal(&t->remaddr[i].path.address, &row->path.address))
                        return;

        for (size_t i = t->first_association; i < t->builder->n_associations; i++) {
                const struct association *a = t->builder->associations + i;

                if (a->id != 0 || !has_peer(t->builder, a, &row->path.address))
                        continue;
                if (only)
                        return;
                only = a;
        }

        if (only)
                join_path(t, only, row);
}

static void join_paths(struct scan_tables *t) {
        size_t without = 0;

        for (size_t i = 0; i < t->n_remaddr; i++) {
                const struct association *a;

                if (t->remaddr[i].association_id == 0) {
                        without++;
                        continue;
                }
                a = scan_tables_find_id(t, t->remaddr[i].association_id);
                if (a)
                        join_path(t, a, t->remaddr + i);
        }

        for (size_t i = 0; without <= JOIN_WITHOUT_ID_MAX && i < t->n_remaddr; i++)
                if (t->remaddr[i].association_id == 0)
                        join_without_id(t, t->remaddr + i);
}

/* Leaves nothing of the namespace in the builder. */
static void withdraw(struct scan_tables *t, const struct share *share, size_t n_counters) {
        struct builder *b = t->builder;

        b->n_endpoints = t->first_endpoint;
        b->n_associations = t->first_association;
        b->n_counters = n_counters;
        b->n_complaints = share->n_complaints;
        b->head.malformed = share->malformed;
        for (enum source i = 0; i < _SOURCE_MAX; i++)
                forget_since(b, share, i);
}

int scan_tables_take_listed(struct scan_tables *t, unsigned *ret_read) {
        *ret_read = 0;
        t->first_endpoint = t->builder->n_endpoints;
        t->first_association = t->builder->n_associations;
        return take_listed(t, ret_read);
}

int scan_tables_read(struct scan_tables *t, unsigned *ret_read) {
        size_t n_counters = t->builder->n_counters;
        unsigned read = 0;
        struct share share;
        int r;

        t->first_endpoint = t->builder->n_endpoints;
        t->first_association = t->builder->n_associations;
        remember(t->builder, &share);

        if (t->listing)
                r = take_listed(t, &read);
        else {
                r = read_source(t, SOURCE_EPS, &read, read_eps);
                if (r >= 0)
                        r = read_associations(t, &read);
        }
        /* After the tables, so that it has counted whatever they have shown: lib/unobserved.h. */
        if (r >= 0)
                r = read_source(t, SOURCE_SNMP, &read, read_snmp);
        if (r < 0) {
                withdraw(t, &share, n_counters);
                return r;
        }

        join_paths(t);
        *ret_read = read;
        return 0;
}
