import type { RunHandle, RunsClient } from './client-types.ts';

/** What can be done with one run, without saying its id each time. */
export function runHandle<Result>(runs: RunsClient, id: string): RunHandle<Result> {
  return {
    id,
    stream: (options) => runs.events(id, options),
    [Symbol.asyncIterator]: () => runs.events(id),
    wait: (options) => runs.wait<Result>(id, options),
    get: (call) => runs.get<Result>(id, call),
    result: (call) => runs.result<Result>(id, call),
    logs: (options) => runs.logs(id, options),
    why: (call) => runs.why(id, call),
    cancel: (call) => runs.cancel(id, call),
    replay: (call) => runs.replay(id, call),
  };
}
