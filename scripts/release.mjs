// Makes a release of all packages: `npm run release -- 0.2.0`. Sets their versions, also where they depend on each other
// and in the lock file, moves what CHANGELOG.md says under "Unreleased" to that version, adds the commits that users
// notice, commits and makes a tag. Does nothing if anything is in the way. It pushes and publishes nothing.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const FOLDERS = ['libusdt', 'cli', 'node', 'dtrace-provider'];
/** It stays in the range ^0.8 that dependents of the package that it replaces ask for. */
const DROP_IN = 'dtrace-provider';
const UNRELEASED = '## Unreleased\n';

function refuse(why) {
  console.error(`release: ${why}; nothing was changed`);
  process.exit(1);
}

const git = (...args) => execFileSync('git', args, { encoding: 'utf8' }).trim();
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
const writeJson = (path, value) => writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);

/** Whether version `a` is higher than `b`. */
function isHigher(a, b) {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  const at = left.findIndex((part, i) => part !== right[i]);
  return at !== -1 && left[at] > right[at];
}

const [version, ...more] = process.argv.slice(2);
if (version === undefined || more.length > 0) refuse('usage: npm run release -- VERSION');
if (!/^(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}$/.test(version)) refuse(`"${version}" is not a version like 1.2.3`);
if (git('status', '--porcelain') !== '') refuse('there are uncommitted changes');

const tag = `v${version}`;
const tags = git('tag', '--list', 'v*').split('\n').filter(Boolean);
if (tags.includes(tag)) refuse(`the tag ${tag} is there already`);
const manifests = FOLDERS.map((folder) => [folder, readJson(`packages/${folder}/package.json`)]);
const present = manifests[0][1].version;
// The first release has the version that the packages were given in the beginning.
const isFirst = tags.length === 0;
if (!(isHigher(version, present) || (isFirst && version === present))) {
  refuse(`${version} is not higher than ${present}`);
}

const nextVersion = (folder, old) => {
  if (folder !== DROP_IN) return version;
  return isFirst ? old : old.replace(/\d+$/, (patch) => String(Number(patch) + 1));
};
const versions = new Map(
  manifests.map(([folder, { name, version: old }]) => [name, nextVersion(folder, old)]),
);

/** What users notice, by the area that a commit's subject begins with. */
function commits() {
  // Before the first release there was nothing that could have changed for anybody.
  if (isFirst) return '';
  const last = git('describe', '--tags', '--abbrev=0', '--match', 'v*');
  const subjects = git('log', '--reverse', '--no-merges', '--format=%s', `${last}..HEAD`).split('\n');
  const sections = manifests.flatMap(([folder, { name }]) => {
    const lines = subjects
      .filter((subject) => subject.startsWith(`${folder}: `))
      .map((subject) => `- ${subject.slice(folder.length + 2)}\n`);
    return lines.length === 0 ? [] : [`### ${name}\n\n${lines.join('')}`];
  });
  return sections.join('\n');
}

const changelog = readFileSync('CHANGELOG.md', 'utf8');
const [before, after] = changelog.split(UNRELEASED);
if (after === undefined) refuse('CHANGELOG.md has no "## Unreleased"');
const end = after.search(/^## /m);
const [notes, older] = end === -1 ? [after.trim(), ''] : [after.slice(0, end).trim(), after.slice(end)];
const parts = [notes, commits().trim()].filter(Boolean);
if (parts.length === 0)
  refuse('there is nothing to tell: no notes under "Unreleased", no commit of a package');
const date = new Date().toISOString().slice(0, 10);
const dropIn = versions.get(manifests.at(-1)[1].name);
const heading = `## ${version} (${date}), @libusdt/dtrace-provider ${dropIn}`;
const released = [`${before}${UNRELEASED}`.trim(), heading, ...parts, older.trim()]
  .filter(Boolean)
  .join('\n\n');

/** Sets a package's version, and those of our packages that it depends on. */
function update(entry, name) {
  entry.version = versions.get(name);
  for (const kind of ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies']) {
    for (const other of Object.keys(entry[kind] ?? {})) {
      if (versions.has(other)) entry[kind][other] = versions.get(other);
    }
  }
}
const lock = readJson('package-lock.json');
for (const [folder, manifest] of manifests) {
  update(manifest, manifest.name);
  writeJson(`packages/${folder}/package.json`, manifest);
  update(lock.packages[`packages/${folder}`], manifest.name);
}
writeJson('package-lock.json', lock);
writeFileSync('CHANGELOG.md', `${released.trim()}\n`);

git('commit', '--quiet', '--all', '--message', `release: ${version}`);
git('tag', '--annotate', '--message', tag, tag);
for (const [name, of] of versions) console.log(`${name} ${of}`);
console.log(`committed, with the tag ${tag}. To publish: git push --follow-tags origin HEAD`);
