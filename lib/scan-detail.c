/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "clock.h"
#include "impaired.h"
#include "option.h"
#include "scan-carry.h"
#include "scan-detail.h"

/* How the time is shared out: each source may work until so many percent of it are over. What one leaves is the next
 * one's; what one takes in excess is not, or the last ones might never have their turn. */
#define OWNERS_PERCENT          40u
#define DIAG_PERCENT            70u
#define OPTIONS_PERCENT         95u
#define CONNTRACK_PERCENT       100u

static bool is_off(const struct scan_detail *d, enum source source) {
        return (d->options->off >> source) & 1;
}

static uint64_t deadline(uint64_t start, const struct scan_options *options, unsigned from, unsigned to) {
        return MAX(start + options->dear_usec * to / 100,
                   clock_usec(CLOCK_MONOTONIC) + options->dear_usec * (to - from) / 100);
}

static bool is_over(uint64_t end) {
        return clock_usec(CLOCK_MONOTONIC) >= end;
}

static bool is_wished(const struct scan_detail *d, const struct association *a) {
        const struct scan_wish *wish = &d->options->wish;

        return wish->id != 0 && a->id == wish->id && a->netns == wish->netns;
}

/* A source that was not used this time: what its last run said stays said. */
static void keep_report(struct scan_detail *d, enum source source) {
        struct source_report *report = d->builder->head.sources + source;
        const struct snapshot *previous = d->options->previous;

        if (previous)
                *report = snapshot_head(previous)->sources[source];
}

static void begin_report(struct scan_detail *d, enum source source) {
        struct source_report *report = d->builder->head.sources + source;
        const struct snapshot *previous = d->options->previous;

        *report = (struct source_report) { .result = SOURCE_READ, .last_run = clock_usec(CLOCK_REALTIME) };
        if (previous)
                report->hold_max_usec = snapshot_head(previous)->sources[source].hold_max_usec;
}

static void fail_report(struct source_report *report, int error, const char *text) {
        report->result = SOURCE_FAILED;
        report->error = -error;
        snprintf(report->text, sizeof(report->text), "%s", text ?: strerror(-error));
}

/* Where there was nothing to do the last run is the one before. */
static void end_report(struct scan_detail *d, enum source source, uint64_t start) {
        struct source_report *report = d->builder->head.sources + source;
        const struct snapshot *previous = d->options->previous;
        uint64_t hold = report->hold_max_usec;

        report->duration_usec = clock_usec(CLOCK_MONOTONIC) - start;
        if (report->result == SOURCE_READ && report->rows == 0 && report->waiting == 0 && previous &&
            snapshot_head(previous)->sources[source].result == SOURCE_READ) {
                *report = snapshot_head(previous)->sources[source];
                report->hold_max_usec = hold;
        }
}

/* sock_diag */

static void ask_diag(struct scan_detail *d, struct association *a) {
        struct lookup *l = d->lookup;
        struct diag_association found;

        if (!l->place || l->place->netns != a->netns)
                lookup_move(l, netns_list_find(d->namespaces, a->netns));
        a->detail.diag_asked = 1;
        if (l->place && !l->failed && lookup_built(l, d->builder, a, &found) >= 0)
                scan_carry_answer(d->builder, a, &found);
}

/* The first association behind the one whose turn was the last; 0 when the end is reached. */
static size_t first_turn(const struct scan_detail *d) {
        const struct association *a = d->builder->associations;

        for (size_t i = 0; i < d->builder->n_associations; i++)
                if (a[i].netns == d->turns->diag && a[i].id == d->turns->diag_id)
                        return i + 1;

        return 0;
}

static void ask_diag_in_turn(struct scan_detail *d, uint64_t end) {
        struct builder *b = d->builder;
        size_t first = first_turn(d);

        for (size_t i = 0; i < b->n_associations; i++) {
                struct association *a = b->associations + (first + i) % b->n_associations;

                if (is_over(end))
                        break;
                ask_diag(d, a);
                d->turns->diag = a->netns;
                d->turns->diag_id = a->id;
        }
}

