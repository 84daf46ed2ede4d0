/**
 * Names in SDT notes are C identifiers: a probe `request-start` is `request__start` there. DTrace's compiler made
 * that convention (its `-G` turns `__` into `-`), sdt.h programs follow it, and perf accepts nothing else.
 * @module
 */

/** A provider's or probe's name as SDT notes carry it. */
export function sdtName(name: string): string {
  return name.includes('-') ? name.replaceAll('-', '__') : name;
}
