import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A folder for one test that other accounts may enter; removed at the end of the scope (`using`). */
export function temporaryDir(): { readonly path: string; [Symbol.dispose](): void } {
  const dir = mkdtempSync(path.join(tmpdir(), `bullpen-test-${process.pid}-`));
  chmodSync(dir, 0o755);
  return { path: dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}
