/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* MESSAGE_ID= of each kind of journal entry, explained in systemd/sctpmond.catalog. Fixed for good. */
#define MESSAGE_ID_ASSOCIATION_UP       "735245c3ff724b5d900bdbc2c3cffcb8"
#define MESSAGE_ID_ASSOCIATION_STATE    "39a3b71a92664708a7b11f70b549690b"
#define MESSAGE_ID_ASSOCIATION_DOWN     "72b1b83a2cbe4a1c9bd41b380a0473d0"
#define MESSAGE_ID_ENDPOINT_ADDED       "3736e6cbb9f14680ba3946b99ad385b7"
#define MESSAGE_ID_ENDPOINT_REMOVED     "16ee5fc757b34d7abc46801bf202cb1a"
#define MESSAGE_ID_CHANGES_LOST         "b2e0879f588b4f2887f64485c25b37a3"
#define MESSAGE_ID_AVAILABLE            "4ff61aff1ed5487b8b45f5eb7da6dd87"
#define MESSAGE_ID_UNAVAILABLE          "ff5f8abb9e6d40d8a68a5b93545df4fe"
