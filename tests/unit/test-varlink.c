/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* The above are what cmocka.h asks for. */
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "varlink.h"

#define MAX_BYTES 100000u

static void pair(int fds[2]) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
}

static void put(int fd, const char *data, size_t length) {
        assert_int_equal(send(fd, data, length, MSG_NOSIGNAL), (ssize_t) length);
}

/* A text with its final NUL. */
#define PUT(fd, text) put(fd, text, sizeof(text))

static void expect_message(struct varlink_input *in, const char *text) {
        const char *message;
        size_t length;

        assert_int_equal(varlink_input_next(in, &message, &length), 1);
        assert_string_equal(message, text);
        assert_int_equal(length, strlen(text));
}

static void expect_none(struct varlink_input *in) {
        const char *message;
        size_t length;

        assert_int_equal(varlink_input_next(in, &message, &length), 0);
}

static void test_several_in_one_read(void **state) {
        static const char data[] = "one\0two\0\0half";
        struct varlink_input in = { .max = MAX_BYTES };
        int fds[2];

        (void) state;
        pair(fds);
        assert_int_equal(varlink_input_read(&in, fds[0]), -EAGAIN);
        put(fds[1], data, sizeof(data) - 1);
        assert_int_equal(varlink_input_read(&in, fds[0]), sizeof(data) - 1);

        expect_message(&in, "one");
        expect_message(&in, "two");
        expect_message(&in, "");
        expect_none(&in);
        PUT(fds[1], "");
        assert_int_equal(varlink_input_read(&in, fds[0]), 1);
        expect_message(&in, "half");
        expect_none(&in);

        close(fds[1]);
        assert_int_equal(varlink_input_read(&in, fds[0]), 0);
        close(fds[0]);
        varlink_input_done(&in);
        varlink_input_done(&in);
        assert_int_equal(in.max, MAX_BYTES);
}

static void test_byte_by_byte(void **state) {
        static const char data[] = "first\0second";
        struct varlink_input in = { .max = MAX_BYTES };
        int fds[2];

        (void) state;
        pair(fds);
        for (size_t i = 0; i < sizeof(data); i++) {
                put(fds[1], data + i, 1);
                assert_int_equal(varlink_input_read(&in, fds[0]), 1);
                if (data[i] == '\0')
                        expect_message(&in, i < 6 ? "first" : "second");
                expect_none(&in);
        }
        varlink_input_done(&in);
        close(fds[0]);
        close(fds[1]);
}

/* Lengths around the limit, and around the sizes of the buffer on its way there. */
static void test_length_limit(void **state) {
        static const size_t lengths[] = { 1, 16383, 16384, 32767, 32768, MAX_BYTES - 1, MAX_BYTES, MAX_BYTES + 1 };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(lengths); i++) {
                _cleanup_free_ char *data = calloc(1, lengths[i] + 1);
                struct varlink_input in = { .max = MAX_BYTES };
                const char *message;
                size_t length;
                int fds[2], r;

                assert_non_null(data);
                memset(data, 'x', lengths[i]);
                pair(fds);
                put(fds[1], data, lengths[i] + 1);
                while ((r = varlink_input_next(&in, &message, &length)) == 0)
                        assert_true(varlink_input_read(&in, fds[0]) > 0);

                if (lengths[i] <= MAX_BYTES) {
                        assert_int_equal(r, 1);
                        assert_int_equal(length, lengths[i]);
                        assert_string_equal(message, data);
                } else {
                        assert_int_equal(r, -EMSGSIZE);
                        assert_int_equal(varlink_input_read(&in, fds[0]), -ENOBUFS);
                }
                assert_true(in.allocated <= MAX_BYTES + 1);
                varlink_input_done(&in);
                close(fds[0]);
                close(fds[1]);
        }
}

static void test_read_waits_for_consumer(void **state) {
        struct varlink_input in = { .max = 4 };
        int fds[2];

        (void) state;
        pair(fds);
        PUT(fds[1], "abcd\0efgh");
        assert_int_equal(varlink_input_read(&in, fds[0]), 5);
        assert_int_equal(varlink_input_read(&in, fds[0]), -ENOBUFS);
        expect_message(&in, "abcd");
        assert_int_equal(varlink_input_read(&in, fds[0]), 5);
        expect_message(&in, "efgh");
        varlink_input_done(&in);
        close(fds[0]);
        close(fds[1]);
}

