/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "macro.h"
#include "../../daemon/module.h"

/* What stands at a made-up place: modules, modprobe.d, and /proc. */
struct room {
        char base[64], modules[128], etc[128], lib[128], proc[128];
        const char *rules[3];
        struct module_places places;
};

static void put(const char *directory, const char *name, const void *data, size_t size) {
        char path[PATH_MAX];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                (void) mkdir(path, 0755);
                *slash = '/';
        }
        assert_non_null(f = fopen(path, "we"));
        assert_int_equal(fwrite(data, 1, size, f), size);
        assert_int_equal(fclose(f), 0);
}

static void put_text(const char *directory, const char *name, const char *text) {
        put(directory, name, text, strlen(text));
}

/* modules.dep.bin: a trie of names; a node is [prefix] [first and last child, offsets] [values], and
 * what it has stands in the top bits of its offset. Ours has one node for each of three names, told
 * apart by the first letter: "sctp", "udp_tunnel", and "sctp_diag" below "sctp". */
struct index {
        unsigned char bytes[1024];
        size_t n;
};

static void index_u32(struct index *i, uint32_t value) {
        value = htonl(value);
        memcpy(i->bytes + i->n, &value, sizeof(value));
        i->n += sizeof(value);
}

static void index_text(struct index *i, const char *text) {
        memcpy(i->bytes + i->n, text, strlen(text) + 1);
        i->n += strlen(text) + 1;
}

static uint32_t index_leaf(struct index *i, const char *prefix, const char *value) {
        uint32_t at = (uint32_t) i->n;

        index_text(i, prefix);
        index_u32(i, 1);
        index_u32(i, 0);
        index_text(i, value);
        return at | 0x80000000 | 0x40000000;
}

static void put_modules(const struct room *room) {
        static const char sctp[] = "kernel/net/sctp/sctp.ko: kernel/net/ipv4/udp_tunnel.ko";
        struct index i = { .n = 12 };
        uint32_t diag, udp, node, root;
        size_t end;

        diag = index_leaf(&i, "diag",
                          "kernel/net/sctp/sctp_diag.ko: kernel/net/sctp/sctp.ko kernel/net/ipv4/udp_tunnel.ko");
        udp = index_leaf(&i, "dp_tunnel", "kernel/net/ipv4/udp_tunnel.ko:");

        node = (uint32_t) i.n | 0xe0000000;
        index_text(&i, "ctp");
        i.bytes[i.n++] = '_';
        i.bytes[i.n++] = '_';
        index_u32(&i, diag);
        index_u32(&i, 1);
        index_u32(&i, 0);
        index_text(&i, sctp);

        root = (uint32_t) i.n;
        i.bytes[i.n++] = 's';
        i.bytes[i.n++] = 'u';
        index_u32(&i, node);
        index_u32(&i, 0);
        index_u32(&i, udp);

        end = i.n;
        i.n = 0;
        index_u32(&i, 0xb007f457);
        index_u32(&i, 0x00020001);
        index_u32(&i, root | 0x20000000);
        put(room->modules, "modules.dep.bin", i.bytes, end);

        put_text(room->modules, "modules.dep", "");
        put_text(room->modules, "kernel/net/sctp/sctp.ko", "");
        put_text(room->modules, "kernel/net/sctp/sctp_diag.ko", "");
        put_text(room->modules, "kernel/net/ipv4/udp_tunnel.ko", "");
}

