/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <string.h>

#include "impaired.h"
#include "json.h"
#include "text.h"

/* Digits of a uint64. */
#define DECIMAL_MAX 20u
/* Of what is written of an object, or of its owners, to be kept for the next one. */
#define MEMO_BYTES 4096u
#define MEMO_WORDS 128u
/* Where both ends are on this host their processes alternate. */
#define MEMO_PLACES 4u

_Static_assert(sizeof(struct association) <= MEMO_WORDS * 8 && sizeof(struct association) % 8 == 0 &&
               sizeof(struct path) <= MEMO_WORDS * 8 && sizeof(struct path) % 8 == 0, "fields stand in words");

int json_set_u64(json_t *object, const char *name, uint64_t value) {
        char text[24];

        if (value <= INT64_MAX)
                return json_object_set_new_nocheck(object, name, json_integer((json_int_t) value));

        snprintf(text, sizeof(text), "%" PRIu64, value);
        return json_object_set_new_nocheck(object, name, json_string_nocheck(text));
}

static int set_name(json_t *object, const char *name, const char *value) {
        return json_object_set_new_nocheck(object, name, json_string_nocheck(value));
}

/* Text */

/* A comma, unless it is the first in its object or array. */
static void put_separator(struct buffer *b) {
        char last = b->length > 0 ? b->data[b->length - 1] : '{';

        if (last != '{' && last != '[')
                buffer_putc(b, ',');
}

static inline void put_name(struct buffer *b, const char *name) {
        size_t n = strlen(name);
        char *at;

        put_separator(b);
        at = buffer_room(b, n + 3);
        if (!at)
                return;
        *at++ = '"';
        at = mempcpy(at, name, n);
        *at++ = '"';
        *at = ':';
        b->length += n + 3;
}

static void put_decimal(struct buffer *b, uint64_t value) {
        static const char pairs[] =
                "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
                "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
        /* They are made from the last one on, and as many are copied whatever their number: that is faster. */
        char digits[2 * DECIMAL_MAX], *first = digits + DECIMAL_MAX, *at = buffer_room(b, DECIMAL_MAX);

        if (!at)
                return;
        for (; value >= 10; value /= 100)
                memcpy(first -= 2, pairs + value % 100 * 2, 2);
        if (value > 0 || first == digits + DECIMAL_MAX)
                *--first = (char) ('0' + value);
        memcpy(at, first, DECIMAL_MAX);
        b->length += (size_t) (digits + DECIMAL_MAX - first);
}

/* Varlink's integers are int64 at the most; what is greater becomes a string. */
static void put_integer(struct buffer *b, uint64_t value) {
        if (value > INT64_MAX)
                buffer_putc(b, '"');
        put_decimal(b, value);
        if (value > INT64_MAX)
                buffer_putc(b, '"');
}

static void put_u64(struct buffer *b, const char *name, uint64_t value) {
        put_name(b, name);
        put_integer(b, value);
}

static void put_truth(struct buffer *b, bool value) {
        buffer_puts(b, value ? "true" : "false");
}

static void put_bool(struct buffer *b, const char *name, bool value) {
        put_name(b, name);
        put_truth(b, value);
}

/* Of what went through text_escape() just these two mean something in JSON; but the text may come from a
 * scanner that was taken over, so what else is not fit for JSON becomes '?'. */
static void put_string(struct buffer *b, const char *text) {
        size_t length = strlen(text), n, plain;

        buffer_putc(b, '"');
        for (size_t i = 0; i < length; i += n) {
                for (plain = i; text[plain] >= ' ' && text[plain] < 0x7f && text[plain] != '"' && text[plain] != '\\'; )
                        plain++;
                n = plain - i;
                if (n > 0) {
                        buffer_put(b, text + i, n);
                        continue;
                }

                n = text_printable(text + i, length - i);
                if (text[i] == '"' || text[i] == '\\')
                        buffer_putc(b, '\\');
                if (n > 0)
                        buffer_put(b, text + i, n);
                else
                        buffer_put(b, "?", n = 1);
        }
        buffer_putc(b, '"');
}

/* A name of ours, which needs no escaping. */
static void put_plain(struct buffer *b, const char *word) {
        size_t n = strlen(word);
        char *at = buffer_room(b, n + 2);

        if (!at)
                return;
        *at++ = '"';
        at = mempcpy(at, word, n);
        *at = '"';
        b->length += n + 2;
}

