/*
 * What Debian's libstdc++ and libgcc want of glibc beyond what musl has, so that a musl program in C++ can use them:
 * Debian builds neither of them for musl. Linked under the name of glibc's dynamic linker, which both of them need.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <link.h>
#include <locale.h>
#include <stdint.h>
#include <sys/random.h>
#include <time.h>

char __libc_single_threaded = 0;
/* libgcc's own, hidden behind symbol versions, which musl does not read. Used by code built for several processors. */
unsigned __cpu_model[4];
int __cpu_indicator_init(void) { return 0; }

/* The destructors of thread-local objects don't run: the test's process ends first. */
int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object, void *library) {
  (void)destroy, (void)object, (void)library;
  return 0;
}

uint32_t arc4random(void) {
  uint32_t value = 0;
  (void)!getrandom(&value, sizeof value, 0);
  return value;
}

size_t __strftime_l(char *to, size_t size, const char *format, const struct tm *time, locale_t locale) {
  return strftime_l(to, size, format, time, locale);
}

/* https://sourceware.org/glibc/manual/latest/html_node/Dynamic-Linker-Introspection.html */
struct found {
  unsigned long long flags;
  void *start, *end;
  struct link_map *map;
  void *eh_frame;
  unsigned long long reserved[7];
};

struct search {
  uintptr_t address;
  struct found *found;
};

static int look(struct dl_phdr_info *info, size_t size, void *data) {
  struct search *search = data;
  uintptr_t start = UINTPTR_MAX, end = 0;
  void *eh_frame = 0;
  (void)size;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *header = &info->dlpi_phdr[i];
    uintptr_t from = info->dlpi_addr + header->p_vaddr;
    if (header->p_type == PT_GNU_EH_FRAME) eh_frame = (void *)from;
    if (header->p_type != PT_LOAD) continue;
    if (from < start) start = from;
    if (from + header->p_memsz > end) end = from + header->p_memsz;
  }
  if (search->address < start || search->address >= end || !eh_frame) return 0;
  *search->found = (struct found){.start = (void *)start, .end = (void *)end, .eh_frame = eh_frame};
  return 1;
}

int _dl_find_object(void *address, struct found *found) {
  struct search search = {(uintptr_t)address, found};
  return dl_iterate_phdr(look, &search) ? 0 : -1;
}
