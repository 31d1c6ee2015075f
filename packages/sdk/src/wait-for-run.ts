import { BullpenError, errorCodeOf, isTerminal } from '@bullpen/core';

import type { RunOf, WaitOptions } from './client-types.ts';
import { askedPauseMs, mayComeBack, type Http } from './http.ts';
import { pause } from './pause.ts';

/** One request asks for so long at most: proxies cut off what is silent for longer. */
const ASK_MS = 30_000;
/** Without any answer for so long it is given up: an API that is being replaced is back before. */
const PATIENCE_MS = 30_000;
/** Between two requests of which the first was answered, or refused, at once: a process that stops does so. */
const PAUSE_MS = 250;

/**
 * The run when it is over: asks `GET /v1/runs/{id}/wait` again and again, so that a connection or an API process that
 * goes away in between costs nothing.
 * @throws BullpenError RUN_NOT_FINISHED where `timeoutMs` passed first
 */
export async function waitForRun<Result>(http: Http, runId: string, { signal, timeoutMs = Infinity }: WaitOptions = {}): Promise<RunOf<Result>> {
  const untilMs = performance.now() + timeoutMs;
  let answeredAtMs = performance.now();
  for (;;) {
    const askedAtMs = performance.now();
    const askMs = Math.ceil(Math.min(ASK_MS, Math.max(0, untilMs - askedAtMs)));
    let pauseMs = PAUSE_MS;
    const run = await askOnce<Result>(http, runId, askMs, signal).catch((error: unknown) => {
      const isAnswer = errorCodeOf(error) === 'RATE_LIMITED';
      if (!mayComeBack(error) || (!isAnswer && performance.now() - answeredAtMs > PATIENCE_MS)) throw error;
      if (isAnswer) answeredAtMs = performance.now();
      pauseMs = Math.max(PAUSE_MS, askedPauseMs(error) ?? 0);
      return null;
    });
    if (run !== null) answeredAtMs = performance.now();
    if (run !== null && isTerminal(run.state)) return run;
    if (performance.now() >= untilMs) {
      const state = run?.state ?? 'unknown';
      throw new BullpenError('RUN_NOT_FINISHED', `run ${runId} is ${state} after ${timeoutMs} ms`, { runId, state });
    }
    if (pauseMs > PAUSE_MS || performance.now() - askedAtMs < PAUSE_MS) await pause(Math.min(pauseMs, untilMs - performance.now()), signal);
  }
}

async function askOnce<Result>(http: Http, runId: string, askMs: number, signal: AbortSignal | undefined): Promise<RunOf<Result>> {
  const path = `/v1/runs/${encodeURIComponent(runId)}/wait`;
  return (await http.send<RunOf<Result>>({ method: 'GET', path, query: { timeout: `${askMs}ms` }, signal, idempotent: true, extraTimeoutMs: askMs })).body;
}
