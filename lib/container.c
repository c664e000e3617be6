/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "container.h"
#include "macro.h"
#include "text.h"

/* Namespaces of containerd that are searched: docker's, Kubernetes' and a few more. */
#define CONTAINER_NAMESPACES_MAX 64u

#define SHORT_ID_LENGTH 12u

DEFINE_CLEANUP(json_t *, json_decref)
DEFINE_CLEANUP(DIR *, closedir)

#define _cleanup_json_ _cleanup_(json_decref_p)

_printf_(3, 4)
static int read_json(const char *root, json_t **ret, const char *format, ...) {
        _cleanup_free_ char *below = NULL, *path = NULL, *text = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t length = 0;
        struct stat st;
        va_list args;
        json_t *json;
        int r;

        va_start(args, format);
        r = vasprintf(&below, format, args);
        va_end(args);
        if (r < 0) {
                below = NULL;
                return -ENOMEM;
        }
        if (asprintf(&path, "%s%s", root ?: "", below) < 0) {
                path = NULL;
                return -ENOMEM;
        }

        /* A FIFO or a device must not hold us up. */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADMSG;

        text = malloc(CONTAINER_FILE_MAX + 1);
        if (!text)
                return -ENOMEM;
        for (;;) {
                ssize_t n = read(fd, text + length, CONTAINER_FILE_MAX + 1 - length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                length += (size_t) n;
                if (length > CONTAINER_FILE_MAX)
                        return -EFBIG;
        }

        json = json_loadb(text, length, 0, NULL);
        if (!json)
                return -EBADMSG;

        *ret = json;
        return 0;
}

/* Its members, "/" between those that are there; -ENOENT if none is. */
static int join(const json_t *object, const char *const *keys, size_t n_keys, char *name, size_t size) {
        _cleanup_free_ char *text = NULL;
        size_t length = 0;
        FILE *f;

        f = open_memstream(&text, &length);
        if (!f)
                return -ENOMEM;
        for (size_t i = 0; i < n_keys; i++) {
                const json_t *part = json_object_get(object, keys[i]);

                if (json_string_length(part) > 0)
                        fprintf(f, "%s%s", ftell(f) > 0 ? "/" : "", json_string_value(part));
        }
        if (fclose(f) != 0)
                return -ENOMEM;
        if (length == 0)
                return -ENOENT;

        text_escape_into(name, size, text, length);
        return 0;
}

static int read_docker(const char *root, const char *id, char *name, size_t size) {
        _cleanup_json_ json_t *json = NULL;
        const char *text;
        int r;

        r = read_json(root, &json, "/var/lib/docker/containers/%s/config.v2.json", id);
        if (r < 0)
                return r;

        text = json_string_value(json_object_get(json, "Name"));
        if (text && *text == '/')
                text++;
        if (!text || !*text)
                return -ENOENT;

        text_escape_into(name, size, text, strlen(text));
        return 0;
}

static int read_bundle(const char *root, const char *namespace, const char *id, char *name, size_t size) {
        static const char *const kubernetes[] = {
                "io.kubernetes.cri.sandbox-namespace",
                "io.kubernetes.cri.sandbox-name",
                "io.kubernetes.cri.container-name",
        };
        static const char *const nerdctl[] = { "nerdctl/name" };
        _cleanup_json_ json_t *json = NULL;
        const json_t *annotations;
        int r;

        r = read_json(root, &json, "/run/containerd/io.containerd.runtime.v2.task/%s/%s/config.json", namespace, id);
        if (r < 0)
                return r;

        annotations = json_object_get(json, "annotations");
        r = join(annotations, kubernetes, ELEMENTS(kubernetes), name, size);
        return r == -ENOENT ? join(annotations, nerdctl, ELEMENTS(nerdctl), name, size) : r;
}

static int read_containerd(const char *root, const char *id, char *name, size_t size) {
        _cleanup_(closedir_p) DIR *tasks = NULL;
        _cleanup_free_ char *path = NULL;
        const struct dirent *entry;
        int result = -ENOENT;

        if (asprintf(&path, "%s/run/containerd/io.containerd.runtime.v2.task", root ?: "") < 0) {
                path = NULL;
                return -ENOMEM;
        }
        tasks = opendir(path);
        if (!tasks)
                return -errno;

        for (unsigned n = 0; n < CONTAINER_NAMESPACES_MAX && (entry = readdir(tasks));) {
                int r;

                if (entry->d_name[0] == '.')
                        continue;
                n++;
                r = read_bundle(root, entry->d_name, id, name, size);
                if (r >= 0)
                        return 0;
                if (r != -ENOENT && r != -ENOTDIR)
                        result = r;
        }

        return result;
}

static int read_crio(const char *root, const char *id, char *name, size_t size) {
        static const char *const kubernetes[] = {
                "io.kubernetes.pod.namespace",
                "io.kubernetes.pod.name",
                "io.kubernetes.container.name",
        };
        _cleanup_json_ json_t *json = NULL;
        int r;

        r = read_json(root, &json, "/run/containers/storage/overlay-containers/%s/userdata/config.json", id);
        if (r < 0)
                return r;

        return join(json_object_get(json, "annotations"), kubernetes, ELEMENTS(kubernetes), name, size);
}

static int read_podman(const char *root, const char *id, char *name, size_t size) {
        _cleanup_json_ json_t *json = NULL;
        const json_t *container;
        size_t i;
        int r;

        r = read_json(root, &json, "/var/lib/containers/storage/overlay-containers/containers.json");
        if (r < 0)
                return r;

        json_array_foreach(json, i, container) {
                const char *its_id = json_string_value(json_object_get(container, "id"));
                const char *text = json_string_value(json_array_get(json_object_get(container, "names"), 0));

                if (!its_id || strcmp(its_id, id) != 0)
                        continue;
                if (!text || !*text)
                        break;
                text_escape_into(name, size, text, strlen(text));
                return 0;
        }

        return -ENOENT;
}

int container_name(const char *root, const char *runtime, const char *id, char *name, size_t size) {
        static const struct {
                const char *runtime;
                int (*read)(const char *root, const char *id, char *name, size_t size);
        } runtimes[] = {
                { "docker", read_docker },
                { "containerd", read_containerd },
                { "cri-o", read_crio },
                { "podman", read_podman },
        };
        int result = -ENOENT;

        text_escape_into(name, size, id, strnlen(id, SHORT_ID_LENGTH));

        /* It becomes a part of paths. */
        if (!*id || strspn(id, "0123456789abcdef") != strlen(id))
                return -EINVAL;

        /* Where the path of the cgroup does not tell the runtime, the id does: only one has it. */
        for (size_t i = 0; i < ELEMENTS(runtimes); i++) {
                int r;

                if (*runtime && strcmp(runtime, runtimes[i].runtime) != 0)
                        continue;
                r = runtimes[i].read(root, id, name, size);
                if (r >= 0)
                        return 0;
                if (r != -ENOENT)
                        result = r;
        }

        return result;
}
