/* fold_bool.c: the reductions of bool: all and any. */
#ifndef GD_PREPARE
#define GD_T uint8_t
#define GD_D b8
#define GD_MASK int8_t
#include "fold.h"

#define ALL(x, y) ((uint8_t)((x) != 0 && (y) != 0))
#define ANY(x, y) ((uint8_t)((x) != 0 || (y) != 0))

/* -1 is true in a mask of parts; 1 in a bool */
static inline part all_part(part x, part y) { return (part)(((x != 0) & (y != 0)) & 1); }
static inline part any_part(part x, part y) { return (part)(((x != 0) | (y != 0)) & 1); }

#define REDUCTION all
#define COMBINE ALL
#define PARTWISE all_part
#include "fold_body.h"
#define REDUCTION any
#define COMBINE ANY
#define PARTWISE any_part
#include "fold_body.h"
#endif