static void ask_diag_all(struct scan_detail *d, uint64_t end) {
        struct source_report *report = d->builder->head.sources + SOURCE_SOCK_DIAG;
        struct builder *b = d->builder;
        bool over = false;

        if (is_off(d, SOURCE_SOCK_DIAG) || d->listed)
                return;
        for (size_t i = 0; i < b->n_associations; i++)
                if (is_wished(d, b->associations + i))
                        ask_diag(d, b->associations + i);
        /* Of those that wait for their peer there is little to know: they come last. */
        for (int waiting = 0; waiting < 2; waiting++)
                for (size_t i = 0; i < b->n_associations; i++) {
                        struct association *a = b->associations + i;

                        if (a->detail.diag_asked || (a->id == 0) != waiting)
                                continue;
                        over = over || is_over(end);
                        if (over)
                                report->waiting++;
                        else
                                ask_diag(d, a);
                }
        if (!over && !d->options->new_only)
                ask_diag_in_turn(d, end);
        if (report->rows > 0)
                report->last_run = d->builder->head.started_realtime;
        else if (report->result == SOURCE_SKIPPED && report->waiting == 0)
                keep_report(d, SOURCE_SOCK_DIAG);
}

/* Socket options */

struct socket_row {
        uint64_t inode;
        uint32_t association;
};

static int compare_rows(const void *x, const void *y) {
        const struct socket_row *a = x, *b = y;
        int c = CMP(a->inode, b->inode);

        return c != 0 ? c : CMP(a->association, b->association);
}

/* Somebody has it. */
static bool has_socket(const struct association *a) {
        return FIELD_GIVEN(a, ASSOCIATION_ATTACHMENT) && a->attachment == ATTACHMENT_SOCKET;
}

/* Associations whose sockets somebody has, those of one socket together. */
static int list_rows(const struct scan_detail *d, struct socket_row **ret, size_t *ret_n) {
        const struct builder *b = d->builder;
        struct socket_row *rows = calloc(MAX(b->n_associations, (size_t) 1), sizeof(*rows));
        size_t n = 0;

        if (!rows)
                return -ENOMEM;
        for (size_t i = 0; i < b->n_associations; i++) {
                const struct association *a = b->associations + i;

                if (has_socket(a))
                        rows[n++] = (struct socket_row) { a->inode, (uint32_t) i };
        }
        qsort(rows, n, sizeof(*rows), compare_rows);

        *ret = rows;
        *ret_n = n;
        return 0;
}

static void note_hold(struct source_report *report, uint64_t usec) {
        report->hold_max_usec = MAX(report->hold_max_usec, usec);
}

/* Asks for some associations of one socket: any of its owners will do. */
static int ask_options(struct scan_detail *d, uint64_t inode, const uint32_t *associations, size_t n) {
        struct source_report *report = d->builder->head.sources + SOURCE_OPTIONS;
        const struct owner *owners;
        size_t n_owners = owner_table_get(d->owners, inode, &owners);
        int r = -ENODATA;

        for (size_t i = 0; n_owners > 0 && i < n; i++)
                d->builder->associations[associations[i]].detail.options_asked = 1;
        for (size_t i = 0; r < 0 && r != -EPERM && r != -ENOSYS && i < n_owners; i++) {
                struct option_socket socket = { owners[i].pid, owners[i].fd, inode };
                uint64_t hold = 0;

                r = option_read(&socket, d->builder, associations, n, d->builder->head.started_realtime, &hold);
                note_hold(report, hold);
        }
        if (r >= 0)
                report->rows += (uint32_t) n;

        return r;
}

/* Whether the source is of no use in this scan, which its report says then. */
static bool options_forbidden(struct scan_detail *d, int error) {
        struct source_report *report = d->builder->head.sources + SOURCE_OPTIONS;

        if (error == -EPERM)
                fail_report(report, error, "other processes' sockets may not be asked (CAP_SYS_PTRACE)");
        else if (error == -ENOSYS)
                fail_report(report, error, "needs pidfd_getfd(), Linux 5.6");
        else
                return false;

        return true;
}