static void put_word(struct buffer *b, const char *name, const char *word) {
        put_name(b, name);
        put_plain(b, word);
}

/* Texts that are empty are not known. */
static void put_text(struct buffer *b, const char *name, const char *text) {
        if (*text == '\0')
                return;
        put_name(b, name);
        put_string(b, text);
}

static void put_address_value(struct buffer *b, const struct address *address) {
        char *at = buffer_room(b, ADDRESS_TEXT_MAX + 2);
        size_t n;

        if (!at)
                return;
        *at++ = '"';
        n = address_write(address, at);
        at[n] = '"';
        b->length += n + 2;
}

static void put_address(struct buffer *b, const char *name, const struct address *address) {
        put_name(b, name);
        put_address_value(b, address);
}

static void put_addresses(struct buffer *b, const char *name, const struct address *addresses, uint32_t n) {
        put_name(b, name);
        buffer_putc(b, '[');
        for (uint32_t i = 0; i < n; i++) {
                put_separator(b);
                put_address_value(b, addresses + i);
        }
        buffer_putc(b, ']');
}

/* An array of the names of the bits that are set. */
static void put_set(struct buffer *b, unsigned bits, int n, const char *(*name_of)(int bit)) {
        buffer_putc(b, '[');
        for (int i = 0; i < n; i++)
                if (((bits >> i) & 1) && name_of(i)) {
                        put_separator(b);
                        put_plain(b, name_of(i));
                }
        buffer_putc(b, ']');
}

static void put_names(struct buffer *b, const char *name, unsigned bits, int n, const char *(*name_of)(int bit)) {
        put_name(b, name);
        put_set(b, bits, n, name_of);
}

/* The unit goes before what ends the name. */
static void put_jiffies(struct buffer *b, uint64_t jiffies, uint64_t hz) {
        b->length -= MIN(b->length, (size_t) 2);
        buffer_puts(b, hz > 0 ? "Ms\":" : "Jiffies\":");
        put_integer(b, hz > 0 ? (jiffies * 1000 + hz / 2) / hz : jiffies);
}

static void put_value(struct buffer *b, const struct field *field, int64_t value, uint64_t hz) {
        char time[TEXT_TIME_MAX];

        switch ((enum field_kind) field->kind) {
        case FIELD_NUMBER:
                put_integer(b, (uint64_t) value);
                break;
        case FIELD_JIFFIES:
                put_jiffies(b, (uint64_t) value, hz);
                break;
        case FIELD_BOOLEAN:
                put_truth(b, value);
                break;
        case FIELD_TIME:
                put_plain(b, text_time((uint64_t) value, time));
                break;
        case FIELD_STYLE:
                put_plain(b, socket_style_name((int) value));
                break;
        case FIELD_ENDPOINT_STATE:
                put_plain(b, endpoint_state_name((int) value));
                break;
        case FIELD_ASSOCIATION_STATE:
                put_plain(b, association_state_name((int) value));
                break;
        case FIELD_PATH_STATE:
                put_plain(b, path_state_name((int) value));
                break;
        case FIELD_ATTACHMENT:
                put_plain(b, attachment_name((int) value));
                break;
        case FIELD_CAPABILITIES:
                put_set(b, (unsigned) value, _CAPABILITY_MAX, capability_name);
                break;
        }
}

/* What was written last of the fields of an object, for others that differ from it in a few of them. */
struct fields_memo {
        const uint64_t *object;                 /* NULL: none */
        uint16_t first[FIELD_WORDS * 64], behind[FIELD_WORDS * 64];     /* of each field in the text */
        uint64_t fields_of[MEMO_WORDS][FIELD_WORDS];    /* those that stand in each word of the object */
        size_t length;
        char text[MEMO_BYTES];
};

/* Whose it is, and where: the same for many. */
struct place_memo {
        uint64_t netns;
        struct range owners;
        size_t length;                          /* 0: none */
        char text[MEMO_BYTES];
};

struct json_memo {
        struct fields_memo association, path;
        struct place_memo places[MEMO_PLACES];
        unsigned next;                          /* of `places`, to be replaced */
};

static void memo_begin(struct fields_memo *m, const struct field *fields, size_t n) {
        for (size_t i = 0; i < n; i++)
                m->fields_of[fields[i].offset / 8][i / 64] |= UINT64_C(1) << (i % 64);
}

struct json_memo *json_memo_new(void) {
        struct json_memo *m = calloc(1, sizeof(*m));

