/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "builder.h"
#include "../../daemon/config.h"

struct room {
        char base[64], path[96];
};

static void put(const struct room *r, const char *name, const char *data, size_t size) {
        char path[PATH_MAX];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", r->base, name);
        assert_non_null(f = fopen(path, "we"));
        assert_int_equal(fwrite(data, 1, size, f), size);
        assert_int_equal(fclose(f), 0);
}

static void put_text(const struct room *r, const char *name, const char *text) {
        put(r, name, text, strlen(text));
}

static int setup(void **state) {
        struct room *r = calloc(1, sizeof(*r));
        char path[PATH_MAX];

        assert_non_null(r);
        strcpy(r->base, "/tmp/test-config-XXXXXX");
        assert_non_null(mkdtemp(r->base));
        snprintf(r->path, sizeof(r->path), "%s/c", r->base);
        snprintf(path, sizeof(path), "%s/c.d", r->base);
        assert_int_equal(mkdir(path, 0755), 0);
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

static void expect_error(const struct room *r, int error, const char *text) {
        struct config c, before;
        char message[CONFIG_MESSAGE_MAX] = "";

        /* Every byte of it counts. */
        memset(&c, 0x5a, sizeof(c));
        memcpy(&before, &c, sizeof(c));
        assert_int_equal(config_load(r->path, &c, message), error);
        assert_memory_equal(&c, &before, sizeof(c));
        if (!strstr(message, text))
                fail_msg("no \"%s\" in \"%s\"", text, message);
}

static struct config expect_good(const struct room *r) {
        struct config c = CONFIG_DEFAULT;
        char message[CONFIG_MESSAGE_MAX] = "";

        if (config_load(r->path, &c, message) != 0)
                fail_msg("%s", message);
        return c;
}

static void test_nothing(void **state) {
        struct room *r = *state;
        struct config c = expect_good(r), d = CONFIG_DEFAULT;

        assert_int_equal(c.interval_usec, d.interval_usec);
        assert_int_equal(c.cpu_share_percent, d.cpu_share_percent);
        assert_true(c.load_module);
        assert_true(c.damping);

        put_text(r, "c", "");
        c = expect_good(r);
        assert_int_equal(c.interval_usec, d.interval_usec);

        strcpy(r->path, "/dev/null");
        c = expect_good(r);
        assert_int_equal(c.interval_usec, d.interval_usec);
}

static void test_all(void **state) {
        const struct room *r = *state;
        struct config c;

        put_text(r, "c", "\xef\xbb\xbf# a comment\r\n\r\n[Monitor]\r\n  Interval = 1min 30s ; why\r\nScanWait=20ms\r\n"
                 "\tScanTimeout=5\r\n; no\r\nCpuShare=7%\r\nLoadModule=No\r\nNamespaces=own\r\nSockDiag=off\r\n"
                 "SocketOptions=false\r\nOwners=0\r\nConntrack=no\nBpf=no\nDamping=no\n"
                 "HistoryChanges=7\nHistoryBytes=512K\nSampleInterval=1min\nSampleBytes=0");
        c = expect_good(r);
        assert_int_equal(c.interval_usec, 90 * USEC_PER_SEC);
        assert_int_equal(c.scan_wait_usec, 20 * USEC_PER_MSEC);
        assert_int_equal(c.scan_timeout_usec, 5 * USEC_PER_SEC);
        assert_int_equal(c.cpu_share_percent, 7);
        assert_false(c.load_module);
        assert_false(c.damping);
        assert_int_equal(c.history_changes, 7);
        assert_int_equal(c.history_bytes, 512 * 1024);
        assert_int_equal(c.sample_interval_usec, 60 * USEC_PER_SEC);
        assert_int_equal(c.sample_bytes, 0);
        assert_null(c.aliases);
        assert_int_equal(config_off(&c), 1u << SOURCE_NAMESPACES | 1u << SOURCE_SOCK_DIAG | 1u << SOURCE_OPTIONS |
                                         1u << SOURCE_OWNERS | 1u << SOURCE_CONNTRACK | 1u << SOURCE_EVENTS |
                                         1u << SOURCE_LISTING);
}

/* Each setting switches off its own source, and is told as it is written; options need owners. */
static void test_switches(void **state) {
        static const struct {
                const char *name, *value, *by;
                enum source source;
                unsigned off;
        } switches[] = {
                { "Namespaces", "own", "Namespaces=own", SOURCE_NAMESPACES, 1u << SOURCE_NAMESPACES },
                { "SockDiag", "no", "SockDiag=no", SOURCE_SOCK_DIAG, 1u << SOURCE_SOCK_DIAG },
                { "SocketOptions", "no", "SocketOptions=no", SOURCE_OPTIONS, 1u << SOURCE_OPTIONS },
                { "Owners", "no", "Owners=no", SOURCE_OWNERS, 1u << SOURCE_OWNERS | 1u << SOURCE_OPTIONS },
                { "Conntrack", "no", "Conntrack=no", SOURCE_CONNTRACK, 1u << SOURCE_CONNTRACK },
                { "Bpf", "no", "Bpf=no", SOURCE_LISTING, 1u << SOURCE_EVENTS | 1u << SOURCE_LISTING },
        };
        char message[CONFIG_MESSAGE_MAX];

        (void) state;
        for (size_t i = 0; i < ELEMENTS(switches); i++) {
                struct config c = CONFIG_DEFAULT;

                assert_int_equal(config_off(&c), 0);
                assert_null(config_off_by(&c, switches[i].source));
                assert_int_equal(config_set(&c, switches[i].name, switches[i].value, message), 0);
                assert_int_equal(config_off(&c), switches[i].off);
                assert_string_equal(config_off_by(&c, switches[i].source), switches[i].by);
                if (switches[i].source == SOURCE_OWNERS)
                        assert_string_equal(config_off_by(&c, SOURCE_OPTIONS), "Owners=no");
        }
}

static void test_values(void **state) {
        const struct room *r = *state;
        static const struct {
                const char *line, *expected;
                int error;
        } bad[] = {
                { "Interval=0", "Interval=0 is out of range: 100ms to 1h", -ERANGE },
                { "Interval=99ms", "out of range", -ERANGE },
                { "Interval=3601", "out of range", -ERANGE },
                { "Interval=99999999999999999999s", "out of range", -ERANGE },
                { "Interval=-1", "Interval=-1 is not a time such as", -EINVAL },
                { "Interval=", "Interval= is not a time", -EINVAL },
                { "Interval=1 fortnight", "is not a time", -EINVAL },
                { "Interval=\x1b[2J", "Interval=\\x1b[2J is not", -EINVAL },
                { "ScanWait=0", "1ms to 1min", -ERANGE },
                { "ScanTimeout=2h", "1s to 1h", -ERANGE },
                { "CpuShare=0", "CpuShare=0 is out of range: 1% to 100%", -ERANGE },
                { "CpuShare=101%", "out of range", -ERANGE },
                { "CpuShare=4294967296", "out of range", -ERANGE },
                { "CpuShare=half", "is not a percentage", -EINVAL },
                { "CpuShare=%", "is not a percentage", -EINVAL },
                { "Namespaces=host", "Namespaces=host is neither all nor own", -EINVAL },
                { "Namespaces=ALL", "is neither all nor own", -EINVAL },
                { "Conntrack=", "Conntrack= is neither yes nor no", -EINVAL },
                { "LoadModule=maybe", "LoadModule=maybe is neither yes nor no", -EINVAL },
                {
                        "Intervall=1s",
                        "there is no setting Intervall: only Interval, ScanWait, ScanTimeout, CpuShare, LoadModule, "
                        "Namespaces, SockDiag, SocketOptions, Owners, Conntrack, Bpf, Damping, HistoryChanges, "
                        "HistoryBytes, SampleInterval, SampleBytes",
                        -EINVAL,
                },
                { "HistoryChanges=1000001", "HistoryChanges=1000001 is out of range: 0 to 1000000", -ERANGE },
                { "HistoryChanges=many", "HistoryChanges=many is not a number (0 to 1000000)", -EINVAL },
                { "HistoryChanges=1K", "is not a number", -EINVAL },
                { "HistoryBytes=63K", "HistoryBytes=63K is out of range: 64K to 1G", -ERANGE },
                { "HistoryBytes=1025M", "out of range", -ERANGE },
                { "HistoryBytes=17179869184G", "out of range", -ERANGE },
                { "HistoryBytes=16MB", "HistoryBytes=16MB is not a size in bytes such as", -EINVAL },
                { "HistoryBytes=M", "is not a size", -EINVAL },
                { "HistoryBytes=", "is not a size", -EINVAL },
                { "SampleInterval=999ms", "out of range: 1s to 1h", -ERANGE },
                { "SampleInterval=3601", "out of range", -ERANGE },
                { "SampleBytes=2G", "out of range: 0 to 1G", -ERANGE },
                { "interval=1s", "there is no setting interval", -EINVAL },
                { "Interval", "this is neither NAME=VALUE nor [Monitor] nor a comment", -EINVAL },
                { "[Monitor", "this is neither", -EINVAL },
                { "[Other]\nInterval=1s", "c:4: there is no section [Other]: only [Monitor] and [Peer NAME]", -EINVAL },
        };

        for (size_t i = 0; i < ELEMENTS(bad); i++) {
                char text[256];

                snprintf(text, sizeof(text), "[Monitor]\nScanWait=1s\n%s\nCpuShare=6\n", bad[i].line);
                put_text(r, "c", text);
                expect_error(r, bad[i].error, bad[i].expected);
                if (!strchr(bad[i].line, '\n'))
                        expect_error(r, bad[i].error, "/c:3: ");
        }
}

static void test_first_error_counts(void **state) {
        const struct room *r = *state;

        put_text(r, "c", "Interval=1s\n");
        expect_error(r, -EINVAL, "/c:1: settings come after a line [Monitor]");
        put_text(r, "c", "[Monitor]\nnonsense\nInterval=0\n");
        expect_error(r, -EINVAL, "/c:2: this is neither");
        put_text(r, "c", "[Monitor]\nInterval=0\nnonsense\n");
        expect_error(r, -ERANGE, "/c:2: Interval=0 is out of range");
}

static void test_strange_files(void **state) {
        const struct room *r = *state;
        char big[CONFIG_FILE_MAX + 1], path[PATH_MAX];

        put(r, "c", "[Monitor]\nInter\0val=1s\n", 23);
        expect_error(r, -EINVAL, "/c:2: there is a NUL byte");

        /* Cut by inih this would end as two settings, both valid. */
        memset(big, ' ', sizeof(big));
        memcpy(big, "[Monitor]\nInterval=5s", 21);
        memcpy(big + 300, "Interval=7s\n", 12);
        put(r, "c", big, 312);
        expect_error(r, -E2BIG, "/c:2: the line is too long: at most ");

        memset(big, '\n', sizeof(big));
        put(r, "c", big, sizeof(big));
        expect_error(r, -E2BIG, "larger than 1 MiB");
        put(r, "c", big, sizeof(big) - 1);
        expect_good(r);

        snprintf(path, sizeof(path), "%s/c", r->base);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkdir(path, 0755), 0);
        expect_error(r, -EINVAL, "/c: cannot be read: it is a directory");
        assert_int_equal(rmdir(path), 0);

        assert_int_equal(mkfifo(path, 0600), 0);
        expect_error(r, -EINVAL, "it is not a regular file");

        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink("c", path), 0);
        expect_error(r, -ELOOP, "/c: cannot be read: ");

        if (geteuid() != 0) {
                assert_int_equal(unlink(path), 0);
                put_text(r, "c", "");
                assert_int_equal(chmod(path, 0), 0);
                expect_error(r, -EACCES, "/c: cannot be read: Permission denied");
        }
}

