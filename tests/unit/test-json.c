/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <inttypes.h>
#include <sys/socket.h>

#include "idl.h"
#include "impaired.h"
#include "interface.h"
#include "json.h"
#include "proc.h"

static struct snapshot *sample(uint64_t hz) {
        size_t length;
        _cleanup_free_ char *eps = test_data("6.1/healthy.ns_b.eps", &length), *assocs = NULL, *snmp = NULL;
        struct snapshot *s = NULL;
        struct builder b = {};

        b.head.hz = hz;
        b.head.serial = 3;
        b.head.started_realtime = UINT64_C(1769860800123456);
        b.head.started_monotonic = 5 * USEC_PER_SEC;
        b.head.duration_usec = 4321;
        assert_int_equal(proc_read_eps(&b, 4026531840, eps, length), 0);
        assocs = test_data("6.1/healthy.ns_b.assocs", &length);
        assert_int_equal(proc_read_assocs(&b, 4026531840, false, assocs, length), 0);
        snmp = test_data("6.1/healthy.ns_b.snmp", &length);
        assert_int_equal(proc_read_snmp(&b, 4026531840, snmp, length), 0);
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

/* The interface file is the judge of every object we make. */
static void assert_output(const char *method, const char *member, json_t *object) {
        _cleanup_(json_decref_p) json_t *reply = json_pack("{so}", member, object);
        _cleanup_free_ char *field = NULL;
        _cleanup_(idl_free_p) struct idl *idl = NULL;
        const char *expected;
        unsigned line;

        assert_non_null(reply);
        assert_int_equal(idl_parse(interface_text, &idl, &line, &expected), 0);
        if (idl_check_output(idl, method, reply, &field) < 0)
                fail_msg("%s of %s is not what the interface declares: %s", field, method, json_dumps(reply, 0));
}

static void assert_text(json_t *object, const char *expected) {
        char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);

        assert_string_equal(text, expected);
        free(text);
        json_decref(object);
}

static void test_endpoint(void **state) {
        struct snapshot *s = sample(250);

        (void) state;
        assert_text(json_endpoint(s, snapshot_endpoints(s) + 6),
                    "{\"inode\":11199,\"localAddresses\":[\"fd00:1::2\",\"10.0.1.2\",\"10.0.2.2\"],\"localPort\":5063,"
                    "\"netns\":4026531840,\"state\":\"listening\",\"style\":\"one_to_many\",\"uid\":0}");
        for (uint32_t i = 0; i < snapshot_head(s)->n_endpoints; i++)
                assert_output("ListEndpoints", "endpoint", json_endpoint(s, snapshot_endpoints(s) + i));
        snapshot_unref(s);
}

static void test_association(void **state) {
        struct snapshot *s = sample(250);

        (void) state;
        assert_text(json_association(s, snapshot_associations(s), NULL),
                    "{\"associationId\":5,\"attachment\":\"socket\",\"heartbeatIntervalMs\":2000,\"inStreams\":10,\"initRetransmissions\":0,"
                    "\"inode\":11205,\"localAddresses\":[\"10.0.1.2\"],\"localPort\":5001,\"maxRetransmissions\":20,"
                    "\"netns\":4026531840,\"outStreams\":10,"
                    "\"paths\":[{\"address\":\"10.0.1.1\",\"primary\":true}],\"peerAddresses\":[\"10.0.1.1\"],"
                    "\"peerPort\":38343,\"primaryAddress\":\"10.0.1.1\",\"receiveBufferBytes\":212992,"
                    "\"receiveQueueBytes\":0,\"retransmittedChunks\":0,\"sendBufferBytes\":212992,"
                    "\"shutdownRetransmissions\":0,\"socketState\":\"established\",\"state\":\"established\","
                    "\"style\":\"one_to_one\",\"transmitQueueBytes\":0,\"uid\":0,\"writeQueueBytes\":0}");
        for (uint32_t i = 0; i < snapshot_head(s)->n_associations; i++)
                assert_output("ListAssociations", "association", json_association(s, snapshot_associations(s) + i, NULL));
        snapshot_unref(s);
}

