import { CONTAINER_HEALTH, scoreHealth, type ContainerHealth } from '@bullpen/core';

/** The score of a container by its last readings, with what it is made of and a sentence. */
export function assessContainer(of: { heldMb: number; baselineMb: number; limitMb: number; eventLoopDelayMs: number | null }): ContainerHealth {
  const { score, reason, components } = scoreHealth(CONTAINER_HEALTH, {
    memoryRatio: of.heldMb / of.limitMb,
    eventLoopDelayMs: of.eventLoopDelayMs,
    baselineRatio: of.baselineMb / of.limitMb,
  });
  return { score, reason, components: components.map((one) => ({ name: one.name, value: one.value, score: one.score })) };
}
