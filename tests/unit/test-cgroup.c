/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include "cgroup.h"
#include "macro.h"

/* The ids in the captured texts. */
#define A "4c01db0b339c0a4b5d2b1f3e6a7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f8"
#define B "b203a127cd4bfe477ca1a85311fa00113e2edaca3cd12a28cab03b4136c6bfef"
#define POD "0d137909-8596-495c-92b3-048a901457b2"

static void check(const struct cgroup *c, const char *unit, const char *runtime, const char *id, const char *pod) {
        assert_string_equal(c->unit, unit);
        assert_string_equal(c->runtime, runtime);
        assert_string_equal(c->container_id, id);
        assert_string_equal(c->pod, pod);
}

static void test_files(void **state) {
        static const struct {
                const char *file, *unit, *runtime, *id, *pod;
        } cases[] = {
                { "v2.service", "nginx.service", "", "", "" },
                { "v2.template", "getty@tty1.service", "", "", "" },
                { "v2.session", "session-2.scope", "", "", "" },
                { "v2.user-service", "foo.service", "", "", "" },
                { "v2.delegated", "sctpgw.service", "", "", "" },
                { "v2.escaped", "cpu.service", "", "", "" },
                { "v2.init", "init.scope", "", "", "" },
                { "v2.root", "", "", "", "" },
                { "v2.slice-only", "", "", "", "" },
                { "v1.service", "nginx.service", "", "", "" },
                { "v1.session", "session-4.scope", "", "", "" },
                { "hybrid.service", "ssh.service", "", "", "" },
                { "hybrid.docker", "", "docker", A, "" },
                { "docker.systemd", "docker-" A ".scope", "docker", A, "" },
                { "docker.cgroupfs", "", "docker", A, "" },
                { "docker.no-systemd", "", "docker", A, "" },
                /* The outer one: the host's docker knows no other. */
                { "docker.nested", "", "docker", A, "" },
                { "docker.kind", "docker-" A ".scope", "docker", A, "" },
                { "docker.systemd-inside", "docker-" A ".scope", "docker", A, "" },
                { "docker.buildkit", "", "", "", "" },
                { "k8s.containerd", "cri-containerd-" B ".scope", "containerd", B, POD },
                { "k8s.guaranteed", "cri-containerd-" B ".scope", "containerd", B, POD },
                { "k8s.static-pod", "cri-containerd-" B ".scope", "containerd", B,
                  "7260904bbd08e72e4dff95d9fccd2ee8" },
                { "k8s.cgroupfs", "", "", B, POD },
                { "k8s.mixed-drivers", "containerd.service", "containerd", B, "ff49d0be-16b7-4a49-bb9e-8ec1f1f4e27f" },
                { "k8s.cri-o", "crio-" B ".scope", "cri-o", B, "a5c1f8d5-1919-434d-add7-4afaafdaef89" },
                { "k8s.cri-o-conmon", "crio-conmon-" B ".scope", "", "", "a5c1f8d5-1919-434d-add7-4afaafdaef89" },
                { "k8s.docker", "docker-" A ".scope", "docker", A, "5759a1ae-36ca-48a8-b20a-b0b5c8a90fb8" },
                { "podman.root", "libpod-" A ".scope", "podman", A, "" },
                { "podman.container", "libpod-" A ".scope", "podman", A, "" },
                { "podman.conmon", "libpod-conmon-" A ".scope", "", "", "" },
                { "podman.rootless", "libpod-" A ".scope", "podman", A, "" },
                { "podman.pod", "libpod-" A ".scope", "podman", A, "" },
                { "podman.quadlet", "quadlet-minimal.service", "podman", A, "" },
                { "podman.quadlet-runtime", "quadlet-minimal.service", "", "", "" },
                { "podman.cgroupfs", "", "podman", A, "" },
                { "containerd.cgroupfs", "", "containerd", A, "" },
                { "containerd.nerdctl", "nerdctl-" A ".scope", "containerd", A, "" },
                { "nspawn.machine", "machine-web.scope", "", "", "" },
                { "nspawn.service", "systemd-nspawn@web.service", "", "", "" },
                { "lxc.payload", "", "", "", "" },
                { "lxc.proxmox", "", "", "", "" },
                /* Seen from within a cgroup namespace. */
                { "relative.service", "nginx.service", "", "", "" },
                { "relative.sibling", "cri-containerd-" B ".scope", "containerd", B, "" },
                { "relative.bare-id", "", "", A, "" },
                { "relative.nothing", "", "", "", "" },
                { "relative.parents", "", "", A, "" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                _cleanup_free_ char *text = NULL;
                struct cgroup c;
                char name[64];
                size_t length;

                snprintf(name, sizeof(name), "cgroup/%s", cases[i].file);
                text = test_data(name, &length);
                print_message("# %s\n", cases[i].file);
                cgroup_parse(text, length, &c);
                check(&c, cases[i].unit, cases[i].runtime, cases[i].id, cases[i].pod);

                /* Without the newline at the end. */
                cgroup_parse(text, length - 1, &c);
                check(&c, cases[i].unit, cases[i].runtime, cases[i].id, cases[i].pod);
        }
}

/* What is no line of that file, or no name of that kind. */
static void test_nonsense(void **state) {
        static const char *const cases[] = {
                "", "\n", "\n\n\n", ":", "::", ":::", "0::", "0::nginx.service", "0:/nginx.service", "nginx.service",
                "0::/.service", "0::/.scope", "0::/docker/", "0:://///", "0::/nginx.service.d",
                /* One digit less, one more, no digit, upper case. */
                "0::/docker/4c01db0b339c0a4b5d2b1f3e6a7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f",
                "0::/docker/" A "0", "0::/docker/" "g" A, "0::/libpod-" A "x",
                "0::/docker/4C01DB0B339C0A4B5D2B1F3E6A7C8D9E0F1A2B3C4D5E6F708192A3B4C5D6E7F8",
                /* A pod outside of Kubernetes' tree, and one that is too long. */
                "0::/pod" POD, "0::/kubepods/pod" POD "0", "0::/kubepods/pod",
                "0::/kubepods/pod" "zd137909-8596-495c-92b3-048a901457b2",
        };
        struct cgroup c;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                memset(&c, 'x', sizeof(c));
                cgroup_parse(cases[i], strlen(cases[i]), &c);
                check(&c, "", "", "", "");
        }
}

