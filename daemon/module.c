/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <dirent.h>
#include <fnmatch.h>
#include <libkmod.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "log.h"
#include "module.h"
#include "text.h"

#define SAY(field, ...) log_compose(field, sizeof(field), __VA_ARGS__)

static inline void closedir_p(DIR **d) {
        if (*d)
                closedir(*d);
}

static inline void kmod_unref_p(struct kmod_ctx **ctx) {
        kmod_unref(*ctx);
}

static inline void kmod_module_unref_p(struct kmod_module **module) {
        kmod_module_unref(*module);
}

static inline void kmod_list_free_p(struct kmod_list **list) {
        kmod_module_unref_list(*list);
}

static inline void cap_free_p(cap_t *cap) {
        if (*cap)
                cap_free(*cap);
}

/* Where libkmod itself looks, only to name a file. */
static const char *const rule_directories[] = {
        "/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d",
        NULL,
};

static const struct module_places system_places = { .proc = "/proc" };

static bool have_sctp(const struct module_places *places) {
        char path[PATH_MAX];

        snprintf(path, sizeof(path), "%s/net/sctp/eps", places->proc);
        return access(path, F_OK) == 0;
}

static bool may_load(void) {
        _cleanup_(cap_free_p) cap_t cap = cap_get_proc();
        cap_flag_value_t value = CAP_CLEAR;

        return cap && cap_get_flag(cap, CAP_SYS_MODULE, CAP_EFFECTIVE, &value) == 0 && value == CAP_SET;
}

/* Module names count `-` and `_` as one. */
static bool name_matches(const char *pattern, const char *name) {
        char normal[NAME_MAX];
        size_t n = 0;

        for (; n < sizeof(normal) - 1 && pattern[n]; n++)
                normal[n] = pattern[n] == '-' ? '_' : pattern[n];
        normal[n] = '\0';

        return fnmatch(normal, name, 0) == 0;
}

/* Whether the file has a line "COMMAND NAME …". */
static bool file_has_rule(const char *path, const char *command, const char *name) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;

        while (f && getline(&line, &size, f) >= 0) {
                char *rest, *word = strtok_r(line, " \t\n", &rest);
                char *subject = word ? strtok_r(NULL, " \t\n", &rest) : NULL;

                if (subject && strcmp(word, command) == 0 && name_matches(subject, name))
                        return true;
        }

        return false;
}

/* Names the file with such a rule, for the message; libkmod has the rules but not where they stand.
 * A file of an earlier directory masks those of the same name in later ones. */
static void find_rule(const struct module_places *places, const char *command, const char *name,
                      char *buffer, size_t size) {
        const char *const *directories = places->rules ?: rule_directories;

        for (const char *const *d = directories; *d; d++) {
                _cleanup_(closedir_p) DIR *dir = opendir(*d);
                const struct dirent *e;

                while (dir && (e = readdir(dir))) {
                        const char *dot = strrchr(e->d_name, '.');
                        char path[PATH_MAX];
                        bool masked = false;

                        if (!dot || (strcmp(dot, ".conf") != 0 && strcmp(dot, ".alias") != 0))
                                continue;
                        for (const char *const *earlier = directories; !masked && earlier < d; earlier++) {
                                snprintf(path, sizeof(path), "%s/%s", *earlier, e->d_name);
                                masked = access(path, F_OK) == 0;
                        }
                        snprintf(path, sizeof(path), "%s/%s", *d, e->d_name);
                        if (!masked && file_has_rule(path, command, name)) {
                                _cleanup_free_ char *escaped = text_escape(path, strlen(path));

                                log_compose(buffer, size, "%s", escaped ?: *d);
                                return;
                        }
                }
        }

        /* modprobe.blacklist= */
        log_compose(buffer, size, "modprobe.d%s",
                    strcmp(command, "blacklist") == 0 ? " or on the kernel's command line" : "");
}

static bool blacklisted(struct kmod_ctx *ctx, const char *name) {
        struct kmod_config_iter *i = kmod_config_get_blacklists(ctx);
        bool found = false;

        while (i && !found && kmod_config_iter_next(i))
                found = strcmp(kmod_config_iter_get_key(i), name) == 0;
        if (i)
                kmod_config_iter_free_iter(i);

        return found;
}

