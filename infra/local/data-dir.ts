import { createHash } from 'node:crypto';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the checkout. */
export const CHECKOUT_DIR = fileURLToPath(new URL('../..', import.meta.url)).replace(/(?<=.)\/$/, '');

/** Where root keeps data: Postgres runs as another account there, which often cannot enter root's checkout. */
export const ROOT_DATA_DIR = '/var/lib/bullpen';

/** Where data stays between starts, unless BULLPEN_DATA_DIR says otherwise. One folder per checkout. */
export function defaultDataDir(checkoutDir: string, isRoot: boolean): string {
  if (!isRoot) return path.join(checkoutDir, '.bullpen');
  return path.join(ROOT_DATA_DIR, createHash('sha256').update(checkoutDir).digest('hex').slice(0, 12));
}
