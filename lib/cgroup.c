/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdbool.h>
#include <string.h>

#include "cgroup.h"
#include "macro.h"
#include "proc-table.h"
#include "text.h"

/* All runtimes here name their containers by 64 hexadecimal digits. */
#define ID_LENGTH 64u

/* What stands before the id. The monitors beside a container, "crio-conmon-" and "libpod-conmon-", are no part
 * of it: what follows these prefixes is no id then. */
static const struct {
        const char *prefix, *runtime;
} prefixes[] = {
        { "docker-", "docker" },
        { "libpod-", "podman" },
        { "libpod-payload-", "podman" },        /* --cgroups=split, which Quadlet asks for */
        { "cri-containerd-", "containerd" },
        { "nerdctl-", "containerd" },
        { "crio-", "cri-o" },
        /* "SLICE:PREFIX:ID", meant for systemd, as a runtime without systemd takes it. */
        { "cri-containerd:", "containerd" },
        { "nerdctl:", "containerd" },
        { "crio:", "cri-o" },
        { "docker:", "docker" },
};

/* Directories of bare ids: docker's own, and namespaces of containerd. Others, Kubernetes' among them, do not
 * tell the runtime. */
static const struct {
        const char *parent, *runtime;
} parents[] = {
        { "docker", "docker" },
        { "default", "containerd" },
        { "k8s.io", "containerd" },
};

static bool slice_is(struct slice s, const char *text) {
        return s.length == strlen(text) && memcmp(s.text, text, s.length) == 0;
}

static bool take_prefix(struct slice *s, const char *prefix) {
        size_t n = strlen(prefix);

        if (s->length < n || memcmp(s->text, prefix, n) != 0)
                return false;

        *s = (struct slice) { s->text + n, s->length - n };
        return true;
}

static bool take_suffix(struct slice *s, const char *suffix) {
        size_t n = strlen(suffix);

        if (s->length <= n || memcmp(s->text + s->length - n, suffix, n) != 0)
                return false;

        s->length -= n;
        return true;
}

static bool is_unit(struct slice s) {
        return take_suffix(&s, ".service") || take_suffix(&s, ".scope");
}

/* Whether it consists of nothing but these characters. */
static bool all_of(struct slice s, const char *characters) {
        for (size_t i = 0; i < s.length; i++)
                if (s.text[i] == '\0' || !strchr(characters, s.text[i]))
                        return false;

        return true;
}

static bool is_id(struct slice s) {
        return s.length == ID_LENGTH && all_of(s, "0123456789abcdef");
}

/* What follows the last `c`, or the whole. */
static struct slice behind_last(struct slice s, char c) {
        const char *last = memrchr(s.text, c, s.length);

        return last ? (struct slice) { last + 1, s.length - (size_t) (last + 1 - s.text) } : s;
}

static bool read_container(struct slice parent, struct slice name, struct cgroup *c) {
        struct slice id = name;
        const char *colon;

        if (is_id(name)) {
                for (size_t i = 0; i < ELEMENTS(parents); i++)
                        if (slice_is(parent, parents[i].parent))
                                strcpy(c->runtime, parents[i].runtime);
                text_escape_into(c->container_id, sizeof(c->container_id), id.text, id.length);
                return true;
        }

        (void) take_suffix(&name, ".scope");
        colon = memchr(name.text, ':', name.length);
        if (colon)
                name = (struct slice) { colon + 1, name.length - (size_t) (colon + 1 - name.text) };

        for (size_t i = 0; i < ELEMENTS(prefixes); i++) {
                id = name;
                if (!take_prefix(&id, prefixes[i].prefix) || !is_id(id))
                        continue;
                strcpy(c->runtime, prefixes[i].runtime);
                text_escape_into(c->container_id, sizeof(c->container_id), id.text, id.length);
                return true;
        }

        return false;
}