static bool in_kernel(const struct kmod_module *module) {
        int state = kmod_module_get_initstate(module);

        return state == KMOD_MODULE_LIVE || state == KMOD_MODULE_BUILTIN;
}

/* An administrator's rule against one module. "" or " (which sctp needs)" for a dependency. */
static bool rule_against(const struct module_places *places, struct kmod_ctx *ctx, const struct kmod_module *module,
                         const char *why, struct module_report *ret) {
        const char *name = kmod_module_get_name(module), *command = kmod_module_get_install_commands(module);
        char where[160];

        if (blacklisted(ctx, name)) {
                find_rule(places, "blacklist", name, where, sizeof(where));
                ret->state = MODULE_BLACKLISTED;
                SAY(ret->reason, "The kernel module %s%s is blacklisted in %s.", name, why, where);
                SAY(ret->advice, "If this host is to have SCTP, remove the line \"blacklist %s\" there and restart "
                    "sctpmond.", name);
                return true;
        }

        if (command) {
                _cleanup_free_ char *escaped = text_escape(command, strlen(command));

                find_rule(places, "install", name, where, sizeof(where));
                ret->state = MODULE_INSTALL_RULE;
                SAY(ret->reason, "A rule in %s runs a command in place of loading the kernel module %s%s; sctpmond "
                    "never runs such commands (%s).", where, name, why, escaped ?: "");
                SAY(ret->advice, "If this host is to have SCTP, remove the line \"install %s ...\" there and restart "
                    "sctpmond, or load the module yourself.", name);
                return true;
        }

        return false;
}

/* Why the kernel's modules cannot be found at all: hidden, for another kernel, or not there. */
static void explain_no_modules(const char *directory, struct module_report *ret) {
        _cleanup_free_ char *parent = strdup(directory);
        _cleanup_(closedir_p) DIR *d = NULL;
        const struct dirent *e;
        char *slash = parent ? strrchr(parent, '/') : NULL;
        struct stat st;

        ret->state = MODULE_MISSING;
        SAY(ret->reason, "There are no modules for the running kernel in %s.", directory);
        SAY(ret->advice, "Install the modules of the running kernel, or load sctp on the machine that this is a "
            "container of.");

        if (!slash)
                return;
        *slash = '\0';
        /* What systemd mounts over it for ProtectKernelModules=yes has mode 000: root sees it empty. */
        if ((stat(directory, &st) < 0 && errno == EACCES) ||
            (stat(parent, &st) == 0 && (st.st_mode & 0777) == 0)) {
                SAY(ret->reason, "The kernel's modules in %s are hidden from this process, so whether there is an "
                    "sctp module cannot be told.", parent);
                SAY(ret->advice, "Load sctp from outside of this sandbox (systemctl start sctpmond-module), or set "
                    "ProtectKernelModules=no for this unit.");
                return;
        }

        d = opendir(parent);
        while (d && (e = readdir(d)))
                if (e->d_name[0] != '.' && strcmp(e->d_name, slash + 1) != 0) {
                        SAY(ret->advice, "The kernel was probably updated since the last boot: reboot, or install the "
                            "modules of the running one.");
                        return;
                }
}

