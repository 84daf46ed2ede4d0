/**
 * Scripts written for the probes that Node had until 18 find the arguments where they were: positions as in the tapset
 * that Node installed with them.
 * https://github.com/nodejs/node/blob/v18.x/src/node.stp
 */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { temporaryFolder } from '../../../test/support/folders.ts';
import { absent, without } from '../../../test/support/needs.ts';
import { kill } from '../../../test/support/processes.ts';
import { withoutTracing } from '../../../test/support/usdt.ts';
import { until } from '../../../test/support/wait.ts';
import { fixture, IMPORT, PACKAGE, type Program, startProgram } from './support.ts';

const folder = temporaryFolder();

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

/** Of bcc, written for Node 6; Debian has it in bpfcc-tools. */
const BCC_SCRIPT = '/usr/share/doc/bpfcc-tools/examples/tracing/nodejs_http_server.py';

/**
 * Runs a program of bcc, for a minute at most. What these compile needs headers of a kernel, where those of the running
 * one would be; pt_regs and BPF's helpers are the same in all.
 */
const WITH_HEADERS = `
  mount -t tmpfs none /lib/modules
  mkdir "/lib/modules/$(uname -r)"
  ln -s "$1" "/lib/modules/$(uname -r)/build"
  ln -s "$2" "/lib/modules/$(uname -r)/source"
  shift 2
  exec timeout 60 "$@"`;

/** Debian's headers, whose parts that all architectures share are in a folder of their own. */
function kernelHeaders(): { readonly build: string; readonly source: string } | undefined {
  const folders = fs.existsSync('/usr/src') ? fs.readdirSync('/usr/src') : [];
  for (const name of folders) {
    const common = /^(linux-headers-.*)-common$/.exec(name)?.[1];
    const build = folders.find((other) => common && other !== name && other.startsWith(`${common}-`));
    if (build) return { build: `/usr/src/${build}`, source: `/usr/src/${name}` };
  }
  return undefined;
}

function withoutBcc(): string | false {
  if (!fs.existsSync(BCC_SCRIPT)) return absent('no examples of bpfcc-tools');
  return without('nodegc-bpfcc', 'unshare') || (kernelHeaders() ? false : absent('no linux-headers'));
}

describe('old scripts', { skip: withoutTracing() || without('bpftrace') }, () => {
  let program: Program;
  let port: string;

  before(async () => {
    program = startProgram(folder, ['--expose-gc', ...IMPORT, fixture('traffic.mjs')], { cwd: PACKAGE });
    await until(() => program.lines.length > 0, 'the port');
    port = program.lines[0]!;
  });
  after(() => kill(program.child, 'SIGKILL'));

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

  describe('of bcc', { skip: withoutBcc() }, () => {
    /** What it prints, until that is there. */
    async function bcc(expected: RegExp, ...command: readonly string[]): Promise<RegExpExecArray> {
      const { build, source } = kernelHeaders()!;
      const args = ['--mount', 'sh', '-ec', WITH_HEADERS, 'sh', build, source, ...command];
      const child = spawn('unshare', args, { env: { ...process.env, PYTHONUNBUFFERED: '1' } });
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (data) => {
          output += data;
        });
      const ended = once(child, 'close');
      try {
        await until(() => expected.test(output) || child.exitCode !== null, String(expected));
      } finally {
        kill(child);
        await ended;
      }
      const found = expected.exec(output);
      assert.ok(found, output);
      return found;
    }

    test('nodejs_http_server prints paths', async () => {
      const { pid } = program;
      const path = /^\d+\.\d+ +node +(\d+) +path:\/hello\?n=1\n(?:.*\n)*?.*path:\/missing$/m;
      const [, tracedPid] = await bcc(path, '/usr/bin/python3', BCC_SCRIPT, pid);
      assert.equal(tracedPid, pid);
    });

    test('nodegc prints collections, a major one by what 4 meant to old V8', async () => {
      await bcc(/^\d+\.\d+ +\d+\.\d+ +GC incremental mark *$/m, 'nodegc-bpfcc', program.pid);
    });

    test('nodestat counts them', async () => {
      const counts = new RegExp(`^${program.pid} +.{20} \\d+ +([1-9]\\d*) `, 'm');
      await bcc(counts, 'nodestat-bpfcc', '-C', '2');
    });
  });
});
