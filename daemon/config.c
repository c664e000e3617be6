/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <ini.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "config.h"
#include "log.h"
#include "text.h"

#define SECTION "Monitor"
#define PEER_SECTION "Peer"

#define SAY(message, ...) log_compose(message, CONFIG_MESSAGE_MAX, __VA_ARGS__)

enum kind {
        SPAN,                   /* uint64_t, microseconds */
        PERCENT,                /* unsigned */
        BOOLEAN,                /* bool */
        SCOPE,                  /* bool: "all" or "own" */
        COUNT,                  /* uint64_t */
        SIZE,                   /* uint64_t, bytes */
};

static const struct setting {
        const char *name, *option;
        enum kind kind;
        size_t offset;
        uint64_t min, max;
        const char *help;
} settings[] = {
        {
                "Interval", "interval", SPAN, offsetof(struct config, interval_usec),
                CONFIG_INTERVAL_USEC_MIN, CONFIG_INTERVAL_USEC_MAX,
                "from one look at the kernel to the next (1s)",
        },
        {
                "ScanWait", "scan-wait", SPAN, offsetof(struct config, scan_wait_usec),
                CONFIG_SCAN_WAIT_USEC_MIN, CONFIG_SCAN_WAIT_USEC_MAX,
                "how long a caller waits for a fresh look (500ms)",
        },
        {
                "ScanTimeout", "scan-timeout", SPAN, offsetof(struct config, scan_timeout_usec),
                CONFIG_SCAN_TIMEOUT_USEC_MIN, CONFIG_SCAN_TIMEOUT_USEC_MAX,
                "after which a look is reported as stuck (1min)",
        },
        {
                "CpuShare", "cpu-share", PERCENT, offsetof(struct config, cpu_share_percent),
                1, 100,
                "of one CPU that looking may take (5%)",
        },
        {
                "LoadModule", "load-module", BOOLEAN, offsetof(struct config, load_module),
                0, 1,
                "whether to load the sctp module (yes)",
        },
        {
                "Namespaces", "namespaces", SCOPE, offsetof(struct config, all_namespaces),
                0, 1,
                "which network namespaces to watch: all or own (all)",
        },
        {
                "SockDiag", "sock-diag", BOOLEAN, offsetof(struct config, sock_diag),
                0, 1,
                "whether to ask sock_diag (yes)",
        },
        {
                "SocketOptions", "socket-options", BOOLEAN, offsetof(struct config, socket_options),
                0, 1,
                "whether to read other processes' socket options (yes)",
        },
        {
                "Owners", "owners", BOOLEAN, offsetof(struct config, owners),
                0, 1,
                "whether to find out which processes have the sockets (yes)",
        },
        {
                "Conntrack", "conntrack", BOOLEAN, offsetof(struct config, conntrack),
                0, 1,
                "whether to ask connection tracking (yes)",
        },
        {
                "Bpf", "bpf", BOOLEAN, offsetof(struct config, bpf),
                0, 1,
                "whether to ask the kernel by BPF (yes)",
        },
        {
                "Damping", "damping", BOOLEAN, offsetof(struct config, damping),
                0, 1,
                "whether to sum up in the journal what flaps (yes)",
        },
        {
                "HistoryChanges", "history-changes", COUNT, offsetof(struct config, history_changes),
                0, HISTORY_CHANGES_MAX,
                "changes kept in memory (20000)",
        },
        {
                "HistoryBytes", "history-bytes", SIZE, offsetof(struct config, history_bytes),
                HISTORY_BYTES_MIN, HISTORY_BYTES_MAX,
                "memory for them (16M)",
        },
        {
                "SampleInterval", "sample-interval", SPAN, offsetof(struct config, sample_interval_usec),
                SAMPLES_INTERVAL_USEC_MIN, SAMPLES_INTERVAL_USEC_MAX,
                "from one sample of an association to the next (10s)",
        },
        {
                "SampleBytes", "sample-bytes", SIZE, offsetof(struct config, sample_bytes),
                0, SAMPLES_BYTES_MAX,
                "memory for samples (32M)",
        },
};

