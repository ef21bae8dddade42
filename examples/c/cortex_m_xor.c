/* cortex_m_xor.c: trains the exported XOR; cortex_m.c says how it is built. */
#include "cortex_m.h"
#include "xor_step.h"

#include <stdio.h>
#include <string.h>

enum { STEPS = 200 };

static _Alignas(xor_step_WORK_ALIGN) unsigned char work[xor_step_WORK_BYTES + 1];
static _Alignas(8) unsigned char values[xor_step_PARAMS_BYTES]; /* weights and momenta: steps change them */

int train(void) {
    static const float x[] = {0, 0, 0, 1, 1, 0, 1, 1}, t[] = {0, 1, 1, 0};
    uint32_t bits;
    float loss = 0, y[4] = {0};
    const void *const inputs[] = {x, t};
    void *const outputs[] = {&loss, y};
    void *params[xor_step_PARAMS];
    size_t at = 0;
    for (int i = 0; i < xor_step_PARAMS; at += (xor_step_values_bytes[i++] + 7) / 8 * 8)
        params[i] = memcpy(values + at, xor_step_values[i], xor_step_values_bytes[i]);
    clock_start();
    for (int i = 0; i < STEPS; i++)
        if (xor_step(inputs, outputs, params, work) != xor_step_OK) return 1;
    printf("%lu instructions a step\n", clock_instructions() / STEPS);
    memcpy(&bits, &loss, sizeof bits);
    printf("loss %.6g, bits %08lx\n", (double)loss, (unsigned long)bits);
    printf("xor %.3f %.3f %.3f %.3f\n", (double)y[0], (double)y[1], (double)y[2], (double)y[3]);
    tell_memory();
    return 0;
}
