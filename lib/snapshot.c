/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "changes.h"
#include "impaired.h"
#include "layout.h"
#include "snapshot.h"

struct snapshot {
        atomic_uint refs;
        int fd;
        const struct snapshot_head *head;
};

static const char *const source_names[_SOURCE_MAX] = {
        [SOURCE_NAMESPACES] = "namespaces",
        [SOURCE_EPS] = "eps",
        [SOURCE_ASSOCS] = "assocs",
        [SOURCE_REMADDR] = "remaddr",
        [SOURCE_SNMP] = "snmp",
        [SOURCE_SOCK_DIAG] = "sock_diag",
        [SOURCE_OPTIONS] = "socket_options",
        [SOURCE_OWNERS] = "owners",
        [SOURCE_CONNTRACK] = "conntrack",
        [SOURCE_EVENTS] = "bpf_events",
        [SOURCE_LISTING] = "bpf_listing",
};

const char *source_name(enum source source) {
        return source_names[source];
}

const char *source_result_name(int result) {
        static const char *const names[] = { "skipped", "read", "failed" };

        return result >= 0 && (size_t) result < ELEMENTS(names) ? names[result] : NULL;
}

static bool array_inside(const struct snapshot_head *h, uint64_t offset, uint32_t n, size_t size) {
        return offset % 8 == 0 && offset >= sizeof(*h) && offset <= h->size && n <= (h->size - offset) / size;
}

/* The elements' ranges follow each other without gaps, so no part of an array is counted twice. */
static bool range_follows(struct range range, uint32_t n, uint32_t *next) {
        if (range.first != *next || range.count > SNAPSHOT_ROW_MAX || range.count > n - *next)
                return false;

        *next += range.count;
        return true;
}

static bool text_ends(const char *text, size_t size) {
        return memchr(text, '\0', size);
}

/* Escaped before it came here, whatever it is of: no line of its own in a log, and nothing that a terminal obeys. */
static bool text_sound(const char *text, size_t size) {
        const char *end = memchr(text, '\0', size);

        for (const char *p = text; end && p < end; p++)
                if ((uint8_t) *p < ' ' || *p == 0x7f)
                        return false;

        return end;
}

static bool address_sound(const struct address *a) {
        return a->family == AF_INET || a->family == AF_INET6;
}

/* One that may be absent. */
static bool address_sound_if_any(const struct address *a) {
        return a->family == 0 || address_sound(a);
}

static bool process_sound(const struct process *p) {
        return text_sound(p->command, sizeof(p->command)) && text_sound(p->unit, sizeof(p->unit)) &&
               text_sound(p->runtime, sizeof(p->runtime)) && text_sound(p->container_id, sizeof(p->container_id)) &&
               text_sound(p->container, sizeof(p->container)) && text_sound(p->pod, sizeof(p->pod));
}

static bool netns_sound(const struct netns *n) {
        return text_sound(n->name, sizeof(n->name)) && text_sound(n->container, sizeof(n->container)) &&
               text_sound(n->error, sizeof(n->error));
}

#define BELOW(word, n) ((word) < (UINT64_C(1) << (n)))
#define GIVEN_SOUND(object, table_max, max) \
        (BELOW((object)->given[0], table_max) && BELOW((object)->given[1], (max) - FIELD_DETAIL))
/* A state that is not given may be anything, it is never looked at. */
#define STATE_SOUND(object, index, member, max) \
        (!FIELD_GIVEN(object, index) || ((object)->member >= 0 && (object)->member < (max)))

static bool state_sound(int state, int min, int max) {
        return state >= min && state < max;
}

/* What the kernel tells by itself; the rest is found out by looks. */
static bool type_happens(uint8_t type) {
        return type <= CHANGE_PRIMARY_CHANGED || type == CHANGE_STEP;
}

