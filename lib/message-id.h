/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* MESSAGE_ID= of each kind of journal entry, explained in systemd/sctpmond.catalog. Fixed for good. */
#define MESSAGE_ID_ASSOCIATION_UP       "735245c3ff724b5d900bdbc2c3cffcb8"
#define MESSAGE_ID_ASSOCIATION_STATE    "39a3b71a92664708a7b11f70b549690b"
#define MESSAGE_ID_ASSOCIATION_DOWN     "72b1b83a2cbe4a1c9bd41b380a0473d0"
#define MESSAGE_ID_ASSOCIATION_RESTART  "2d7650a4bf694354a5e3335096376571"
#define MESSAGE_ID_PATH_STATE           "9631db2a8d6e4f52a760d500c47f4c76"
#define MESSAGE_ID_PATH_ADDED           "4aba5130c51346d98858f20c7de45690"
#define MESSAGE_ID_PATH_REMOVED         "7da23f5f41154698b666477278e115c7"
#define MESSAGE_ID_PRIMARY_CHANGED      "88cc1ce8247f4a519a754d32a176651d"
#define MESSAGE_ID_IMPAIRED             "df1d9d11b2754dddb5be7ef886ee78ee"
#define MESSAGE_ID_RECOVERED            "0a1149b2317d4e3ba5987da11f4fa2e6"
#define MESSAGE_ID_UNOBSERVED           "6812461baa9c46ab91c71b01a504e61a"
#define MESSAGE_ID_FLAPPING             "ea13e78a657f46d3b354cadf2df1a90e"
#define MESSAGE_ID_ENDPOINT_ADDED       "3736e6cbb9f14680ba3946b99ad385b7"
#define MESSAGE_ID_ENDPOINT_REMOVED     "16ee5fc757b34d7abc46801bf202cb1a"
#define MESSAGE_ID_CHANGES_LOST         "b2e0879f588b4f2887f64485c25b37a3"
#define MESSAGE_ID_AVAILABLE            "4ff61aff1ed5487b8b45f5eb7da6dd87"
#define MESSAGE_ID_UNAVAILABLE          "ff5f8abb9e6d40d8a68a5b93545df4fe"