        if (m) {
                memo_begin(&m->association, association_fields, _ASSOCIATION_FIELD_MAX);
                memo_begin(&m->path, path_fields, _PATH_FIELD_MAX);
        }
        return m;
}

struct json_memo *json_memo_free(struct json_memo *m) {
        free(m);
        return NULL;
}

/* Those that a source gave: some seventy in each association, most of them a number of one digit. Returns where each of
 * them is in the text. */
static void put_given(struct buffer *b, const struct field *fields, size_t n, const void *object, uint64_t hz,
                      uint16_t first[FIELD_WORDS * 64], uint16_t behind[FIELD_WORDS * 64]) {
        size_t begin = b->length;
        uint64_t given[FIELD_WORDS];
        const char *end = NULL;
        char *at = NULL;

        memcpy(given, object, sizeof(given));
        for (size_t word = 0; word < FIELD_WORDS; word++)
                for (uint64_t rest = given[word]; rest != 0; rest &= rest - 1) {
                        size_t i = word * 64 + (size_t) __builtin_ctzll(rest);
                        const struct field *field = fields + i;
                        int64_t value;

                        if (i >= n || field->key_length == 0)
                                continue;
                        if (end - at <= (ptrdiff_t) sizeof(field->key)) {
                                at = buffer_room(b, n * sizeof(field->key));
                                if (!at)
                                        return;
                                end = b->data + b->allocated;
                        }
                        first[i] = (uint16_t) (b->length - begin);
                        value = field_get(field, object);
                        memcpy(at, field->key, sizeof(field->key));
                        at += field->key_length;
                        if (field->kind == FIELD_NUMBER && value >= 0 && value < 10)
                                *at++ = (char) ('0' + value);
                        else {
                                b->length = (size_t) (at - b->data);
                                put_value(b, field, value, hz);
                                at = b->data + b->length;
                                end = b->data + b->allocated;
                        }
                        b->length = (size_t) (at - b->data);
                        behind[i] = (uint16_t) (b->length - begin);
                }
}

/* Those that have other values than in the memo; false: so much differs that it is of no use. */
static bool find_changed(const struct fields_memo *m, const uint64_t *object, size_t words,
                         uint64_t changed[static FIELD_WORDS]) {
        size_t differing = 0;

        if (!m->object || memcmp(m->object, object, FIELD_WORDS * sizeof(*object)) != 0)
                return false;
        for (size_t i = FIELD_WORDS; i < words; i++)
                if (object[i] != m->object[i]) {
                        differing++;
                        for (size_t word = 0; word < FIELD_WORDS; word++)
                                changed[word] |= m->fields_of[i][word] & object[word];
                }

        return differing <= words / 3;
}

/* What differs, and around it what stands in the memo. */
static void put_changed(struct buffer *b, const struct fields_memo *m, const struct field *fields, const void *object,
                        uint64_t hz, const uint64_t changed[static FIELD_WORDS]) {
        size_t copied = 0;

        for (size_t word = 0; word < FIELD_WORDS; word++)
                for (uint64_t rest = changed[word]; rest != 0; rest &= rest - 1) {
                        size_t i = word * 64 + (size_t) __builtin_ctzll(rest);
                        const struct field *field = fields + i;

                        /* With a unit that is put in afterwards its name is another one there. */
                        if (field->kind == FIELD_JIFFIES) {
                                buffer_put(b, m->text + copied, m->first[i] - copied);
                                buffer_put(b, field->key, field->key_length);
                        } else
                                buffer_put(b, m->text + copied, m->first[i] + field->key_length - copied);
                        if (field->kind == FIELD_NUMBER)
                                put_integer(b, (uint64_t) field_get(field, object));
                        else
                                put_value(b, field, field_get(field, object), hz);
                        copied = m->behind[i];
                }
        buffer_put(b, m->text + copied, m->length - copied);
}

/* The fields of an object of so many words that begins with `given`. */
static void put_fields(struct buffer *b, struct fields_memo *m, const struct field *fields, size_t n,
                       const uint64_t *object, size_t words, uint64_t hz) {
        uint16_t first[FIELD_WORDS * 64], behind[FIELD_WORDS * 64];
        uint64_t changed[FIELD_WORDS] = {};
        /* Where they are the first, the brace takes the comma's place in the end. */
        bool opening = b->length > 0 && b->data[b->length - 1] == '{';
        size_t begin = b->length -= opening;

        if (m && find_changed(m, object, words, changed))
                put_changed(b, m, fields, object, hz, changed);
        else {
                put_given(b, fields, n, object, hz, m ? m->first : first, m ? m->behind : behind);
                if (m) {
                        m->length = b->length - begin;
                        m->object = !b->failed && m->length <= MEMO_BYTES ? object : NULL;
                        if (m->object)
                                memcpy(m->text, b->data + begin, m->length);
                }
        }

        if (opening && !b->failed) {
                b->data[begin] = '{';
                b->length = MAX(b->length, begin + 1);
        }
}

