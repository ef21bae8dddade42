/* page.c: what page.html calls: the exported XOR with its arrays in WebAssembly's memory. */
#include "xor_step.h"

#include <string.h>

#define EXPORTED(name) __attribute__((export_name(#name)))

static _Alignas(xor_step_WORK_ALIGN) unsigned char work[xor_step_WORK_BYTES + 1];
static _Alignas(8) unsigned char values[xor_step_PARAMS_BYTES];
static float y[4];
static void *params[xor_step_PARAMS];

EXPORTED(begin) void begin(void) {
    size_t at = 0;
    for (int i = 0; i < xor_step_PARAMS; at += (xor_step_values_bytes[i++] + 7) / 8 * 8)
        params[i] = memcpy(values + at, xor_step_values[i], xor_step_values_bytes[i]);
}

/* one step of training: the loss, or -1 where it failed */
EXPORTED(step) float step(void) {
    static const float x[] = {0, 0, 0, 1, 1, 0, 1, 1}, t[] = {0, 1, 1, 0};
    float loss = -1;
    const void *const inputs[] = {x, t};
    void *const outputs[] = {&loss, y};
    return xor_step(inputs, outputs, params, work) == xor_step_OK ? loss : -1;
}

EXPORTED(result) const float *result(void) { return y; }
