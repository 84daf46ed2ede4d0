/** Folders that end with the tests that made them. */

import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders: string[] = [];

/** A new folder, by its canonical name. It goes away with this process. */
export function temporaryFolder(): string {
  if (folders.length === 0) {
    process.on('exit', () => {
      for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    });
  }
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'libusdt-test-')));
  folders.push(folder);
  return folder;
}