/* Goes through the sockets from `first` on, round and round once; `fresh` asks for those only that have never
 * been asked for. What the time did not suffice for is counted. */
static void ask_options_from(struct scan_detail *d, const struct socket_row *rows, size_t n, size_t first, bool fresh,
                             uint64_t end) {
        struct source_report *report = d->builder->head.sources + SOURCE_OPTIONS;
        uint32_t batch[OPTION_BATCH_MAX];
        size_t n_batch = 0;

        for (size_t i = 0; i < n; i++) {
                const struct socket_row *row = rows + (first + i) % n;
                bool last = i + 1 == n || rows[(first + i + 1) % n].inode != row->inode;

                if (!fresh || !d->builder->associations[row->association].detail.options_asked) {
                        if (is_over(end)) {
                                report->waiting += fresh;
                                n_batch = 0;
                                if (!fresh)
                                        return;
                                continue;
                        }
                        batch[n_batch++] = row->association;
                }
                if (n_batch > 0 && (last || n_batch == OPTION_BATCH_MAX)) {
                        if (options_forbidden(d, ask_options(d, row->inode, batch, n_batch)))
                                return;
                        n_batch = 0;
                        if (!fresh)
                                d->turns->options = row->inode;
                }
        }
}

static size_t first_socket(const struct scan_detail *d, const struct socket_row *rows, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (rows[i].inode > d->turns->options)
                        return i;

        return 0;
}

static void ask_options_wished(struct scan_detail *d, const struct socket_row *rows, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (is_wished(d, d->builder->associations + rows[i].association))
                        (void) options_forbidden(d, ask_options(d, rows[i].inode, &rows[i].association, 1));
}

static void ask_statistics(struct scan_detail *d) {
        struct statistics *statistics = &d->builder->head.statistics;
        const struct builder *b = d->builder;

        if (!d->options->wish.statistics)
                return;
        statistics->netns = d->options->wish.netns;
        statistics->association_id = d->options->wish.id;
        statistics->error = is_off(d, SOURCE_OPTIONS) ? -EOPNOTSUPP : -ENOENT;
        for (size_t i = 0; i < b->n_associations && !is_off(d, SOURCE_OPTIONS); i++) {
                const struct association *a = b->associations + i;
                struct option_statistics found;
                const struct owner *owners;
                size_t n;

                if (!is_wished(d, a))
                        continue;
                n = owner_table_get(d->owners, a->inode, &owners);
                statistics->error = n == 0 ? -ENODATA : -ESTALE;
                for (size_t j = 0; statistics->error == -ESTALE && j < n; j++) {
                        struct option_socket socket = { owners[j].pid, owners[j].fd, a->inode };
                        uint32_t id = a->style == STYLE_ONE_TO_ONE ? 0 : a->id;
                        uint64_t hold = 0;

                        statistics->error = option_read_statistics(&socket, id, b->head.hz, &found, &hold);
                        note_hold(d->builder->head.sources + SOURCE_OPTIONS, hold);
                }
                if (statistics->error == 0) {
                        statistics->max_rto = found.max_rto;
                        statistics->max_rto_path = found.max_rto_path;
                }
        }
}

/* Whether there are sockets that nobody can be asked about, because descriptors may not be read. */
static bool someone_unknown(const struct scan_detail *d) {
        const struct builder *b = d->builder;
        const struct owner *owners;

        for (size_t i = 0; owner_table_denied(d->owners) > 0 && i < b->n_associations; i++) {
                const struct association *a = b->associations + i;

                if (has_socket(a) && owner_table_get(d->owners, a->inode, &owners) == 0)
                        return true;
        }

        return false;
}

/* Of all rows: those first that nobody has asked for, then some others again. */
static int ask_options_of_rows(struct scan_detail *d, uint64_t end) {
        struct source_report *report = d->builder->head.sources + SOURCE_OPTIONS;
        _cleanup_free_ struct socket_row *rows = NULL;
        size_t n;
        int r;

        r = list_rows(d, &rows, &n);
        if (r < 0)
                return r;
        ask_options_wished(d, rows, n);
        if (report->result != SOURCE_FAILED)
                ask_options_from(d, rows, n, 0, true, end);
        if (report->result != SOURCE_FAILED && !d->options->new_only && report->waiting == 0)
                ask_options_from(d, rows, n, first_socket(d, rows, n), false, end);

        return 0;
}

