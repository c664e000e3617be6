/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <sys/stat.h>

#include "container.h"
#include "macro.h"

#define ID "4c01db0b339c0a4b5d2b1f3e6a7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f8"
#define SHORT_ID "4c01db0b339c"

#define DOCKER "/var/lib/docker/containers/" ID "/config.v2.json"
#define TASKS "/run/containerd/io.containerd.runtime.v2.task"
#define BUNDLE TASKS "/k8s.io/" ID "/config.json"
#define CRIO "/run/containers/storage/overlay-containers/" ID "/userdata/config.json"
#define PODMAN "/var/lib/containers/storage/overlay-containers/containers.json"

static char root[] = "/tmp/test-container.XXXXXX";

/* The path below the root, its directories made. */
static char *make_path(const char *path) {
        char *whole;

        assert_true(asprintf(&whole, "%s%s", root, path) > 0);
        for (char *slash = whole + strlen(root); (slash = strchr(slash + 1, '/'));) {
                *slash = '\0';
                assert_true(mkdir(whole, 0755) == 0 || errno == EEXIST);
                *slash = '/';
        }
        return whole;
}

static void write_bytes(const char *path, const char *text, size_t length) {
        _cleanup_free_ char *whole = make_path(path);
        _cleanup_fclose_ FILE *f = fopen(whole, "we");

        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, length, f), length);
}

static void write_text(const char *path, const char *text) {
        write_bytes(path, text, strlen(text));
}

static void remove_path(const char *path) {
        _cleanup_free_ char *whole = make_path(path);

        assert_int_equal(unlink(whole), 0);
}

static void check(const char *runtime, int error, const char *expected) {
        char name[64];

        memset(name, 'x', sizeof(name));
        assert_int_equal(container_name(root, runtime, ID, name, sizeof(name)), error);
        assert_string_equal(name, expected);
}

static void test_docker(void **state) {
        (void) state;
        check("docker", -ENOENT, SHORT_ID);
        write_text(DOCKER, "{\"StreamConfig\":{},\"State\":{\"Running\":true,\"Pid\":42},\"ID\":\"" ID "\","
                           "\"Name\":\"/web\",\"Driver\":\"overlay2\"}");
        check("docker", 0, "web");
        check("", 0, "web");
        /* Another runtime's container. */
        check("podman", -ENOENT, SHORT_ID);
        check("kata", -ENOENT, SHORT_ID);

        write_text(DOCKER, "{\"Name\":\"/\"}");
        check("docker", -ENOENT, SHORT_ID);
        write_text(DOCKER, "{\"Name\":7}");
        check("docker", -ENOENT, SHORT_ID);
        write_text(DOCKER, "[]");
        check("docker", -ENOENT, SHORT_ID);
        write_text(DOCKER, "{\"Name\":\"/we");
        check("docker", -EBADMSG, SHORT_ID);
        write_text(DOCKER, "{\"Name\":\"/a\\u001b[31mb\\n\"}");
        check("docker", 0, "a\\x1b[31mb\\x0a");
        remove_path(DOCKER);
}

static void test_containerd(void **state) {
        (void) state;
        check("containerd", -ENOENT, SHORT_ID);
        /* Namespaces without the container, and what is no namespace. */
        write_text(TASKS "/moby/other/config.json", "{}");
        write_text(TASKS "/file", "");
        check("containerd", -ENOENT, SHORT_ID);

        write_text(BUNDLE, "{\"ociVersion\":\"1.1.0\",\"annotations\":{"
                           "\"io.kubernetes.cri.container-name\":\"amf\","
                           "\"io.kubernetes.cri.container-type\":\"container\","
                           "\"io.kubernetes.cri.sandbox-name\":\"amf-0\","
                           "\"io.kubernetes.cri.sandbox-namespace\":\"core\"}}");
        check("containerd", 0, "core/amf-0/amf");
        check("", 0, "core/amf-0/amf");

        /* The pod's own one has no name of a container. */
        write_text(BUNDLE, "{\"annotations\":{\"io.kubernetes.cri.container-type\":\"sandbox\","
                           "\"io.kubernetes.cri.sandbox-name\":\"amf-0\","
                           "\"io.kubernetes.cri.sandbox-namespace\":\"core\"}}");
        check("containerd", 0, "core/amf-0");

        write_text(BUNDLE, "{\"annotations\":{\"nerdctl/name\":\"alpine-4c01d\",\"nerdctl/namespace\":\"default\"}}");
        check("containerd", 0, "alpine-4c01d");

        write_text(BUNDLE, "{\"annotations\":{\"nerdctl/name\":\"\"}}");
        check("containerd", -ENOENT, SHORT_ID);
        write_text(BUNDLE, "{\"annotations\":[\"nerdctl/name\"]}");
        check("containerd", -ENOENT, SHORT_ID);
        write_text(BUNDLE, "{}");
        check("containerd", -ENOENT, SHORT_ID);
        remove_path(BUNDLE);
}

