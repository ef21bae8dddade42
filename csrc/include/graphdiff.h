/* graphdiff.h: the whole public C interface of the core.
 *
 * The core runs *programs*: flat tables of 64-bit words, made by the Python compiler or read from a
 * file. It knows no Python, never prints, never aborts, and allocates nothing while a program runs.
 * Everything handed in is validated before it can run; everything it has to say comes back as a
 * gd_status and a gd_fault.
 *
 * Life of a program
 *   gd_program_create   words -> validated, immutable program with prepared instructions (shared by threads)
 *   gd_context_create   program -> context: arena, scratch, pointer table, lock (one thread at a time)
 *   gd_context_run      context + pointers of feeds, results and parameters -> results written
 *
 * The word format (all entries int64; sizes are in elements unless they say bytes)
 *
 *   header   [0] GD_MAGIC  [1] GD_FORMAT  [2] total words  [3] values  [4] instructions
 *            [5] inputs    [6] outputs    [7] parameters   [8] arena bytes  [9] constant bytes
 *   values   4 words each:  kind, dtype, count, place
 *            kind   GD_VALUE_ARENA  place = byte offset into the arena, a multiple of 64
 *                   GD_VALUE_INPUT / _OUTPUT / _PARAM   place = slot in the caller's pointer array
 *                   GD_VALUE_CONST  place = byte offset into the constants, a multiple of 64
 *   instructions, in the order they run
 *            [opcode, words (this one's total), tag, n_reads, n_writes, reads.., writes.., payload..]
 *            tag names the instruction to the caller (faults and profiles return it). reads and writes
 *            are value ids; payloads name operands by position: 0..n_reads-1 the reads, then the writes.
 *            INPUT and CONST values may not be written. PARAM values may.
 *            A read and a write may share memory only where the kernel says so (see tile).
 *            Opcodes are numbers of the names in program/kernels.def, asked for by gd_opcode(name).
 *
 * A *view* is  [operand, offset, stride of each dimension of the instruction's iteration space];
 * all offsets and strides in elements, strides may be 0 or negative; every element reached must lie
 * inside the value.
 *
 *   tile     one fused pass: loads, micro-operations on registers, stores and trailing reductions
 *            [n_dims, row mask, n_loads, n_consts, n_ops, n_stores,
 *             dims..,                                       iteration space, outermost first
 *             loads..   each a view                          register r = 0.. ; operand -1: no memory, the
 *                                                            register holds offset + sum(index*stride) as int64
 *             consts..  each [dtype, bits]                   next registers; bits: the value in the low bytes
 *             ops..     each [microop, dtype, a, b, c]       next registers; dtype of the result; unused = -1
 *             stores..  each [register, reduce, axes mask, view]]
 *            Registers are in static single assignment form. Compute type of a microop is the dtype of
 *            its first operand (of b for `where`); operands must agree, or creation fails.
 *            reduce: 0 plain store; else a name in micro/reduce.def (gd_reduction(name)): the register
 *            is reduced over the dimensions in the mask (bit d = dimension d), where the view's stride is
 *            0. The order of the sum depends on the shape only.
 *            A microop whose name starts with `row_` reduces its operand over the dimensions in the row mask
 *            and yields the result at every element of the row (row_sum, row_max, ...).
 *            In place: a plain store may share memory with a load whose view reaches the same byte for
 *            every index (same start, same strides, same item size). Any other overlap is refused.
 *
 *   tape     micro-operations on single elements, the registers typed as a tile's; all loads before the first, all
 *            stores after the last, so a read and a write may share memory
 *            [n_loads, n_consts, n_ops, n_stores, loads.. [operand, element], consts.. [dtype, bits],
 *             ops.. [microop, dtype, a, b, c], stores.. [register, operand, element]]
 *
 *   matmul   C = act(alpha * A B + bias) or C += ...  over broadcast batches
 *            [n_batch, M, N, K, accumulate, batch dims..,
 *             A: operand, offset, batch strides.., row stride, column stride
 *             B: the same        C: the same (column stride 1)
 *             act (a unary microop or -1), bias: operand (or -1), offset, stride over N        alpha bits (a double)]
 *            A and B may have any strides; where neither is 1 the core gathers blocks itself.
 *
 *   attention, attention_vjp: views whose rows lie in one piece, see kernels/attention.c
 *
 *   every other kernel of program/kernels.def: operands are whole contiguous values and the payload is
 *            [n_params, params..]; what they are, and what the kernel reads and writes, the file of its body states
 *            (kernels/)
 *
 * Indices may be int32 or int64, negative ones count from the end; one out of range fails the run with
 * GD_ERR_INDEX before that instruction writes anything.
 */
