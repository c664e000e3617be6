/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "address.h"
#include "clock.h"
#include "filter.h"
#include "guess.h"
#include "json.h"
#include "netns.h"
#include "pager.h"
#include "plain.h"
#include "sctpctl.h"
#include "state.h"
#include "text.h"
#include "when.h"

#define OUTPUT_BUFFER_BYTES (64u * 1024u)
#define TIMEOUT_USEC_MAX (30 * 86400 * USEC_PER_SEC)
#define LINES_MAX 100000u
/* What Nagios takes for "unknown". */
#define CODE_CHECK_UNKNOWN ((enum code) 3)

/* What options are for; each is for one of these. */
enum group {
        FOR_ALL = 1 << 0,
        FOR_COLUMNS = 1 << 1,           /* --wide */
        FOR_TABLES = 1 << 2,            /* of the kernel: --raw */
        FOR_TREES = 1 << 3,             /* --root */
        FOR_NAMESPACES = 1 << 4,        /* --netns */
        FOR_LISTS = 1 << 5,             /* filters */
        FOR_PEERS = 1 << 6,             /* filters of associations */
        FOR_ENDPOINTS = 1 << 7,
        FOR_CHANGES = 1 << 8,           /* --watch */
        FOR_ONE = 1 << 9,               /* association */
        FOR_STORIES = 1 << 10,          /* what has changed: --since */
        FOR_JOURNALS = 1 << 11,
        FOR_WAITING = 1 << 12,
        FOR_CHECKS = 1 << 13,
        FOR_IMPAIRED = 1 << 14,         /* --impaired */
};

struct verb {
        const char *name;
        const char *argument;           /* that it may be given; NULL: options only */
        const char *help;
        unsigned groups;
        const char *(*state_name)(int state);   /* what --state= takes */
        enum code (*run)(const struct options *o);
};

/* Of an association, or of the path itself: no name is both. */
static const char *either_state_name(int state) {
        return state < _ASSOCIATION_STATE_MAX ? association_state_name(state) :
                path_state_name(state - _ASSOCIATION_STATE_MAX);
}

static const struct verb verbs[] = {
        { "eps", NULL, "Listening endpoints, with --all every SCTP socket",
          FOR_COLUMNS | FOR_TABLES | FOR_TREES | FOR_NAMESPACES | FOR_LISTS | FOR_ENDPOINTS,
          endpoint_state_name, verb_eps },
        { "assocs", NULL, "Associations; with --watch a live view of them",
          FOR_COLUMNS | FOR_TABLES | FOR_TREES | FOR_NAMESPACES | FOR_LISTS | FOR_PEERS | FOR_IMPAIRED | FOR_CHANGES,
          association_state_name, verb_assocs },
        { "show", "ID", "All that is known of one association, by its id or by filters that it alone matches",
          FOR_TREES | FOR_NAMESPACES | FOR_LISTS | FOR_PEERS | FOR_IMPAIRED | FOR_ONE, association_state_name, verb_show },
        { "paths", NULL, "Paths of associations, one a row",
          FOR_COLUMNS | FOR_TREES | FOR_NAMESPACES | FOR_LISTS | FOR_PEERS | FOR_IMPAIRED, either_state_name, verb_paths },
        { "netns", NULL, "Network namespaces, and how much SCTP is in each", FOR_COLUMNS, NULL, verb_netns },
        { "monitor", NULL, "Changes as they happen, one a line",
          FOR_NAMESPACES | FOR_LISTS | FOR_PEERS | FOR_STORIES, association_state_name, verb_monitor },
        { "trace", NULL, "What the kernel does with associations: chunks received, timers, requests, one a line",
          FOR_NAMESPACES | FOR_LISTS | FOR_PEERS, association_state_name, verb_trace },
        { "log", NULL, "Changes that the journal has, also while sctpmond is not running",
          FOR_NAMESPACES | FOR_LISTS | FOR_PEERS | FOR_STORIES | FOR_JOURNALS, association_state_name, verb_log },
        { "wait", NULL, "Wait until an association is in a state (established), or none is there (closed)",
          FOR_NAMESPACES | FOR_LISTS | FOR_PEERS | FOR_WAITING, association_state_name, verb_wait },
        { "check", NULL, "Whether associations are as they should be, for Nagios and its kin",
          FOR_NAMESPACES | FOR_LISTS | FOR_PEERS | FOR_CHECKS, association_state_name, verb_check },
        { "stats", NULL, "Counters of this host's SCTP, and what they mean",
          FOR_COLUMNS | FOR_TABLES | FOR_TREES | FOR_NAMESPACES, NULL, verb_stats },
        { "status", NULL, "What sctpmond is doing", 0, NULL, verb_status },
        { "explain", "WORD", "What a field, a column, a counter or a state means", FOR_COLUMNS, NULL, verb_explain },
};

