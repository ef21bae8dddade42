// xor_sketch.ino: trains XOR on a board and prints the loss.
//
//   python examples/c/models.py xor examples/c/xor_sketch
//
// puts the model beside this file; the tables of xor_step_values.c stay in flash, the arrays below are in RAM.
#include "xor_step.h"

alignas(xor_step_WORK_ALIGN) static unsigned char work[xor_step_WORK_BYTES + 1];
alignas(8) static unsigned char values[xor_step_PARAMS_BYTES];
static void *params[xor_step_PARAMS];
static const float x[] = {0, 0, 0, 1, 1, 0, 1, 1}, t[] = {0, 1, 1, 0};
static float loss, y[4];

void setup() {
    size_t at = 0;
    Serial.begin(115200);
    for (int i = 0; i < xor_step_PARAMS; at += (xor_step_values_bytes[i++] + 7) / 8 * 8)
        params[i] = memcpy(values + at, xor_step_values[i], xor_step_values_bytes[i]);
}

void loop() {
    const void *const inputs[] = {x, t};
    void *const outputs[] = {&loss, y};
    const int status = xor_step(inputs, outputs, params, work);
    Serial.println(status == xor_step_OK ? String(loss, 6) : String(xor_step_status_text(status)));
    delay(20);
}
