/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "guess.h"
#include "macro.h"

/* A name of so few wrong letters was probably meant. */
#define MISSPELLING_MAX 2u
/* So does the beginning of one, of so many letters. */
#define ABBREVIATION_MIN 3u

static char fold(char c) {
        return c == '-' ? '_' : c >= 'A' && c <= 'Z' ? (char) (c | 0x20) : c;
}

bool guess_is_name(const char *name, const char *word) {
        while (*name && fold(*name) == fold(*word)) {
                name++;
                word++;
        }
        return *name == *word;
}

/* How many letters must be put in, taken out or changed to make `b` of `a`. */
static unsigned misspelling(const char *a, const char *b) {
        unsigned row[32];
        size_t n = strlen(b);

        if (n >= ELEMENTS(row))
                return UINT32_MAX;
        for (size_t j = 0; j <= n; j++)
                row[j] = (unsigned) j;
        for (size_t i = 0; a[i]; i++) {
                unsigned diagonal = row[0]++;

                for (size_t j = 0; j < n; j++) {
                        unsigned above = row[j + 1];

                        row[j + 1] = MIN(MIN(above, row[j]) + 1, diagonal + (fold(a[i]) != fold(b[j])));
                        diagonal = above;
                }
        }
        return row[n];
}

void guess_name(struct guess *g, const char *name) {
        size_t length = strlen(g->word);
        unsigned distance;

        /* "LISTEN" */
        if (length >= ABBREVIATION_MIN && strncasecmp(g->word, name, length) == 0)
                distance = 1;
        else
                distance = misspelling(g->word, name);
        if (distance > MISSPELLING_MAX || (g->name && distance >= g->distance) || distance >= strlen(name))
                return;
        g->name = name;
        g->distance = distance;
}
