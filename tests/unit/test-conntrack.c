/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <sys/types.h>

/* A kernel that answers: connection tracking may not be here, nor the right to ask it. */
static ssize_t fake_send(const struct mnl_socket *socket, const void *data, size_t size);
static ssize_t fake_receive(const struct mnl_socket *socket, void *buffer, size_t size);
static unsigned fake_portid(const struct mnl_socket *socket);
#define mnl_socket_sendto fake_send
#define mnl_socket_recvfrom fake_receive
#define mnl_socket_get_portid fake_portid
#include "conntrack.c"
#undef mnl_socket_sendto
#undef mnl_socket_recvfrom
#undef mnl_socket_get_portid

#define PORTID 4711u
#define SCTP 132

/* What attributes a message leaves out. */
enum { NO_NUMBER = 1, NO_PORT = 2, NO_ADDRESS = 4, NO_IP = 8, NO_PROTO = 16 };

struct end {
        const char *address;
        uint16_t port;
};

struct tuple {
        struct end source, destination;
        uint8_t protocol;
        unsigned left_out;
};

static struct fake {
        char asked[1024];
        unsigned n_asked;
        int error_send, error_receive;
        const void *answer;             /* its sequence number and port are set by the fake */
        unsigned n_late;                /* answers to earlier questions come first, as many */
        bool nothing;                   /* an empty datagram */
        unsigned n_received;
} fake;

static const struct tuple TO_HOST = { { "10.0.1.2", 6001 }, { "10.0.1.1", 200 }, SCTP, 0 },
                          FROM_CONTAINER = { { "172.17.0.2", 202 }, { "10.0.1.2", 6001 }, SCTP, 0 };

static char buffer[4096], late[4096];

static struct address address(const char *text) {
        struct address a;

        assert_int_equal(address_parse(text, strlen(text), &a), 0);
        return a;
}

static void put_end(struct nlmsghdr *header, const char *text, uint16_t v4, uint16_t v6) {
        struct address a = address(text);

        put_address(header, &a, v4, v6);
}

static void add_tuple(struct nlmsghdr *header, uint16_t type, const struct tuple *t) {
        struct nlattr *nest = mnl_attr_nest_start(header, type), *part;

        if (!(t->left_out & NO_IP)) {
                part = mnl_attr_nest_start(header, CTA_TUPLE_IP);
                if (!(t->left_out & NO_ADDRESS)) {
                        put_end(header, t->source.address, CTA_IP_V4_SRC, CTA_IP_V6_SRC);
                        put_end(header, t->destination.address, CTA_IP_V4_DST, CTA_IP_V6_DST);
                }
                mnl_attr_nest_end(header, part);
        }
        if (!(t->left_out & NO_PROTO)) {
                part = mnl_attr_nest_start(header, CTA_TUPLE_PROTO);
                if (!(t->left_out & NO_NUMBER))
                        mnl_attr_put_u8(header, CTA_PROTO_NUM, t->protocol);
                if (!(t->left_out & NO_PORT)) {
                        mnl_attr_put_u16(header, CTA_PROTO_SRC_PORT, htons(t->source.port));
                        mnl_attr_put_u16(header, CTA_PROTO_DST_PORT, htons(t->destination.port));
                }
                mnl_attr_nest_end(header, part);
        }
        mnl_attr_nest_end(header, nest);
}

static struct nlmsghdr *begin(void *to) {
        struct nlmsghdr *header = mnl_nlmsg_put_header(memset(to, 0, sizeof(buffer)));
        struct nfgenmsg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));

        header->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
        message->version = NFNETLINK_V0;
        return header;
}

/* As the kernel sends it: with more than is asked for. */
static struct nlmsghdr *entry(void *to, const struct tuple *original, const struct tuple *reply) {
        struct nlmsghdr *header = begin(to);

        add_tuple(header, CTA_TUPLE_ORIG, original);
        add_tuple(header, CTA_TUPLE_REPLY, reply);
        mnl_attr_put_u32(header, CTA_STATUS, htonl(0x8a));
        mnl_attr_put_u32(header, CTA_TIMEOUT, htonl(210));
        return header;
}

