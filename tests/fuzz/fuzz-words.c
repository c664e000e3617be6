/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "address.h"
#include "cgroup.h"
#include "fuzz.h"
#include "text.h"

/* Names that other processes choose, and what people type. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char shown[ADDRESS_TEXT_MAX];
        struct address_port end;
        struct address a, b;
        struct cgroup cgroup;
        char *text, *escaped;
        uint64_t number;

        text = text_of(data, size);
        cgroup_parse(text, size, &cgroup);
        MUST(memchr(cgroup.unit, '\0', sizeof(cgroup.unit)) && memchr(cgroup.pod, '\0', sizeof(cgroup.pod)) &&
             memchr(cgroup.container_id, '\0', sizeof(cgroup.container_id)));
        /* What is shown of an address is that address. */
        if (address_parse(text, size, &a) == 0) {
                (void) address_text(&a, shown);
                MUST(address_parse(shown, strlen(shown), &b) == 0 && address_equal(&a, &b));
        }
        (void) address_port_parse(text, &end);
        (void) text_to_usec(text, &number);
        (void) text_to_time(text, &number);
        (void) text_to_u64(text, size, 10, UINT64_MAX, &number);

        escaped = text_escape(text, size);
        MUST(escaped);
        for (char *p = escaped; *p;) {
                size_t n = text_printable(p, strlen(p));

                MUST(n > 0 || *p == '\\');
                p += n > 0 ? n : 1;
        }
        free(escaped);
        free(text);
        return 0;
}
