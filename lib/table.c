/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "table.h"

static bool is_space(char c) {
        return c == ' ' || c == '\t';
}

bool table_word(struct slice *list, struct slice *ret) {
        const char *p = list->text, *end = p + list->length, *start;

        while (p < end && is_space(*p))
                p++;
        start = p;
        while (p < end && !is_space(*p))
                p++;

        list->text = p;
        list->length = (size_t) (end - p);
        *ret = (struct slice) { start, (size_t) (p - start) };
        return p > start;
}

static bool slice_is(struct slice s, const char *text) {
        return s.length == strlen(text) && memcmp(s.text, text, s.length) == 0;
}

static bool is_list(struct slice column) {
        return slice_is(column, "LADDRS") || slice_is(column, "RADDRS");
}

/* No number and no `<->` has a dot or a colon in it, every address has. */
static bool is_address(struct slice word) {
        for (size_t i = 0; i < word.length; i++)
                if (word.text[i] == '.' || word.text[i] == ':')
                        return true;

        return false;
}

static bool next_line(struct table *t, struct slice *ret) {
        const char *newline;

        if (t->next >= t->end)
                return false;

        newline = memchr(t->next, '\n', (size_t) (t->end - t->next));
        *ret = (struct slice) { t->next, (size_t) ((newline ? newline : t->end) - t->next) };
        t->next = newline ? newline + 1 : t->end;
        t->line++;
        return true;
}

int table_open(struct table *t, const char *text, size_t length) {
        struct slice line, word;

        *t = (struct table) { .next = text, .end = text + length };
        if (!next_line(t, &line))
                return -ENODATA;

        while (table_word(&line, &word)) {
                if (t->n_columns >= TABLE_COLUMNS_MAX)
                        return -E2BIG;
                t->columns[t->n_columns++] = word;
        }

        return t->n_columns > 0 ? 0 : -ENODATA;
}

int table_column(const struct table *t, const char *name) {
        for (size_t i = 0; i < t->n_columns; i++)
                if (slice_is(t->columns[i], name))
                        return (int) i;

        return -1;
}

static int misfit(struct slice expected, struct slice found, struct slice *ret_expected, struct slice *ret_found) {
        *ret_expected = expected;
        *ret_found = found;
        return -EBADMSG;
}

int table_next(struct table *t, struct row *ret, struct slice *ret_expected, struct slice *ret_found) {
        static const struct slice end_of_line = { "end of line", 11 };
        struct slice line, word, rest;

        if (!next_line(t, &line))
                return 0;

        for (size_t i = 0; i < t->n_columns; i++) {
                if (is_list(t->columns[i])) {
                        const char *start = line.text, *end = start;

                        for (rest = line; table_word(&rest, &word) && is_address(word); line = rest)
                                end = word.text + word.length;
                        ret->cells[i] = (struct slice) { start, (size_t) (end - start) };
                        continue;
                }

                if (!table_word(&line, &word))
                        return misfit(t->columns[i], end_of_line, ret_expected, ret_found);
                if (slice_is(t->columns[i], "<->") && !slice_is(word, "<->"))
                        return misfit(t->columns[i], word, ret_expected, ret_found);
                ret->cells[i] = word;
        }

        if (table_word(&line, &word))
                return misfit(end_of_line, word, ret_expected, ret_found);

        return 1;
}
