/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "macro.h"
#include "text.h"

size_t text_printable(const char *text, size_t length) {
        const unsigned char *s = (const unsigned char *) text;
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        uint32_t c;
        size_t n;

        if (s[0] < 0x80)
                return s[0] >= 0x20 && s[0] != 0x7f;

        n = s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
        if (n == 0 || n > length || s[0] >= 0xf5)
                return 0;

        c = s[0] & (0x7fu >> n);
        for (size_t i = 1; i < n; i++) {
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3fu);
        }

        if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
                return 0;
        /* C1 controls, and characters that turn the direction of the text around them. */
        if (c < 0xa0 || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f)
                return 0;

        return n;
}

/* Writes the next character of `length` > 0 bytes, 4 bytes at the most; how many were read, and written. */
static size_t escape_one(const unsigned char *s, size_t length, char *t, size_t *ret_written) {
        size_t n = s[0] == '\\' ? 0 : text_printable((const char *) s, length);

        if (n > 0) {
                memcpy(t, s, n);
                *ret_written = n;
                return n;
        }

        t[0] = '\\';
        t[1] = 'x';
        t[2] = "0123456789abcdef"[s[0] >> 4];
        t[3] = "0123456789abcdef"[s[0] & 15];
        *ret_written = 4;
        return 1;
}

char *text_escape(const char *text, size_t length) {
        const unsigned char *s = (const unsigned char *) text;
        char *result, *t;
        size_t n;

        if (length > (SIZE_MAX - 1) / 4)
                return NULL;
        t = result = malloc(length * 4 + 1);
        if (!result)
                return NULL;

        for (size_t i = 0; i < length; t += n)
                i += escape_one(s + i, length - i, t, &n);
        *t = '\0';

        return result;
}

void text_escape_into(char *buffer, size_t size, const char *text, size_t length) {
        const unsigned char *s = (const unsigned char *) text;
        size_t used = 0, n;
        char one[4];

        for (size_t i = 0; i < length; used += n) {
                i += escape_one(s + i, length - i, one, &n);
                if (n >= size - used)
                        break;
                memcpy(buffer + used, one, n);
        }
        buffer[used] = '\0';
}

static int digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

int text_to_u64(const char *text, size_t length, int base, uint64_t max, uint64_t *ret) {
        uint64_t value = 0;

        if (length == 0)
                return -EINVAL;

        for (size_t i = 0; i < length; i++) {
                int d = digit(text[i]);

                if (d < 0 || d >= base)
                        return -EINVAL;
                if (value > (max - MIN(max, (uint64_t) d)) / (uint64_t) base)
                        return -ERANGE;
                value = value * (uint64_t) base + (uint64_t) d;
        }
        if (value > max)
                return -ERANGE;

        *ret = value;
        return 0;
}

static const struct {
        const char *name;
        uint64_t usec;
} units[] = {
        { "d", 86400 * USEC_PER_SEC },
        { "h", 3600 * USEC_PER_SEC },
        { "min", 60 * USEC_PER_SEC },
        { "s", USEC_PER_SEC },
        { "ms", USEC_PER_MSEC },
        { "us", 1 },
};

int text_to_usec(const char *text, uint64_t *ret) {
        uint64_t sum = 0;
        bool any = false;

        for (;;) {
                uint64_t number, unit = 0;
                size_t n;
                int r;

                text += strspn(text, " \t");
                if (*text == '\0')
                        break;

                n = strspn(text, "0123456789");
                r = text_to_u64(text, n, 10, UINT64_MAX, &number);
                if (r < 0)
                        return r;
                text += n;
                text += strspn(text, " \t");

                n = strcspn(text, "0123456789 \t");
                if (n == 0) {
                        /* A bare number must stand alone. */
                        if (any || *text != '\0')
                                return -EINVAL;
                        unit = USEC_PER_SEC;
                }
                for (size_t i = 0; unit == 0 && i < ELEMENTS(units); i++)
                        if (strlen(units[i].name) == n && strncmp(text, units[i].name, n) == 0)
                                unit = units[i].usec;
                if (unit == 0)
                        return -EINVAL;
                text += n;

                if (__builtin_mul_overflow(number, unit, &number) || __builtin_add_overflow(sum, number, &sum))
                        return -ERANGE;
                any = true;
        }

        if (!any)
                return -EINVAL;

        *ret = sum;
        return 0;
}