enum option_id {
        OPTION_JSON = 256,
        OPTION_NO_PAGER,
        OPTION_NO_LEGEND,
        OPTION_COLOR,
        OPTION_WIDE,
        OPTION_WATCH,
        OPTION_PORT,
        OPTION_LOCAL,
        OPTION_PEER,
        OPTION_STATE,
        OPTION_NETNS,
        OPTION_CONTAINER,
        OPTION_IMPAIRED,
        OPTION_ALL,
        OPTION_STATS,
        OPTION_RAW,
        OPTION_ROOT,
        OPTION_SOCKET,
        OPTION_VERSION,
        OPTION_SINCE,
        OPTION_UNTIL,
        OPTION_BOOT,
        OPTION_FOLLOW,
        OPTION_LINES,
        OPTION_DIRECTORY,
        OPTION_TIMEOUT,
        OPTION_MIN_PATHS,
        OPTION_MIN_ASSOCIATIONS,
};

static const struct option_text {
        const char *name, *argument, *help;
        int id;
        unsigned groups;
} option_texts[] = {
        { "all", NULL, "Those that do not listen, too", OPTION_ALL, FOR_ENDPOINTS },
        { "watch", NULL, "Follow the changes", OPTION_WATCH, FOR_CHANGES },
        { "stats", NULL, "The greatest RTO, too; reading it resets it for everyone", OPTION_STATS, FOR_ONE },
        { "since", "TIME", "From then on: \"10min ago\", -1h, 14:30, today, \"2026-01-31 14:30\"", OPTION_SINCE,
          FOR_STORIES },
        { "until", "TIME", "Up to then", OPTION_UNTIL, FOR_JOURNALS },
        { "boot", "N|ID", "Of the boot with this id; 0: the last one, -1: the one before it", OPTION_BOOT, FOR_JOURNALS },
        { "follow", NULL, "Go on with what comes", OPTION_FOLLOW, FOR_JOURNALS },
        { "lines", "N", "The last N", OPTION_LINES, FOR_JOURNALS },
        { "directory", "DIR", "The journals in this directory", OPTION_DIRECTORY, FOR_JOURNALS },
        { "timeout", "TIME", "Wait no longer than this: 30s, 5min", OPTION_TIMEOUT, FOR_WAITING },
        { "min-paths", "N", "Each association must have so many active paths", OPTION_MIN_PATHS, FOR_CHECKS },
        { "min-associations", "N", "So many must be established (1)", OPTION_MIN_ASSOCIATIONS, FOR_CHECKS },
        { "port", "N", "With this port on either side", OPTION_PORT, FOR_LISTS },
        { "local", "ADDR[:PORT]", "With this local address ([IPv6]:PORT)", OPTION_LOCAL, FOR_LISTS },
        { "peer", "ADDR[:PORT]|NAME", "With this address, or name, of the peer", OPTION_PEER, FOR_PEERS },
        { "state", "STATE", "In this state", OPTION_STATE, FOR_LISTS },
        { "impaired", NULL, "Established, and not as they should be", OPTION_IMPAIRED, FOR_IMPAIRED },
        { "container", "NAME|ID", "Of this container", OPTION_CONTAINER, FOR_LISTS },
        { "netns", "WHICH", "In this network namespace: all, host, NAME, pid:N, inode:N", OPTION_NETNS,
          FOR_NAMESPACES },
        { "wide", NULL, "All columns, nothing cut to fit the terminal", OPTION_WIDE, FOR_COLUMNS },
        { "raw", NULL, "The kernel's own table, unchanged", OPTION_RAW, FOR_TABLES },
        { "root", "DIR", "Read a saved tree that has proc/net/sctp in it", OPTION_ROOT, FOR_TREES },
        { "json", "pretty|short|off", "Print JSON", OPTION_JSON, FOR_ALL },
        { NULL, NULL, "JSON, pretty on a terminal", 'j', FOR_ALL },
        { "no-legend", NULL, "No header and no totals", OPTION_NO_LEGEND, FOR_ALL },
        { "no-pager", NULL, "Not through a pager", OPTION_NO_PAGER, FOR_ALL },
        { "color", "auto|always|never", "Colour, for what is in trouble", OPTION_COLOR, FOR_ALL },
        { "socket", "PATH", "Where sctpmond listens (" SCTPCTL_SOCKET ")", OPTION_SOCKET, FOR_ALL },
        { "help", NULL, "This text", 'h', FOR_ALL },
        { "version", NULL, "The version", OPTION_VERSION, FOR_ALL },
};

