/**
 * `usdt build`: an image ahead of time, for programs that ship in a read-only artifact.
 */

import * as fs from 'node:fs';
import { release } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Command, InvalidArgumentError } from 'commander';
import { UsdtError } from 'libusdt';
import { publishedName } from 'libusdt/cache';
import {
  type Arch,
  archNamed,
  buildEngine,
  buildImage,
  defineImage,
  encodeUniversal,
  type ImageDefinition,
  type ImageShape,
  PROCESSORS,
  type TargetSystem,
  tracepointFor,
} from 'libusdt/codecs';
import { FailureError, systemCode, writeProblem } from '../errors.ts';
import { importModule } from '../import-module.ts';
import { isLinux } from '../linux.ts';
import { count, toJson } from '../output.ts';
import { print } from '../stdout.ts';
import { SENTENCE_MAX, shown } from '../text.ts';

interface BuildOptions {
  readonly output: string;
  readonly target?: Platform;
  readonly kernel?: string;
  readonly engine?: boolean;
  readonly json?: boolean;
}

const EXAMPLES = `
A definition has the form { "provider": "webapp", "probes": { "request-start": ["uint32_t", "char *"] } }, in JSON, or as
the exports of a JavaScript module, which the program can import too:

  import { provider, probes } from './webapp.probes.js';
  const web = createProvider(provider, { probes, image: new URL('./webapp.so', import.meta.url) });

Examples:
  $ usdt build webapp.probes.json -o webapp.so
  $ usdt build webapp.probes.js -o dist/webapp.so --target linux-arm64 --engine
`;

export function define(command: Command): void {
  command
    .description('Write the image of a provider ahead of time, so that it can be shipped with the program.')
    .argument('<definition>', 'the provider and its probes: a file in JSON, or a JavaScript module')
    .requiredOption('-o, --output <file>', 'the image')
    .option(
      '--target <target>',
      `${Object.keys(TARGETS).join(', ')} (default: linux, and this machine's processor)`,
      parseTarget,
    )
    .option(
      '--kernel <release>',
      "the kernel that it will run on, as in 6.1 (default: this machine's; any, where that is not Linux)",
      parseRelease,
    )
    .option('--engine', 'write the engine beside it too: then nothing is written where the program runs')
    .option('--json', 'JSON, one object a line')
    .addHelpText('after', EXAMPLES)
    .action(run);
}

/** Older than all that want another tracepoint than the plain one. */
const ANY_KERNEL = '0.0';

/** Of several architectures a file has an image for each. */
interface Platform {
  readonly os: TargetSystem;
  readonly archs: readonly Arch[];
}

const SYSTEMS: readonly TargetSystem[] = ['linux', 'darwin', 'illumos', 'freebsd'];

/** `darwin` alone is a universal file. */
const TARGETS: Readonly<Record<string, Platform>> = Object.fromEntries(
  SYSTEMS.flatMap((os): [string, Platform][] => {
    const archs = Object.values(PROCESSORS)
      .filter(({ systems }) => systems.includes(os))
      .map(({ name }) => name);
    return [
      ...(os === 'darwin' ? [[os, { os, archs }] satisfies [string, Platform]] : []),
      ...archs.map((arch): [string, Platform] => [`${os}-${arch}`, { os, archs: [arch] }]),
    ];
  }),
);

/** Where this runs on a processor that no images are built for: the one that most programs run on. */
const USUAL = Object.values(PROCESSORS)[0]!.name;

function parseTarget(text: string): Platform {
  const target = Object.hasOwn(TARGETS, text) ? TARGETS[text] : undefined;
  if (target === undefined)
    throw new InvalidArgumentError(`It must be one of ${Object.keys(TARGETS).join(', ')}.`);
  return target;
}

function parseRelease(text: string): string {
  if (!/^\d+\.\d+/.test(text)) throw new InvalidArgumentError('It must be as uname -r prints it, as in 6.1.');
  return text;
}