static void test_ticks(void **state) {
        static const struct {
                uint64_t hz;
                const char *name;
                int value;
        } cases[] = {
                { 100, "heartbeatIntervalMs", 5000 },
                { 250, "heartbeatIntervalMs", 2000 },
                { 300, "heartbeatIntervalMs", 1667 },
                { 1000, "heartbeatIntervalMs", 500 },
                /* A saved tree does not say how long a tick is. */
                { 0, "heartbeatIntervalJiffies", 500 },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                struct snapshot *s = sample(cases[i].hz);
                _cleanup_(json_decref_p) json_t *a = json_association(s, snapshot_associations(s), NULL);

                assert_int_equal(json_integer_value(json_object_get(a, cases[i].name)), cases[i].value);
                assert_null(json_object_get(a, cases[i].hz ? "heartbeatIntervalJiffies" : "heartbeatIntervalMs"));
                snapshot_unref(s);
        }
}

static unsigned give_all(uint64_t *given, const struct field *fields, size_t n) {
        unsigned named = 0;

        for (size_t i = 0; i < n; i++)
                if (fields[i].name) {
                        given[i / 64] |= UINT64_C(1) << (i % 64);
                        named++;
                }

        return named;
}

/* Every field there is, and none of them. */
static void test_all_and_nothing(void **state) {
        static const struct address here = { .family = 2, .bytes = { 10, 0, 0, 1 } };
        unsigned of_endpoints = 0, of_associations = 0, of_paths = 0;
        struct association *a;
        struct builder b = {};
        struct process *o;
        struct snapshot *s;
        struct endpoint *e;
        struct netns *n;
        struct path *p;

        (void) state;
        b.head.hz = 250;
        assert_int_equal(builder_add_netns(&b, &n), 0);
        *n = (struct netns) { .netns = 1, .pid = 9, .name = "blue", .container = "web", .error = "why" };
        assert_int_equal(builder_add_process(&b, &o), 0);
        *o = (struct process) {
                .pid = 9, .command = "m3ua", .unit = "m3ua.service", .runtime = "docker",
                .container_id = "0123456789ab", .container = "web", .pod = "some",
        };
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(builder_add_endpoint(&b, &e), 0);
                e->inode = i;
                assert_int_equal(builder_add_path(&b, &p), 0);
                p->address.family = 2;
                assert_int_equal(builder_add_association(&b, &a), 0);
                a->id = i;
                a->paths = (struct range) { i, 1 };
                if (i == 0) {
                        FIELD_GIVE(e, ENDPOINT_LOCAL_PORT);
                        FIELD_GIVE(a, ASSOCIATION_LOCAL_PORT);
                        FIELD_GIVE(a, ASSOCIATION_PEER_PORT);
                        continue;
                }
                of_endpoints = give_all(e->given, endpoint_fields, _ENDPOINT_FIELD_MAX);
                of_associations = give_all(a->given, association_fields, _ASSOCIATION_FIELD_MAX);
                of_paths = give_all(p->given, path_fields, _PATH_FIELD_MAX);
                e->netns = a->netns = 1;
                e->forwards_to = a->detail.original = here;
                e->forwards_to_port = 7;
                a->impairment_known = 1;
                a->impaired = (1u << _IMPAIRMENT_MAX) - 1;
                a->detail.peer_capabilities = (1u << _CAPABILITY_MAX) - 1;
                p->address.primary = 1;
                assert_int_equal(builder_add_owner(&b, 0), 0);
                e->owners = (struct range) { 0, 1 };
                assert_int_equal(builder_add_owner(&b, 0), 0);
                a->owners = (struct range) { 1, 1 };
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);

        for (uint32_t i = 0; i < 2; i++) {
                /* Both are sorted by namespace. */
                json_t *association = json_association(s, snapshot_associations(s) + i, NULL);
                json_t *endpoint = json_endpoint(s, snapshot_endpoints(s) + i);
                json_t *path = json_array_get(json_object_get(association, "paths"), 0);

                /* Addresses and paths; and what no table of fields has. */
                assert_int_equal(json_object_size(association), i ? of_associations + 3 + 7 : 2 + 3);
                assert_int_equal(json_object_size(endpoint), i ? of_endpoints + 1 + 5 : 1 + 1);
                assert_int_equal(json_object_size(path), i ? of_paths + 2 : 2);
                if (i == 1) {
                        assert_int_equal(json_array_size(json_object_get(association, "impairedReasons")),
                                         _IMPAIRMENT_MAX);
                        /* One bit has no name. */
                        assert_int_equal(json_array_size(json_object_get(association, "peerCapabilities")),
                                         _CAPABILITY_MAX - 1);
                        assert_string_equal(json_string_value(json_object_get(association, "container")), "web");
                        assert_string_equal(json_string_value(json_object_get(endpoint, "netnsName")), "blue");
                }
                assert_output("ListAssociations", "association", association);
                assert_output("ListEndpoints", "endpoint", endpoint);
        }
        assert_output("ListNamespaces", "namespace", json_netns(snapshot_namespaces(s)));
        snapshot_unref(s);
}

