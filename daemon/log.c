/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "log.h"

#define MESSAGE_MAX 2048u

/* systemd.exec(5): the variable is also inherited by children whose stderr was sent elsewhere, so
 * device and inode must be compared. */
static bool stderr_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long device, inode;
        struct stat st;

        return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
                fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

_printf_(3, 0) static size_t compose(char *buffer, size_t size, const char *format, va_list ap) {
        static const char ellipsis[] = "...";
        int n = vsnprintf(buffer, size, format, ap);
        size_t end;

        if (n < 0)
                n = 0;
        if ((size_t) n < size || size < sizeof(ellipsis)) {
                buffer[MIN((size_t) n, size - 1)] = '\0';
                return strlen(buffer);
        }

        end = size - sizeof(ellipsis);
        while (end > 0 && ((unsigned char) buffer[end] & 0xc0) == 0x80)
                end--;
        memcpy(buffer + end, ellipsis, sizeof(ellipsis));

        return end + sizeof(ellipsis) - 1;
}

void log_compose(char *buffer, size_t size, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) compose(buffer, size, format, ap);
        va_end(ap);
}

void log_message(int priority, const char *format, ...) {
        char line[MESSAGE_MAX];
        int saved_errno = errno;
        size_t n;
        va_list ap;

        if (stderr_is_journal())
                n = (size_t) snprintf(line, sizeof(line), "<%d>", priority);
        else
                n = (size_t) snprintf(line, sizeof(line), "sctpmond: ");

        va_start(ap, format);
        n += compose(line + n, sizeof(line) - n - 1, format, ap);
        va_end(ap);
        line[n++] = '\n';

        /* In one piece: two processes and two threads share stderr. */
        if (write(STDERR_FILENO, line, n) < 0) {
                /* There is nowhere left to say so. */
        }
        errno = saved_errno;
}