#ifndef GRAPHDIFF_H
#define GRAPHDIFF_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
/* hidden where they are declared too: one that is defined nowhere fails the link instead of the first call */
#pragma GCC visibility push(hidden)

#define GD_MAGIC INT64_C(0x66696470617267)
#define GD_FORMAT 2
#define GD_ALIGN 64

/* the words of the header, of a value, and those that an instruction begins with */
enum {
    GD_HEADER_MAGIC,
    GD_HEADER_FORMAT,
    GD_HEADER_TOTAL,
    GD_HEADER_VALUES,
    GD_HEADER_INSTRUCTIONS,
    GD_HEADER_INPUTS,
    GD_HEADER_OUTPUTS,
    GD_HEADER_PARAMS,
    GD_HEADER_ARENA,
    GD_HEADER_CONSTANTS,
    GD_HEADER_WORDS
};
enum { GD_VALUE_KIND, GD_VALUE_DTYPE, GD_VALUE_COUNT, GD_VALUE_PLACE, GD_VALUE_WORDS };
enum {
    GD_INSTRUCTION_OPCODE,
    GD_INSTRUCTION_TOTAL,
    GD_INSTRUCTION_TAG,
    GD_INSTRUCTION_READS,
    GD_INSTRUCTION_WRITES,
    GD_INSTRUCTION_WORDS
};

/* one list of statuses: name, text */
#define GD_STATUS_LIST(X)                                                           \
    X(OK, "ok")                                                                     \
    X(ERR_MEMORY, "out of memory")                                                  \
    X(ERR_FORMAT, "not a program of this format")                                   \
    X(ERR_BOUNDS, "a table, offset or view reaches outside what it belongs to")     \
    X(ERR_TYPE, "operand types do not fit the instruction")                         \
    X(ERR_ALIAS, "operands overlap in memory in a way the instruction cannot take") \
    X(ERR_OPCODE, "unknown operation")                                              \
    X(ERR_SHAPE, "a size is negative, too large or inconsistent")                   \
    X(ERR_BUSY, "the context is running on another thread")                         \
    X(ERR_REENTERED, "the context is running on this thread already")               \
    X(ERR_INDEX, "index out of range")                                              \
    X(ERR_CHECK, "a check failed")                                                  \
    X(ERR_NONFINITE, "a non-finite value was made")                                 \
    X(ERR_NO_BLAS, "no BLAS library is loaded and the operation needs one")         \
    X(ERR_CANCELLED, "cancelled")

typedef enum {
#define X(name, text) GD_##name,
    GD_STATUS_LIST(X)
#undef X
        GD_STATUS_COUNT
} gd_status;

typedef enum { GD_F32, GD_F64, GD_I32, GD_I64, GD_BOOL, GD_DTYPE_COUNT } gd_dtype;
typedef enum { GD_VALUE_ARENA, GD_VALUE_INPUT, GD_VALUE_OUTPUT, GD_VALUE_PARAM, GD_VALUE_CONST } gd_value_kind;

/* where and why something failed: the instruction's position and tag (-1: none), and two numbers whose
 * meaning depends on the status: ERR_INDEX: the index, the limit; ERR_FORMAT/BOUNDS/..: the word, its value;
 * ERR_NONFINITE: the write operand, the element. */
typedef struct {
    int64_t instruction, tag, a, b;
} gd_fault;