static int setup(void **state) {
        struct room *r = calloc(1, sizeof(*r));

        assert_non_null(r);
        strcpy(r->base, "/tmp/test-module-XXXXXX");
        assert_non_null(mkdtemp(r->base));
        snprintf(r->modules, sizeof(r->modules), "%s/modules/6.1.0-test", r->base);
        snprintf(r->etc, sizeof(r->etc), "%s/etc", r->base);
        snprintf(r->lib, sizeof(r->lib), "%s/lib", r->base);
        snprintf(r->proc, sizeof(r->proc), "%s/proc", r->base);
        r->rules[0] = r->etc;
        r->rules[1] = r->lib;
        r->places = (struct module_places) { .modules = r->modules, .rules = r->rules, .proc = r->proc };
        put_text(r->etc, "empty.conf", "");
        put_text(r->lib, "empty.conf", "");
        put_text(r->proc, "1/net/raw", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt"
                 "   uid  timeout inode ref pointer drops\n"
                 "   1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     "
                 "0        0 77 2 0 0\n");
        *state = r;
        return 0;
}

static int teardown(void **state) {
        struct room *r = *state;
        char command[128];

        snprintf(command, sizeof(command), "rm -rf '%s'", r->base);
        assert_int_equal(system(command), 0);
        free(r);
        return 0;
}

static struct module_report look(const struct room *r) {
        struct module_report report;

        memset(&report, 0xff, sizeof(report));
        module_look_at(&r->places, &report);
        if (getenv("SHOW"))
                fprintf(stderr, "%d %d\n  %s\n  %s\n", (int) report.state, report.error, report.reason, report.advice);
        assert_non_null(memchr(report.reason, 0, sizeof(report.reason)));
        assert_non_null(memchr(report.advice, 0, sizeof(report.advice)));
        /* Nothing was cut. */
        assert_int_not_equal(strlen(report.reason), sizeof(report.reason) - 1);
        assert_int_not_equal(strlen(report.advice), sizeof(report.advice) - 1);
        return report;
}

static void expect(const struct room *r, enum module_state state, const char *reason, const char *advice) {
        struct module_report report = look(r);

        assert_int_equal(report.state, state);
        if (!strstr(report.reason, reason))
                fail_msg("no \"%s\" in \"%s\"", reason, report.reason);
        if (!strstr(report.advice, advice))
                fail_msg("no \"%s\" in \"%s\"", advice, report.advice);
}

static void test_loaded(void **state) {
        const struct room *r = *state;

        put_text(r->proc, "net/sctp/eps", "");
        put_modules(r);
        expect(r, MODULE_LOADED, "has SCTP", "");
        assert_string_equal(look(r).advice, "");

        put_text(r->etc, "diag.conf", "blacklist sctp_diag\n");
        expect(r, MODULE_LOADED, "has SCTP", "sctp_diag is blacklisted in ");
}

static void test_loadable(void **state) {
        const struct room *r = *state;

        put_modules(r);
        expect(r, MODULE_LOADABLE, "not loaded", "sctpmond --load-module");
}

static void test_missing(void **state) {
        const struct room *r = *state;
        char path[PATH_MAX];

        expect(r, MODULE_MISSING, "no modules for the running kernel", "Install the modules");

        put_text(r->base, "modules/5.10.0-other/modules.dep", "");
        expect(r, MODULE_MISSING, "no modules for the running kernel", "reboot");

        put_text(r->modules, "modules.dep", "");
        expect(r, MODULE_MISSING, "no module sctp among", "linux-modules-extra-");

        put_modules(r);
        snprintf(path, sizeof(path), "%s/kernel/net/sctp/sctp.ko", r->modules);
        assert_int_equal(unlink(path), 0);
        expect(r, MODULE_MISSING, "sctp.ko is listed in modules.dep but cannot be read: No such file", "Reinstall");
}

static void test_hidden(void **state) {
        const struct room *r = *state;
        char path[PATH_MAX];

        /* As ProtectKernelModules=yes leaves it: an empty directory without any rights. */
        snprintf(path, sizeof(path), "%s/modules", r->base);
        assert_int_equal(mkdir(path, 0), 0);
        expect(r, MODULE_MISSING, "are hidden from this process", "ProtectKernelModules=no");
        assert_int_equal(chmod(path, 0755), 0);
}

