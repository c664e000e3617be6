/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/sock_diag.h>

#include "conntrack.h"
#include "diag.h"
#include "fuzz.h"

/* Answers of sock_diag ("d") and of connection tracking: their header is the kernel's, what follows is the input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct conntrack_end original, answering;
        static struct diag_association found;
        struct nlmsghdr *header;

        if (size == 0 || size > 65536)
                return 0;
        /* libmnl goes on to a multiple of four, as the kernel does. */
        header = calloc(1, MNL_ALIGN(sizeof(*header) + size - 1));
        MUST(header);
        *header = (struct nlmsghdr) { .nlmsg_len = (uint32_t) (sizeof(*header) + size - 1) };
        memcpy(header + 1, data + 1, size - 1);
        if (data[0] == 'd') {
                header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
                if (diag_read(header, &found) == 0)
                        MUST(found.state >= 0 && found.state < _ASSOCIATION_STATE_MAX);
        } else {
                header->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
                (void) conntrack_read(header, &original, &answering);
        }
        free(header);
        return 0;
}
