/*
 * Another operating system, as far as the library sees it, under a program on Linux: preloaded into Node, whose
 * process.platform the program has changed. Loads the library's files as that system's loader would, has its helper
 * device, C library functions and flags, and does what its kernel does with a DOF document: relocates it, finds the
 * sites, and on request puts breakpoints there and tells what it reads when one is hit.
 *
 *   $STAND_IN_OS     darwin, illumos or freebsd
 *   $STAND_IN_LOG    a file: what is asked of the system, a line each; its test knows what it must be
 *   $STAND_IN_ERRNO  nothing, or the errno that opening the device fails with
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <ucontext.h>
#include "dof.h"
#include "elf-image.h"
#include "macho-image.h"

/* From the headers of these systems; system/libc.ts and system/dtrace-*.ts name them. */
static const struct system {
  const char *name, *device;
  unsigned long add, remove;
  size_t helper_size;
  int osabi, version;
} SYSTEMS[] = {
  {"darwin", "/dev/dtracehelper", 0x80086804, 0x20006802, 80, -1, 3},
  {"illumos", "/dev/dtrace/helper", 0x64746803, 0x64746802, 80, ELFOSABI_SOLARIS, 2},
  {"freebsd", "/dev/dtrace/helper", 0xc0587a03, 0x80047a02, 88, ELFOSABI_FREEBSD, 2},
};

static const struct system *current(void) {
  const char *name = getenv("STAND_IN_OS");
  for (size_t i = 0; name && i < sizeof SYSTEMS / sizeof *SYSTEMS; i++)
    if (strcmp(SYSTEMS[i].name, name) == 0) return &SYSTEMS[i];
  die("STAND_IN_OS?");
  return 0;
}

static int is(const char *name) { return strcmp(current()->name, name) == 0; }

static FILE *log_file(void) {
  static FILE *log;
  if (!log) {
    const char *path = getenv("STAND_IN_LOG");
    if (!path || !(log = fopen(path, "ae"))) die("STAND_IN_LOG?");
    setvbuf(log, 0, _IOLBF, 0);
  }
  return log;
}

static const char *leaf(const char *path) { return strrchr(path, '/') ? strrchr(path, '/') + 1 : path; }

/* Its loader. */

static struct object { char *path; int is_bundle; struct bundle bundle; struct elf_image elf; } objects[8];
static int object_count;