static int ask_options_all(struct scan_detail *d, uint64_t end) {
        struct source_report *report = d->builder->head.sources + SOURCE_OPTIONS;
        uint64_t start = clock_usec(CLOCK_MONOTONIC);
        int r;

        if (is_off(d, SOURCE_OPTIONS) || (d->listed && !d->strays && !d->options->wish.statistics))
                return 0;
        begin_report(d, SOURCE_OPTIONS);
        ask_statistics(d);
        r = d->listed ? 0 : ask_options_of_rows(d, end);
        if (r < 0)
                return r;

        end_report(d, SOURCE_OPTIONS, start);
        if (report->result == SOURCE_READ && someone_unknown(d))
                snprintf(report->text, sizeof(report->text), "%s",
                         "of some sockets no owner is known (CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH)");
        return 0;
}

/* Owners */

static int compare_inodes(const void *x, const void *y) {
        return CMP(*(const uint64_t *) x, *(const uint64_t *) y);
}

/* All sockets that are shown, ascending, each once: those of associations have an endpoint each, too. */
static int list_inodes(const struct builder *b, uint64_t **ret, size_t *ret_n) {
        uint64_t *inodes = calloc(b->n_endpoints + 1, sizeof(*inodes));
        size_t n = 0, kept = 0;

        if (!inodes)
                return -ENOMEM;
        for (size_t i = 0; i < b->n_endpoints; i++)
                inodes[n++] = b->endpoints[i].inode;
        qsort(inodes, n, sizeof(*inodes), compare_inodes);
        for (size_t i = 0; i < n; i++)
                if (inodes[i] != 0 && (kept == 0 || inodes[kept - 1] != inodes[i]))
                        inodes[kept++] = inodes[i];

        *ret = inodes;
        *ret_n = kept;
        return 0;
}

static int look_for_owners(struct scan_detail *d, uint64_t end) {
        struct source_report *report = d->builder->head.sources + SOURCE_OWNERS;
        _cleanup_free_ uint64_t *inodes = NULL;
        const struct scan_options *options = d->options;
        struct owner_look look = { .strays = d->strays, .brief = options->new_only, .deadline = end };
        int r;

        if (is_off(d, SOURCE_OWNERS))
                return 0;
        begin_report(d, SOURCE_OWNERS);
        r = list_inodes(d->builder, &inodes, &look.n_inodes);
        if (r < 0)
                return r;
        look.inodes = inodes;
        look.new_pids = netns_list_new_pids(d->namespaces, &look.n_new_pids);
        /* What lists associations is switched off together with what lists owners. */
        if (!is_off(d, SOURCE_LISTING)) {
                look.list = options->list_owners;
                look.list_userdata = options->list_owners_userdata;
                look.list_why = options->list_owners_why;
        }

        return owner_table_look(d->owners, &look, report);
}

/* A socket that no table shows has been found with a process: it is in that one's namespace. */
static const struct netns_place *place_of_process(struct scan_detail *d, pid_t pid) {
        uint64_t netns;
        char text[32];
        bool all;

        snprintf(text, sizeof(text), "pid:%d", (int) pid);
        return netns_resolve(text, &all, &netns) < 0 ? NULL : netns_list_find(d->namespaces, netns);
}