static struct nlmsghdr *refusal(int error) {
        struct nlmsghdr *header = mnl_nlmsg_put_header(memset(buffer, 0, sizeof(buffer)));
        struct nlmsgerr *body = mnl_nlmsg_put_extra_header(header, sizeof(*body));

        header->nlmsg_type = NLMSG_ERROR;
        body->error = error;
        return header;
}

static ssize_t fake_send(const struct mnl_socket *socket, const void *data, size_t size) {
        (void) socket;
        assert_in_range(size, 1, sizeof(fake.asked));
        memcpy(fake.asked, data, size);
        fake.n_asked++;
        errno = fake.error_send;
        return fake.error_send ? -1 : (ssize_t) size;
}

static ssize_t fake_receive(const struct mnl_socket *socket, void *to, size_t size) {
        const struct nlmsghdr *answer = fake.n_received < fake.n_late ? (const void *) late : fake.answer;
        struct nlmsghdr *header = to;

        (void) socket;
        assert_in_range(fake.n_received, 0, fake.n_late);
        if (fake.error_receive) {
                errno = fake.error_receive;
                return -1;
        }
        if (fake.nothing)
                return 0;
        assert_in_range(answer->nlmsg_len, 1, size);
        memcpy(to, answer, answer->nlmsg_len);
        header->nlmsg_pid = PORTID;
        header->nlmsg_seq = ((const struct nlmsghdr *) (const void *) fake.asked)->nlmsg_seq;
        if (fake.n_received++ < fake.n_late)
                header->nlmsg_seq--;
        return (ssize_t) answer->nlmsg_len;
}

static unsigned fake_portid(const struct mnl_socket *socket) {
        (void) socket;
        return PORTID;
}

/* Asks for the association that the container sees; the results are told from untouched ones by their ports. */
static int ask_for(const char *local, uint16_t local_port, const char *peer, uint16_t peer_port, struct end *ret) {
        static char text[ADDRESS_TEXT_MAX];
        struct address from = address(local), to = address(peer), original = address("192.0.2.99");
        struct conntrack c = { .sequence = 7 };
        uint16_t port = 9999;
        int r;

        fake.n_received = 0;
        r = conntrack_original(&c, &from, local_port, &to, peer_port, &original, &port);
        *ret = (struct end) { address_text(&original, text), port };
        return r;
}

static int ask(struct end *ret) {
        return ask_for("172.17.0.2", 202, "10.0.1.2", 6001, ret);
}

static void assert_untouched(const struct end *end) {
        assert_string_equal(end->address, "192.0.2.99");
        assert_int_equal(end->port, 9999);
}

static int reset(void **state) {
        (void) state;
        fake = (struct fake) {};
        return 0;
}

static const struct nlattr *inside(const struct nlattr *nest, uint16_t type) {
        const struct nlattr *found = find_in(nest, type);

        assert_non_null(found);
        return found;
}

static void test_question(void **state) {
        const struct nlmsghdr *header = (const void *) fake.asked;
        const struct nlattr *tuple = NULL, *ip, *proto, *attribute;
        const struct nfgenmsg *message;
        unsigned n = 0;
        struct end end;

        (void) state;
        fake.answer = entry(buffer, &TO_HOST, &FROM_CONTAINER);
        assert_int_equal(ask(&end), 0);

        assert_int_equal(fake.n_asked, 1);
        assert_int_equal(header->nlmsg_type, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET);
        assert_int_equal(header->nlmsg_flags, NLM_F_REQUEST);
        assert_int_equal(header->nlmsg_seq, 8);
        message = mnl_nlmsg_get_payload(header);
        assert_int_equal(message->nfgen_family, AF_INET);
        mnl_attr_for_each(attribute, header, sizeof(*message)) {
                tuple = attribute;
                n++;
        }
        assert_int_equal(n, 1);
        assert_int_equal(mnl_attr_get_type(tuple), CTA_TUPLE_REPLY);
        assert_true(tuple->nla_type & NLA_F_NESTED);
        ip = inside(tuple, CTA_TUPLE_IP);
        assert_memory_equal(mnl_attr_get_payload(inside(ip, CTA_IP_V4_SRC)), "\xac\x11\0\2", 4);
        assert_memory_equal(mnl_attr_get_payload(inside(ip, CTA_IP_V4_DST)), "\x0a\0\1\2", 4);
        proto = inside(tuple, CTA_TUPLE_PROTO);
        assert_int_equal(mnl_attr_get_u8(inside(proto, CTA_PROTO_NUM)), SCTP);
        assert_int_equal(mnl_attr_get_u16(inside(proto, CTA_PROTO_SRC_PORT)), htons(202));
        assert_int_equal(mnl_attr_get_u16(inside(proto, CTA_PROTO_DST_PORT)), htons(6001));
}

