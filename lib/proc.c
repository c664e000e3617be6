/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "proc-table.h"
#include "proc.h"
#include "text.h"

/* Where the fields of one kind of object stand in one table. */
struct plan {
        const struct field *fields;
        size_t n_fields;
        int columns[_ASSOCIATION_FIELD_MAX];    /* by field; -1: the kernel does not print it */
        bool shifted;
};
static_assert((int) _ASSOCIATION_FIELD_MAX >= (int) _ENDPOINT_FIELD_MAX &&
              (int) _ASSOCIATION_FIELD_MAX >= (int) _PATH_FIELD_MAX,
              "a plan has room for the longest list of fields");

/* What could not be read, for a complaint: escaped, and cut to what fits. */
struct excerpt {
        char text[4 * 24 + 4];
};

static const char *excerpt(struct slice s, struct excerpt *ret) {
        _cleanup_free_ char *escaped = text_escape(s.text, MIN(s.length, (size_t) 24));

        snprintf(ret->text, sizeof(ret->text), "%s%s", escaped ?: "?", s.length > 24 ? "..." : "");
        return ret->text;
}

static void complain_misfit(struct builder *b, enum source source, unsigned line,
                            struct slice expected, struct slice found) {
        struct excerpt x, y;

        builder_complain(b, source, line, "expected %s, found \"%s\"", excerpt(expected, &x), excerpt(found, &y));
}

/* Opens the table and checks that the columns without which a row says nothing are there. */
static int open_table(struct builder *b, enum source source, struct proc_table *t, const char *text, size_t length,
                      const char *const *required) {
        if (proc_table_open(t, text, length) < 0) {
                builder_complain(b, source, 1, "expected a line of column names");
                return -EBADMSG;
        }

        for (; *required; required++)
                if (proc_table_column(t, *required) < 0) {
                        builder_complain(b, source, 1, "expected a column %s in the header", *required);
                        return -EBADMSG;
                }

        return 0;
}

static void make_plan(struct plan *p, struct proc_table *t, const struct field *fields, size_t n) {
        p->fields = fields;
        p->n_fields = n;
        for (size_t i = 0; i < n; i++)
                p->columns[i] = fields[i].column ? proc_table_number(t, fields[i].column) : -1;
}

/* What the field holds for the kernel's number; -ERANGE if the kernel cannot mean it. */
static int64_t value_of(const struct field *field, bool shifted, uint64_t number) {
        int state = -1;

        switch ((enum field_kind) field->kind) {
        case FIELD_NUMBER:
        case FIELD_JIFFIES:
        case FIELD_TIME:
                return number <= (field->size == 8 ? INT64_MAX : (UINT64_C(1) << (8 * field->size)) - 1) ?
                        (int64_t) number : -ERANGE;
        case FIELD_BOOLEAN:
                return number != 0;
        case FIELD_STYLE:
                state = socket_style_from_proc(number);
                break;
        case FIELD_ENDPOINT_STATE:
                state = endpoint_state_from_proc(number);
                break;
        case FIELD_ASSOCIATION_STATE:
                state = association_state_from_proc(number, shifted);
                break;
        case FIELD_PATH_STATE:
                state = path_state_from_proc(number);
                break;
        case FIELD_ATTACHMENT:
        case FIELD_CAPABILITIES:
                /* No table has them. */
                break;
        }

        return state >= 0 ? state : -ERANGE;
}

/* Fills the object's fields and the first word of its `given`, which is the first member of every such structure. */
static int read_fields(struct builder *b, enum source source, const struct proc_table *t, const struct plan *p,
                       const struct row *row, void *object) {
        uint64_t given = 0;

        for (size_t i = 0; i < p->n_fields; i++) {
                const struct field *field = p->fields + i;
                int64_t value;

                if (p->columns[i] < 0)
                        continue;
                value = value_of(field, p->shifted, row->numbers[p->columns[i]]);
                if (value < 0) {
                        builder_complain(b, source, t->line,
                                         "expected a number the kernel can mean in column %s, found \"%" PRIu64 "\"",
                                         field->column, row->numbers[p->columns[i]]);
                        return -EBADMSG;
                }
                field_set(field, object, (uint64_t) value);
                given |= UINT64_C(1) << i;
        }

        memcpy(object, &given, sizeof(given));
        return 0;
}

static int read_address(struct slice word, struct address *ret) {
        bool primary = word.length > 0 && *word.text == '*';
        int r;

        r = address_parse(word.text + primary, word.length - primary, ret);
        if (r < 0)
                return r;

        ret->primary = primary;
        return 0;
}

static int too_many(struct builder *b, enum source source, const struct proc_table *t) {
        builder_complain(b, source, t->line, "expected at most %u addresses", SNAPSHOT_ROW_MAX);
        return -EBADMSG;
}

static int bad_address(struct builder *b, enum source source, const struct proc_table *t, struct slice word) {
        struct excerpt x;

        builder_complain(b, source, t->line, "expected an IPv4 or IPv6 address, found \"%s\"", excerpt(word, &x));
        return -EBADMSG;
}

