/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buffer.h"
#include "builder.h"
#include "changes.h"
#include "json.h"

/* Called by libFuzzer, or by replay.c for each file of a corpus. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever comes in. */
#define MUST(condition)                                                                                 \
        do {                                                                                            \
                if (!(condition)) {                                                                     \
                        (void) fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);          \
                        abort();                                                                        \
                }                                                                                       \
        } while (0)

/* A copy of exactly so many bytes, and a NUL: a sanitizer sees a step too far. The caller's to free. */
static inline char *text_of(const uint8_t *data, size_t size) {
        char *text = malloc(size + 1);

        MUST(text);
        memcpy(text, data, size);
        text[size] = '\0';
        return text;
}

static inline int write_change(const struct change *c, void *userdata) {
        json_write_change(userdata, c);
        return 0;
}

/* All that is done with a snapshot which has been found sound. */
static inline void use(const struct snapshot *s) {
        const struct snapshot_head *head = snapshot_head(s);
        _cleanup_(json_memo_free_p) struct json_memo *memo = json_memo_new();
        _cleanup_(buffer_done) struct buffer b = {}, like = {};

        for (uint32_t i = 0; i < head->n_endpoints; i++)
                json_write_endpoint(&b, s, snapshot_endpoints(s) + i);
        b.length = 0;
        for (uint32_t i = 0; i < head->n_associations; i++) {
                json_write_association(&b, NULL, s, snapshot_associations(s) + i, NULL);
                json_write_association(&like, memo, s, snapshot_associations(s) + i, NULL);
        }
        MUST(b.length == like.length && (b.length == 0 || memcmp(b.data, like.data, b.length) == 0));
        for (uint32_t i = 0; i < head->n_namespaces; i++)
                json_write_netns(&b, snapshot_namespaces(s) + i);
        (void) changes_find(s, s, true, NULL, NULL, write_change, &b);
}

/* As it comes from the scanner. */
static inline struct snapshot *mapped(const void *block, size_t size) {
        int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        struct snapshot *s = NULL;

        MUST(fd >= 0 && write(fd, block, size) == (ssize_t) size);
        MUST(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
        return snapshot_map(fd, &s) < 0 ? NULL : s;
}

/* What has been made here is found sound there. */
static inline void finish(struct builder *b) {
        struct snapshot *s = NULL, *t;

        MUST(builder_finish(b, &s) == 0);
        t = mapped(snapshot_head(s), snapshot_head(s)->size);
        MUST(t);
        use(t);
        snapshot_unref(t);
        snapshot_unref(s);
}
