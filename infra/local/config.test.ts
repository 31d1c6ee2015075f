import { describe, expect, it } from '@jest/globals';

import { loadUpConfig } from './config.ts';

describe('the configuration of npm start', () => {
  it('needs nothing: loopback, any free port from 3000, data beside the checkout or in the place of root', () => {
    const config = loadUpConfig([], {});
    expect(config).toMatchObject({ host: '127.0.0.1', port: undefined, queue: undefined, exit: false, examples: true });
    expect(config.dataDir).toMatch(/\/\.bullpen$|^\/var\/lib\/bullpen\//);
  });

  it('keeps data and logs in the folder it is given', () => {
    expect(loadUpConfig([], { BULLPEN_DATA_DIR: '/srv/bullpen' })).toMatchObject({ dataDir: '/srv/bullpen', logDir: '/srv/bullpen/logs' });
  });

  it('takes empty variables for absent ones', () => {
    expect(loadUpConfig([], { DATABASE_URL: '', PORT: '' })).toMatchObject({ databaseUrl: undefined, port: undefined });
  });

  it('names every variable that is wrong', () => {
    expect(() => loadUpConfig([], { DATABASE_URL: 'mysql://x', PORT: 'many', BULLPEN_QUEUE: 'kafka' })).toThrow(/DATABASE_URL.*PORT.*BULLPEN_QUEUE/);
  });

  it('refuses arguments it does not know, and a report on examples that do not run', () => {
    expect(() => loadUpConfig(['--exitt'], {})).toThrow(/--exitt/);
    expect(() => loadUpConfig(['--exit', '--no-examples'], {})).toThrow(/--no-examples/);
  });
});