typedef struct gd_program gd_program;
typedef struct gd_context gd_context;

/* Asked a few times a second, by the thread that runs or searches, whether to stop: non-zero does. */
typedef int (*gd_cancel_fn)(void);
/* How threads sleep while they wait for one another; NULL: plainly. A caller that holds a lock which a running call may
 * want, such as an interpreter's, gives it up meanwhile. */
typedef void (*gd_pause_fn)(int64_t ns);
void gd_set_pause(gd_pause_fn pause);

/* names and numbers, so that no table is written twice */
const char *gd_status_text(int status);
int gd_opcode(const char *name);        /* -1 if unknown */
int gd_microop(const char *name);       /* -1 if unknown */
int gd_reduction(const char *name);     /* -1 if unknown */
const char *gd_opcode_name(int opcode); /* NULL past the end: so a caller can list them */
const char *gd_microop_name(int microop);
const char *gd_reduction_name(int reduction);

/* process-wide set-up; call before programs are created */
int gd_init(void);                   /* picks the ISA, honours GRAPHDIFF_ISA; idempotent */
const char *gd_isa(void);            /* "v4", "v3", "v2" or "plain" */
int gd_isa_select(const char *name); /* for tests: GD_ERR_OPCODE if this processor or build has it not */
int gd_blas_load(const char *path);  /* OpenBLAS with the scipy_ prefix; without it the core's own product serves */
int gd_blas_loaded(void);
int gd_set_threads(int n); /* size of the pool, at least 1; results never depend on it */
int gd_threads(void);

/* words and constants are copied */
int gd_program_create(const int64_t *words, size_t n_words, const void *constants, size_t n_constants,
                      gd_program **program, gd_fault *fault);
void gd_program_destroy(gd_program *program);                /* counts references: contexts keep their program alive */
int64_t gd_program_arena_bytes(const gd_program *program);   /* planned arena */
int64_t gd_program_scratch_bytes(const gd_program *program); /* registers and packing */
int64_t gd_program_lane_bytes(const gd_program *program);    /* the same for each further thread that helps */
int64_t gd_program_shared_bytes(const gd_program *program);  /* where threads leave parts of a result */
int64_t gd_program_instructions(const gd_program *program);
int gd_program_parallel(const gd_program *program); /* whether any instruction can be shared out */

enum { GD_RUN_CHECK_FINITE = 1 }; /* fail at the first instruction whose float results are not finite */

int gd_context_create(gd_program *program, gd_context **context);
void gd_context_destroy(gd_context *context);
/* At most this many threads of the pool work on a run, each with scratch of its own; as many as the pool has when the
 * context is made. One where no instruction can be shared out. */
int gd_context_set_threads(gd_context *context, int threads);
int gd_context_threads(const gd_context *context);
/* Pointer arrays have the program's numbers of slots. Feeds and results must not overlap each other or the
 * parameters. Returns GD_ERR_BUSY or, where it is this thread, GD_ERR_REENTERED, having done nothing, if the context is
 * already running. */
int gd_context_run(gd_context *context, const void *const *inputs, void *const *outputs, void *const *params, int flags,
                   gd_fault *fault);
/* A run in stages, for a caller who uses results before all are there: the instructions from *at on, 0 at first, until
 * one at or after `end`, which is then *at: those that run side by side are not parted. The bits are those of run.
 * Nothing else may run in the context before the last stage. GD_ERR_SHAPE, with no fault: *at < 0, `end` is more than
 * gd_program_instructions, or the program writes parameters, all of which are written or none. */
int gd_context_run_until(gd_context *context, const void *const *inputs, void *const *outputs, void *const *params,
                         int flags, int64_t end, int64_t *at, gd_fault *fault);
/* as run, and adds each instruction's nanoseconds to ns[0..instructions-1] */
int gd_context_profile(gd_context *context, const void *const *inputs, void *const *outputs, void *const *params,
                       int flags, int64_t *ns, gd_fault *fault);