static void test_dnat(void **state) {
        struct end end;

        (void) state;
        fake.answer = entry(buffer, &TO_HOST, &FROM_CONTAINER);
        assert_int_equal(ask(&end), 0);
        assert_string_equal(end.address, "10.0.1.1");
        assert_int_equal(end.port, 200);
}

/* Only the address, or only the port, is another one. */
static void test_half_translated(void **state) {
        struct tuple original = TO_HOST;
        struct end end;

        (void) state;
        original.destination.port = 202;
        fake.answer = entry(buffer, &original, &FROM_CONTAINER);
        assert_int_equal(ask(&end), 0);
        assert_string_equal(end.address, "10.0.1.1");
        assert_int_equal(end.port, 202);

        original.destination = (struct end) { "172.17.0.2", 200 };
        fake.answer = entry(buffer, &original, &FROM_CONTAINER);
        assert_int_equal(ask(&end), 0);
        assert_string_equal(end.address, "172.17.0.2");
        assert_int_equal(end.port, 200);
}

static void test_ipv6(void **state) {
        const struct tuple original = { { "fd00:1::2", 6001 }, { "fd00:1::1", 200 }, SCTP, 0 },
                           reply = { { "fd00:20::2", 202 }, { "fd00:1::2", 6001 }, SCTP, 0 };
        const struct nlmsghdr *header = (const void *) fake.asked;
        const struct nfgenmsg *message;
        struct end end;

        (void) state;
        fake.answer = entry(buffer, &original, &reply);
        assert_int_equal(ask_for("fd00:20::2", 202, "fd00:1::2", 6001, &end), 0);
        assert_string_equal(end.address, "fd00:1::1");
        assert_int_equal(end.port, 200);
        message = mnl_nlmsg_get_payload(header);
        assert_int_equal(message->nfgen_family, AF_INET6);
}

static void test_no_dnat(void **state) {
        struct tuple original = TO_HOST;
        struct end end;

        (void) state;
        original.destination = FROM_CONTAINER.source;
        fake.answer = entry(buffer, &original, &FROM_CONTAINER);
        assert_int_equal(ask(&end), -ENOENT);
        assert_untouched(&end);

        /* The source alone is another one: MASQUERADE, of a connection that came in. */
        original.source = (struct end) { "10.0.1.77", 6001 };
        fake.answer = entry(buffer, &original, &FROM_CONTAINER);
        assert_int_equal(ask(&end), -ENOENT);
        assert_untouched(&end);
}

/* The container connects out, with MASQUERADE or through somebody's DNAT: the kernel finds the entry by its other
 * tuple, and what it went to says nothing about this end. */
static void test_this_end_began(void **state) {
        const struct tuple out = { FROM_CONTAINER.source, FROM_CONTAINER.destination, SCTP, 0 },
                           masqueraded = { FROM_CONTAINER.destination, { "10.0.1.1", 202 }, SCTP, 0 },
                           elsewhere = { { "172.17.0.3", 302 }, FROM_CONTAINER.source, SCTP, 0 };
        struct end end;

        (void) state;
        fake.answer = entry(buffer, &out, &masqueraded);
        assert_int_equal(ask(&end), -ENOENT);
        assert_untouched(&end);
        fake.answer = entry(buffer, &out, &elsewhere);
        assert_int_equal(ask(&end), -ENOENT);
        assert_untouched(&end);
}

static void test_refusals(void **state) {
        static const struct {
                int kernel, ours;
        } all[] = {
                { -ENOENT, -ENOENT },
                { -EPERM, -EPERM },
                { -EINVAL, -EOPNOTSUPP },       /* nf_conntrack_netlink cannot be loaded */
                { -EOPNOTSUPP, -EOPNOTSUPP },
                { -ENOMEM, -ENOMEM },
                { 0, -EBADMSG },                /* an acknowledgement that nobody asked for */
        };
        struct end end;

        (void) state;
        for (size_t i = 0; i < ELEMENTS(all); i++) {
                fake.answer = refusal(all[i].kernel);
                assert_int_equal(ask(&end), all[i].ours);
                assert_untouched(&end);
        }
}

