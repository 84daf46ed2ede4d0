/* What the loaders of this folder share. */
#ifndef IMAGE_H
#define IMAGE_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

/* Puts bytes over code, as a kernel does that traces it. */
static void overwrite(uint8_t *at, const uint8_t *bytes, size_t size) {
  uintptr_t page = (uintptr_t)at & ~(uintptr_t)4095;
  size_t length = ((uintptr_t)at + size - page + 4095) & ~(size_t)4095;
  if (mprotect((void *)page, length, PROT_READ | PROT_WRITE)) die("mprotect");
  memcpy(at, bytes, size);
  if (mprotect((void *)page, length, PROT_READ | PROT_EXEC)) die("mprotect");
  __builtin___clear_cache((char *)at, (char *)at + size);
}

#endif
