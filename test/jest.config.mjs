import { fileURLToPath } from 'node:url';

// One Jest configuration, four projects: unit (beside the source, no I/O), system (real Postgres and Redis), security
// (hostile agents, which measure time and so run alone) and browser (a real Chromium). Node runs TypeScript as it is; Jest's own module loader needs swc to strip the types.
const rootDir = fileURLToPath(new URL('..', import.meta.url));
const transform = {
  '^.+\\.tsx?$': ['@swc/jest', {
    jsc: { parser: { syntax: 'typescript' }, target: 'es2024' },
    module: { type: 'es6' },
    sourceMaps: 'inline',
  }],
};

const base = {
  rootDir,
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform,
  modulePathIgnorePatterns: ['<rootDir>/.bullpen', '/dist/'],
};

export default {
  rootDir,
  // A slow machine is no fault; a test that hangs is one. (In a project Jest does not heed it.)
  testTimeout: 60_000,
  // Nor is a worker that takes a while to give its memory back; one with something open never ends by itself.
  workerGracefulExitTimeout: 15_000,
  projects: [
    { ...base, displayName: 'unit', testMatch: ['<rootDir>/{packages,apps,infra,examples}/**/*.test.ts'] },
    {
      ...base,
      displayName: 'system',
      testMatch: ['<rootDir>/test/{integration,conformance,faults}/**/*.test.ts'],
      globalSetup: '<rootDir>/test/services/global-setup.ts',
      globalTeardown: '<rootDir>/test/services/global-teardown.ts',
    },
    {
      ...base,
      displayName: 'security',
      testMatch: ['<rootDir>/test/security/**/*.test.ts'],
      globalSetup: '<rootDir>/test/services/global-setup.ts',
      globalTeardown: '<rootDir>/test/services/global-teardown.ts',
    },
    {
      ...base,
      displayName: 'browser',
      testMatch: ['<rootDir>/test/browser/**/*.test.ts'],
      globalSetup: '<rootDir>/test/services/global-setup.ts',
      globalTeardown: '<rootDir>/test/services/global-teardown.ts',
    },
  ],
};