async function run(path: string, options: BuildOptions): Promise<void> {
  const definition = await readDefinition(path);
  const { os, archs } = options.target ?? { os: 'linux', archs: [archNamed(process.arch) ?? USUAL] };
  const images = archs.map((arch) => {
    const tracepoint =
      os === 'linux' ? tracepointFor(arch, options.kernel ?? (isLinux() ? release() : ANY_KERNEL)) : 'nop';
    return buildImage(definition, { os, arch, tracepoint });
  });
  const whole = images.length === 1 ? images[0]!.bytes : encodeUniversal(images.map(({ bytes }) => bytes));
  writeWhole(options.output, whole);
  const { provider, probes } = definition;
  const { tracepoint } = images[0]!;
  if (options.json) {
    for (const [index, { buildId }] of images.entries()) {
      const about = {
        file: resolve(options.output),
        provider,
        probes: probes.map(({ name }) => name),
        target: `${os}-${archs[index]}`,
        tracepoint,
        bytes: whole.length,
        buildId: Buffer.from(buildId).toString('hex'),
      };
      await print(`${toJson(about)}\n`);
    }
  } else {
    const targets = archs.map((arch) => `${os}-${arch}`).join(' and ');
    const what = `${provider}, ${count(probes.length, 'probe')}, for ${targets} with ${tracepoint}`;
    await print(`${shown(options.output)}: ${what}, ${whole.length} bytes\n`);
  }
  if (!options.engine) return;
  for (const arch of archs) {
    const engine = buildEngine(arch, os === 'darwin' ? 'macho' : 'elf');
    const file = join(dirname(options.output), publishedName('engine', engine.buildId));
    writeWhole(file, engine.bytes);
    const { length } = engine.bytes;
    const platform = `${os}-${arch}`;
    if (options.json)
      await print(`${toJson({ file: resolve(file), engine: true, target: platform, bytes: length })}\n`);
    else await print(`${shown(file)}: the engine for ${platform}, ${length} bytes\n`);
  }
}

const KEYS: readonly string[] = ['provider', 'module', 'probes'];

/** @throws FailureError which says what is wrong with it. */
async function readDefinition(path: string): Promise<ImageDefinition> {
  const value = path.endsWith('.json') ? readJson(path) : await importDefinition(path);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new FailureError(`${shown(path)}: a definition is an object with provider and probes`);
  const unknown = Object.keys(value).find((key) => !KEYS.includes(key));
  if (unknown !== undefined)
    throw new FailureError(`${shown(path)}: "${shown(unknown)}" is not one of ${KEYS.join(', ')}`);
  const { provider, module, probes } = value as Record<string, unknown>;
  try {
    // It checks everything, whatever the types say.
    return defineImage(provider as string, { probes, ...(module !== undefined && { module }) } as ImageShape);
  } catch (error) {
    if (!(error instanceof UsdtError)) throw error;
    throw new FailureError(`${shown(path)}: ${shown(error.message, SENTENCE_MAX)}`);
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(fs.readFileSync(path, 'utf8'));
  } catch (error) {
    throw new FailureError(
      error instanceof SyntaxError
        ? `${shown(path)}: ${shown(error.message, SENTENCE_MAX)}`
        : readProblem(path, error),
    );
  }
}

/** Its default export, or else its named ones. */
async function importDefinition(path: string): Promise<unknown> {
  if (!fs.existsSync(path)) throw new FailureError(`${shown(path)}: no such file`);
  let module: Record<string, unknown>;
  try {
    module = await importModule(pathToFileURL(resolve(path)).href);
  } catch (error) {
    throw new FailureError(
      `${shown(path)} can't be imported: ${shown(error instanceof Error ? error.message : String(error), SENTENCE_MAX)}`,
    );
  }
  if ('provider' in module)
    return Object.fromEntries(KEYS.filter((key) => key in module).map((key) => [key, module[key]]));
  if (!('default' in module)) throw new FailureError(`${shown(path)} has no exports "provider" and "probes"`);
  return module.default;
}

function readProblem(path: string, error: unknown): string {
  return systemCode(error) === 'ENOENT'
    ? `${shown(path)}: no such file`
    : `${shown(path)} can't be read (${systemCode(error)})`;
}

/** By a new file: a program may have the old one in its memory, and must not see it change. */
function writeWhole(path: string, bytes: Uint8Array): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}`);
  try {
    fs.writeFileSync(temporary, bytes, { flag: 'wx' });
    // bpftrace and bcc pass over files without an execute bit.
    fs.chmodSync(temporary, 0o755);
    fs.renameSync(temporary, path);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw new FailureError(writeProblem(path, error));
  }
}