static int parse_boolean(const char *text, bool *ret) {
        static const char *const yes[] = { "yes", "true", "on", "1" }, *const no[] = { "no", "false", "off", "0" };

        for (size_t i = 0; i < ELEMENTS(yes); i++) {
                if (strcasecmp(text, yes[i]) == 0) {
                        *ret = true;
                        return 0;
                }
                if (strcasecmp(text, no[i]) == 0) {
                        *ret = false;
                        return 0;
                }
        }

        return -EINVAL;
}

static int parse_scope(const char *text, bool *ret) {
        if (strcmp(text, "all") != 0 && strcmp(text, "own") != 0)
                return -EINVAL;

        *ret = strcmp(text, "all") == 0;
        return 0;
}

static const struct {
        char suffix;
        unsigned shift;
} size_units[] = { { 'G', 30 }, { 'M', 20 }, { 'K', 10 } };

/* "16M": as in systemd, in powers of 1024. */
static int parse_size(const char *text, uint64_t *ret) {
        size_t n = strlen(text);
        unsigned shift = 0;
        int r;

        for (size_t i = 0; n > 0 && shift == 0 && i < ELEMENTS(size_units); i++)
                if (text[n - 1] == size_units[i].suffix)
                        shift = size_units[i].shift;
        r = text_to_u64(text, n - (shift > 0), 10, UINT64_MAX >> shift, ret);
        if (r >= 0)
                *ret <<= shift;
        return r;
}

static const char *size_text(uint64_t size, char buffer[static TEXT_SPAN_MAX]) {
        for (size_t i = 0; i < ELEMENTS(size_units); i++)
                if (size > 0 && size % (UINT64_C(1) << size_units[i].shift) == 0) {
                        snprintf(buffer, TEXT_SPAN_MAX, "%" PRIu64 "%c", size >> size_units[i].shift,
                                 size_units[i].suffix);
                        return buffer;
                }

        snprintf(buffer, TEXT_SPAN_MAX, "%" PRIu64, size);
        return buffer;
}

/* "100ms to 1h" */
static const char *allowed(const struct setting *s, char *buffer, size_t size) {
        char min[TEXT_SPAN_MAX], max[TEXT_SPAN_MAX];

        switch (s->kind) {
        case SPAN:
                snprintf(buffer, size, "%s to %s", text_span(s->min, min), text_span(s->max, max));
                break;
        case PERCENT:
                snprintf(buffer, size, "%lu%% to %lu%%", (unsigned long) s->min, (unsigned long) s->max);
                break;
        case COUNT:
                snprintf(buffer, size, "%" PRIu64 " to %" PRIu64, s->min, s->max);
                break;
        case SIZE:
                snprintf(buffer, size, "%s to %s", size_text(s->min, min), size_text(s->max, max));
                break;
        case BOOLEAN:
                snprintf(buffer, size, "yes or no");
                break;
        case SCOPE:
                snprintf(buffer, size, "all or own");
                break;
        }

        return buffer;
}

static const char *expected(const struct setting *s) {
        switch (s->kind) {
        case SPAN:
                return "a time such as 500ms, 2s or 1min 30s";
        case PERCENT:
                return "a percentage such as 5%";
        case COUNT:
                return "a number";
        case SIZE:
                return "a size in bytes such as 512K, 16M or 1G";
        case BOOLEAN:
                return "yes or no";
        case SCOPE:
                return "all or own";
        }

        return "";
}

