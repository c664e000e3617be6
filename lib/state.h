/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* States and their names: RFC 9260 section 4 for associations, RFC 6458 for paths. The kernel has
 * three numberings for one association state: `/proc` and sock_diag count from 0 (from 1 in /proc
 * up to 2.6.39), SCTP_STATUS counts from 1. These are ours and count from 0. */
enum association_state {
        ASSOCIATION_CLOSED,
        ASSOCIATION_COOKIE_WAIT,
        ASSOCIATION_COOKIE_ECHOED,
        ASSOCIATION_ESTABLISHED,
        ASSOCIATION_SHUTDOWN_PENDING,
        ASSOCIATION_SHUTDOWN_SENT,
        ASSOCIATION_SHUTDOWN_RECEIVED,
        ASSOCIATION_SHUTDOWN_ACK_SENT,
        _ASSOCIATION_STATE_MAX,
        _ASSOCIATION_STATE_INVALID = -1,
};

/* The state of the socket (column SST); the kernel prints TCP's numbers. */
enum endpoint_state {
        ENDPOINT_CLOSED,
        ENDPOINT_LISTENING,
        ENDPOINT_ESTABLISHING,
        ENDPOINT_ESTABLISHED,
        ENDPOINT_CLOSING,
        _ENDPOINT_STATE_MAX,
        _ENDPOINT_STATE_INVALID = -1,
};

enum path_state {
        PATH_INACTIVE,
        PATH_PF,                /* potentially failed, RFC 7829 */
        PATH_ACTIVE,
        PATH_UNCONFIRMED,
        PATH_UNKNOWN,           /* never tried: SCTP_UNKNOWN, 0xffff */
        _PATH_STATE_MAX,
        _PATH_STATE_INVALID = -1,
};

enum socket_style {
        STYLE_ONE_TO_MANY,
        STYLE_PEELED_OFF,       /* a one-to-many association moved to a socket of its own */
        STYLE_ONE_TO_ONE,
        _STYLE_MAX,
        _STYLE_INVALID = -1,
};

/* What an association's socket says of it. */
enum attachment {
        ATTACHMENT_SOCKET,      /* a program has it */
        ATTACHMENT_UNACCEPTED,  /* the program has not accept()ed it: its listener's socket is shown */
        ATTACHMENT_ORPHAN,      /* no program has it any more, the kernel is ending it */
        _ATTACHMENT_MAX,
        _ATTACHMENT_INVALID = -1,
};

/* Until it is accept()ed an association has its listener's socket; `inode` 0: it has none any more. */
enum attachment association_attachment(uint64_t inode, int socket_state, int style);

/* What the peer said in INIT or INIT-ACK that it can: bits of sctpi_peer_capable. The fourth is "hostname addresses"
 * in Linux 6.1 and "re-configuration" in 6.12 (tried), so it is not named. */
enum capability {
        CAPABILITY_AUTH,        /* RFC 4895 */
        CAPABILITY_PRSCTP,      /* RFC 3758 */
        CAPABILITY_ASCONF,      /* RFC 5061 */
        CAPABILITY_IPV6 = 4,
        CAPABILITY_IPV4,
        CAPABILITY_ECN,
        _CAPABILITY_MAX,
};

/* Names as the interface and the journal carry them ("cookie_wait"); NULL for a value out of range. */
const char *association_state_name(int state);
const char *endpoint_state_name(int state);
const char *path_state_name(int state);
const char *socket_style_name(int style);
const char *attachment_name(int attachment);
/* NULL for a bit without a name, too. */
const char *capability_name(int capability);

/* From a name; the _INVALID value if there is none such. */
enum association_state association_state_from_name(const char *name);
enum endpoint_state endpoint_state_from_name(const char *name);

/* From the kernel's numbers; the _INVALID value if the kernel cannot mean it. `shifted` is for the ST
 * column up to Linux 2.6.39, see state_shifted(). */
enum association_state association_state_from_proc(unsigned long number, bool shifted);
enum association_state association_state_from_diag(unsigned number);
enum association_state association_state_from_status(unsigned number);
enum endpoint_state endpoint_state_from_proc(unsigned long number);
enum path_state path_state_from_proc(unsigned long number);
enum socket_style socket_style_from_proc(unsigned long number);

/* What has been established does not become so again (RFC 9260 section 4): between the same ends, this is the next
 * association. */
bool association_state_begins_anew(int before, int now);

/* Whether a kernel of this release ("2.6.32-754.el6", or the line of /proc/version) numbers
 * association states from 1: SCTP_STATE_EMPTY went away in Linux 3.0. */
bool state_shifted(const char *release);