static int read_local(struct builder *b, enum source source, const struct proc_table *t, struct slice list,
                      struct range *ret) {
        struct range range = { (uint32_t) b->n_addresses, 0 };
        struct slice word;
        int r;

        for (; proc_table_word(&list, &word); range.count++) {
                struct address *address;

                if (range.count >= SNAPSHOT_ROW_MAX)
                        return too_many(b, source, t);
                r = builder_add_address(b, &address);
                if (r < 0)
                        return r;
                if (read_address(word, address) < 0)
                        return bad_address(b, source, t, word);
        }

        *ret = range;
        return 0;
}

static int read_paths(struct builder *b, const struct proc_table *t, struct slice list, struct range *ret) {
        struct range range = { (uint32_t) b->n_paths, 0 };
        struct slice word;
        int r;

        for (; proc_table_word(&list, &word); range.count++) {
                struct path *path;

                if (range.count >= SNAPSHOT_ROW_MAX)
                        return too_many(b, SOURCE_ASSOCS, t);
                r = builder_add_path(b, &path);
                if (r < 0)
                        return r;
                if (read_address(word, &path->address) < 0)
                        return bad_address(b, SOURCE_ASSOCS, t, word);
        }

        *ret = range;
        return 0;
}

static int read_endpoint(struct builder *b, const struct proc_table *t, const struct plan *p, const struct row *row,
                         uint64_t netns, int laddrs) {
        struct endpoint e = {}, *added;
        int r;

        r = read_fields(b, SOURCE_EPS, t, p, row, &e);
        if (r < 0)
                return r;
        r = read_local(b, SOURCE_EPS, t, row->cells[laddrs], &e.local);
        if (r < 0)
                return r;
        r = builder_add_endpoint(b, &added);
        if (r < 0)
                return r;

        e.netns = netns;
        if (netns != 0 && netns < NETNS_UNNAMED_MIN)
                FIELD_GIVE(&e, ENDPOINT_NETNS);
        *added = e;
        return 0;
}

int proc_read_eps(struct builder *b, uint64_t netns, const char *text, size_t length) {
        static const char *const required[] = { "LPORT", "LADDRS", NULL };
        struct slice expected, found;
        struct plan p = {};
        struct proc_table t;
        struct row row;
        int r, laddrs;

        r = open_table(b, SOURCE_EPS, &t, text, length, required);
        if (r < 0)
                return r;
        make_plan(&p, &t, endpoint_fields, _ENDPOINT_FIELD_MAX);
        laddrs = proc_table_column(&t, "LADDRS");

        while ((r = proc_table_next(&t, &row, &expected, &found)) != 0) {
                if (r < 0)
                        complain_misfit(b, SOURCE_EPS, t.line, expected, found);
                else
                        r = read_endpoint(b, &t, &p, &row, netns, laddrs);
                if (r < 0 && r != -EBADMSG)
                        return r;
                if (r >= 0)
                        b->head.sources[SOURCE_EPS].rows++;
        }

        return 0;
}

static void set_attachment(struct association *a) {
        bool known = FIELD_GIVEN(a, ASSOCIATION_SOCKET_STATE) && FIELD_GIVEN(a, ASSOCIATION_STYLE);

        if (!FIELD_GIVEN(a, ASSOCIATION_INODE) || (a->inode != 0 && !known))
                return;
        a->attachment = (int8_t) association_attachment(a->inode, a->socket_state, a->style);
        FIELD_GIVE(a, ASSOCIATION_ATTACHMENT);
}

static int read_association(struct builder *b, const struct proc_table *t, const struct plan *p, const struct row *row,
                            uint64_t netns, int laddrs, int raddrs) {
        struct association a = {}, *added;
        int r;

        r = read_fields(b, SOURCE_ASSOCS, t, p, row, &a);
        if (r < 0)
                return r;
        r = read_local(b, SOURCE_ASSOCS, t, row->cells[laddrs], &a.local);
        if (r < 0)
                return r;
        /* The kernel is about to free it (sctp_association_free); its peer's addresses go next. */
        if (a.state == ASSOCIATION_CLOSED && a.local.count == 0)
                return 0;
        r = read_paths(b, t, row->cells[raddrs], &a.paths);
        if (r < 0)
                return r;
        r = builder_add_association(b, &added);
        if (r < 0)
                return r;

        a.netns = netns;
        if (netns != 0 && netns < NETNS_UNNAMED_MIN)
                FIELD_GIVE(&a, ASSOCIATION_NETNS);
        /* The id is assigned with INIT-ACK; until then the kernel prints 0. */
        if (a.id == 0)
                FIELD_TAKE_BACK(&a, ASSOCIATION_ID);
        set_attachment(&a);
        *added = a;
        return 0;
}

