/* cortex_m.c: the start of a program without an operating system on a Cortex-M4, here the one that QEMU makes
 * (mps2-an386), and what it tells at its end: memory and instructions. cortex_m_xor.c and cortex_m_digits.c train.
 *
 *   python examples/c/models.py xor build
 *   arm-none-eabi-gcc -Os -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 -ffp-contract=off \
 *       -ffunction-sections -Wl,--gc-sections -nostartfiles -T examples/c/cortex_m.ld --specs=rdimon.specs -Ibuild \
 *       examples/c/cortex_m.c examples/c/cortex_m_xor.c build/xor_step.c build/xor_step_values.c -lm -o build/train.elf
 *   qemu-system-arm -M mps2-an386 -icount shift=0 -nographic -semihosting-config enable=on,target=native \
 *       -kernel build/train.elf
 *
 * With -icount shift=0 an instruction takes a nanosecond, so the clock of 25 MHz ticks once in 40 instructions.
 */
#include "cortex_m.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile uint32_t *const systick = (volatile uint32_t *)0xE000E010; /* control, reload, value */
extern char data_start[], data_end[], data_from[], bss_start[], bss_end[], stack_top[];
void initialise_monitor_handles(void);
void reset(void);

void clock_start(void) {
    systick[1] = systick[2] = 0xFFFFFF;
    systick[0] = 5; /* counts down, by the processor's clock */
}

unsigned long clock_instructions(void) { return 40ul * (0xFFFFFFul - systick[2]); }

void tell_memory(void) {
    printf("flash %lu bytes, RAM %lu bytes\n", (unsigned long)(uintptr_t)data_from + (data_end - data_start),
           (unsigned long)(bss_end - data_start));
}

void reset(void) {
    *(volatile uint32_t *)0xE000ED88 |= UINT32_C(0xF) << 20; /* turns the floating-point unit on */
    memcpy(data_start, data_from, (size_t)(data_end - data_start));
    memset(bss_start, 0, (size_t)(bss_end - bss_start));
    initialise_monitor_handles();
    exit(train());
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {stack_top, (const void *)reset};
