/**
 * Names as every tracer takes them. The original takes any, and tracers then drop the probe without a word;
 * programs exist that live with that, so a name is fixed rather than refused.
 * The rules are libusdt's (packages/libusdt/src/provider/names.ts).
 */

const LONGEST_PROVIDER = 53;
const LONGEST_PROBE = 63;
const LONGEST_MODULE = 63;

export function providerName(name: string): string {
  const cut = identifier(name, LONGEST_PROVIDER - 1);
  // DTrace appends the process id, and has a provider of its own called pid.
  return /[0-9]$/.test(cut) || cut === 'pid' ? `${cut}_` : cut;
}

export function probeName(name: string): string {
  return identifier(name, LONGEST_PROBE);
}

export function moduleName(name: string): string {
  return name.replace(/[^A-Za-z0-9_.+@-]/g, '_').slice(0, LONGEST_MODULE) || '_';
}

function identifier(name: string, longest: number): string {
  const fixed = name.replace(/[^A-Za-z0-9_-]/g, '_').replace(/^(?=[0-9-]|$)/, '_');
  let end = 0;
  // Most tracers show "-" as "__".
  for (let room = longest; end < fixed.length; end++) {
    room -= fixed[end] === '-' ? 2 : 1;
    if (room < 0) break;
  }
  return fixed.slice(0, end);
}
