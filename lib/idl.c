/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "idl.h"

enum kind {
        KIND_BOOL,
        KIND_INT,
        KIND_FLOAT,
        KIND_STRING,
        KIND_OBJECT,
        KIND_ENUM,
        KIND_STRUCT,
        KIND_NAMED,
        KIND_ARRAY,
        KIND_MAP,
};

struct field;

struct type {
        enum kind kind;
        bool nullable;
        struct field *fields;           /* of a struct; of an enum, without types */
        size_t n_fields;
        struct type *element;           /* of an array or a map; borrowed from the member: of a named type */
        char *name;                     /* of a named type */
        unsigned line;                  /* where it is named */
};

struct field {
        char *name;
        struct type *type;
};

enum role {
        ROLE_TYPE,
        ROLE_METHOD,
        ROLE_ERROR,
};

struct member {
        enum role role;
        char *name;
        struct type *input;             /* of a type or an error: what it is */
        struct type *output;
};

struct idl {
        char *text, *name;
        struct member *members;
        size_t n_members;
};

struct parser {
        const char *at;
        unsigned line;
        const char *expected;
};

static struct type *type_free(struct type *t) {
        if (!t)
                return NULL;

        for (size_t i = 0; i < t->n_fields; i++) {
                free(t->fields[i].name);
                type_free(t->fields[i].type);
        }
        free(t->fields);
        if (t->kind != KIND_NAMED)
                type_free(t->element);
        free(t->name);
        free(t);
        return NULL;
}

DEFINE_CLEANUP(struct type *, type_free)

struct idl *idl_free(struct idl *idl) {
        if (!idl)
                return NULL;

        for (size_t i = 0; i < idl->n_members; i++) {
                free(idl->members[i].name);
                type_free(idl->members[i].input);
                type_free(idl->members[i].output);
        }
        free(idl->members);
        free(idl->name);
        free(idl->text);
        free(idl);
        return NULL;
}

const char *idl_name(const struct idl *idl) {
        return idl->name;
}

const char *idl_text(const struct idl *idl) {
        return idl->text;
}

/* Not those of <ctype.h>, which ask the locale. */
static bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_alnum(char c) {
        return is_letter(c) || (c >= '0' && c <= '9');
}

static int fail(struct parser *p, const char *expected) {
        p->expected = expected;
        return -EBADMSG;
}

static void skip_comment(struct parser *p) {
        if (*p->at == '#')
                p->at += strcspn(p->at, "\r\n");
}

static void skip_blanks(struct parser *p) {
        p->at += strspn(p->at, " \t");
        skip_comment(p);
}

static void skip_space(struct parser *p) {
        for (;;) {
                skip_blanks(p);
                if (*p->at == '\n')
                        p->line++;
                else if (*p->at != '\r')
                        return;
                p->at++;
        }
}

static int end_line(struct parser *p) {
        skip_blanks(p);
        if (*p->at != '\0' && *p->at != '\r' && *p->at != '\n')
                return fail(p, "the end of the line");

        return 0;
}

static bool take(struct parser *p, const char *token) {
        size_t n = strlen(token);

        skip_space(p);
        if (strncmp(p->at, token, n) != 0)
                return false;
        p->at += n;
        return true;
}

static bool take_word(struct parser *p, const char *word) {
        size_t n = strlen(word);

        skip_space(p);
        if (strncmp(p->at, word, n) != 0 || is_alnum(p->at[n]) || p->at[n] == '_')
                return false;
        p->at += n;
        return true;
}

static int take_text(struct parser *p, size_t length, char **ret) {
        char *s = strndup(p->at, length);

        if (!s)
                return -ENOMEM;
        p->at += length;
        *ret = s;
        return 0;
}

/* [A-Z][A-Za-z0-9]* */
static int take_name(struct parser *p, char **ret) {
        size_t n = 0;

        skip_space(p);
        while (is_alnum(p->at[n]))
                n++;
        if (*p->at < 'A' || *p->at > 'Z')
                return fail(p, "a name that begins with a capital letter");

        return take_text(p, n, ret);
}

/* [A-Za-z](_?[A-Za-z0-9])* */
static int take_field_name(struct parser *p, char **ret) {
        size_t n = 0;

        skip_space(p);
        while (is_alnum(p->at[n]) || (n > 0 && p->at[n] == '_' && is_alnum(p->at[n + 1])))
                n++;
        if (!is_letter(*p->at))
                return fail(p, "the name of a field");

        return take_text(p, n, ret);
}

