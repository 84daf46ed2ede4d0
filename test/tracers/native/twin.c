// The C program that programs/twin.mjs is compared with: the same probes with the same values, by <sys/sdt.h>.
#include <inttypes.h>
#include <stdio.h>

#include <sys/sdt.h>

struct row {
  int8_t a;
  uint8_t b;
  int16_t c;
  uint16_t d;
  int32_t e;
  uint64_t f;
  const char *text;
};

static volatile struct row rows[] = {
    {-128, 255, -32768, 65535, INT32_MIN, UINT64_MAX, "plain"},
    {127, 128, 32767, 32768, INT32_MAX, 1, "grüße, 世界"},
    {-1, 1, -1, 1, -1, UINT64_C(1) << 63, ""},
};

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  puts("{}");
  if (getchar() == EOF) return 1;
  for (unsigned n = 0; n < sizeof rows / sizeof *rows; n++) {
    volatile struct row *row = &rows[n];
    DTRACE_PROBE(twin, begin);
    DTRACE_PROBE6(twin, numbers, row->a, row->b, row->c, row->d, row->e, row->f);
    DTRACE_PROBE2(twin, text__and__number, row->text, row->e);
  }
  puts("{\"fired\":true}");
  return 0;
}