/* Whether `name` could be loaded. Leaves LOADABLE, with *ret_module, or why not. */
static void look_at_module(const struct module_places *places, struct kmod_ctx *ctx, const char *name,
                           struct kmod_module **ret_module, struct module_report *ret) {
        _cleanup_(kmod_list_free_p) struct kmod_list *found = NULL, *dependencies = NULL;
        _cleanup_(kmod_module_unref_p) struct kmod_module *module = NULL;
        const struct kmod_list *l;
        char path[PATH_MAX], why[64];
        struct utsname uts;

        *ret = (struct module_report) { .state = MODULE_MISSING };

        if (kmod_module_new_from_lookup(ctx, name, &found) < 0 || !found) {
                snprintf(path, sizeof(path), "%s/modules.dep", kmod_get_dirname(ctx));
                if (access(path, F_OK) < 0) {
                        explain_no_modules(kmod_get_dirname(ctx), ret);
                        return;
                }
        } else
                module = kmod_module_get_module(found);

        if (module && strcmp(kmod_module_get_name(module), name) != 0) {
                char where[160];

                /* "alias sctp off" was the way before blacklists. */
                find_rule(places, "alias", name, where, sizeof(where));
                ret->state = MODULE_BLACKLISTED;
                SAY(ret->reason, "An alias in %s puts another module in the place of %s.", where, name);
                SAY(ret->advice, "If this host is to have SCTP, remove the line \"alias %s ...\" there and restart "
                    "sctpmond.", name);
                return;
        }

        /* A rule speaks first: it is there on purpose, even if the module is missing too. */
        if (module && rule_against(places, ctx, module, "", ret))
                return;

        if (!module || !kmod_module_get_path(module)) {
                SAY(ret->reason, "There is no module %s among those in %s.", name, kmod_get_dirname(ctx));
                SAY(ret->advice, "Install the package that has it (linux-modules-extra-%s on Ubuntu, "
                    "kernel-modules-extra on Fedora and Red Hat), or run a kernel built with it.",
                    uname(&uts) == 0 ? uts.release : "VERSION");
                return;
        }

        snprintf(why, sizeof(why), " (which %s needs)", name);
        dependencies = kmod_module_get_dependencies(module);
        kmod_list_foreach(l, dependencies) {
                _cleanup_(kmod_module_unref_p) struct kmod_module *m = kmod_module_get_module(l);

                if (!in_kernel(m) && rule_against(places, ctx, m, why, ret))
                        return;
        }

        if (access(kmod_module_get_path(module), R_OK) < 0) {
                SAY(ret->reason, "The module file %s is listed in modules.dep but cannot be read: %m.",
                    kmod_module_get_path(module));
                SAY(ret->advice, "Reinstall the modules of the running kernel.");
                return;
        }

        ret->state = MODULE_LOADABLE;
        SAY(ret->reason, "The kernel module %s is not loaded.", name);
        *ret_module = steal_ptr(module);
}

/* One network namespace's table of raw sockets; the "port" is the protocol. */
static bool table_has_stack(const char *path, uint64_t *ret_uid, uint64_t *ret_inode) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;

        while (f && getline(&line, &size, f) >= 0) {
                unsigned long uid, inode;
                unsigned protocol;

                /* sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode … */
                if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*s %*s %*s %*s %*s %lu %*s %lu",
                           &protocol, &uid, &inode) == 3 && protocol == IPPROTO_SCTP) {
                        *ret_uid = uid;
                        *ret_inode = inode;
                        return true;
                }
        }

        return false;
}

/* An SCTP stack in user space, as seen in any namespace that a process lives in. The table's inode is
 * the same for all processes of a namespace, so each table is read once. */
static bool find_userspace_stack(const struct module_places *places, struct module_report *ret) {
        _cleanup_(closedir_p) DIR *proc = opendir(places->proc);
        _cleanup_free_ ino_t *seen = NULL;
        size_t n_seen = 0, n_room = 0;
        const struct dirent *e;

        while (proc && (e = readdir(proc))) {
                static const char *const tables[] = { "raw", "raw6" };

                if (!isdigit((unsigned char) e->d_name[0]))
                        continue;

                for (size_t i = 0; i < ELEMENTS(tables); i++) {
                        char path[PATH_MAX];
                        uint64_t uid, inode;
                        struct stat st;
                        size_t k = 0;

                        snprintf(path, sizeof(path), "%s/%s/net/%s", places->proc, e->d_name, tables[i]);
                        if (stat(path, &st) < 0)
                                continue;
                        while (k < n_seen && seen[k] != st.st_ino)
                                k++;
                        if (k < n_seen)
                                continue;

                        if (n_seen == n_room) {
                                size_t room = MAX(2 * n_room, (size_t) 16);
                                ino_t *bigger = reallocarray(seen, room, sizeof(*seen));

                                if (bigger) {
                                        seen = bigger;
                                        n_room = room;
                                }
                        }
                        if (n_seen < n_room)
                                seen[n_seen++] = st.st_ino;

                        if (table_has_stack(path, &uid, &inode)) {
                                ret->state = MODULE_USERSPACE_STACK;
                                SAY(ret->reason, "A program of user %lu runs an SCTP stack of its own (a raw socket "
                                    "for protocol 132, inode %lu, in the network namespace of process %s): with the "
                                    "module the kernel would ABORT its associations.",
                                    (unsigned long) uid, (unsigned long) inode, e->d_name);
                                SAY(ret->advice, "\"nsenter --net --target %s ss -wap\" as root names the program; "
                                    "stop it and restart sctpmond, or keep it and set LoadModule=no.", e->d_name);
                                return true;
                        }
                }
        }

        return false;
}