static int parse(const char *text, struct varlink_call *ret) {
        return varlink_call_parse(text, strlen(text), ret);
}

static void test_call(void **state) {
        struct varlink_call call;

        (void) state;
        assert_int_equal(parse("{\"method\":\"a.b.C\"}", &call), 0);
        assert_string_equal(call.method, "a.b.C");
        assert_null(call.parameters);
        assert_false(call.more || call.oneway || call.upgrade);
        varlink_call_done(&call);
        assert_null(call.object);

        assert_int_equal(parse(" {\"parameters\":{\"x\":1},\"more\":true,\"oneway\":false,\"method\":\"a.b.C\","
                               "\"org.example.key\":[1]}\n", &call), 0);
        assert_int_equal(json_integer_value(json_object_get(call.parameters, "x")), 1);
        assert_true(call.more);
        assert_false(call.oneway);
        varlink_call_done(&call);

        assert_int_equal(parse("{\"method\":\"a.b.C\",\"parameters\":null,\"oneway\":true}", &call), 0);
        assert_null(call.parameters);
        assert_true(call.oneway);
        varlink_call_done(&call);

        assert_int_equal(parse("{\"method\":\"a.b.C\",\"upgrade\":true}", &call), 0);
        assert_true(call.upgrade);
        varlink_call_done(&call);
}

static void test_no_call(void **state) {
        static const char *const texts[] = {
                "",
                " ",
                "x",
                "null",
                "1",
                "\"method\"",
                "[]",
                "[{\"method\":\"a.b.C\"}]",
                "{}",
                "{\"parameters\":{}}",
                "{\"method\":1}",
                "{\"method\":null}",
                "{\"method\":\"\"}",
                "{\"method\":\"a.b.C\",\"parameters\":[]}",
                "{\"method\":\"a.b.C\",\"parameters\":\"\"}",
                "{\"method\":\"a.b.C\",\"more\":1}",
                "{\"method\":\"a.b.C\",\"more\":null}",
                "{\"method\":\"a.b.C\",\"oneway\":\"true\"}",
                "{\"method\":\"a.b.C\",\"upgrade\":{}}",
                "{\"method\":\"a.b.C\",\"more\":true,\"oneway\":true}",
                "{\"method\":\"a.b.C\",\"more\":true,\"upgrade\":true}",
                "{\"method\":\"a.b.C\",\"methods\":\"a.b.C\"}",
                "{\"method\":\"a.b.C\",\"\":1}",
                /* twice the same key, on both levels */
                "{\"method\":\"a.b.C\",\"method\":\"a.b.D\"}",
                "{\"method\":\"a.b.C\",\"parameters\":{\"x\":1,\"x\":2}}",
                /* what is left over, or missing */
                "{\"method\":\"a.b.C\"}{}",
                "{\"method\":\"a.b.C\"",
                /* no UTF-8, half a surrogate pair, a NUL that would cut the string, beyond 64 bits */
                "{\"method\":\"a.b.\xff\"}",
                "{\"method\":\"a.b.\xc0\x80\"}",
                "{\"method\":\"a.b.\\ud800\"}",
                "{\"method\":\"a.b.C\\u0000\"}",
                "{\"method\":\"a.b.C\",\"parameters\":{\"x\":9223372036854775808}}",
                "{\"method\":\"a.b.C\",\"parameters\":{\"x\":NaN}}",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                struct varlink_call call = { .method = "untouched" };

                assert_int_equal(parse(texts[i], &call), -EBADMSG);
                assert_string_equal(call.method, "untouched");
        }
}

static void test_deep_call(void **state) {
        _cleanup_free_ char *text = malloc(VARLINK_REQUEST_BYTES_MAX);
        struct varlink_call call;

        (void) state;
        assert_non_null(text);
        memset(text, '[', VARLINK_REQUEST_BYTES_MAX);
        assert_int_equal(varlink_call_parse(text, VARLINK_REQUEST_BYTES_MAX, &call), -EBADMSG);
        for (size_t i = 0; i + 5 <= VARLINK_REQUEST_BYTES_MAX; i += 5)
                memcpy(text + i, "{\"a\":", 5);
        assert_int_equal(varlink_call_parse(text, VARLINK_REQUEST_BYTES_MAX, &call), -EBADMSG);
}

