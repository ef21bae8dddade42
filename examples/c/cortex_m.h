/* cortex_m.h: what a program of the board offers (train) and what it is offered. */
#ifndef CORTEX_M_H
#define CORTEX_M_H

int train(void); /* the status to exit with */
void clock_start(void);
unsigned long clock_instructions(void); /* since then, at most 671 million */
void tell_memory(void);

#endif
