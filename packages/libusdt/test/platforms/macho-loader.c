/*
 * A loader for our Mach-O bundles on a machine that has none, for the tests: maps segments as their load commands say,
 * binds imports to stand-ins that record how they are called, finds exports through the trie, and then does what
 * a JavaScript runtime and the kernel would do.
 *
 *   macho-loader ENGINE IMAGE
 *
 * Prints what happened, a line each; the test knows what it must be.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

static void die(const char *why) {
  fprintf(stderr, "%s\n", why);
  exit(1);
}

static uint32_t u32(const uint8_t *at) { uint32_t value; memcpy(&value, at, 4); return value; }
static uint64_t u64(const uint8_t *at) { uint64_t value; memcpy(&value, at, 8); return value; }

static uint64_t uleb(const uint8_t **at) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    uint8_t byte = *(*at)++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

/* Stand-ins for Node-API; the environment is any pointer. */
static char environment, other_environment;
static struct { void *callback, *data; } functions[8];
static int function_count, asked;
static uint64_t elements[8];
static void *frame;

static int napi_create_arraybuffer(void *env, size_t size, void **data, uint64_t *result) {
  printf("napi_create_arraybuffer env %d size %zu\n", env == &environment, size);
  frame = calloc(1, size);
  *data = frame;
  *result = 100;
  return 0;
}
static int napi_create_function(void *env, const char *name, size_t length, void *callback, void *data, uint64_t *result) {
  (void)name; (void)length;
  functions[function_count].callback = callback;
  functions[function_count].data = data;
  printf("napi_create_function env %d data %s\n", env == &environment, data == frame ? "frame" : "?");
  *result = 200 + function_count++;
  return 0;
}
static int napi_set_element(void *env, uint64_t object, uint32_t index, uint64_t value) {
  printf("napi_set_element env %d object %d index %u value %d\n", env == &environment, (int)object, index, (int)value);
  elements[index] = value;
  return 0;
}
static int napi_get_cb_info(void *env, void *info, size_t *argc, void *argv, void *self, void **data) {
  (void)env;
  asked++;
  if (argc || argv || self) die("napi_get_cb_info: only the data was expected");
  *data = info;
  return 0;
}
static int napi_create_external_arraybuffer(void *env, void *memory, size_t size, void *finalize, void *hint, uint64_t *result) {
  printf("napi_create_external_arraybuffer memory %#lx size %zu finalize %d hint %d\n", (long)memory, size, finalize != 0, hint != 0);
  (void)env;
  *result = 300;
  return 0;
}
static void *my_dlsym(void *handle, const char *name) { (void)handle; (void)name; return 0; }

static const struct { const char *name; void *address; } imports[] = {
  {"_dlsym", my_dlsym},
  {"_napi_create_arraybuffer", napi_create_arraybuffer},
  {"_napi_create_external_arraybuffer", napi_create_external_arraybuffer},
  {"_napi_create_function", napi_create_function},
  {"_napi_get_cb_info", napi_get_cb_info},
  {"_napi_set_element", napi_set_element},
};

struct bundle { uint8_t *base; uint64_t segments[8]; int segment_count; const uint8_t *trie; };

static void bind(struct bundle *bundle, const uint8_t *at, const uint8_t *end) {
  const char *symbol = 0;
  uint8_t *place = 0;
  while (at < end) {
    uint8_t opcode = *at & 0xf0, immediate = *at++ & 0x0f;
    switch (opcode) {
      case 0x00: return;
      case 0x30: if (immediate != 0xe) die("not a flat look-up"); break;
      case 0x40: symbol = (const char *)at; at += strlen(symbol) + 1; break;
      case 0x50: if (immediate != 1) die("not a pointer"); break;
      case 0x70: place = bundle->base + bundle->segments[immediate] + uleb(&at); break;
      case 0x90: {
        void *address = 0;
        for (size_t i = 0; i < sizeof imports / sizeof *imports; i++)
          if (strcmp(imports[i].name, symbol) == 0) address = imports[i].address;
        if (!address) die(symbol);
        memcpy(place, &address, 8);
        place += 8;
        break;
      }
      default: die("an opcode that was not expected");
    }
  }
}