void say(const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, format);
        text = plain_vformat(format, ap);
        va_end(ap);
        (void) fflush(stdout);
        fprintf(stderr, "sctpctl: %s\n", text ?: "out of memory");
}

enum code say_out_of_memory(void) {
        say("out of memory");
        return CODE_FAILED;
}

bool options_filtered(const struct options *o) {
        return json_object_size(o->filter) > 0 || o->path_state || (o->netns && strcmp(o->netns, "all") != 0);
}

static void print_options(unsigned groups) {
        for (size_t i = 0; i < ELEMENTS(option_texts); i++) {
                const struct option_text *t = option_texts + i;
                char left[64], brief[3] = "";

                if (!(t->groups & groups))
                        continue;
                if (t->id < 256)
                        snprintf(brief, sizeof(brief), "-%c", t->id);
                snprintf(left, sizeof(left), "%2s %s%s%s%s", brief, t->name ? "--" : "", t->name ?: "",
                         t->argument ? "=" : "", t->argument ?: "");
                printf("  %-28s %s\n", left, t->help);
        }
}

static enum code help(const struct verb *verb) {
        if (verb) {
                printf("sctpctl %s%s%s%s [OPTION…]\n\n%s.\n", verb->name, verb->argument ? " [" : "",
                       verb->argument ?: "", verb->argument ? "]" : "", verb->help);
                if (verb->groups)
                        printf("\n");
                print_options(verb->groups);
                if (verb->state_name) {
                        printf("\nStates:");
                        for (int i = 0; verb->state_name(i); i++)
                                printf(" %s", verb->state_name(i));
                        printf("\n");
                }
        } else {
                printf("sctpctl VERB [OPTION…]\n\nThe state of SCTP on this host.\n\n");
                for (size_t i = 0; i < ELEMENTS(verbs); i++)
                        printf("  %-8s %s\n", verbs[i].name, verbs[i].help);
                printf("\nA verb's own options: sctpctl VERB --help\n");
        }
        printf("\n");
        print_options(FOR_ALL);
        printf("\nsctpctl(1) has the details.\n");
        return CODE_DONE;
}

static enum code unknown_verb(const char *word) {
        struct guess guess = { .word = word };
        char all[256] = "";

        for (size_t i = 0; i < ELEMENTS(verbs); i++) {
                guess_name(&guess, verbs[i].name);
                snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i > 0 ? ", " : "", verbs[i].name);
        }
        say("There is no verb \"%s\". Verbs are: %s.", word, all);
        if (guess.name)
                say("Did you mean \"%s\"?", guess.name);
        return CODE_USAGE;
}

