import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Where this command lies, and what lies beside it: `apps/cli/src` of a checkout, run as it is, or `dist` of the published
 * package (infra/packaging/build-cli.ts). Both are one folder below what else belongs to the command.
 */
const isPackaged = !import.meta.url.endsWith('.ts');

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export function versionOfCommand(): string {
  return (JSON.parse(readFileSync(at('../package.json'), 'utf8')) as { version: string }).version;
}

export const TEMPLATES_DIR = at('../templates/');
/** Agents that `bullpen verify` deploys. */
export const VERIFY_AGENTS_DIR = at('../verify-agents/');
/** Runs as a thread, so it is a file of its own in the package as well. */
export const MANIFEST_THREAD = new URL(isPackaged ? './manifest-thread.js' : './manifest-thread.ts', import.meta.url);

/** The root of the checkout; null in the package. */
export const CHECKOUT_DIR = isPackaged ? null : at('../../../');
/** What moves as a whole: the checkout, or the project that the package is installed in. */
export const MOVING_DIR = CHECKOUT_DIR ?? at('../../../../');

/** For an editor: the types of `@bullpen/sdk`, and those of Node where this command has them. */
export const SDK_TYPES = CHECKOUT_DIR === null ? sdkTypesOfPackage() : at('../../../packages/sdk/src/index.ts');
export const NODE_TYPES_ROOT = CHECKOUT_DIR === null ? null : at('../../../node_modules/@types');

/** In the package's own `node_modules`, unless the installer found an equal one to share. */
function sdkTypesOfPackage(): string {
  const own = at('../node_modules/@bullpen/sdk/types/sdk/index.d.ts');
  return existsSync(own) ? own : at('../../sdk/types/sdk/index.d.ts');
}
