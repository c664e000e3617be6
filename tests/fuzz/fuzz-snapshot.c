/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

/* A block of a scanner that has been taken over: a sound one, in which each six bytes of the input write four of their
 * own somewhere. */

static struct snapshot *sound(void) {
        _cleanup_(builder_done) struct builder b = {};
        struct association *a;
        struct happening *h;
        struct endpoint *e;
        struct counter *c;
        struct address *x;
        struct process *o;
        struct netns *n;
        struct path *p;
        struct snapshot *s;

        b.head.available = 1;
        b.head.hz = 250;
        b.head.news = 1;
        MUST(builder_add_netns(&b, &n) == 0 && builder_add_process(&b, &o) == 0 && builder_add_counter(&b, &c) == 0);
        *n = (struct netns) { .netns = 42, .name = "blue", .has_sctp = 1 };
        *o = (struct process) { .pid = 7, .command = "server" };
        *c = (struct counter) { .name = "SctpCurrEstab", .value = 1, .netns = 42 };
        builder_complain(&b, SOURCE_EPS, 3, "expected %s", "a number");
        for (uint32_t i = 0; i < 2; i++) {
                MUST(builder_add_address(&b, &x) == 0 && builder_add_path(&b, &p) == 0 &&
                     builder_add_owner(&b, 0) == 0 && builder_add_endpoint(&b, &e) == 0 &&
                     builder_add_association(&b, &a) == 0 && builder_add_happening(&b, &h) == 0);
                *x = (struct address) { .family = AF_INET, .bytes = { 127, 0, 0, 1 } };
                *p = (struct path) { .address = *x, .state = PATH_ACTIVE };
                *e = (struct endpoint) { .netns = 42, .inode = 5 + i, .local_port = 9, .local = { i, 1 }, .owners = { i, 1 } };
                *a = (struct association) {
                        .netns = 42, .id = 1 + i, .local_port = 9, .peer_port = 10, .state = ASSOCIATION_ESTABLISHED,
                        .local = { i, 1 }, .paths = { i, 1 }, .owners = { i, 1 },
                };
                for (int k = 0; k < _ASSOCIATION_FIELD_MAX; k++)
                        if (k < _ASSOCIATION_TABLE_FIELD_MAX || k >= (int) FIELD_DETAIL)
                                FIELD_GIVE(a, k);
                *h = (struct happening) {
                        .at = 1000 + i, .type = CHANGE_PATH_STATE, .path_old_state = PATH_ACTIVE, .path_new_state = PATH_PF,
                        .trigger = { .kind = TRIGGER_CHUNK, .number = 1 },
                };
        }
        MUST(builder_finish(&b, &s) == 0);
        return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static struct snapshot *original;
        struct snapshot *s;
        size_t length;
        char *block;

        if (!original)
                original = sound();
        length = snapshot_head(original)->size;
        block = text_of((const uint8_t *) snapshot_head(original), length);
        for (; size >= 6; data += 6, size -= 6) {
                uint16_t at;

                memcpy(&at, data, sizeof(at));
                if (at + 4u <= length)
                        memcpy(block + at, data + 2, 4);
        }
        /* What is left over shortens it. */
        s = mapped(block, length - MIN(size * 8, length));
        if (s)
                use(s);
        snapshot_unref(s);
        free(block);
        return 0;
}
