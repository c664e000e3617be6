/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "filter.h"
#include "fuzz.h"
#include "idl.h"
#include "interface.h"
#include "varlink.h"

/* What a client asks for, as far as the server looks at it before a method does. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static struct idl *idl;
        _cleanup_free_ char *text = text_of(data, size), *field = NULL;
        const char *expected, *wrong, *dot;
        struct varlink_call call;
        struct filter filter;
        unsigned line;

        if (!idl)
                MUST(idl_parse(interface_text, &idl, &line, &expected) == 0);
        if (varlink_call_parse(text, size, &call) < 0)
                return 0;

        MUST(call.method);
        dot = strrchr(call.method, '.');
        if (dot && idl_has_method(idl, dot + 1) && idl_check_input(idl, dot + 1, call.parameters, &field) == 0)
                for (enum filter_subject i = FILTER_ENDPOINTS; i <= FILTER_ASSOCIATIONS; i++)
                        (void) filter_from_json(json_object_get(call.parameters, "filter"), i, &filter, &wrong);
        varlink_call_done(&call);
        return 0;
}
