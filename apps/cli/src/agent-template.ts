import { readFileSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const TEMPLATE_DIR = new URL('../template/', import.meta.url);
const CHECKOUT_DIR = fileURLToPath(new URL('../../../', import.meta.url));

/** The files of a new agent, by name; `dir` is where they will stand. */
export function templateFiles(name: string, dir: string): Record<string, string> {
  const fill = (file: string): string => readFileSync(new URL(file, TEMPLATE_DIR), 'utf8').replaceAll('my-agent', name);
  return {
    'agent.ts': fill('agent.ts'),
    'input.json': fill('input.json'),
    'README.md': fill('README.md'),
    'tsconfig.json': `${JSON.stringify(tsconfigFor(dir), null, 2)}\n`,
  };
}

/** Types of the SDK and of Node come from the checkout of this command, so that an editor needs no install. */
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
      types: ['node'],
      typeRoots: [pathFrom(dir, join(CHECKOUT_DIR, 'node_modules/@types'))],
      paths: { '@bullpen/sdk': [pathFrom(dir, join(CHECKOUT_DIR, 'packages/sdk/src/index.ts'))] },
    },
    include: ['*.ts'],
  };
}

/** Relative inside the checkout, which may move as a whole; absolute from anywhere else. */
function pathFrom(dir: string, target: string): string {
  const up = relative(CHECKOUT_DIR, dir);
  const isInside = up !== '' && !up.startsWith('..') && !isAbsolute(up);
  return isInside ? `./${relative(dir, target)}` : target;
}