/* The next of a row of figures that look like any, the same at each run. */
static uint64_t random_figure(void) {
        static uint64_t figure = 1;

        figure = figure * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return figure >> 33;
}

/* Some of the fields, most of them as in the row before. */
static void change_some(void *object, uint64_t *given, const struct field *fields, size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (!fields[i].name)
                        continue;
                if (random_figure() % 100 == 0)
                        given[i / 64] ^= UINT64_C(1) << (i % 64);
                if (random_figure() % 10 == 0)
                        field_set(fields + i, object, random_figure() %
                                  (fields[i].size == 1 ? 2 : random_figure() % 2 == 0 ? 5 : UINT32_MAX));
        }
}

static struct snapshot *many_alike(void) {
        struct association last = {};
        struct path last_path = { .address = { .family = AF_INET } };
        struct builder b = {};
        struct snapshot *s;

        b.head.hz = 250;
        for (uint32_t i = 0; i < 4; i++) {
                struct process *o;
                struct netns *n;

                assert_int_equal(builder_add_process(&b, &o), 0);
                *o = (struct process) { .pid = i + 1, .command = "m3ua" };
                snprintf(o->unit, sizeof(o->unit), "m3ua@%u.service", i);
                assert_int_equal(builder_add_netns(&b, &n), 0);
                *n = (struct netns) { .netns = i + 1, .name = { (char) ('a' + i) } };
        }
        give_all(last.given, association_fields, _ASSOCIATION_FIELD_MAX);
        give_all(last_path.given, path_fields, _PATH_FIELD_MAX);
        for (uint32_t i = 0; i < 2000; i++) {
                struct association *a;

                change_some(&last, last.given, association_fields, _ASSOCIATION_FIELD_MAX);
                last.id = i + 1;
                last.netns = 1 + i / 500;
                /* Of some more than a memo keeps. */
                last.owners = (struct range) { (uint32_t) b.n_owners, i / 50 == 7 ? 100 : (uint32_t) (random_figure() % 3) };
                last.paths = (struct range) { (uint32_t) b.n_paths, (uint32_t) (random_figure() % 4) };
                for (uint32_t j = 0; j < last.owners.count; j++)
                        assert_int_equal(builder_add_owner(&b, (uint32_t) (i / 50 % 4)), 0);
                for (uint32_t j = 0; j < last.paths.count; j++) {
                        struct path *p;

                        change_some(&last_path, last_path.given, path_fields, _PATH_FIELD_MAX);
                        assert_int_equal(builder_add_path(&b, &p), 0);
                        *p = last_path;
                }
                assert_int_equal(builder_add_association(&b, &a), 0);
                *a = last;
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        return s;
}

/* A memo changes nothing but the time that it takes. */
static void test_memo(void **state) {
        _cleanup_(json_memo_free_p) struct json_memo *memo = json_memo_new();
        _cleanup_(snapshot_unref_p) struct snapshot *s = many_alike();
        _cleanup_(buffer_done) struct buffer whole = {}, like = {};

        (void) state;
        assert_non_null(memo);
        assert_int_equal(snapshot_head(s)->n_associations, 2000);
        for (uint32_t i = 0; i < snapshot_head(s)->n_associations; i++) {
                const struct association *a = snapshot_associations(s) + i;

                whole.length = like.length = 0;
                json_write_association(&whole, NULL, s, a, i % 7 == 0 ? "peer" : NULL);
                json_write_association(&like, memo, s, a, i % 7 == 0 ? "peer" : NULL);
                assert_int_equal(like.length, whole.length);
                assert_memory_equal(like.data, whole.data, whole.length);
        }
}

static void test_owner_and_namespace(void **state) {
        struct process bare = { .pid = 4 };
        struct netns n = { .netns = NETNS_UNNAMED_MIN, .own = 1, .has_sctp = 1, .endpoints = 2, .associations = 3 };
        struct process full = {
                .pid = 9, .uid = 4294967294, .command = "a\"b", .unit = "m3ua.service", .runtime = "docker",
                .container_id = "0123456789ab", .container = "web", .pod = "some",
        };

        (void) state;
        assert_text(json_owner(&bare), "{\"pid\":4,\"uid\":0}");
        assert_text(json_owner(&full),
                    "{\"command\":\"a\\\"b\",\"container\":\"web\",\"containerId\":\"0123456789ab\",\"pid\":9,"
                    "\"pod\":\"some\",\"runtime\":\"docker\",\"uid\":4294967294,\"unit\":\"m3ua.service\"}");
        /* A number of ours that stands for none is nobody's to see. */
        assert_text(json_netns(&n), "{\"associations\":3,\"endpoints\":2,\"own\":true,\"sctpAvailable\":true}");
}

/* The text may be a taken-over scanner's. */
static void test_texts_that_are_none(void **state) {
        struct process p = { .pid = 1, .command = "\x1b[2J\xff\n", .unit = "\xe2\x80\xae" };

        (void) state;
        assert_text(json_owner(&p), "{\"command\":\"?[2J??\",\"pid\":1,\"uid\":0,\"unit\":\"???\"}");
}

static void test_scan_and_counters(void **state) {
        struct snapshot *s = sample(250);
        uint64_t netns = 4026531840;
        json_t *counters = json_counters(s, NULL);

        (void) state;
        assert_int_equal(json_object_size(counters), 32);
        assert_int_equal(json_integer_value(json_object_get(counters, "SctpPassiveEstabs")), 8);
        json_decref(counters);
        counters = json_counters(s, &netns);
        assert_int_equal(json_object_size(counters), 32);
        json_decref(counters);
        netns++;
        assert_text(json_counters(s, &netns), "{}");
        assert_text(json_scan(s, 5 * USEC_PER_SEC + 1500000, true),
                    "{\"ageMs\":1500,\"durationUs\":4321,\"serial\":3,\"stale\":true,"
                    "\"startedAt\":\"2026-01-31T12:00:00.123Z\"}");
        assert_output("ListEndpoints", "scan", json_scan(s, 0, false));
        snapshot_unref(s);
}

/* Of several namespaces the sums. */
static void test_sums_of_counters(void **state) {
        struct snapshot *s = NULL;
        struct builder b = {};
        struct counter *c;
        uint64_t netns = 6;

        (void) state;
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(builder_add_counter(&b, &c), 0);
                *c = (struct counter) { .name = "SctpAborteds", .value = 10 + i, .netns = 5 + i };
        }
        assert_int_equal(builder_finish(&b, &s), 0);
        builder_done(&b);
        assert_text(json_counters(s, NULL), "{\"SctpAborteds\":33}");
        assert_text(json_counters(s, &netns), "{\"SctpAborteds\":11}");
        snapshot_unref(s);
}

