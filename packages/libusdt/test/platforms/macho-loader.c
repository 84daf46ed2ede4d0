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
#include <ucontext.h>
#include "dof.h"
#include "macho-image.h"

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
/* What a callback is called with, as values: texts, or a number (0). The data is the frame, which is passed as info. */
static const char *given[8];
static int given_count, narrow_fetches, wide_fetches;
static int napi_get_cb_info(void *env, void *info, size_t *argc, uint64_t *argv, void *self, void **data) {
  (void)env;
  if (self) die("napi_get_cb_info: nobody needs this");
  if (data) *data = info, asked++;
  if (!argc) return 0;
  for (size_t i = 0; i < *argc; i++) argv[i] = 400 + i;
  *argc = given_count;
  return 0;
}
/* Latin-1 stands for all that is not ASCII. */
static int napi_get_value_string_utf16(void *env, uint64_t value, uint16_t *to, size_t room, size_t *length) {
  (void)env;
  narrow_fetches++;
  const char *text = given[value - 400];
  if (!text) return 3;
  size_t n = strlen(text);
  if (n >= room) die("napi_get_value_string_utf16: no room");
  for (size_t i = 0; i <= n; i++) to[i] = (uint8_t)text[i];
  *length = n;
  return 0;
}
static int napi_get_value_string_utf8(void *env, uint64_t value, char *to, size_t room, size_t *length) {
  (void)env;
  wide_fetches++;
  if (length) die("napi_get_value_string_utf8: nobody needs the length");
  for (const uint8_t *at = (const uint8_t *)given[value - 400]; *at && room > 2; at++) {
    if (*at >= 0x80) *to++ = (char)(0xc0 | *at >> 6), room--;
    *to++ = (char)(*at >= 0x80 ? 0x80 | (*at & 0x3f) : *at), room--;
  }
  *to = 0;
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
  {"dlsym", my_dlsym},
  {"napi_create_arraybuffer", napi_create_arraybuffer},
  {"napi_create_external_arraybuffer", napi_create_external_arraybuffer},
  {"napi_create_function", napi_create_function},
  {"napi_get_cb_info", napi_get_cb_info},
  {"napi_get_value_string_utf16", napi_get_value_string_utf16},
  {"napi_get_value_string_utf8", napi_get_value_string_utf8},
  {"napi_set_element", napi_set_element},
};

static void *import(const char *name) {
  for (size_t i = 0; i < sizeof imports / sizeof *imports; i++)
    if (strcmp(imports[i].name, name) == 0) return imports[i].address;
  return 0;
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

typedef uint64_t callback(void *env, void *info);

/* The frame, as engine/frame.ts has it: target, number of stack words, 32 arguments, result. */
static void call(callback *engine_call, void *env, void *target, int argc, uint64_t first) {
  uint64_t *words = frame;
  words[0] = (uint64_t)target;
  words[1] = argc > REGISTERS ? argc - REGISTERS : 0;
  for (int i = 0; i < 32; i++) words[2 + i] = first + i;
  engine_call(env, frame);
}

/* Calls with texts that the engine has to write to places behind the frame's words. */
static void call_texts(const char *name, callback *engine_call, void *env, int count, const char *const texts[]) {
  uint64_t *words = frame;
  char *places = (char *)frame + 8192;
  memset(places, 0x55, count * 1024);
  for (int i = 0; i < count; i++) words[37 + i] = (uint64_t)(places + i * 1024), given[i] = texts[i];
  given_count = count;
  asked = narrow_fetches = wide_fetches = 0;
  words[0] = (uint64_t)spy;
  words[1] = 0;
  words[34] = 0;
  uint64_t returned = engine_call(env, frame);
  printf("%s: returned %d, called %d, asked %d, fetched %d and %d", name, (int)returned, words[34] != 0, asked, narrow_fetches, wide_fetches);
  if (!returned)
    for (int i = 0; i < count; i++) printf(", \"%s\"", places + i * 1024);
  printf("\n");
}

int main(int argc, char **argv) {
  if (argc != 3) die("usage: macho-loader ENGINE IMAGE");
  struct bundle engine = load_bundle(argv[1], import);
  uint64_t (*init)(void *, uint64_t) = bundle_symbol(&engine, "_napi_register_module_v1");
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
  callback *call_text = functions[elements[4] - 200].callback, *call_many = functions[elements[5] - 200].callback;
  const char *const six[] = {"GET", "", "/shop/articles/17/reviews?sort=newest", "gr\xfc\xdf" "e, among ASCII", "12345678", "last"};
  const char *const none[] = {"a text", 0, "another"};
  call_texts("text", call_text, &environment, 1, six + 2);
  call_texts("text of another thread", call_text, &other_environment, 1, six + 3);
  call_texts("texts", call_many, &environment, 6, six);
  call_texts("two texts of another thread", call_many, &other_environment, 2, six);
  call_texts("no text", call_many, &environment, 3, none);
  words[2] = 0x4000;
  words[3] = 64;
  printf("view %d\n", (int)engine_view(&environment, frame));

  struct bundle image = load_bundle(argv[2], import);
  uint8_t *text = bundle_symbol(&image, "_libusdt_text");
  const uint8_t *at = image.base + 32, *dof = 0;
  for (uint32_t i = 0; i < u32(image.base + 16); at += u32(at + 4), i++)
    if (u32(at) == 0x19)
      for (uint32_t j = 0; j < u32(at + 64); j++)
        if (strncmp((const char *)at + 72 + 80 * j, "__const", 16) == 0) dof = image.base + u64(at + 72 + 80 * j + 32);
  if (!dof) die("no DOF");
  printf("dof %.3s aligned %d\n", (const char *)dof + 1, (int)((uintptr_t)dof % 8));

  struct sigaction action = {.sa_sigaction = trap, .sa_flags = SA_SIGINFO};
  sigaction(TRAP, &action, 0);
  struct dof_probe probes[32];
  int count = read_probes(dof, probes, 32);
  for (int i = 0; i < count; i++) {
    const struct dof_probe *probe = &probes[i];
    uint8_t *entry = (uint8_t *)(uintptr_t)probe->address + (uintptr_t)image.base;
    /* xnu: dtrace_helper_provide_one and fasttrap_meta_create_probe. */
#ifdef __x86_64__
    uint8_t *site = (uint8_t *)dof + (int32_t)probe->offset - 1;
#else
    uint8_t *site = (uint8_t *)(((uintptr_t)dof + (int32_t)probe->offset) & ~(uintptr_t)1);
#endif
    int nargc = probe->argc;
    uint32_t before = u32(site);
    if (memcmp(site, NOP, sizeof NOP) != 0) die("the site is not a nop");
    call(engine_call, &environment, entry, nargc, 5000);
    int untraced = hits;
    overwrite(site, BREAKPOINT, sizeof BREAKPOINT);
    int noticed = u32(site) != before;
    call(engine_call, &environment, entry, nargc, 5000 + 100 * i);
    int right = 0;
    for (int j = 0; j < nargc && j < 12; j++) right += seen[j] == 5000 + 100 * i + j;
    overwrite(site, NOP, sizeof NOP);
    call(engine_call, &environment, entry, nargc, 5000);
    printf("%s %s: untraced %d, traced %d, arguments right %d of %d, watched word aligned %d, change noticed %d\n",
           probe->function, probe->name, untraced, hits, right, nargc,
           (int)((site - text) % 4), noticed);
    hits = 0;
  }
  return 0;
}
