/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

#include "clock.h"
#include "impaired.h"
#include "scan-carry.h"
#include "scan-detail.h"
#include "scan-tables.h"
#include "scan.h"
#include "text.h"

/* An empty namespace is read all the same at each so many'th look: an association may have been left without a socket
 * since the last one. */
#define SCAN_EMPTY_LOOKS_MAX 16u
/* While there are as many SCTP sockets as at the last look, only each so many'th empty namespace is asked for its
 * own. */
#define SCAN_EMPTY_TURNS 8u

_Static_assert(SNAPSHOT_COUNTERS_MAX >= 40 * NETNS_LIST_MAX && SNAPSHOT_NAMESPACES_MAX >= NETNS_LIST_MAX,
               "what all namespaces have fits into one look");

struct scan_memory {
        struct netns_list *namespaces;
        struct owner_table *owners;
        struct turns turns;
        bool used;                      /* a scan has been made with it */
        uint64_t sockets;               /* the module's uses at the last look: one for each socket of all namespaces */
        struct builder b;               /* what the last look was made in: */
        struct bpf_listing listing;     /* the next one takes its room */
};

int scan_memory_new(struct scan_memory **ret) {
        _cleanup_(scan_memory_free_p) struct scan_memory *m = NULL;
        int r;

        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;
        r = netns_list_new(&m->namespaces);
        if (r >= 0)
                r = owner_table_new(&m->owners);
        if (r < 0)
                return r;

        *ret = steal_ptr(m);
        return 0;
}

struct scan_memory *scan_memory_free(struct scan_memory *m) {
        if (m) {
                netns_list_free(m->namespaces);
                owner_table_free(m->owners);
                builder_done(&m->b);
                bpf_listing_done(&m->listing);
                free(m);
        }
        return NULL;
}

/* A scan on its way. */
struct scan {
        const struct scan_options *options;
        struct builder b;
        struct lookup lookup;
        bool shifted;
        bool strays;                    /* there are more SCTP sockets than the tables show */
        bool settled;                   /* as many sockets as at the last look */
        struct bpf_listing *listing;    /* of the memory */
        bool listed;                    /* by `listing`, not by the tables */
};

static void scan_done(struct scan *s) {
        if (s->options->memory) {
                builder_clear(&s->b);
                s->options->memory->b = s->b;
                if (!s->listed)
                        bpf_listing_done(s->listing);
        } else
                builder_done(&s->b);
        lookup_done(&s->lookup);
}

static bool release_shifted(const char *root) {
        _cleanup_close_ int directory = -EBADF;
        _cleanup_free_ char *path = NULL, *text = NULL;
        struct utsname uts;
        size_t length;

        if (!root)
                return uname(&uts) == 0 && state_shifted(uts.release);
        if (asprintf(&path, "%s/proc", root) < 0) {
                path = NULL;
                return false;
        }
        directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0 || scan_tables_read_text(directory, "version", &text, &length) < 0)
                return false;

        return state_shifted(text);
}

static void report_absence(struct builder *b, const struct scan_options *options) {
        struct snapshot_head *head = &b->head;

        if (options->reason)
                snprintf(head->reason, sizeof(head->reason), "%s", options->reason);
        else if (options->root)
                snprintf(head->reason, sizeof(head->reason), "%s/proc/net/sctp does not exist.", options->root);
        else
                snprintf(head->reason, sizeof(head->reason), "The kernel module sctp is not loaded.");

        snprintf(head->advice, sizeof(head->advice), "%s",
                 options->advice ? options->advice :
                 options->root ? "Name the directory of a saved tree that has proc/net/sctp in it." :
                 "Load it with \"modprobe sctp\"; it cannot be unloaded again until the next boot.");

        for (size_t i = 0; i < _SOURCE_MAX; i++) {
                head->sources[i] = (struct source_report) { .result = SOURCE_SKIPPED };
                snprintf(head->sources[i].text, sizeof(head->sources[i].text), "SCTP is not available");
        }
}

