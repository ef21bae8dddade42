# core.pxd: the C names of csrc/include/graphdiff.h, declared once for Cython. Nothing else.
from libc.stdint cimport int64_t, uint64_t

cdef extern from "graphdiff.h" nogil:
    int64_t GD_MAGIC
    int GD_FORMAT, GD_ALIGN
    int GD_HEADER_VALUES, GD_HEADER_INPUTS, GD_HEADER_OUTPUTS, GD_HEADER_PARAMS, GD_HEADER_ARENA, GD_HEADER_WORDS
    int GD_VALUE_KIND, GD_VALUE_DTYPE, GD_VALUE_COUNT, GD_VALUE_PLACE, GD_VALUE_WORDS
    int GD_INSTRUCTION_TOTAL
    int GD_OK, GD_ERR_BUSY, GD_ERR_MEMORY, GD_ERR_BOUNDS, GD_ERR_SHAPE, GD_ERR_TYPE, GD_ERR_NO_BLAS, GD_ERR_OPCODE
    int GD_ERR_CANCELLED, GD_ERR_REENTERED
    int GD_STATUS_COUNT
    int GD_F32, GD_F64, GD_I32, GD_I64, GD_BOOL
    int GD_VALUE_ARENA, GD_VALUE_INPUT, GD_VALUE_OUTPUT, GD_VALUE_PARAM, GD_VALUE_CONST
    int GD_RUN_CHECK_FINITE

    ctypedef struct gd_fault:
        int64_t instruction, tag, a, b

    ctypedef struct gd_program
    ctypedef struct gd_context
    ctypedef struct gd_bound
    ctypedef struct gd_turn
    ctypedef int (*gd_cancel_fn)() noexcept nogil
    ctypedef void (*gd_pause_fn)(int64_t ns) noexcept nogil
    void gd_set_pause(gd_pause_fn pause) noexcept

    const char *gd_status_text(int status) noexcept
    const char *gd_opcode_name(int opcode) noexcept
    const char *gd_microop_name(int microop) noexcept
    const char *gd_reduction_name(int reduction) noexcept

    int gd_init() noexcept
    const char *gd_isa() noexcept
    int gd_isa_select(const char *name) noexcept
    int gd_blas_load(const char *path) noexcept
    int gd_blas_loaded() noexcept
    int gd_set_threads(int n) noexcept
    int gd_threads() noexcept

    int gd_program_create(const int64_t *words, size_t n_words, const void *constants, size_t n_constants,
                          gd_program **program, gd_fault *fault) noexcept
    void gd_program_destroy(gd_program *program) noexcept
    int64_t gd_program_arena_bytes(const gd_program *program) noexcept
    int64_t gd_program_scratch_bytes(const gd_program *program) noexcept
    int64_t gd_program_lane_bytes(const gd_program *program) noexcept
    int64_t gd_program_shared_bytes(const gd_program *program) noexcept
    int64_t gd_program_instructions(const gd_program *program) noexcept
    int gd_program_parallel(const gd_program *program) noexcept

    int gd_context_create(gd_program *program, gd_context **context) noexcept
    void gd_context_destroy(gd_context *context) noexcept
    int gd_context_set_threads(gd_context *context, int threads) noexcept
    int gd_context_threads(const gd_context *context) noexcept
    int gd_context_run(gd_context *context, const void *const *inputs, void *const *outputs, void *const *params,
                       int flags, gd_fault *fault) noexcept
    int gd_context_run_until(gd_context *context, const void *const *inputs, void *const *outputs, void *const *params,
                             int flags, int64_t end, int64_t *at, gd_fault *fault) noexcept
    int gd_context_profile(gd_context *context, const void *const *inputs, void *const *outputs, void *const *params,
                           int flags, int64_t *ns, gd_fault *fault) noexcept
    void gd_context_set_cancel(gd_context *context, gd_cancel_fn cancel) noexcept
    int gd_turn_create(gd_turn **turn) noexcept
    void gd_turn_destroy(gd_turn *turn) noexcept
    void gd_context_set_turn(gd_context *context, gd_turn *turn) noexcept
    const void *gd_context_value(const gd_context *context, int64_t value) noexcept

    int gd_bound_create(gd_context *context, const void *const *inputs, void *const *outputs, void *const *params,
                        gd_bound **bound) noexcept
    void gd_bound_destroy(gd_bound *bound) noexcept
    int gd_bound_call(void *bound) noexcept
    int gd_bound_run(gd_bound *bound, gd_fault *fault) noexcept
    void gd_bound_fault(const gd_bound *bound, gd_fault *fault) noexcept
    int64_t gd_next_number() noexcept
    void gd_bound_count(gd_bound *bound) noexcept
    int64_t gd_bound_last(const gd_bound *bound) noexcept

    ctypedef struct gd_slot:
        int dtype
        int64_t count
    ctypedef struct gd_entry
    ctypedef void (*gd_function)() noexcept nogil

    int gd_entry_create(gd_program *program, const gd_slot *slots, const void *const *given, int64_t n_given,
                        int64_t hidden, void *const *params, int contexts, int threads, int flags, gd_turn *turn,
                        gd_entry **entry) noexcept
    void gd_entry_destroy(gd_entry *entry) noexcept
    int gd_entry_call(void *data, const void *const *inputs, void *const *outputs) noexcept
    int gd_entry_fault(const gd_entry *entry, gd_fault *fault) noexcept
    int gd_entry_pointer(const gd_entry *entry, const char *signature, gd_function *pointer, gd_fault *fault) noexcept
    const char *gd_adapter_name(int adapter) noexcept
    ctypedef struct gd_xla_frame
    void *gd_xla_call(gd_xla_frame *frame) noexcept
