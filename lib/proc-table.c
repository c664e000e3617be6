/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "macro.h"
#include "proc-table.h"

/* A scan should cost next to nothing beside the kernel's part of it, so a row is gone through once, and
 * without counting: there is a newline or a NUL behind every word, and both end words, numbers and blanks. */

static const struct slice end_of_line = { "end of line", 11 };

static const char *skip_blanks(const char *p) {
        while (*p == ' ' || *p == '\t')
                p++;
        return p;
}

static const char *skip_word(const char *p) {
        while ((unsigned char) *p > ' ')
                p++;
        return p;
}

/* The end of the decimal number at `p`, NULL if there is none or it has more than 19 digits. */
static const char *read_number(const char *p, uint64_t *ret) {
        const char *start = p;
        uint64_t value = 0;

        for (unsigned digit; (digit = (unsigned) *p - '0') <= 9; p++)
                value = value * 10 + digit;

        *ret = value;
        return p > start && p - start < 20 && (unsigned char) *p <= ' ' ? p : NULL;
}

bool proc_table_word(struct slice *list, struct slice *ret) {
        const char *end = list->text + list->length, *start = skip_blanks(list->text), *p = skip_word(start);

        /* A list ends before its line does. */
        if (start >= end)
                p = start = end;
        *list = (struct slice) { p, (size_t) (end - p) };
        *ret = (struct slice) { start, (size_t) (p - start) };
        return p > start;
}

static bool slice_is(struct slice s, const char *text) {
        return s.length == strlen(text) && memcmp(s.text, text, s.length) == 0;
}

static bool next_line(struct proc_table *t, struct slice *ret) {
        const char *newline;

        if (t->next >= t->end)
                return false;

        newline = memchr(t->next, '\n', (size_t) (t->end - t->next));
        *ret = (struct slice) { t->next, (size_t) ((newline ? newline : t->end) - t->next) };
        t->next = newline ? newline + 1 : t->end;
        t->line++;
        return true;
}

int proc_table_open(struct proc_table *t, const char *text, size_t length) {
        struct slice line, word;

        *t = (struct proc_table) { .next = text, .end = text + length };
        if (!next_line(t, &line))
                return -ENODATA;

        while (proc_table_word(&line, &word)) {
                if (t->n_columns >= PROC_TABLE_COLUMNS_MAX)
                        return -E2BIG;
                if (slice_is(word, "LADDRS") || slice_is(word, "RADDRS"))
                        t->kinds[t->n_columns] = COLUMN_LIST;
                else if (slice_is(word, "<->"))
                        t->kinds[t->n_columns] = COLUMN_ARROW;
                t->columns[t->n_columns++] = word;
        }

        return t->n_columns > 0 ? 0 : -ENODATA;
}

int proc_table_column(const struct proc_table *t, const char *name) {
        for (size_t i = 0; i < t->n_columns; i++)
                if (slice_is(t->columns[i], name))
                        return (int) i;

        return -1;
}

int proc_table_number(struct proc_table *t, const char *name) {
        int column = proc_table_column(t, name);

        if (column >= 0)
                t->kinds[column] = COLUMN_NUMBER;
        return column;
}

/* The end of a list of addresses. No number and no `<->` has a dot or a colon in it, every address has. */
static const char *skip_list(const char *p) {
        for (;;) {
                const char *stop = skip_blanks(p);
                bool address = false;

                for (; (unsigned char) *stop > ' '; stop++)
                        address |= *stop == '.' || *stop == ':';
                if (!address)
                        return p;
                p = stop;
        }
}

static int misfit(struct slice expected, const char *p, const char *end,
                  struct slice *ret_expected, struct slice *ret_found) {
        const char *stop = p;

        /* All up to the next blank, control characters too: they may be what is wrong. */
        while (stop < end && *stop != ' ' && *stop != '\t')
                stop++;
        *ret_expected = expected;
        *ret_found = p < end ? (struct slice) { p, (size_t) (stop - p) } : end_of_line;
        return -EBADMSG;
}

int proc_table_next(struct proc_table *t, struct row *ret, struct slice *ret_expected, struct slice *ret_found) {
        const char *p, *end;
        struct slice line;

        if (!next_line(t, &line))
                return 0;
        p = line.text;
        end = p + line.length;

        for (size_t i = 0; i < t->n_columns; i++) {
                const char *start = p = skip_blanks(p);

                switch ((enum column_kind) t->kinds[i]) {
                case COLUMN_WORD:
                        p = skip_word(p);
                        ret->cells[i] = (struct slice) { start, (size_t) (p - start) };
                        break;
                case COLUMN_NUMBER:
                        p = read_number(p, &ret->numbers[i]);
                        if (!p)
                                return misfit(t->columns[i], start, end, ret_expected, ret_found);
                        break;
                case COLUMN_LIST:
                        p = skip_list(p);
                        ret->cells[i] = (struct slice) { start, (size_t) (p - start) };
                        continue;
                case COLUMN_ARROW:
                        p = skip_word(p);
                        if (!slice_is((struct slice) { start, (size_t) (p - start) }, "<->"))
                                return misfit(t->columns[i], start, end, ret_expected, ret_found);
                        break;
                }
                if (p == start)
                        return misfit(t->columns[i], start, end, ret_expected, ret_found);
        }

        p = skip_blanks(p);
        return p < end ? misfit(end_of_line, p, end, ret_expected, ret_found) : 1;
}