static void test_change(void **state) {
        struct snapshot *s = sample(250);
        struct change change = {
                .type = CHANGE_ASSOCIATION_DOWN, .certainty = CERTAINTY_LOW, .at = 0, .snapshot = s,
                .association = snapshot_associations(s), .old_state = ASSOCIATION_ESTABLISHED, .new_state = ASSOCIATION_CLOSED,
                .duration_usec = 1234567,
        };
        json_t *json = json_change(&change);

        (void) state;
        assert_string_equal(json_string_value(json_object_get(json, "type")), "association_down");
        assert_string_equal(json_string_value(json_object_get(json, "certainty")), "low");
        assert_string_equal(json_string_value(json_object_get(json, "newState")), "closed");
        assert_int_equal(json_integer_value(json_object_get(json, "durationMs")), 1234);
        assert_output("Monitor", "change", json);

        change = (struct change) { .type = CHANGE_ENDPOINT_ADDED, .snapshot = s, .endpoint = snapshot_endpoints(s) };
        json = json_change(&change);
        assert_null(json_object_get(json, "oldState"));
        assert_null(json_object_get(json, "durationMs"));
        assert_output("Monitor", "change", json);
        snapshot_unref(s);
}

/* Each kind with all that it says, and nothing that belongs to another. */
static void test_changes(void **state) {
        static const struct {
                enum change_type type;
                const char *text;               /* beside type, at, certainty and association */
        } cases[] = {
                { CHANGE_ASSOCIATION_UP, "\"newState\":\"established\",\"oldState\":\"cookie_wait\"," },
                { CHANGE_ASSOCIATION_STATE, "\"newState\":\"established\",\"oldState\":\"cookie_wait\"," },
                {
                        CHANGE_ASSOCIATION_DOWN,
                        "\"cause\":\"aborted\",\"causeCertainty\":\"low\","
                        "\"newState\":\"established\",\"oldState\":\"cookie_wait\",",
                },
                { CHANGE_ASSOCIATION_RESTART, "\"oldLocalTag\":7,\"oldPeerTag\":4294967295," },
                { CHANGE_PATH_STATE, "\"newPathState\":\"active\",\"path\":\"10.0.1.1\"," },
                { CHANGE_PATH_ADDED, "\"path\":\"10.0.1.1\"," },
                { CHANGE_PATH_REMOVED, "\"path\":\"10.0.1.1\"," },
                { CHANGE_PRIMARY_CHANGED, "\"oldPrimaryAddress\":\"10.0.1.1\"," },
                { CHANGE_IMPAIRED, "\"reasons\":[\"path_pf\",\"heartbeats_off\"]," },
                { CHANGE_RECOVERED, "\"reasons\":[\"path_pf\",\"heartbeats_off\"]," },
                { CHANGE_UNOBSERVED, "\"container\":\"web\",\"established\":3,\"failed\":0,\"netns\":5,\"netnsName\":\"blue\"," },
        };
        struct snapshot *s, *named = NULL;
        struct builder b = {};
        struct netns *n;

        (void) state;
        assert_int_equal(builder_add_netns(&b, &n), 0);
        *n = (struct netns) { .netns = 5, .name = "blue", .container = "web" };
        assert_int_equal(builder_finish(&b, &named), 0);
        builder_done(&b);
        s = sample(250);
        for (size_t i = 0; i < ELEMENTS(cases); i++) {
                bool is_path = cases[i].type >= CHANGE_PATH_STATE && cases[i].type <= CHANGE_PATH_REMOVED;
                bool unobserved = cases[i].type == CHANGE_UNOBSERVED, restart = cases[i].type == CHANGE_ASSOCIATION_RESTART;
                const struct association *a = snapshot_associations(s);
                const struct path *p = snapshot_paths(s, a->paths);
                struct change change = {
                        .type = cases[i].type, .certainty = CERTAINTY_HIGH, .snapshot = unobserved ? named : s,
                        .association = unobserved ? NULL : a, .path = is_path ? p : NULL,
                        .old_state = ASSOCIATION_COOKIE_WAIT, .new_state = ASSOCIATION_ESTABLISHED,
                        .path_old_state = -1, .path_new_state = PATH_ACTIVE, .old_primary = &p->address,
                        .old_local_tag = restart ? 7 : 0, .old_peer_tag = restart ? UINT32_MAX : 0,
                        .reasons = 1 << IMPAIRED_PATH_PF | 1 << IMPAIRED_HEARTBEATS_OFF, .cause = CAUSE_ABORTED,
                        .netns = 5, .established = 3, .peer_name = "hlr \"1\"",
                };
                _cleanup_(json_decref_p) json_t *json = json_change(&change);
                json_t *association = json_incref(json_object_get(json, "association"));
                char expected[512];

                assert_output("Monitor", "change", json_incref(json));
                assert_output("GetHistory", "change", json_incref(json));
                if (!unobserved)
                        assert_string_equal(json_string_value(json_object_get(association, "peerName")), "hlr \"1\"");
                json_decref(association);
                (void) json_object_del(json, "association");
                assert_int_equal(json_object_del(json, "at"), 0);
                assert_int_equal(json_object_del(json, "certainty"), 0);
                snprintf(expected, sizeof(expected), "{%s\"type\":\"%s\"}", cases[i].text,
                         change_type_name(cases[i].type));
                assert_text(json_incref(json), expected);
        }
        snapshot_unref(s);
        snapshot_unref(named);
}

