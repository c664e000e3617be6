// SPDX-License-Identifier: GPL-2.0-only
/* Tells what happens to associations, in all network namespaces, with its cause: every step of their states, of those
 * of their paths, and their ends.
 *
 * All of it happens within calls of sctp_do_sm(), the state machine: one for each chunk received, timer expired and
 * request of the owner. Such a call is a frame here: what it was called for is noted at its entry, and at its return
 * the state is compared. Some things are seen within it, by the functions that it calls. */
#include "kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "record.h"
#include "association.h"
#include "../lib/trigger.h"

char LICENSE[] SEC("license") = "GPL";

#define STACK_SIZE 16384
/* Local addresses of an association that are looked at. */
#define LOCAL_MAX 64

#define STATE_CLOSED 0
#define STATE_ESTABLISHED 3

/* The same in all kernels: include/uapi/linux/sctp.h, RFC 9260. */
#define RESTART 2
#define PATH_INACTIVE 0
#define PATH_PF 1
#define PATH_ACTIVE 2
#define PATH_UNCONFIRMED 3

/* A timer or primitive that this knows no name for. */
#define UNKNOWN 255

/* Set by the scanner, at any time. */
volatile struct tracing tracing = {};

__u64 calls = 0;                        /* of the state machine */
__u64 lost = 0;                         /* events that the ring buffer had no room for */
__u64 steps_lost = 0;                   /* calls that it was to tell, likewise */
__u64 missed = 0;                       /* entries or returns that the kernel did not show */

#define RING_SIZE (16 * 1024 * 1024)

struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, RING_SIZE);
} events SEC(".maps");

/* A call of the state machine that has not returned. */
struct frame {
        __u64 at, task;
        __u64 association;              /* 0: none (yet) */
        __u64 endpoint, argument;
        __u64 outer;                    /* key of the frame that this one is within, of the same association */
        __u64 added;                    /* a path that is being added */
        __u32 type, subtype;            /* enum sctp_event_type; enum sctp_event_timeout, ..., or type of chunk */
        __u32 old_local_tag, old_peer_tag;
        __u8 state;                     /* at its entry, or after the last step that has been told */
        __u8 entry_state;
        __u8 internal;                  /* the state machine called itself: no chunk, timer or request of its own */
        __u8 created;                   /* the association began within it */
        __u8 ended;                     /* it has been freed */
        __u8 restarted;
        __u8 has_error_cause;
        __u16 error_cause;
};

/* By the stack pointer at entry. A call may sleep, wake on another CPU, and be interrupted by others, but it stays on
 * its stack. The kernel may fail to show a return: what is left over then is the first to make way. */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 16384);
        __type(key, __u64);
        __type(value, struct frame);
} frames SEC(".maps");

/* The innermost frame of an association, or of an endpoint while there is none: they are locked all the time, so that
 * there is but one call for each, and those within it. */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, 16384);
        __type(key, __u64);
        __type(value, __u64);
} innermost SEC(".maps");

struct copies {
        __u8 association[COPY_MAX], transport[COPY_MAX], sock[COPY_MAX];
};

/* Probes do not interrupt each other: the kernel skips those that would. */
struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, 1);
        __type(key, __u32);
        __type(value, struct copies);
} buffers SEC(".maps");

#define VALUE(type, name) bpf_core_enum_value(enum type, name)

struct news {
        __u32 event, old_state, new_state, path_old_state, path_new_state;
        __u64 path, old_primary;        /* struct sctp_transport */
};

/* Frames */

static __always_inline bool on_same_stack(__u64 outer, __u64 inner) {
        return outer > inner && outer - inner < STACK_SIZE;
}

/* The frame that a call with this stack pointer is in. One whose return was missed is not it, most likely. */
static __always_inline struct frame *find_frame(__u64 key, __u64 stack) {
        __u64 *entry = bpf_map_lookup_elem(&innermost, &key);
        struct frame *frame;

        if (!entry || !on_same_stack(*entry, stack))
                return NULL;
        frame = bpf_map_lookup_elem(&frames, entry);
        if (!frame || frame->task != bpf_get_current_task())
                return NULL;
        if (frame->association != key && (frame->association != 0 || frame->endpoint != key))
                return NULL;

        return frame;
}

