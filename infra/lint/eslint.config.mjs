// The rules of the house that ESLint can check; the reasons stand in CONTRIBUTING.md. Run from the root of the checkout with
// `-c infra/lint/eslint.config.mjs`. The linters need TypeScript 6: version 7 has no API for JavaScript.
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

import { functionSize } from './function-size.mjs';

const TESTS = ['**/*.test.ts', '**/*.test.tsx'];
const SLEEP = 'A fixed sleep makes a test slow where it passes and false where it fails: await the event.';
const NOT_RUN = 'A test that is skipped, focused or left to do is a test that says nothing.';

/** Where the environment may be read: configuration, an app's main that hands it there, the bootstrap, a container that empties it, tests, and agents that try it. */
const READS_ENV = ['**/config.ts', 'apps/*/src/main.ts', 'infra/bootstrap/**', 'packages/runtime/src/container/**', 'test/**', '**/*.test.ts', 'apps/cli/verify-agents/**'];
/** Where text is written for a person at a terminal, and where `console` becomes an agent's log. */
const USES_CONSOLE = ['apps/cli/src/output*', 'apps/cli/src/output/**', 'infra/*/output.ts', 'examples/**', 'packages/runtime/src/container/**', 'test/security/agents/**', 'test/security/egress-agents/**'];

export default tseslint.config(
  { ignores: ['**/node_modules/**', '**/dist/**', '**/.bullpen/**', '**/.turbo/**', 'infra/lint/fixtures/**'] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    plugins: { bullpen: { rules: { 'function-size': functionSize } } },
    rules: {
      'max-lines': ['error', { max: 500 }],
      'bullpen/function-size': ['error', { max: 60 }],
      'no-console': 'error',
      'no-restricted-properties': ['error', { object: 'process', property: 'env', message: 'Read it in the config.ts of the app and pass the value on.' }],
      'no-restricted-imports': ['error', { paths: [{ name: 'node:process' }, { name: 'process' }] }],
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx'], location: 'start' }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'prefer-const': 'error',
    },
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: { globals: Object.fromEntries(Object.getOwnPropertyNames(globalThis).map((name) => [name, 'readonly'])) },
  },
  {
    files: ['**/*.{ts,tsx}'],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-namespace': ['error', { allowDeclarations: true }],
      '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafeCalls: [{ from: 'package', package: '@jest/globals', name: ['describe', 'it', 'test'] }] }],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { attributes: false } }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_', caughtErrors: 'all' }],
    },
  },
  { files: READS_ENV, rules: { 'no-restricted-properties': 'off' } },
  { files: USES_CONSOLE, rules: { 'no-console': 'off' } },
  {
    files: TESTS,
    rules: {
      'no-restricted-imports': ['error', {
        paths: [
          { name: 'node:timers/promises', importNames: ['setTimeout', 'scheduler'], message: SLEEP },
          { name: 'timers/promises', importNames: ['setTimeout', 'scheduler'], message: SLEEP },
        ],
      }],
      'no-restricted-syntax': [
        'error',
        // new Promise((resolve) => setTimeout(resolve, 100)): whatever the parameter is called
        { selector: 'NewExpression[callee.name="Promise"] CallExpression[callee.name="setTimeout"][arguments.0.type="Identifier"]', message: SLEEP },
        { selector: 'CallExpression[callee.name="setTimeout"][arguments.0.name=/^(r|res|resolve|done|ok|next)$/]', message: SLEEP },
        { selector: 'NewExpression[callee.name="Promise"] CallExpression[callee.name="setTimeout"] > ArrowFunctionExpression.arguments CallExpression[callee.name=/^(r|res|resolve|done)$/]', message: SLEEP },
        { selector: 'AwaitExpression > CallExpression[callee.name=/^(sleep|delay|pause|wait)$/i]', message: SLEEP },
        { selector: 'MemberExpression[object.name=/^(describe|it|test)$/][property.name=/^(skip|only|todo|failing)$/]', message: NOT_RUN },
        { selector: 'CallExpression[callee.name=/^(xit|xtest|xdescribe|fit|fdescribe)$/]', message: NOT_RUN },
      ],
    },
  },
);
