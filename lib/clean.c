/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "clean.h"
#include "macro.h"
#include "text.h"

/* Reading without making anything of it. Each takes what it is about from the start of the rest. */
struct rest {
        const char *at, *end;
        const char *text;               /* where it began */
        struct clean_model *model;      /* that is made of it; NULL: none */
};

static bool take(struct rest *r, char c) {
        if (r->at == r->end || *r->at != c)
                return false;

        r->at++;
        return true;
}

static bool take_word(struct rest *r, const char *word) {
        size_t n = strlen(word);

        if ((size_t) (r->end - r->at) < n || memcmp(r->at, word, n) != 0)
                return false;

        r->at += n;
        return true;
}

static bool take_hex(struct rest *r, unsigned *ret) {
        unsigned value = 0;

        for (int i = 0; i < 4; i++, r->at++) {
                static const char digits[] = "0123456789abcdefABCDEF";
                const char *digit = r->at < r->end && *r->at ? strchr(digits, *r->at) : NULL;

                if (!digit)
                        return false;
                value = value * 16 + (unsigned) (digit - digits < 16 ? digit - digits : digit - digits - 6);
        }

        *ret = value;
        return true;
}

/* Of eight characters those that may not stand for themselves, by their top bits: what comes before '#', a backslash, DEL
 * and what is not ASCII. Behind the first of them others may be marked: they come after a byte that borrows or carries. */
static uint64_t find_special(uint64_t eight) {
        const uint64_t each = UINT64_C(0x0101010101010101), top = each << 7;

        return (eight | (eight - each * '#') | ((eight ^ each * '\\') - each) | (eight + each)) & top;
}

/* What stands for itself: nearly all there is. */
static inline const char *skip_plain(const char *at, const char *end) {
        static const bool plain[UINT8_MAX + 1] = {
                [' ' ... '!'] = true, ['#' ... '['] = true, [']' ... '~'] = true,
        };
        uint64_t eight, special;

        for (; end - at >= (ptrdiff_t) sizeof(eight); at += sizeof(eight)) {
                memcpy(&eight, at, sizeof(eight));
                special = find_special(le64toh(eight));
                if (special == 0)
                        continue;
                at += __builtin_ctzll(special) / 8;
                if (!plain[(uint8_t) *at])
                        return at;
                at -= sizeof(eight) - 1;
        }
        while (at < end && plain[(uint8_t) *at])
                at++;

        return at;
}

/* From what does not stand for itself. */
static bool take_string_on(struct rest *r) {
        while (r->at < r->end && *r->at != '"') {
                size_t n = text_printable(r->at, (size_t) (r->end - r->at));
                unsigned code;

                if (n == 0)
                        return false;
                r->at += n;
                /* What is written so is shown so; half a surrogate pair is not a character. */
                if (r->at[-1] != '\\' || n > 1)
                        ;
                else if (take(r, 'u')) {
                        if (!take_hex(r, &code) || code == 0 || (code >= 0xd800 && code < 0xe000))
                                return false;
                } else if (r->at == r->end || !*r->at || !strchr("\"\\/bfnrt", *r->at++))
                        return false;
                r->at = skip_plain(r->at, r->end);
        }

        return take(r, '"');
}

static inline bool take_string(struct rest *r) {
        if (!take(r, '"'))
                return false;

        r->at = skip_plain(r->at, r->end);
        return take(r, '"') || take_string_on(r);
}

static bool is_digit(char c) {
        return (uint8_t) (c - '0') < 10;
}

static bool take_digits(struct rest *r) {
        const char *first = r->at;

        while (r->at < r->end && is_digit(*r->at))
                r->at++;

        return r->at > first;
}

static bool take_number(struct rest *r) {
        const char *first;

        (void) take(r, '-');
        first = r->at;
        if (!take_digits(r) || (*first == '0' && r->at - first > 1))
                return false;
        /* Nearly all end here. */
        if (r->at < r->end && *r->at == ',')
                return true;
        if (take(r, '.') && !take_digits(r))
                return false;
        if (take(r, 'e') || take(r, 'E')) {
                if (!take(r, '+'))
                        (void) take(r, '-');
                return take_digits(r);
        }

        return true;
}

static bool take_value(struct rest *r, unsigned depth);

/* An object or an array, as written without spaces. */
static bool take_members(struct rest *r, char end, bool named, unsigned depth) {
        r->at++;
        if (depth == 0)
                return false;
        if (take(r, end))
                return true;
        do
                if ((named && !(take_string(r) && take(r, ':'))) || !take_value(r, depth - 1))
                        return false;
        while (take(r, ','));

        return take(r, end);
}

static bool take_scalar(struct rest *r) {
        switch (*r->at) {
        case '"':
                return take_string(r);
        case 't':
                return take_word(r, "true");
        case 'f':
                return take_word(r, "false");
        case 'n':
                return take_word(r, "null");
        default:
                return take_number(r);
        }
}

static bool take_value(struct rest *r, unsigned depth) {
        struct clean_model *m = r->model;
        const char *first = r->at;

        if (r->at == r->end)
                return false;
        if (*r->at == '{')
                return take_members(r, '}', true, depth);
        if (*r->at == '[')
                return take_members(r, ']', false, depth);
        if (!take_scalar(r))
                return false;

        if (m && m->n_values < CLEAN_MODEL_VALUES_MAX) {
                m->values[m->n_values].first = (uint16_t) (first - r->text);
                m->values[m->n_values].behind = (uint16_t) (r->at - r->text);
        }
        if (m)
                m->n_values++;
        return true;
}

/* How many bytes they have in common from the start on. */
static size_t count_common(const char *x, const char *y, size_t n) {
        size_t i = 0;

        for (uint64_t a, b; i + sizeof(a) <= n; i += sizeof(a)) {
                memcpy(&a, x + i, sizeof(a));
                memcpy(&b, y + i, sizeof(b));
                if (a != b)
                        return i + (size_t) __builtin_ctzll(le64toh(a) ^ le64toh(b)) / 8;
        }
        while (i < n && x[i] == y[i])
                i++;

        return i;
}

/* Whether it is the model but for some of its values, which are sound: that makes it sound, too. What was read of both
 * before a value, and what follows it, is the same. */
static bool is_like(const struct clean_model *m, const char *text, size_t length) {
        struct rest r = { .at = text, .end = text + length };
        size_t at = 0, value = 0;

        for (;;) {
                size_t n = count_common(m->text + at, r.at, MIN(m->length - at, (size_t) (r.end - r.at)));

                at += n;
                r.at += n;
                if (at == m->length || r.at == r.end)
                        return at == m->length && r.at == r.end;

                /* Where it may go on where the model's ends. */
                while (value < m->n_values && m->values[value].behind < at)
                        value++;
                if (value == m->n_values || m->values[value].first > at)
                        return false;
                r.at -= at - m->values[value].first;
                if (!take_scalar(&r))
                        return false;
                at = m->values[value++].behind;
        }
}

bool clean_object(struct clean_model *m, const char *text, size_t length) {
        struct rest r = { .at = text, .end = text + length, .text = text };

        if (m && m->length > 0 && is_like(m, text, length))
                return true;
        if (m) {
                m->length = m->n_values = 0;
                r.model = length <= CLEAN_MODEL_BYTES_MAX ? m : NULL;
        }
        if (length == 0 || *text != '{' || !take_value(&r, CLEAN_DEPTH_MAX) || r.at != r.end)
                return false;

        if (r.model && m->n_values <= CLEAN_MODEL_VALUES_MAX) {
                memcpy(m->text, text, length);
                m->length = length;
        }
        return true;
}
