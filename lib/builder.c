/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include "builder.h"
#include "layout.h"
#include "rank.h"

void builder_done(struct builder *b) {
        free(b->endpoints);
        free(b->associations);
        free(b->paths);
        free(b->addresses);
        free(b->counters);
        free(b->complaints);
        free(b->namespaces);
        free(b->processes);
        free(b->owners);
        free(b->happenings);
        *b = (struct builder) {};
}

void builder_clear(struct builder *b) {
        const size_t n[] = {
                b->n_endpoints, b->n_associations, b->n_paths, b->n_addresses, b->n_counters, b->n_complaints,
                b->n_namespaces, b->n_processes, b->n_owners, b->n_happenings,
        };

        for (size_t i = 0; i < ELEMENTS(n); i++)
                if (builder_is_spare(b->allocated[i], n[i])) {
                        builder_done(b);
                        return;
                }

        b->head = (struct snapshot_head) {};
        b->n_endpoints = b->n_associations = b->n_paths = b->n_addresses = b->n_counters = b->n_complaints =
                b->n_namespaces = b->n_processes = b->n_owners = b->n_happenings = 0;
}

/* Appends so many elements: copies, or zeroed ones where `from` is NULL. */
static int append(void **array, size_t *n, size_t *allocated, size_t size, size_t max, const void *from, size_t count) {
        uint8_t *end;

        if (count == 0)
                return 0;
        if (count > max - *n)
                return -E2BIG;
        if (*n + count > *allocated) {
                size_t more = MAX(MAX(*allocated * 2, (size_t) 64), *n + count);
                void *bigger = reallocarray(*array, more, size);

                if (!bigger)
                        return -ENOMEM;
                *array = bigger;
                *allocated = more;
        }

        end = (uint8_t *) *array + *n * size;
        if (!from)
                memset(end, 0, count * size);
        else
                memcpy(end, from, count * size);
        *n += count;
        return 0;
}

