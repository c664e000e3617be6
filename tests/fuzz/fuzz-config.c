/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../daemon/config.h"
#include "fuzz.h"

/* The administrator's file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        int fd = memfd_create("fuzz", MFD_CLOEXEC);
        struct config config = CONFIG_DEFAULT;
        char message[CONFIG_MESSAGE_MAX], path[64];

        MUST(fd >= 0 && write(fd, data, size) == (ssize_t) size);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        message[0] = '\0';
        if (config_load(path, &config, message) < 0)
                /* Whatever is wrong is said. */
                MUST(message[0] != '\0');
        else
                MUST(config.interval_usec >= CONFIG_INTERVAL_USEC_MIN && config.interval_usec <= CONFIG_INTERVAL_USEC_MAX &&
                     config.cpu_share_percent <= 100);
        config_done(&config);
        (void) close(fd);
        return 0;
}