/* Sockets that do not listen, as far as their associations show them. */
static int add_unlisted(struct builder *b, size_t first_endpoint, size_t first_association) {
        _cleanup_(index_done) struct index known = {};
        size_t n_listed = b->n_endpoints;
        int r;

        r = index_init(&known, n_listed - first_endpoint + b->n_associations - first_association);
        if (r < 0)
                return r;
        for (size_t i = first_endpoint; i < n_listed; i++)
                index_add(&known, index_hash(b->endpoints[i].inode), (uint32_t) i);

        for (size_t i = first_association; i < b->n_associations; i++) {
                const struct association *a = b->associations + i;
                struct endpoint *e;
                size_t cursor = 0;
                uint32_t element;
                bool found = false;

                if (!FIELD_GIVEN(a, ASSOCIATION_INODE) || a->inode == 0)
                        continue;
                while (!found && index_next(&known, index_hash(a->inode), &cursor, &element))
                        found = b->endpoints[element].inode == a->inode;
                if (found)
                        continue;
                r = builder_add_endpoint(b, &e);
                if (r < 0)
                        return r;
                index_add(&known, index_hash(a->inode), (uint32_t) (b->n_endpoints - 1));
                *e = (struct endpoint) {
                        .netns = a->netns,
                        .inode = a->inode,
                        .uid = a->uid,
                        .local_port = a->local_port,
                        .state = a->socket_state,
                        .style = a->style,
                        .local = a->local,
                        .unlisted = 1,
                };
                FIELD_GIVE(e, ENDPOINT_INODE);
                FIELD_GIVE(e, ENDPOINT_LOCAL_PORT);
                if (FIELD_GIVEN(a, ASSOCIATION_NETNS))
                        FIELD_GIVE(e, ENDPOINT_NETNS);
                if (FIELD_GIVEN(a, ASSOCIATION_UID))
                        FIELD_GIVE(e, ENDPOINT_UID);
                if (FIELD_GIVEN(a, ASSOCIATION_SOCKET_STATE))
                        FIELD_GIVE(e, ENDPOINT_STATE);
                if (FIELD_GIVEN(a, ASSOCIATION_STYLE))
                        FIELD_GIVE(e, ENDPOINT_STYLE);
        }

        return 0;
}

static void count_rows(const struct scan_tables *t, struct netns *n) {
        const struct builder *b = t->builder;

        n->associations = (uint32_t) (b->n_associations - t->first_association);
        for (size_t i = t->first_endpoint; i < b->n_endpoints; i++)
                n->endpoints += !b->endpoints[i].unlisted;
}

/* Reads one namespace by way of its net/sctp directory. -ESTALE: it has ended meanwhile. */
static int scan_directory(struct scan *s, int directory, const struct netns_place *place, struct netns *n) {
        const struct scan_options *options = s->options;
        _cleanup_(scan_tables_done) struct scan_tables t = {
                .builder = &s->b,
                .directory = directory,
                .netns = n->netns,
                .generation = n->generation,
                .shifted = s->shifted,
                .may_end = place && !place->own,
                .anew = options->memory && !options->memory->used,
                .listing = s->listed ? s->listing : NULL,
                .reads_max = options->root ? 1 : options->previous ? SCAN_TABLES_READS_MAX : SCAN_TABLES_READS_FIRST_MAX,
        };
        unsigned read;
        int r;

        r = scan_tables_read(&t, &read);
        if (r < 0)
                return r;
        n->has_sctp = s->b.head.available;
        lookup_move(&s->lookup, place);
        r = scan_carry_namespace(&t, &s->lookup, options->previous, read);
        if (r >= 0)
                r = add_unlisted(&s->b, t.first_endpoint, t.first_association);
        if (r < 0)
                return r;

        count_rows(&t, n);
        return 0;
}

/* The container that a namespace is of, by one of its processes. Asked for when the namespace is new, and
 * again in turns: a process may enter its container after its namespace. */
static void name_container(struct scan *s, const struct netns_place *place, struct netns *n) {
        const struct snapshot *previous = s->options->previous;
        const struct netns *before = previous ? snapshot_netns(previous, n->netns) : NULL;
        struct owner_process process;

        if (place->own || place->pid == 0)
                return;
        if (before && before->generation == n->generation && before->pid == n->pid &&
            (before->container[0] != '\0' || (n->netns + s->options->serial) % SCAN_EMPTY_LOOKS_MAX != 0))
                memcpy(n->container, before->container, sizeof(n->container));
        else if (owner_process_read(NULL, place->pid, &process) >= 0)
                memcpy(n->container, process.process.container, sizeof(n->container));
}

