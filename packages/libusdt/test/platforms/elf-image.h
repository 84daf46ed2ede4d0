/*
 * Maps an ELF shared object of this program's class as the loaders of illumos and FreeBSD do: segments at one distance
 * from each other, imports bound, exports found in the hash table. Linux' own refuses files for other systems.
 */
#include <link.h>
#include "image.h"

#ifdef __x86_64__
#define GLOB_DAT R_X86_64_GLOB_DAT
#define RELOCATION_TYPE ELF64_R_TYPE
#define RELOCATION_SYMBOL ELF64_R_SYM
#else
#define GLOB_DAT R_386_GLOB_DAT
#define RELOCATION_TYPE ELF32_R_TYPE
#define RELOCATION_SYMBOL ELF32_R_SYM
#endif

struct elf_image { uint8_t *base; int osabi; const ElfW(Sym) *symbols; const char *strings; const uint32_t *hash; };

static uint8_t *page_of(uint8_t *at) { return (uint8_t *)((uintptr_t)at & ~(uintptr_t)4095); }

static struct elf_image load_elf(FILE *file, void *(*resolve)(const char *name)) {
  ElfW(Ehdr) header;
  ElfW(Phdr) segments[16];
  if (fread(&header, sizeof header, 1, file) != 1 || header.e_phnum > 16) die("no ELF header");
  if (header.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)) die("of another class");
  if (fseek(file, (long)header.e_phoff, SEEK_SET) || fread(segments, sizeof *segments, header.e_phnum, file) != header.e_phnum)
    die("no program headers");
  size_t end = 0;
  for (int i = 0; i < header.e_phnum; i++)
    if (segments[i].p_type == PT_LOAD && segments[i].p_vaddr + segments[i].p_memsz > end) end = segments[i].p_vaddr + segments[i].p_memsz;
  struct elf_image image = {.osabi = header.e_ident[EI_OSABI]};
  image.base = mmap(0, end, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (image.base == MAP_FAILED) die("mmap");
  const ElfW(Dyn) *dynamic = 0;
  for (int i = 0; i < header.e_phnum; i++) {
    const ElfW(Phdr) *segment = &segments[i];
    uint8_t *start = image.base + segment->p_vaddr, *filled = start + segment->p_filesz, *stop = start + segment->p_memsz;
    if (segment->p_type == PT_DYNAMIC) dynamic = (void *)start;
    if (segment->p_type != PT_LOAD) continue;
    int protection = (segment->p_flags & PF_R ? PROT_READ : 0) | (segment->p_flags & PF_W ? PROT_WRITE : 0) | (segment->p_flags & PF_X ? PROT_EXEC : 0);
    uint8_t *first = page_of(start), *next = page_of(filled + 4095);
    if (mmap(first, (size_t)(next - first), protection, MAP_PRIVATE | MAP_FIXED, fileno(file), (off_t)(segment->p_offset - (size_t)(start - first))) == MAP_FAILED)
      die("mmap of a segment");
    if (stop > filled) memset(filled, 0, (size_t)((stop < next ? stop : next) - filled));
    if (stop > next && mmap(next, (size_t)(stop - next), protection, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
      die("mmap of zeros");
  }
  if (!dynamic) die("no dynamic section");
  const uint8_t *relocations = 0;
  size_t size = 0, entry = 0;
  for (; dynamic->d_tag != DT_NULL; dynamic++) {
    uint8_t *at = image.base + dynamic->d_un.d_ptr;
    switch (dynamic->d_tag) {
      case DT_HASH: image.hash = (void *)at; break;
      case DT_SYMTAB: image.symbols = (void *)at; break;
      case DT_STRTAB: image.strings = (void *)at; break;
      case DT_REL: case DT_RELA: relocations = at; break;
      case DT_RELSZ: case DT_RELASZ: size = dynamic->d_un.d_val; break;
      case DT_RELENT: case DT_RELAENT: entry = dynamic->d_un.d_val; break;
      case DT_STRSZ: case DT_SYMENT: case DT_FLAGS: break;
      default: die("a dynamic entry that was not expected");
    }
  }
  for (size_t i = 0; i < size; i += entry) {
    /* What follows in ElfW(Rela) is an addend of 0. */
    const ElfW(Rel) *relocation = (const void *)(relocations + i);
    if (RELOCATION_TYPE(relocation->r_info) != GLOB_DAT) die("a relocation that was not expected");
    const char *name = image.strings + image.symbols[RELOCATION_SYMBOL(relocation->r_info)].st_name;
    void *address = resolve(name);
    if (!address) die(name);
    memcpy(image.base + relocation->r_offset, &address, sizeof address);
  }
  return image;
}

static uint32_t sysv_hash(const char *name) {
  uint32_t hash = 0;
  for (; *name; name++) {
    hash = (hash << 4) + (uint8_t)*name;
    hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
  }
  return hash;
}

/* 0 if it is not exported. */
static void *elf_symbol(const struct elf_image *image, const char *name) {
  uint32_t buckets = image->hash[0];
  const uint32_t *chain = image->hash + 2 + buckets;
  for (uint32_t i = image->hash[2 + sysv_hash(name) % buckets]; i != 0; i = chain[i]) {
    const ElfW(Sym) *symbol = &image->symbols[i];
    if (symbol->st_shndx != SHN_UNDEF && strcmp(image->strings + symbol->st_name, name) == 0) return image->base + symbol->st_value;
  }
  return 0;
}