/* [A-Za-z]([-]*[A-Za-z0-9])*(\.[A-Za-z0-9]([-]*[A-Za-z0-9])*)+ */
static int take_interface_name(struct parser *p, char **ret) {
        static const char expected[] = "the name of an interface, like org.example.noun";
        size_t n = 0, dots = 0;

        skip_space(p);
        if (!is_letter(*p->at))
                return fail(p, expected);
        for (;;) {
                size_t hyphens = 0;

                while (is_alnum(p->at[n]))
                        n++;
                while (p->at[n + hyphens] == '-')
                        hyphens++;
                if (hyphens > 0 && is_alnum(p->at[n + hyphens]))
                        n += hyphens;
                else if (p->at[n] == '.' && is_alnum(p->at[n + 1])) {
                        n++;
                        dots++;
                } else
                        break;
        }
        if (dots == 0)
                return fail(p, expected);

        return take_text(p, n, ret);
}

static struct field *find_field(const struct type *t, const char *name) {
        for (size_t i = 0; i < t->n_fields; i++)
                if (strcmp(t->fields[i].name, name) == 0)
                        return t->fields + i;

        return NULL;
}

/* Takes over `name`, also on failure. */
static int add_field(struct parser *p, struct type *t, char *name, struct field **ret) {
        _cleanup_free_ char *owned = name;
        struct field *fields;

        if (find_field(t, name))
                return fail(p, "a name that is not used before");

        fields = reallocarray(t->fields, t->n_fields + 1, sizeof(*fields));
        if (!fields)
                return -ENOMEM;
        t->fields = fields;
        fields[t->n_fields] = (struct field) { .name = steal_ptr(owned) };
        *ret = fields + t->n_fields++;
        return 0;
}

static int parse_type(struct parser *p, unsigned depth, struct type **ret);

/* After "(": which of the two it is shows after the first name. */
static int parse_struct_or_enum(struct parser *p, unsigned depth, struct type *t) {
        t->kind = KIND_STRUCT;
        if (take(p, ")"))
                return 0;

        do {
                struct field *field;
                char *name;
                bool typed;
                int r;

                r = take_field_name(p, &name);
                if (r < 0)
                        return r;
                r = add_field(p, t, name, &field);
                if (r < 0)
                        return r;

                typed = take(p, ":");
                if (t->n_fields == 1 && !typed)
                        t->kind = KIND_ENUM;
                if (typed != (t->kind == KIND_STRUCT))
                        return fail(p, typed ? "\",\" or \")\"" : "\":\"");
                if (typed) {
                        r = parse_type(p, depth + 1, &field->type);
                        if (r < 0)
                                return r;
                }
        } while (take(p, ","));

        return take(p, ")") ? 0 : fail(p, "\",\" or \")\"");
}

static int parse_element(struct parser *p, unsigned depth, struct type *t) {
        static const struct {
                const char *word;
                enum kind kind;
        } words[] = {
                { "bool", KIND_BOOL },
                { "int", KIND_INT },
                { "float", KIND_FLOAT },
                { "string", KIND_STRING },
                { "object", KIND_OBJECT },
        };

        if (take(p, "("))
                return parse_struct_or_enum(p, depth, t);

        for (size_t i = 0; i < ELEMENTS(words); i++)
                if (take_word(p, words[i].word)) {
                        t->kind = words[i].kind;
                        return 0;
                }

        if (!is_letter(*p->at) || *p->at >= 'a')
                return fail(p, "a type");
        t->kind = KIND_NAMED;
        t->line = p->line;
        return take_name(p, &t->name);
}

static int parse_type(struct parser *p, unsigned depth, struct type **ret) {
        _cleanup_(type_free_p) struct type *t = NULL;
        int r;

        if (depth > IDL_DEPTH_MAX)
                return fail(p, "fewer types within types");

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;

        t->nullable = take(p, "?");
        if (take(p, "[")) {
                t->kind = take_word(p, "string") ? KIND_MAP : KIND_ARRAY;
                if (!take(p, "]"))
                        return fail(p, t->kind == KIND_MAP ? "\"]\"" : "\"]\" or \"string]\"");
                r = parse_type(p, depth + 1, &t->element);
        } else
                r = parse_element(p, depth, t);
        if (r < 0)
                return r;

        *ret = steal_ptr(t);
        return 0;
}