static void test_socket_fails(void **state) {
        struct end end;

        (void) state;
        fake.error_receive = EINTR;
        assert_int_equal(ask(&end), -EAGAIN);
        fake.error_receive = EAGAIN;
        assert_int_equal(ask(&end), -EAGAIN);
        fake.error_receive = ENOSPC;
        assert_int_equal(ask(&end), -ENOSPC);
        fake.error_send = ENOBUFS;
        assert_int_equal(ask(&end), -ENOBUFS);
        assert_untouched(&end);

        reset(NULL);
        fake.nothing = true;
        assert_int_equal(ask(&end), -EBADMSG);
        assert_untouched(&end);
}

/* What was asked before a timeout is answered now. */
static void test_late_answers(void **state) {
        struct tuple other = TO_HOST;
        struct end end;

        (void) state;
        other.destination.port = 4000;
        (void) entry(late, &other, &FROM_CONTAINER);
        fake.answer = entry(buffer, &TO_HOST, &FROM_CONTAINER);
        fake.n_late = 2;
        assert_int_equal(ask(&end), 0);
        assert_int_equal(fake.n_received, 3);
        assert_int_equal(end.port, 200);
}

static void test_families(void **state) {
        struct end end;

        (void) state;
        assert_int_equal(ask_for("172.17.0.2", 202, "fd00:1::2", 6001, &end), -EAFNOSUPPORT);
        assert_int_equal(fake.n_asked, 0);
        assert_untouched(&end);
}

/* conntrack_read() of what is in the buffer. */
static int read_buffer(void) {
        struct conntrack_end original = { .port = 9999 }, answering = { .port = 9999 };
        int r;

        r = conntrack_read((const void *) buffer, &original, &answering);
        if (r < 0) {
                assert_int_equal(original.port, 9999);
                assert_int_equal(answering.port, 9999);
        } else {
                assert_int_equal(original.port, 200);
                assert_int_equal(answering.port, 202);
        }
        return r;
}

static void test_missing_attributes(void **state) {
        struct nlmsghdr *header;

        (void) state;
        (void) entry(buffer, &TO_HOST, &FROM_CONTAINER);
        assert_int_equal(read_buffer(), 0);

        for (unsigned left_out = NO_NUMBER; left_out <= NO_PROTO; left_out *= 2) {
                struct tuple original = TO_HOST, reply = FROM_CONTAINER;

                original.left_out = left_out;
                (void) entry(buffer, &original, &FROM_CONTAINER);
                assert_int_equal(read_buffer(), -EBADMSG);
                reply.left_out = left_out;
                (void) entry(buffer, &TO_HOST, &reply);
                assert_int_equal(read_buffer(), -EBADMSG);
        }

        (void) begin(buffer);
        assert_int_equal(read_buffer(), -EBADMSG);
        header = begin(buffer);
        add_tuple(header, CTA_TUPLE_ORIG, &TO_HOST);
        assert_int_equal(read_buffer(), -EBADMSG);
        header = begin(buffer);
        add_tuple(header, CTA_TUPLE_REPLY, &FROM_CONTAINER);
        assert_int_equal(read_buffer(), -EBADMSG);

        /* No body. */
        header = mnl_nlmsg_put_header(memset(buffer, 0, sizeof(buffer)));
        assert_int_equal(read_buffer(), -EBADMSG);
        header->nlmsg_len += sizeof(struct nfgenmsg) - 1;
        assert_int_equal(read_buffer(), -EBADMSG);
}

static void test_other_protocols(void **state) {
        struct tuple original = TO_HOST, reply = FROM_CONTAINER;

        (void) state;
        original.protocol = IPPROTO_TCP;
        (void) entry(buffer, &original, &FROM_CONTAINER);
        assert_int_equal(read_buffer(), -EBADMSG);
        reply.protocol = IPPROTO_TCP;
        (void) entry(buffer, &TO_HOST, &reply);
        assert_int_equal(read_buffer(), -EBADMSG);
}