static bool happening_sound(const struct happening *h, const struct association *a) {
        bool of_path = h->type == CHANGE_PATH_STATE || h->type == CHANGE_PATH_ADDED || h->type == CHANGE_PATH_REMOVED ||
                (h->type == CHANGE_STEP && h->path != UINT32_MAX);

        return type_happens(h->type) && h->cause < _CAUSE_MAX && FIELD_GIVEN(a, ASSOCIATION_STATE) &&
               (h->type != CHANGE_ASSOCIATION_DOWN || h->new_state == ASSOCIATION_CLOSED) &&
               state_sound(h->old_state, 0, _ASSOCIATION_STATE_MAX) &&
               state_sound(h->new_state, 0, _ASSOCIATION_STATE_MAX) &&
               state_sound(h->path_old_state, -1, _PATH_STATE_MAX) &&
               state_sound(h->path_new_state, -1, _PATH_STATE_MAX) &&
               (of_path ? h->path < a->paths.count : h->path == UINT32_MAX) &&
               address_sound_if_any(&h->old_primary) && h->trigger.kind < _TRIGGER_KIND_MAX &&
               text_ends(h->trigger.command, sizeof(h->trigger.command));
}

static bool happenings_sound(const struct snapshot_head *h) {
        const struct association *a = (const void *) ((const uint8_t *) h + h->associations);
        const struct happening *x = (const void *) ((const uint8_t *) h + h->happenings);

        if (h->n_happenings != (h->news ? h->n_associations : 0))
                return false;
        for (uint32_t i = 0; i < h->n_happenings; i++)
                if (!happening_sound(x + i, a + i) || (i > 0 && x[i - 1].at_monotonic > x[i].at_monotonic))
                        return false;

        return true;
}

