/*
 * Runs the code of program.ts and checks what it does. tables.h comes from there, too.
 *   harness PART   prints "PART: N checks", or what is wrong, and then fails
 * Without a C library, so that a bare cross compiler can build it: calls-ARCH.S enters the kernel.
 */
#include <stdint.h>

/* A word of a frame, and of the tables; and what fits into a register or a place on the stack. */
typedef uint64_t word;
typedef unsigned long native;

struct cases { const char *name; long entry; int kind; word args[6]; word expected; };
struct frames { long entry; int locals; };
struct indirect { long entry; };
struct probes { int argc; long entry, site, next; };
#include "tables.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))
#define PAGE_WORDS 512
#define MAX_STACK 128
#define MAX_CALLS 8

/* What the kernel calls things: its system calls, and where a signal's context keeps the registers (in words). */
#ifdef __x86_64__
enum { REGISTERS = 6, RETURN_ADDRESS = 8 };
enum { SYS_WRITE = 1, SYS_MMAP = 9, SYS_MPROTECT = 10, SYS_SIGACTION = 13, SYS_EXIT = 231 };
enum { CONTEXT_SP = 20, CONTEXT_PC = 21 };
static const int context_arguments[REGISTERS] = {13, 14, 17, 19, 5, 6};
static const unsigned char trap[] = {0xcc};
enum { PC_AFTER_TRAP = 1 };
#elif defined __i386__
enum { REGISTERS = 0, RETURN_ADDRESS = 4 };
enum { SYS_WRITE = 4, SYS_MMAP = 192, SYS_MPROTECT = 125, SYS_SIGACTION = 174, SYS_EXIT = 252 };
enum { CONTEXT_SP = 12, CONTEXT_PC = 19 };
static const int context_arguments[1];
static const unsigned char trap[] = {0xcc};
enum { PC_AFTER_TRAP = 1 };
#else
enum { REGISTERS = 8, RETURN_ADDRESS = 0 };
enum { SYS_WRITE = 64, SYS_MMAP = 222, SYS_MPROTECT = 226, SYS_SIGACTION = 134, SYS_EXIT = 94 };
enum { CONTEXT_SP = 54, CONTEXT_PC = 55 };
static const int context_arguments[REGISTERS] = {23, 24, 25, 26, 27, 28, 29, 30};
static const unsigned char trap[] = {0x00, 0x00, 0x20, 0xd4};
enum { PC_AFTER_TRAP = 0 };
#endif
/* Of the six arguments that a function is called with. */
enum { ON_STACK = REGISTERS < 6 ? 6 - REGISTERS : 0 };
enum { READ = 1, WRITE = 2, EXECUTE = 4, PRIVATE_ANONYMOUS = 0x22, SIGTRAP = 5, WITH_INFO = 4, WITH_RESTORER = 0x04000000 };

/* calls.S */
long kernel(long number, long a, long b, long c, long d, long e, long f);
void restore(void);
/* What the spy saw. */
struct seen { word registers[8]; word sp; word vectors; word stack[MAX_STACK]; } seen[MAX_CALLS];
word seen_count, spy_owns;
word spy(void);
/* Calls `function`; notes in `broken` which callee-saved registers it did not keep. */
word guarded(const void *function, const word args[8]);
word broken;

/* What compilers expect everywhere. */
void *memcpy(void *to, const void *from, __SIZE_TYPE__ size) {
  for (__SIZE_TYPE__ i = 0; i < size; i++) ((volatile char *)to)[i] = ((const char *)from)[i];
  return to;
}
void *memset(void *to, int value, __SIZE_TYPE__ size) {
  for (__SIZE_TYPE__ i = 0; i < size; i++) ((volatile char *)to)[i] = (char)value;
  return to;
}

