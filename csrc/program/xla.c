/* xla.c: owns the function that programs compiled by XLA call: an entry, by its address among the attributes of the call.
 *
 * XLA's structures are declared here, as its C interface of major version 0 has them (xla/ffi/api/c_api.h): they grow at
 * their ends only. Must not know: Python, JAX.
 */
#include "entry.h"

#include <stdio.h>
#include <string.h>

typedef struct extension {
    size_t struct_size;
    int type; /* 1: metadata are asked for */
    struct extension *next;
} extension;

typedef struct {
    size_t struct_size;
    extension *extensions;
    int major, minor;
} api_version;

typedef struct {
    size_t struct_size;
    api_version version;
} metadata; /* its beginning */

typedef struct {
    extension base;
    metadata *metadata;
} metadata_extension;

typedef struct xla_error xla_error;
typedef struct {
    size_t struct_size;
    extension *extensions;
    const char *message;
    int code;
} error_args;

typedef struct {
    size_t struct_size;
    extension *extensions;
    api_version version;
    const void *internal;
    xla_error *(*error_create)(error_args *);
} api; /* its beginning */

typedef struct {
    size_t struct_size;
    extension *extensions;
    int dtype;
    void *data;
} buffer; /* its beginning */

typedef struct {
    const char *text;
    size_t length;
} span;

typedef struct {
    int dtype;
    void *value;
} scalar;

typedef struct {
    size_t struct_size;
    extension *extensions;
    int64_t size;
    int *types;
    void **values;
} values;

typedef struct {
    size_t struct_size;
    extension *extensions;
    int64_t size;
    int *types;
    span **names;
    void **values;
} attributes;

struct gd_xla_frame {
    size_t struct_size;
    extension *extensions;
    const api *api;
    void *context;
    int stage;
    values args, results;
    attributes attributes;
};

enum { METADATA = 1, EXECUTE = 3, INVALID_ARGUMENT = 3, SCALAR = 3, S64 = 5 };

static void *failed(const gd_xla_frame *frame, const char *told) {
    error_args args = {sizeof args, NULL, told, INVALID_ARGUMENT};
    return frame->api->error_create(&args);
}

static gd_entry *entry_of(const attributes *given) {
    uint64_t found = 0;
    for (int64_t i = 0; i < given->size; i++) {
        const scalar *value = given->values[i];
        if (given->names[i]->length == 5 && memcmp(given->names[i]->text, "entry", 5) == 0 &&
            given->types[i] == SCALAR && value->dtype == S64)
            memcpy(&found, value->value, sizeof found);
    }
    return (gd_entry *)(uintptr_t)found;
}

void *gd_xla_call(gd_xla_frame *frame) {
    for (extension *e = frame->extensions; e != NULL; e = e->next)
        if (e->type == METADATA) { /* whatever the version of major 0, what is read here is the same */
            metadata *m = ((metadata_extension *)(void *)e)->metadata;
            m->version.major = 0;
            m->version.minor = frame->api != NULL ? frame->api->version.minor : 0;
            return NULL;
        }
    if (frame->stage != EXECUTE) return NULL;
    gd_entry *e = entry_of(&frame->attributes);
    if (e == NULL || frame->args.size != e->n_args || frame->results.size != e->n_results)
        return failed(frame, "graphdiff: a call of no entry, or with other buffers than it has");
    gd_entry_lane *l = gd_entry_take(e);
    if (l == NULL) return failed(frame, "graphdiff: called from within itself");
    for (int64_t i = 0; i < e->n_args; i++) gd_entry_inputs(l)[i] = ((const buffer *)frame->args.values[i])->data;
    for (int64_t i = 0; i < e->n_results; i++)
        gd_entry_outputs(l)[i] = ((const buffer *)frame->results.values[i])->data;
    int status = gd_entry_finish(e, l);
    if (status == GD_OK) return NULL;
    char told[160];
    snprintf(told, sizeof told, "graphdiff: the call failed: %s", gd_status_text(status));
    return failed(frame, told);
}