static struct bundle load(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) die(path);
  static uint8_t bytes[4 << 20];
  size_t size = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  if (u32(bytes) != 0xfeedfacf) die("not a 64-bit Mach-O file");
  struct bundle bundle = {0};
  uint64_t end = 0;
  const uint8_t *commands = bytes + 32, *bind_at = 0, *bind_end = 0;
  uint32_t count = u32(bytes + 16);
  const uint8_t *at = commands;
  for (uint32_t i = 0; i < count; at += u32(at + 4), i++)
    if (u32(at) == 0x19 && u64(at + 24) + u64(at + 32) > end) end = u64(at + 24) + u64(at + 32);
  bundle.base = mmap(0, end, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bundle.base == MAP_FAILED) die("mmap");
  at = commands;
  for (uint32_t i = 0; i < count; at += u32(at + 4), i++) {
    if (u32(at) == 0x19) {
      uint64_t vmaddr = u64(at + 24), offset = u64(at + 40), filesize = u64(at + 48);
      if (offset + filesize > size) die("a segment beyond the file");
      memcpy(bundle.base + vmaddr, bytes + offset, filesize);
      bundle.segments[bundle.segment_count++] = vmaddr;
    } else if (u32(at) == 0x80000022) {
      uint64_t linkedit = bundle.segments[bundle.segment_count - 1];
      /* __LINKEDIT is mapped as a whole, its tables' places are offsets in the file. */
      const uint8_t *commands_again = commands;
      uint64_t fileoff = 0;
      for (uint32_t j = 0; j < count; commands_again += u32(commands_again + 4), j++)
        if (u32(commands_again) == 0x19) fileoff = u64(commands_again + 40);
      const uint8_t *tables = bundle.base + linkedit - fileoff;
      bind_at = tables + u32(at + 16);
      bind_end = bind_at + u32(at + 20);
      bundle.trie = tables + u32(at + 40);
    }
  }
  if (bind_end > bind_at) bind(&bundle, bind_at, bind_end);
  at = commands;
  for (uint32_t i = 0; i < count; at += u32(at + 4), i++)
    if (u32(at) == 0x19) {
      uint32_t protection = u32(at + 60);
      int flags = (protection & 1 ? PROT_READ : 0) | (protection & 2 ? PROT_WRITE : 0) | (protection & 4 ? PROT_EXEC : 0);
      if (flags != (PROT_READ | PROT_WRITE) && mprotect(bundle.base + u64(at + 24), u64(at + 32), flags)) die("mprotect");
    }
  return bundle;
}

static void *symbol(const struct bundle *bundle, const char *name) {
  const uint8_t *at = bundle->trie;
  for (;;) {
    uint64_t terminal = uleb(&at);
    if (!*name) {
      if (!terminal) die("not exported");
      if (uleb(&at) != 0) die("flags");
      return bundle->base + uleb(&at);
    }
    at += terminal;
    int edges = *at++;
    const uint8_t *next = 0;
    while (edges--) {
      size_t length = strlen((const char *)at);
      int fits = strncmp(name, (const char *)at, length) == 0;
      at += length + 1;
      uint64_t offset = uleb(&at);
      if (fits && !next) { next = bundle->trie + offset; name += length; }
    }
    if (!next) die("not exported");
    at = next;
  }
}

static uint64_t spied[32];
static uint64_t spy(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f, uint64_t g, uint64_t h, uint64_t i, uint64_t j, uint64_t k, uint64_t l) {
  uint64_t given[] = {a, b, c, d, e, f, g, h, i, j, k, l};
  memcpy(spied, given, sizeof given);
  return 0x123456789abcdef0;
}

/* The kernel's part: what it reads when its breakpoint is hit, and where the program goes on. */
static uint64_t seen[32];
static int hits;
static void trap(int number, siginfo_t *info, void *context) {
  (void)number; (void)info;
  ucontext_t *state = context;
  hits++;
#ifdef __x86_64__
  greg_t *r = state->uc_mcontext.gregs;
  uint64_t registers[] = {r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_RCX], r[REG_R8], r[REG_R9]};
  memcpy(seen, registers, sizeof registers);
  /* fasttrap_usdt_args64: the stack as it is before a call, without a return address. */
  memcpy(seen + 6, (void *)r[REG_RSP], 6 * 8);
#else
  memcpy(seen, state->uc_mcontext.regs, 8 * 8);
  memcpy(seen + 8, (void *)state->uc_mcontext.sp, 4 * 8);
  state->uc_mcontext.pc += 4;
#endif
}

#ifdef __x86_64__
#define REGISTERS 6
#define TRAP SIGTRAP
static const uint8_t BREAKPOINT[] = {0xcc};
static const uint8_t NOP[] = {0x90};
#else
#define REGISTERS 8
#define TRAP SIGILL
/* xnu's FASTTRAP_ARM64_INSTR: undefined, so the kernel gets it. */
static const uint8_t BREAKPOINT[] = {0x7e, 0xee, 0xee, 0xe7};
static const uint8_t NOP[] = {0x1f, 0x20, 0x03, 0xd5};
#endif

static void patch(uint8_t *at, const uint8_t *bytes) {
  uintptr_t page = (uintptr_t)at & ~(uintptr_t)4095;
  if (mprotect((void *)page, 8192, PROT_READ | PROT_WRITE)) die("mprotect");
  memcpy(at, bytes, sizeof NOP);
  if (mprotect((void *)page, 8192, PROT_READ | PROT_EXEC)) die("mprotect");
  __builtin___clear_cache((char *)at, (char *)at + sizeof NOP);
}

typedef uint64_t callback(void *env, void *info);