/* `name` is what the person called it. */
static int set(const struct setting *s, const char *name, const char *value, struct config *config,
               char message[static CONFIG_MESSAGE_MAX]) {
        void *member = (char *) config + s->offset;
        _cleanup_free_ char *escaped = NULL;
        char range[2 * TEXT_SPAN_MAX + 8];
        uint64_t number = 0;
        bool flag = false;
        size_t n = strlen(value);
        int r = 0;

        switch (s->kind) {
        case SPAN:
                r = text_to_usec(value, &number);
                break;
        case PERCENT:
                if (n > 0 && value[n - 1] == '%')
                        n--;
                r = text_to_u64(value, n, 10, UINT32_MAX, &number);
                break;
        case COUNT:
                r = text_to_u64(value, n, 10, UINT64_MAX, &number);
                break;
        case SIZE:
                r = parse_size(value, &number);
                break;
        case BOOLEAN:
                r = parse_boolean(value, &flag);
                number = flag;
                break;
        case SCOPE:
                r = parse_scope(value, &flag);
                number = flag;
                break;
        }
        if (r >= 0 && (number < s->min || number > s->max))
                r = -ERANGE;
        if (r < 0) {
                escaped = text_escape(value, strlen(value));
                if (r == -ERANGE)
                        SAY(message, "%s=%.100s is out of range: %s", name, escaped ?: "",
                            allowed(s, range, sizeof(range)));
                else if (s->kind == BOOLEAN)
                        SAY(message, "%s=%.100s is neither yes nor no", name, escaped ?: "");
                else if (s->kind == SCOPE)
                        SAY(message, "%s=%.100s is neither all nor own", name, escaped ?: "");
                else
                        SAY(message, "%s=%.100s is not %s (%s)", name, escaped ?: "", expected(s),
                            allowed(s, range, sizeof(range)));
                return r;
        }

        switch (s->kind) {
        case SPAN:
        case COUNT:
        case SIZE:
                *(uint64_t *) member = number;
                break;
        case PERCENT:
                *(unsigned *) member = (unsigned) number;
                break;
        case BOOLEAN:
        case SCOPE:
                *(bool *) member = flag;
                break;
        }

        return 0;
}

int config_set(struct config *config, const char *name, const char *value, char message[static CONFIG_MESSAGE_MAX]) {
        for (size_t i = 0; i < ELEMENTS(settings); i++)
                if (strcmp(name, settings[i].name) == 0 || strcmp(name, settings[i].option) == 0)
                        return set(&settings[i], name, value, config, message);

        SAY(message, "there is no setting %s", name);
        return -ENOENT;
}

const char *config_option(size_t index, const char **ret_value, const char **ret_help) {
        static const char *const values[] = { [SPAN] = "TIME", [PERCENT] = "PERCENT", [BOOLEAN] = "BOOL",
                                              [SCOPE] = "all|own", [COUNT] = "N", [SIZE] = "SIZE" };

        if (index >= ELEMENTS(settings))
                return NULL;

        *ret_value = values[settings[index].kind];
        *ret_help = settings[index].help;
        return settings[index].option;
}

/* One file on its way through inih. */
struct parse {
        const char *path;               /* escaped */
        const char *next, *end;         /* of the text not yet handed over */
        unsigned line;                  /* last handed over, from 1 */
        struct config *config;
        unsigned peer;                  /* the line that the section [Peer NAME] begins in; 0: in none */
        int error;                      /* once there is one, the rest is not looked at */
        char *message;
};

/* At the end of a section [Peer NAME]. */
static void finish_peer(struct parse *p) {
        if (p->peer > 0 && p->error == 0 && alias_count_addresses(p->config->aliases) == 0) {
                SAY(p->message, "%s:%u: the peer has no Address=", p->path, p->peer);
                p->error = -EINVAL;
        }
        p->peer = 0;
}

static void add_peer(struct parse *p, const char *name) {
        _cleanup_free_ char *escaped = text_escape(name, strlen(name));

        if (!p->config->aliases)
                p->error = alias_table_new(&p->config->aliases);
        if (p->error == 0)
                p->error = alias_add(p->config->aliases, name);

        if (p->error == -EINVAL)
                SAY(p->message, "%s:%u: %s%s: a name has at most %u bytes, neither / nor :, and is no address",
                    p->path, p->line, *name ? "a peer cannot be called " : "the peer has no name", escaped ?: "",
                    ALIAS_NAME_MAX);
        else if (p->error == -EEXIST)
                SAY(p->message, "%s:%u: there is a peer %s already", p->path, p->line, escaped ?: "");
        else if (p->error == -E2BIG)
                SAY(p->message, "%s:%u: there are too many peers: at most %u", p->path, p->line, ALIAS_NAMES_MAX);
        else if (p->error < 0)
                SAY(p->message, "%s:%u: %s", p->path, p->line, strerror(-p->error));
        else
                p->peer = p->line;
}