void json_write_owner(struct buffer *b, const struct process *p) {
        buffer_putc(b, '{');
        put_u64(b, "pid", p->pid);
        put_text(b, "command", p->command);
        put_u64(b, "uid", p->uid);
        put_text(b, "unit", p->unit);
        put_text(b, "container", p->container);
        put_text(b, "containerId", p->container_id);
        put_text(b, "runtime", p->runtime);
        put_text(b, "pod", p->pod);
        buffer_putc(b, '}');
}

void json_write_netns(struct buffer *b, const struct netns *n) {
        buffer_putc(b, '{');
        if (n->netns < NETNS_UNNAMED_MIN)
                put_u64(b, "netns", n->netns);
        put_text(b, "netnsName", n->name);
        put_text(b, "container", n->container);
        if (n->pid != 0)
                put_u64(b, "pid", n->pid);
        put_bool(b, "own", n->own);
        put_bool(b, "sctpAvailable", n->has_sctp);
        put_u64(b, "endpoints", n->endpoints);
        put_u64(b, "associations", n->associations);
        put_text(b, "error", n->error);
        buffer_putc(b, '}');
}

/* Whose it is, and where: the owners, and the names of the namespace and the container. */
static void put_place(struct buffer *b, const struct snapshot *s, uint64_t number, struct range range) {
        const struct process *processes = snapshot_processes(s);
        const uint32_t *owners = snapshot_owners(s, range);
        const struct netns *netns = snapshot_netns(s, number);
        const char *container = netns ? netns->container : "";

        /* Not found out yet, or not allowed to: absent, which is not the same as nobody's. */
        if (range.count > 0) {
                put_name(b, "owners");
                buffer_putc(b, '[');
                for (uint32_t i = 0; i < range.count; i++) {
                        put_separator(b);
                        json_write_owner(b, processes + owners[i]);
                        if (*container == '\0')
                                container = processes[owners[i]].container;
                }
                buffer_putc(b, ']');
        }
        if (netns)
                put_text(b, "netnsName", netns->name);
        put_text(b, "container", container);
}

static bool same_owners(const struct snapshot *s, struct range a, struct range b) {
        return a.count == b.count &&
               memcmp(snapshot_owners(s, a), snapshot_owners(s, b), a.count * sizeof(*snapshot_owners(s, a))) == 0;
}

/* Behind other members. */
static void put_place_like(struct buffer *b, struct json_memo *m, const struct snapshot *s, uint64_t number,
                           struct range range) {
        struct place_memo *p;
        size_t begin = b->length;

        for (p = m->places; p < m->places + MEMO_PLACES; p++)
                if (p->length > 0 && p->netns == number && same_owners(s, p->owners, range)) {
                        buffer_put(b, p->text, p->length);
                        return;
                }

        put_place(b, s, number, range);
        if (b->failed || b->length - begin > MEMO_BYTES)
                return;
        p = m->places + m->next++ % MEMO_PLACES;
        p->netns = number;
        p->owners = range;
        p->length = b->length - begin;
        memcpy(p->text, b->data + begin, p->length);
}

void json_write_endpoint(struct buffer *b, const struct snapshot *s, const struct endpoint *e) {
        buffer_putc(b, '{');
        put_fields(b, NULL, endpoint_fields, _ENDPOINT_FIELD_MAX, e->given, sizeof(*e) / 8, snapshot_head(s)->hz);
        put_addresses(b, "localAddresses", snapshot_addresses(s, e->local), e->local.count);
        put_place(b, s, e->netns, e->owners);
        if (e->forwards_to.family != 0) {
                put_address(b, "forwardsToAddress", &e->forwards_to);
                put_u64(b, "forwardsToPort", e->forwards_to_port);
        }
        buffer_putc(b, '}');
}

