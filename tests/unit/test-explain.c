/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <string.h>

#include "changes.h"
#include "explain.h"
#include "field.h"
#include "impaired.h"
#include "interface.h"
#include "macro.h"
#include "snapshot.h"
#include "state.h"
#include "test.h"

/* Whether a word that counts for this subject is explained: "association" is one of "endpoint, association". */
static bool is_explained(const char *subject, const char *word) {
        const struct explanation *e;
        size_t cursor = 0, length = strlen(subject);

        while ((e = explain_find(word, &cursor)))
                for (const char *s = e->subject; s; s = strstr(s, ", ") ? strstr(s, ", ") + 2 : NULL)
                        if (strncmp(s, subject, length) == 0 && (s[length] == ',' || s[length] == '\0'))
                                return true;
        return false;
}

static void assert_explained(const char *subject, const char *word) {
        if (!is_explained(subject, word))
                fail_msg("%s of %s is not explained", word, subject);
}

static void test_entries(void **state) {
        (void) state;

        assert_true(n_explanations > 200);
        for (size_t i = 0; i < n_explanations; i++) {
                const struct explanation *e = explanations + i;
                size_t length = strlen(e->text);

                assert_non_null(e->subject);
                if (length < 12 || e->text[length - 1] != '.')
                        fail_msg("%s of %s has no sentence", e->name, e->subject);
                for (size_t j = 0; j < i; j++)
                        if (strcmp(e->name, explanations[j].name) == 0 &&
                            strcmp(e->subject, explanations[j].subject) == 0)
                                fail_msg("%s of %s is there twice", e->name, e->subject);
        }
}

static void check_fields(const char *subject, const struct field *fields, size_t n) {
        unsigned n_named = 0;

        for (size_t i = 0; i < n; i++) {
                char name[64];

                if (!fields[i].name)
                        continue;
                n_named++;
                snprintf(name, sizeof(name), "%s%s", fields[i].name, fields[i].kind == FIELD_JIFFIES ? "Ms" : "");
                assert_explained(subject, name);
                if (fields[i].kind == FIELD_JIFFIES) {
                        snprintf(name, sizeof(name), "%sJiffies", fields[i].name);
                        assert_explained(subject, name);
                }
                if (fields[i].column)
                        assert_explained(subject, fields[i].column);
        }
        assert_true(n_named >= 6);
}

static void test_fields(void **state) {
        (void) state;

        check_fields("endpoint", endpoint_fields, _ENDPOINT_FIELD_MAX);
        check_fields("association", association_fields, _ASSOCIATION_FIELD_MAX);
        check_fields("path", path_fields, _PATH_FIELD_MAX);
}

/* What the interface calls a type, and what we say its fields are of. */
static const char *subject_of(const char *type) {
        static const struct {
                const char *type, *subject;
        } subjects[] = {
                { "EndpointState", "endpoint state" }, { "AssociationState", "association state" },
                { "PathState", "path state" }, { "Style", "style" }, { "Attachment", "attachment" },
                { "Impairment", "impairment" }, { "Capability", "capability" }, { "Owner", "owner" },
                { "Namespace", "namespace" }, { "Endpoint", "endpoint" }, { "Path", "path" },
                { "Association", "association" }, { "Statistics", "statistics" }, { "Filter", "filter" },
                { "Scan", "scan" }, { "ChangeType", "change type" }, { "Certainty", "certainty" },
                { "Change", "change" }, { "SourceResult", "source result" }, { "Source", "source" },
                { "Complaint", "complaint" }, { "Clients", "clients" }, { "Journal", "journal" },
                { "Cause", "cause" }, { "Sample", "sample" }, { "History", "history" },
                { "TriggerKind", "trigger kind" }, { "Side", "side" }, { "Trigger", "trigger" },
        };

        for (size_t i = 0; i < ELEMENTS(subjects); i++)
                if (strcmp(subjects[i].type, type) == 0)
                        return subjects[i].subject;
        return NULL;
}

/* Checks the names between the parentheses that follow; returns how many there are. */
static unsigned check_list(const char *subject, const char *p) {
        unsigned n = 0;

        for (p = strchr(p, '(') + 1; *p != ')';) {
                char name[64];
                size_t length;

                p += strspn(p, " \n,");
                if (*p == '#') {
                        p = strchr(p, '\n');
                        continue;
                }
                if (*p == ')')
                        break;
                length = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
                assert_in_range(length, 1, sizeof(name) - 1);
                snprintf(name, sizeof(name), "%.*s", (int) length, p);
                assert_explained(subject, name);
                n++;
                /* The type behind a colon; ours have no parentheses in them. */
                p += strcspn(p, ",\n)");
        }
        return n;
}

static void test_interface(void **state) {
        static const char status[] = "method GetStatus() -> ";
        unsigned n_types = 0, n_names = 0;

        (void) state;
        for (const char *p = interface_text; (p = strstr(p, "\ntype ")); p++) {
                const char *name = p + 6;
                char type[64];

                snprintf(type, sizeof(type), "%.*s", (int) strcspn(name, " "), name);
                if (!subject_of(type))
                        fail_msg("nothing is known of type %s", type);
                n_names += check_list(subject_of(type), name);
                n_types++;
        }
        assert_true(n_types >= 23);
        assert_true(n_names >= 200);
        assert_non_null(strstr(interface_text, status));
        assert_true(check_list("status", strstr(interface_text, status) + strlen(status)) >= 20);
}

