/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "macro.h"
#include "state.h"

static const char *const association_names[_ASSOCIATION_STATE_MAX] = {
        [ASSOCIATION_CLOSED] = "closed",
        [ASSOCIATION_COOKIE_WAIT] = "cookie_wait",
        [ASSOCIATION_COOKIE_ECHOED] = "cookie_echoed",
        [ASSOCIATION_ESTABLISHED] = "established",
        [ASSOCIATION_SHUTDOWN_PENDING] = "shutdown_pending",
        [ASSOCIATION_SHUTDOWN_SENT] = "shutdown_sent",
        [ASSOCIATION_SHUTDOWN_RECEIVED] = "shutdown_received",
        [ASSOCIATION_SHUTDOWN_ACK_SENT] = "shutdown_ack_sent",
};

static const char *const endpoint_names[_ENDPOINT_STATE_MAX] = {
        [ENDPOINT_CLOSED] = "closed",
        [ENDPOINT_LISTENING] = "listening",
        [ENDPOINT_ESTABLISHING] = "establishing",
        [ENDPOINT_ESTABLISHED] = "established",
        [ENDPOINT_CLOSING] = "closing",
};

static const char *const path_names[_PATH_STATE_MAX] = {
        [PATH_INACTIVE] = "inactive",
        [PATH_PF] = "pf",
        [PATH_ACTIVE] = "active",
        [PATH_UNCONFIRMED] = "unconfirmed",
        [PATH_UNKNOWN] = "unknown",
};

static const char *const style_names[_STYLE_MAX] = {
        [STYLE_ONE_TO_MANY] = "one_to_many",
        [STYLE_PEELED_OFF] = "peeled_off",
        [STYLE_ONE_TO_ONE] = "one_to_one",
};

static const char *const attachment_names[_ATTACHMENT_MAX] = {
        [ATTACHMENT_SOCKET] = "socket",
        [ATTACHMENT_UNACCEPTED] = "unaccepted",
        [ATTACHMENT_ORPHAN] = "orphan",
};

static const char *const capability_names[_CAPABILITY_MAX] = {
        [CAPABILITY_AUTH] = "auth",
        [CAPABILITY_PRSCTP] = "prsctp",
        [CAPABILITY_ASCONF] = "asconf",
        [CAPABILITY_IPV6] = "ipv6",
        [CAPABILITY_IPV4] = "ipv4",
        [CAPABILITY_ECN] = "ecn",
};

static const char *name_at(const char *const *names, size_t n, int value) {
        return value >= 0 && (size_t) value < n ? names[value] : NULL;
}

static int name_find(const char *const *names, size_t n, const char *name) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(names[i], name) == 0)
                        return (int) i;

        return -1;
}

const char *association_state_name(int state) {
        return name_at(association_names, ELEMENTS(association_names), state);
}

const char *endpoint_state_name(int state) {
        return name_at(endpoint_names, ELEMENTS(endpoint_names), state);
}

const char *path_state_name(int state) {
        return name_at(path_names, ELEMENTS(path_names), state);
}

const char *socket_style_name(int style) {
        return name_at(style_names, ELEMENTS(style_names), style);
}

const char *attachment_name(int attachment) {
        return name_at(attachment_names, ELEMENTS(attachment_names), attachment);
}

const char *capability_name(int capability) {
        return name_at(capability_names, ELEMENTS(capability_names), capability);
}

enum association_state association_state_from_name(const char *name) {
        return (enum association_state) name_find(association_names, ELEMENTS(association_names), name);
}

enum endpoint_state endpoint_state_from_name(const char *name) {
        return (enum endpoint_state) name_find(endpoint_names, ELEMENTS(endpoint_names), name);
}

enum association_state association_state_from_proc(unsigned long number, bool shifted) {
        if (shifted) {
                /* SCTP_STATE_EMPTY, an association still being made, has no name in RFC 9260. */
                if (number == 0)
                        return ASSOCIATION_CLOSED;
                number--;
        }

        return number < _ASSOCIATION_STATE_MAX ? (enum association_state) number : _ASSOCIATION_STATE_INVALID;
}

enum association_state association_state_from_diag(unsigned number) {
        return association_state_from_proc(number, false);
}

enum association_state association_state_from_status(unsigned number) {
        /* RFC 6458 section 8.2.1 knows SCTP_EMPTY as 0; Linux adds one since 38ab1fa981d5. */
        return association_state_from_proc(number, true);
}

enum endpoint_state endpoint_state_from_proc(unsigned long number) {
        /* enum sctp_ss_state borrows TCP's numbers; CLOSING was TCP_CLOSING (11) at first. */
        switch (number) {
        case 1:
                return ENDPOINT_ESTABLISHED;
        case 2:
                return ENDPOINT_ESTABLISHING;
        case 7:
                return ENDPOINT_CLOSED;
        case 8:
        case 11:
                return ENDPOINT_CLOSING;
        case 10:
                return ENDPOINT_LISTENING;
        default:
                return _ENDPOINT_STATE_INVALID;
        }
}

enum path_state path_state_from_proc(unsigned long number) {
        /* enum sctp_spinfo_state */
        switch (number) {
        case 0:
                return PATH_INACTIVE;
        case 1:
                return PATH_PF;
        case 2:
                return PATH_ACTIVE;
        case 3:
                return PATH_UNCONFIRMED;
        case 0xffff:
                return PATH_UNKNOWN;
        default:
                return _PATH_STATE_INVALID;
        }
}

enum socket_style socket_style_from_proc(unsigned long number) {
        return number < _STYLE_MAX ? (enum socket_style) number : _STYLE_INVALID;
}

enum attachment association_attachment(uint64_t inode, int socket_state, int style) {
        if (inode == 0)
                return ATTACHMENT_ORPHAN;

        return socket_state == ENDPOINT_LISTENING && style == STYLE_ONE_TO_ONE ? ATTACHMENT_UNACCEPTED : ATTACHMENT_SOCKET;
}

bool association_state_begins_anew(int before, int now) {
        return before >= ASSOCIATION_ESTABLISHED && (now == ASSOCIATION_COOKIE_WAIT || now == ASSOCIATION_COOKIE_ECHOED);
}

bool state_shifted(const char *release) {
        static const char prefix[] = "Linux version ";
        unsigned major, minor;

        if (strncmp(release, prefix, strlen(prefix)) == 0)
                release += strlen(prefix);
        if (sscanf(release, "%u.%u", &major, &minor) != 2)
                return false;

        return major < 3;
}
