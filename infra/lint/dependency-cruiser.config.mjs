// The house's imports run one way. Run from the root of the checkout; `infra/checks/structure.ts` does.

/** A package -> the packages of ours it may import. What is not listed here may import none. */
const MAY_IMPORT = {
  'packages/core': [],
  'packages/db': ['packages/core'],
  'packages/queue': ['packages/core'],
  'packages/runtime': ['packages/core'],
  'packages/process': ['packages/core'],
  'packages/json-schema': ['packages/core'],
  'packages/sdk': ['packages/core'],
  'packages/embedded': ['packages/core', 'packages/json-schema', 'packages/runtime', 'packages/sdk'],
  'packages/metrics': ['packages/core', 'packages/db'],
  'apps/api': ['packages/(?!sdk|embedded)[^/]+'],
  'apps/worker': ['packages/(?!sdk|embedded)[^/]+'],
  'apps/dashboard': ['packages/core', 'packages/sdk'],
  'apps/cli': ['packages/core', 'packages/sdk'],
  examples: ['packages/core', 'packages/sdk', 'apps/cli'],
  infra: ['packages/[^/]+', 'examples'],
};

const OURS = '^(packages|apps|infra|examples|test)/';
/** What a package's `exports` name. */
const FACES = ['^(packages|apps)/[^/]+/src/index\\.ts$', '^packages/sdk/src/(integration|testing)/index\\.ts$'];
const TEST_FILE = '\\.test\\.tsx?$';

const oneWay = Object.entries(MAY_IMPORT).map(([room, allowed]) => ({
  name: `one-way: ${room}`,
  comment: `${room} may import ${allowed.join(', ') || 'none of our packages'} and itself`,
  severity: 'error',
  from: { path: `^${room}/`, pathNot: `${TEST_FILE}|^infra/lint/fixtures/` },
  to: { path: OURS, pathNot: [room, ...allowed].map((name) => `^${name}/`) },
}));

/** A unit test beside a source may use what its package may, and nothing of the system tests. */
const forbidden = [
  ...oneWay,
  { name: 'no-cycle', comment: 'two files that need each other are one file, or need a third', severity: 'error', from: {}, to: { circular: true } },
  {
    name: 'package-face',
    comment: 'a package is imported by its name, which leads to its index.ts',
    severity: 'error',
    from: { path: '^(packages|apps)/([^/]+)/' },
    to: { path: '^(packages|apps)/[^/]+/', pathNot: ['^$1/$2/', ...FACES] },
  },
  {
    name: 'package-face-from-outside',
    comment: 'a package is imported by its name, which leads to its index.ts',
    severity: 'error',
    from: { path: '^(infra|examples|test)/' },
    to: { path: '^(packages|apps)/[^/]+/', pathNot: FACES },
  },
  { name: 'nobody-imports-tests', comment: 'tests lean on the house, not the house on tests', severity: 'error', from: { path: '^(packages|apps|examples)/', pathNot: TEST_FILE }, to: { path: `^test/|${TEST_FILE}` } },
  {
    name: 'no-orphan',
    comment: 'a file that nobody imports and that imports nobody is dead',
    severity: 'error',
    from: { orphan: true, pathNot: [TEST_FILE, '\\.d\\.ts$', '(^|/)[^/]+\\.config\\.(mjs|ts)$', '/src/(main|index)\\.ts$', '^infra/index\\.ts$', '^examples/agents/', '^apps/cli/(verify-agents|templates)/', '^test/security/(egress-)?agents/', '^packages/runtime/src/container/(self-test|rehearsal)-agent\\.mjs$', '^packages/runtime/src/container/(cell-)?entry\\.mjs$', '^test/system/[^/]+-process\\.ts$'] },
    to: {},
  },
  { name: 'resolvable', comment: 'what is imported is there', severity: 'error', from: { path: OURS }, to: { couldNotResolve: true } },
];

export default {
  forbidden,
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|node_modules|\\.bullpen)/' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'], extensions: ['.ts', '.tsx', '.mjs', '.js', '.json'] },
  },
};
