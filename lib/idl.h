/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "macro.h"

/* A Varlink interface definition, read from the text of its .varlink file: what a method takes and
 * gives, so that the file alone says what is valid. */

#define IDL_DEPTH_MAX 64u

struct idl;

/* Reads the text. On -EBADMSG *ret_line and *ret_expected tell where and what was expected. */
int idl_parse(const char *text, struct idl **ret, unsigned *ret_line, const char **ret_expected);
struct idl *idl_free(struct idl *idl);
DEFINE_CLEANUP(struct idl *, idl_free)

const char *idl_name(const struct idl *idl);
const char *idl_text(const struct idl *idl);

/* Whether the interface has such a method, given by its bare name. */
bool idl_has_method(const struct idl *idl, const char *method);

/* Check an object (NULL: an empty one) against a method's input or output, or an error's parameters.
 * 0; -ENOENT: no such member of the interface; -EINVAL: *ret_field (malloc'ed) names the offending
 * field, "filter.peerPort" for one inside another. Unknown fields are offending in an input
 * (`-EINVAL`), and in the others too: a server must send just what it declares. */
int idl_check_input(const struct idl *idl, const char *method, json_t *object, char **ret_field);
int idl_check_output(const struct idl *idl, const char *method, json_t *object, char **ret_field);
int idl_check_error(const struct idl *idl, const char *error, json_t *object, char **ret_field);