static enum code unknown_option(const char *word) {
        _cleanup_free_ char *name = NULL;
        struct guess guess = {};

        name = strndup(word + strspn(word, "-"), strcspn(word + strspn(word, "-"), "="));
        if (!name)
                return say_out_of_memory();
        guess.word = name;
        for (size_t i = 0; i < ELEMENTS(option_texts); i++)
                if (option_texts[i].name)
                        guess_name(&guess, option_texts[i].name);
        say("There is no option %s; sctpctl VERB --help shows those there are.", word);
        if (guess.name)
                say("Did you mean --%s?", guess.name);
        return CODE_USAGE;
}

static const struct option_text *option_text(int id) {
        for (size_t i = 0; i < ELEMENTS(option_texts); i++)
                if (option_texts[i].id == id)
                        return option_texts + i;
        return NULL;
}

/* What argv holds, before the verb is known. */
struct arguments {
        struct options *options;
        unsigned groups;                /* of the options given */
        const struct option_text *last[8 * sizeof(unsigned)];  /* an example for each */
        const char *color, *state;
        bool help, version;
};

static int filter_set(struct arguments *a, const char *name, json_t *value) {
        struct options *o = a->options;

        if (!o->filter)
                o->filter = json_object();
        return !value || !o->filter || json_object_set_new(o->filter, name, value) < 0 ? -ENOMEM : 0;
}

static int filter_end(struct arguments *a, const char *text, const char *address_name, const char *port_name) {
        char buffer[ADDRESS_TEXT_MAX];
        struct address_port end;
        int r;

        r = address_port_parse(text, &end);
        if (r < 0)
                return r;
        r = filter_set(a, address_name, json_string(address_text(&end.address, buffer)));
        if (r >= 0 && end.has_port)
                r = filter_set(a, port_name, json_integer(end.port));
        return r;
}

/* By its address, or by the name that the daemon's configuration gives it. */
static int filter_peer(struct arguments *a, const char *text) {
        int r;

        r = filter_end(a, text, "peerAddress", "peerPort");
        if (r == -EINVAL && alias_is_name(text))
                r = filter_set(a, "peerName", json_string(text));
        return r;
}

static int parse_output(const char *text, struct options *o) {
        if (strcmp(text, "pretty") == 0)
                o->output = OUTPUT_JSON_PRETTY;
        else if (strcmp(text, "short") == 0)
                o->output = OUTPUT_JSON_SHORT;
        else if (strcmp(text, "off") == 0)
                o->output = OUTPUT_TABLE;
        else
                return -EINVAL;
        return 0;
}

/* Whether JSON can carry it. */
static bool is_text(const char *value) {
        _cleanup_(json_decref_p) json_t *text = json_string(value);

        return text;
}

/* How many before the last one, or its id. */
static bool is_boot(const char *value) {
        size_t sign = value[0] == '-', n = strlen(value);

        if (n == 32)
                return strspn(value, "0123456789abcdef") == n;
        return n > sign && n - sign < 6 && strspn(value + sign, "0123456789") == n - sign;
}

