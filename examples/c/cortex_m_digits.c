/* cortex_m_digits.c: trains a perceptron on handwritten digits, 32 at a time; cortex_m.c says how it is built, here of
 * build/digits_step.c and build/digits_step_values.c. */
#include "cortex_m.h"
#include "digits_data.h"
#include "digits_step.h"

#include <stdio.h>
#include <string.h>

enum { EPOCHS = 5, BATCHES = sizeof labels / sizeof *labels, ROWS = sizeof *labels, PIXELS = sizeof *pixels };

static _Alignas(digits_step_WORK_ALIGN) unsigned char work[digits_step_WORK_BYTES + 1];
static _Alignas(8) unsigned char values[digits_step_PARAMS_BYTES]; /* weights and moments: steps change them */
static float x[PIXELS];
static int32_t t[ROWS];

int train(void) {
    uint32_t bits;
    float loss = 0;
    unsigned long instructions = 0;
    const void *const inputs[] = {x, t};
    void *const outputs[] = {&loss};
    void *params[digits_step_PARAMS];
    size_t at = 0;
    for (int i = 0; i < digits_step_PARAMS; at += (digits_step_values_bytes[i++] + 7) / 8 * 8)
        params[i] = memcpy(values + at, digits_step_values[i], digits_step_values_bytes[i]);
    for (int epoch = 0; epoch < EPOCHS; epoch++)
        for (int batch = 0; batch < BATCHES; batch++) {
            for (int i = 0; i < PIXELS; i++) x[i] = (float)pixels[batch][i] / 16;
            for (int i = 0; i < ROWS; i++) t[i] = labels[batch][i];
            clock_start();
            if (digits_step(inputs, outputs, params, work) != digits_step_OK) return 1;
            instructions = clock_instructions();
        }
    printf("%lu instructions a step\n", instructions);
    memcpy(&bits, &loss, sizeof bits);
    printf("loss %.6g, bits %08lx\n", (double)loss, (unsigned long)bits);
    tell_memory();
    return 0;
}
