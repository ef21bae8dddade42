/* avr_xor.c: trains the exported XOR on an ATmega2560, 8 bits, an Arduino Mega's; simavr emulates it.
 *
 * python examples/c/models.py xor build
 * avr-gcc -mmcu=atmega2560 -std=c11 -Wall -Wextra -Werror -Os -ffp-contract=off -Ibuild examples/c/avr_xor.c \
 *     build/xor_step.c build/xor_step_values.c -lm -o xor.elf
 * simavr -m atmega2560 -f 16000000 xor.elf
 */
#include "xor_step.h"

#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 200 };

static unsigned char room[xor_step_WORK_BYTES + xor_step_WORK_ALIGN]; /* AVR aligns nothing by itself */
static unsigned char values[xor_step_PARAMS_BYTES];                   /* weights and momenta: steps change them */

static int put(char c, FILE *to) {
    (void)to;
    loop_until_bit_is_set(UCSR0A, UDRE0);
    UDR0 = (unsigned char)c;
    return 0;
}

static FILE serial = FDEV_SETUP_STREAM(put, NULL, _FDEV_SETUP_WRITE);

int main(void) {
    static const float x[] = {0, 0, 0, 1, 1, 0, 1, 1}, t[] = {0, 1, 1, 0};
    uint32_t bits;
    float loss = 0, y[4] = {0};
    const void *const inputs[] = {x, t};
    void *const outputs[] = {&loss, y};
    void *params[xor_step_PARAMS], *work = room + (xor_step_WORK_ALIGN - (uintptr_t)room % xor_step_WORK_ALIGN);
    size_t at = 0;
    int status = 0;
    for (int i = 0; i < xor_step_PARAMS; at += (xor_step_values_bytes[i++] + 7) / 8 * 8)
        params[i] = memcpy(values + at, xor_step_values[i], xor_step_values_bytes[i]);
    UCSR0B = 1 << TXEN0;
    stdout = &serial;
    for (int i = 0; i < STEPS && status == 0; i++) status = xor_step(inputs, outputs, params, work);
    memcpy(&bits, &loss, sizeof bits);
    printf("status %d, bits %08lx\n", status, (unsigned long)bits);
    cli(); /* asleep without interrupts: the emulator ends */
    sleep_enable();
    sleep_cpu();
    return 0;
}
