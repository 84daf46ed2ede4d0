// Runs before npm packs or publishes a package, in the package's folder: builds it anew from its sources, and puts
// beside them what every tarball carries. So neither what an older source left behind nor an old build can be published.
import { execFileSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
rmSync('dist', { recursive: true, force: true });
// To standard error: with `npm pack --json` standard output is for JSON. `npm pack --dry-run` must not make the set-up dry.
const { npm_config_dry_run: _, ...env } = process.env;
execFileSync('npm', ['run', '--silent', 'build'], {
  cwd: root,
  env,
  stdio: ['ignore', process.stderr, 'inherit'],
});
for (const file of ['CHANGELOG.md', 'LICENSE']) copyFileSync(join(root, file), file);
