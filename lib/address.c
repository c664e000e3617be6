/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "macro.h"
#include "text.h"

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool is_mapped(const struct address *a) {
        return a->family == AF_INET6 && memcmp(a->bytes, mapped_prefix, sizeof(mapped_prefix)) == 0;
}

int address_parse(const char *text, size_t length, struct address *ret) {
        struct address a = {};
        char copy[INET6_ADDRSTRLEN];

        if (length >= sizeof(copy))
                return -EINVAL;

        memcpy(copy, text, length);
        copy[length] = '\0';
        if (strlen(copy) != length)
                return -EINVAL;

        a.family = memchr(copy, ':', length) ? AF_INET6 : AF_INET;
        if (inet_pton(a.family, copy, a.bytes) != 1)
                return -EINVAL;

        *ret = a;
        return 0;
}

int address_port_parse(const char *text, struct address_port *ret) {
        struct address_port result = {};
        const char *end = text + strlen(text), *address = text, *address_end, *port = NULL;
        uint64_t number;
        int r;

        if (*text == '[') {
                address = text + 1;
                address_end = strchr(text, ']');
                if (!address_end || !memchr(address, ':', (size_t) (address_end - address)))
                        return -EINVAL;
                if (address_end[1] == ':')
                        port = address_end + 2;
                else if (address_end + 1 != end)
                        return -EINVAL;
        } else {
                const char *colon = strchr(text, ':');

                /* More than one colon without brackets: an IPv6 address alone. */
                if (colon && !strchr(colon + 1, ':')) {
                        address_end = colon;
                        port = colon + 1;
                } else
                        address_end = end;
        }

        r = address_parse(address, (size_t) (address_end - address), &result.address);
        if (r < 0)
                return r;

        if (port) {
                r = text_to_u64(port, (size_t) (end - port), 10, UINT16_MAX, &number);
                if (r < 0)
                        return -EINVAL;
                result.port = (uint16_t) number;
                result.has_port = true;
        }

        *ret = result;
        return 0;
}

static char *put_byte(char *t, unsigned value) {
        if (value >= 100)
                *t++ = (char) ('0' + value / 100);
        if (value >= 10)
                *t++ = (char) ('0' + value / 10 % 10);
        *t++ = (char) ('0' + value % 10);
        return t;
}

size_t address_write(const struct address *address, char buffer[static ADDRESS_TEXT_MAX]) {
        char *t = buffer;

        /* glibc compresses as RFC 5952 asks: lower case, the first of the longest runs of zeros, never a
         * single one; mapped addresses in mixed notation. */
        if (address->family != AF_INET) {
                if (!inet_ntop(address->family, address->bytes, buffer, ADDRESS_TEXT_MAX))
                        strcpy(buffer, "-");
                return strlen(buffer);
        }

        /* The common case by hand: glibc prints it by sprintf(). */
        for (unsigned i = 0; i < 4; i++) {
                t = put_byte(t, address->bytes[i]);
                *t++ = '.';
        }
        *--t = '\0';
        return (size_t) (t - buffer);
}

const char *address_text(const struct address *address, char buffer[static ADDRESS_TEXT_MAX]) {
        (void) address_write(address, buffer);
        return buffer;
}

int address_compare(const struct address *a, const struct address *b) {
        const bool a4 = a->family == AF_INET || is_mapped(a), b4 = b->family == AF_INET || is_mapped(b);
        const uint8_t *x = a->bytes, *y = b->bytes;

        if (a->family == 0 || b->family == 0)
                return CMP(a->family != 0, b->family != 0);
        if (a4 != b4)
                return a4 ? -1 : 1;
        if (!a4)
                return memcmp(x, y, 16);

        return memcmp(a->family == AF_INET ? x : x + 12, b->family == AF_INET ? y : y + 12, 4);
}

bool address_equal(const struct address *a, const struct address *b) {
        /* Nearly always there is no more to it. */
        return (a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0) ||
               address_compare(a, b) == 0;
}
