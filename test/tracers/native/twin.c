// The C program that programs/twin.mjs is compared with: the same probes with the same values, by <sys/sdt.h>.
//
// A tracer prints:
//   1 begin usdt:FILE:twin:begin
//   1 numbers -128 255 -32768 65535 -2147483648 18446744073709551615
//   1 sums -2147516544 65790
//   1 text plain -2147483648
//   2 begin usdt:FILE:twin:begin
//   2 numbers 127 128 32767 32768 2147483647 1
//   2 sums 2147516541 32896
//   2 text grüße, 世界 2147483647
//   3 begin usdt:FILE:twin:begin
//   3 numbers -1 1 -1 1 -1 9223372036854775808
//   3 sums -3 2
//   3 text  -1
//   @begun: 3
//   usdt:FILE:twin:begin
//   usdt:FILE:twin:numbers
//   usdt:FILE:twin:text__and__number
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