/* The frame, as engine/frame.ts has it: target, number of stack words, 32 arguments, result. */
static void call(callback *engine_call, void *env, void *target, int argc, uint64_t first) {
  uint64_t *words = frame;
  words[0] = (uint64_t)target;
  words[1] = argc > REGISTERS ? argc - REGISTERS : 0;
  for (int i = 0; i < 32; i++) words[2 + i] = first + i;
  engine_call(env, frame);
}

int main(int argc, char **argv) {
  if (argc != 3) die("usage: macho-loader ENGINE IMAGE");
  struct bundle engine = load(argv[1]);
  uint64_t (*init)(void *, uint64_t) = symbol(&engine, "_napi_register_module_v1");
  printf("exports %d\n", (int)init(&environment, 42));
  uint64_t *words = frame;
  printf("frame address %d dlsym %d\n", words[35] == (uint64_t)frame, words[36] == (uint64_t)my_dlsym);
  callback *engine_call = functions[elements[1] - 200].callback;
  callback *engine_view = functions[elements[2] - 200].callback;
  callback *engine_claim = functions[elements[3] - 200].callback;

  for (int claimed = 0; claimed < 2; claimed++) {
    asked = 0;
    call(engine_call, &environment, spy, 12, 1000);
    int right = 1;
    for (int i = 0; i < 12; i++) right &= spied[i] == 1000u + i;
    printf("call: arguments %d result %d asked %d\n", right, words[34] == 0x123456789abcdef0, asked);
    engine_claim(&environment, frame);
  }
  asked = 0;
  call(engine_call, &other_environment, spy, 1, 7);
  printf("another thread: argument %d asked %d\n", (int)spied[0], asked);
  words[2] = 0x4000;
  words[3] = 64;
  printf("view %d\n", (int)engine_view(&environment, frame));

  struct bundle image = load(argv[2]);
  uint8_t *text = symbol(&image, "_libusdt_text");
  const uint8_t *at = image.base + 32, *dof = 0;
  for (uint32_t i = 0; i < u32(image.base + 16); at += u32(at + 4), i++)
    if (u32(at) == 0x19)
      for (uint32_t j = 0; j < u32(at + 64); j++)
        if (strncmp((const char *)at + 72 + 80 * j, "__const", 16) == 0) dof = image.base + u64(at + 72 + 80 * j + 32);
  if (!dof) die("no DOF");
  printf("dof %.3s aligned %d\n", (const char *)dof + 1, (int)((uintptr_t)dof % 8));

  struct sigaction action = {.sa_sigaction = trap, .sa_flags = SA_SIGINFO};
  sigaction(TRAP, &action, 0);
  /* xnu: dtrace_helper_provide_one and fasttrap_meta_create_probe. Sections: type @0, offset @16, size @24, entsize @12. */
  const uint8_t *sections = dof + u64(dof + 32);
  uint32_t section_count = u32(dof + 28), section_size = u32(dof + 24);
  const uint8_t *probes = 0, *offsets = 0, *strings = 0;
  uint64_t probes_size = 0, probe_size = 0;
  for (uint32_t i = 0; i < section_count; i++) {
    const uint8_t *section = sections + i * section_size;
    const uint8_t *content = dof + u64(section + 16);
    switch (u32(section)) {
      case 8: strings = content; break;
      case 16: probes = content; probes_size = u64(section + 24); probe_size = u32(section + 12); break;
      case 17: break;
      case 18: offsets = content; break;
    }
  }
  for (uint64_t i = 0; i < probes_size / probe_size; i++) {
    const uint8_t *probe = probes + i * probe_size;
    /* dof_probe_t: addr @0, func @8, name @12, nargv @16, xargv @20, argidx @24, offidx @28, nargc @32, xargc @33, noffs @34 */
    int32_t offset = (int32_t)u32(offsets + 4 * u32(probe + 28));
    uint8_t *entry = (uint8_t *)(uintptr_t)u64(probe) + (uintptr_t)image.base;
#ifdef __x86_64__
    uint8_t *site = (uint8_t *)dof + offset - 1;
#else
    uint8_t *site = (uint8_t *)(((uintptr_t)dof + offset) & ~(uintptr_t)1);
#endif
    int nargc = probe[32];
    uint32_t before = u32(site);
    if (memcmp(site, NOP, sizeof NOP) != 0) die("the site is not a nop");
    call(engine_call, &environment, entry, nargc, 5000);
    int untraced = hits;
    patch(site, BREAKPOINT);
    int noticed = u32(site) != before;
    call(engine_call, &environment, entry, nargc, 5000 + 100 * i);
    int right = 0;
    for (int j = 0; j < nargc && j < 12; j++) right += seen[j] == 5000 + 100 * i + j;
    patch(site, NOP);
    call(engine_call, &environment, entry, nargc, 5000);
    printf("%s %s: untraced %d, traced %d, arguments right %d of %d, watched word aligned %d, change noticed %d\n",
           strings + u32(probe + 8), strings + u32(probe + 12), untraced, hits, right, nargc,
           (int)((site - text) % 4), noticed);
    hits = 0;
  }
  return 0;
}