/* -EINVAL: the value is none of those allowed; `*ret_allowed` tells them where the option's own text does not. */
static int parse_option(struct arguments *a, enum option_id id, const char *value, const char **ret_allowed) {
        struct options *o = a->options;
        uint64_t number;
        bool all;

        switch (id) {

        case OPTION_JSON:
                return parse_output(value, o);

        case OPTION_NO_PAGER:
                o->pager = false;
                return 0;

        case OPTION_NO_LEGEND:
                o->legend = false;
                return 0;

        case OPTION_COLOR:
                a->color = value;
                return strcmp(value, "auto") == 0 || strcmp(value, "always") == 0 || strcmp(value, "never") == 0 ?
                        0 : -EINVAL;

        case OPTION_WIDE:
                o->wide = true;
                return 0;

        case OPTION_WATCH:
                o->watch = true;
                return 0;

        case OPTION_PORT:
                *ret_allowed = "a number from 1 to 65535";
                if (text_to_u64(value, strlen(value), 10, UINT16_MAX, &number) < 0 || number == 0)
                        return -EINVAL;
                return filter_set(a, "port", json_integer((json_int_t) number));

        case OPTION_LOCAL:
                *ret_allowed = "ADDR, ADDR:PORT or [IPv6]:PORT, in numbers";
                return filter_end(a, value, "localAddress", "localPort");

        case OPTION_PEER:
                *ret_allowed = "ADDR, ADDR:PORT or [IPv6]:PORT, in numbers, or a NAME that sctpmond.conf gives";
                return filter_peer(a, value);

        case OPTION_STATE:
                a->state = value;
                return 0;

        case OPTION_NETNS:
                *ret_allowed = "all, host, NAME, pid:N or inode:N";
                o->netns = value;
                return !is_text(value) || netns_resolve(value, &all, &number) == -EINVAL ? -EINVAL : 0;

        case OPTION_CONTAINER:
                *ret_allowed = "a container's name or id";
                if (!is_text(value) || strlen(value) == 0 || strlen(value) > FILTER_CONTAINER_MAX)
                        return -EINVAL;
                return filter_set(a, "container", json_string(value));

        case OPTION_IMPAIRED:
                return filter_set(a, "impaired", json_true());

        case OPTION_SINCE:
        case OPTION_UNTIL:
                *ret_allowed = WHEN_ALLOWED;
                return when_parse(value, clock_usec(CLOCK_REALTIME), id == OPTION_SINCE ? &o->since : &o->until) < 0 ?
                        -EINVAL : 0;

        case OPTION_BOOT:
                *ret_allowed = "0, -1, … or the 32 digits of a boot's id";
                o->boot = value ?: "0";
                return is_boot(o->boot) ? 0 : -EINVAL;

        case OPTION_FOLLOW:
                o->follow = true;
                return 0;

        case OPTION_LINES:
                *ret_allowed = "a number up to 100000";
                if (text_to_u64(value, strlen(value), 10, LINES_MAX, &number) < 0)
                        return -EINVAL;
                o->lines = (unsigned) number;
                return 0;

        case OPTION_DIRECTORY:
                o->directory = value;
                return value[0] ? 0 : -EINVAL;

        case OPTION_TIMEOUT:
                *ret_allowed = "a time span: 300ms, 30s, 5min";
                return text_to_usec(value, &o->timeout_usec) < 0 || o->timeout_usec == 0 ||
                       o->timeout_usec > TIMEOUT_USEC_MAX ? -EINVAL : 0;

        case OPTION_MIN_PATHS:
        case OPTION_MIN_ASSOCIATIONS:
                *ret_allowed = "a number from 1";
                if (text_to_u64(value, strlen(value), 10, INT32_MAX, &number) < 0 || number == 0)
                        return -EINVAL;
                *(id == OPTION_MIN_PATHS ? &o->min_paths : &o->min_associations) = (unsigned) number;
                return 0;

        case OPTION_ALL:
                o->all = true;
                return 0;

        case OPTION_STATS:
                o->statistics = true;
                return 0;

        case OPTION_RAW:
                o->raw = true;
                return 0;

        case OPTION_ROOT:
                o->root = value;
                return value[0] ? 0 : -EINVAL;

        case OPTION_SOCKET:
                o->socket = value;
                return value[0] ? 0 : -EINVAL;

        case OPTION_VERSION:
                a->version = true;
                return 0;
        }
        return -EINVAL;
}

static enum code parse_arguments(struct arguments *a, int argc, char **argv) {
        struct option options[ELEMENTS(option_texts) + 1] = {};
        size_t n = 0;
        int id;

