import { describe, expect, it } from '@jest/globals';

import { RequestFailure, failureOf, needsSignIn } from './request.ts';

describe('a failed request', () => {
  it('takes its sentence and code from the problem document', () => {
    const failure = failureOf(409, { title: 'The run is in a terminal state.', detail: 'run run_1 has succeeded', code: 'RUN_ALREADY_FINISHED' });
    expect([failure.message, failure.status, failure.code]).toEqual(['run run_1 has succeeded', 409, 'RUN_ALREADY_FINISHED']);
  });

  it.each([[null], ['<html>'], [{}], [{ detail: 7 }]])('still has a sentence when the body is %j', (body) => {
    expect(failureOf(502, body).message).toBe('The server answered with status 502.');
  });

  it('asks for a sign-in on 401 and 403 only', () => {
    const asks = [401, 403, 404, 500, 0].map((status) => needsSignIn(new RequestFailure('no', status)));
    expect(asks).toEqual([true, true, false, false, false]);
    expect(needsSignIn(new Error('other'))).toBe(false);
  });
});
