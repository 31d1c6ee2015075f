import { describe, expect, it } from '@jest/globals';
import { SIZE_CAPS } from '@bullpen/core';

import { NO_USAGE } from './outcomes.ts';
import { outcomeOfReply, parseReply } from './reply.ts';

const outcomeOf = (text: string) => {
  const reply = parseReply(text);
  if (reply === null) throw new Error('not a reply');
  return outcomeOfReply(reply, NO_USAGE);
};

describe('a reply', () => {
  it.each([[null], [undefined], [42], [{}], [''], ['null'], ['{}'], ['[]'], ['{"kind":"succeeded"}'], ['{"kind":"threw"}'],
    ['{"kind":"refused","problem":"constructor","detail":"x"}'], [`"${'x'.repeat(2 * SIZE_CAPS.resultBytes)}"`]])('is not %p', (text) => {
    expect(parseReply(text)).toBeNull();
  });

  it('with a result succeeds, written as JSON anew', () => {
    expect(outcomeOf('{"kind":"returned","result":{ "a": [1, "é"] }}')).toEqual({ kind: 'succeeded', resultJson: '{"a":[1,"é"]}', usage: NO_USAGE });
    expect(outcomeOf('{"kind":"returned","result":null}')).toMatchObject({ resultJson: 'null' });
  });

  it('whose numbers Postgres could not hold loses them, as JSON.stringify does', () => {
    expect(outcomeOf('{"kind":"returned","result":{"n":1e999999}}')).toMatchObject({ kind: 'succeeded', resultJson: '{"n":null}' });
  });

  it.each([
    ['"a\\u0000"', 'RESULT_NOT_STORABLE'],
    ['"\\ud800"', 'RESULT_NOT_STORABLE'],
    [`${'['.repeat(200)}${']'.repeat(200)}`, 'RESULT_NOT_STORABLE'],
    [`"${'é'.repeat(SIZE_CAPS.resultBytes / 2 + 1)}"`, 'RESULT_TOO_LARGE'],
  ])('that the thread should not have sent is refused here', (result, code) => {
    expect(outcomeOf(`{"kind":"returned","result":${result}}`)).toMatchObject({ kind: 'failed', state: 'failed', error: { code }, retryable: false });
  });

  it.each([['too_large', 'RESULT_TOO_LARGE'], ['not_serializable', 'RESULT_NOT_SERIALIZABLE'], ['not_storable', 'RESULT_NOT_STORABLE']])(
    'that says %s fails with %s', (problem, code) => {
      expect(outcomeOf(JSON.stringify({ kind: 'refused', problem, detail: 'why' }))).toMatchObject({ kind: 'failed', error: { code }, retryable: false });
    });

  it('that says what was thrown keeps a message that Postgres can hold', () => {
    expect(outcomeOf(JSON.stringify({ kind: 'threw', message: 'a\u0000\ud800', stack: 'at x' }))).toMatchObject({
      state: 'failed', retryable: true, error: { code: 'AGENT_THREW', message: 'a\uFFFD\uFFFD', stack: 'at x' },
    });
    expect(outcomeOf(JSON.stringify({ kind: 'load_failed', message: 'x' }))).toMatchObject({ error: { code: 'BUNDLE_LOAD_FAILED' }, retryable: false });
  });
});