/* What follows the name of a member, and both sides of a method: no other type will do. */
static int parse_parameters(struct parser *p, bool enum_allowed, struct type **ret) {
        _cleanup_(type_free_p) struct type *t = NULL;
        int r;

        skip_space(p);
        if (*p->at != '(')
                return fail(p, "\"(\"");
        r = parse_type(p, 1, &t);
        if (r < 0)
                return r;
        if (t->kind == KIND_ENUM && !enum_allowed)
                return fail(p, "fields with types");

        *ret = steal_ptr(t);
        return 0;
}

static const struct member *find_member(const struct idl *idl, const char *name) {
        for (size_t i = 0; i < idl->n_members; i++)
                if (strcmp(idl->members[i].name, name) == 0)
                        return idl->members + i;

        return NULL;
}

static int parse_member(struct parser *p, struct idl *idl) {
        struct member *m;
        char *name;
        enum role role;
        int r;

        if (take_word(p, "type"))
                role = ROLE_TYPE;
        else if (take_word(p, "method"))
                role = ROLE_METHOD;
        else if (take_word(p, "error"))
                role = ROLE_ERROR;
        else
                return fail(p, "type, method or error");

        m = reallocarray(idl->members, idl->n_members + 1, sizeof(*m));
        if (!m)
                return -ENOMEM;
        idl->members = m;

        r = take_name(p, &name);
        if (r < 0)
                return r;
        if (find_member(idl, name)) {
                free(name);
                return fail(p, "a name that is not used before");
        }
        m += idl->n_members++;
        *m = (struct member) { .role = role, .name = name };

        r = parse_parameters(p, role == ROLE_TYPE, &m->input);
        if (r < 0)
                return r;
        if (role == ROLE_METHOD) {
                if (!take(p, "->"))
                        return fail(p, "\"->\"");
                r = parse_parameters(p, false, &m->output);
                if (r < 0)
                        return r;
        }

        return end_line(p);
}

/* Binds the names of types to the types. These are structs and enums only, so no name leads back to
 * itself without a value between. */
static int resolve(struct parser *p, const struct idl *idl, struct type *t) {
        int r = 0;

        if (t->kind == KIND_NAMED) {
                const struct member *m = find_member(idl, t->name);

                if (!m || m->role != ROLE_TYPE) {
                        p->line = t->line;
                        return fail(p, "the name of a type of this interface");
                }
                t->element = m->input;
                return 0;
        }

        for (size_t i = 0; r == 0 && t->kind == KIND_STRUCT && i < t->n_fields; i++)
                r = resolve(p, idl, t->fields[i].type);
        if (r == 0 && t->element)
                r = resolve(p, idl, t->element);
        return r;
}

static int parse_interface(struct parser *p, struct idl *idl) {
        int r;

        if (!take_word(p, "interface"))
                return fail(p, "interface");
        r = take_interface_name(p, &idl->name);
        if (r < 0)
                return r;
        r = end_line(p);
        if (r < 0)
                return r;

        for (;;) {
                skip_space(p);
                if (*p->at == '\0')
                        break;
                r = parse_member(p, idl);
                if (r < 0)
                        return r;
        }

        for (size_t i = 0; i < idl->n_members; i++) {
                const struct member *m = idl->members + i;

                r = resolve(p, idl, m->input);
                if (r == 0 && m->output)
                        r = resolve(p, idl, m->output);
                if (r < 0)
                        return r;
        }

        return 0;
}

int idl_parse(const char *text, struct idl **ret, unsigned *ret_line, const char **ret_expected) {
        _cleanup_(idl_free_p) struct idl *idl = NULL;
        struct parser p = { .at = text, .line = 1 };
        int r;

        idl = calloc(1, sizeof(*idl));
        if (!idl)
                return -ENOMEM;
        idl->text = strdup(text);
        if (!idl->text)
                return -ENOMEM;

        r = parse_interface(&p, idl);
        if (r == -EBADMSG) {
                *ret_line = p.line;
                *ret_expected = p.expected;
        }
        if (r < 0)
                return r;

        *ret = steal_ptr(idl);
        return 0;
}

/* Where in an object a check is; on the stack of the check. */
struct place {
        const struct place *parent;
        const char *name;               /* NULL: element number `index` of the parent */
        size_t index;
        unsigned depth;
};

static void write_place(const struct place *place, FILE *f) {
        if (!place)
                return;

        write_place(place->parent, f);
        if (place->name)
                fprintf(f, "%s%s", place->parent ? "." : "", place->name);
        else
                fprintf(f, "[%zu]", place->index);
}

