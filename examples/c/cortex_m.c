/* cortex_m.c: trains the exported XOR on a Cortex-M4, here the one that QEMU makes (mps2-an386).
 *
 *   python examples/c/models.py xor build
 *   arm-none-eabi-gcc -Os -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 -ffp-contract=off -ffunction-sections \
 *       -Wl,--gc-sections -nostartfiles -T examples/c/cortex_m.ld --specs=rdimon.specs -Ibuild \
 *       examples/c/cortex_m.c build/xor_step.c build/xor_step_values.c -lm -o build/xor.elf
 *   qemu-system-arm -M mps2-an386 -nographic -semihosting-config enable=on,target=native -kernel build/xor.elf
 */
#include "xor_step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 200 };

static _Alignas(xor_step_WORK_ALIGN) unsigned char work[xor_step_WORK_BYTES + 1];
static float values[xor_step_PARAMS][16]; /* weights and momenta, in RAM because steps change them */

int main(void) {
    static const float x[] = {0, 0, 0, 1, 1, 0, 1, 1}, t[] = {0, 1, 1, 0};
    static const size_t bytes[] = {xor_step_PARAM_0_BYTES, xor_step_PARAM_1_BYTES, xor_step_PARAM_2_BYTES,
                                   xor_step_PARAM_3_BYTES, xor_step_PARAM_4_BYTES, xor_step_PARAM_5_BYTES,
                                   xor_step_PARAM_6_BYTES, xor_step_PARAM_7_BYTES};
    float loss = 0, y[4] = {0};
    const void *const inputs[] = {x, t};
    void *const outputs[] = {&loss, y};
    void *params[xor_step_PARAMS];
    for (int i = 0; i < xor_step_PARAMS; i++) params[i] = memcpy(values[i], xor_step_values[i], bytes[i]);
    for (int i = 0; i < STEPS; i++)
        if (xor_step(inputs, outputs, params, work) != xor_step_OK) return 1;
    printf("loss %.6g, xor %.3f %.3f %.3f %.3f\n", (double)loss, (double)y[0], (double)y[1], (double)y[2],
           (double)y[3]);
    printf("work %u bytes\n", (unsigned)sizeof work);
    return 0;
}

/* ---- the start of a program without an operating system ---- */

extern char data_start[], data_end[], data_from[], bss_start[], bss_end[], stack_top[];
void initialise_monitor_handles(void);
void reset(void);

void reset(void) {
    *(volatile uint32_t *)0xE000ED88 |= UINT32_C(0xF) << 20; /* turns the floating-point unit on */
    memcpy(data_start, data_from, (size_t)(data_end - data_start));
    memset(bss_start, 0, (size_t)(bss_end - bss_start));
    initialise_monitor_handles();
    exit(main());
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {stack_top, (const void *)reset};
