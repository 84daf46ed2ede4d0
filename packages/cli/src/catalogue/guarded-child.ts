/** The child process of guarded.ts: reads what it is asked for, and may never come back from it. */

import * as fs from 'node:fs';
import { deserialize } from 'node:v8';
import { encodeAnswer, type Look, type Question } from './guarded.ts';
import { keyOf } from './maps.ts';
import { ProcessScanner } from './sources.ts';
import { tracedSites } from './traced.ts';

const question = deserialize(fs.readFileSync(0)) as Question;
if (question.ask === 'look') {
  for (const mapped of question.files) {
    const scanner = new ProcessScanner();
    const file = scanner.read(mapped);
    answer({ file, problem: scanner.problems.get(mapped.mapping.path) } satisfies Look);
  }
} else if (question.ask === 'keys') {
  for (const path of question.paths) answer(keyOf(path));
} else {
  for (const file of question.files) {
    const traced = tracedSites([{ ...file, guarded: false }], question.processes);
    answer(file.sites.map((site) => traced.get(site)));
  }
}

function answer(value: unknown): void {
  const bytes = encodeAnswer(value);
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(1, bytes, at);
}
