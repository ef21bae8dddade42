/* memory.c: memory that lives as long as a program: a bump allocator. What is given out is zeroed and 64-byte aligned,
 * and freed all at once, together with the programs inside.
 */
#include "program.h"

#include <stdlib.h>

typedef struct gd_chunk {
    struct gd_chunk *next;
    void *base;
    char *data;
    size_t used, size;
} gd_chunk;

void *gd_memory_zeroed(size_t bytes, void **base) {
    *base = bytes <= SIZE_MAX - GD_ALIGN ? calloc(1, bytes + GD_ALIGN) : NULL;
    if (*base == NULL) return NULL;
    return (char *)*base + (GD_ALIGN - (uintptr_t)*base % GD_ALIGN) % GD_ALIGN;
}

void *gd_memory_take(gd_allocator *memory, size_t bytes) {
    enum { CHUNK = 1 << 16 };
    if (bytes > SIZE_MAX / 2) return NULL;
    bytes = (size_t)gd_round_up((int64_t)bytes, GD_ALIGN);
    gd_chunk *chunk = memory->chunks;
    if (chunk == NULL || chunk->size - chunk->used < bytes) {
        chunk = malloc(sizeof *chunk);
        if (chunk == NULL) return NULL;
        chunk->size = memory->chunks == NULL && bytes < CHUNK / 16 ? CHUNK / 16 : bytes < CHUNK ? CHUNK : bytes;
        chunk->used = 0;
        chunk->data = gd_memory_zeroed(chunk->size, &chunk->base);
        if (chunk->data == NULL) {
            free(chunk);
            return NULL;
        }
        chunk->next = memory->chunks;
        memory->chunks = chunk;
    }
    void *block = chunk->data + chunk->used;
    chunk->used += bytes;
    return block;
}

void *gd_program_room(gd_program *program, size_t bytes) { return gd_memory_take(&program->memory, bytes); }

void gd_memory_release(gd_allocator *memory) {
    for (gd_inner_list *i = memory->inner; i != NULL; i = i->next) gd_program_destroy(i->program);
    while (memory->chunks != NULL) {
        gd_chunk *next = memory->chunks->next;
        free(memory->chunks->base);
        free(memory->chunks);
        memory->chunks = next;
    }
}

void *gd_prepare_block(gd_prepare *p, size_t bytes) { return gd_memory_take(p->memory, bytes); }
