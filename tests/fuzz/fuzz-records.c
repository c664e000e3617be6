/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bpf-listing.h"
#include "fuzz.h"
#include "news.h"

/* What the programs in the kernel hand over. Of each part of the input the first byte chooses a record, the second how
 * many bytes of it are written over, by three each. */

static union {
        struct record_head head;
        struct record_association association;
        struct record_endpoint endpoint;
        struct record_local local;
        struct record_path path;
        struct record_event event;
        uint8_t bytes[sizeof(struct record_event)];
} record;

static size_t begin(uint8_t kind) {
        const struct record_socket socket = { .netns = 42, .inode = 5, .state = 1, .style = 2 };
        const struct record_address address = { .family = AF_INET, .bytes = { 127, 0, 0, 1 } };

        memset(&record, 0, sizeof(record));
        record.head = (struct record_head) { .kind = kind, .key = 1 };
        switch (kind) {
        case RECORD_ASSOCIATION:
                record.association.socket = socket;
                record.association.state = 3;
                return sizeof(record.association);
        case RECORD_ENDPOINT:
                record.endpoint.socket = socket;
                return sizeof(record.endpoint);
        case RECORD_LOCAL:
                record.local.address = address;
                return sizeof(record.local);
        case RECORD_PATH:
                record.path.address = address;
                return sizeof(record.path);
        case RECORD_SEEN:
                return sizeof(struct record_seen);
        default:
                record.head.kind = RECORD_EVENT;
                record.event.event = EVENT_STATE;
                record.event.new_state = 3;
                record.event.association.socket = socket;
                record.event.association.state = 3;
                record.event.n_local = record.event.n_paths = 1;
                record.event.local[0] = record.event.paths[0].address = address;
                return sizeof(record.event);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(bpf_listing_done) struct bpf_listing listing = { .hz = 250 };
        _cleanup_(builder_done) struct builder b = {};
        _cleanup_(news_free_p) struct news *news = NULL;
        struct snapshot *s = NULL;
        struct netns *n;

        MUST(news_new(&news) == 0);
        while (size >= 2) {
                size_t length = begin(data[0] % 8), patches = data[1];
                char *copy;

                for (data += 2, size -= 2; patches > 0 && size >= 3; patches--, data += 3, size -= 3)
                        record.bytes[(data[0] | (size_t) data[1] << 8) % length] = data[2];
                if (patches > 0)
                        length -= MIN(patches, length);
                copy = text_of(record.bytes, length);
                (void) bpf_listing_add(&listing, copy, length);
                (void) news_add(news, copy, length);
                free(copy);
        }

        if (news_finish(news, NULL, false, &s) == 0 && s) {
                struct snapshot *t = mapped(snapshot_head(s), snapshot_head(s)->size);

                MUST(t);
                use(t);
                snapshot_unref(t);
        }
        snapshot_unref(s);

        MUST(builder_add_netns(&b, &n) == 0);
        n->netns = 42;
        if (bpf_listing_finish(&listing) == 0) {
                MUST(bpf_listing_build(&listing, 42, &b) == 0);
                finish(&b);
        }
        return 0;
}
