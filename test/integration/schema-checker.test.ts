import { afterAll, describe, expect, it } from '@jest/globals';
import { Deadline } from '@bullpen/core';
import { createSchemaChecker } from '@bullpen/json-schema';
import { zodChecker } from '@bullpen/sdk/testing';

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

  /** What docs/testing-agents.md says of the checker that the test runtime brings. */
  it.each([
    ['a bound without a type', { minimum: 5 }, 3, { here: false, there: true }],
    ['a length without a type', { minLength: 3 }, 'a', { here: false, there: true }],
    ['a property without a type', { required: ['a'] }, {}, { here: false, there: true }],
    ['what may not be there without a type', { additionalProperties: false }, { a: 1 }, { here: false, there: true }],
    ['an object as constant', { const: { a: 1 } }, { a: 1 }, { here: true, there: false }],
    ['an object among values', { enum: [{ a: 1 }] }, { a: 1 }, { here: true, there: false }],
    ['a large integer', { type: 'integer' }, 1e20, { here: true, there: false }],
    ['a bound with its type', { type: 'number', minimum: 5 }, 3, { here: false, there: false }],
    ['properties of an object', { type: 'object', required: ['a'], additionalProperties: false }, { b: 1 }, { here: false, there: false }],
    ['the same twice', { type: 'array', uniqueItems: true }, [1, 1], { here: false, there: false }],
    ['exactly one of two', { oneOf: [{ type: 'number' }, { type: 'integer' }] }, 1, { here: false, there: false }],
  ])('says of %s what the documentation of the test runtime says of both checkers', async (_what, schema, value, fits) => {
    const here = (await checker.check(schema, JSON.stringify(value))).valid;
    const there = (await zodChecker.check(schema, value)).length === 0;
    expect({ here, there }).toEqual(fits);
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