/* The block may come from a process that has been taken over: nothing in it is believed. */
static bool sound(const struct snapshot_head *h) {
        const uint8_t *block = (const uint8_t *) h;
        uint32_t n_addresses = 0, n_paths = 0, n_owners = 0;

        if (!array_inside(h, h->endpoints, h->n_endpoints, sizeof(struct endpoint)) ||
            !array_inside(h, h->associations, h->n_associations, sizeof(struct association)) ||
            !array_inside(h, h->paths, h->n_paths, sizeof(struct path)) ||
            !array_inside(h, h->addresses, h->n_addresses, sizeof(struct address)) ||
            !array_inside(h, h->counters, h->n_counters, sizeof(struct counter)) ||
            !array_inside(h, h->complaints, h->n_complaints, sizeof(struct complaint)) ||
            !array_inside(h, h->namespaces, h->n_namespaces, sizeof(struct netns)) ||
            !array_inside(h, h->processes, h->n_processes, sizeof(struct process)) ||
            !array_inside(h, h->owners, h->n_owners, sizeof(uint32_t)) ||
            !array_inside(h, h->happenings, h->n_happenings, sizeof(struct happening)) ||
            h->n_namespaces > SNAPSHOT_NAMESPACES_MAX || h->n_processes > SNAPSHOT_PROCESSES_MAX ||
            h->n_owners > SNAPSHOT_OWNERS_MAX ||
            h->n_endpoints > SNAPSHOT_ENDPOINTS_MAX || h->n_associations > SNAPSHOT_ASSOCIATIONS_MAX ||
            h->n_paths > SNAPSHOT_PATHS_MAX || h->n_addresses > SNAPSHOT_ADDRESSES_MAX ||
            h->n_counters > SNAPSHOT_COUNTERS_MAX || h->n_complaints > SNAPSHOT_COMPLAINTS_MAX ||
            !address_sound_if_any(&h->statistics.max_rto_path) ||
            !text_sound(h->reason, sizeof(h->reason)) || !text_sound(h->advice, sizeof(h->advice)))
                return false;

        for (uint32_t i = 0; i < _SOURCE_MAX; i++)
                if (h->sources[i].result > SOURCE_FAILED || !text_sound(h->sources[i].text, sizeof(h->sources[i].text)))
                        return false;

        for (uint32_t i = 0; i < h->n_endpoints; i++) {
                const struct endpoint *e = (const struct endpoint *) (block + h->endpoints) + i;

                if (!GIVEN_SOUND(e, _ENDPOINT_FIELD_MAX, FIELD_DETAIL) ||
                    !range_follows(e->local, h->n_addresses, &n_addresses) ||
                    !range_follows(e->owners, h->n_owners, &n_owners) || !address_sound_if_any(&e->forwards_to) ||
                    !STATE_SOUND(e, ENDPOINT_STATE, state, _ENDPOINT_STATE_MAX) ||
                    !STATE_SOUND(e, ENDPOINT_STYLE, style, _STYLE_MAX))
                        return false;
        }
        for (uint32_t i = 0; i < h->n_associations; i++) {
                const struct association *a = (const struct association *) (block + h->associations) + i;

                if (!GIVEN_SOUND(a, _ASSOCIATION_TABLE_FIELD_MAX, _ASSOCIATION_FIELD_MAX) ||
                    !range_follows(a->local, h->n_addresses, &n_addresses) ||
                    !range_follows(a->paths, h->n_paths, &n_paths) ||
                    !range_follows(a->owners, h->n_owners, &n_owners) ||
                    !address_sound_if_any(&a->detail.original) || !BELOW((unsigned) a->impaired, _IMPAIRMENT_MAX) ||
                    !BELOW((unsigned) a->last_impaired, _IMPAIRMENT_MAX) ||
                    !STATE_SOUND(a, ASSOCIATION_ATTACHMENT, attachment, _ATTACHMENT_MAX) ||
                    !STATE_SOUND(a, ASSOCIATION_STATE, state, _ASSOCIATION_STATE_MAX) ||
                    !STATE_SOUND(a, ASSOCIATION_SOCKET_STATE, socket_state, _ENDPOINT_STATE_MAX) ||
                    !STATE_SOUND(a, ASSOCIATION_STYLE, style, _STYLE_MAX))
                        return false;
        }
        for (uint32_t i = 0; i < h->n_paths; i++) {
                const struct path *p = (const struct path *) (block + h->paths) + i;

                if (!GIVEN_SOUND(p, _PATH_TABLE_FIELD_MAX, _PATH_FIELD_MAX) || !address_sound(&p->address) ||
                    !STATE_SOUND(p, PATH_STATE, state, _PATH_STATE_MAX) || p->last_state > _PATH_STATE_MAX)
                        return false;
        }
        for (uint32_t i = 0; i < h->n_owners; i++)
                if (((const uint32_t *) (block + h->owners))[i] >= h->n_processes)
                        return false;
        for (uint32_t i = 0; i < h->n_processes; i++) {
                const struct process *p = (const struct process *) (block + h->processes) + i;

                if (!process_sound(p) || (i > 0 && p[-1].pid >= p->pid))
                        return false;
        }
        for (uint32_t i = 0; i < h->n_namespaces; i++) {
                const struct netns *n = (const struct netns *) (block + h->namespaces) + i;

                if (!netns_sound(n) || (i > 0 && n[-1].netns >= n->netns))
                        return false;
        }
        for (uint32_t i = 0; i < h->n_addresses; i++)
                if (!address_sound((const struct address *) (block + h->addresses) + i))
                        return false;
        for (uint32_t i = 0; i < h->n_counters; i++) {
                const struct counter *c = (const struct counter *) (block + h->counters) + i;

                if (!text_ends(c->name, sizeof(c->name)))
                        return false;
        }
        for (uint32_t i = 0; i < h->n_complaints; i++) {
                const struct complaint *c = (const struct complaint *) (block + h->complaints) + i;

                if (!text_sound(c->file, sizeof(c->file)) || !text_sound(c->text, sizeof(c->text)))
                        return false;
        }

        return happenings_sound(h);
}