/* inih tells of a section by its first setting alone, and cuts what is longer than its own limit. */
static void begin_section(struct parse *p, const char *line, size_t length) {
        const char *end = memchr(line, ']', length);
        _cleanup_free_ char *section = NULL;
        const char *name;

        finish_peer(p);
        if (!end || p->error < 0)
                return;
        section = strndup(line + 1, (size_t) (end - line) - 1);
        if (!section) {
                SAY(p->message, "%s: cannot be read: %s", p->path, strerror(ENOMEM));
                p->error = -ENOMEM;
                return;
        }

        name = section + strcspn(section, " \t");
        if (strncmp(section, PEER_SECTION, (size_t) (name - section)) == 0 &&
            (size_t) (name - section) == strlen(PEER_SECTION)) {
                size_t n;

                name += strspn(name, " \t");
                for (n = strlen(name); n > 0 && strchr(" \t", name[n - 1]); n--)
                        ;
                section[(size_t) (name - section) + n] = '\0';
                add_peer(p, name);
        }
}

static int add_addresses(struct parse *p, const char *value) {
        struct address address;
        size_t n;

        for (value += strspn(value, " \t"); *value; value += n + strspn(value + n, " \t")) {
                int r;

                n = strcspn(value, " \t");
                r = address_parse(value, n, &address);
                if (r >= 0)
                        r = alias_add_address(p->config->aliases, &address);
                if (r == -EINVAL) {
                        _cleanup_free_ char *escaped = text_escape(value, n);

                        SAY(p->message, "%s:%u: %.100s is no address", p->path, p->line, escaped ?: "");
                } else if (r == -E2BIG)
                        SAY(p->message, "%s:%u: the peer has too many addresses: at most %u", p->path, p->line,
                            ALIAS_ADDRESSES_MAX);
                else if (r < 0)
                        SAY(p->message, "%s:%u: %s", p->path, p->line, strerror(-r));
                if (r < 0)
                        return r;
        }

        return 0;
}

/* A line of a section [Peer NAME]. */
static int set_peer(struct parse *p, const char *name, const char *value) {
        _cleanup_free_ char *escaped = NULL;
        uint64_t port;

        if (strcmp(name, "Address") == 0)
                return add_addresses(p, value);
        if (strcmp(name, "Port") == 0) {
                if (text_to_u64(value, strlen(value), 10, UINT16_MAX, &port) >= 0 && port > 0) {
                        alias_set_port(p->config->aliases, (uint16_t) port);
                        return 0;
                }
                escaped = text_escape(value, strlen(value));
                SAY(p->message, "%s:%u: Port=%.100s is not a number from 1 to %d", p->path, p->line, escaped ?: "",
                    UINT16_MAX);
                return -EINVAL;
        }

        escaped = text_escape(name, strlen(name));
        SAY(p->message, "%s:%u: there is no setting %.100s of a peer: only Address, Port", p->path, p->line,
            escaped ?: "");
        return -EINVAL;
}

/* Hands over one line at a time, so that handle_setting() knows which it is in. inih cuts lines that are
 * longer than its own limit and reads the rest as another line: such ones are refused here. */
static char *read_line(char *buffer, int size, void *userdata) {
        struct parse *p = userdata;
        const char *end;
        size_t n;

        if (p->error < 0 || p->next == p->end)
                return NULL;

        p->line++;
        end = memchr(p->next, '\n', (size_t) (p->end - p->next)) ?: p->end;
        /* An indented line is a continuation to inih, but just a line to people. */
        while (p->next < end && (*p->next == ' ' || *p->next == '\t'))
                p->next++;
        n = (size_t) (end - p->next);
        if (n > 0 && *p->next == '[') {
                begin_section(p, p->next, n);
                if (p->error < 0)
                        return NULL;
        }
        if (n + 2 > (size_t) size) {
                SAY(p->message, "%s:%u: the line is too long: at most %d bytes", p->path, p->line, size - 2);
                p->error = -E2BIG;
                return NULL;
        }

        memcpy(buffer, p->next, n);
        buffer[n] = '\n';
        buffer[n + 1] = '\0';
        p->next = end < p->end ? end + 1 : end;

        return buffer;
}

