/**
 * The tracers that scripts are made for. To add one, write a file beside this one and add a line here. A file has all
 * that is known of its language: what is quoted how, and what can't be written.
 */

import type { ProbeSite } from '../catalogue/probe.ts';
import { bpftrace } from './bpftrace.ts';
import { dtrace } from './dtrace.ts';
import { ebpfExporter } from './ebpf-exporter.ts';
import { perf } from './perf.ts';
import type { ScriptLanguage } from './script.ts';
import { systemtap } from './systemtap.ts';

export const TRACERS: Readonly<Record<string, ScriptLanguage>> = {
  bpftrace,
  dtrace,
  systemtap,
  perf,
  ebpf_exporter: ebpfExporter,
};

/** They find a probe by its SDT note. perf is given its place, and DTrace has formats of its own. */
const BY_NOTE: readonly string[] = ['bpftrace', 'systemtap', 'ebpf_exporter'];

/** Why a script for that tracer can't have this site; undefined if it can. */
export function scriptObstacle(
  tracer: string,
  { formats, untraceable }: Pick<ProbeSite, 'formats' | 'untraceable'>,
): string | undefined {
  // What does not run here may run where DTrace is.
  if (tracer === 'dtrace') return undefined;
  if (untraceable !== undefined) return untraceable;
  if (!BY_NOTE.includes(tracer) || formats.includes('stapsdt')) return undefined;
  return `it has no SDT note, by which ${tracer} finds probes: use usdt trace, perf or DTrace`;
}