/* What the kernel has told, of any change; its process's name does nothing to whoever reads it. */
static void test_trigger(void **state) {
        static const struct {
                struct trigger trigger;
                const char *text;
        } cases[] = {
                { { .kind = TRIGGER_CHUNK, .number = CHUNK_ABORT, .has_error_cause = true, .error_cause = 12 },
                  "{\"errorCause\":12,\"errorCauseName\":\"user-initiated ABORT\",\"kind\":\"chunk\","
                  "\"name\":\"ABORT\",\"side\":\"peer\"}" },
                { { .kind = TRIGGER_CHUNK, .number = 77, .has_error_cause = true, .error_cause = 999 },
                  "{\"errorCause\":999,\"kind\":\"chunk\",\"name\":\"77\",\"side\":\"peer\"}" },
                { { .kind = TRIGGER_TIMER, .number = TIMER_T1_INIT, .tries = 8, .tries_max = 9 },
                  "{\"kind\":\"timer\",\"name\":\"T1-init\",\"side\":\"local\",\"tries\":8,\"triesMax\":9}" },
                { { .kind = TRIGGER_TIMER, .number = TIMER_AUTOCLOSE, .tries_max = 30 },
                  "{\"idleMs\":30000,\"kind\":\"timer\",\"name\":\"autoclose\",\"side\":\"local\"}" },
                { { .kind = TRIGGER_PRIMITIVE, .number = PRIMITIVE_ABORT, .pid = 123, .command = "a\"\x1b\xff" },
                  "{\"command\":\"a\\\"\\\\x1b\\\\xff\",\"kind\":\"primitive\",\"name\":\"ABORT\",\"pid\":123,"
                  "\"side\":\"local\"}" },
                { { .kind = TRIGGER_ICMP, .command = "x" },
                  "{\"kind\":\"icmp\",\"name\":\"protocol unreachable\",\"side\":\"network\"}" },
                { { .number = 3 }, NULL },
                { { .kind = _TRIGGER_KIND_MAX }, NULL },
        };
        static const enum change_type types[] = { CHANGE_ASSOCIATION_DOWN, CHANGE_PATH_REMOVED, CHANGE_IMPAIRED };
        struct snapshot *s = sample(250);

        (void) state;
        for (size_t i = 0; i < ELEMENTS(cases) * ELEMENTS(types); i++) {
                struct change change = {
                        .type = types[i % ELEMENTS(types)], .certainty = CERTAINTY_EXACT,
                        .cause_certainty = CERTAINTY_EXACT, .snapshot = s, .association = snapshot_associations(s),
                        .trigger = &cases[i / ELEMENTS(types)].trigger,
                };
                const char *text = cases[i / ELEMENTS(types)].text;
                _cleanup_(json_decref_p) json_t *json = json_change(&change);

                assert_string_equal(json_string_value(json_object_get(json, "certainty")), "exact");
                if (change.type == CHANGE_ASSOCIATION_DOWN)
                        assert_string_equal(json_string_value(json_object_get(json, "causeCertainty")), "exact");
                assert_output("Monitor", "change", json_incref(json));
                if (text)
                        assert_text(json_incref(json_object_get(json, "trigger")), text);
                else
                        assert_null(json_object_get(json, "trigger"));
        }
        snapshot_unref(s);
}

