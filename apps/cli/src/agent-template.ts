import { readFileSync, readdirSync } from 'node:fs';
import { isAbsolute, join, relative, sep } from 'node:path';

import { MOVING_DIR, NODE_TYPES_ROOT, SDK_TYPES, TEMPLATES_DIR } from './installation.ts';

/** Template -> what it shows. */
export const TEMPLATES = {
  text: 'counts words: logs, progress, cancelling',
  http: 'asks a site whether it is up: ctx.fetch and its allowlist',
  stateful: 'counts across runs: ctx.kv, an input schema, attempts that do no harm',
  project: 'two agents and a bullpen.config.ts that deploys both',
} as const satisfies Record<string, string>;
export type Template = keyof typeof TEMPLATES;

/** The files of a new agent, by path inside its folder; `dir` is where they will stand. */
export function templateFiles(template: Template, name: string, dir: string): Record<string, string> {
  const from = join(TEMPLATES_DIR, template);
  const paths = readdirSync(from, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .map((entry) => relative(from, join(entry.parentPath, entry.name))).toSorted();
  return {
    ...Object.fromEntries(paths.map((path) => [path, readFileSync(join(from, path), 'utf8').replaceAll('my-agent', name)])),
    'tsconfig.json': `${JSON.stringify(tsconfigFor(dir), null, 2)}\n`,
  };
}

/** Types of the SDK come with this command, so that an editor needs no install; Node's where there are some, else what agents share with web workers. */
function tsconfigFor(dir: string): object {
  return {
    compilerOptions: {
      target: 'es2024',
      module: 'esnext',
      moduleResolution: 'bundler',
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      allowImportingTsExtensions: true,
      ...(NODE_TYPES_ROOT === null ? { types: [], lib: ['es2024', 'webworker'] } : { types: ['node'], typeRoots: [pathFrom(dir, NODE_TYPES_ROOT)] }),
      paths: { '@bullpen/sdk': [pathFrom(dir, SDK_TYPES)] },
    },
    include: ['**/*.ts'],
  };
}

/** Relative inside what may move as a whole; absolute from anywhere else. */
function pathFrom(dir: string, target: string): string {
  const up = relative(MOVING_DIR, dir);
  const isInside = up !== '' && !up.startsWith('..') && !isAbsolute(up);
  return isInside ? `./${relative(dir, target).replaceAll(sep, '/')}` : target;
}