static void put_path(struct buffer *b, struct json_memo *m, const struct path *p, uint64_t hz) {
        put_separator(b);
        buffer_putc(b, '{');
        put_address(b, "address", &p->address);
        put_bool(b, "primary", p->address.primary);
        put_fields(b, m ? &m->path : NULL, path_fields, _PATH_FIELD_MAX, p->given, sizeof(*p) / 8, hz);
        buffer_putc(b, '}');
}

void json_write_association(struct buffer *b, struct json_memo *m, const struct snapshot *s,
                            const struct association *a, const char *peer_name) {
        const struct path *p = snapshot_paths(s, a->paths), *primary = snapshot_primary(s, a);
        uint64_t hz = snapshot_head(s)->hz;

        buffer_putc(b, '{');
        put_fields(b, m ? &m->association : NULL, association_fields, _ASSOCIATION_FIELD_MAX, a->given,
                   sizeof(*a) / 8, hz);
        put_addresses(b, "localAddresses", snapshot_addresses(s, a->local), a->local.count);
        if (peer_name)
                put_text(b, "peerName", peer_name);
        if (primary)
                put_address(b, "primaryAddress", &primary->address);
        if (a->detail.original.family != 0)
                put_address(b, "originalAddress", &a->detail.original);
        if (a->impairment_known)
                put_bool(b, "impaired", a->impaired);
        if (a->impaired)
                put_names(b, "impairedReasons", a->impaired, _IMPAIRMENT_MAX, impairment_name);
        if (m)
                put_place_like(b, m, s, a->netns, a->owners);
        else
                put_place(b, s, a->netns, a->owners);
        put_name(b, "peerAddresses");
        buffer_putc(b, '[');
        for (uint32_t i = 0; i < a->paths.count; i++) {
                put_separator(b);
                put_address_value(b, &p[i].address);
        }
        buffer_putc(b, ']');
        put_name(b, "paths");
        buffer_putc(b, '[');
        for (uint32_t i = 0; i < a->paths.count; i++)
                put_path(b, m, p + i, hz);
        buffer_put(b, "]}", 2);
}

/* A state that is not known is absent. */
static void put_state(struct buffer *b, const char *name, const char *state) {
        if (state)
                put_word(b, name, state);
}

/* No other change has anything to do with the association's state. */
static bool is_step(const struct change *c) {
        return c->type == CHANGE_ASSOCIATION_UP || c->type == CHANGE_ASSOCIATION_STATE ||
               c->type == CHANGE_ASSOCIATION_DOWN || c->type == CHANGE_STEP;
}

static void put_path_change(struct buffer *b, const struct change *c) {
        put_address(b, "path", &c->path->address);
        if (c->type == CHANGE_PATH_STATE) {
                put_state(b, "oldPathState", path_state_name(c->path_old_state));
                put_state(b, "newPathState", path_state_name(c->path_new_state));
        }
}

static void put_trigger(struct buffer *b, const struct trigger *t) {
        char name[TRIGGER_NAME_MAX], command[TRIGGER_COMMAND_MAX];

        if (!t || !trigger_kind_name(t->kind))
                return;

        put_name(b, "trigger");
        buffer_putc(b, '{');
        put_word(b, "kind", trigger_kind_name(t->kind));
        put_word(b, "name", trigger_name(t, name));
        put_word(b, "side", trigger_side(t->kind));
        if (t->has_error_cause) {
                put_u64(b, "errorCause", t->error_cause);
                put_text(b, "errorCauseName", error_cause_name(t->error_cause) ?: "");
        }
        if (trigger_idle_msec(t) > 0)
                put_u64(b, "idleMs", trigger_idle_msec(t));
        else {
                if (t->tries > 0)
                        put_u64(b, "tries", t->tries);
                if (t->tries_max > 0)
                        put_u64(b, "triesMax", t->tries_max);
        }
        if (t->pid > 0) {
                put_u64(b, "pid", t->pid);
                put_text(b, "command", trigger_command(t, command));
        }
        buffer_putc(b, '}');
}

static void put_unobserved(struct buffer *b, const struct change *c) {
        const struct netns *netns = snapshot_netns(c->snapshot, c->netns);

        if (c->netns != 0 && c->netns < NETNS_UNNAMED_MIN)
                put_u64(b, "netns", c->netns);
        if (netns) {
                put_text(b, "netnsName", netns->name);
                put_text(b, "container", netns->container);
        }
        put_u64(b, "established", c->established);
        put_u64(b, "failed", c->failed);
}