static void test_large_numbers(void **state) {
        _cleanup_(json_decref_p) json_t *object = json_object();

        (void) state;
        assert_int_equal(json_set_u64(object, "a", INT64_MAX), 0);
        assert_int_equal(json_set_u64(object, "b", (uint64_t) INT64_MAX + 1), 0);
        assert_true(json_integer_value(json_object_get(object, "a")) == INT64_MAX);
        assert_string_equal(json_string_value(json_object_get(object, "b")), "9223372036854775808");
}

/* Around each number of digits. */
static void test_digits(void **state) {
        uint64_t power = 1;

        (void) state;
        for (unsigned digits = 1; digits <= 20; digits++, power *= 10)
                for (uint64_t value = power - 1; value <= power + 1; value++) {
                        struct process p = { .pid = (uint32_t) value };
                        struct endpoint e = { .inode = value };
                        _cleanup_(buffer_done) struct buffer b = {};
                        struct snapshot *s = sample(250);
                        char expected[64];

                        FIELD_GIVE(&e, ENDPOINT_INODE);
                        json_write_endpoint(&b, s, &e);
                        snprintf(expected, sizeof(expected), value > INT64_MAX ? "{\"inode\":\"%" PRIu64 "\"," :
                                 "{\"inode\":%" PRIu64 ",", value);
                        assert_memory_equal(b.data, expected, strlen(expected));
                        b.length = 0;
                        json_write_owner(&b, &p);
                        snprintf(expected, sizeof(expected), "{\"pid\":%" PRIu32 ",", (uint32_t) value);
                        assert_memory_equal(b.data, expected, strlen(expected));
                        snapshot_unref(s);
                }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_endpoint),
                cmocka_unit_test(test_association),
                cmocka_unit_test(test_ticks),
                cmocka_unit_test(test_all_and_nothing),
                cmocka_unit_test(test_memo),
                cmocka_unit_test(test_owner_and_namespace),
                cmocka_unit_test(test_texts_that_are_none),
                cmocka_unit_test(test_scan_and_counters),
                cmocka_unit_test(test_sums_of_counters),
                cmocka_unit_test(test_change),
                cmocka_unit_test(test_changes),
                cmocka_unit_test(test_trigger),
                cmocka_unit_test(test_large_numbers),
                cmocka_unit_test(test_digits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
