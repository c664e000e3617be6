/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* Names that people half remember. */

/* Whether the word is this name, in capitals and with hyphens too: the kernel, ss(8) and RFC 9260 write states so. */
bool guess_is_name(const char *name, const char *word);

/* The nearest name to a word that is none. */
struct guess {
        const char *word, *name;        /* name NULL: none is near */
        unsigned distance;
};

/* Takes the name if none nearer was there before. */
void guess_name(struct guess *g, const char *name);