static void test_hostile(void **state) {
        static const char nul[] = "0::/docker/4c01db0b339c0a4b5d2b1f3e6a7c8d9\0" "f1a2b3c4d5e6f708192a3b4c5d6e7f80";
        static const char escape[] = "0::/system.slice/a\033[31m\\x2db\xff.service\n";
        struct cgroup c;

        (void) state;
        cgroup_parse(escape, strlen(escape), &c);
        check(&c, "a\\x1b[31m\\x5cx2db\\xff.service", "", "", "");

        cgroup_parse(nul, sizeof(nul) - 1, &c);
        check(&c, "", "", "", "");

        /* A colon belongs to the path, and a process in a container cannot name itself another one. */
        cgroup_parse("0::/a:b.service", 15, &c);
        check(&c, "a:b.service", "", "", "");
        cgroup_parse("0::/docker/" A "/docker-" B ".scope", strlen("0::/docker/" A "/docker-" B ".scope"), &c);
        check(&c, "", "docker", A, "");
}

/* 64 KiB of one name, of many names, and of many lines. */
static void test_long(void **state) {
        enum { SIZE = 65536 };
        _cleanup_free_ char *text = malloc(SIZE);
        struct cgroup c;

        (void) state;
        assert_non_null(text);
        memset(text, 'a', SIZE);
        memcpy(text, "0::/", 4);
        memcpy(text + SIZE - 8, ".service", 8);
        cgroup_parse(text, SIZE, &c);
        assert_int_equal(strlen(c.unit), sizeof(c.unit) - 1);
        assert_int_equal(strspn(c.unit, "a"), sizeof(c.unit) - 1);

        for (size_t i = 4; i < SIZE - 16; i += 2)
                memcpy(text + i, "a/", 2);
        memcpy(text + SIZE - 16, "/aaaaaaa.service", 16);
        cgroup_parse(text, SIZE, &c);
        check(&c, "aaaaaaa.service", "", "", "");

        memset(text, '\n', SIZE);
        memcpy(text + SIZE - 16, "0::/aaaa.service", 16);
        cgroup_parse(text, SIZE, &c);
        check(&c, "aaaa.service", "", "", "");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_files),
                cmocka_unit_test(test_nonsense),
                cmocka_unit_test(test_hostile),
                cmocka_unit_test(test_long),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