/* Each of the tuples' attributes with each length up to one that reaches far beyond the message. */
static void test_garbage_lengths(void **state) {
        static char whole[sizeof(buffer)];
        uint32_t length = entry(buffer, &TO_HOST, &FROM_CONTAINER)->nlmsg_len;
        size_t n_refused = 0;

        (void) state;
        memcpy(whole, buffer, sizeof(whole));
        for (size_t at = sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg); at < length; at += 4)
                for (uint32_t garbage = 0; garbage <= length; garbage = garbage < length ? garbage + 1 : UINT16_MAX) {
                        struct nlmsghdr *copy = malloc(length);
                        struct conntrack_end original, answering;

                        /* Of its exact size, so that a sanitizer sees what is read beyond. */
                        assert_non_null(copy);
                        memcpy(copy, whole, length);
                        memcpy((char *) copy + at, &(uint16_t) { (uint16_t) garbage }, 2);
                        if (conntrack_read(copy, &original, &answering) < 0)
                                n_refused++;
                        free(copy);
                        if (garbage == UINT16_MAX)
                                break;
                }
        assert_in_range(n_refused, 1000, SIZE_MAX);

        /* And a message that ends early, even within its header. */
        for (uint32_t n = 0; n < length; n += 4) {
                struct nlmsghdr *copy = malloc(length);
                struct conntrack_end original, answering;
                int r;

                assert_non_null(copy);
                memcpy(copy, whole, length);
                copy->nlmsg_len = n;
                r = conntrack_read(copy, &original, &answering);
                /* The last two attributes are not read. */
                assert_int_equal(r, n < length - 16 ? -EBADMSG : 0);
                free(copy);
        }
}

/* An address of another family's length, and a port of another size. */
static void test_wrong_sizes(void **state) {
        static const struct {
                uint16_t type;
                size_t length;
                bool is_address;
        } all[] = {
                { CTA_IP_V4_DST, 16, true },
                { CTA_IP_V4_DST, 3, true },
                { CTA_IP_V4_DST, 0, true },
                { CTA_IP_V6_DST, 4, true },
                { CTA_IP_V6_DST, 15, true },
                { CTA_PROTO_DST_PORT, 1, false },
                { CTA_PROTO_DST_PORT, 4, false },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(all); i++) {
                const uint8_t bytes[16] = {};
                struct nlmsghdr *header = begin(buffer);
                struct nlattr *tuple = mnl_attr_nest_start(header, CTA_TUPLE_ORIG), *part;

                part = mnl_attr_nest_start(header, CTA_TUPLE_IP);
                if (all[i].is_address)
                        mnl_attr_put(header, all[i].type, all[i].length, bytes);
                else
                        mnl_attr_put(header, CTA_IP_V4_DST, 4, bytes);
                mnl_attr_nest_end(header, part);
                part = mnl_attr_nest_start(header, CTA_TUPLE_PROTO);
                mnl_attr_put_u8(header, CTA_PROTO_NUM, SCTP);
                if (all[i].is_address)
                        mnl_attr_put_u16(header, CTA_PROTO_DST_PORT, htons(200));
                else
                        mnl_attr_put(header, all[i].type, all[i].length, bytes);
                mnl_attr_nest_end(header, part);
                mnl_attr_nest_end(header, tuple);
                add_tuple(header, CTA_TUPLE_REPLY, &FROM_CONTAINER);
                assert_int_equal(read_buffer(), -EBADMSG);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_question, reset),
                cmocka_unit_test_setup(test_dnat, reset),
                cmocka_unit_test_setup(test_half_translated, reset),
                cmocka_unit_test_setup(test_ipv6, reset),
                cmocka_unit_test_setup(test_no_dnat, reset),
                cmocka_unit_test_setup(test_this_end_began, reset),
                cmocka_unit_test_setup(test_refusals, reset),
                cmocka_unit_test_setup(test_socket_fails, reset),
                cmocka_unit_test_setup(test_late_answers, reset),
                cmocka_unit_test_setup(test_families, reset),
                cmocka_unit_test(test_missing_attributes),
                cmocka_unit_test(test_other_protocols),
                cmocka_unit_test(test_garbage_lengths),
                cmocka_unit_test(test_wrong_sizes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
