/**
 * The tracers that scripts are made for. To add one, write a file beside this one and add a line here.
 * @module
 */

import { bpftrace } from './bpftrace.ts';
import { dtrace } from './dtrace.ts';
import { ebpfExporter } from './ebpf-exporter.ts';
import { perf } from './perf.ts';
import type { Generate } from './script.ts';
import { systemtap } from './systemtap.ts';

export const TRACERS: Readonly<Record<string, Generate>> = {
  bpftrace,
  dtrace,
  systemtap,
  perf,
  ebpf_exporter: ebpfExporter,
};
