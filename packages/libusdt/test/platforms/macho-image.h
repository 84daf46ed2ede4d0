/*
 * Maps a Mach-O bundle as dyld does: segments as their load commands say, imports bound, exports found in the trie.
 * Nothing of macOS is needed.
 */
#include "image.h"

struct bundle { uint8_t *base; uint64_t segments[8]; int segment_count; const uint8_t *trie; };

/* The address of what a bundle imports; 0 if there is no such symbol. */
typedef void *resolver(const char *name);

static void bind(struct bundle *bundle, const uint8_t *at, const uint8_t *end, resolver *resolve) {
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
        /* C's names have an underscore in front. */
        uint64_t address = symbol ? (uintptr_t)resolve(symbol + 1) : 0;
        if (!address) die(symbol);
        memcpy(place, &address, 8);
        place += 8;
        break;
      }
      default: die("an opcode that was not expected");
    }
  }
}

static struct bundle load_bundle(const char *path, resolver *resolve) {
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
  if (bind_end > bind_at) bind(&bundle, bind_at, bind_end, resolve);
  at = commands;
  for (uint32_t i = 0; i < count; at += u32(at + 4), i++)
    if (u32(at) == 0x19) {
      uint32_t protection = u32(at + 60);
      int flags = (protection & 1 ? PROT_READ : 0) | (protection & 2 ? PROT_WRITE : 0) | (protection & 4 ? PROT_EXEC : 0);
      if (flags != (PROT_READ | PROT_WRITE) && mprotect(bundle.base + u64(at + 24), u64(at + 32), flags)) die("mprotect");
    }
  return bundle;
}

/* 0 if it is not exported. `name` as in the file, with its underscore. */
static void *bundle_symbol(const struct bundle *bundle, const char *name) {
  const uint8_t *at = bundle->trie;
  for (;;) {
    uint64_t terminal = uleb(&at);
    if (!*name) {
      if (!terminal) return 0;
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
    if (!next) return 0;
    at = next;
  }
}