static void test_reply_format(void **state) {
        json_t *parameters = json_pack("{s:i}", "x", 1);
        char *text;
        size_t length;

        (void) state;
        assert_int_equal(varlink_reply_format(parameters, NULL, true, &text, &length), 0);
        assert_string_equal(text, "{\"parameters\":{\"x\":1},\"continues\":true}");
        assert_int_equal(length, strlen(text) + 1);
        free(text);

        assert_int_equal(varlink_reply_format(NULL, NULL, false, &text, &length), 0);
        assert_string_equal(text, "{\"parameters\":{}}");
        free(text);

        assert_int_equal(varlink_reply_format(parameters, "a.b.Error", false, &text, &length), 0);
        assert_string_equal(text, "{\"error\":\"a.b.Error\",\"parameters\":{\"x\":1}}");
        free(text);

        assert_int_equal(parameters->refcount, 1);
        json_decref(parameters);
}

/* The client, against servers of all kinds: the socket of its peer is `fd`. */
struct client {
        char directory[32], path[48];
        int listener, fd;
        struct varlink_client *c;
};

static struct client client_new(void) {
        struct client t = { .directory = "/tmp/test-varlink-XXXXXX" };
        struct sockaddr_un sa = { .sun_family = AF_UNIX };

        assert_non_null(mkdtemp(t.directory));
        assert_true(snprintf(t.path, sizeof(t.path), "%s/socket", t.directory) > 0);
        strcpy(sa.sun_path, t.path);
        t.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(t.listener >= 0);
        assert_int_equal(varlink_client_connect(t.path, &t.c), -ENOENT);
        assert_int_equal(bind(t.listener, (struct sockaddr *) &sa, sizeof(sa)), 0);
        assert_int_equal(varlink_client_connect(t.path, &t.c), -ECONNREFUSED);
        assert_int_equal(listen(t.listener, 5), 0);
        assert_int_equal(varlink_client_connect(t.path, &t.c), 0);
        t.fd = accept(t.listener, NULL, NULL);
        assert_true(t.fd >= 0);
        assert_true(varlink_client_fd(t.c) >= 0);
        return t;
}

static void client_done(struct client *t) {
        varlink_client_free(t->c);
        close(t->listener);
        if (t->fd >= 0)
                close(t->fd);
        unlink(t->path);
        rmdir(t->directory);
}

static void expect_sent(struct client *t, const char *text) {
        char data[1000] = "";

        assert_int_equal(recv(t->fd, data, sizeof(data), 0), strlen(text) + 1);
        assert_string_equal(data, text);
}

static void test_client(void **state) {
        struct client t = client_new();
        json_t *parameters = json_pack("{s:s}", "filter", "x");
        struct varlink_reply reply;

        (void) state;
        assert_int_equal(varlink_client_receive(t.c, 0, &reply), -EINVAL);
        assert_int_equal(varlink_client_send(t.c, "a.b.C", parameters, false), 0);
        assert_int_equal(varlink_client_send(t.c, "a.b.C", NULL, false), -EBUSY);
        expect_sent(&t, "{\"method\":\"a.b.C\",\"parameters\":{\"filter\":\"x\"}}");
        json_decref(parameters);
        assert_int_equal(varlink_client_receive(t.c, 0, &reply), -ETIMEDOUT);
        assert_int_equal(varlink_client_receive(t.c, 10 * USEC_PER_MSEC, &reply), -ETIMEDOUT);

        /* Fields that this client does not know are a newer server's. */
        PUT(t.fd, "{\"parameters\":{\"y\":2},\"novel\":[]}");
        assert_int_equal(varlink_client_receive(t.c, UINT64_MAX, &reply), 0);
        assert_int_equal(json_integer_value(json_object_get(reply.parameters, "y")), 2);
        assert_null(reply.error);
        assert_false(reply.continues);
        varlink_reply_done(&reply);

        assert_int_equal(varlink_client_send(t.c, "a.b.D", NULL, true), 0);
        expect_sent(&t, "{\"method\":\"a.b.D\",\"more\":true}");
        PUT(t.fd, "{\"continues\":true}\0{\"continues\":true,\"parameters\":null}\0{\"error\":\"a.b.E\"}");
        for (int i = 0; i < 2; i++) {
                assert_int_equal(varlink_client_receive(t.c, 0, &reply), 0);
                assert_true(reply.continues);
                assert_null(reply.parameters);
                varlink_reply_done(&reply);
                assert_int_equal(varlink_client_send(t.c, "a.b.C", NULL, false), -EBUSY);
        }
        assert_int_equal(varlink_client_receive(t.c, 0, &reply), 0);
        assert_string_equal(reply.error, "a.b.E");
        varlink_reply_done(&reply);

        assert_int_equal(varlink_client_send(t.c, "a.b.F", NULL, false), 0);
        close(t.fd);
        t.fd = -1;
        assert_int_equal(varlink_client_receive(t.c, UINT64_MAX, &reply), -ECONNRESET);
        assert_int_equal(varlink_client_receive(t.c, UINT64_MAX, &reply), -ECONNRESET);
        assert_int_equal(varlink_client_send(t.c, "a.b.F", NULL, false), -ECONNRESET);
        client_done(&t);
}