static void *(*next_dlsym(void))(void *, const char *) {
  static void *(*next)(void *, const char *);
  if (!next && !(next = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34"))) die("dlsym");
  return next;
}

static void *resolve(const char *name) {
  fprintf(log_file(), "bind %s\n", name);
  return dlsym(RTLD_DEFAULT, name);
}

void *dlopen(const char *path, int flags) {
  if (!path || strncmp(leaf(path), "libusdt-", 8) != 0) {
    void *(*next)(const char *, int) = next_dlsym()(RTLD_NEXT, "dlopen");
    return next(path, flags);
  }
  for (int i = 0; i < object_count; i++)
    if (strcmp(objects[i].path, path) == 0) return &objects[i];
  struct object *object = &objects[object_count++];
  object->path = strdup(path);
  object->is_bundle = is("darwin");
  if (object->is_bundle) {
    object->bundle = load_bundle(path, resolve);
  } else {
    FILE *file = fopen(path, "rbe");
    if (!file) die(path);
    object->elf = load_elf(file, resolve);
    fclose(file);
    /* The engine is one file for all systems with ELF. */
    int expected = strncmp(leaf(path), "libusdt-engine-", 15) == 0 ? ELFOSABI_NONE : current()->osabi;
    if (object->elf.osabi != expected) die("OS/ABI");
  }
  void *base = object->is_bundle ? object->bundle.base : object->elf.base;
  fprintf(log_file(), "map %.*s %p\n", (int)strcspn(leaf(path) + 8, "-"), leaf(path) + 8, base);
  return object;
}

static struct object *own(void *handle) {
  return handle >= (void *)objects && handle < (void *)(objects + 8) ? handle : 0;
}

void *dlsym(void *handle, const char *name) {
  struct object *object = own(handle);
  /* (void *)-2, on all three systems: in whatever object it is first. On Linux that is 0. */
  if (!object) return next_dlsym()(handle == (void *)-2 ? RTLD_DEFAULT : handle, name);
  if (!object->is_bundle) return elf_symbol(&object->elf, name);
  char spelled[128];
  snprintf(spelled, sizeof spelled, "_%s", name);
  return bundle_symbol(&object->bundle, spelled);
}

int dlclose(void *handle) {
  if (own(handle)) {
    fprintf(log_file(), "unmap\n");
    return 0;
  }
  int (*next)(void *) = next_dlsym()(RTLD_NEXT, "dlclose");
  return next(handle);
}

/* Its C library: the functions that `errno` is a macro for. */
int *__error(void) { return __errno_location(); }
int *___errno(void) { return __errno_location(); }

/* Its kernel. */

static struct site { uint8_t *address; struct dof_probe probe; int generation; } sites[64];
static int site_count, generation = 76;

static int add_document(uint64_t base, uint64_t document) {
  const uint8_t *user = (const uint8_t *)(uintptr_t)document;
  uint8_t *dof = malloc(u64(user + 40));
  memcpy(dof, user, u64(user + 40));
  if (memcmp(dof, "\177DOF", 4) != 0 || dof[4] != (sizeof(void *) == 8 ? 2 : 1) || dof[5] != 1 || dof[6] != current()->version) die("DOF");
  /* dtrace_dof_slurp: SETX adds the object's address. macOS has no such thing. */
  for (uint32_t i = 0; i < u32(dof + 28) && !is("darwin"); i++) {
    if (u32(dof_section(dof, i)) != DOF_URELHDR) continue;
    const uint8_t *header = dof_content(dof, i);
    const uint8_t *relocations = dof_section(dof, u32(header + 4));
    for (uint64_t at = 0; at < u64(relocations + 24); at += 24) {
      const uint8_t *relocation = dof_content(dof, u32(header + 4)) + at;
      uint8_t *target = dof + (dof_content(dof, u32(header + 8)) - dof) + u64(relocation + 8);
      uint64_t moved = u64(target) + base;
      if (u32(relocation + 4) != 1) die("SETX");
      memcpy(target, &moved, 8);
    }
  }
  struct dof_probe probes[32];
  int count = read_probes(dof, probes, 32);
  generation++;
  for (int i = 0; i < count; i++) {
    const struct dof_probe *probe = &probes[i];
    /* fasttrap_meta_create_probe; on macOS offsets count from the document, and its x86 subtracts one. */
    uint64_t address = is("darwin") ? base + (uint64_t)(int64_t)(int32_t)probe->offset - 1 : probe->address + probe->offset;
    struct site *site = &sites[site_count++];
    *site = (struct site){(uint8_t *)(uintptr_t)address, *probe, generation};
    fprintf(log_file(), "probe %s %s %s", probe->provider, probe->function, probe->name);
    const char *type = probe->types;
    for (int j = 0; j < probe->argc; j++, type += strlen(type) + 1) fprintf(log_file(), "%c%s", j == 0 ? ' ' : ',', type);
    fprintf(log_file(), "%s\n", *site->address == 0x90 ? "" : ": no tracepoint there");
  }
  return generation;
}

static void remove_document(int removed) {
  int kept = 0;
  for (int i = 0; i < site_count; i++)
    if (sites[i].generation != removed) sites[kept++] = sites[i];
  fprintf(log_file(), "removed %d\n", site_count - kept);
  site_count = kept;
}

static void on_trap(int number, siginfo_t *info, void *context) {
  (void)number; (void)info;
  greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
#ifdef __x86_64__
  /* fasttrap_usdt_args64 and fasttrap_getreg: as before a call. */
  const uint64_t *stack = (const uint64_t *)r[REG_RSP];
  uint64_t registers[] = {r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_RCX], r[REG_R8], r[REG_R9]};
  uint8_t *address = (uint8_t *)r[REG_RIP] - 1;
#define ARGUMENT(i) ((i) < 6 ? registers[i] : stack[(i) - 6])
#else
  /* fasttrap_usdt_args32. */
  const uint32_t *stack = (const uint32_t *)r[REG_ESP];
  uint8_t *address = (uint8_t *)r[REG_EIP] - 1;
#define ARGUMENT(i) ((uint64_t)stack[i])
#endif
  for (int i = 0; i < site_count; i++) {
    const struct dof_probe *probe = &sites[i].probe;
    if (sites[i].address != address) continue;
    fprintf(log_file(), "fired %s", probe->name);
    const char *type = probe->types;
    for (int j = 0; j < probe->argc; j++, type += strlen(type) + 1) {
      if (strcmp(type, "char *") == 0) fprintf(log_file(), " \"%s\"", (const char *)(uintptr_t)ARGUMENT(j));
      else fprintf(log_file(), " %llx", (unsigned long long)ARGUMENT(j));
    }
    fprintf(log_file(), "\n");
    return;
  }
  die("a breakpoint that nobody set");
}

/* What a consumer that traces all probes makes the kernel do, and one that ends. Called by the program. */
void stand_in_trace(int on) {
  static const uint8_t BREAKPOINT[] = {0xcc}, NOP[] = {0x90};
  struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};
  sigaction(SIGTRAP, &action, 0);
  fprintf(log_file(), on ? "trace\n" : "end\n");
  for (int i = 0; i < site_count; i++) overwrite(sites[i].address, on ? BREAKPOINT : NOP, 1);
}