/* GD_ERR_CANCELLED ends gd_context_run and _profile where cancel says so, until the first parameter is written: then all
 * are. NULL, as at first: never. Bound calls go on. */
void gd_context_set_cancel(gd_context *context, gd_cancel_fn cancel);
/* Runs of contexts with the same turn come one after another, in any order: for programs that write the same parameters.
 * It outlives them. A run within such a run, on the same thread, is GD_ERR_REENTERED. */
typedef struct gd_turn gd_turn;
int gd_turn_create(gd_turn **turn);
void gd_turn_destroy(gd_turn *turn);
void gd_context_set_turn(gd_context *context, gd_turn *turn);
/* the address of a value in the context after a run (arena values may have been overwritten since) */
const void *gd_context_value(const gd_context *context, int64_t value);

/* a bound call: context and fixed pointers in one block; gd_bound_call is an `int (*)(void *)` */
typedef struct gd_bound gd_bound;
int gd_bound_create(gd_context *context, const void *const *inputs, void *const *outputs, void *const *params,
                    gd_bound **bound);
void gd_bound_destroy(gd_bound *bound);
int gd_bound_call(void *bound);
int gd_bound_run(gd_bound *bound, gd_fault *fault); /* the same, but its context's gd_cancel_fn may end it */
void gd_bound_fault(const gd_bound *bound, gd_fault *fault);
/* Calls of the process that count have numbers, in the order in which they end: 1, 2, ... */
int64_t gd_next_number(void);
void gd_bound_count(gd_bound *bound);         /* its calls count from now on */
int64_t gd_bound_last(const gd_bound *bound); /* the number of its last call that ended well, 0: none */

/* ---- entries: one function that any thread may call, with buffers of its own (program/entry.c, adapter.c) ---- */

typedef int (*gd_entry_fn)(void *data, const void *const *inputs, void *const *outputs);
typedef void (*gd_function)(void);
typedef struct gd_entry gd_entry;
typedef struct {
    int dtype;
    int64_t count;
} gd_slot;

/* slots: what inputs, outputs and params have, one after the other; params: where the latter lie, which must stay there.
 * Callers give buffers for all inputs but the last n_given, which are `given` for good, and for all outputs but the last
 * `hidden`, which go to memory of the entry. contexts: calls that may run
 * at once; others wait. threads, flags, turn: as for contexts and their runs; threads 0: as many as the pool has. */
int gd_entry_create(gd_program *program, const gd_slot *slots, const void *const *given, int64_t n_given,
                    int64_t hidden, void *const *params, int contexts, int threads, int flags, gd_turn *turn,
                    gd_entry **entry);
void gd_entry_destroy(gd_entry *entry); /* when no call is under way */
/* A gd_entry_fn; data: the entry. Buffers are those of whole slots; what is not aligned as its elements is copied.
 * GD_ERR_BOUNDS: a slot with elements is NULL, GD_ERR_ALIAS: two share bytes of which one is written; a, b of the fault:
 * the slots, outputs after inputs and then params. Nothing has run then. */
int gd_entry_call(void *data, const void *const *inputs, void *const *outputs);
/* What the last failed call of this thread returned, with its fault; GD_OK: none failed of late. */
int gd_entry_fault(const gd_entry *entry, gd_fault *fault);
/* The function of a signature, whose void * is the entry. GD_ERR_OPCODE: none has that signature, GD_ERR_TYPE: a slot
 * (fault->instruction) is not of doubles, GD_ERR_SHAPE: there are a elements where the signature has b. */
int gd_entry_pointer(const gd_entry *entry, const char *signature, gd_function *pointer, gd_fault *fault);
const char *gd_adapter_name(int adapter); /* the signatures; NULL past the end */
/* What programs compiled by XLA call (program/xla.c): an XLA_FFI_Handler, whose attribute "entry" is an entry's address.
 * It returns an XLA_FFI_Error, or NULL. */
typedef struct gd_xla_frame gd_xla_frame;
void *gd_xla_call(gd_xla_frame *frame);

/* ---- planner: searches over plain arrays, no program needed (planner/) ---- */

