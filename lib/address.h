/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest RFC 5952 text, an IPv4-mapped one written in mixed notation, with its NUL. */
#define ADDRESS_TEXT_MAX 48

/* One transport address without its port. An IPv4-mapped IPv6 address stays IPv6 here, as the
 * kernel's tables show it, but address_equal() takes it for its IPv4 twin. */
struct address {
        uint8_t family;         /* AF_INET or AF_INET6; 0: no address */
        uint8_t primary;        /* marked `*` by the kernel: the primary path, or its source address */
        uint8_t bytes[16];      /* network order; the first 4 for AF_INET */
} __attribute__((packed));

/* An address with a port, as a person writes it: `10.0.0.1:5000`, `[fd00::1]:5000`, `10.0.0.1`, `fd00::1`. */
struct address_port {
        struct address address;
        uint16_t port;
        bool has_port;
};

/* Reads a numeric IPv4 or IPv6 address of `length` bytes, in any notation inet_pton() knows (the
 * kernel prints IPv6 uncompressed). -EINVAL if it is none. */
int address_parse(const char *text, size_t length, struct address *ret);

/* Reads ADDR, ADDR:PORT, [ADDR] or [ADDR]:PORT (NUL-terminated). -EINVAL if it is none of them. */
int address_port_parse(const char *text, struct address_port *ret);

/* Writes the RFC 5952 text; "-" for no address. Returns its length, or `buffer`. */
size_t address_write(const struct address *address, char buffer[static ADDRESS_TEXT_MAX]);
const char *address_text(const struct address *address, char buffer[static ADDRESS_TEXT_MAX]);

/* The same address, IPv4-mapped and IPv4 counting as one; the primary mark does not count. */
bool address_equal(const struct address *a, const struct address *b);

/* Orders IPv4 before IPv6, then by value; 0 just when address_equal(). */
int address_compare(const struct address *a, const struct address *b);