static int handle_setting(void *userdata, const char *section, const char *name, const char *value) {
        char reason[CONFIG_MESSAGE_MAX], known[240] = "";
        struct parse *p = userdata;
        _cleanup_free_ char *escaped = NULL;

        if (p->error < 0)
                return 1;
        if (p->peer > 0) {
                p->error = set_peer(p, name, value);
                return 1;
        }

        if (strcmp(section, SECTION) != 0) {
                escaped = text_escape(section, strlen(section));
                if (*section)
                        SAY(p->message,
                            "%s:%u: there is no section [%s]: only [" SECTION "] and [" PEER_SECTION " NAME]",
                            p->path, p->line, escaped ?: "");
                else
                        SAY(p->message, "%s:%u: settings come after a line [" SECTION "]", p->path, p->line);
                p->error = -EINVAL;
                return 1;
        }

        for (size_t i = 0; i < ELEMENTS(settings); i++) {
                if (strcmp(name, settings[i].name) == 0) {
                        p->error = set(&settings[i], name, value, p->config, reason);
                        if (p->error < 0)
                                SAY(p->message, "%s:%u: %s", p->path, p->line, reason);
                        return 1;
                }
                snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
                         i > 0 ? ", " : "", settings[i].name);
        }

        escaped = text_escape(name, strlen(name));
        SAY(p->message, "%s:%u: there is no setting %.100s: only %s", p->path, p->line, escaped ?: "", known);
        p->error = -EINVAL;
        return 1;
}

/* The whole file, malloc'ed. *ret_size is 0 if there is none. On failure *ret_problem may say what errno cannot. */
static int read_file(const char *path, char **ret, size_t *ret_size, const char **ret_problem) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        _cleanup_free_ char *text = malloc(CONFIG_FILE_MAX + 1);
        struct stat st;
        size_t size = 0;

        if (!text)
                return -ENOMEM;
        if (fd < 0 && errno == ENOENT) {
                *ret = steal_ptr(text);
                *ret_size = 0;
                return 0;
        }
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        /* A link to /dev/null masks a file, as with systemd. */
        if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode)) {
                *ret_problem = S_ISDIR(st.st_mode) ? "it is a directory" : "it is not a regular file";
                return -EINVAL;
        }

        for (;;) {
                ssize_t n = read(fd, text + size, CONFIG_FILE_MAX + 1 - size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t) n;
                if (size > CONFIG_FILE_MAX) {
                        *ret_problem = "it is larger than 1 MiB";
                        return -E2BIG;
                }
        }

        *ret = steal_ptr(text);
        *ret_size = size;
        return 0;
}

static int load_file(const char *path, struct config *config, char message[static CONFIG_MESSAGE_MAX]) {
        _cleanup_free_ char *shown = text_escape(path, strlen(path)), *text = NULL;
        struct parse p = { .path = shown ?: "", .config = config, .message = message };
        const char *problem = NULL, *nul;
        size_t size = 0;
        int r;

        r = read_file(path, &text, &size, &problem);
        if (r < 0) {
                SAY(message, "%s: cannot be read: %s", p.path, problem ?: strerror(-r));
                return r;
        }

        nul = memchr(text, '\0', size);
        if (nul) {
                unsigned line = 1;

                for (const char *c = text; c < nul; c++)
                        line += *c == '\n';
                SAY(message, "%s:%u: there is a NUL byte: this is no text file", p.path, line);
                return -EINVAL;
        }

        p.next = text;
        p.end = text + size;
        /* A byte order mark, which inih skips only where it was built to. */
        if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
                p.next += 3;

        r = ini_parse_stream(read_line, &p, handle_setting, &p);
        finish_peer(&p);
        /* A line number. inih goes on after a line that it cannot read, so ours may be a later one. */
        if (r > 0 && (p.error == 0 || (unsigned) r < p.line)) {
                SAY(message, "%s:%d: this is neither NAME=VALUE nor [" SECTION "] nor a comment", p.path, r);
                return -EINVAL;
        }
        if (r < 0) {
                SAY(message, "%s: cannot be read: %s", p.path, strerror(ENOMEM));
                return -ENOMEM;
        }

        return p.error;
}