static void test_drop_ins(void **state) {
        const struct room *r = *state;
        struct config c;

        put_text(r, "c", "[Monitor]\nInterval=2s\nCpuShare=3\n");
        put_text(r, "c.d/10-a.conf", "[Monitor]\nInterval=4s\n");
        put_text(r, "c.d/9-b.conf", "[Monitor]\nInterval=5s\n");
        put_text(r, "c.d/z.conf~", "garbage");
        put_text(r, "c.d/.z.conf", "garbage");
        c = expect_good(r);
        assert_int_equal(c.interval_usec, 5 * USEC_PER_SEC);
        assert_int_equal(c.cpu_share_percent, 3);

        put_text(r, "c.d/x.conf", "[Monitor]\n\nInterval=5 s s\n");
        expect_error(r, -EINVAL, "/c.d/x.conf:3: Interval=5 s s is not a time");
}

static void test_options(void **state) {
        struct config c = CONFIG_DEFAULT;
        char message[CONFIG_MESSAGE_MAX] = "";
        const char *value, *help, *name;
        size_t n = 0;

        (void) state;
        assert_int_equal(config_set(&c, "scan-wait", "1s", message), 0);
        assert_int_equal(c.scan_wait_usec, USEC_PER_SEC);
        assert_int_equal(config_set(&c, "ScanWait", "2s", message), 0);
        assert_int_equal(c.scan_wait_usec, 2 * USEC_PER_SEC);
        assert_int_equal(config_set(&c, "interval", "0", message), -ERANGE);
        assert_string_equal(message, "interval=0 is out of range: 100ms to 1h");
        assert_int_equal(config_set(&c, "wait", "1s", message), -ENOENT);
        assert_int_equal(config_set(&c, "load-module", "off", message), 0);
        assert_false(c.load_module);

        while ((name = config_option(n, &value, &help))) {
                assert_non_null(value);
                assert_non_null(help);
                assert_int_equal(config_set(&c, name, "nonsense", message), -EINVAL);
                n++;
        }
        assert_int_equal(n, 16);
}