/* "podUID", or the end of "kubepods-burstable-podUID.slice" with _ for each hyphen. Static pods have a hash of 32
 * digits instead of a UUID. */
static void read_pod(struct slice name, struct cgroup *c) {
        const char *colon = memchr(name.text, ':', name.length);
        struct slice uid = name;

        if (colon)
                uid.length = (size_t) (colon - uid.text);
        if (take_suffix(&uid, ".slice"))
                uid = behind_last(uid, '-');
        if (!take_prefix(&uid, "pod") || (uid.length != 32 && uid.length != 36) ||
            !all_of(uid, "0123456789abcdef-_"))
                return;

        memcpy(c->pod, uid.text, uid.length);
        c->pod[uid.length] = '\0';
        for (char *p = c->pod; (p = strchr(p, '_'));)
                *p = '-';
}

/* systemd puts "_" before names that the kernel could take for its own files. */
static void read_unit(struct slice name, struct cgroup *c) {
        (void) take_prefix(&name, "_");
        text_escape_into(c->unit, sizeof(c->unit), name.text, name.length);
}

/* From the root down to the first container or machine: what runs inside can make directories of any name, and is
 * not known to the host's runtimes and systemd. Above it, the innermost unit counts. A path that is relative, seen from
 * within a cgroup namespace, begins with "..": what follows is not directly under the root, but has its own name. */
static void read_path(struct slice path, struct cgroup *c) {
        struct slice parent = {}, name;
        bool kubernetes = false;

        for (; path.length > 0; parent = name) {
                const char *slash = memchr(path.text, '/', path.length);

                name = (struct slice) { path.text, slash ? (size_t) (slash - path.text) : path.length };
                path.text += name.length + (slash != NULL);
                path.length -= name.length + (slash != NULL);

                kubernetes |= memmem(name.text, name.length, "kubepods", 8) != NULL;
                if (kubernetes)
                        read_pod(name, c);
                if (is_unit(name))
                        read_unit(name, c);
                if (read_container(parent, name, c))
                        return;

                /* systemd-nspawn, libvirt; lxc in its two layouts. */
                if ((slice_is(parent, "machine.slice") && is_unit(name)) || slice_is(parent, "lxc") ||
                    take_prefix(&(struct slice) { name.text, name.length }, "lxc.payload."))
                        return;
        }
}

/* "ID:CONTROLLERS:PATH"; how much the line is worth, 0: nothing. */
static unsigned read_line(struct slice line, struct cgroup *ret) {
        const char *first = memchr(line.text, ':', line.length), *end = line.text + line.length, *second;
        struct slice controllers;
        struct cgroup c = {};

        second = first ? memchr(first + 1, ':', (size_t) (end - first - 1)) : NULL;
        if (!second || second + 1 == end || second[1] != '/')
                return 0;

        controllers = (struct slice) { first + 1, (size_t) (second - first - 1) };
        read_path((struct slice) { second + 2, (size_t) (end - second - 2) }, &c);
        *ret = c;

        if (!*c.unit && !*c.container_id && !*c.pod)
                return 0;
        /* Where version 1 is in use, runtimes may not care about the "0::" of version 2 (it is their own service's
         * then), nor where systemd's hierarchy is: a container in any line is one. */
        return (*c.container_id ? 4u : 0u) +
               (slice_is(controllers, "name=systemd") ? 3u : controllers.length == 0 ? 2u : 1u);
}

void cgroup_parse(const char *text, size_t length, struct cgroup *ret) {
        const char *end = text + length;
        unsigned best = 0;

        *ret = (struct cgroup) {};
        while (text < end) {
                const char *newline = memchr(text, '\n', (size_t) (end - text));
                struct slice line = { text, (size_t) ((newline ?: end) - text) };
                struct cgroup c;
                unsigned worth = read_line(line, &c);

                if (worth > best) {
                        *ret = c;
                        best = worth;
                }
                text = newline ? newline + 1 : end;
        }
}
