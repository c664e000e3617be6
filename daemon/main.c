/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "clock.h"
#include "config.h"
#include "log.h"
#include "manager.h"
#include "module.h"
#include "netns.h"
#include "privilege.h"
#include "scanner.h"
#include "socket.h"

#define CONFIG_PATH SYSCONFDIR "/sctpmond.conf"
#define SOCKET_PATH "/run/sctpmon/io.sctpmon.Monitor"
#define STATE_DIRECTORY "/run/sctpmond"

enum {
        OPTION_HELP = 1000,
        OPTION_VERSION,
        OPTION_CONFIG,
        OPTION_SOCKET,
        OPTION_STATE,
        OPTION_SETTING,                 /* this one and those behind it */
};

/* Settings given on the command line stand above the files'. */
#define SETTINGS_MAX 32

struct arguments {
        bool load_module_now;
        const char *config_path, *socket_path, *state_directory;
        struct option options[SETTINGS_MAX + 8];
        const char *values[SETTINGS_MAX];       /* by index of the setting; NULL: not given */
};

static int help(void) {
        const char *value, *text, *name;

        printf("sctpmond [OPTION...]\n\n"
               "Watches SCTP on this host and tells sctpctl and the journal. Started by systemd it takes\n"
               "its socket from sctpmond.socket.\n\n"
               "  --load-module           load the kernel module sctp, say what came of it, and exit\n"
               "  --config=FILE           settings (default " CONFIG_PATH ", and FILE.d/*.conf)\n"
               "  --socket=PATH           own socket, when started by hand (default " SOCKET_PATH ")\n"
               "  --state=DIRECTORY       what the next start needs to tell what changed meanwhile\n"
               "                          (default " STATE_DIRECTORY ")\n"
               "  --help, --version\n\n"
               "Settings, above those of the files; see sctpmond.conf(5):\n");
        for (size_t i = 0; (name = config_option(i, &value, &text)); i++) {
                char option[64];

                snprintf(option, sizeof(option), "--%s=%s", name, value);
                printf("  %-23s %s\n", option, text);
        }

        return 0;
}

static void add_option(struct arguments *a, size_t *n, const char *name, int argument, int value) {
        a->options[(*n)++] = (struct option) { name, argument, NULL, value };
}

/* 1: go on; 0: all is done; -EINVAL: told why. */
static int parse_arguments(struct arguments *a, int argc, char *argv[]) {
        const char *name, *value, *text;
        size_t n = 0;
        int c;

        *a = (struct arguments) {
                .config_path = CONFIG_PATH,
                .socket_path = SOCKET_PATH,
                .state_directory = STATE_DIRECTORY,
        };
        add_option(a, &n, "help", no_argument, OPTION_HELP);
        add_option(a, &n, "version", no_argument, OPTION_VERSION);
        add_option(a, &n, "config", required_argument, OPTION_CONFIG);
        add_option(a, &n, "socket", required_argument, OPTION_SOCKET);
        add_option(a, &n, "state", required_argument, OPTION_STATE);
        for (size_t i = 0; i < SETTINGS_MAX && (name = config_option(i, &value, &text)); i++)
                /* "--load-module" alone is a command, "--load-module=no" the setting. */
                add_option(a, &n, name, strcmp(name, "load-module") == 0 ? optional_argument : required_argument,
                           OPTION_SETTING + (int) i);

        while ((c = getopt_long(argc, argv, "h", a->options, NULL)) >= 0)
                switch (c) {
                case 'h':
                case OPTION_HELP:
                        return help();
                case OPTION_VERSION:
                        puts("sctpmond " PACKAGE_VERSION);
                        return 0;
                case OPTION_CONFIG:
                        a->config_path = optarg;
                        break;
                case OPTION_SOCKET:
                        a->socket_path = optarg;
                        break;
                case OPTION_STATE:
                        a->state_directory = optarg;
                        break;
                default:
                        if (c < OPTION_SETTING) {
                                fprintf(stderr, "Try \"sctpmond --help\".\n");
                                return -EINVAL;
                        }
                        a->values[c - OPTION_SETTING] = optarg;
                        a->load_module_now |= !optarg;
                }

        if (optind < argc) {
                fprintf(stderr, "sctpmond: takes no argument \"%s\". Try \"sctpmond --help\".\n", argv[optind]);
                return -EINVAL;
        }

        return 1;
}