static int add_stray(struct scan_detail *d, const struct owner *stray) {
        struct option_socket socket = { stray->pid, stray->fd, stray->inode };
        const struct netns_place *place = place_of_process(d, stray->pid);
        const struct owner_process *process = owner_table_process(d->owners, stray->pid);
        struct endpoint e = { .inode = stray->inode, .unlisted = 1 }, *added;
        uint64_t hold = 0;
        int r;

        if (!place)
                return 0;
        r = option_read_endpoint(&socket, d->builder, &e, &hold);
        note_hold(d->builder->head.sources + SOURCE_OPTIONS, hold);
        /* It has been closed, is not bound, or is not ours to ask: it is not shown. */
        if (r < 0)
                return r == -ENOMEM || r == -E2BIG ? r : 0;
        r = builder_add_endpoint(d->builder, &added);
        if (r < 0)
                return r;

        e.netns = place->netns;
        if (place->netns < NETNS_UNNAMED_MIN)
                FIELD_GIVE(&e, ENDPOINT_NETNS);
        FIELD_GIVE(&e, ENDPOINT_INODE);
        if (process) {
                e.uid = process->process.uid;
                FIELD_GIVE(&e, ENDPOINT_UID);
        }
        *added = e;
        return 0;
}

static bool is_shown(const struct builder *b, uint64_t inode) {
        for (size_t i = 0; i < b->n_endpoints; i++)
                if (b->endpoints[i].inode == inode)
                        return true;

        return false;
}

/* Sockets that are bound, and neither listen nor have an association. */
static int add_strays(struct scan_detail *d, uint64_t end) {
        const struct owner *strays;
        size_t n;
        int r = 0;

        if (!d->strays || is_off(d, SOURCE_OWNERS) || is_off(d, SOURCE_OPTIONS))
                return 0;
        strays = owner_table_strays(d->owners, &n);
        for (size_t i = 0; r >= 0 && i < n; i++) {
                /* A forked process has it, too. */
                if (is_shown(d->builder, strays[i].inode))
                        continue;
                if (is_over(end)) {
                        d->builder->head.sources[SOURCE_OPTIONS].waiting += (uint32_t) (n - i);
                        break;
                }
                r = add_stray(d, strays + i);
        }

        return r;
}

static int compare_pids(const void *x, const void *y) {
        return CMP(*(const pid_t *) x, *(const pid_t *) y);
}

struct pids {
        pid_t *pids;
        size_t n, allocated;
};

/* Who has a socket, be it in the tables or not. */
static size_t find_owners(const struct owner_table *owners, uint64_t inode, const struct owner **ret) {
        size_t n = owner_table_get(owners, inode, ret), n_strays;
        const struct owner *strays;

        if (n > 0 || inode == 0)
                return n;
        strays = owner_table_strays(owners, &n_strays);
        for (size_t i = 0; i < n_strays; i++)
                if (strays[i].inode == inode) {
                        if (n == 0)
                                *ret = strays + i;
                        n++;
                }

        return n;
}

static int pids_add(struct pids *p, uint64_t inode, const struct owner_table *owners) {
        const struct owner *o;
        size_t n = find_owners(owners, inode, &o);

        for (size_t i = 0; i < n; i++) {
                if (p->n > 0 && p->pids[p->n - 1] == o[i].pid)
                        continue;
                if (p->n == p->allocated) {
                        size_t more = MAX(p->allocated * 2, (size_t) 64);
                        pid_t *bigger = reallocarray(p->pids, more, sizeof(*bigger));

                        if (!bigger)
                                return -ENOMEM;
                        p->pids = bigger;
                        p->allocated = more;
                }
                p->pids[p->n++] = o[i].pid;
        }

        return 0;
}

/* The processes, and for each its index. */
static int add_processes(struct scan_detail *d, struct pids *p) {
        size_t kept = 0;

        if (p->n > 0)
                qsort(p->pids, p->n, sizeof(*p->pids), compare_pids);
        for (size_t i = 0; i < p->n; i++) {
                const struct owner_process *known;
                struct process *added;
                int r;

                if (kept > 0 && p->pids[kept - 1] == p->pids[i])
                        continue;
                known = owner_table_process(d->owners, p->pids[i]);
                if (!known)
                        continue;
                r = builder_add_process(d->builder, &added);
                if (r < 0)
                        return r;
                *added = known->process;
                p->pids[kept++] = p->pids[i];
        }
        p->n = kept;

        return 0;
}

