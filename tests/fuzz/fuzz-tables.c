/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"
#include "proc.h"

/* The kernel's tables, or a saved tree's: the first byte says which. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(builder_done) struct builder b = {};
        _cleanup_free_ struct proc_remaddr *remaddr = NULL;
        _cleanup_free_ char *text = NULL;
        size_t n = 0;

        if (size == 0)
                return 0;
        text = text_of(data + 1, size - 1);
        switch (data[0]) {
        case 'e':
                (void) proc_read_eps(&b, 42, text, size - 1);
                break;
        case 'a':
        case 's':
                (void) proc_read_assocs(&b, 42, data[0] == 's', text, size - 1);
                break;
        case 'n':
                (void) proc_read_snmp(&b, 42, text, size - 1);
                break;
        default:
                (void) proc_read_remaddr(&b, text, size - 1, &remaddr, &n);
        }
        finish(&b);
        return 0;
}
