import { BullpenError, errorCodeOf, isTerminal } from '@bullpen/core';

import type { RunOf, WaitOptions } from './client-types.ts';
import type { Http } from './http.ts';
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
    const run = await askOnce<Result>(http, runId, askMs, signal).catch((error: unknown) => {
      if (!mayComeBack(error) || performance.now() - answeredAtMs > PATIENCE_MS) throw error;
      return null;
    });
    if (run !== null) answeredAtMs = performance.now();
    if (run !== null && isTerminal(run.state)) return run;
    if (performance.now() >= untilMs) {
      const state = run?.state ?? 'unknown';
      throw new BullpenError('RUN_NOT_FINISHED', `run ${runId} is ${state} after ${timeoutMs} ms`, { runId, state });
    }
    if (performance.now() - askedAtMs < PAUSE_MS) await pause(Math.min(PAUSE_MS, untilMs - performance.now()), signal);
  }
}

async function askOnce<Result>(http: Http, runId: string, askMs: number, signal: AbortSignal | undefined): Promise<RunOf<Result>> {
  const path = `/v1/runs/${encodeURIComponent(runId)}/wait`;
  return (await http.send<RunOf<Result>>({ method: 'GET', path, query: { timeout: `${askMs}ms` }, signal, idempotent: true, extraTimeoutMs: askMs })).body;
}

function mayComeBack(error: unknown): boolean {
  const { httpStatus } = (error as { facts?: { httpStatus?: unknown } }).facts ?? {};
  return errorCodeOf(error) === 'API_UNREACHABLE' || httpStatus === 503 || httpStatus === 429;
}