static void test_client_bad_replies(void **state) {
        static const char *const texts[] = {
                "",
                "HTTP/1.1 400 Bad Request",
                "[]",
                "{\"error\":1}",
                "{\"error\":\"\"}",
                "{\"error\":\"a.b.E\",\"error\":\"a.b.F\"}",
                "{\"parameters\":[]}",
                "{\"continues\":1}",
                "{\"continues\":true}",
                "{\"continues\":true,\"error\":\"a.b.E\"}",
                "{\"parameters\":{\"x\":\"\xff\"}}",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(texts); i++) {
                struct client t = client_new();
                struct varlink_reply reply = { .error = "untouched" };

                assert_int_equal(varlink_client_send(t.c, "a.b.C", NULL, false), 0);
                put(t.fd, texts[i], strlen(texts[i]) + 1);
                assert_int_equal(varlink_client_receive(t.c, UINT64_MAX, &reply), -EBADMSG);
                assert_string_equal(reply.error, "untouched");
                assert_int_equal(varlink_client_receive(t.c, UINT64_MAX, &reply), -EBADMSG);
                client_done(&t);
        }
}

static void test_client_endless_reply(void **state) {
        struct client t = client_new();
        struct varlink_reply reply;
        pid_t pid;
        int status;

        (void) state;
        assert_int_equal(varlink_client_send(t.c, "a.b.C", NULL, false), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                static const char data[65536] = { [0 ... 65535] = ' ' };

                varlink_client_free(t.c);
                while (send(t.fd, data, sizeof(data), MSG_NOSIGNAL) > 0)
                        ;
                _exit(0);
        }
        assert_int_equal(varlink_client_receive(t.c, UINT64_MAX, &reply), -EMSGSIZE);
        client_done(&t);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void test_client_long_request(void **state) {
        struct client t = client_new();
        _cleanup_free_ char *text = calloc(1, VARLINK_REQUEST_BYTES_MAX + 1);
        struct varlink_reply reply;
        json_t *parameters;

        (void) state;
        assert_non_null(text);
        memset(text, 'x', VARLINK_REQUEST_BYTES_MAX);
        parameters = json_pack("{s:s}", "x", text);
        assert_int_equal(varlink_client_send(t.c, "a.b.C", parameters, false), -EMSGSIZE);
        json_decref(parameters);
        assert_int_equal(varlink_client_send(t.c, "a.b.\xff", NULL, false), -ENOMEM);

        assert_int_equal(varlink_client_send(t.c, "a.b.C", NULL, false), 0);
        PUT(t.fd, "{}");
        assert_int_equal(varlink_client_receive(t.c, UINT64_MAX, &reply), 0);
        varlink_reply_done(&reply);
        client_done(&t);
}

static void test_client_long_path(void **state) {
        char path[200];
        struct varlink_client *c;

        (void) state;
        memset(path, 'x', sizeof(path) - 1);
        path[sizeof(path) - 1] = '\0';
        assert_int_equal(varlink_client_connect(path, &c), -ENAMETOOLONG);
        assert_null(varlink_client_free(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_several_in_one_read),
                cmocka_unit_test(test_byte_by_byte),
                cmocka_unit_test(test_length_limit),
                cmocka_unit_test(test_read_waits_for_consumer),
                cmocka_unit_test(test_call),
                cmocka_unit_test(test_no_call),
                cmocka_unit_test(test_deep_call),
                cmocka_unit_test(test_reply_format),
                cmocka_unit_test(test_client),
                cmocka_unit_test(test_client_bad_replies),
                cmocka_unit_test(test_client_endless_reply),
                cmocka_unit_test(test_client_long_request),
                cmocka_unit_test(test_client_long_path),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