/* Every SCTP socket uses the module. One that ends while another begins leaves the number as it is: so those who
 * ask have all namespaces looked at, and of our own accord that is done in turns. A kernel with SCTP built in has
 * no such number. */
static bool sockets_settled(struct scan *s) {
        struct scan_memory *m = s->options->memory;
        _cleanup_close_ int directory = -EBADF;
        _cleanup_free_ char *text = NULL;
        uint64_t sockets, before = m->sockets;
        size_t length;

        m->sockets = 0;
        directory = open("/sys/module/sctp", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0 || scan_tables_read_text(directory, "refcnt", &text, &length) < 0 || length < 2 ||
            text_to_u64(text, length - 1, 10, UINT32_MAX, &sockets) < 0)
                return false;

        m->sockets = sockets;
        return !s->options->new_only && before != 0 && before == sockets;
}

/* Whether there is nothing to read in the namespace. */
static bool is_empty(struct scan *s, struct netns_place *place) {
        uint32_t sockets = 0;
        int r;

        if (s->listed && bpf_listing_next_netns(s->listing, place->netns - 1) == place->netns)
                return false;
        if (place->was_empty && !place->own && s->settled &&
            (place->netns + s->options->serial) % SCAN_EMPTY_TURNS != 0)
                return true;
        r = netns_count_sockets(s->options->memory->namespaces, place, &sockets);
        if (r < 0 || sockets > 0 || !place->was_empty || place->own)
                return false;

        return place->skipped++ % SCAN_EMPTY_LOOKS_MAX != SCAN_EMPTY_LOOKS_MAX - 1;
}

/* Whether there are sockets that the tables do not show: opened, or bound, and no more. */
static void compare_sockets(struct scan *s, struct netns_place *place, size_t first_endpoint) {
        uint32_t sockets;

        if (netns_count_sockets(s->options->memory->namespaces, place, &sockets) >= 0)
                s->strays |= sockets > s->b.n_endpoints - first_endpoint;
}

/* Of a namespace whose tables are not read. */
static int keep_counters(struct scan *s, const struct netns_place *place) {
        const struct snapshot *previous = s->options->previous;
        const struct netns *before = previous ? snapshot_netns(previous, place->netns) : NULL;
        const struct counter *c;
        uint32_t low = 0, high;
        int r = 0;

        if (!before || !netns_may_be_same(before->generation, place->generation))
                return 0;

        /* Namespaces are read in the order of their numbers, and so their counters stand. */
        c = snapshot_counters(previous);
        high = snapshot_head(previous)->n_counters;
        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (c[middle].netns < place->netns)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (; r >= 0 && low < snapshot_head(previous)->n_counters && c[low].netns == place->netns; low++) {
                struct counter *copy;

                r = builder_add_counter(&s->b, &copy);
                if (r >= 0)
                        *copy = c[low];
        }

        return r;
}

static int scan_place(struct scan *s, struct netns_place *place) {
        const struct netns_list *list = s->options->memory->namespaces;
        size_t first_endpoint = s->b.n_endpoints;
        struct source_report *report = s->b.head.sources + SOURCE_NAMESPACES;
        _cleanup_close_ int directory = -EBADF;
        struct netns n = {
                .netns = place->netns,
                .generation = place->generation,
                .pid = (uint32_t) place->pid,
                .own = place->own,
        }, *added;
        int r;

        memcpy(n.name, place->name, sizeof(n.name));
        name_container(s, place, &n);
        if (is_empty(s, place)) {
                n.idle = 1;
                n.has_sctp = 1;
                r = keep_counters(s, place);
                if (r < 0)
                        return r;
        } else {
                directory = r = netns_open_sctp(list, place);
                if (r >= 0)
                        r = scan_directory(s, directory, place, &n);
                if (r == -ESTALE)
                        return 0;
                if (r == -EPERM || r == -EACCES) {
                        snprintf(n.error, sizeof(n.error), "%s", "may not be entered (CAP_SYS_ADMIN, CAP_SYS_PTRACE)");
                        report->waiting++;
                } else if (r < 0 && r != -ENOENT)
                        return r;
                else if (r >= 0)
                        compare_sockets(s, place, first_endpoint);
                place->was_empty = r >= 0 && s->b.n_endpoints == first_endpoint && n.associations == 0;
                place->skipped = 0;
        }

        r = builder_add_netns(&s->b, &added);
        if (r < 0)
                return r;
        *added = n;
        report->rows++;
        return 0;
}