static void test_blacklist(void **state) {
        const struct room *r = *state;

        put_modules(r);
        put_text(r->lib, "some.conf", "# blacklist sctp\n");
        expect(r, MODULE_LOADABLE, "", "");
        put_text(r->lib, "sctp-blacklist.conf", "# off\n\n\tblacklist   sctp\n");
        expect(r, MODULE_BLACKLISTED, "module sctp is blacklisted in /tmp/test-module-", "\"blacklist sctp\"");
        expect(r, MODULE_BLACKLISTED, "/lib/sctp-blacklist.conf.", "");
        /* Masked. */
        put_text(r->etc, "sctp-blacklist.conf", "");
        expect(r, MODULE_LOADABLE, "", "");
        put_text(r->etc, "alias.conf", "alias sctp off\n");
        expect(r, MODULE_BLACKLISTED, "/etc/alias.conf puts another module in the place", "\"alias sctp ...\"");
}

static void test_dependency(void **state) {
        const struct room *r = *state;

        put_modules(r);
        put_text(r->etc, "tunnel.conf", "blacklist udp-tunnel\n");
        expect(r, MODULE_BLACKLISTED, "module udp_tunnel (which sctp needs) is blacklisted in ",
               "\"blacklist udp_tunnel\"");
        put_text(r->etc, "tunnel.conf", "install udp_tunnel /bin/true\n");
        expect(r, MODULE_INSTALL_RULE,
               "module udp_tunnel (which sctp needs); sctpmond never runs such commands (/bin/true)", "");
}

static void test_install_rule(void **state) {
        const struct room *r = *state;

        put_text(r->etc, "cis.conf", "install sctp /bin/true\n");
        expect(r, MODULE_INSTALL_RULE, "/etc/cis.conf runs a command", "install sctp ...");
        put_modules(r);
        expect(r, MODULE_INSTALL_RULE, "/etc/cis.conf runs a command", "install sctp ...");
        put_text(r->etc, "cis.conf", "install sctp \x1b[2J\n");
        expect(r, MODULE_INSTALL_RULE, "\\x1b[2J", "");
        put_text(r->etc, "cis.conf", "install s?tp /bin/false\n");
        expect(r, MODULE_INSTALL_RULE, "(/bin/false)", "");
}

static void test_userspace_stack(void **state) {
        const struct room *r = *state;

        put_modules(r);
        put_text(r->proc, "4711/net/raw6", "  sl  local_address                         remote_address\n"
                 " 132: 00000000000000000000000000000000:0084 00000000000000000000000000000000:0000 07 "
                 "00000000:00000000 00:00000000 00000000  1000        0 31337 2 0000000000000000 0\n");
        expect(r, MODULE_USERSPACE_STACK, "user 1000 runs an SCTP stack", "--target 4711");
        expect(r, MODULE_USERSPACE_STACK, "inode 31337, in the network namespace of process 4711", "LoadModule=no");
}

static void test_switched_off(void **state) {
        const struct room *r = *state;

        put_modules(r);
        put_text(r->proc, "sys/kernel/modules_disabled", "1\n");
        expect(r, MODULE_FAILED, "kernel.modules_disabled=1", "modules-load.d");
        put_text(r->proc, "sys/kernel/modules_disabled", "0\n");
        expect(r, MODULE_LOADABLE, "", "");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_loaded, setup, teardown),
                cmocka_unit_test_setup_teardown(test_loadable, setup, teardown),
                cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
                cmocka_unit_test_setup_teardown(test_hidden, setup, teardown),
                cmocka_unit_test_setup_teardown(test_blacklist, setup, teardown),
                cmocka_unit_test_setup_teardown(test_dependency, setup, teardown),
                cmocka_unit_test_setup_teardown(test_install_rule, setup, teardown),
                cmocka_unit_test_setup_teardown(test_userspace_stack, setup, teardown),
                cmocka_unit_test_setup_teardown(test_switched_off, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
