/* Every family's PTX as it is committed, with a zero behind it. */

.macro family name
  .hidden topk_ptx_\name
  .globl topk_ptx_\name
topk_ptx_\name:
  .incbin "ptx/\name\().ptx"
  .byte 0
.endm

.section .rodata
#define FAMILY(name) family name
#include "families.h"

.section .note.GNU-stack,"",%progbits
