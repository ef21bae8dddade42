// simulation.cpp: a pendulum, a million steps of the symplectic Euler method, forces from the exported gradient.
//
//   python examples/c/models.py pendulum build
//   cc -O3 -c build/pendulum.c -o build/pendulum.o
//   c++ -O3 -Ibuild examples/c/simulation.cpp build/pendulum.o -lm -o build/simulation && build/simulation
#include "pendulum.h"

#include <cmath>
#include <cstdio>

int main() {
    alignas(pendulum_WORK_ALIGN) static unsigned char work[pendulum_WORK_BYTES + 1];
    double state[] = {1.0, 0.0}, energy = 0, gradient[2], first = 0, worst = 0;
    for (int step = 0; step < 1000000; step++) {
        if (pendulum_call(state, &energy, gradient, work) != pendulum_OK) return 1;
        if (step == 0) first = energy;
        worst = std::fmax(worst, std::fabs(energy - first));
        state[1] -= 1e-3 * gradient[0];
        state[0] += 1e-3 * state[1];
    }
    std::printf("energy %.6f at first, never off by more than %.6f\n", first, worst);
    return worst < 0.05 ? 0 : 1;
}