static int set_owners(struct scan_detail *d, const struct pids *p, uint64_t inode, struct range *ret) {
        struct range range = { (uint32_t) d->builder->n_owners, 0 };
        const struct owner *o;
        size_t n = find_owners(d->owners, inode, &o);

        for (size_t i = 0; i < n && range.count < SNAPSHOT_ROW_MAX; i++) {
                const pid_t *at = p->n == 0 || (i > 0 && o[i - 1].pid == o[i].pid) ? NULL :
                        bsearch(&o[i].pid, p->pids, p->n, sizeof(*p->pids), compare_pids);
                int r;

                if (!at)
                        continue;
                r = builder_add_owner(d->builder, (uint32_t) (at - p->pids));
                if (r < 0)
                        return r;
                range.count++;
        }

        *ret = range;
        return 0;
}

/* A docker-proxy has a listener for each published port, and says in its command line what it is for. */
static void set_forward(struct scan_detail *d, struct endpoint *e) {
        const struct owner *o;
        size_t n = owner_table_get(d->owners, e->inode, &o);

        for (size_t i = 0; i < n; i++) {
                const struct owner_process *p = owner_table_process(d->owners, o[i].pid);

                if (p && p->forwards_to.family != 0 && p->forwards_from_port == e->local_port && !e->unlisted) {
                        e->forwards_to = p->forwards_to;
                        e->forwards_to_port = p->forwards_to_port;
                }
        }
}

static int join_owners(struct scan_detail *d) {
        struct builder *b = d->builder;
        struct pids p = {};
        int r = 0;

        for (size_t i = 0; r >= 0 && i < b->n_endpoints; i++)
                r = pids_add(&p, b->endpoints[i].inode, d->owners);
        if (r >= 0)
                r = add_processes(d, &p);
        for (size_t i = 0; r >= 0 && i < b->n_endpoints; i++) {
                r = set_owners(d, &p, b->endpoints[i].inode, &b->endpoints[i].owners);
                set_forward(d, b->endpoints + i);
        }
        for (size_t i = 0; r >= 0 && i < b->n_associations; i++)
                r = set_owners(d, &p, b->associations[i].inode, &b->associations[i].owners);

        free(p.pids);
        return r;
}

/* Connection tracking */

static int ask_conntrack(const struct scan_detail *d, struct conntrack *c, struct association *a) {
        const struct builder *b = d->builder;
        int r = -ENOENT;

        for (uint32_t i = 0; r == -ENOENT && i < a->local.count; i++)
                for (uint32_t j = 0; r == -ENOENT && j < a->paths.count; j++) {
                        const struct address *local = b->addresses + a->local.first + i;
                        const struct address *peer = &b->paths[a->paths.first + j].address;

                        if (local->family == peer->family)
                                r = conntrack_original(c, local, a->local_port, peer, a->peer_port,
                                                       &a->detail.original, &a->detail.original_port);
                }
        if (r >= 0)
                FIELD_GIVE(a, ASSOCIATION_ORIGINAL_PORT);
        if (r == -ENOENT)
                r = 0;
        a->detail.original_asked = r >= 0;

        return r;
}

/* This host translates; those that it translates for are in other namespaces. */
static void ask_conntrack_all(struct scan_detail *d, uint64_t end) {
        struct source_report *report = d->builder->head.sources + SOURCE_CONNTRACK;
        _cleanup_(conntrack_close_p) struct conntrack *c = NULL;
        uint64_t start = clock_usec(CLOCK_MONOTONIC);
        struct builder *b = d->builder;
        bool any = false;
        int r = 0;

        if (is_off(d, SOURCE_CONNTRACK))
                return;
        for (size_t i = 0; i < b->n_associations && r >= 0; i++) {
                struct association *a = b->associations + i;

                if (a->netns == b->head.netns || (a->detail.original_asked && !is_wished(d, a)))
                        continue;
                if (!any) {
                        any = true;
                        begin_report(d, SOURCE_CONNTRACK);
                        r = conntrack_open(&c);
                        if (r < 0)
                                break;
                }
                if (is_over(end)) {
                        report->waiting++;
                        continue;
                }
                r = ask_conntrack(d, c, a);
                report->rows += r >= 0;
        }
        if (!any)
                return;
        if (r == -EOPNOTSUPP) {
                report->result = SOURCE_SKIPPED;
                snprintf(report->text, sizeof(report->text), "connection tracking is not loaded");
        } else if (r == -EPERM || r == -EACCES)
                fail_report(report, r, "connection tracking may not be asked (CAP_NET_ADMIN)");
        else if (r < 0)
                fail_report(report, r, NULL);
        report->duration_usec = clock_usec(CLOCK_MONOTONIC) - start;
}