int proc_read_assocs(struct builder *b, uint64_t netns, bool shifted, const char *text, size_t length) {
        static const char *const required[] = { "ST", "ASSOC-ID", "LPORT", "RPORT", "LADDRS", "RADDRS", NULL };
        struct plan p = { .shifted = shifted };
        struct slice expected, found;
        struct proc_table t;
        struct row row;
        int r, laddrs, raddrs;

        r = open_table(b, SOURCE_ASSOCS, &t, text, length, required);
        if (r < 0)
                return r;
        make_plan(&p, &t, association_fields, _ASSOCIATION_TABLE_FIELD_MAX);
        laddrs = proc_table_column(&t, "LADDRS");
        raddrs = proc_table_column(&t, "RADDRS");

        while ((r = proc_table_next(&t, &row, &expected, &found)) != 0) {
                if (r < 0)
                        complain_misfit(b, SOURCE_ASSOCS, t.line, expected, found);
                else
                        r = read_association(b, &t, &p, &row, netns, laddrs, raddrs);
                if (r < 0 && r != -EBADMSG)
                        return r;
                if (r >= 0)
                        b->head.sources[SOURCE_ASSOCS].rows++;
        }

        return 0;
}

int proc_read_remaddr(struct builder *b, const char *text, size_t length, struct proc_remaddr **ret, size_t *ret_n) {
        static const char *const required[] = { "ADDR", "ASSOC_ID", NULL };
        _cleanup_free_ struct proc_remaddr *rows = NULL;
        struct slice expected, found;
        size_t n = 0, allocated = 0;
        int r, id_column, address_column;
        struct plan p = {};
        struct proc_table t;
        struct row row;

        r = open_table(b, SOURCE_REMADDR, &t, text, length, required);
        if (r < 0)
                return r;
        make_plan(&p, &t, path_fields, _PATH_TABLE_FIELD_MAX);
        address_column = proc_table_column(&t, "ADDR");
        id_column = proc_table_number(&t, "ASSOC_ID");

        while ((r = proc_table_next(&t, &row, &expected, &found)) != 0) {
                struct proc_remaddr result = {};

                if (r < 0) {
                        complain_misfit(b, SOURCE_REMADDR, t.line, expected, found);
                        continue;
                }
                if (read_fields(b, SOURCE_REMADDR, &t, &p, &row, &result.path) < 0)
                        continue;
                if (read_address(row.cells[address_column], &result.path.address) < 0) {
                        (void) bad_address(b, SOURCE_REMADDR, &t, row.cells[address_column]);
                        continue;
                }
                if (row.numbers[id_column] > INT32_MAX) {
                        builder_complain(b, SOURCE_REMADDR, t.line,
                                         "expected an id the kernel can mean in column ASSOC_ID, found \"%" PRIu64 "\"",
                                         row.numbers[id_column]);
                        continue;
                }
                result.association_id = (uint32_t) row.numbers[id_column];

                if (n >= allocated) {
                        size_t more = MAX(allocated * 2, (size_t) 64);
                        struct proc_remaddr *bigger;

                        if (n >= SNAPSHOT_PATHS_MAX)
                                return -E2BIG;
                        bigger = reallocarray(rows, more, sizeof(*rows));
                        if (!bigger)
                                return -ENOMEM;
                        rows = bigger;
                        allocated = more;
                }
                rows[n++] = result;
                b->head.sources[SOURCE_REMADDR].rows++;
        }

        *ret = steal_ptr(rows);
        *ret_n = n;
        return 0;
}

static int read_counter(struct slice line, struct counter *ret) {
        struct slice name, number, extra;
        struct counter c = {};
        bool negative;
        uint64_t value;
        int r;

        if (!proc_table_word(&line, &name) || name.length >= sizeof(c.name) ||
            !proc_table_word(&line, &number) || proc_table_word(&line, &extra))
                return -EBADMSG;

        /* SctpCurrEstab is printed signed, and before Linux 5.12 it could drift below 0. */
        negative = *number.text == '-';
        r = text_to_u64(number.text + negative, number.length - negative, 10, INT64_MAX, &value);
        if (r < 0)
                return -EBADMSG;

        memcpy(c.name, name.text, name.length);
        c.value = negative ? -(int64_t) value : (int64_t) value;
        *ret = c;
        return 0;
}

int proc_read_snmp(struct builder *b, uint64_t netns, const char *text, size_t length) {
        const char *end = text + length;

        for (unsigned line = 1; text < end; line++) {
                const char *newline = memchr(text, '\n', (size_t) (end - text));
                struct slice whole = { text, (size_t) ((newline ?: end) - text) };
                struct counter c, *counter;
                struct excerpt x;
                int r;

                text = newline ? newline + 1 : end;
                if (read_counter(whole, &c) < 0) {
                        builder_complain(b, SOURCE_SNMP, line, "expected a name and a number, found \"%s\"",
                                         excerpt(whole, &x));
                        continue;
                }

                r = builder_add_counter(b, &counter);
                if (r < 0)
                        return r;
                *counter = c;
                counter->netns = netns;
                b->head.sources[SOURCE_SNMP].rows++;
        }

        return 0;
}