        for (size_t i = 0; i < ELEMENTS(option_texts); i++)
                if (option_texts[i].name)
                        options[n++] = (struct option) {
                                .name = option_texts[i].name,
                                .has_arg = !option_texts[i].argument ? no_argument :
                                        option_texts[i].id == OPTION_BOOT ? optional_argument : required_argument,
                                .val = option_texts[i].id,
                        };

        opterr = 0;
        while ((id = getopt_long(argc, argv, ":jh", options, NULL)) >= 0) {
                /* What getopt_long() did not like. */
                const struct option_text *text = option_text(id == ':' || id == '?' ? optopt : id);
                const char *allowed;
                int r;

                if (id == 'h') {
                        a->help = true;
                        continue;
                }
                if (id == 'j') {
                        a->options->output = a->options->terminal ? OUTPUT_JSON_PRETTY : OUTPUT_JSON_SHORT;
                        continue;
                }
                if (id == ':' && text) {
                        say("--%s= needs a value: %s", text->name, text->argument);
                        return CODE_USAGE;
                }
                if (id == '?' && text) {
                        say("--%s takes no value.", text->name);
                        return CODE_USAGE;
                }
                if (!text) {
                        char brief[3] = { '-', (char) optopt, '\0' };

                        return unknown_option(optopt ? brief : argv[optind - 1]);
                }
                for (unsigned bit = 0; text->groups >> bit; bit++)
                        if (text->groups >> bit & 1)
                                a->last[bit] = text;
                a->groups |= text->groups;

                allowed = text->argument;
                r = parse_option(a, (enum option_id) id, optarg, &allowed);
                if (r == -EINVAL) {
                        say("--%s=%s: expected %s.", text->name, optarg, allowed);
                        return CODE_USAGE;
                }
                if (r < 0)
                        return say_out_of_memory();
        }
        return CODE_DONE;
}

static enum code check_state(struct arguments *a, const struct verb *verb) {
        struct guess guess = { .word = a->state };
        char all[256] = "";

        for (int i = 0; verb->state_name(i); i++) {
                const char *name = verb->state_name(i);

                if (guess_is_name(name, a->state) && verb->state_name == either_state_name &&
                    i >= _ASSOCIATION_STATE_MAX) {
                        a->options->path_state = name;
                        return CODE_DONE;
                }
                if (guess_is_name(name, a->state))
                        return filter_set(a, "state", json_string(name)) < 0 ? say_out_of_memory() : CODE_DONE;
                guess_name(&guess, name);
                snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i > 0 ? ", " : "", name);
        }
        say("--state=%s: expected one of %s.", a->state, all);
        if (guess.name)
                say("Did you mean \"%s\"?", guess.name);
        return CODE_USAGE;
}

/* Options that do not go with this verb, or with each other. */
static enum code check_arguments(struct arguments *a, const struct verb *verb) {
        const struct options *o = a->options;
        unsigned foreign = a->groups & ~(verb->groups | FOR_ALL);
        const char *with = NULL;

        if (foreign) {
                say("%s has no option --%s; sctpctl %s --help shows those it has.", verb->name,
                    a->last[__builtin_ctz(foreign)]->name, verb->name);
                return CODE_USAGE;
        }
        if (o->raw)
                with = o->output != OUTPUT_TABLE ? "--json" : o->watch ? "--watch" : o->all ? "--all" :
                        o->filter || a->state ? "filters" : o->netns ? "--netns" : NULL;
        if (with) {
                say("--raw prints the kernel's table as it is: not together with %s.", with);
                return CODE_USAGE;
        }
        if (o->root)
                with = o->watch ? "--watch" : o->statistics ? "--stats" : o->netns ? "--netns" : NULL;
        if (with) {
                say("--root= is for a saved tree: not together with %s.", with);
                return CODE_USAGE;
        }
        if (verb->run == verb_check && o->output != OUTPUT_TABLE) {
                say("check prints its one line: not together with --json.");
                return CODE_USAGE;
        }
        if (o->follow && o->until > 0) {
                say("--follow goes on until it is ended: not together with --until=.");
                return CODE_USAGE;
        }
        if (o->directory && o->netns && (strcmp(o->netns, "host") == 0 || strncmp(o->netns, "pid:", 4) == 0)) {
                say("--directory= may be of another host: not together with --netns=%s.", o->netns);
                return CODE_USAGE;
        }
        return a->state ? check_state(a, verb) : CODE_DONE;
}

