/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "macro.h"
#include "text.h"
#include "when.h"

const char *when_text(uint64_t realtime_usec, char buffer[static WHEN_TEXT_MAX]) {
        time_t seconds = (time_t) (realtime_usec / USEC_PER_SEC);
        struct tm tm;
        size_t n;

        if (!localtime_r(&seconds, &tm))
                return text_time(realtime_usec, buffer);
        n = strftime(buffer, WHEN_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm);
        snprintf(buffer + n, WHEN_TEXT_MAX - n, ".%03u", (unsigned) (realtime_usec % USEC_PER_SEC / USEC_PER_MSEC));
        return buffer;
}

static int before(uint64_t now, const char *span, size_t length, uint64_t *ret) {
        _cleanup_free_ char *text = strndup(span, length);
        uint64_t usec;
        int r;

        if (!text)
                return -ENOMEM;
        r = text_to_usec(text, &usec);
        if (r < 0)
                return r;
        if (usec > now)
                return -ERANGE;

        *ret = now - usec;
        return 0;
}

static int midnight(uint64_t now, int days, uint64_t *ret) {
        time_t seconds = (time_t) (now / USEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&seconds, &tm))
                return -ERANGE;
        tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
        tm.tm_mday += days;
        tm.tm_isdst = -1;
        seconds = mktime(&tm);
        if (seconds < 0)
                return -ERANGE;

        *ret = (uint64_t) seconds * USEC_PER_SEC;
        return 0;
}

/* ".5": of a second, six digits count. */
static int take_fraction(const char *text, uint64_t *ret_usec) {
        uint64_t unit = USEC_PER_SEC / 10;

        *ret_usec = 0;
        if (*text == '\0')
                return 0;
        if (*text++ != '.' || *text == '\0')
                return -EINVAL;
        for (; *text >= '0' && *text <= '9'; text++, unit /= 10)
                *ret_usec += (uint64_t) (*text - '0') * unit;
        return *text == '\0' ? 0 : -EINVAL;
}

/* By the local clock; what is not said of the day is today's. */
static int by_clock(const char *text, uint64_t now, uint64_t *ret) {
        static const char *const formats[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%H:%M:%S", "%H:%M" };
        time_t seconds = (time_t) (now / USEC_PER_SEC);

        for (size_t i = 0; i < ELEMENTS(formats); i++) {
                uint64_t fraction;
                const char *rest;
                struct tm tm;
                int day;

                if (!localtime_r(&seconds, &tm))
                        return -ERANGE;
                tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
                rest = strptime(text, formats[i], &tm);
                if (!rest || take_fraction(rest, &fraction) < 0 || (*rest && !strstr(formats[i], "%S")))
                        continue;
                tm.tm_isdst = -1;
                day = tm.tm_mday;
                seconds = mktime(&tm);
                /* There is no 31st of February. */
                if (seconds < 0 || tm.tm_mday != day)
                        return -ERANGE;
                *ret = (uint64_t) seconds * USEC_PER_SEC + fraction;
                return 0;
        }

        return -EINVAL;
}

int when_parse(const char *text, uint64_t now, uint64_t *ret) {
        static const char ago[] = " ago";
        size_t length = strlen(text), n = sizeof(ago) - 1;

        if (strcmp(text, "now") == 0) {
                *ret = now;
                return 0;
        }
        if (strcmp(text, "today") == 0)
                return midnight(now, 0, ret);
        if (strcmp(text, "yesterday") == 0)
                return midnight(now, -1, ret);
        if (text[0] == '-')
                return before(now, text + 1, length - 1, ret);
        if (length > n && strcmp(text + length - n, ago) == 0)
                return before(now, text, length - n, ret);
        if (strchr(text, 'T'))
                return text_to_time(text, ret);

        return by_clock(text, now, ret);
}