static bool loading_switched_off(const struct module_places *places) {
        _cleanup_fclose_ FILE *f = NULL;
        char path[PATH_MAX];

        snprintf(path, sizeof(path), "%s/sys/kernel/modules_disabled", places->proc);
        f = fopen(path, "re");
        return f && fgetc(f) == '1';
}

/* Before the module is there: why not, and whether it can be had. */
static void look_at_sctp(const struct module_places *places, struct kmod_ctx *ctx,
                         struct kmod_module **ret_module, struct module_report *ret) {
        _cleanup_(kmod_module_unref_p) struct kmod_module *module = NULL;

        look_at_module(places, ctx, "sctp", &module, ret);
        if (ret->state != MODULE_LOADABLE)
                return;

        if (in_kernel(module)) {
                ret->state = MODULE_FAILED;
                ret->error = -ENODATA;
                SAY(ret->reason, "The kernel module sctp is loaded, but %s/net/sctp is not there.", places->proc);
                SAY(ret->advice, "Look for SCTP's messages in \"journalctl -k\", and whether this process sees all of "
                    "/proc.");
                return;
        }

        if (loading_switched_off(places)) {
                ret->state = MODULE_FAILED;
                ret->error = -EPERM;
                SAY(ret->reason, "The kernel module sctp is not loaded, and loading modules is switched off until the "
                    "next boot (kernel.modules_disabled=1).");
                SAY(ret->advice, "Have sctp loaded at boot, before the switch: \"echo sctp > "
                    "/etc/modules-load.d/sctp.conf\".");
                return;
        }

        if (find_userspace_stack(places, ret))
                return;

        SAY(ret->advice, "Load it with \"systemctl start sctpmond-module\", or as root with \"sctpmond "
            "--load-module\"; it then stays until the next boot.");
        *ret_module = steal_ptr(module);
}

/* Rules are looked at before; this covers those of soft dependencies, whose failures libkmod passes over. */
static int never_run(struct kmod_module *module, const char *command, void *userdata) {
        (void) module, (void) command, (void) userdata;
        return -ECANCELED;
}

/* SCTP is there; sctp_diag is a help, and its absence only advice. The kernel loads it by itself when
 * it is first asked, under the same rules. */
static void look_at_diag(const struct module_places *places, struct kmod_ctx *ctx, bool load,
                         struct module_report *ret) {
        _cleanup_(kmod_module_unref_p) struct kmod_module *module = NULL;
        struct module_report diag;
        int r = 0;

        if (access("/sys/module/sctp_diag", F_OK) == 0)
                return;

        look_at_module(places, ctx, "sctp_diag", &module, &diag);
        if (diag.state == MODULE_LOADABLE) {
                if (load && may_load())
                        r = kmod_module_probe_insert_module(module, 0, NULL, never_run, NULL, NULL);
                if (r >= 0)
                        return;
                SAY(diag.reason, "The kernel module sctp_diag could not be loaded: %s.", strerror(-r));
        }
        SAY(ret->advice, "%s Without it less is known of associations, and their end less surely.", diag.reason);
}

static struct kmod_ctx *context(const struct module_places *places) {
        struct kmod_ctx *ctx = kmod_new(places->modules, places->rules);

        /* It writes to stderr by itself; what matters comes back as an error. */
        if (ctx)
                kmod_set_log_priority(ctx, LOG_EMERG);

        return ctx;
}

static void report_no_context(struct module_report *ret) {
        *ret = (struct module_report) { .state = MODULE_FAILED, .error = -ENOMEM };
        SAY(ret->reason, "The kernel's modules could not be looked at: out of memory.");
}

static void report_loaded(struct module_report *ret) {
        *ret = (struct module_report) { .state = MODULE_LOADED };
        SAY(ret->reason, "The kernel has SCTP.");
}