static int is_drop_in(const struct dirent *e) {
        size_t n = strlen(e->d_name);

        return e->d_name[0] != '.' && n > strlen(".conf") && strcmp(e->d_name + n - strlen(".conf"), ".conf") == 0;
}

/* alphasort() goes by the locale. */
static int compare_names(const struct dirent **a, const struct dirent **b) {
        return strcmp((*a)->d_name, (*b)->d_name);
}

void config_done(struct config *config) {
        config->aliases = alias_table_unref(config->aliases);
}

int config_load(const char *path, struct config *config, char message[static CONFIG_MESSAGE_MAX]) {
        _cleanup_(config_done) struct config loaded = *config;
        struct dirent **names = NULL;
        char drop_in[PATH_MAX];
        int r, n;

        loaded.aliases = NULL;
        r = load_file(path, &loaded, message);
        if (r < 0)
                return r;

        snprintf(drop_in, sizeof(drop_in), "%s.d", path);
        n = scandir(drop_in, &names, is_drop_in, compare_names);
        if (n < 0 && errno != ENOENT) {
                _cleanup_free_ char *shown = text_escape(drop_in, strlen(drop_in));

                r = -errno;
                SAY(message, "%s: cannot be read: %s", shown ?: "", strerror(-r));
                return r;
        }

        for (int i = 0; i < n; i++) {
                if (r >= 0) {
                        snprintf(drop_in, sizeof(drop_in), "%s.d/%s", path, names[i]->d_name);
                        r = load_file(drop_in, &loaded, message);
                }
                free(names[i]);
        }
        free(names);
        if (r >= 0 && loaded.aliases) {
                r = alias_finish(loaded.aliases);
                if (r < 0)
                        SAY(message, "%s: cannot be read: %s", path, strerror(-r));
        }
        if (r < 0)
                return r;

        config_done(config);
        *config = loaded;
        loaded.aliases = NULL;
        return 0;
}

/* By enum source; of the namespaces those that are not our own. */
static const struct {
        const char *by;
        size_t offset;
} switches[_SOURCE_MAX] = {
        [SOURCE_NAMESPACES] = { "Namespaces=own", offsetof(struct config, all_namespaces) },
        [SOURCE_SOCK_DIAG] = { "SockDiag=no", offsetof(struct config, sock_diag) },
        [SOURCE_OPTIONS] = { "SocketOptions=no", offsetof(struct config, socket_options) },
        [SOURCE_OWNERS] = { "Owners=no", offsetof(struct config, owners) },
        [SOURCE_CONNTRACK] = { "Conntrack=no", offsetof(struct config, conntrack) },
        [SOURCE_EVENTS] = { "Bpf=no", offsetof(struct config, bpf) },
        [SOURCE_LISTING] = { "Bpf=no", offsetof(struct config, bpf) },
};

static bool is_off(const struct config *config, enum source source) {
        return switches[source].by && !*(const bool *) ((const char *) config + switches[source].offset);
}

const char *config_off_by(const struct config *config, enum source source) {
        if (is_off(config, source))
                return switches[source].by;
        /* Without its owners nobody's socket can be asked. */
        if (source == SOURCE_OPTIONS && is_off(config, SOURCE_OWNERS))
                return switches[SOURCE_OWNERS].by;

        return NULL;
}

unsigned config_off(const struct config *config) {
        unsigned off = 0;

        for (enum source i = 0; i < _SOURCE_MAX; i++)
                if (config_off_by(config, i))
                        off |= 1u << i;

        return off;
}
