/**
 * The events of programs/app.mjs, and the scripts that print them.
 */

/** What a tracer prints of one event of each probe of programs/app.mjs, sorted. */
export const EVENTS = [
  'body -4611686018427387904 1 body of the request 19',
  'done -1 255 -2 65535 -3 4294967295',
  'start -42 9223372036854775809 grüße, 世界 {"path":"/","n":[1,null]}',
];

/** For bpftrace: prints one event of each probe, and ends. */
export function bpftraceScript(file: string): string {
  return `
    usdt:${file}:webapp:request__start /!@start/ {
      @start = 1;
      printf("start %d %lu %s %s\\n", (int32)arg0, arg1, str(arg2), str(arg3));
    }
    usdt:${file}:webapp:request__body /!@body/ {
      @body = 1;
      printf("body %ld %d %r %d\\n", (int64)arg0, arg1, buf(arg2, arg3), arg3);
    }
    usdt:${file}:webapp:request__done /!@done/ {
      @done = 1;
      printf("done %d %d %d %d %d %u\\n", (int8)arg0, arg1, (int16)arg2, arg3, (int32)arg4, arg5);
    }
    interval:ms:500 /@start && @body && @done/ { exit(); }`;
}

/** For DTrace, with `-p`: prints one event of each probe, and ends. */
export const dtraceScript = `
  webapp$target:::request-start /!start/ {
    start = 1;
    printf("start %d %u %s %s\\n", (int32_t)arg0, arg1, copyinstr(arg2), copyinstr(arg3));
  }
  webapp$target:::request-body /!body/ {
    body = 1;
    printf("body %d %d %s %d\\n", arg0, arg1, copyinstr(arg2, arg3 + 1), arg3);
  }
  webapp$target:::request-done /!done/ {
    done = 1;
    printf("done %d %d %d %d %d %d\\n", (int8_t)arg0, arg1, (int16_t)arg2, arg3, (int32_t)arg4, arg5);
  }
  profile:::tick-2hz /start && body && done/ { exit(0); }`;
