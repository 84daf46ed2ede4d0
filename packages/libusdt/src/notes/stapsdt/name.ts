/**
 * Names in SDT notes are C identifiers: a probe `request-start` is `request__start` there. DTrace's compiler made
 * that convention (its `-G` turns `__` into `-`), sdt.h programs follow it, and perf accepts nothing else.
 */

import { cStringLength, type NameEncoding, writeCString } from '../../object/bytes.ts';

/** A provider's or probe's name as SDT notes carry it. */
export function sdtName(name: string): string {
  return name.includes('-') ? name.replaceAll('-', '__') : name;
}

const DASH = '-'.charCodeAt(0);
const UNDERSCORE = '_'.charCodeAt(0);

/** As sdtName, while it is written. */
export const SDT_NAMES: NameEncoding = {
  length(name) {
    let length = cStringLength(name);
    for (let at = name.indexOf('-'); at !== -1; at = name.indexOf('-', at + 1)) length++;
    return length;
  },
  write(out, offset, name) {
    let at = offset;
    for (let index = 0; index < name.length; index++) {
      const unit = name.charCodeAt(index);
      if (unit >= 0x80) return writeCString(out, offset, sdtName(name));
      if (unit === DASH) {
        if (at < out.length) out[at++] = UNDERSCORE;
        if (at < out.length) out[at++] = UNDERSCORE;
      } else if (at < out.length) out[at++] = unit;
    }
    return writeCString(out, at, '');
  },
};