const char *text_span(uint64_t usec, char buffer[static TEXT_SPAN_MAX]) {
        if (usec < USEC_PER_SEC) {
                snprintf(buffer, TEXT_SPAN_MAX, "%" PRIu64 "ms", usec / USEC_PER_MSEC);
                return buffer;
        }
        if (usec < 60 * USEC_PER_SEC) {
                uint64_t tenths = usec / (USEC_PER_SEC / 10);

                if (tenths % 10 == 0)
                        snprintf(buffer, TEXT_SPAN_MAX, "%" PRIu64 "s", tenths / 10);
                else
                        snprintf(buffer, TEXT_SPAN_MAX, "%" PRIu64 ".%" PRIu64 "s", tenths / 10, tenths % 10);
                return buffer;
        }

        for (size_t i = 0; i < ELEMENTS(units); i++) {
                uint64_t rest;

                if (usec < units[i].usec)
                        continue;
                rest = usec % units[i].usec / units[i + 1].usec;
                if (rest == 0)
                        snprintf(buffer, TEXT_SPAN_MAX, "%" PRIu64 "%s", usec / units[i].usec, units[i].name);
                else
                        snprintf(buffer, TEXT_SPAN_MAX, "%" PRIu64 "%s %" PRIu64 "%s",
                                 usec / units[i].usec, units[i].name, rest, units[i + 1].name);
                break;
        }

        return buffer;
}

static char *put_digits(char *t, unsigned value, unsigned n) {
        for (unsigned i = n; i-- > 0; value /= 10)
                t[i] = (char) ('0' + value % 10);

        return t + n;
}

const char *text_time(uint64_t realtime_usec, char buffer[static TEXT_TIME_MAX]) {
        /* Each row has several of these, all rows together few different seconds; gmtime_r() and strftime() would take
         * longer than all the rest of a row. */
        static _Thread_local struct {
                uint64_t seconds;       /* and one: 0 is none */
                char text[sizeof("2026-01-01T00:00:00.")];
        } seen[8], *s;
        uint64_t seconds = realtime_usec / USEC_PER_SEC;
        struct tm tm;

        s = seen + seconds % ELEMENTS(seen);
        if (s->seconds != seconds + 1) {
                if (!gmtime_r(&(time_t) { (time_t) seconds }, &tm) || tm.tm_year > 9999 - 1900)
                        return strcpy(buffer, "-");
                strftime(s->text, sizeof(s->text), "%Y-%m-%dT%H:%M:%S.", &tm);
                s->seconds = seconds + 1;
        }

        memcpy(buffer, s->text, sizeof(s->text) - 1);
        put_digits(buffer + sizeof(s->text) - 1, (unsigned) (realtime_usec % USEC_PER_SEC / USEC_PER_MSEC), 3);
        strcpy(buffer + sizeof(s->text) + 2, "Z");
        return buffer;
}

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

/* Digits where the pattern has 0, what it says elsewhere; '?' stands for anything. */
static bool looks_like(const char *text, const char *pattern) {
        for (; *pattern; text++, pattern++)
                if (*pattern == '0' ? !is_digit(*text) : *pattern == '?' ? *text == '\0' : *text != *pattern)
                        return false;

        return true;
}

static unsigned two_digits(const char *text) {
        return (unsigned) (text[0] - '0') * 10 + (unsigned) (text[1] - '0');
}

/* "Z", "+01:00": seconds east of Greenwich. */
static int parse_zone(const char *text, int64_t *ret) {
        if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
                *ret = 0;
                return 0;
        }
        if ((*text != '+' && *text != '-') || !looks_like(text + 1, "00:00") || text[6] != '\0' ||
            two_digits(text + 1) > 23 || two_digits(text + 4) > 59)
                return -EINVAL;

        *ret = (*text == '-' ? -60 : 60) * (int64_t) (two_digits(text + 1) * 60 + two_digits(text + 4));
        return 0;
}

int text_to_time(const char *text, uint64_t *ret_realtime_usec) {
        uint64_t fraction = 0, unit = USEC_PER_SEC;
        const char *rest;
        struct tm tm = {}, check;
        int64_t zone, seconds;
        int r;

        /* strptime() takes less than what is asked for here. */
        if (!looks_like(text, "0000-00-00?00:00:00") || !strchr("Tt ", text[10]))
                return -EINVAL;
        rest = strptime(text, "%Y-%m-%d", &tm);
        rest = rest ? strptime(rest + 1, "%H:%M:%S", &tm) : NULL;
        if (!rest)
                return -EINVAL;
        if (*rest == '.') {
                if (!is_digit(*++rest))
                        return -EINVAL;
                for (; is_digit(*rest); rest++) {
                        unit /= 10;
                        fraction += (uint64_t) (*rest - '0') * unit;
                }
        }
        r = parse_zone(rest, &zone);
        if (r < 0)
                return r;

        /* A leap second begins the next minute. */
        check = tm;
        check.tm_sec = 0;
        seconds = timegm(&check) + tm.tm_sec;
        /* The 31st of a month of 30 days would become the 1st of the next. */
        if (check.tm_mday != tm.tm_mday)
                return -EINVAL;
        if (seconds - zone < 0)
                return -ERANGE;

        *ret_realtime_usec = (uint64_t) (seconds - zone) * USEC_PER_SEC + fraction;
        return 0;
}