static int read_config(const void *userdata, struct config *ret) {
        const struct arguments *a = userdata;
        _cleanup_(config_done) struct config config = CONFIG_DEFAULT;
        char message[CONFIG_MESSAGE_MAX];
        const char *value, *text;
        int r;

        r = config_load(a->config_path, &config, message);
        for (size_t i = 0; r >= 0 && i < SETTINGS_MAX; i++)
                if (a->values[i])
                        r = config_set(&config, config_option(i, &value, &text), a->values[i], message);
        if (r < 0) {
                log_error("%s", message);
                return r;
        }

        config_done(ret);
        *ret = config;
        config.aliases = NULL;
        return 0;
}

static int load_module(void) {
        struct module_report report;
        bool there = module_load(&report);

        log_message(there ? LOG_INFO : LOG_ERR, "%s%s%s", report.reason, *report.advice ? " " : "", report.advice);
        return there ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* What the daemon before us had reported, if it is of this boot and of this namespace. */
static struct snapshot *restore(const char *path) {
        struct snapshot *s = NULL;
        uint64_t netns;
        int r;

        r = snapshot_load(path, &s);
        if (r == -ENOENT)
                return NULL;
        if (r < 0) {
                log_warning("%s is of no use (%s): what changed since the last run cannot be told", path, strerror(-r));
                return NULL;
        }
        if (snapshot_head(s)->started_monotonic > clock_usec(CLOCK_MONOTONIC) ||
            netns_self(&netns) < 0 || snapshot_head(s)->netns != netns)
                return snapshot_unref(s);

        return s;
}

static int run(const struct arguments *a, const struct config *config) {
        _cleanup_(snapshot_unref_p) struct snapshot *restored = NULL;
        struct manager_start start = {
                .config = *config,
                .read_config = read_config,
                .userdata = a,
                .scanner_fd = -EBADF,
                .listen_fd = -EBADF,
        };
        _cleanup_free_ char *state_path = NULL;
        bool own;
        int r;

        if (mkdir(a->state_directory, 0700) < 0 && errno != EEXIST)
                log_warning("cannot make %s (%m): what changes while sctpmond does not run will not be told",
                            a->state_directory);
        if (asprintf(&state_path, "%s/snapshot", a->state_directory) < 0) {
                state_path = NULL;
                return -ENOMEM;
        }
        start.state_path = state_path;
        start.restored = restored = restore(state_path);

        /* First of all, so that the scanner has nothing of the server's: no socket, no thread. */
        r = scanner_start(restored, &start.scanner_pid, &start.scanner_fd);
        if (r < 0) {
                log_error("cannot start the scanner: %s", strerror(-r));
                return r;
        }

        r = socket_listen(a->socket_path, &start.listen_fd, &own);
        if (r < 0) {
                close_p(&start.scanner_fd);
                log_error("cannot listen on %s: %s", own ? a->socket_path : "the socket systemd passed",
                          r == -EADDRINUSE ? "another sctpmond answers there" : strerror(-r));
                return r;
        }

        if (own)
                log_info("listening at %s; sctpctl shows what is seen", a->socket_path);
        r = privilege_drop();
        if (r < 0)
                log_error("cannot give up rights: %s", strerror(-r));
        else
                r = manager_run(&start);
        if (own)
                (void) unlink(a->socket_path);
        return r;
}

int main(int argc, char *argv[]) {
        _cleanup_(config_done) struct config config = CONFIG_DEFAULT;
        struct arguments arguments;
        int r;

        r = parse_arguments(&arguments, argc, argv);
        if (r <= 0)
                return r < 0 ? 2 : EXIT_SUCCESS;
        if (read_config(&arguments, &config) < 0)
                return 2;
        if (arguments.load_module_now) {
                if (config.load_module)
                        return load_module();
                log_info("LoadModule=no: the module is left alone");
                return EXIT_SUCCESS;
        }

        /* As a service it has no right to load modules; sctpmond-module.service has done it. */
        if (config.load_module && geteuid() == 0 && sd_listen_fds(false) <= 0)
                (void) load_module();

        return run(&arguments, &config) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