static void text(const char *s) {
  long size = 0;
  while (s[size]) size++;
  kernel(SYS_WRITE, 1, (long)s, size, 0, 0, 0);
}
static void number(word value, unsigned base) {
  char digits[24], *at = digits + sizeof digits - 1;
  *at = 0;
  do *--at = "0123456789abcdef"[value % base]; while (value /= base);
  text(at);
}
static void give_up(const char *why) {
  text(why);
  kernel(SYS_EXIT, 2, 0, 0, 0, 0, 0);
  __builtin_unreachable();
}

static char *code;
static word *data[2];
static int checks, failures;

static void check(const char *what, long detail, word got, word wanted) {
  checks++;
  if (got == wanted || failures++ >= 20) return;
  text(what), text(" ("), number((word)detail, 10), text("): 0x"), number(got, 16);
  text(", not 0x"), number(wanted, 16), text("\n");
}

static word argument(int index) { return 0x7e57000000000000u + 0x100000001u * (word)(index + 1); }

static void refill(void) {
  for (int page = 0; page < 2; page++) {
    for (int i = 0; i < PAGE_WORDS - 1; i++) data[page][i] = PATTERN + (word)i;
    data[page][PAGE_WORDS - 1] = (word)(uintptr_t)spy;
  }
  seen_count = spy_owns = broken = 0;
  memset(seen, 0x55, sizeof seen);
}

static word call(long entry, const word args[8]) {
  word result = guarded(code + entry, args);
  check("callee-saved registers broken, at entry", entry, broken, 0);
  return result;
}

static void run_cases(void) {
  for (int i = 0; i < COUNT(cases); i++) {
    word args[8] = {0};
    memcpy(args, cases[i].args, sizeof cases[i].args);
    refill();
    word result = call(cases[i].entry, args);
    if (cases[i].kind == -2) result -= (word)(uintptr_t)code;
    if (cases[i].kind >= 0) result = data[0][cases[i].kind];
    check(cases[i].name, cases[i].kind, (native)result, cases[i].expected);
  }
}

static void check_seen(const char *what, int n, word *args, int registers, int stack) {
  check("words the callee finds aligned", n, (seen[n].sp + RETURN_ADDRESS) % 16, 0);
  for (int i = 0; i < registers; i++) check(what, i, seen[n].registers[i], args[i]);
  for (int i = 0; i < stack; i++) check(what, REGISTERS + i, seen[n].stack[i], (native)args[REGISTERS + i]);
}

static void fill_frame(word frame[256], word *args, int stack) {
  memset(frame, 0xee, 256 * sizeof *frame);
  frame[FRAME_TARGET] = (word)(uintptr_t)spy;
  frame[FRAME_STACK_COUNT] = (word)stack;
  for (int i = 0; i < REGISTERS + stack; i++) frame[FRAME_ARGS + i] = args[i] = argument(i);
}

static void run_frames(void) {
  static word frame[256], before[256];
  word args[MAX_STACK + 8];
  for (int f = 0; f < COUNT(frames); f++)
    for (int stack = 0; stack <= 33; stack++) {
      int count = stack == 33 ? 100 : stack;
      refill();
      fill_frame(frame, args, count);
      memcpy(before, frame, sizeof frame);
      /* The stack words belong to the callee, which uses them. */
      spy_owns = (word)count;
      word passed[8] = {(word)(uintptr_t)frame, 0x3a3a3a3a0000u + (word)f};
      word result = call(frames[f].entry, passed);
      check("kept", f, result, (native)(frames[f].locals ? passed[1] : passed[0]));
      check("calls", f, seen_count, 1);
      check_seen("frame argument", 0, args, REGISTERS, count);
#ifdef __x86_64__
      check("vector registers announced", f, seen[0].vectors & 0xff, 0);
#endif
      before[FRAME_RESULT] = SPIED;
      for (int i = 0; i < 256; i++) check("word of the frame afterwards", i, frame[i], before[i]);
    }
  for (int stack = 0; stack <= 5; stack++) {
    refill();
    fill_frame(frame, args, stack);
    word passed[8] = {(word)(uintptr_t)frame};
    call(THRICE, passed);
    check("calls", stack, seen_count, 4);
    check("stack pointer after the frame is called", stack, seen[3].sp, seen[0].sp);
    check_seen("first", 1, args, REGISTERS, stack);
    check_seen("second", 2, args, REGISTERS, stack);
  }
}