static bool want_color(const char *word, bool terminal) {
        const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

        if (word && strcmp(word, "auto") != 0)
                return strcmp(word, "always") == 0;
        return terminal && (!no_color || !no_color[0]) && term && strcmp(term, "dumb") != 0;
}

/* `*ret`: what is to be done; NULL if that was all. */
static enum code prepare(struct options *o, int argc, char **argv, const struct verb **ret) {
        struct arguments a = { .options = o };
        const struct verb *verb = NULL;
        enum code code;

        code = parse_arguments(&a, argc, argv);
        if (code != CODE_DONE)
                return code;
        if (a.version) {
                printf("sctpctl " PACKAGE_VERSION "\n");
                return CODE_DONE;
        }
        if (optind < argc && strcmp(argv[optind], "help") == 0) {
                a.help = true;
                optind++;
        }
        if (optind < argc) {
                for (size_t i = 0; i < ELEMENTS(verbs); i++)
                        if (strcmp(verbs[i].name, argv[optind]) == 0)
                                verb = verbs + i;
                if (!verb)
                        return unknown_verb(argv[optind]);
                optind++;
        }
        if (a.help || !verb)
                return help(verb);
        if (verb->argument && optind < argc)
                o->argument = argv[optind++];
        if (optind < argc && verb->argument) {
                say("%s takes one %s: what is \"%s\"?", verb->name, verb->argument, argv[optind]);
                return CODE_USAGE;
        }
        if (optind < argc) {
                say("%s takes options only: what is \"%s\"?", verb->name, argv[optind]);
                return CODE_USAGE;
        }
        code = check_arguments(&a, verb);
        if (code != CODE_DONE)
                return code;

        o->color = want_color(a.color, o->terminal);
        *ret = verb;
        return CODE_DONE;
}

/* Whether that is the verb, where options are too wrong to tell it. To be asked first: getopt_long() sorts them. */
static bool is_check(int argc, char **argv) {
        for (int i = 1; i < argc; i++)
                if (argv[i][0] != '-')
                        return strcmp(argv[i], "check") == 0;
        return false;
}

int main(int argc, char **argv) {
        struct options o = {
                .legend = true,
                .lines = LINES_ALL,
                .pager = true,
                .terminal = isatty(STDOUT_FILENO),
                .socket = getenv("SCTPMON_SOCKET") ?: SCTPCTL_SOCKET,
        };
        static char output[OUTPUT_BUFFER_BYTES];
        bool check = is_check(argc, argv), broken;
        const struct verb *verb = NULL;
        enum code code;

        (void) setlocale(LC_CTYPE, "");
        /* A reader who has seen enough is no error: writes tell it by EPIPE. */
        (void) signal(SIGPIPE, SIG_IGN);
        /* Where it is not given one glibc takes one of its own size. */
        (void) setvbuf(stdout, output, _IOFBF, sizeof(output));

        code = prepare(&o, argc, argv, &verb);
        if (verb)
                code = verb->run(&o);
        else if (check && code != CODE_DONE) {
                /* CODE_USAGE would be an alarm. */
                printf("SCTP UNKNOWN - wrong options\n");
                code = CODE_CHECK_UNKNOWN;
        }

        errno = 0;
        broken = fflush(stdout) != 0;
        if (broken && errno != EPIPE && code == CODE_DONE) {
                say("Standard output: %s", strerror(errno));
                code = check ? CODE_CHECK_UNKNOWN : CODE_FAILED;
        }
        pager_close();
        json_decref(o.filter);
        return (int) code;
}
