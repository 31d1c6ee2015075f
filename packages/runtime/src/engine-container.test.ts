import { describe, expect, it } from '@jest/globals';
import { silentLogger, systemClock } from '@bullpen/core';

import type { RuntimeContainer } from './container.ts';
import { createContainers } from './engine-container.ts';
import { isEngineLost, type Engine } from './engine.ts';
import { threadMemoryRule } from './memory-rules.ts';

/** An engine that opens, and does what the test wants before anybody hears that it is open. */
function containerThat(opens: (engine: { end: () => void; container: () => RuntimeContainer }) => void): RuntimeContainer {
  const gone = Promise.withResolvers<void>();
  let hasEnded = false;
  const end = () => { hasEnded = true; gone.resolve(); };
  const engine: Engine = {
    gone: gone.promise,
    get hasEnded() { return hasEnded; },
    killSignal: 'SIGKILL',
    droppedEvents: 0,
    answersPings: false,
    open: async () => opens({ end, container: () => container }),
    run: () => Promise.reject(new Error('nothing is to run')),
    tell: () => Promise.resolve(),
    drain: () => undefined,
    read: () => new Promise((resolve) => { setImmediate(resolve, { heapMb: 1, externalMb: 0, cpuMs: 1 }); }),
    kill: end,
  };
  const container = createContainers({ tier: 'enhanced', memoryRule: threadMemoryRule, engine: () => engine, clock: systemClock, log: silentLogger, maxRuns: 1 })({ orgId: 'acme', limitMb: 64, isAlone: false });
  return container;
}

const failureOf = (container: RuntimeContainer) => container.start().then(() => null, (error: unknown) => error);

describe('a container that starts', () => {
  it('is warm once its engine is open', async () => {
    const container = containerThat(() => undefined);
    expect(await failureOf(container)).toBeNull();
    expect(container.state).toBe('warm');
  });

  it('says that its engine was lost where that ended by itself just after it had opened, so that another one is started', async () => {
    const container = containerThat(({ end }) => end());
    const error = await failureOf(container);
    expect(error).toMatchObject({ code: 'CONTAINER_CRASHED' });
    expect(isEngineLost(error)).toBe(true);
    expect(container.state).toBe('dead');
  });

  it('says nothing of the kind where it was ended on purpose', async () => {
    const container = containerThat((engine) => void engine.container().kill('evicted'));
    const error = await failureOf(container);
    expect(error).toMatchObject({ code: 'CONTAINER_CRASHED' });
    expect(isEngineLost(error)).toBe(false);
  });
});