/* Its helper device. */

static int device = -1;

int open(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  int mode = va_arg(list, int);
  va_end(list);
  int (*next)(const char *, int, ...) = next_dlsym()(RTLD_NEXT, "open");
  if (strncmp(path, "/dev/dtrace", 11) != 0) return next(path, flags, mode);
  fprintf(log_file(), "open %s %x\n", path, flags);
  const char *failure = getenv("STAND_IN_ERRNO");
  if (failure || strcmp(path, current()->device) != 0) {
    errno = failure ? atoi(failure) : ENOENT;
    return -1;
  }
  return device = next("/dev/null", O_RDWR | O_CLOEXEC);
}

static void print_bytes(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) fprintf(log_file(), "%02x", bytes[i]);
  fprintf(log_file(), "\n");
}

int ioctl(int descriptor, unsigned long request, ...) {
  va_list list;
  va_start(list, request);
  uint8_t *argument = va_arg(list, uint8_t *);
  va_end(list);
  if (device < 0 || descriptor != device) {
    int (*next)(int, unsigned long, ...) = next_dlsym()(RTLD_NEXT, "ioctl");
    return next(descriptor, request, argument);
  }
  const struct system *system = current();
  /* macOS and FreeBSD pass requests as unsigned long, illumos as int: the library gives 32 bits. */
  fprintf(log_file(), "ioctl %x ", (unsigned)request);
  if (request == system->remove) {
    int removed = is("freebsd") ? (int)u32(argument) : (int)(intptr_t)argument;
    fprintf(log_file(), is("freebsd") ? "*%x\n" : "%x\n", removed);
    remove_document(removed);
    return 0;
  }
  if (request != system->add) die("a request that was not expected");
  if (is("darwin")) {
    uint64_t address = u64(argument);
    argument = (uint8_t *)(uintptr_t)address;
    print_bytes(argument, 8 + system->helper_size);
    uint64_t added = (uint64_t)add_document(u64(argument + 8 + 64), u64(argument + 8 + 72));
    memcpy(argument + 8 + 72, &added, 8);
    return 0;
  }
  print_bytes(argument, system->helper_size);
  int added = add_document(u64(argument + 64), u64(argument + 72));
  if (is("illumos")) return added;
  memcpy(argument + 84, &added, 4);
  return 0;
}
