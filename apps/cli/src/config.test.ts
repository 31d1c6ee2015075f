import { describe, expect, it } from '@jest/globals';

import { DEFAULT_API_URL, loadEnvironment, parseCredentials, resolveConnection, type Credentials } from './config.ts';

const none = loadEnvironment({});
const file: Credentials = { apiUrl: 'http://127.0.0.1:3001', adminKey: 'admin', orgs: { acme: 'acme-key', globex: 'globex-key' }, path: 'credentials.json' };

describe('where requests go and as whom', () => {
  it('is the first organization of the credentials file where nothing is said', () => {
    expect(resolveConnection({}, none, file)).toEqual({ baseUrl: 'http://127.0.0.1:3001', apiKey: 'acme-key' });
  });

  it('is the organization of the flag before that of the environment', () => {
    const env = loadEnvironment({ BULLPEN_ORG: 'acme' });
    expect(resolveConnection({ org: 'globex' }, env, file).apiKey).toBe('globex-key');
    expect(resolveConnection({}, env, file).apiKey).toBe('acme-key');
  });

  it('is the admin acting for an organization that the file has no key of', () => {
    expect(resolveConnection({ org: 'initech' }, none, file)).toEqual({ baseUrl: 'http://127.0.0.1:3001', apiKey: 'admin', org: 'initech' });
  });

  it('says which organizations the file knows where there is no admin key', () => {
    const { adminKey: _, ...rest } = file;
    expect(() => resolveConnection({ org: 'initech' }, none, rest)).toThrow(/no key for initech \(it has: acme, globex\)/);
    expect(() => resolveConnection({ org: 'constructor' }, none, rest)).toThrow(/no key for constructor/);
  });

  it('takes flags before the environment, and both before the file', () => {
    const env = loadEnvironment({ BULLPEN_API_URL: 'http://env', BULLPEN_API_KEY: 'env-key' });
    expect(resolveConnection({}, env, file)).toEqual({ baseUrl: 'http://env', apiKey: 'env-key' });
    expect(resolveConnection({ url: 'http://flag', key: 'flag-key' }, env, file)).toEqual({ baseUrl: 'http://flag', apiKey: 'flag-key' });
  });

  it('never sends a key of the file to another address, nor a given key to an address of the file', () => {
    expect(() => resolveConnection({ url: 'http://evil.test' }, none, file)).toThrow(/are for http:\/\/127.0.0.1:3001, not for http:\/\/evil.test/);
    expect(resolveConnection({ url: 'http://127.0.0.1:3001/' }, none, file).apiKey).toBe('acme-key');
    expect(resolveConnection({ key: 'mine' }, none, { ...file, apiUrl: 'http://evil.test' }).baseUrl).toBe(DEFAULT_API_URL);
  });

  it('says how to get a key where there is none', () => {
    expect(() => resolveConnection({}, none, null)).toThrow(/npm start/);
  });

  it('counts empty variables as absent', () => {
    expect(loadEnvironment({ BULLPEN_API_KEY: '', NO_COLOR: '' })).toEqual({ apiUrl: undefined, apiKey: undefined, org: undefined, noColor: false });
    expect(loadEnvironment({ NO_COLOR: '1' }).noColor).toBe(true);
  });
});

describe('the credentials file', () => {
  it('is read as it is written', () => {
    expect(parseCredentials('{"apiUrl":"http://x","orgs":{"acme":"k"}}', 'p')).toEqual({ apiUrl: 'http://x', orgs: { acme: 'k' }, path: 'p' });
  });

  it.each([
    ['text that is not JSON', '{', /p is not JSON/],
    ['null', 'null', /not a credentials file/],
    ['an address that is none', '{"apiUrl":"x","orgs":{}}', /not a credentials file/],
    ['keys that are not text', '{"apiUrl":"http://x","orgs":{"acme":1}}', /not a credentials file/],
    ['no organizations', '{"apiUrl":"http://x"}', /not a credentials file/],
  ])('is refused with what to do about it: %s', (_, text, message) => {
    expect(() => parseCredentials(text, 'p')).toThrow(message);
    expect(() => parseCredentials(text, 'p')).toThrow(/npm start/);
  });
});
