import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import type { RunEvent } from './event-schemas.ts';
import { Redactor } from './redactor.ts';

const knowing = (...secrets: [string, string][]): Redactor => {
  const redactor = new Redactor();
  for (const [name, value] of secrets) redactor.learn(name, value);
  return redactor;
};

describe('the redactor', () => {
  it('takes a secret out of every string of an event, keys included', () => {
    const event: RunEvent = { type: 'log', level: 'info', message: 'token s3cr3t-value!', fields: { 's3cr3t-value!': [{ deep: 'xs3cr3t-value!y' }], n: 1 } };
    expect(knowing(['TOKEN', 's3cr3t-value!']).event(event)).toEqual({
      type: 'log', level: 'info', message: 'token [secret TOKEN]', fields: { '[secret TOKEN]': [{ deep: 'x[secret TOKEN]y' }], n: 1 },
    });
  });

  it('finds it in base64, base64url, percent-encoded, and line by line', () => {
    const value = 'first line ??>>\nsecond line??>>';
    const redactor = knowing(['PEM', value]);
    const said = [Buffer.from(value).toString('base64'), Buffer.from(value).toString('base64url'), encodeURIComponent(value), 'first line ??>>', 'second line??>>'];
    for (const form of said) expect(redactor.text(`a ${form} b`)).not.toContain(form.slice(0, -2));
  });

  it('replaces the longer of two secrets that hold each other', () => {
    expect(knowing(['SHORT', 'abcdef'], ['LONG', 'abcdef-ghijkl']).text('abcdef-ghijkl abcdef')).toBe('[secret LONG] [secret SHORT]');
  });

  it('leaves texts of others as they are, and does not look for what is too short to tell', () => {
    const event: RunEvent = { type: 'emit', name: 'x', data: { a: 'abc' } };
    expect(knowing().event(event)).toBe(event);
    expect(knowing(['PIN', 'abc']).text('abcabc')).toBe('abcabc');
  });

  it('leaves no learned value in any text', () => {
    const values = fc.array(fc.string({ minLength: 4, maxLength: 20 }).filter((value) => !'[secret NAME]'.includes(value)), { minLength: 1, maxLength: 4 });
    fc.assert(fc.property(values, fc.array(fc.string()), (secrets, parts) => {
      const text = knowing(...secrets.map((value): [string, string] => ['NAME', value])).text(parts.join(secrets[0]));
      // What is put in its place may join with its neighbours to another secret's text: only the value itself is promised.
      if (parts.length > 1 && !secrets.slice(1).some((other) => other.includes(secrets[0] ?? '') || '[secret NAME]'.includes(other))) {
        expect(text.replaceAll('[secret NAME]', '\u0000')).not.toContain(secrets[0]);
      }
    }));
  });
});