/* As many namespaces as are searched. */
static void test_namespaces_max(void **state) {
        char path[256];

        (void) state;
        /* "moby" and a file are there; "k8s.io" comes. */
        for (unsigned i = 0; i < 64 - 3; i++) {
                snprintf(path, sizeof(path), TASKS "/%u/other/config.json", i);
                write_text(path, "{}");
        }
        write_text(BUNDLE, "{\"annotations\":{\"nerdctl/name\":\"web\"}}");
        check("containerd", 0, "web");
        remove_path(BUNDLE);
}

static void test_crio(void **state) {
        (void) state;
        check("cri-o", -ENOENT, SHORT_ID);
        write_text(CRIO, "{\"annotations\":{\"io.kubernetes.container.name\":\"smf\","
                         "\"io.kubernetes.pod.name\":\"smf-1\",\"io.kubernetes.pod.namespace\":\"core\"}}");
        check("cri-o", 0, "core/smf-1/smf");
        check("", 0, "core/smf-1/smf");
        remove_path(CRIO);
}

static void test_podman(void **state) {
        (void) state;
        check("podman", -ENOENT, SHORT_ID);
        write_text(PODMAN, "[{\"id\":\"0000\",\"names\":[\"other\"]},7,{\"names\":[\"no id\"]},"
                           "{\"id\":\"" ID "\",\"names\":[\"db\",\"alias\"],\"layer\":\"x\"}]");
        check("podman", 0, "db");
        check("", 0, "db");
        write_text(PODMAN, "[{\"id\":\"" ID "\"}]");
        check("podman", -ENOENT, SHORT_ID);
        write_text(PODMAN, "[]");
        check("podman", -ENOENT, SHORT_ID);
        remove_path(PODMAN);
}

/* What a name may be cut to. */
static void test_size(void **state) {
        char name[8];

        (void) state;
        write_text(DOCKER, "{\"Name\":\"/abcdefghij\"}");
        assert_int_equal(container_name(root, "docker", ID, name, sizeof(name)), 0);
        assert_string_equal(name, "abcdefg");
        remove_path(DOCKER);
        assert_int_equal(container_name(root, "docker", ID, name, sizeof(name)), -ENOENT);
        assert_string_equal(name, "4c01db0");
}

static void test_file_max(void **state) {
        _cleanup_free_ char *text = malloc(CONTAINER_FILE_MAX + 1);
        static const char head[] = "{\"Name\":\"/web\"}";

        (void) state;
        assert_non_null(text);
        memset(text, ' ', CONTAINER_FILE_MAX + 1);
        memcpy(text, head, strlen(head));
        write_bytes(DOCKER, text, CONTAINER_FILE_MAX);
        check("docker", 0, "web");
        write_bytes(DOCKER, text, CONTAINER_FILE_MAX + 1);
        check("docker", -EFBIG, SHORT_ID);
        remove_path(DOCKER);
}

/* No links to elsewhere, and nothing that one waits for. */
static void test_file_kind(void **state) {
        _cleanup_free_ char *path = make_path(DOCKER), *elsewhere = make_path("/elsewhere");

        (void) state;
        write_text("/elsewhere", "{\"Name\":\"/web\"}");
        assert_int_equal(symlink(elsewhere, path), 0);
        check("docker", -ELOOP, SHORT_ID);
        remove_path(DOCKER);

        assert_int_equal(mkfifo(path, 0644), 0);
        check("docker", -EBADMSG, SHORT_ID);
        remove_path(DOCKER);

        assert_int_equal(mkdir(path, 0755), 0);
        check("docker", -EBADMSG, SHORT_ID);
        assert_int_equal(rmdir(path), 0);
}

static void test_id(void **state) {
        static const char *const ids[] = { "", "../../../etc", "4c01/db", "4c01db0b339\n", "4C01" };
        char name[64];

        (void) state;
        for (size_t i = 0; i < ELEMENTS(ids); i++)
                assert_int_equal(container_name(root, "docker", ids[i], name, sizeof(name)), -EINVAL);

        assert_int_equal(container_name(root, "docker", "\n../../../etc/passwd", name, sizeof(name)), -EINVAL);
        assert_string_equal(name, "\\x0a../../../et");
}

static int set_up(void **state) {
        (void) state;
        return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state) {
        char command[64];

        (void) state;
        snprintf(command, sizeof(command), "rm -rf %s", root);
        return system(command);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_docker),
                cmocka_unit_test(test_containerd),
                cmocka_unit_test(test_namespaces_max),
                cmocka_unit_test(test_crio),
                cmocka_unit_test(test_podman),
                cmocka_unit_test(test_size),
                cmocka_unit_test(test_file_max),
                cmocka_unit_test(test_file_kind),
                cmocka_unit_test(test_id),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