/* An association with one path. */
static struct snapshot *peer_at(const char *address, uint16_t port) {
        struct snapshot *s = NULL;
        struct association *a;
        struct builder b = {};
        struct path *p;

        assert_int_equal(builder_add_path(&b, &p), 0);
        assert_int_equal(address_parse(address, strlen(address), &p->address), 0);
        assert_int_equal(builder_add_association(&b, &a), 0);
        *a = (struct association) { .id = 1, .peer_port = port, .paths = { 0, 1 } };
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

static void expect_name(const struct config *c, const char *address, uint16_t port, const char *expected) {
        struct snapshot *s = peer_at(address, port);
        const char *name = alias_find(c->aliases, s, snapshot_associations(s));

        assert_string_equal(name ?: "", expected);
        snapshot_unref(s);
}

static void test_peers(void **state) {
        const struct room *r = *state;
        char message[CONFIG_MESSAGE_MAX];
        struct config c;

        put_text(r, "c", "[Peer hlr1]\nAddress=10.0.0.1 fd00::1\nAddress = 10.0.0.2\n[Monitor]\nCpuShare=3\n"
                         "[Peer  M\xc3\xbcnchen HLR ]\nPort=2905\nAddress=10.0.0.1\n");
        put_text(r, "c.d/10-a.conf", "[Peer stp]\nAddress=::ffff:10.0.0.9");
        c = expect_good(r);
        assert_int_equal(c.cpu_share_percent, 3);
        assert_true(alias_has(c.aliases, "hlr1"));
        assert_false(alias_has(c.aliases, "hlr"));
        expect_name(&c, "10.0.0.1", 5000, "hlr1");
        expect_name(&c, "10.0.0.1", 2905, "M\xc3\xbcnchen HLR");
        expect_name(&c, "fd00::1", 2905, "hlr1");
        expect_name(&c, "10.0.0.2", 1, "hlr1");
        expect_name(&c, "10.0.0.9", 1, "stp");
        expect_name(&c, "10.0.0.3", 1, "");

        /* A reload: none takes their place. */
        put_text(r, "c", "");
        put_text(r, "c.d/10-a.conf", "");
        assert_int_equal(config_load(r->path, &c, message), 0);
        assert_null(c.aliases);
        assert_false(alias_has(c.aliases, "hlr1"));
        expect_name(&c, "10.0.0.1", 5000, "");
}

static void test_bad_peers(void **state) {
        static const struct {
                const char *text, *expected;
                int error;
        } bad[] = {
                { "[Peer a]\nAddress=10.0.0.300\n", "/c:2: 10.0.0.300 is no address", -EINVAL },
                { "[Peer a]\nAddress=::1 \x1b[2J\n", "/c:2: \\x1b[2J is no address", -EINVAL },
                { "[Peer a]\nAddress=10.0.0.1:5000\n", "is no address", -EINVAL },
                { "\n[Peer a]\n[Monitor]\nInterval=0\n", "/c:2: the peer has no Address=", -EINVAL },
                { "[Peer a]\nAddress=\nPort=1\n", "/c:1: the peer has no Address=", -EINVAL },
                { "[Peer a]\n", "/c:1: the peer has no Address=", -EINVAL },
                { "[Peer a]\nInterval=1s\n", "/c:2: there is no setting Interval of a peer: only Address, Port",
                  -EINVAL },
                { "[Peer a]\nPort=0\n", "/c:2: Port=0 is not a number from 1 to 65535", -EINVAL },
                { "[Peer a]\nPort=65536\n", "is not a number", -EINVAL },
                { "[Peer a]\nAddress=::1\n[Peer b]\nAddress=::1\n[Peer a]\n", "/c:5: there is a peer a already",
                  -EEXIST },
                { "[Peer a]\nAddress=::1\n[Peer a ]\n", "/c:3: there is a peer a already", -EEXIST },
                { "[Peer]\nAddress=::1\n", "/c:1: the peer has no name: a name has", -EINVAL },
                { "[Peer  ]\n", "/c:1: the peer has no name: a name has", -EINVAL },
                { "[Peer a/b]\n", "/c:1: a peer cannot be called a/b: ", -EINVAL },
                { "[Peer a:1]\n", "a peer cannot be called a:1", -EINVAL },
                { "[Peer 10.0.0.1]\n", "a peer cannot be called 10.0.0.1", -EINVAL },
                { "[Peer ::1]\n", "a peer cannot be called ::1", -EINVAL },
                { "[Peer a\x1b]\n", "a peer cannot be called a\\x1b", -EINVAL },
                { "[Peer a\n", "/c:1: this is neither", -EINVAL },
                { "[Peers]\nAddress=::1\n", "/c:2: there is no section [Peers]: only [Monitor] and [Peer NAME]",
                  -EINVAL },
        };
        const struct room *r = *state;

        for (size_t i = 0; i < ELEMENTS(bad); i++) {
                put_text(r, "c", bad[i].text);
                expect_error(r, bad[i].error, bad[i].expected);
        }
}

/* As many as there may be; with one more it is an error. */
static void expect_last(const struct room *r, const char *text, unsigned more, const char *address, const char *name,
                        int error, const char *expected) {
        struct config c;

        put_text(r, "c", text);
        if (more > 0) {
                expect_error(r, error, expected);
                return;
        }
        c = expect_good(r);
        expect_name(&c, address, 7, name);
        config_done(&c);
}

static void test_many_peers(void **state) {
        static char text[CONFIG_FILE_MAX], longest[ALIAS_NAME_MAX + 2];
        const struct room *r = *state;
        char *t;

        for (unsigned more = 0; more < 2; more++) {
                t = text;
                for (unsigned i = 0; i < ALIAS_NAMES_MAX + more; i++)
                        t += sprintf(t, "[Peer %u-%u]\nAddress=10.0.%u.%u\n", i, i, i >> 8, i & 255);
                expect_last(r, text, more, "10.0.63.255", "16383-16383", -E2BIG,
                            "/c:32769: there are too many peers: at most 16384");

                t = text + sprintf(text, "[Peer a]\n");
                for (unsigned i = 0; i < ALIAS_ADDRESSES_MAX + more; i++)
                        t += sprintf(t, "Address=10.0.%u.%u\n", i >> 8, i & 255);
                expect_last(r, text, more, "10.0.0.255", "a", -E2BIG,
                            "/c:258: the peer has too many addresses: at most 256");

                memset(longest, 'x', ALIAS_NAME_MAX + more);
                (void) sprintf(text, "[Peer %s]\nAddress=::1\n", longest);
                expect_last(r, text, more, "::1", longest, -EINVAL, "/c:1: a peer cannot be called xxx");
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(test_all, setup, teardown),
                cmocka_unit_test(test_switches),
                cmocka_unit_test_setup_teardown(test_values, setup, teardown),
                cmocka_unit_test_setup_teardown(test_first_error_counts, setup, teardown),
                cmocka_unit_test_setup_teardown(test_strange_files, setup, teardown),
                cmocka_unit_test_setup_teardown(test_drop_ins, setup, teardown),
                cmocka_unit_test(test_options),
                cmocka_unit_test_setup_teardown(test_peers, setup, teardown),
                cmocka_unit_test_setup_teardown(test_bad_peers, setup, teardown),
                cmocka_unit_test_setup_teardown(test_many_peers, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