#define BIT(index) (UINT64_C(1) << ((index) - FIELD_DETAIL))

/* What only the socket options tell, of an association and of a path. */
#define OPTIONS_OWN     BIT(ASSOCIATION_OPTIONS_AT)
#define OPTIONS_OWN_PATH (BIT(PATH_MTU) | BIT(PATH_HEARTBEATS))
/* What conntrack does. */
#define CONNTRACK_OWN   BIT(ASSOCIATION_ORIGINAL_PORT)
/* What sock_diag alone tells. */
#define SHARED          (BIT(ASSOCIATION_PEER_RECEIVE_WINDOW) | BIT(ASSOCIATION_UNACKNOWLEDGED_CHUNKS) | \
                         BIT(ASSOCIATION_PENDING_CHUNKS) | BIT(ASSOCIATION_FRAGMENTATION_POINT))
#define DIAG_OWN        ~(OPTIONS_OWN | CONNTRACK_OWN | SHARED)
#define DIAG_OWN_PATH   (BIT(PATH_SSTHRESH) | BIT(PATH_PARTIAL_BYTES_ACKED) | BIT(PATH_FLIGHT_SIZE) | \
                         BIT(PATH_ERROR_COUNT))

/* A source that has been switched off tells nothing, not even what it has told before. */
static void forget_switched_off(struct scan_detail *d) {
        struct builder *b = d->builder;
        uint64_t gone = 0, gone_path = 0;

        if (is_off(d, SOURCE_SOCK_DIAG)) {
                gone |= DIAG_OWN;
                gone_path |= DIAG_OWN_PATH;
        }
        if (is_off(d, SOURCE_OPTIONS)) {
                gone |= OPTIONS_OWN;
                gone_path |= OPTIONS_OWN_PATH;
        }
        if (is_off(d, SOURCE_SOCK_DIAG) && is_off(d, SOURCE_OPTIONS)) {
                gone |= SHARED;
                gone_path = UINT64_MAX;
        }
        if (is_off(d, SOURCE_CONNTRACK))
                gone |= CONNTRACK_OWN;

        for (size_t i = 0; gone != 0 && i < b->n_associations; i++) {
                struct association *a = b->associations + i;

                a->given[1] &= ~gone;
                if (is_off(d, SOURCE_CONNTRACK))
                        a->detail.original = (struct address) {};
                for (uint32_t j = 0; j < a->paths.count; j++)
                        b->paths[a->paths.first + j].given[1] &= ~gone_path;
        }
}

int scan_detail_ask(struct scan_detail *d) {
        uint64_t start = clock_usec(CLOCK_MONOTONIC), end;
        int r;

        keep_report(d, SOURCE_OPTIONS);
        keep_report(d, SOURCE_OWNERS);
        keep_report(d, SOURCE_CONNTRACK);
        forget_switched_off(d);

        r = look_for_owners(d, deadline(start, d->options, 0, OWNERS_PERCENT));
        if (r < 0)
                return r;
        ask_diag_all(d, deadline(start, d->options, OWNERS_PERCENT, DIAG_PERCENT));
        end = deadline(start, d->options, DIAG_PERCENT, OPTIONS_PERCENT);
        r = ask_options_all(d, end);
        if (r >= 0)
                r = add_strays(d, end);
        if (r >= 0)
                r = join_owners(d);
        if (r < 0)
                return r;
        ask_conntrack_all(d, deadline(start, d->options, OPTIONS_PERCENT, CONNTRACK_PERCENT));

        return 0;
}