void module_look_at(const struct module_places *places, struct module_report *ret) {
        _cleanup_(kmod_unref_p) struct kmod_ctx *ctx = context(places);
        _cleanup_(kmod_module_unref_p) struct kmod_module *module = NULL;

        if (!ctx)
                report_no_context(ret);
        else if (have_sctp(places)) {
                report_loaded(ret);
                look_at_diag(places, ctx, false, ret);
        } else
                look_at_sctp(places, ctx, &module, ret);
}

void module_look(struct module_report *ret) {
        module_look_at(&system_places, ret);
}

/* module_blacklist= is the kernel's own, beside modprobe.blacklist=. */
static bool command_line_forbids(void) {
        _cleanup_fclose_ FILE *f = fopen("/proc/cmdline", "re");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        char *rest, *word;

        if (!f || getline(&line, &size, f) < 0)
                return false;

        rest = line;
        while ((word = strsep(&rest, " \n"))) {
                static const char key[] = "module_blacklist=";
                char *name;

                if (strncmp(word, key, strlen(key)) != 0)
                        continue;
                word += strlen(key);
                while ((name = strsep(&word, ",")))
                        if (strcmp(name, "sctp") == 0)
                                return true;
        }

        return false;
}

static void explain_refusal(int error, struct module_report *ret) {
        ret->state = MODULE_FAILED;
        ret->error = error;

        switch (-error) {
        case EPERM:
                if (!may_load()) {
                        SAY(ret->reason, "The kernel module sctp is not loaded, and loading it takes the capability "
                            "CAP_SYS_MODULE, which this process does not have.");
                        SAY(ret->advice, "Run \"systemctl start sctpmond-module\", or as root \"sctpmond "
                            "--load-module\".");
                } else if (command_line_forbids()) {
                        SAY(ret->reason, "The kernel module sctp is forbidden on the kernel's command line "
                            "(module_blacklist=).");
                        SAY(ret->advice, "If this host is to have SCTP, take sctp out of module_blacklist= and "
                            "reboot.");
                } else {
                        SAY(ret->reason, "The kernel does not let this process load the module sctp, although it has "
                            "CAP_SYS_MODULE: a system call filter, a security module or the kernel's lockdown forbids "
                            "it.");
                        SAY(ret->advice, "See \"journalctl -k\"; in a unit SystemCallFilter= must allow @module.");
                }
                return;
        case EKEYREJECTED:
        case ENOKEY:
                SAY(ret->reason, "The kernel refuses the module sctp, because it is not signed with a key that it "
                    "trusts.");
                SAY(ret->advice, "Install the module that belongs to the running kernel.");
                return;
        case ENOEXEC:
        case EINVAL:
        case ENOENT:
                SAY(ret->reason, "The kernel refuses the module sctp, which seems to be for another kernel: %s.",
                    strerror(-error));
                break;
        default:
                SAY(ret->reason, "The kernel module sctp could not be loaded: %s.", strerror(-error));
        }
        SAY(ret->advice, "\"journalctl -k\" has the kernel's own words.");
}

bool module_load(struct module_report *ret) {
        const struct module_places *places = &system_places;
        _cleanup_(kmod_unref_p) struct kmod_ctx *ctx = context(places);
        _cleanup_(kmod_module_unref_p) struct kmod_module *module = NULL;
        int r;

        if (!ctx) {
                report_no_context(ret);
                return false;
        }

        if (have_sctp(places))
                report_loaded(ret);
        else {
                look_at_sctp(places, ctx, &module, ret);
                if (ret->state != MODULE_LOADABLE)
                        return false;

                r = kmod_module_probe_insert_module(module, 0, NULL, never_run, NULL, NULL);
                ret->advice[0] = '\0';
                if (r < 0) {
                        explain_refusal(r, ret);
                        return false;
                }
                if (!have_sctp(places)) {
                        ret->state = MODULE_FAILED;
                        ret->error = -ENODATA;
                        SAY(ret->reason, "Loading the kernel module sctp seemed to succeed, but /proc/net/sctp is not "
                            "there.");
                        SAY(ret->advice, "\"journalctl -k\" has the kernel's own words.");
                        return false;
                }
                ret->state = MODULE_LOADED;
                SAY(ret->reason, "The kernel module sctp was loaded; it cannot be unloaded again until the next boot.");
        }

        look_at_diag(places, ctx, true, ret);
        return true;
}