static int offend(const struct place *place, char **ret_field) {
        char *text = NULL;
        size_t size;
        FILE *f;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        write_place(place, f);
        if (fclose(f) != 0) {
                free(text);
                return -ENOMEM;
        }

        *ret_field = text;
        return -EINVAL;
}

static int check(const struct type *t, json_t *value, const struct place *place, char **ret_field);

static struct place inside(const struct place *parent, const char *name, size_t index) {
        return (struct place) {
                .parent = parent,
                .name = name,
                .index = index,
                .depth = parent ? parent->depth + 1 : 1,
        };
}

static int check_struct(const struct type *t, json_t *object, const struct place *place, char **ret_field) {
        size_t known = 0;
        const char *key;
        json_t *value;
        int r;

        for (size_t i = 0; i < t->n_fields; i++) {
                const struct field *field = t->fields + i;
                struct place here = inside(place, field->name, 0);

                value = json_object_get(object, field->name);
                known += !!value;
                r = check(field->type, value, &here, ret_field);
                if (r < 0)
                        return r;
        }

        if (known == json_object_size(object))
                return 0;

        json_object_foreach(object, key, value)
                if (!find_field(t, key)) {
                        struct place here = inside(place, key, 0);

                        return offend(&here, ret_field);
                }
        return 0;
}

static int check_elements(const struct type *t, json_t *value, const struct place *place, char **ret_field) {
        const char *key;
        json_t *element;
        size_t i;
        int r;

        json_array_foreach(value, i, element) {
                struct place here = inside(place, NULL, i);

                r = check(t->element, element, &here, ret_field);
                if (r < 0)
                        return r;
        }
        json_object_foreach(value, key, element) {
                struct place here = inside(place, key, 0);

                r = check(t->element, element, &here, ret_field);
                if (r < 0)
                        return r;
        }

        return 0;
}

/* `value` is NULL if it is absent. */
static int check(const struct type *t, json_t *value, const struct place *place, char **ret_field) {
        bool good = false;

        if (t->nullable && (!value || json_is_null(value)))
                return 0;
        if (place && place->depth > IDL_DEPTH_MAX)
                return offend(place, ret_field);
        if (t->kind == KIND_NAMED)
                t = t->element;

        switch (t->kind) {
        case KIND_BOOL:
                good = json_is_boolean(value);
                break;
        case KIND_INT:
                good = json_is_integer(value);
                break;
        case KIND_FLOAT:
                /* JSON knows one kind of number: 1 is a float too. */
                good = json_is_number(value);
                break;
        case KIND_STRING:
                good = json_is_string(value);
                break;
        case KIND_OBJECT:
        case KIND_STRUCT:
        case KIND_MAP:
                good = json_is_object(value);
                break;
        case KIND_ARRAY:
                good = json_is_array(value);
                break;
        case KIND_ENUM:
                good = json_is_string(value) && find_field(t, json_string_value(value));
                break;
        case KIND_NAMED:
                break;
        }
        if (!good)
                return offend(place, ret_field);

        if (t->kind == KIND_STRUCT)
                return check_struct(t, value, place, ret_field);
        if (t->kind == KIND_ARRAY || t->kind == KIND_MAP)
                return check_elements(t, value, place, ret_field);
        return 0;
}

static const struct member *find_role(const struct idl *idl, const char *name, enum role role) {
        const struct member *m = find_member(idl, name);

        return m && m->role == role ? m : NULL;
}

bool idl_has_method(const struct idl *idl, const char *method) {
        return find_role(idl, method, ROLE_METHOD);
}

static int check_object(const struct type *t, json_t *object, char **ret_field) {
        json_t *checked = object ? json_incref(object) : json_object();
        int r;

        if (!checked)
                return -ENOMEM;
        r = check(t, checked, NULL, ret_field);
        json_decref(checked);
        return r;
}

int idl_check_input(const struct idl *idl, const char *method, json_t *object, char **ret_field) {
        const struct member *m = find_role(idl, method, ROLE_METHOD);

        return m ? check_object(m->input, object, ret_field) : -ENOENT;
}

int idl_check_output(const struct idl *idl, const char *method, json_t *object, char **ret_field) {
        const struct member *m = find_role(idl, method, ROLE_METHOD);

        return m ? check_object(m->output, object, ret_field) : -ENOENT;
}

int idl_check_error(const struct idl *idl, const char *error, json_t *object, char **ret_field) {
        const struct member *m = find_role(idl, error, ROLE_ERROR);

        return m ? check_object(m->input, object, ret_field) : -ENOENT;
}
