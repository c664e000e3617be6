/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

#include "clock.h"
#include "index.h"
#include "lookup.h"
#include "netns.h"
#include "proc.h"
#include "scan.h"

/* Below this a read from procfs could fill up before the kernel's page does, which on Linux 4.19 to
 * 5.11 leaks a reference. */
#define READ_BYTES_MIN (64u * 1024u)

/* A scan on its way. */
struct scan {
        const struct scan_options *options;
        struct builder b;
        struct proc_remaddr *remaddr;
        size_t n_remaddr;
        struct index by_id;             /* the builder's associations */
        struct index by_ends;           /* the same by ports and addresses, made when needed */
        struct lookup lookup;
};

static void scan_done(struct scan *s) {
        builder_done(&s->b);
        free(s->remaddr);
        index_done(&s->by_id);
        index_done(&s->by_ends);
        lookup_done(&s->lookup);
}

static int read_text(const char *root, const char *name, char **ret, size_t *ret_length) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        size_t length = 0, allocated = 4 * READ_BYTES_MIN;
        _cleanup_close_ int fd = -EBADF;

        if (asprintf(&path, "%s/proc/%s", root ?: "", name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        fd = open(path, O_RDONLY | O_CLOEXEC);
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

                        if (allocated >= SCAN_TABLE_BYTES_MAX)
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

static bool release_shifted(const char *root) {
        _cleanup_free_ char *text = NULL;
        struct utsname uts;
        size_t length;

        if (!root)
                return uname(&uts) == 0 && state_shifted(uts.release);
        if (read_text(root, "version", &text, &length) < 0)
                return false;

        return state_shifted(text);
}

static void report_failure(struct source_report *report, int error) {
        report->result = SOURCE_FAILED;
        report->error = -error;
        snprintf(report->text, sizeof(report->text), "%s", strerror(-error));
}

/* Reads one table and hands its text to the reader. What goes wrong with the table goes into its
 * report; only what ends the scan comes back. */
static int read_source(struct scan *s, enum source source,
                       int (*reader)(struct scan *s, const char *text, size_t length)) {
        struct source_report *report = s->b.head.sources + source;
        uint64_t start = clock_usec(CLOCK_MONOTONIC);
        _cleanup_free_ char *text = NULL;
        char name[64];
        size_t length;
        int r;

        report->rows = 0;
        snprintf(name, sizeof(name), "net/sctp/%s", source_name(source));
        r = read_text(s->options->root, name, &text, &length);
        /* Whatever else may be wrong with it, it is there. */
        s->b.head.available |= r != -ENOENT;
        if (r < 0)
                report_failure(report, r);
        else {
                report->result = SOURCE_READ;
                r = reader(s, text, length);
                if (r == -EBADMSG) {
                        report_failure(report, r);
                        snprintf(report->text, sizeof(report->text), "not the table it should be");
                }
        }
        report->duration_usec += clock_usec(CLOCK_MONOTONIC) - start;

        return r == -ENOMEM || r == -E2BIG ? r : 0;
}

static int read_eps(struct scan *s, const char *text, size_t length) {
        return proc_read_eps(&s->b, s->b.head.netns, text, length);
}

static int read_assocs(struct scan *s, const char *text, size_t length) {
        return proc_read_assocs(&s->b, s->b.head.netns, release_shifted(s->options->root), text, length);
}

static int read_remaddr(struct scan *s, const char *text, size_t length) {
        free(s->remaddr);
        s->remaddr = NULL;
        s->n_remaddr = 0;
        return proc_read_remaddr(&s->b, text, length, &s->remaddr, &s->n_remaddr);
}

static int read_snmp(struct scan *s, const char *text, size_t length) {
        return proc_read_snmp(&s->b, s->b.head.netns, text, length);
}

static struct association *find_id(struct scan *s, uint32_t id) {
        size_t cursor = 0;
        uint32_t i;

        while (index_next(&s->by_id, index_hash(id), &cursor, &i))
                if (s->b.associations[i].id == id)
                        return s->b.associations + i;

        return NULL;
}

/* Of repeated rows the last counts, as it does when they are folded. */
static int index_by_id(struct scan *s) {
        struct builder *b = &s->b;
        int r;

        index_done(&s->by_id);
        r = index_init(&s->by_id, b->n_associations);
        if (r < 0)
                return r;

        for (size_t i = b->n_associations; i-- > 0;)
                if (b->associations[i].id != 0 && !find_id(s, b->associations[i].id))
                        index_add(&s->by_id, index_hash(b->associations[i].id), (uint32_t) i);

        return 0;
}

static int index_by_ends(struct scan *s) {
        struct builder *b = &s->b;
        size_t n_pairs = 0;
        int r;

        for (size_t i = 0; i < b->n_associations; i++)
                n_pairs += index_pairs(b->associations + i);
        r = index_init(&s->by_ends, n_pairs);
        if (r < 0)
                return r;

        for (size_t i = 0; i < b->n_associations; i++) {
                const struct association *a = b->associations + i;

                index_add_pairs(&s->by_ends, a, b->addresses + a->local.first, b->paths + a->paths.first, (uint32_t) i);
        }

        return 0;
}

static bool builder_has_peer(const struct builder *b, const struct association *a, const struct address *peer) {
        for (uint32_t i = 0; i < a->paths.count; i++)
                if (address_equal(&b->paths[a->paths.first + i].address, peer))
                        return true;

        return false;
}

/* The row with the same ends: it is the previous scan's association, or has taken its place. */
static int find_ends(struct scan *s, const struct association *p, struct association **ret) {
        const struct snapshot *previous = s->options->previous;
        const struct path *paths = snapshot_paths(previous, p->paths);
        const struct address *local = snapshot_addresses(previous, p->local);
        struct association *found = NULL;
        size_t pair = 0, cursor = 0;
        uint32_t element;
        int r;

        if (!s->by_ends.slots) {
                r = index_by_ends(s);
                if (r < 0)
                        return r;
        }

        while (index_next_pair(&s->by_ends, p, local, paths, &pair, &cursor, &element)) {
                struct association *a = s->b.associations + element;

                if (association_same_ends(p, local, paths,
                                          a, s->b.addresses + a->local.first, s->b.paths + a->paths.first))
                        found = a;
        }

        *ret = found;
        return 0;
}

/* Whether remaddr speaks of an association that assocs did not show. */
static bool rows_missed(struct scan *s) {
        for (size_t i = 0; i < s->n_remaddr; i++)
                if (s->remaddr[i].association_id != 0 && !find_id(s, s->remaddr[i].association_id))
                        return true;

        return false;
}

/* Rows without an id cannot be told apart over two reads; those of the last read count. */
static void drop_rows_without_id(struct builder *b) {
        size_t kept = 0;

        for (size_t i = 0; i < b->n_associations; i++)
                if (b->associations[i].id != 0)
                        b->associations[kept++] = b->associations[i];
        b->n_associations = kept;
}

/* Rows are repeated while others come and go: a row without an id, and behind it one with an id and the same
 * ends and socket, are one association that got its id while the table was read. */
static int drop_promoted(struct scan *s) {
        _cleanup_(index_done) struct index waiting = {};
        _cleanup_free_ bool *promoted = NULL;
        struct builder *b = &s->b;
        size_t n_pairs = 0, kept = 0;
        int r;

        for (size_t i = 0; i < b->n_associations; i++)
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
        for (size_t i = 0; i < b->n_associations; i++) {
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

        for (size_t i = 0; i < b->n_associations; i++)
                if (!promoted[i])
                        b->associations[kept++] = b->associations[i];
        if (kept == b->n_associations)
                return 0;
        b->n_associations = kept;
        return index_by_id(s);
}

static int read_associations(struct scan *s) {
        unsigned reads_max = s->options->root ? 1 : s->options->previous ? SCAN_READS_MAX : SCAN_READS_FIRST_MAX;
        size_t n_complaints = s->b.n_complaints;
        uint64_t malformed = s->b.head.malformed;
        int r;

        for (unsigned i = 0; i < reads_max; i++) {
                drop_rows_without_id(&s->b);
                s->b.n_complaints = n_complaints;
                s->b.head.malformed = malformed;
                s->b.head.sources[SOURCE_ASSOCS].malformed = s->b.head.sources[SOURCE_REMADDR].malformed = 0;
                r = read_source(s, SOURCE_ASSOCS, read_assocs);
                if (r < 0)
                        return r;
                r = read_source(s, SOURCE_REMADDR, read_remaddr);
                if (r < 0)
                        return r;
                r = index_by_id(s);
                if (r < 0)
                        return r;
                if (!rows_missed(s))
                        break;
        }

        return drop_promoted(s);
}

static void join_path(struct scan *s, const struct association *a, const struct proc_remaddr *row) {
        for (uint32_t i = 0; i < a->paths.count; i++) {
                struct path *path = s->b.paths + a->paths.first + i;
                uint8_t primary = path->address.primary;

                if (!address_equal(&path->address, &row->path.address))
                        continue;
                *path = row->path;
                path->address.primary = primary;
        }
}

/* A row of remaddr without an id belongs to an association without an id, but the table does not say to
 * which: it is joined where just one can be meant. */
static void join_without_id(struct scan *s, const struct proc_remaddr *row) {
        const struct association *only = NULL;

        for (size_t i = 0; i < s->n_remaddr; i++)
                if (s->remaddr + i != row && s->remaddr[i].association_id == 0 &&
                    address_equal(&s->remaddr[i].path.address, &row->path.address))
                        return;

        for (size_t i = 0; i < s->b.n_associations; i++) {
                const struct association *a = s->b.associations + i;

                if (a->id != 0 || !builder_has_peer(&s->b, a, &row->path.address))
                        continue;
                if (only)
                        return;
                only = a;
        }

        if (only)
                join_path(s, only, row);
}

/* With more rows without an id than this, looking for what they belong to would cost their square. */
#define JOIN_WITHOUT_ID_MAX 256u

static void join_paths(struct scan *s) {
        size_t without = 0;

        for (size_t i = 0; i < s->n_remaddr; i++) {
                const struct association *a;

                if (s->remaddr[i].association_id == 0) {
                        without++;
                        continue;
                }
                a = find_id(s, s->remaddr[i].association_id);
                if (a)
                        join_path(s, a, s->remaddr + i);
        }

        for (size_t i = 0; without <= JOIN_WITHOUT_ID_MAX && i < s->n_remaddr; i++)
                if (s->remaddr[i].association_id == 0)
                        join_without_id(s, s->remaddr + i);
}

static void set_changed(struct association *a, const struct snapshot_head *head) {
        a->last_change = head->started_realtime;
        a->last_change_monotonic = head->started_monotonic;
        FIELD_GIVE(a, ASSOCIATION_LAST_CHANGE);
}

static void set_tags(struct association *a, const struct diag_association *found) {
        a->detail = found->detail;
        a->given[1] = found->given;
}

/* Hands on to the row what earlier scans knew of the same association. */
static void carry(const struct snapshot_head *head, struct association *a, const struct association *p) {
        static const uint64_t handed_on = UINT64_C(1) << ASSOCIATION_OBSERVED_SINCE |
                                          UINT64_C(1) << ASSOCIATION_LAST_CHANGE;

        a->observed_since = p->observed_since;
        a->last_change = p->last_change;
        a->last_change_monotonic = p->last_change_monotonic;
        a->given[0] |= p->given[0] & handed_on;
        a->detail = p->detail;
        a->given[1] = p->given[1];
        if (a->state != p->state)
                set_changed(a, head);
}

/* An association of the scan before that no table shows. It stays unless the kernel, asked about it,
 * says that it is gone: tables miss rows that nobody touched while others come and go. */
static int keep_unless_gone(struct scan *s, const struct association *p) {
        const struct snapshot *previous = s->options->previous;
        /* A table that could not be read misses nothing. */
        bool looked = s->b.head.sources[SOURCE_ASSOCS].result == SOURCE_READ, same;
        struct diag_association found = {};
        struct association *a;
        int r;

        r = lookup_association(&s->lookup, p, snapshot_addresses(previous, p->local),
                               snapshot_paths(previous, p->paths), &found);
        if (r == -ENOENT && lookup_proven(&s->lookup, &s->b))
                return 0;

        /* Other tags: the peer restarted, or another association has taken its place. The tables will tell. */
        same = r >= 0 && (!FIELD_GIVEN(p, ASSOCIATION_LOCAL_TAG) || p->detail.local_tag == found.detail.local_tag);
        if (!same && looked && p->unseen + 1 >= SCAN_LOOKS_MAX)
                return 0;

        r = builder_copy_association(&s->b, previous, p, &a);
        if (r < 0)
                return r;
        a->unseen = same ? 0 : p->unseen + looked;
        if (same) {
                a->inode = found.inode;
                set_tags(a, &found);
                if (a->state != found.state) {
                        a->state = (int8_t) found.state;
                        set_changed(a, &s->b.head);
                }
        }

        return 0;
}

/* Joins what the scan before knew. */
static int carry_all(struct scan *s) {
        const struct snapshot *previous = s->options->previous;
        const struct association *p = snapshot_associations(previous);
        size_t n_read = s->b.n_associations;
        _cleanup_free_ bool *known = NULL;
        int r;

        known = calloc(MAX(n_read, (size_t) 1), sizeof(*known));
        if (!known)
                return -ENOMEM;

        for (uint32_t i = 0; i < snapshot_head(previous)->n_associations; i++, p++) {
                struct association *a = NULL;

                if (p->id != 0)
                        a = find_id(s, p->id);
                if (!a) {
                        r = find_ends(s, p, &a);
                        if (r < 0)
                                return r;
                        /* Another one at the same addresses and ports: ours has been replaced. */
                        if (a && p->id != 0)
                                continue;
                }
                if (a && (size_t) (a - s->b.associations) < n_read) {
                        carry(&s->b.head, a, p);
                        known[a - s->b.associations] = true;
                        continue;
                }

                r = keep_unless_gone(s, p);
                if (r < 0)
                        return r;
        }

        for (size_t i = 0; i < n_read; i++)
                if (!known[i]) {
                        struct association *a = s->b.associations + i;

                        a->observed_since = s->b.head.started_realtime;
                        FIELD_GIVE(a, ASSOCIATION_OBSERVED_SINCE);
                        set_changed(a, &s->b.head);
                }

        return 0;
}

/* A table of endpoints that could not be read this time says nothing of their end. */
static int carry_endpoints(struct scan *s) {
        const struct snapshot *previous = s->options->previous;
        int r = 0;

        for (uint32_t i = 0; r >= 0 && i < snapshot_head(previous)->n_endpoints; i++)
                r = builder_copy_endpoint(&s->b, previous, snapshot_endpoints(previous) + i);

        return r;
}

static void observe_all(struct scan *s) {
        for (size_t i = 0; i < s->b.n_associations; i++) {
                s->b.associations[i].observed_since = s->b.head.started_realtime;
                FIELD_GIVE(s->b.associations + i, ASSOCIATION_OBSERVED_SINCE);
        }
}

static void ask_for_tags(struct scan *s) {
        unsigned asked = 0, misses = 0;

        for (size_t i = 0; i < s->b.n_associations && asked < SCAN_TAGS_MAX && !s->lookup.failed; i++) {
                struct association *a = s->b.associations + i;
                struct diag_association found;

                /* The peer's comes with the id: those that wait for it must not use up every scan's lookups. */
                if (FIELD_GIVEN(a, ASSOCIATION_PEER_TAG) || (a->id == 0 && FIELD_GIVEN(a, ASSOCIATION_LOCAL_TAG)))
                        continue;
                asked++;
                if (lookup_built(&s->lookup, &s->b, a, &found) >= 0)
                        set_tags(a, &found);
                else if (!s->lookup.proved && ++misses >= 3)
                        break;
        }
}

/* A peer that restarts changes both tags under the same id (RFC 9260 section 5.2.4), which no table shows: those
 * that are known are asked for again in turns. */
static void refresh_tags(struct scan *s) {
        uint64_t turns = (s->b.n_associations + SCAN_TAGS_REFRESHED_MAX - 1) / SCAN_TAGS_REFRESHED_MAX;

        for (size_t i = 0; i < s->b.n_associations && !s->lookup.failed; i++) {
                struct association *a = s->b.associations + i;
                struct diag_association found;

                if (FIELD_GIVEN(a, ASSOCIATION_PEER_TAG) && (a->id + s->options->serial) % turns == 0 &&
                    lookup_built(&s->lookup, &s->b, a, &found) >= 0)
                        set_tags(a, &found);
        }
}

static void report_absence(struct scan *s) {
        struct snapshot_head *head = &s->b.head;

        if (s->options->reason)
                snprintf(head->reason, sizeof(head->reason), "%s", s->options->reason);
        else if (s->options->root)
                snprintf(head->reason, sizeof(head->reason), "%s/proc/net/sctp does not exist.", s->options->root);
        else
                snprintf(head->reason, sizeof(head->reason), "The kernel module sctp is not loaded.");

        snprintf(head->advice, sizeof(head->advice), "%s",
                 s->options->advice ? s->options->advice :
                 s->options->root ? "Name the directory of a saved tree that has proc/net/sctp in it." :
                 "Load it with \"modprobe sctp\"; it cannot be unloaded again until the next boot.");

        for (size_t i = 0; i < _SOURCE_MAX; i++) {
                head->sources[i] = (struct source_report) { .result = SOURCE_SKIPPED };
                snprintf(head->sources[i].text, sizeof(head->sources[i].text), "SCTP is not available");
        }
}

int scan_run(const struct scan_options *options, struct snapshot **ret) {
        _cleanup_(scan_done) struct scan s = { .options = options };
        struct snapshot_head *head = &s.b.head;
        uint64_t cpu = clock_usec(CLOCK_PROCESS_CPUTIME_ID);
        int r;

        head->serial = options->serial;
        head->started_monotonic = clock_usec(CLOCK_MONOTONIC);
        head->started_realtime = clock_usec(CLOCK_REALTIME);
        if (!options->root) {
                s.lookup.report = head->sources + SOURCE_SOCK_DIAG;
                head->hz = clock_hz();
                /* Without /proc/self/ns the namespace has no name, the rest is still true. */
                (void) netns_self(&head->netns);
        }
        snprintf(head->sources[SOURCE_SOCK_DIAG].text, sizeof(head->sources[SOURCE_SOCK_DIAG].text), "nothing to ask");

        r = read_source(&s, SOURCE_EPS, read_eps);
        if (r >= 0)
                r = read_associations(&s);
        if (r >= 0)
                r = read_source(&s, SOURCE_SNMP, read_snmp);
        if (r < 0)
                return r;

        if (!head->available)
                report_absence(&s);
        else {
                join_paths(&s);
                if (options->previous)
                        r = carry_all(&s);
                else if (options->serial != 0)
                        observe_all(&s);
                if (r >= 0 && options->previous && head->sources[SOURCE_EPS].result == SOURCE_FAILED)
                        r = carry_endpoints(&s);
                if (r < 0)
                        return r;
                if (options->serial != 0 && !options->root) {
                        refresh_tags(&s);
                        ask_for_tags(&s);
                }
        }

        head->duration_usec = clock_usec(CLOCK_MONOTONIC) - head->started_monotonic;
        head->cpu_usec = clock_usec(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        return builder_finish(&s.b, ret);
}
