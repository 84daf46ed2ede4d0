/* A DOF document as a kernel reads it: <sys/dtrace.h>, dof_hdr_t, dof_sec_t, dof_probe_t, dof_relohdr_t, dof_relodesc_t. */
#ifndef DOF_H
#define DOF_H
#include "image.h"

enum { DOF_STRTAB = 8, DOF_RELTAB = 10, DOF_URELHDR = 12, DOF_PROVIDER = 15, DOF_PROBES = 16, DOF_PROFFS = 18 };

struct dof_probe {
  const char *provider, *function, *name;
  uint64_t address;
  uint32_t offset;
  int argc;
  /* So many strings, one behind the other. */
  const char *types;
};

static const uint8_t *dof_section(const uint8_t *dof, uint32_t index) {
  if (index >= u32(dof + 28)) die("DOF: no such section");
  return dof + u64(dof + 32) + index * u32(dof + 24);
}

static const uint8_t *dof_content(const uint8_t *dof, uint32_t index) {
  return dof + u64(dof_section(dof, index) + 16);
}

/* All probes of the one provider that our documents have. */
static int read_probes(const uint8_t *dof, struct dof_probe *probes, int most) {
  uint32_t provider = 0;
  while (u32(dof_section(dof, provider)) != DOF_PROVIDER) provider++;
  const uint8_t *p = dof_content(dof, provider);
  const char *strings = (const char *)dof_content(dof, u32(p));
  const uint8_t *section = dof_section(dof, u32(p + 4));
  const uint8_t *offsets = dof_content(dof, u32(p + 12));
  uint32_t size = u32(section + 12);
  int count = (int)(u64(section + 24) / size);
  if (count > most) die("DOF: too many probes");
  for (int i = 0; i < count; i++) {
    const uint8_t *probe = dof_content(dof, u32(p + 4)) + i * size;
    if (probe[34] != 1 || probe[35] != 0) die("DOF: a probe has one site");
    probes[i] = (struct dof_probe){
      .provider = strings + u32(p + 16),
      .function = strings + u32(probe + 8),
      .name = strings + u32(probe + 12),
      .address = u64(probe),
      .offset = u32(offsets + 4 * u32(probe + 28)),
      .argc = probe[32],
      .types = strings + u32(probe + 16),
    };
  }
  return count;
}

#endif
