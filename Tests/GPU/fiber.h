// One stack at a time. ucontext switches by system calls, twenty times slower: it is for processors other than x86-64.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __x86_64__

typedef struct { void *top; } Fiber;

// What a call keeps, and the stack.
__attribute__((naked, noinline)) static void fiber_switch(Fiber *from, const Fiber *to) {
  __asm__("push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n"
          "mov %rsp, (%rdi); mov (%rsi), %rsp\n"
          "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp; ret");
}

static inline void fiber_begin(Fiber *fiber, char *stack, size_t bytes, void (*entry)(void)) {
  void **top = (void **)(stack + bytes - 16);
  *--top = NULL;          // whom `entry` would return to
  *--top = (void *)entry; // whom the first switch returns to
  fiber->top = top - 6;
}

#else

#include <ucontext.h>
typedef struct { ucontext_t context; } Fiber;
static inline void fiber_switch(Fiber *from, const Fiber *to) { swapcontext(&from->context, &to->context); }
static inline void fiber_begin(Fiber *fiber, char *stack, size_t bytes, void (*entry)(void)) {
  getcontext(&fiber->context);
  fiber->context.uc_stack.ss_sp = stack;
  fiber->context.uc_stack.ss_size = bytes;
  makecontext(&fiber->context, entry, 0);
}

#endif