/* Offsets for n buffers, buffer i alive in [lower[i], upper[i]) with size[i] bytes, rounded up to align (a power of
 * two). *bound is the largest total alive at once, *peak the arena needed. seconds is turned into a budget of counted
 * steps, so the same input gives the same offsets on every machine; stops early within half a percent of the bound.
 * cancel (may be NULL) ends the search with the best found so far. A buffer of no size or no
 * lifetime gets offset 0. GD_ERR_SHAPE: a size is negative or the sum too large, upper < lower, align no power of two. */
int gd_arena_place(int64_t n, const int64_t *lower, const int64_t *upper, const int64_t *size, int64_t align,
                   double seconds, gd_cancel_fn cancel, int64_t *offsets, int64_t *peak, int64_t *bound);

/* A list of steps that a search has found; freed by gd_steps_free. */
typedef struct {
    int32_t *step;
    int64_t n, peak;
    double cost;
} gd_steps;
void gd_steps_free(gd_steps *steps);

/* A graph of n nodes whose steps cost time and bytes. Node v of cost[v] and size[v] is made from its inputs
 * in[in_at[v]] to in[in_at[v+1]-1]; order is one that runs. During a step its inputs, its output and work[v] more bytes
 * (NULL: none) are alive; the output not where it takes the bytes of take[v], an input of its size, -1 for none (NULL:
 * none at all), that is not used again. A copy lives until its last use; nodes that nobody reads are kept to the end.
 * start: a schedule to begin from, n_start steps, or 0. */
typedef struct {
    int64_t n;
    const double *cost;
    const int64_t *size, *work, *take, *in_at, *in, *order, *start;
    int64_t n_start;
} gd_remat_graph;

/* A schedule under a byte limit, repeats allowed: the cheapest found of those whose peak is within the limit or, where
 * none is, the one of the lowest peak found: out->peak tells. seconds is turned into a budget of counted steps: the same
 * seed gives the same schedule on every machine. cancel (may be NULL) ends the search with the best found so far. GD_ERR_SHAPE: a cost or size is negative, not finite or their sum too large, the order is not a
 * topological one of all nodes, what is to be taken is no input of that size, start is no schedule; GD_ERR_BOUNDS: a
 * node's number is. */
int gd_remat_plan(const gd_remat_graph *graph, int64_t limit, double seconds, uint64_t seed, gd_cancel_fn cancel,
                  gd_steps *out);

/* A chain of n stages that run forward and then backward, in at most limit units of memory (the caller's: sizes are
 * rounded to them). forward, backward: costs. In slots: state[i], stage i's input, and tape[i], what its backward
 * needs, the input included. Beside the slots: passing[i] while it runs forward, working[i] while it runs backward. The
 * table of all optima takes n*(n+1)/2*(limit+1) doubles, no more than 2 GiB (GD_ERR_SHAPE). */
typedef struct gd_chain gd_chain;
enum { GD_CHAIN_STORE, GD_CHAIN_LOAD, GD_CHAIN_FORWARD, GD_CHAIN_TAPE, GD_CHAIN_BACKWARD };
int gd_chain_create(int64_t n, const double *forward, const double *backward, const int64_t *state, const int64_t *tape,
                    const int64_t *passing, const int64_t *working, int64_t limit, gd_cancel_fn cancel,
                    gd_chain **chain);
void gd_chain_destroy(gd_chain *chain);
/* the least cost of its first stages within a limit up to the chain's own; infinity where nothing fits */
double gd_chain_cost(const gd_chain *chain, int64_t stages, int64_t limit);
/* Steps op * n + stage of a plan of that cost: STORE keeps the stage's input, which is at hand, in a slot; LOAD has
 * it at hand again and frees the slot; FORWARD and TAPE run the stage, TAPE keeping its tape; BACKWARD frees that.
 * GD_ERR_SHAPE: nothing fits. */
int gd_chain_plan(const gd_chain *chain, int64_t stages, int64_t limit, gd_steps *out);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
