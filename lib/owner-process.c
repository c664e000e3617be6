/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cgroup.h"
#include "container.h"
#include "macro.h"
#include "owner-table.h"
#include "text.h"

/* Of a text about a process beyond this nothing is read: 13 controllers of paths that are as long as paths get, and the
 * arguments of a docker-proxy many times over. */
#define OWNER_TEXT_MAX (64u * 1024u)

/* PF_KTHREAD in the ninth field of /proc/PID/stat. */
#define KERNEL_THREAD 0x00200000u

/* NUL-terminated. */
static int read_text(int dir, const char *name, char *text, size_t size, size_t *ret_length) {
        _cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
        size_t length = 0;

        if (fd < 0)
                return -errno;

        while (length < size - 1) {
                ssize_t n = read(fd, text + length, size - 1 - length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                length += (size_t) n;
        }

        text[length] = '\0';
        *ret_length = length;
        return 0;
}

/* The real user id. The kernel escapes the newlines of the name that stands before it. */
static int read_uid(int dir, char *text, uint32_t *ret) {
        const char *line;
        size_t length;
        uint64_t uid;
        int r;

        r = read_text(dir, "status", text, OWNER_TEXT_MAX, &length);
        if (r < 0)
                return r;
        line = strstr(text, "\nUid:\t");
        if (!line)
                return -EBADMSG;
        line += strlen("\nUid:\t");
        r = text_to_u64(line, strcspn(line, "\t\n"), 10, UINT32_MAX, &uid);
        if (r < 0)
                return r;

        *ret = (uint32_t) uid;
        return 0;
}

/* `-name value` or `-name=value`, as Go's flag package takes them, with one or two hyphens. The value; NULL: another
 * option, or it has none. */
static const char *option_value(const char *word, const char *next, const char *name) {
        size_t n = strlen(name);

        word += strspn(word, "-");
        if (strncmp(word, name, n) != 0)
                return NULL;

        return word[n] == '=' ? word + n + 1 : word[n] == '\0' ? next : NULL;
}

static bool read_port(const char *text, uint16_t *ret) {
        uint64_t port;

        if (!text || text_to_u64(text, strlen(text), 10, UINT16_MAX, &port) < 0 || port == 0)
                return false;

        *ret = (uint16_t) port;
        return true;
}

/* `docker-proxy -proto sctp -host-ip 0.0.0.0 -host-port 200 -container-ip 172.17.0.2 -container-port 202`, words that
 * end with a NUL each. What a process says of itself: it may be untrue. */
static void read_proxy(const char *text, size_t length, struct owner_process *p) {
        const char *proto = NULL, *from = NULL, *address = NULL, *to = NULL, *end = text + length;
        uint16_t from_port, to_port;
        struct address parsed;

        for (const char *word = text, *next; word < end; word = next) {
                const char *value;

                next = word + strlen(word) + 1;
                if (*word != '-')
                        continue;

                value = next < end ? next : NULL;
                proto = option_value(word, value, "proto") ?: proto;
                from = option_value(word, value, "host-port") ?: from;
                address = option_value(word, value, "container-ip") ?: address;
                to = option_value(word, value, "container-port") ?: to;
        }

        if (!proto || strcmp(proto, "sctp") != 0 || !read_port(from, &from_port) || !read_port(to, &to_port) ||
            !address || address_parse(address, strlen(address), &parsed) < 0)
                return;

        p->forwards_to = parsed;
        p->forwards_to_port = to_port;
        p->forwards_from_port = from_port;
}

int owner_process_read(const char *root, pid_t pid, struct owner_process *ret) {
        struct owner_process p = { .process.pid = (uint32_t) pid };
        _cleanup_free_ char *text = NULL, *path = NULL;
        _cleanup_close_ int dir = -EBADF;
        struct cgroup cgroup = {};
        struct stat st;
        size_t length;
        int r;

        text = malloc(OWNER_TEXT_MAX);
        if (!text)
                return -ENOMEM;
        if (asprintf(&path, "%s/proc/%d", root ?: "", (int) pid) < 0) {
                path = NULL;
                return -ENOMEM;
        }

        /* All that follows is of the process that has the number now: once it has ended, this directory is empty, even
         * if another one gets the number. */
        dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return errno == ENOENT ? -ESRCH : -errno;

        /* The owner of the directory is the effective user, or root where the process may not be looked into. */
        if (read_uid(dir, text, &p.process.uid) < 0) {
                if (fstat(dir, &st) < 0)
                        return -ESRCH;
                p.process.uid = st.st_uid;
        }

        if (read_text(dir, "cgroup", text, OWNER_TEXT_MAX, &length) >= 0)
                cgroup_parse(text, length, &cgroup);
        memcpy(p.process.unit, cgroup.unit, sizeof(cgroup.unit));
        memcpy(p.process.runtime, cgroup.runtime, sizeof(cgroup.runtime));
        memcpy(p.process.container_id, cgroup.container_id, sizeof(cgroup.container_id));
        memcpy(p.process.pod, cgroup.pod, sizeof(cgroup.pod));
        if (*cgroup.container_id)
                (void) container_name(root, cgroup.runtime, cgroup.container_id, p.process.container,
                                      sizeof(p.process.container));

        r = read_text(dir, "comm", text, OWNER_TEXT_MAX, &length);
        if (r == -ENOENT || r == -ESRCH)
                return -ESRCH;
        if (r < 0)
                text[length = 0] = '\0';
        /* The one newline at the end is the kernel's. */
        if (length > 0 && text[length - 1] == '\n')
                text[--length] = '\0';
        text_escape_into(p.process.command, sizeof(p.process.command), text, length);

        /* rootlesskit-docker-proxy takes the same options; a name has 15 bytes at the most. */
        if ((strcmp(text, "docker-proxy") == 0 || strcmp(text, "rootlesskit-doc") == 0) &&
            read_text(dir, "cmdline", text, OWNER_TEXT_MAX, &length) >= 0)
                read_proxy(text, length, &p);

        *ret = p;
        return 0;
}

int owner_process_read_stat(int dir, const char *path, uint64_t *ret_start, bool *ret_bare) {
        _cleanup_close_ int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
        uint64_t flags = 0, start;
        char text[2048], *field, state = 0;
        ssize_t length;
        int r;

        if (fd < 0)
                return -errno;
        length = read(fd, text, sizeof(text) - 1);
        if (length <= 0)
                return length < 0 ? -errno : -ESRCH;
        text[length] = '\0';

        /* The name is the second field, in parentheses, and may have parentheses and blanks of its own. */
        field = strrchr(text, ')');
        for (unsigned n = 3; n <= 22; n++) {
                field = field ? strchr(field, ' ') : NULL;
                if (!field)
                        return -EBADMSG;
                field++;
                if (n == 3)
                        state = *field;
                else if (n == 9 && text_to_u64(field, strcspn(field, " "), 10, UINT32_MAX, &flags) < 0)
                        return -EBADMSG;
        }
        r = text_to_u64(field, strcspn(field, " "), 10, UINT64_MAX, &start);
        if (r < 0)
                return r;

        *ret_start = start;
        *ret_bare = (flags & KERNEL_THREAD) || state == 'Z' || state == 'X';
        return 0;
}