#ifdef __i386__
/* Words that are passed whole, as two. */
static void run_wide(void) {
  static const uint32_t masks[] = {1, 2, 0x80000000, 0xaaaaaaaa, 0x55555555, 0xffffffff, 0x00c0ffee};
  static word frame[256], before[256];
  word args[MAX_STACK + 8], expected[MAX_STACK];
  for (int f = 0; f < COUNT(frames); f++)
    for (int m = 0; m < COUNT(masks); m++)
      for (int count = 0; count <= 32; count++) {
        int slots = 0;
        refill();
        fill_frame(frame, args, count);
        for (int i = 0; i < count; i++) {
          frame[FRAME_ARGS + i] = args[i] = 0x8765432100000000u * (word)(i + 1) + (word)i;
          expected[slots++] = (native)args[i];
          if (masks[m] >> i & 1) expected[slots++] = args[i] >> 32;
        }
        frame[FRAME_STACK_COUNT] |= (word)masks[m] << 32;
        memcpy(before, frame, sizeof frame);
        spy_owns = (word)slots;
        word passed[8] = {(word)(uintptr_t)frame, 7};
        call(frames[f].entry, passed);
        check_seen("word or half of one", 0, expected, 0, slots);
        before[FRAME_RESULT] = SPIED;
        for (int i = 0; i < 256; i++) check("word of the frame afterwards", i, frame[i], before[i]);
      }
}
#endif

/* Texts of every length, with at most one unit that is no ASCII, at every place. What follows is no ASCII either. */
static void run_narrow(void) {
  static const uint16_t wide[] = {0x80, 0xff, 0x100, 0x141, 0x7fff, 0x8000, 0x8041, 0xd83d, 0xff00, 0xffff};
  enum { MOST = 40, ROOM = 2 * MOST + 64 };
  for (int length = 0; length <= MOST; length++)
    for (int at = -1; at < length; at++)
      for (int kind = 0; kind < (at < 0 ? 1 : COUNT(wide)); kind++) {
        uint8_t *text = (uint8_t *)data[0];
        refill();
        memset(text, 0xee, ROOM);
        uint16_t *units = (uint16_t *)text;
        for (int i = 0; i < length; i++) units[i] = (uint16_t)(i % 127 + 1);
        /* A NUL within the text, and what the runtime puts behind it. */
        if (length > 3) units[3] = 0;
        units[length] = 0;
        if (at >= 0) units[at] = wide[kind];
        word args[8] = {(word)(uintptr_t)text, (word)length};
        check("is there a wide unit", length, call(NARROW, args), at >= 0);
        for (int i = 2 * length + 16; i < ROOM; i++) check("what is behind it", i, text[i], 0xee);
        if (at >= 0) continue;
        for (int i = 0; i < length; i++) check("byte of a text", i, text[i], i == 3 && length > 3 ? 0 : (word)(i % 127 + 1));
        check("NUL behind a text", length, text[length], 0);
      }
}

static void run_indirect(void) {
  for (int i = 0; i < COUNT(indirect); i++) {
    word args[8];
    for (int a = 0; a < 8; a++) args[a] = argument(a);
    refill();
    check("result of a call", i, call(indirect[i].entry, args), SPIED);
    check("calls", i, seen_count, 1);
    check_seen("argument", 0, args, REGISTERS, ON_STACK);
  }
}

static const struct probes *expected_trap;
static int traps;