void json_write_change(struct buffer *b, const struct change *c) {
        char time[TEXT_TIME_MAX];

        buffer_put(b, "{", 1);
        put_word(b, "type", change_type_name(c->type));
        put_word(b, "at", text_time(c->at, time));
        put_word(b, "certainty", certainty_name(c->certainty));
        if (is_step(c)) {
                put_state(b, "oldState", association_state_name(c->old_state));
                put_state(b, "newState", association_state_name(c->new_state));
        }
        if (c->duration_usec > 0)
                put_u64(b, "durationMs", c->duration_usec / USEC_PER_MSEC);
        if (c->path)
                put_path_change(b, c);
        if (c->type == CHANGE_PRIMARY_CHANGED && c->old_primary)
                put_address(b, "oldPrimaryAddress", c->old_primary);
        if (c->old_local_tag != 0)
                put_u64(b, "oldLocalTag", c->old_local_tag);
        if (c->old_peer_tag != 0)
                put_u64(b, "oldPeerTag", c->old_peer_tag);
        if (c->type == CHANGE_IMPAIRED || c->type == CHANGE_RECOVERED)
                put_names(b, "reasons", c->reasons, _IMPAIRMENT_MAX, impairment_name);
        if (c->type == CHANGE_ASSOCIATION_DOWN) {
                put_word(b, "cause", cause_name(c->cause));
                put_word(b, "causeCertainty", certainty_name(c->cause_certainty));
        }
        put_trigger(b, c->trigger);
        if (c->type == CHANGE_UNOBSERVED)
                put_unobserved(b, c);
        if (c->endpoint) {
                put_name(b, "endpoint");
                json_write_endpoint(b, c->snapshot, c->endpoint);
        }
        if (c->association) {
                put_name(b, "association");
                json_write_association(b, NULL, c->snapshot, c->association, c->peer_name);
        }
        buffer_put(b, "}", 1);
}

/* Trees */

static json_t *read_back(struct buffer *b) {
        json_t *json = b->failed ? NULL : json_loadb(b->data, b->length, 0, NULL);

        buffer_done(b);
        return json;
}

json_t *json_endpoint(const struct snapshot *s, const struct endpoint *e) {
        struct buffer b = {};

        json_write_endpoint(&b, s, e);
        return read_back(&b);
}

json_t *json_association(const struct snapshot *s, const struct association *a, const char *peer_name) {
        struct buffer b = {};

        json_write_association(&b, NULL, s, a, peer_name);
        return read_back(&b);
}

json_t *json_owner(const struct process *p) {
        struct buffer b = {};

        json_write_owner(&b, p);
        return read_back(&b);
}

json_t *json_netns(const struct netns *n) {
        struct buffer b = {};

        json_write_netns(&b, n);
        return read_back(&b);
}

json_t *json_change(const struct change *change) {
        struct buffer b = {};

        json_write_change(&b, change);
        return read_back(&b);
}

json_t *json_counters(const struct snapshot *s, const uint64_t *netns) {
        _cleanup_(json_decref_p) json_t *counters = json_object();
        const struct counter *c = snapshot_counters(s);

        for (uint32_t i = 0; i < snapshot_head(s)->n_counters; i++) {
                /* The kernel's own names are ASCII; in a saved tree they may be anything. */
                _cleanup_free_ char *name = NULL;
                json_int_t sum = c[i].value;

                if (netns && c[i].netns != *netns)
                        continue;
                name = text_escape(c[i].name, strlen(c[i].name));
                if (!name)
                        return NULL;
                sum += json_integer_value(json_object_get(counters, name));
                if (json_object_set_new_nocheck(counters, name, json_integer(sum)) < 0)
                        return NULL;
        }

        return steal_ptr(counters);
}

json_t *json_scan(const struct snapshot *s, uint64_t now_monotonic, bool stale) {
        const struct snapshot_head *head = snapshot_head(s);
        _cleanup_(json_decref_p) json_t *scan = json_object();
        uint64_t age = now_monotonic > head->started_monotonic ? now_monotonic - head->started_monotonic : 0;
        char time[TEXT_TIME_MAX];

        if (json_set_u64(scan, "serial", head->serial) < 0 ||
            set_name(scan, "startedAt", text_time(head->started_realtime, time)) < 0 ||
            json_set_u64(scan, "ageMs", age / USEC_PER_MSEC) < 0 ||
            json_set_u64(scan, "durationUs", head->duration_usec) < 0 ||
            json_object_set_new_nocheck(scan, "stale", json_boolean(stale)) < 0)
                return NULL;

        return steal_ptr(scan);
}