static void check_names(const char *subject, const char *(*name)(int), int n) {
        for (int i = 0; i < n; i++)
                if (name(i))
                        assert_explained(subject, name(i));
}

static const char *source_name_of(int source) {
        return source_name((enum source) source);
}

static void test_names(void **state) {
        (void) state;

        check_names("association state", association_state_name, _ASSOCIATION_STATE_MAX);
        check_names("endpoint state", endpoint_state_name, _ENDPOINT_STATE_MAX);
        check_names("path state", path_state_name, _PATH_STATE_MAX);
        check_names("style", socket_style_name, _STYLE_MAX);
        check_names("attachment", attachment_name, _ATTACHMENT_MAX);
        check_names("capability", capability_name, _CAPABILITY_MAX);
        check_names("impairment", impairment_name, _IMPAIRMENT_MAX);
        check_names("source name", source_name_of, _SOURCE_MAX);
        check_names("trigger kind", trigger_kind_name, _TRIGGER_KIND_MAX);
        check_names("side", trigger_side, _TRIGGER_KIND_MAX);
        check_names("chunk", chunk_name, UINT8_MAX + 1);
        check_names("timer", timer_name, _TIMER_MAX);
        check_names("primitive", primitive_name, _PRIMITIVE_MAX);
        check_names("error cause", error_cause_name, UINT16_MAX + 1);
        check_names("cause", cause_name, _CAUSE_MAX);
        check_names("certainty", certainty_name, CERTAINTY_EXACT + 1);
}

/* The kernel's tables, as it prints them: words of the first line, or of each line the first. */
static unsigned check_table(const char *file, const char *subject, bool header) {
        _cleanup_fclose_ FILE *f = NULL;
        char path[4096], line[4096];
        unsigned n = 0;

        snprintf(path, sizeof(path), "%s/6.12/%s", getenv("TEST_DATA") ?: "tests/data", file);
        f = fopen(path, "re");
        assert_non_null(f);
        while (fgets(line, sizeof(line), f)) {
                char *rest = line, *word;

                while ((word = strsep(&rest, " \t\n"))) {
                        size_t cursor = 0;

                        if (!isalpha((unsigned char) *word))
                                continue;
                        if (subject)
                                assert_explained(subject, word);
                        else if (!explain_find(word, &cursor))
                                fail_msg("column %s of %s is not explained", word, file);
                        n++;
                        if (!header)
                                break;
                }
                if (header)
                        break;
        }
        return n;
}

static void test_tables(void **state) {
        (void) state;

        assert_int_equal(check_table("healthy.ns_a.eps", NULL, true), 9);
        assert_int_equal(check_table("healthy.ns_a.assocs", NULL, true), 26);
        assert_int_equal(check_table("healthy.ns_a.remaddr", NULL, true), 8);
        assert_int_equal(check_table("healthy.ns_a.snmp", "counter", false), 32);
}

static void test_find(void **state) {
        static const char *const aborts[] = { "chunk", "primitive", "error cause" };
        const struct explanation *e;
        size_t cursor = 0;

        (void) state;
        /* By name and by column, in any case. */
        e = explain_find("RTOMS", &cursor);
        assert_non_null(e);
        assert_string_equal(e->name, "rtoMs");
        assert_null(explain_find("RTOMS", &cursor));
        assert_null(explain_find("RTOMS", &cursor));

        cursor = 0;
        e = explain_find("hbint", &cursor);
        assert_non_null(e);
        assert_string_equal(e->name, "heartbeatIntervalMs");
        e = explain_find("hbint", &cursor);
        assert_non_null(e);
        assert_string_equal(e->name, "heartbeatIntervalJiffies");
        assert_null(explain_find("hbint", &cursor));

        /* A word of a name, and a name however it is written */
        cursor = 0;
        e = explain_find("user-initiated", &cursor);
        assert_non_null(e);
        assert_string_equal(e->name, "user-initiated ABORT");
        assert_null(explain_find("user-initiated", &cursor));
        cursor = 0;
        e = explain_find("init_ack", &cursor);
        assert_non_null(e);
        assert_string_equal(e->name, "INIT ACK");
        cursor = 0;
        e = explain_find("t1 init", &cursor);
        assert_non_null(e);
        assert_string_equal(e->name, "T1-init");
        cursor = 0;
        for (size_t i = 0; i < ELEMENTS(aborts); i++) {
                e = explain_find("abort", &cursor);
                assert_non_null(e);
                assert_string_equal(e->subject, aborts[i]);
        }
        assert_null(explain_find("abort", &cursor));
        cursor = 0;
        assert_null(explain_find("INIT ACK ", &cursor));
        cursor = 0;
        assert_null(explain_find("-", &cursor));

        /* The first and the last column of several, no part of one, and not nothing. */
        cursor = 0;
        assert_non_null(explain_find("assoc-id", &cursor));
        cursor = 0;
        assert_non_null(explain_find("id", &cursor));
        cursor = 0;
        assert_null(explain_find("assoc-", &cursor));
        cursor = 0;
        assert_null(explain_find("", &cursor));
        cursor = n_explanations;
        assert_null(explain_find("rtoMs", &cursor));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_entries), cmocka_unit_test(test_fields), cmocka_unit_test(test_interface),
                cmocka_unit_test(test_names), cmocka_unit_test(test_tables), cmocka_unit_test(test_find),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