/* One that no process is in and that is mounted nowhere: its sockets keep it. */
static int scan_hidden(struct scan *s, uint64_t netns) {
        struct netns n = { .netns = netns, .has_sctp = 1 }, *added;
        _cleanup_(scan_tables_done) struct scan_tables t = {
                .builder = &s->b,
                .netns = netns,
                .anew = !s->options->memory->used,
                .listing = s->listing,
        };
        unsigned read;
        int r;

        r = scan_tables_take_listed(&t, &read);
        if (r >= 0)
                r = scan_carry_namespace(&t, &s->lookup, s->options->previous, read);
        if (r >= 0)
                r = add_unlisted(&s->b, t.first_endpoint, t.first_association);
        if (r >= 0)
                r = builder_add_netns(&s->b, &added);
        if (r < 0)
                return r;

        count_rows(&t, &n);
        *added = n;
        s->b.head.sources[SOURCE_NAMESPACES].rows++;
        return 0;
}

/* Those of the listing that are in no namespace that was looked into. */
static int scan_hidden_ones(struct scan *s) {
        struct netns_list *list = s->options->memory->namespaces;
        uint64_t netns = 0;
        int r = 0;

        while (r >= 0 && (netns = bpf_listing_next_netns(s->listing, netns)) != 0)
                if (!netns_list_find(list, netns))
                        r = scan_hidden(s, netns);

        return r;
}

/* One walk instead of the tables, if it can be made. */
static void list_all(struct scan *s) {
        const struct scan_options *options = s->options;
        struct source_report *report = s->b.head.sources + SOURCE_LISTING;
        struct netns_list *list = options->memory->namespaces;
        uint64_t start = clock_usec(CLOCK_MONOTONIC);
        char why[BPF_WHY_MAX] = "";
        int r;

        if ((options->off >> SOURCE_LISTING) & 1)
                return;
        if (!options->list) {
                if (options->list_why) {
                        report->result = SOURCE_FAILED;
                        snprintf(report->text, sizeof(report->text), "%s", options->list_why);
                }
                return;
        }
        if (netns_list_count(list) > 0 && netns_list_at(list, netns_list_count(list) - 1)->netns >= NETNS_UNNAMED_MIN) {
                report->result = SOURCE_FAILED;
                snprintf(report->text, sizeof(report->text), "%s", SCAN_UNNAMED);
                return;
        }
        r = options->list(options->list_userdata, s->listing, why);
        s->b.head.cpu_usec += s->listing->cpu_usec;
        report->duration_usec = clock_usec(CLOCK_MONOTONIC) - start;
        report->last_run = s->b.head.started_realtime;
        if (r < 0) {
                report->result = SOURCE_FAILED;
                report->error = -r;
                snprintf(report->text, sizeof(report->text), "%s", why);
                return;
        }

        s->listed = true;
        report->result = SOURCE_READ;
        report->rows = (uint32_t) (s->listing->association_places.n + s->listing->endpoint_places.n);
        s->b.head.sources[SOURCE_SOCK_DIAG].text[0] = '\0';
}

static int scan_namespaces(struct scan *s) {
        struct netns_list *list = s->options->memory->namespaces;
        struct source_report *report = s->b.head.sources + SOURCE_NAMESPACES;
        uint64_t start = clock_usec(CLOCK_MONOTONIC);
        bool own_only = (s->options->off >> SOURCE_NAMESPACES) & 1;
        int r;

        /* Where the module is missing in one it is missing in all. */
        if (access("/proc/net/sctp", F_OK) < 0)
                return 0;
        s->settled = sockets_settled(s);
        r = netns_list_update(list, false);
        if (r < 0 && r != -E2BIG)
                return r;
        report->result = own_only ? SOURCE_SKIPPED : SOURCE_READ;
        report->last_run = s->b.head.started_realtime;
        report->duration_usec = clock_usec(CLOCK_MONOTONIC) - start;
        if (r == -E2BIG)
                snprintf(report->text, sizeof(report->text), "only the first %u are watched", NETNS_LIST_MAX);

        list_all(s);
        for (size_t i = 0; i < netns_list_count(list); i++) {
                struct netns_place *place = netns_list_at(list, i);

                if (own_only && !place->own)
                        continue;
                r = scan_place(s, place);
                if (r < 0)
                        return r;
        }
        if (s->listed && !own_only) {
                r = scan_hidden_ones(s);
                if (r < 0)
                        return r;
        }
        if (report->waiting > 0)
                snprintf(report->text, sizeof(report->text),
                         "%u could not be looked into (CAP_SYS_ADMIN, CAP_SYS_PTRACE)", report->waiting);

        return 0;
}

