import { afterAll, describe, expect, it } from '@jest/globals';
import { Deadline } from '@bullpen/core';
import { createSchemaChecker } from '@bullpen/json-schema';

describe('checking values against schemas of strangers', () => {
  const checker = createSchemaChecker({ checkMs: 300 });
  afterAll(() => checker.stop(Deadline.in(5000)));

  const person = {
    $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object', required: ['name'], additionalProperties: false,
    properties: { name: { type: 'string', minLength: 1 }, mail: { type: 'string', format: 'email' }, tags: { type: 'array', prefixItems: [{ const: 'a' }] } },
  };

  it('says what does not fit, and where', async () => {
    expect(await checker.check(person, '{"name":"Ada","mail":"ada@example.com","tags":["a"]}')).toEqual({ valid: true });
    expect(await checker.check(person, '{"name":"","mail":"no","more":1}')).toEqual({
      valid: false,
      issues: expect.arrayContaining([
        { path: '', message: 'must NOT have additional properties: more' },
        { path: 'name', message: 'must NOT have fewer than 1 characters' },
        { path: 'mail', message: 'must match format "email"' },
      ]),
    });
  });

  it('refuses schemas that mean nothing or point elsewhere', async () => {
    await expect(checker.compile({ type: 'strange' })).rejects.toMatchObject({ code: 'SCHEMA_INVALID' });
    await expect(checker.compile({ $ref: 'https://example.com/schema.json' })).rejects.toMatchObject({ code: 'SCHEMA_INVALID' });
    await expect(checker.compile(person)).resolves.toBeUndefined();
  });

  it('ends a check that takes too long, goes on with the others, and refuses that schema from then on', async () => {
    const endless = { type: 'string', pattern: '^(a+)+$' };
    const value = JSON.stringify(`${'a'.repeat(60)}!`);
    const [costly, ...others] = await Promise.allSettled([checker.check(endless, value), checker.check(person, '{"name":"Ada"}'), checker.check(person, '{}')]);
    expect(costly).toMatchObject({ status: 'rejected', reason: { code: 'SCHEMA_TOO_COSTLY' } });
    expect(others).toMatchObject([{ value: { valid: true } }, { value: { valid: false } }]);
    await expect(checker.check(endless, '"a"')).rejects.toMatchObject({ code: 'SCHEMA_TOO_COSTLY' });
  });

  it('keeps schemas with the same $id apart', async () => {
    const [text, number] = [{ $id: 'x', type: 'string' }, { $id: 'x', type: 'number' }];
    expect(await Promise.all([checker.check(text, '"a"'), checker.check(number, '"a"')])).toMatchObject([{ valid: true }, { valid: false }]);
  });
});
