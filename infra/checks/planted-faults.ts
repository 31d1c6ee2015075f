/** A small house full of faults, each with the rule that must find it. `planted.ts` builds it and runs the checks over it. */
export interface PlantedFault {
  readonly tool: 'eslint' | 'dependency-cruiser' | 'tsc' | 'names';
  /** Must be reported for `file`. */
  readonly rule: string;
  readonly file: string;
  readonly text: string;
}

const lines = (count: number, line: (n: number) => string): string => Array.from({ length: count }, (_, n) => line(n)).join('\n');
const eslint = (rule: string, file: string, text: string): PlantedFault => ({ tool: 'eslint', rule, file, text });
const cruiser = (rule: string, file: string, text: string): PlantedFault => ({ tool: 'dependency-cruiser', rule, file, text });

const CORE = 'packages/core/src';

export const PLANTED_FAULTS: readonly PlantedFault[] = [
  eslint('max-lines', `${CORE}/long-file.ts`, lines(501, (n) => `export const n${n} = ${n};`)),
  eslint('bullpen/function-size', `${CORE}/long-function.ts`, `export function long(): void {\n${lines(60, () => '  void 0;')}\n}`),
  eslint('no-restricted-properties', `${CORE}/environment.ts`, 'export const home = process.env.HOME;'),
  eslint('no-restricted-imports', `${CORE}/environment-by-import.ts`, "import { env } from 'node:process';\nexport const home = env.HOME;"),
  eslint('no-console', `${CORE}/prints.ts`, "console.log('hello');\nexport {};"),
  eslint('no-warning-comments', `${CORE}/unfinished.ts`, `// ${'TO'}${'DO'}: later\nexport {};`),
  eslint('@typescript-eslint/no-explicit-any', `${CORE}/anything.ts`, 'export const anything = (value: any): string => String(value);'),
  eslint('@typescript-eslint/no-unused-vars', `${CORE}/unused.ts`, 'const nobody = 1;\nexport {};'),
  eslint('@typescript-eslint/no-floating-promises', `${CORE}/floating.ts`, 'export function start(): void {\n  Promise.resolve();\n}'),
  eslint('@typescript-eslint/consistent-type-imports', `${CORE}/value-import.ts`, "import { Inner } from './index.ts';\nexport const inner: Inner | null = null;"),
  eslint('no-restricted-syntax', `${CORE}/sleeps.test.ts`, 'await new Promise((carryOn) => setTimeout(carryOn, 100));\nexport {};'),
  eslint('no-restricted-syntax', `${CORE}/skipped.test.ts`, 'declare const it: { skip(name: string): void };\nit.skip(\'works\');\nexport {};'),
  eslint('no-restricted-syntax', `${CORE}/focused.test.ts`, 'declare const describe: { only(name: string): void };\ndescribe.only(\'works\');\nexport {};'),
  eslint('no-restricted-imports', `${CORE}/sleeps-by-import.test.ts`, "import { setTimeout as rest } from 'node:timers/promises';\nawait rest(100);"),

  cruiser('one-way: packages/core', `${CORE}/leans-on-db.ts`, "import '../../db/src/index.ts';"),
  cruiser('one-way: packages/db', 'packages/db/src/leans-on-queue.ts', "import '../../queue/src/index.ts';"),
  cruiser('one-way: packages/sdk', 'packages/sdk/src/leans-on-db.ts', "import '../../db/src/index.ts';"),
  cruiser('one-way: apps/api', 'apps/api/src/leans-on-worker.ts', "import '../../worker/src/index.ts';"),
  cruiser('package-face', 'packages/metrics/src/reaches-in.ts', "import '../../db/src/inner.ts';"),
  cruiser('package-face-from-outside', 'test/reaches-in.ts', "import '../packages/db/src/inner.ts';"),
  cruiser('nobody-imports-tests', `${CORE}/leans-on-tests.ts`, "import '../../../test/reaches-in.ts';"),
  cruiser('no-cycle', `${CORE}/hen.ts`, "import { egg } from './egg.ts';\nexport const hen = () => egg;"),
  cruiser('no-orphan', `${CORE}/alone.ts`, 'export const alone = true;'),
  cruiser('resolvable', `${CORE}/nowhere.ts`, "import './not-there.ts';"),

  { tool: 'tsc', rule: 'TS2322', file: `${CORE}/wrong-type.ts`, text: "export const count: number = 'one';" },
  { tool: 'names', rule: 'room-name', file: `${CORE}/utils.ts`, text: 'export {};' },
];

/** What the faults lean on. */
export const SOUND_FILES: Readonly<Record<string, string>> = {
  'tsconfig.json': JSON.stringify({
    compilerOptions: { target: 'es2024', module: 'nodenext', strict: true, noEmit: true, types: [], lib: ['es2024', 'dom'], allowImportingTsExtensions: true },
    include: ['packages', 'apps', 'test'],
  }),
  'package.json': JSON.stringify({ type: 'module' }),
  'packages/core/src/index.ts': 'export interface Inner { readonly name: string }\n',
  'packages/core/src/egg.ts': "import { hen } from './hen.ts';\nexport const egg = () => hen;\n",
  'packages/db/src/index.ts': "export { inner } from './inner.ts';\n",
  'packages/db/src/inner.ts': 'export const inner = 1;\n',
  'packages/queue/src/index.ts': 'export const queue = 1;\n',
  'apps/worker/src/index.ts': 'export const worker = 1;\n',
};
