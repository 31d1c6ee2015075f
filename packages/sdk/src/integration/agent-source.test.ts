import { describe, expect, it } from '@jest/globals';

import { readAgent } from './agent-source.ts';

describe('what an agent may be', () => {
  it('is a deployed one by its name, of a version, or of a deployment', () => {
    expect(readAgent('invoice')).toEqual({ kind: 'deployed', agent: 'invoice' });
    expect(readAgent({ agent: 'invoice', version: 3 })).toEqual({ kind: 'deployed', agent: 'invoice', version: 3 });
    expect(readAgent({ agent: 'invoice', deployment: 'production' })).toEqual({ kind: 'deployed', agent: 'invoice', deployment: 'production' });
  });

  it.each([
    ['a version that is none of ours', { agent: 'invoice', version: '3' }], ['a version in other words', { agent: 'invoice', version: '2.1.0' }],
    ['a deployment that is no name', { agent: 'invoice', deployment: { name: 'production' } }], ['no steps', { name: 'invoice', steps: [] }], ['nothing', null], ['no name', ''],
  ])('is for another engine where it has %s', (_, source) => {
    expect(readAgent(source)).toBeNull();
  });
});