static void on_trap(int signal, void *info, native *context) {
  (void)signal, (void)info;
  const struct probes *p = expected_trap;
  if (!p) give_up("a trap that nobody set\n");
  traps++;
  check("trap at", p->argc, context[CONTEXT_PC], (native)(code + p->site) + PC_AFTER_TRAP);
  for (int i = 0; i < REGISTERS && i < p->argc; i++)
    check("probe argument", i, context[context_arguments[i]], argument(i));
  const native *stack = (const native *)context[CONTEXT_SP];
  for (int i = REGISTERS; i < p->argc; i++) check("probe argument", i, stack[i - REGISTERS], (native)argument(i));
  context[CONTEXT_PC] = (native)(code + p->next);
}

static void protect(int protection) {
  if (kernel(SYS_MPROTECT, (long)code, DATA, protection, 0, 0, 0)) give_up("mprotect\n");
  __builtin___clear_cache(code, code + sizeof bytes);
}

typedef void probe_function(native, native, native, native, native, native, native, native, native, native, native, native, native, native, native,
                            native, native, native, native, native, native, native, native, native, native, native, native, native, native, native,
                            native, native);

/* The compiler's idea of a call, and the assembler's. */
static void fire(const struct probes *p) {
  probe_function *f = (probe_function *)(uintptr_t)(code + p->entry);
#define A(i) (native)argument(i)
  f(A(0), A(1), A(2), A(3), A(4), A(5), A(6), A(7), A(8), A(9), A(10), A(11), A(12), A(13), A(14), A(15), A(16),
    A(17), A(18), A(19), A(20), A(21), A(22), A(23), A(24), A(25), A(26), A(27), A(28), A(29), A(30), A(31));
  static word frame[256];
  word args[MAX_STACK + 8], passed[8] = {(word)(uintptr_t)frame};
  fill_frame(frame, args, p->argc > REGISTERS ? p->argc - REGISTERS : 0);
  frame[FRAME_TARGET] = (word)(uintptr_t)(code + p->entry);
  call(frames[0].entry, passed);
}

static void run_probes(void) {
  struct { void (*handler)(int, void *, native *); native flags; void (*restorer)(void); word mask; } action = {
    on_trap, WITH_INFO | WITH_RESTORER, restore, 0,
  };
  if (kernel(SYS_SIGACTION, SIGTRAP, (long)&action, 0, sizeof action.mask, 0, 0)) give_up("sigaction\n");
  for (int i = 0; i < COUNT(probes); i++) {
    const struct probes *p = &probes[i];
    refill();
    traps = 0;
    fire(p);
    check("traps while nobody traces", p->argc, (word)traps, 0);
    /* What a tracer does. */
    protect(READ | WRITE);
    memcpy(code + p->site, trap, sizeof trap);
    protect(READ | EXECUTE);
    expected_trap = p;
    fire(p);
    expected_trap = 0;
    check("traps", p->argc, (word)traps, 2);
    protect(READ | WRITE);
    memcpy(code + p->site, bytes + p->site, sizeof trap);
    protect(READ | EXECUTE);
  }
}

static int equal(const char *a, const char *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

void start(native *stack) {
  static const struct { const char *name; void (*run)(void); } parts[] = {
    {"cases", run_cases}, {"frames", run_frames}, {"indirect", run_indirect}, {"narrow", run_narrow}, {"probes", run_probes},
#ifdef __i386__
    {"wide", run_wide},
#endif
  };
  if (stack[0] != 2) give_up("usage: harness PART\n");
  const char *wanted = (const char *)stack[2];
  char *area = (char *)kernel(SYS_MMAP, 0, 3 * DATA, READ | WRITE, PRIVATE_ANONYMOUS, -1, 0);
  if ((native)area > -4096ul) give_up("mmap\n");
  code = area + DATA;
  data[0] = (word *)(code + DATA);
  data[1] = (word *)(code - DATA);
  memcpy(code, bytes, sizeof bytes);
  protect(READ | EXECUTE);
  for (int part = 0; part < COUNT(parts); part++)
    if (equal(parts[part].name, wanted)) {
      parts[part].run();
      text(wanted), text(": "), number((word)checks, 10), text(" checks\n");
    }
  kernel(SYS_EXIT, failures != 0, 0, 0, 0, 0, 0);
}
