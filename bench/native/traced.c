// The C program to compare with: for every line with a number on its input, fires so many times and prints how many
// nanoseconds that took.
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include <sys/sdt.h>

int main(void) {
  unsigned long count;
  while (scanf("%lu", &count) == 1) {
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (unsigned long i = 0; i < count; i++) DTRACE_PROBE3(bench, hit, (int)i, (int)(i + 1), (int)(i + 2));
    clock_gettime(CLOCK_MONOTONIC, &end);
    int64_t ns = (int64_t)(end.tv_sec - start.tv_sec) * 1000000000 + (end.tv_nsec - start.tv_nsec);
    printf("%" PRId64 "\n", ns);
    fflush(stdout);
  }
  return 0;
}
