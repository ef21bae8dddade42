/* pool.h: the threads of the process. Knows no programs: it runs numbered parts of a job. */
#ifndef GD_POOL_H
#define GD_POOL_H
#include <stdint.h>

/* runs part `part`; lane in 0..lanes-1 is that of the thread, and no two threads of a job share one */
typedef void (*gd_pool_fn)(void *job, int64_t part, int lane);

/* Runs fn for parts 0..parts-1 on at most `lanes` threads, the caller among them (lane 0), and returns when all are
 * done. If the pool serves another caller the caller runs all parts itself. */
void gd_pool_run(gd_pool_fn fn, void *job, int64_t parts, int lanes);

#endif
