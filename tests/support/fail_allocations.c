/* fail_allocations.c: a malloc to be preloaded (glibc) of which one allocation, told by its number, fails. Owns the count.
 * Used by fail_allocations.py.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static atomic_long left; /* allocations until the one that fails, itself included; 0: none will */
static atomic_long seen;

/* from now on the n-th allocation fails, once; gives how many there were since the last call */
long fail_allocation(long n) {
    atomic_store(&left, n);
    return atomic_exchange(&seen, 0);
}

static int fails(void) {
    atomic_fetch_add(&seen, 1);
    if (atomic_load(&left) <= 0 || atomic_fetch_sub(&left, 1) != 1) return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t n) { return fails() ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t size) { return fails() ? NULL : __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { return fails() ? NULL : __libc_realloc(p, n); }
void *memalign(size_t align, size_t n) { return fails() ? NULL : __libc_memalign(align, n); }
void *aligned_alloc(size_t align, size_t n) { return memalign(align, n); }
int posix_memalign(void **p, size_t align, size_t n) {
    void *found = memalign(align, n);
    if (found == NULL) return ENOMEM;
    *p = found;
    return 0;
}