#define APPEND(b, index, member, max, from, count) \
        append((void **) &(b)->member, &(b)->n_##member, &(b)->allocated[index], sizeof(*(b)->member), max, from, count)

#define ADD(b, index, member, max, ret)                                 \
        ({                                                              \
                int _r = APPEND(b, index, member, max, NULL, 1);        \
                                                                        \
                if (_r >= 0)                                            \
                        *(ret) = (b)->member + (b)->n_##member - 1;     \
                _r;                                                     \
        })

int builder_add_endpoint(struct builder *b, struct endpoint **ret) {
        return ADD(b, 0, endpoints, SNAPSHOT_ENDPOINTS_MAX, ret);
}

int builder_add_association(struct builder *b, struct association **ret) {
        return ADD(b, 1, associations, SNAPSHOT_ASSOCIATIONS_MAX, ret);
}

int builder_add_path(struct builder *b, struct path **ret) {
        return ADD(b, 2, paths, SNAPSHOT_PATHS_MAX, ret);
}

int builder_add_address(struct builder *b, struct address **ret) {
        return ADD(b, 3, addresses, SNAPSHOT_ADDRESSES_MAX, ret);
}

int builder_add_counter(struct builder *b, struct counter **ret) {
        return ADD(b, 4, counters, SNAPSHOT_COUNTERS_MAX, ret);
}

int builder_add_netns(struct builder *b, struct netns **ret) {
        return ADD(b, 6, namespaces, SNAPSHOT_NAMESPACES_MAX, ret);
}

int builder_add_process(struct builder *b, struct process **ret) {
        return ADD(b, 7, processes, SNAPSHOT_PROCESSES_MAX, ret);
}

int builder_add_happening(struct builder *b, struct happening **ret) {
        return ADD(b, 9, happenings, SNAPSHOT_HAPPENINGS_MAX, ret);
}

int builder_add_owner(struct builder *b, uint32_t process) {
        return APPEND(b, 8, owners, SNAPSHOT_OWNERS_MAX, &process, 1);
}

static int copy_addresses(struct builder *b, const struct address *from, uint32_t n, struct range *ret) {
        *ret = (struct range) { (uint32_t) b->n_addresses, n };
        return APPEND(b, 3, addresses, SNAPSHOT_ADDRESSES_MAX, from, n);
}

int builder_copy_endpoint(struct builder *b, const struct endpoint *e, const struct address *local) {
        struct range range;
        struct endpoint *added;
        int r;

        r = copy_addresses(b, local, e->local.count, &range);
        if (r >= 0)
                r = APPEND(b, 0, endpoints, SNAPSHOT_ENDPOINTS_MAX, e, 1);
        if (r < 0)
                return r;

        added = b->endpoints + b->n_endpoints - 1;
        added->local = range;
        added->owners = (struct range) {};
        return 0;
}

int builder_copy_association(struct builder *b, const struct association *a, const struct address *local,
                             const struct path *paths, struct association **ret) {
        struct range range, path_range = { (uint32_t) b->n_paths, a->paths.count };
        struct association *added;
        int r;

        r = copy_addresses(b, local, a->local.count, &range);
        if (r >= 0)
                r = APPEND(b, 2, paths, SNAPSHOT_PATHS_MAX, paths, a->paths.count);
        if (r >= 0)
                r = APPEND(b, 1, associations, SNAPSHOT_ASSOCIATIONS_MAX, a, 1);
        if (r < 0)
                return r;

        added = b->associations + b->n_associations - 1;
        added->local = range;
        added->paths = path_range;
        added->owners = (struct range) {};
        *ret = added;
        return 0;
}

void builder_complain(struct builder *b, enum source source, unsigned line, const char *format, ...) {
        struct complaint *complaint;
        va_list args;

        b->head.sources[source].malformed++;
        b->head.malformed++;

        /* Full, or out of memory: it has been counted. */
        if (APPEND(b, 5, complaints, SNAPSHOT_COMPLAINTS_MAX, NULL, 1) < 0)
                return;

        complaint = b->complaints + b->n_complaints - 1;
        snprintf(complaint->file, sizeof(complaint->file), "%s", source_name(source));
        complaint->line = line;
        va_start(args, format);
        vsnprintf(complaint->text, sizeof(complaint->text), format, args);
        va_end(args);
}

static int compare_lists(const struct address *x, uint32_t n_x, const struct address *y, uint32_t n_y) {
        for (uint32_t i = 0; i < n_x && i < n_y; i++) {
                int c = address_compare(x + i, y + i);

                if (c != 0)
                        return c;
        }

        return CMP(n_x, n_y);
}

static int compare_endpoints(const void *x, const void *y, void *userdata) {
        const struct builder *b = userdata;
        const struct endpoint *e = b->endpoints + *(const uint32_t *) x, *f = b->endpoints + *(const uint32_t *) y;
        int c;

        c = CMP(e->netns, f->netns);
        if (c == 0)
                c = CMP(e->local_port, f->local_port);
        if (c == 0)
                c = CMP(e->inode, f->inode);
        if (c == 0)
                c = compare_lists(b->addresses + e->local.first, e->local.count,
                                  b->addresses + f->local.first, f->local.count);
        return c;
}

static int compare_associations(const void *x, const void *y, void *userdata) {
        const struct builder *b = userdata;
        const struct association *a = b->associations + *(const uint32_t *) x,
                                 *o = b->associations + *(const uint32_t *) y;
        int c;

        c = CMP(a->netns, o->netns);
        if (c == 0)
                c = CMP(a->id, o->id);
        /* An id is unique while it lives: nothing else counts then, its repeated rows are one. */
        if (c != 0 || a->id != 0)
                return c;

        c = CMP(a->local_port, o->local_port);
        if (c == 0)
                c = CMP(a->peer_port, o->peer_port);
        if (c == 0)
                c = CMP(a->paths.count > 0, o->paths.count > 0);
        if (c == 0 && a->paths.count > 0)
                c = address_compare(&b->paths[a->paths.first].address, &b->paths[o->paths.first].address);
        /* From several addresses of this host one port can reach the same peer several times. */
        if (c == 0)
                c = CMP(a->local.count > 0, o->local.count > 0);
        if (c == 0 && a->local.count > 0)
                c = address_compare(b->addresses + a->local.first, b->addresses + o->local.first);
        return c;
}

/* What an order goes by first, from the last of these numbers on. */
static uint64_t endpoint_number(const struct builder *b, uint32_t i, unsigned level) {
        const struct endpoint *e = b->endpoints + i;

        return level == 0 ? e->inode : level == 1 ? e->local_port : e->netns;
}

static uint64_t association_number(const struct builder *b, uint32_t i, unsigned level) {
        const struct association *a = b->associations + i;

        return level == 0 ? a->id : a->netns;
}

/* How rows are put in order. */
struct order {
        int (*compare)(const void *, const void *, void *);
        uint64_t (*number)(const struct builder *b, uint32_t i, unsigned level);
        unsigned levels;
};

static const struct order endpoint_order = { compare_endpoints, endpoint_number, 3 },
                          association_order = { compare_associations, association_number, 2 };

/* Whether each compares so, or less, with the next one. */
static bool all_compare(const struct builder *b, const struct order *o, const uint32_t *sorted, size_t n, int most) {
        for (size_t i = 1; i < n; i++)
                if (o->compare(sorted + i - 1, sorted + i, (void *) b) > most)
                        return false;

        return true;
}

static int rank_rows(const struct builder *b, const struct order *o, uint32_t *sorted, size_t n) {
        _cleanup_free_ struct rank *ranks = calloc(n, sizeof(*ranks));
        int r = 0;

        if (!ranks)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                ranks[i].row = sorted[i];
        for (unsigned level = 0; r >= 0 && level < o->levels; level++) {
                for (size_t i = 0; i < n; i++)
                        ranks[i].number = o->number(b, ranks[i].row, level);
                r = rank_sort(ranks, n);
        }
        for (size_t i = 0; i < n; i++)
                sorted[i] = ranks[i].row;

        return r;
}

/* The order of the elements by index, of equal ones only the last. */
static int order(const struct builder *b, size_t n, const struct order *o, uint32_t **ret, uint32_t *ret_n) {
        _cleanup_free_ uint32_t *sorted = NULL;
        uint32_t kept = 0;
        int r;

        sorted = malloc(MAX(n, (size_t) 1) * sizeof(*sorted));
        if (!sorted)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                sorted[i] = (uint32_t) i;

        *ret_n = (uint32_t) n;
        if (o && !all_compare(b, o, sorted, n, -1)) {
                r = rank_rows(b, o, sorted, n);
                if (r < 0)
                        return r;
                /* Those whose numbers are all the same differ in something else. */
                if (!all_compare(b, o, sorted, n, 0))
                        qsort_r(sorted, n, sizeof(*sorted), o->compare, (void *) b);
                for (size_t i = 0; i < n; i++)
                        if (kept > 0 && o->compare(sorted + kept - 1, sorted + i, (void *) b) == 0)
                                sorted[kept - 1] = MAX(sorted[kept - 1], sorted[i]);
                        else
                                sorted[kept++] = sorted[i];
                *ret_n = kept;
        }

        *ret = steal_ptr(sorted);
        return 0;
}

static uint64_t place(uint64_t *end, size_t n, size_t size) {
        uint64_t offset = *end;

        /* Every array on an 8-byte boundary. */
        *end = (offset + n * size + 7) & ~UINT64_C(7);
        return offset;
}

static int compare_namespaces(const void *x, const void *y) {
        const struct netns *n = x, *m = y;

        return CMP(n->netns, m->netns);
}

_Static_assert(sizeof(struct snapshot_head) % 8 == 0 && sizeof(struct endpoint) % 8 == 0 &&
               sizeof(struct association) % 8 == 0 && sizeof(struct path) % 8 == 0, "no padding is put behind these");

/* Written in large pieces: a mapping would have each page looked up, and filled with zeros first. */
struct output {
        int fd;
        int error;
        size_t pending;
        uint8_t bytes[64 * 1024];
};

static void write_all(struct output *o, const void *data, size_t size) {
        for (size_t done = 0; o->error == 0 && done < size;) {
                ssize_t n = write(o->fd, (const uint8_t *) data + done, size - done);

                if (n > 0)
                        done += (size_t) n;
                else if (n == 0 || errno != EINTR)
                        o->error = n == 0 ? -EIO : -errno;
        }
}

static void flush(struct output *o) {
        write_all(o, o->bytes, o->pending);
        o->pending = 0;
}

static void put(struct output *o, const void *data, size_t size) {
        if (size > sizeof(o->bytes) - o->pending)
                flush(o);
        if (size > sizeof(o->bytes))
                write_all(o, data, size);
        else if (size > 0) {
                memcpy(o->bytes + o->pending, data, size);
                o->pending += size;
        }
}

/* Behind an array, up to where place() begins the next one. */
static void put_padding(struct output *o, uint64_t size) {
        put(o, (const uint8_t[8]) {}, -size & 7);
}

static void put_array(struct output *o, const void *data, size_t n, size_t size) {
        put(o, data, n * size);
        put_padding(o, n * size);
}

/* Has it say where its elements stand in the snapshot. */
static void move_range(struct range *range, uint32_t *placed) {
        range->first = *placed;
        *placed += range->count;
}

/* What a range of each row stands for, in the order of the rows. */
#define PUT_ELEMENTS(o, b, rows, sorted, n, range, elements)                                            \
        for (uint32_t i = 0; i < (n); i++)                                                              \
                put(o, (b)->elements + (b)->rows[(sorted)[i]].range.first,                              \
                    (b)->rows[(sorted)[i]].range.count * sizeof(*(b)->elements))

static void put_rows(struct output *o, const struct builder *b, const struct snapshot_head *head,
                     const uint32_t *endpoints, const uint32_t *associations) {
        uint32_t n_addresses = 0, n_paths = 0, n_owners = 0;

        for (uint32_t i = 0; i < head->n_endpoints; i++) {
                struct endpoint e = b->endpoints[endpoints[i]];

                move_range(&e.local, &n_addresses);
                move_range(&e.owners, &n_owners);
                put(o, &e, sizeof(e));
        }
        for (uint32_t i = 0; i < head->n_associations; i++) {
                struct association a = b->associations[associations[i]];

                move_range(&a.local, &n_addresses);
                move_range(&a.paths, &n_paths);
                move_range(&a.owners, &n_owners);
                put(o, &a, sizeof(a));
        }
        PUT_ELEMENTS(o, b, associations, associations, head->n_associations, paths, paths);
        PUT_ELEMENTS(o, b, endpoints, endpoints, head->n_endpoints, local, addresses);
        PUT_ELEMENTS(o, b, associations, associations, head->n_associations, local, addresses);
        put_padding(o, n_addresses * sizeof(*b->addresses));
}

static void put_owners(struct output *o, const struct builder *b, const struct snapshot_head *head,
                       const uint32_t *endpoints, const uint32_t *associations) {
        PUT_ELEMENTS(o, b, endpoints, endpoints, head->n_endpoints, owners, owners);
        PUT_ELEMENTS(o, b, associations, associations, head->n_associations, owners, owners);
        put_padding(o, head->n_owners * sizeof(*b->owners));
}

int builder_finish(struct builder *b, struct snapshot **ret) {
        _cleanup_free_ uint32_t *endpoints = NULL, *associations = NULL;
        struct snapshot_head head = b->head;
        _cleanup_close_ int fd = -EBADF;
        uint32_t n_addresses = 0, n_paths = 0, n_owners = 0;
        uint64_t end = sizeof(head);
        struct output o;
        int r;

        r = order(b, b->n_endpoints, &endpoint_order, &endpoints, &head.n_endpoints);
        if (r < 0)
                return r;
        r = order(b, b->n_associations, head.news ? NULL : &association_order, &associations, &head.n_associations);
        if (r < 0)
                return r;

        if (b->n_namespaces > 0)
                qsort(b->namespaces, b->n_namespaces, sizeof(*b->namespaces), compare_namespaces);
        for (uint32_t i = 0; i < head.n_endpoints; i++) {
                n_addresses += b->endpoints[endpoints[i]].local.count;
                n_owners += b->endpoints[endpoints[i]].owners.count;
        }
        for (uint32_t i = 0; i < head.n_associations; i++) {
                n_addresses += b->associations[associations[i]].local.count;
                n_paths += b->associations[associations[i]].paths.count;
                n_owners += b->associations[associations[i]].owners.count;
        }

        head.magic = SNAPSHOT_MAGIC;
        head.n_addresses = n_addresses;
        head.n_paths = n_paths;
        head.n_counters = (uint32_t) b->n_counters;
        head.n_complaints = (uint32_t) b->n_complaints;
        head.n_namespaces = (uint32_t) b->n_namespaces;
        head.n_processes = (uint32_t) b->n_processes;
        head.n_owners = n_owners;
        head.n_happenings = (uint32_t) b->n_happenings;
        head.endpoints = place(&end, head.n_endpoints, sizeof(struct endpoint));
        head.associations = place(&end, head.n_associations, sizeof(struct association));
        head.paths = place(&end, n_paths, sizeof(struct path));
        head.addresses = place(&end, n_addresses, sizeof(struct address));
        head.counters = place(&end, head.n_counters, sizeof(struct counter));
        head.complaints = place(&end, head.n_complaints, sizeof(struct complaint));
        head.namespaces = place(&end, head.n_namespaces, sizeof(struct netns));
        head.processes = place(&end, head.n_processes, sizeof(struct process));
        head.owners = place(&end, n_owners, sizeof(uint32_t));
        head.happenings = place(&end, head.n_happenings, sizeof(struct happening));
        head.size = end;

        fd = memfd_create("sctpmon-snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        o.fd = fd;
        o.error = 0;
        o.pending = 0;
        put(&o, &head, sizeof(head));
        put_rows(&o, b, &head, endpoints, associations);
        put_array(&o, b->counters, b->n_counters, sizeof(*b->counters));
        put_array(&o, b->complaints, b->n_complaints, sizeof(*b->complaints));
        put_array(&o, b->namespaces, b->n_namespaces, sizeof(*b->namespaces));
        put_array(&o, b->processes, b->n_processes, sizeof(*b->processes));
        put_owners(&o, b, &head, endpoints, associations);
        put_array(&o, b->happenings, b->n_happenings, sizeof(*b->happenings));
        flush(&o);
        if (o.error < 0)
                return o.error;

        r = snapshot_seal(fd);
        return r < 0 ? r : snapshot_map(steal_fd(&fd), ret);
}
