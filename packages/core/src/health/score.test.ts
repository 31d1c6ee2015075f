import { describe, expect, it } from '@jest/globals';

import { CONTAINER_HEALTH, ORGANIZATION_HEALTH, SYSTEM_HEALTH, WORKER_HEALTH } from './criteria.ts';
import { HEALTH_LEVELS, healthLevel, healthReportSchema, scoreHealth, type HealthCriterion, type HealthLevel } from './score.ts';

/** A fixed sequence of numbers in [0, 1). Source: Numerical Recipes' linear congruential generator. */
function sequence(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32) / 2 ** 32;
}

const SUBJECTS: [string, readonly HealthCriterion[]][] = [['container', CONTAINER_HEALTH], ['organization', ORGANIZATION_HEALTH], ['worker', WORKER_HEALTH], ['system', SYSTEM_HEALTH]];

/** A value anywhere from well inside the healthy range to well past failure. */
function anyValue({ healthyAt, failedAt }: HealthCriterion, share: number): number {
  return healthyAt + (failedAt - healthyAt) * (share * 1.6 - 0.3);
}

describe('a health score', () => {
  it.each(SUBJECTS)('never rises when one component gets worse: %s', (_, criteria) => {
    const random = sequence(11);
    for (let round = 0; round < 400; round += 1) {
      const shares = criteria.map(() => (random() < 0.1 ? null : random()));
      const worse = Math.floor(random() * criteria.length);
      const scoreWith = (shareOf: (index: number) => number | null) => scoreHealth(criteria, Object.fromEntries(criteria.map((criterion, index) => {
        const share = shareOf(index);
        return [criterion.name, share === null ? null : anyValue(criterion, share)];
      }))).score;
      const before = shares[worse] ?? 0;
      const healthier = scoreWith((index) => (index === worse ? before : shares[index] ?? null));
      const sicker = scoreWith((index) => (index === worse ? before + random() : shares[index] ?? null));
      expect(sicker).toBeLessThanOrEqual(healthier);
    }
  });

  it('is 90 or more under normal load', () => {
    const random = sequence(3);
    for (let round = 0; round < 200; round += 1) {
      const organization = scoreHealth(ORGANIZATION_HEALTH, {
        successRatio: 0.96 + 0.04 * random(), queueWaitP95Ms: 3000 * random(), latencyOverBaseline: 0.3 + 2 * random(), killedRatio: 0.015 * random(), poolSaturationRatio: random(),
      });
      const worker = scoreHealth(WORKER_HEALTH, { heartbeatAgeMs: 2500 * random(), eventLoopDelayMs: 150 * random(), crashesPerMinute: 2 * random(), slotSaturationRatio: random() });
      const system = scoreHealth(SYSTEM_HEALTH, {
        heartbeatsRatio: 1, successRatio: 0.96 + 0.04 * random(), queueWaitP95Ms: 3000 * random(), healthyOrganizationsRatio: 0.93 + 0.07 * random(), postgresMs: 50 * random(), slotSaturationRatio: random(),
      });
      for (const { score, level } of [organization, worker, system]) {
        expect(score).toBeGreaterThanOrEqual(90);
        expect(level).toBe('healthy');
      }
    }
  });

  it('comes with its components, thresholds and a sentence that names what costs most', () => {
    const report = healthReportSchema.parse(scoreHealth(ORGANIZATION_HEALTH, { successRatio: 0.6, queueWaitP95Ms: 100 }));
    expect(report.components.map(({ name }) => name)).toEqual(ORGANIZATION_HEALTH.map(({ name }) => name));
    expect(report.reason).toBe('success is 60 %, healthy is at least 97 %');
    expect(report.components[2]).toMatchObject({ value: null, score: null, reason: 'latency over baseline is not known' });
    expect(scoreHealth(ORGANIZATION_HEALTH, {})).toMatchObject({ score: 100, reason: 'nothing is known yet' });
    expect(scoreHealth(ORGANIZATION_HEALTH, { successRatio: 1 }).reason).toBe('all components are healthy');
  });

  it('is no better than its worst critical component', () => {
    expect(scoreHealth(WORKER_HEALTH, { heartbeatAgeMs: 60_000, eventLoopDelayMs: 1, crashesPerMinute: 0, slotSaturationRatio: 0 })).toMatchObject({ score: 0, level: 'unhealthy' });
  });

  it('takes what is no number as not known', () => {
    expect(scoreHealth(WORKER_HEALTH, { heartbeatAgeMs: Number.NaN, eventLoopDelayMs: 1 })).toMatchObject({ score: 100 });
  });
});

describe('a level', () => {
  it('does not flap when the score wavers about a threshold', () => {
    for (const threshold of [50, 80]) {
      let level: HealthLevel = 'healthy';
      let changes = 0;
      for (let turn = 0; turn < 100; turn += 1) {
        const next = healthLevel(threshold + (turn % 2 === 0 ? -2 : 3), level);
        if (next !== level) changes += 1;
        level = next;
      }
      expect(changes).toBe(1);
    }
  });

  it('is regained when the score is clearly better', () => {
    expect(healthLevel(85, 'degraded')).toBe('degraded');
    expect(healthLevel(86, 'degraded')).toBe('healthy');
    expect(healthLevel(55, 'unhealthy')).toBe('unhealthy');
    expect(healthLevel(56, 'unhealthy')).toBe('degraded');
    expect(HEALTH_LEVELS.map((previous) => healthLevel(100, previous))).toEqual(['healthy', 'healthy', 'healthy']);
  });
});
