/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>

#include "fuzz.h"

/* In place of libFuzzer: hands each file of the target's corpus to it, and its own bytes cut off and turned round, which
 * takes no luck to find. TAP. */

static unsigned replay(const char *path) {
        static uint8_t data[1 << 20];
        FILE *f = fopen(path, "re");
        size_t size;

        MUST(f);
        size = fread(data, 1, sizeof(data), f);
        (void) fclose(f);
        (void) LLVMFuzzerTestOneInput(data, size);
        for (size_t i = 0; i < size; i += 1 + size / 64) {
                data[i] ^= 0xff;
                (void) LLVMFuzzerTestOneInput(data, size);
                data[i] ^= 0xff;
                (void) LLVMFuzzerTestOneInput(data, i);
        }
        return 1;
}

int main(void) {
        char directory[4096], path[8192];
        struct dirent *entry;
        unsigned n = 0;
        DIR *d;

        snprintf(directory, sizeof(directory), "%s/fuzz/%s", getenv("TEST_DATA"),
                 strchr(program_invocation_short_name, '-') + 1);
        d = opendir(directory);
        MUST(d);
        while ((entry = readdir(d))) {
                if (entry->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
                n += replay(path);
                printf("ok %u - %s\n", n, entry->d_name);
        }
        (void) closedir(d);
        printf("1..%u\n", n);
        return n == 0;
}
