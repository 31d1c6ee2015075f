import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** The programs that build the wall, by absolute path: what an environment variable names is not asked. */
export interface WallPrograms {
  readonly bwrap: string;
  readonly prlimit: string;
}

const DIRS = ['/usr/bin', '/usr/local/bin', '/bin'];

export function findProgram(name: string): string | null {
  return DIRS.map((dir) => join(dir, name)).find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