/* The kernel itself may have a page of it in hand, for a moment: memfd_wait_for_pins() in mm/memfd.c. */
int snapshot_seal(int fd) {
        for (unsigned i = 0; i < SNAPSHOT_SEAL_TRIES_MAX; i++) {
                if (fcntl(fd, F_ADD_SEALS, SNAPSHOT_SEALS) >= 0)
                        return 0;
                if (errno != EBUSY)
                        return -errno;
        }

        return -EBUSY;
}

int snapshot_map(int fd, struct snapshot **ret) {
        _cleanup_close_ int own = fd;
        const struct snapshot_head *head;
        struct snapshot *s;
        struct stat st;
        int seals;

        if (fstat(fd, &st) < 0)
                return -errno;
        /* Unsealed it could change or shrink under our eyes. */
        seals = fcntl(fd, F_GET_SEALS);
        if (seals < 0 && errno != EINVAL)
                return -errno;
        if (seals < 0 || (seals & SNAPSHOT_SEALS) != SNAPSHOT_SEALS || (size_t) st.st_size < sizeof(*head))
                return -EBADMSG;

        /* All of it is looked at below. */
        head = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
        if (head == MAP_FAILED)
                return -errno;

        s = malloc(sizeof(*s));
        if (!s || head->magic != SNAPSHOT_MAGIC || head->size != (uint64_t) st.st_size || !sound(head)) {
                int r = s ? -EBADMSG : -ENOMEM;

                free(s);
                (void) munmap((void *) head, (size_t) st.st_size);
                return r;
        }

        *s = (struct snapshot) { .refs = 1, .fd = steal_fd(&own), .head = head };
        *ret = s;
        return 0;
}

int snapshot_load(const char *path, struct snapshot **ret) {
        _cleanup_close_ int file = -EBADF, fd = -EBADF;
        struct stat st;
        int r;

        /* Whoever wrote it may have been taken over: a FIFO is not waited for. */
        file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (file < 0 || fstat(file, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || (uint64_t) st.st_size > SNAPSHOT_FILE_MAX)
                return -EBADMSG;

        fd = memfd_create("sctpmon-snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        for (off_t offset = 0; offset < st.st_size;) {
                char buffer[65536];
                ssize_t n = read(file, buffer, sizeof(buffer));

                if (n < 0)
                        return -errno;
                if (n == 0 || n > st.st_size - offset)
                        return -EBADMSG;
                if (pwrite(fd, buffer, (size_t) n, offset) != n)
                        return -ENOMEM;
                offset += n;
        }
        r = snapshot_seal(fd);
        return r < 0 ? r : snapshot_map(steal_fd(&fd), ret);
}

int snapshot_save(const struct snapshot *s, const char *path) {
        _cleanup_free_ char *temporary = NULL;
        _cleanup_close_ int fd = -EBADF;
        const uint8_t *block = (const uint8_t *) s->head;
        int r = 0;

        if (asprintf(&temporary, "%s.new", path) < 0) {
                temporary = NULL;
                return -ENOMEM;
        }

        fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        for (uint64_t done = 0; done < s->head->size;) {
                ssize_t n = write(fd, block + done, s->head->size - done);

                if (n < 0) {
                        r = -errno;
                        break;
                }
                done += (uint64_t) n;
        }
        if (r == 0 && rename(temporary, path) < 0)
                r = -errno;
        if (r < 0)
                (void) unlink(temporary);

        return r;
}

struct snapshot *snapshot_ref(struct snapshot *s) {
        if (s)
                atomic_fetch_add(&s->refs, 1);
        return s;
}

struct snapshot *snapshot_unref(struct snapshot *s) {
        if (s && atomic_fetch_sub(&s->refs, 1) == 1) {
                (void) munmap((void *) s->head, s->head->size);
                snapshot_close_fd(s);
                free(s);
        }
        return NULL;
}

void snapshot_close_fd(struct snapshot *s) {
        close_p(&s->fd);
        s->fd = -EBADF;
}

int snapshot_fd(const struct snapshot *s) {
        return s->fd;
}

const struct snapshot_head *snapshot_head(const struct snapshot *s) {
        return s->head;
}

static const void *at(const struct snapshot *s, uint64_t offset) {
        return (const uint8_t *) s->head + offset;
}

const struct endpoint *snapshot_endpoints(const struct snapshot *s) {
        return at(s, s->head->endpoints);
}

const struct association *snapshot_associations(const struct snapshot *s) {
        return at(s, s->head->associations);
}

const struct counter *snapshot_counters(const struct snapshot *s) {
        return at(s, s->head->counters);
}

const struct complaint *snapshot_complaints(const struct snapshot *s) {
        return at(s, s->head->complaints);
}

const struct netns *snapshot_namespaces(const struct snapshot *s) {
        return at(s, s->head->namespaces);
}

const struct netns *snapshot_netns(const struct snapshot *s, uint64_t netns) {
        const struct netns *n = snapshot_namespaces(s);
        uint32_t low = 0, high = s->head->n_namespaces;

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (n[middle].netns == netns)
                        return n + middle;
                if (n[middle].netns < netns)
                        low = middle + 1;
                else
                        high = middle;
        }

        return NULL;
}