/* The tables of a saved tree, or of this process's namespace alone. */
static int scan_here(struct scan *s) {
        _cleanup_close_ int directory = -EBADF;
        _cleanup_free_ char *path = NULL;
        struct netns n = { .netns = s->b.head.netns, .own = !s->options->root }, *added;
        int r;

        if (asprintf(&path, "%s/proc/net/sctp", s->options->root ?: "") < 0) {
                path = NULL;
                return -ENOMEM;
        }
        directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0)
                return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
        r = scan_directory(s, directory, NULL, &n);
        if (r >= 0)
                r = builder_add_netns(&s->b, &added);
        if (r < 0)
                return r;

        *added = n;
        return 0;
}

static int ask_details(struct scan *s) {
        const struct scan_options *options = s->options;
        uint64_t cpu = clock_usec(CLOCK_THREAD_CPUTIME_ID);
        struct scan_detail d = {
                .options = options,
                .builder = &s->b,
                .namespaces = options->memory->namespaces,
                .owners = options->memory->owners,
                .lookup = &s->lookup,
                .turns = &options->memory->turns,
                .strays = s->strays,
                .listed = s->listed,
        };
        int r;

        r = scan_detail_ask(&d);
        s->b.head.dear_cpu_usec = clock_usec(CLOCK_THREAD_CPUTIME_ID) - cpu;
        return r;
}

int scan_run(const struct scan_options *options, struct snapshot **ret) {
        _cleanup_(scan_done) struct scan s = { .options = options };
        struct snapshot_head *head = &s.b.head;
        uint64_t cpu = clock_usec(CLOCK_THREAD_CPUTIME_ID);
        int r;

        if (options->memory) {
                s.b = options->memory->b;
                s.listing = &options->memory->listing;
        }
        head->serial = options->serial;
        head->started_monotonic = clock_usec(CLOCK_MONOTONIC);
        head->started_realtime = clock_usec(CLOCK_REALTIME);
        head->events_on = options->events_on;
        head->events_lost = options->events_lost;
        head->steps_lost = options->steps_lost;
        head->sources[SOURCE_EVENTS] = options->events;
        if (options->events_why) {
                head->sources[SOURCE_EVENTS].result = SOURCE_FAILED;
                snprintf(head->sources[SOURCE_EVENTS].text, sizeof(head->sources[SOURCE_EVENTS].text), "%s",
                         options->events_why);
        }
        s.shifted = release_shifted(options->root);
        if (!options->root) {
                head->hz = clock_hz();
                /* Without /proc/self/ns the namespace has no name, the rest is still true. */
                (void) netns_self(&head->netns);
                if (!((options->off >> SOURCE_SOCK_DIAG) & 1))
                        s.lookup.report = head->sources + SOURCE_SOCK_DIAG;
        }
        if (options->memory)
                s.lookup.list = options->memory->namespaces;
        snprintf(head->sources[SOURCE_SOCK_DIAG].text, sizeof(head->sources[SOURCE_SOCK_DIAG].text), "nothing to ask");

        r = options->memory ? scan_namespaces(&s) : scan_here(&s);
        if (r >= 0 && head->available && options->memory)
                r = ask_details(&s);
        if (r < 0)
                return r;

        if (!head->available)
                report_absence(&s.b, options);
        for (size_t i = 0; i < s.b.n_associations; i++)
                impaired_judge(s.b.associations + i, s.b.paths + s.b.associations[i].paths.first, head->hz,
                               head->started_monotonic);

        if (options->memory)
                options->memory->used = true;

        head->duration_usec = clock_usec(CLOCK_MONOTONIC) - head->started_monotonic;
        head->cpu_usec += clock_usec(CLOCK_THREAD_CPUTIME_ID) - cpu;
        return builder_finish(&s.b, ret);
}
