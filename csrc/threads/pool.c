/* pool.c: owns the worker threads. One job at a time; whoever finds the pool busy works alone, so callers never wait
 * for each other. Workers spin a little after a job, then sleep. Which thread runs a part is left to chance; what a
 * part is was fixed by the instruction's shape, so results do not depend on the pool.
 *
 * Entering a job: a worker adds itself to `inside`, then looks whether a job is open; the caller closes the job, then
 * waits until nobody is inside. All four accesses are sequentially consistent, so one of the two always sees the other.
 */
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "graphdiff.h"

enum { MAX_THREADS = 1024, SPINS = 4000 };

static struct {
    pthread_mutex_t setup; /* held while the number of threads changes */
    atomic_int size;       /* threads, the caller included */
    int workers;
    pthread_t *threads;

    atomic_int busy; /* a caller owns the pool */
    atomic_int open, inside;
    atomic_uint turn;     /* counts jobs: what sleepers wait for */
    atomic_int wanted;    /* workers: those of a higher lane end */
    pthread_mutex_t lock; /* guards sleeping */
    pthread_cond_t wake;
    atomic_int sleepers;

    gd_pool_fn fn; /* the job; written before open is set */
    void *job;
    int64_t parts;
    int lanes;
    atomic_int_fast64_t next;
} pool = {
    .setup = PTHREAD_MUTEX_INITIALIZER, .size = 1, .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void work(int lane) {
    for (;;) {
        int64_t part = atomic_fetch_add(&pool.next, 1);
        if (part >= pool.parts) return;
        pool.fn(pool.job, part, lane);
    }
}

static void *worker(void *argument) {
    int lane = (int)(intptr_t)argument;
    unsigned seen = 0;
    while (lane <= atomic_load(&pool.wanted)) {
        atomic_fetch_add(&pool.inside, 1);
        if (atomic_load(&pool.open) && lane < pool.lanes) work(lane);
        atomic_fetch_sub(&pool.inside, 1);

        int spins = 0;
        while (atomic_load(&pool.turn) == seen && lane <= atomic_load(&pool.wanted) && spins < SPINS) {
            pause_briefly();
            spins++;
        }
        if (spins == SPINS) {
            pthread_mutex_lock(&pool.lock);
            atomic_fetch_add(&pool.sleepers, 1);
            while (atomic_load(&pool.turn) == seen && lane <= atomic_load(&pool.wanted))
                pthread_cond_wait(&pool.wake, &pool.lock);
            atomic_fetch_sub(&pool.sleepers, 1);
            pthread_mutex_unlock(&pool.lock);
        }
        seen = atomic_load(&pool.turn);
    }
    return NULL;
}

static void wake_sleepers(void) {
    if (atomic_load(&pool.sleepers) == 0) return;
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
}

void gd_pool_run(gd_pool_fn fn, void *job, int64_t parts, int lanes) {
    int idle = 0;
    if (lanes <= 1 || parts <= 1 || !atomic_compare_exchange_strong(&pool.busy, &idle, 1)) {
        for (int64_t part = 0; part < parts; part++) fn(job, part, 0);
        return;
    }
    pool.fn = fn;
    pool.job = job;
    pool.parts = parts;
    pool.lanes = lanes;
    atomic_store(&pool.next, 0);
    atomic_store(&pool.open, 1);
    atomic_fetch_add(&pool.turn, 1);
    wake_sleepers();
    work(0);
    atomic_store(&pool.open, 0);
    for (int spins = 0; atomic_load(&pool.inside) != 0; spins++)
        if (spins < SPINS) pause_briefly();
        else sched_yield();
    atomic_store(&pool.busy, 0);
}

/* the caller holds setup and owns the pool */
static void stop_workers(int left) {
    atomic_store(&pool.wanted, left);
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
    for (; pool.workers > left; pool.workers--) pthread_join(pool.threads[pool.workers - 1], NULL);
}

/* n of them in all, or as many as there were */
static int start_workers(int n) {
    int before = pool.workers;
    pthread_t *threads = realloc(pool.threads, (size_t)n * sizeof *threads);
    if (threads == NULL) return GD_ERR_MEMORY;
    pool.threads = threads;
    atomic_store(&pool.wanted, n);
    for (; pool.workers < n; pool.workers++)
        if (pthread_create(&pool.threads[pool.workers], NULL, worker, (void *)(intptr_t)(pool.workers + 1)) != 0) {
            stop_workers(before);
            return GD_ERR_MEMORY;
        }
    return GD_OK;
}

/* A forked child has none of its parent's threads: it starts again with one. */
static void after_fork(void) {
    pthread_mutex_init(&pool.setup, NULL);
    pthread_mutex_init(&pool.lock, NULL);
    pthread_cond_init(&pool.wake, NULL);
    pool.threads = NULL;
    pool.workers = 0;
    atomic_store(&pool.size, 1);
    atomic_store(&pool.busy, 0);
    atomic_store(&pool.open, 0);
    atomic_store(&pool.inside, 0);
    atomic_store(&pool.sleepers, 0);
    atomic_store(&pool.wanted, 0);
}

static void watch_forks(void) { pthread_atfork(NULL, NULL, after_fork); }

int gd_set_threads(int n) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (n < 1 || n > MAX_THREADS) return GD_ERR_SHAPE;
    pthread_once(&once, watch_forks);
    pthread_mutex_lock(&pool.setup);
    int status = GD_OK;
    if (n != atomic_load(&pool.size)) {
        int idle = 0;
        while (!atomic_compare_exchange_strong(&pool.busy, &idle, 1)) {
            idle = 0;
            sched_yield();
        }
        if (n - 1 > pool.workers) status = start_workers(n - 1);
        else stop_workers(n - 1);
        atomic_store(&pool.size, pool.workers + 1);
        atomic_store(&pool.busy, 0);
    }
    pthread_mutex_unlock(&pool.setup);
    return status;
}

int gd_threads(void) { return atomic_load(&pool.size); }