/* Events */

#define TRANSLATE_TIMER(name)                                                   \
        if (number == VALUE(sctp_event_timeout, SCTP_EVENT_TIMEOUT_##name))     \
                return TIMER_##name
#define TRANSLATE_PRIMITIVE(name)                                               \
        if (number == VALUE(sctp_event_primitive, SCTP_PRIMITIVE_##name))       \
                return PRIMITIVE_##name

static __always_inline __u8 translate_timer(__u32 number) {
        TRANSLATE_TIMER(T1_COOKIE);
        TRANSLATE_TIMER(T1_INIT);
        TRANSLATE_TIMER(T2_SHUTDOWN);
        TRANSLATE_TIMER(T3_RTX);
        TRANSLATE_TIMER(T4_RTO);
        TRANSLATE_TIMER(T5_SHUTDOWN_GUARD);
        TRANSLATE_TIMER(HEARTBEAT);
        TRANSLATE_TIMER(RECONF);
        TRANSLATE_TIMER(PROBE);
        TRANSLATE_TIMER(SACK);
        TRANSLATE_TIMER(AUTOCLOSE);

        return UNKNOWN;
}

static __always_inline __u8 translate_primitive(__u32 number) {
        TRANSLATE_PRIMITIVE(ASSOCIATE);
        TRANSLATE_PRIMITIVE(SHUTDOWN);
        TRANSLATE_PRIMITIVE(ABORT);
        TRANSLATE_PRIMITIVE(SEND);
        if (number == VALUE(sctp_event_primitive, SCTP_PRIMITIVE_REQUESTHEARTBEAT))
                return PRIMITIVE_REQUEST_HEARTBEAT;
        TRANSLATE_PRIMITIVE(ASCONF);
        TRANSLATE_PRIMITIVE(RECONF);

        return UNKNOWN;
}

static __always_inline bool is_path_timer(__u8 number) {
        return number == TIMER_T3_RTX || number == TIMER_HEARTBEAT || number == TIMER_RECONF || number == TIMER_PROBE;
}

/* The current process is at work for its own sake only while it is on its own stack: an interrupt has another one. */
static __always_inline void read_process(__u64 stack, struct record_trigger *ret) {
        const struct task_struct *task = (const void *) bpf_get_current_task();
        __u64 bottom = (__u64) BPF_CORE_READ(task, stack);

        if (stack < bottom || stack - bottom >= STACK_SIZE || (BPF_CORE_READ(task, flags) & PF_KTHREAD))
                return;
        ret->pid = bpf_get_current_pid_tgid() >> 32;
        bpf_get_current_comm(ret->comm, sizeof(ret->comm));
}

static __always_inline void read_trigger(const struct frame *frame, __u64 stack, struct record_trigger *ret) {
        if (frame && frame->type == VALUE(sctp_event_type, SCTP_EVENT_T_CHUNK)) {
                ret->kind = TRIGGER_CHUNK;
                ret->number = frame->subtype;
        } else if (frame && frame->type == VALUE(sctp_event_type, SCTP_EVENT_T_TIMEOUT)) {
                ret->kind = TRIGGER_TIMER;
                ret->number = translate_timer(frame->subtype);
        } else if (frame && frame->type == VALUE(sctp_event_type, SCTP_EVENT_T_PRIMITIVE)) {
                ret->kind = TRIGGER_PRIMITIVE;
                ret->number = translate_primitive(frame->subtype);
        } else if (frame && frame->type == VALUE(sctp_event_type, SCTP_EVENT_T_OTHER) &&
                   frame->subtype == VALUE(sctp_event_other, SCTP_EVENT_ICMP_PROTO_UNREACH))
                ret->kind = TRIGGER_ICMP;
        if (frame) {
                ret->has_error_cause = frame->has_error_cause;
                ret->error_cause = frame->error_cause;
        }
        if (ret->kind == TRIGGER_NONE || ret->kind == TRIGGER_PRIMITIVE)
                read_process(stack, ret);
}

static __always_inline void read_tries(const struct sctp_association *asoc, struct record_trigger *ret) {
        if (ret->kind != TRIGGER_TIMER)
                return;
        if (ret->number == TIMER_T1_COOKIE || ret->number == TIMER_T1_INIT) {
                ret->tries = asoc->init_err_counter;
                ret->tries_max = asoc->max_init_attempts;
        } else if (ret->number == TIMER_T2_SHUTDOWN || ret->number == TIMER_T3_RTX || ret->number == TIMER_HEARTBEAT ||
                   ret->number == TIMER_T4_RTO || ret->number == TIMER_RECONF) {
                ret->tries = asoc->overall_error_count;
                ret->tries_max = asoc->max_retrans;
        } else if (ret->number == TIMER_AUTOCLOSE) {
                __u64 at = bpf_core_field_offset(struct sctp_association, timeouts) +
                        VALUE(sctp_event_timeout, SCTP_EVENT_TIMEOUT_AUTOCLOSE) * sizeof(unsigned long);

                ret->tries_max = *(const unsigned long *) ((const __u8 *) asoc + (at & (COPY_MAX - 1) & ~7ULL));
        }
}

static __always_inline void read_local(__u64 key, const struct sctp_association *asoc, struct record_event *ret) {
        struct sctp_association *original = (void *) key;
        __u64 head = (__u64) __builtin_preserve_access_index(&original->base.bind_addr.address_list),
              at = (__u64) asoc->base.bind_addr.address_list.next;
        __u32 n = 0;

        for (int i = 0; i < LOCAL_MAX && at != head && at != 0; i++) {
                struct sctp_sockaddr_entry *entry = (void *) at;
                struct socket_address address = {};
                __u8 valid = 0;

                bpf_probe_read_kernel(&valid, sizeof(valid), __builtin_preserve_access_index(&entry->valid));
                bpf_probe_read_kernel(&address, sizeof(address), __builtin_preserve_access_index(&entry->a));
                if (n < EVENT_ADDRESSES_MAX)
                        read_address(&address, &ret->local[n]);
                /* No branch: the verifier would follow each of them through all that is left of the list. */
                n += valid & 1;
                if (bpf_probe_read_kernel(&at, sizeof(at), &entry->list.next) < 0)
                        break;
        }
        ret->n_local = n;
}

/* As the event leaves them: it is told before the kernel has done it. */
static __always_inline void read_paths(__u64 key, const struct sctp_association *asoc, __u64 primary,
                                       const struct news *news, __u8 *buffer, struct record_event *ret) {
        struct sctp_association *original = (void *) key;
        const struct sctp_transport *transport = (const void *) buffer;
        __u64 head = (__u64) __builtin_preserve_access_index(&original->peer.transport_addr_list),
              at = (__u64) asoc->peer.transport_addr_list.next;

        /* While one is removed the kernel's number still counts it. */
        if (!count_list(head, asoc->peer.transport_addr_list.next, &ret->n_paths))
                ret->n_paths = asoc->peer.transport_count;
        for (int i = 0; i < EVENT_ADDRESSES_MAX && at != head && at != 0; i++) {
                __u64 path = at - bpf_core_field_offset(struct sctp_transport, transports);

                if (COPY(buffer, struct sctp_transport, path) < 0)
                        return;
                read_path(transport, &ret->paths[i]);
                ret->paths[i].address.primary = path == primary;
                if (news->event == EVENT_PATH_STATE && path == news->path)
                        ret->paths[i].state = news->path_new_state;
                at = (__u64) transport->transports.next;
        }
}

/* What of the event is the path's own. */
static __always_inline void read_event_path(const struct news *news, __u8 *buffer, struct record_event *ret) {
        const struct sctp_transport *transport = (const void *) buffer;

        if (news->old_primary && COPY(buffer, struct sctp_transport, news->old_primary) == 0)
                read_address(address_in(&transport->ipaddr), &ret->old_primary);
        if (news->path == 0 || COPY(buffer, struct sctp_transport, news->path) < 0)
                return;
        read_address(address_in(&transport->ipaddr), &ret->path);
        if (news->event == EVENT_PATH_STATE && ret->trigger.kind == TRIGGER_TIMER) {
                ret->trigger.tries = transport->error_count;
                ret->trigger.tries_max = transport->pathmaxrxt;
        }
}

/* Steps may fill half of the ring buffer: what happens has the rest to itself. */
static __always_inline struct record_event *reserve(__u32 event) {
        bool step = event == EVENT_STEP;
        struct record_event *r = NULL;

        if (!step || bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) < RING_SIZE / 2)
                r = bpf_ringbuf_reserve(&events, sizeof(*r), 0);
        if (!r)
                __sync_fetch_and_add(step ? &steps_lost : &lost, 1);

        return r;
}

/* Where the chunk came from. */
static __always_inline void read_source(const struct frame *frame, struct socket_address *ret) {
        struct sctp_chunk *chunk = (void *) frame->argument;

        bpf_probe_read_kernel(ret, sizeof(*ret), __builtin_preserve_access_index(&chunk->source));
}

static __always_inline bool is_traced(__u16 local_port, __u16 peer_port) {
        bool any = true;

        for (int i = 0; i < TRACE_PORTS_MAX; i++) {
                __u16 port = tracing.ports[i];

                if (port && (port == local_port || port == peer_port))
                        return true;
                any &= !port;
        }

        return any;
}

/* Of a chunk that belongs to no association: an INIT, or one out of the blue. */
static __always_inline void tell_chunk(const struct frame *frame, __u64 stack) {
        const struct sctp_endpoint *endpoint = (const void *) frame->endpoint;
        struct sctp_chunk *chunk = (void *) frame->argument;
        const struct sock *sock = BPF_CORE_READ(endpoint, base.sk);
        struct socket_address source = {}, destination = {};
        struct record_event *r;

        read_source(frame, &source);
        bpf_probe_read_kernel(&destination, sizeof(destination), __builtin_preserve_access_index(&chunk->dest));
        if (!is_traced(__builtin_bswap16(destination.port), __builtin_bswap16(source.port)))
                return;
        r = reserve(EVENT_STEP);
        if (!r)
                return;
        __builtin_memset(r, 0, sizeof(*r));
        r->head.kind = RECORD_EVENT;
        r->at = frame->at;
        r->event = EVENT_STEP;
        read_trigger(frame, stack, &r->trigger);
        read_address(&source, &r->path);
        r->association.socket.netns = BPF_CORE_READ(sock, __sk_common.skc_net.net, ns.inum);
        r->association.local_port = __builtin_bswap16(destination.port);
        r->association.peer_port = __builtin_bswap16(source.port);
        r->n_local = 1;
        read_address(&destination, &r->local[0]);
        bpf_ringbuf_submit(r, 0);
}

/* Not static: so it is verified once for each program, not for each call. */
__noinline int tell(const struct frame *frame, __u64 key, __u64 stack, const struct news *news) {
        struct record_event *r;
        struct copies *copies;
        __u64 path;
        __u32 zero = 0;

        copies = bpf_map_lookup_elem(&buffers, &zero);
        if (!copies || !news)
                return 0;

        const struct sctp_association *asoc = (const void *) copies->association;
        const struct sctp_transport *primary = (const void *) copies->transport;
        const struct sock *sock = (const void *) copies->sock;

        if (COPY(copies->association, struct sctp_association, key) < 0)
                return 0;
        /* Those are made to answer an INIT, and forgotten. */
        if (BPF_CORE_READ_BITFIELD(asoc, temp))
                return 0;
        if (COPY(copies->sock, struct sock, asoc->base.sk) < 0)
                return 0;

        r = reserve(news->event);
        if (!r)
                return 0;
        __builtin_memset(r, 0, sizeof(*r));
        r->head.kind = RECORD_EVENT;
        r->head.key = key;
        r->at = frame ? frame->at : bpf_ktime_get_ns();
        r->event = news->event;
        r->old_state = news->old_state;
        r->new_state = news->new_state;
        r->path_old_state = news->path_old_state;
        r->path_new_state = news->path_new_state;
        if (frame && news->event == EVENT_RESTART) {
                r->old_local_tag = frame->old_local_tag;
                r->old_peer_tag = frame->old_peer_tag;
        }
        read_trigger(frame, stack, &r->trigger);
        read_tries(asoc, &r->trigger);
        read_event_path(news, copies->transport, r);
        if (frame && news->event == EVENT_STEP && r->trigger.kind == TRIGGER_CHUNK) {
                struct socket_address source = {};

                read_source(frame, &source);
                read_address(&source, &r->path);
        }

        read_association(key, asoc, &r->association);
        read_socket(asoc->base.sk, sock, asoc, &r->association);
        path = news->event == EVENT_PRIMARY ? news->path : (__u64) asoc->peer.primary_path;
        if (COPY(copies->transport, struct sctp_transport, path) == 0)
                read_primary(primary, &r->association);
        read_local(key, asoc, r);
        read_paths(key, asoc, path, news, copies->transport, r);
        bpf_ringbuf_submit(r, 0);

        return 0;
}

/* The state machine */

/* The first cause in an ABORT or ERROR chunk. */
static __always_inline void read_error_cause(struct frame *frame) {
        const struct sctp_chunk *chunk = (const void *) frame->argument;
        struct {
                __u8 type, flags;
                __be16 length, cause, cause_length;
        } start = {};

        if (bpf_probe_read_kernel(&start, sizeof(start), BPF_CORE_READ(chunk, chunk_hdr)) < 0)
                return;
        if (__builtin_bswap16(start.length) < sizeof(start))
                return;
        frame->has_error_cause = 1;
        frame->error_cause = __builtin_bswap16(start.cause);
}

/* Only what the state machine calls for itself comes within another call for the same association. */
static __always_inline bool is_nested(const struct frame *frame) {
        if (frame->type == VALUE(sctp_event_type, SCTP_EVENT_T_OTHER))
                return frame->subtype == VALUE(sctp_event_other, SCTP_EVENT_NO_PENDING_TSN);
        return frame->type == VALUE(sctp_event_type, SCTP_EVENT_T_PRIMITIVE) &&
                (frame->subtype == VALUE(sctp_event_primitive, SCTP_PRIMITIVE_ASCONF) ||
                 frame->subtype == VALUE(sctp_event_primitive, SCTP_PRIMITIVE_RECONF));
}

/* A frame is there for the same association: the one that this is within, or one whose return was missed. Either may
 * have made a step that has not been told. */
static __always_inline void meet_frame(__u64 key, __u64 stack, __u64 at, struct frame *met, struct frame *frame) {
        if (met->association == key && met->state != frame->state && !met->ended &&
            frame->state != STATE_CLOSED) {
                struct news news = { .event = EVENT_STATE, .old_state = met->state, .new_state = frame->state };

                tell(met, key, stack, &news);
                met->state = frame->state;
        }
        if (!is_nested(frame) || !on_same_stack(at, stack) || met->task != frame->task) {
                __sync_fetch_and_add(&missed, 1);
                if (at != stack)
                        bpf_map_delete_elem(&frames, &at);
                return;
        }
        frame->outer = at;
        /* "No more DATA is outstanding" has a reason: what came in. */
        if (frame->type == VALUE(sctp_event_type, SCTP_EVENT_T_OTHER)) {
                frame->internal = 1;
                frame->type = met->type;
                frame->subtype = met->subtype;
                frame->argument = met->argument;
        }
}

#if defined(__TARGET_ARCH_x86)
#define SIXTH(registers) ((registers)->r9)
/* The return address has been taken from the stack when a return is seen. */
#define RETURN_ADDRESS 8
#elif defined(__TARGET_ARCH_arm64)
#define SIXTH(registers) (((const struct user_pt_regs *) (registers))->regs[5])
#define RETURN_ADDRESS 0
#else
#error "Which registers have the sixth and the seventh argument?"
#endif

static __always_inline __u64 seventh(struct pt_regs *registers) {
#if defined(__TARGET_ARCH_x86)
        __u64 argument = 0;

        bpf_probe_read_kernel(&argument, sizeof(argument), (const void *) (registers->sp + RETURN_ADDRESS));
        return argument;
#else
        return ((const struct user_pt_regs *) registers)->regs[6];
#endif
}

SEC("kprobe/sctp_do_sm")
int enter(struct pt_regs *registers) {
        __u64 stack = PT_REGS_SP(registers), key, *entry, at;
        struct frame frame = {}, *met;

        __sync_fetch_and_add(&calls, 1);
        frame.at = bpf_ktime_get_ns();
        frame.task = bpf_get_current_task();
        frame.type = PT_REGS_PARM2(registers);
        frame.subtype = PT_REGS_PARM3(registers);
        frame.state = frame.entry_state = PT_REGS_PARM4(registers);
        frame.endpoint = PT_REGS_PARM5(registers);
        frame.association = SIXTH(registers);
        frame.argument = seventh(registers);
        if (frame.type == VALUE(sctp_event_type, SCTP_EVENT_T_CHUNK)) {
                if (frame.subtype == CHUNK_ABORT || frame.subtype == CHUNK_ERROR)
                        read_error_cause(&frame);
        } else if (frame.type == VALUE(sctp_event_type, SCTP_EVENT_T_PRIMITIVE)) {
                frame.created = frame.subtype == VALUE(sctp_event_primitive, SCTP_PRIMITIVE_ASSOCIATE);
                if (frame.subtype == VALUE(sctp_event_primitive, SCTP_PRIMITIVE_ABORT))
                        read_error_cause(&frame);
        }

        key = frame.association ? frame.association : frame.endpoint;
        entry = bpf_map_lookup_elem(&innermost, &key);
        if (entry) {
                at = *entry;
                met = bpf_map_lookup_elem(&frames, &at);
                if (met && (met->association == key || (met->association == 0 && met->endpoint == key)))
                        meet_frame(key, stack, at, met, &frame);
        }
        bpf_map_update_elem(&frames, &stack, &frame, BPF_ANY);
        bpf_map_update_elem(&innermost, &key, &stack, BPF_ANY);

        return 0;
}

static __always_inline void tell_step(const struct frame *frame, __u64 stack, __u32 state) {
        struct news news = { .event = EVENT_STEP, .old_state = frame->entry_state, .new_state = state };
        const struct sctp_association *asoc = (const void *) frame->association;

        if (frame->internal || !is_traced(BPF_CORE_READ(asoc, base.bind_addr.port), BPF_CORE_READ(asoc, peer.port)))
                return;
        if (frame->type == VALUE(sctp_event_type, SCTP_EVENT_T_TIMEOUT) &&
            is_path_timer(translate_timer(frame->subtype)))
                news.path = frame->argument;
        tell(frame, frame->association, stack, &news);
}

SEC("kretprobe/sctp_do_sm")
int leave(struct pt_regs *registers) {
        __u64 stack = PT_REGS_SP(registers) - RETURN_ADDRESS, key;
        struct frame *frame, *outer;
        __u8 state;

        frame = bpf_map_lookup_elem(&frames, &stack);
        if (!frame) {
                __sync_fetch_and_add(&missed, 1);
                return 0;
        }

        state = frame->state;
        key = frame->association;
        if (key == 0 && tracing.on && frame->type == VALUE(sctp_event_type, SCTP_EVENT_T_CHUNK))
                tell_chunk(frame, stack);
        if (key && !frame->ended) {
                const struct sctp_association *asoc = (const void *) key;
                struct news news = { .old_state = frame->state };

                state = BPF_CORE_READ(asoc, state);
                news.new_state = state;
                if (tracing.on)
                        tell_step(frame, stack, state);
                if (state != frame->state) {
                        news.event = EVENT_STATE;
                        tell(frame, key, stack, &news);
                }
                if (frame->restarted && frame->old_local_tag != 0) {
                        news.event = EVENT_RESTART;
                        tell(frame, key, stack, &news);
                }
        }

        outer = frame->outer ? bpf_map_lookup_elem(&frames, &frame->outer) : NULL;
        if (outer && outer->association == key) {
                outer->state = state;
                outer->ended = frame->ended;
                if (!frame->ended)
                        bpf_map_update_elem(&innermost, &key, &frame->outer, BPF_ANY);
        } else if (key && !frame->ended)
                bpf_map_delete_elem(&innermost, &key);
        if (frame->created || key == 0) {
                key = frame->endpoint;
                bpf_map_delete_elem(&innermost, &key);
        }
        bpf_map_delete_elem(&frames, &stack);

        return 0;
}

/* A COOKIE ECHO or an INIT has no association at entry. */
SEC("kprobe/sctp_endpoint_add_asoc")
int BPF_KPROBE(add_association, struct sctp_endpoint *endpoint, struct sctp_association *asoc) {
        __u64 stack = PT_REGS_SP(ctx), key = (__u64) asoc, *entry, at;
        struct frame *frame = find_frame((__u64) endpoint, stack);

        if (!frame || frame->association || BPF_CORE_READ_BITFIELD_PROBED(asoc, temp))
                return 0;
        frame->association = key;
        frame->created = 1;
        key = (__u64) endpoint;
        entry = bpf_map_lookup_elem(&innermost, &key);
        if (entry) {
                at = *entry;
                key = (__u64) asoc;
                bpf_map_update_elem(&innermost, &key, &at, BPF_ANY);
        }

        return 0;
}

/* Within the frame in which it ends, or some time after it has been closed: by one that listens and never accepted
 * it. Its state is "closed" by then. */
SEC("kprobe/sctp_association_free")
int BPF_KPROBE(free_association, struct sctp_association *asoc) {
        __u64 stack = PT_REGS_SP(ctx), key = (__u64) asoc;
        struct frame *frame = find_frame(key, stack);
        struct news news = { .event = EVENT_END, .new_state = STATE_CLOSED };

        /* An endpoint has those that are more than an attempt. */
        if ((__u64) BPF_CORE_READ(asoc, asocs.next) == (__u64) __builtin_preserve_access_index(&asoc->asocs))
                return 0;
        if (!frame || !frame->created) {
                news.old_state = frame ? frame->state : BPF_CORE_READ(asoc, state);
                if (tracing.on && frame)
                        tell_step(frame, stack, STATE_CLOSED);
                tell(frame, key, stack, &news);
        }
        if (frame)
                frame->ended = 1;
        bpf_map_delete_elem(&innermost, &key);

        return 0;
}

/* A peer that sets up the association that there is already: anew, or at the same time as this end. */
SEC("kprobe/sctp_assoc_update")
int BPF_KPROBE(update_association, struct sctp_association *asoc) {
        struct frame *frame = find_frame((__u64) asoc, PT_REGS_SP(ctx));

        if (frame) {
                frame->old_local_tag = BPF_CORE_READ(asoc, c.my_vtag);
                frame->old_peer_tag = BPF_CORE_READ(asoc, c.peer_vtag);
        }

        return 0;
}

/* Before the update or after it: that depends on the kernel. */
SEC("kprobe/sctp_ulpevent_make_assoc_change")
int BPF_KPROBE(change_association, struct sctp_association *asoc, __u16 flags, __u16 change) {
        struct frame *frame;

        if (change != RESTART)
                return 0;
        frame = find_frame((__u64) asoc, PT_REGS_SP(ctx));
        if (frame)
                frame->restarted = 1;

        return 0;
}

/* Endpoints: only that there is something to look at. */

static __always_inline int tell_endpoints(void) {
        struct record_head *r = bpf_ringbuf_reserve(&events, sizeof(*r), 0);

        if (!r) {
                __sync_fetch_and_add(&lost, 1);
                return 0;
        }
        r->kind = RECORD_ENDPOINTS;
        r->reserved = 0;
        r->key = 0;
        bpf_ringbuf_submit(r, 0);

        return 0;
}

SEC("kprobe/sctp_hash_endpoint")
int BPF_KPROBE(hash_endpoint) {
        return tell_endpoints();
}

SEC("kprobe/sctp_unhash_endpoint")
int BPF_KPROBE(unhash_endpoint) {
        return tell_endpoints();
}

/* Paths */

/* While an association is being set up its paths are no news, and neither are they while it is torn down. */
static __always_inline bool is_established(const struct frame *frame, const struct sctp_association *asoc,
                                           struct news *news) {
        __u32 state = BPF_CORE_READ(asoc, state);

        news->old_state = state;
        news->new_state = state;
        return state >= STATE_ESTABLISHED && !BPF_CORE_READ(asoc, base.dead) &&
                (!frame || (frame->state >= STATE_ESTABLISHED && !frame->ended));
}

SEC("kprobe/sctp_assoc_control_transport")
int BPF_KPROBE(control_path, struct sctp_association *asoc, struct sctp_transport *transport, __u32 command) {
        struct frame *frame = find_frame((__u64) asoc, PT_REGS_SP(ctx));
        struct news news = { .event = EVENT_PATH_STATE, .path = (__u64) transport };

        if (!is_established(frame, asoc, &news))
                return 0;
        news.path_old_state = BPF_CORE_READ(transport, state);
        if (command == VALUE(sctp_transport_cmd, SCTP_TRANSPORT_UP))
                news.path_new_state = PATH_ACTIVE;
        else if (command == VALUE(sctp_transport_cmd, SCTP_TRANSPORT_PF))
                news.path_new_state = PATH_PF;
        else if (command == VALUE(sctp_transport_cmd, SCTP_TRANSPORT_DOWN))
                /* One that was never confirmed stays so. */
                news.path_new_state = news.path_old_state == PATH_UNCONFIRMED ? PATH_UNCONFIRMED : PATH_INACTIVE;
        else
                return 0;
        if (news.path_new_state != news.path_old_state)
                tell(frame, (__u64) asoc, PT_REGS_SP(ctx), &news);

        return 0;
}

/* sctp_assoc_add_peer() asks for a place in the table of transports only for one that is new, and may be refused. */
SEC("kprobe/sctp_hash_transport")
int BPF_KPROBE(hash_path, struct sctp_transport *transport) {
        struct sctp_association *asoc = BPF_CORE_READ(transport, asoc);
        struct frame *frame = find_frame((__u64) asoc, PT_REGS_SP(ctx));

        if (frame)
                frame->added = (__u64) transport;

        return 0;
}

SEC("kretprobe/sctp_assoc_add_peer")
int BPF_KRETPROBE(add_path, struct sctp_transport *transport) {
        struct sctp_association *asoc;
        struct news news = { .event = EVENT_PATH_ADDED, .path = (__u64) transport };
        struct frame *frame;

        if (!transport)
                return 0;
        asoc = BPF_CORE_READ(transport, asoc);
        frame = find_frame((__u64) asoc, PT_REGS_SP(ctx));
        if (!frame || frame->added != (__u64) transport)
                return 0;
        frame->added = 0;
        if (!is_established(frame, asoc, &news))
                return 0;
        news.path_old_state = news.path_new_state = BPF_CORE_READ(transport, state);
        tell(frame, (__u64) asoc, PT_REGS_SP(ctx), &news);

        return 0;
}

SEC("kprobe/sctp_unhash_transport")
int BPF_KPROBE(unhash_path, struct sctp_transport *transport) {
        struct sctp_association *asoc = BPF_CORE_READ(transport, asoc);
        struct frame *frame = find_frame((__u64) asoc, PT_REGS_SP(ctx));
        struct news news = { .event = EVENT_PATH_REMOVED, .path = (__u64) transport };

        if (!is_established(frame, asoc, &news))
                return 0;
        news.path_old_state = news.path_new_state = BPF_CORE_READ(transport, state);
        tell(frame, (__u64) asoc, PT_REGS_SP(ctx), &news);

        return 0;
}

SEC("kprobe/sctp_assoc_set_primary")
int BPF_KPROBE(set_primary, struct sctp_association *asoc, struct sctp_transport *transport) {
        struct frame *frame = find_frame((__u64) asoc, PT_REGS_SP(ctx));
        struct news news = { .event = EVENT_PRIMARY, .path = (__u64) transport };

        if (!is_established(frame, asoc, &news))
                return 0;
        news.old_primary = (__u64) BPF_CORE_READ(asoc, peer.primary_path);
        if (news.old_primary && news.old_primary != (__u64) transport)
                tell(frame, (__u64) asoc, PT_REGS_SP(ctx), &news);

        return 0;
}