const struct happening *snapshot_happenings(const struct snapshot *s) {
        return at(s, s->head->happenings);
}

const struct process *snapshot_processes(const struct snapshot *s) {
        return at(s, s->head->processes);
}

const uint32_t *snapshot_owners(const struct snapshot *s, struct range range) {
        return (const uint32_t *) at(s, s->head->owners) + range.first;
}

const struct address *snapshot_addresses(const struct snapshot *s, struct range range) {
        return (const struct address *) at(s, s->head->addresses) + range.first;
}

const struct path *snapshot_paths(const struct snapshot *s, struct range range) {
        return (const struct path *) at(s, s->head->paths) + range.first;
}

const struct path *snapshot_primary(const struct snapshot *s, const struct association *a) {
        const struct path *paths = snapshot_paths(s, a->paths);

        for (uint32_t i = 0; i < a->paths.count; i++)
                if (paths[i].address.primary)
                        return paths + i;

        return NULL;
}

static bool common_local(const struct association *a, const struct address *x,
                         const struct association *b, const struct address *y) {
        for (uint32_t i = 0; i < a->local.count; i++)
                for (uint32_t j = 0; j < b->local.count; j++)
                        if (address_equal(x + i, y + j))
                                return true;

        return a->local.count == 0 && b->local.count == 0;
}

bool association_same_ends(const struct association *a, const struct address *x, const struct path *p,
                           const struct association *b, const struct address *y, const struct path *q) {
        if (a->local_port != b->local_port || a->peer_port != b->peer_port || !common_local(a, x, b, y))
                return false;

        for (uint32_t i = 0; i < a->paths.count; i++)
                for (uint32_t j = 0; j < b->paths.count; j++)
                        if (address_equal(&p[i].address, &q[j].address))
                                return true;

        return false;
}

bool snapshot_same_association(const struct snapshot *s, const struct association *a,
                               const struct snapshot *t, const struct association *b) {
        if (a->netns != b->netns)
                return false;
        if (a->id != 0 && b->id != 0)
                return a->id == b->id;
        /* While it has no id no peer can restart it, which is what else changes its tag. */
        if (FIELD_GIVEN(a, ASSOCIATION_LOCAL_TAG) && FIELD_GIVEN(b, ASSOCIATION_LOCAL_TAG) &&
            a->detail.local_tag != b->detail.local_tag)
                return false;

        return association_same_ends(a, snapshot_addresses(s, a->local), snapshot_paths(s, a->paths),
                                     b, snapshot_addresses(t, b->local), snapshot_paths(t, b->paths));
}
