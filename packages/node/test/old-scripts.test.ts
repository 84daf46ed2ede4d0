/**
 * Scripts written for the probes that Node had until 18 find the arguments where they were: positions as in the tapset
 * that Node installed with them.
 * https://github.com/nodejs/node/blob/v18.x/src/node.stp
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { temporaryFolder, until, without, withoutTracing } from '../../cli/test/support.ts';
import { fixture, IMPORT, PACKAGE, type Program, startProgram } from './support.ts';

const folder = temporaryFolder();
after(() => fs.rmSync(folder, { recursive: true, force: true }));

/** As the tapset has them; it counts from 1, bpftrace from 0. This bpftrace reads six: not the fd of requests. */
const POSITIONS = `
  usdt:*:node:http__server__request {
    printf("http__server__request remote=%s port=%d method=%s url=%s\\n", str(arg2), arg3, str(arg4), str(arg5)); }
  usdt:*:node:http__server__response {
    printf("http__server__response remote=%s port=%d fd=%d\\n", str(arg1), arg2, arg3); }
  usdt:*:node:http__client__request {
    printf("http__client__request remote=%s port=%d method=%s url=%s\\n", str(arg2), arg3, str(arg4), str(arg5)); }
  usdt:*:node:http__client__response {
    printf("http__client__response remote=%s port=%d fd=%d\\n", str(arg1), arg2, arg3); }
  usdt:*:node:net__server__connection {
    printf("net__server__connection remote=%s port=%d fd=%d\\n", str(arg1), arg2, arg3); }
  usdt:*:node:net__stream__end {
    printf("net__stream__end remote=%s port=%d fd=%d\\n", str(arg1), arg2, arg3); }
  usdt:*:node:gc__start { printf("gc__start scavenge=%d compact=%d\\n", arg0 == 1, arg0 == 4); }
  usdt:*:node:gc__done { printf("gc__done scavenge=%d compact=%d\\n", arg0 == 1, arg0 == 4); }
  interval:s:2 { exit(); }`;

/** The latency of each URL, by what was the address of the connection's object. */
const LATENCIES = `
  usdt:*:node:http__server__request { @start[arg1] = nsecs; @url[arg1] = str(arg5); @port[arg1] = arg3; }
  usdt:*:node:http__server__response /@start[arg0]/ {
    printf("%s %d %d\\n", @url[arg0], nsecs - @start[arg0] > 0, @port[arg0] == arg2);
    delete(@start[arg0]); }
  interval:s:2 { clear(@start); clear(@url); clear(@port); exit(); }`;

describe('old scripts', { skip: withoutTracing() || without('bpftrace') }, () => {
  let program: Program;
  let port: string;

  before(async () => {
    program = startProgram(folder, ['--expose-gc', ...IMPORT, fixture('traffic.mjs')], { cwd: PACKAGE });
    await until(() => program.lines.length > 0, 'the port');
    port = program.lines[0]!;
  });
  after(() => program.child.kill('SIGKILL'));

  function bpftrace(script: string): string[] {
    const { stdout, stderr } = spawnSync('bpftrace', ['-q', '-p', program.pid, '-e', script], {
      encoding: 'utf8',
      timeout: 180_000,
    });
    const lines = stdout.split('\n').filter((line) => line !== '');
    assert.ok(lines.length > 0, stderr);
    return lines;
  }

  test('each probe has remote, port, method, url or fd, or type, at its position', () => {
    const lines = bpftrace(POSITIONS);
    const fd = String.raw`fd=([3-9]|\d\d+)$`;
    const remote = String.raw`remote=127\.0\.0\.1 port=(?!${port})\d{4,5}`;
    const here = `remote=127\\.0\\.0\\.1 port=${port}`;
    for (const expected of [
      `^http__server__request ${remote} method=GET url=/hello\\?n=1$`,
      `^http__server__request ${remote} method=POST url=/missing$`,
      `^http__server__response ${remote} ${fd}`,
      `^http__client__request ${here} method=GET url=/hello\\?n=1$`,
      `^http__client__request ${here} method=POST url=/missing$`,
      `^http__client__response ${here} ${fd}`,
      `^net__server__connection ${remote} ${fd}`,
      '^net__stream__end remote=127\\.0\\.0\\.1 port=\\d{4,5} ',
      '^gc__start scavenge=0 compact=1$',
      '^gc__done scavenge=0 compact=1$',
    ])
      assert.ok(
        lines.some((line) => new RegExp(expected).test(line)),
        `${expected} is not in\n${lines.join('\n')}`,
      );
  });

  test('a response has the connection of its request', () => {
    const lines = bpftrace(LATENCIES);
    assert.ok(lines.includes('/hello?n=1 1 1'), lines.join('\n'));
    for (const line of lines.filter((each) => !each.startsWith('@'))) assert.match(line, / 1 1$/);
  });
});
