/** A program whose probes have whatever names, and which fires them until it is killed. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';

export interface Names {
  readonly provider: string;
  readonly name: string;
}

/** The bytes of a name as `decodeText` gives it. */
function bytesOf(text: string): number[] {
  return Array.from(text).flatMap((character) => {
    const point = character.codePointAt(0)!;
    return point >= 0xdc80 && point <= 0xdcff ? [point - 0xdc00] : [...Buffer.from(character)];
  });
}

function asciz(text: string): string {
  return `.byte ${[...bytesOf(text), 0].join(',')}`;
}

/** As <sys/sdt.h> makes it, but for the names; each has one argument, its number. */
function site({ provider, name }: Names, index: number): string {
  return `asm volatile(${JSON.stringify(`990: nop
.pushsection .note.stapsdt,"?","note"
.balign 4
.4byte 992f-991f,994f-993f,3
991: .asciz "stapsdt"
992: .balign 4
993: .8byte 990b
.8byte _.stapsdt.base
.8byte 0
${asciz(provider)}
${asciz(name)}
.asciz "-4@$${index}"
994: .balign 4
.popsection
`)});`;
}

const BASE = `asm(${JSON.stringify(`.pushsection .stapsdt.base,"aG","progbits",.stapsdt.base,comdat
.weak _.stapsdt.base
.hidden _.stapsdt.base
_.stapsdt.base: .space 1
.size _.stapsdt.base,1
.popsection
`)});`;

/** Compiles it. Usage of the program: [name of its thread, in hexadecimal]. */
export function compileProbes(
  folder: string,
  names: readonly Names[],
  path = join(folder, 'program'),
): string {
  const source = `${join(folder, 'program')}.c`;
  fs.writeFileSync(
    source,
    `#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(int argc, char **argv) {
  char comm[16] = "";
  for (int i = 0; argc > 1 && i < 15 && argv[1][2 * i]; i++) sscanf(argv[1] + 2 * i, "%2hhx", comm + i);
  if (argc > 1) prctl(PR_SET_NAME, comm);
  for (;;) {
    ${names.map(site).join('\n    ')}
    usleep(20000);
  }
}
${BASE}
`,
  );
  execFileSync('gcc', ['-o', path, source]);
  return path;
}

export function inHex(text: string): string {
  return Buffer.from(bytesOf(text)).toString('hex');
}
