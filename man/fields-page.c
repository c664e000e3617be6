/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "macro.h"

/* Makes sctpmon-fields(7) of the table in lib/explain.c. The page is shipped, and a test compares it with what this
 * prints: UPDATE_GOLDEN=1 make check TESTS=tests/unit/test-sctpctl.sh writes it anew. */

static void put(const char *text) {
        for (const char *p = text; *p; p++)
                switch (*p) {
                case '\\':
                        printf("\\e");
                        break;
                case '-':
                        printf("\\-");
                        break;
                case '`':
                        printf("\\(ga");
                        break;
                case '\'':
                        printf("\\(aq");
                        break;
                default:
                        (void) putchar(*p);
                }
}

/* One sentence a line, as roff wants it. */
static void put_text(const char *text) {
        const char *end;

        while ((end = strstr(text, ". "))) {
                char *sentence = strndup(text, (size_t) (end + 1 - text));

                if (!sentence)
                        exit(EXIT_FAILURE);
                printf("\\&");
                put(sentence);
                printf("\n");
                free(sentence);
                text = end + 2;
        }
        printf("\\&");
        put(text);
        printf("\n");
}

static void put_title(const char *subject) {
        printf(".SH \"");
        for (const char *p = subject; *p; p++)
                (void) putchar(toupper((unsigned char) *p));
        printf("\"\n");
}

static void put_entry(const struct explanation *e) {
        printf(".TP\n.B ");
        put(e->name);
        printf("\n");
        put_text(e->text);
        if (e->unit || e->columns || e->source || e->reference)
                printf(".br\n\\&");
        if (e->unit) {
                printf("Unit: ");
                put(e->unit);
                printf(". ");
        }
        if (e->columns && strcmp(e->columns, e->name) != 0) {
                printf("Columns: ");
                put(e->columns);
                printf(". ");
        }
        if (e->source) {
                printf("From: ");
                put(e->source);
                printf(". ");
        }
        if (e->reference) {
                printf("See: ");
                put(e->reference);
                printf(".");
        }
        if (e->unit || e->columns || e->source || e->reference)
                printf("\n");
}

int main(void) {
        const char *subject = "";

        printf(".\\\" SPDX-License-Identifier: LGPL-2.1-or-later\n"
               ".\\\" Made by man/fields-page.c of lib/explain.c: change that.\n"
               ".TH SCTPMON-FIELDS 7 \"\" \"sctpmon\" \"Miscellaneous\"\n"
               ".SH NAME\n"
               "sctpmon-fields \\- what the fields, columns, counters and states of SCTP mean\n"
               ".SH DESCRIPTION\n"
               "What the JSON of\n.BR sctpctl (1)\nand\n.BR sctpmond (8)\nholds, what the columns of\n"
               ".I /proc/net/sctp/\n"
               "and of\n.B sctpctl\nare, where each thing comes from, and what to look for.\n"
               "A field whose source did not give it is absent.\n"
               ".PP\nThe same for one word:\n.B sctpctl explain\n.IR WORD .\n");
        for (size_t i = 0; i < n_explanations; i++) {
                if (strcmp(explanations[i].subject, subject) != 0) {
                        subject = explanations[i].subject;
                        put_title(subject);
                }
                put_entry(explanations + i);
        }
        printf(".SH SEE ALSO\n.BR sctpctl (1),\n.BR sctpmond (8),\n.BR sctp (7)\n");
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
