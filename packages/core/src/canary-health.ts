import type { CanaryHealth, CanaryPolicy } from './deployment-schemas.ts';

/** What is known of the ended runs of one version. */
export interface VersionSample {
  /** Those that succeeded or failed; cancelled and expired runs say nothing of a version. */
  runs: number;
  failures: number;
  /** Wall times of the runs that succeeded, ms. */
  wallMs: readonly number[];
}

/**
 * Compares a canary with the stable version. It is worse when it fails more often (by more than `maxErrorIncrease`, and
 * Fisher's exact test finds that no accident) or is slower (by more than `maxLatencyRatio` in the median, and the
 * Mann-Whitney test finds that no accident). Looking again and again finds an accident sooner or later, so looks are
 * taken at `minSamples`, twice, four times ... as many runs of the canary only, and each has half the level of the one
 * before: over all looks a canary that is as good is rolled back with a chance of at most 1 - `confidence`.
 * @param looks - looks taken before this one
 */
export function canaryHealth(stable: VersionSample, canary: VersionSample, policy: CanaryPolicy, looks: number): CanaryHealth & { looks: number } {
  const figures = { stable: figuresOf(stable), canary: figuresOf(canary) };
  const dueAt = policy.minSamples * 2 ** looks;
  if (canary.runs < dueAt || stable.runs < policy.minSamples) {
    const reason = stable.runs < policy.minSamples
      ? `${stable.runs} ended runs of the stable version: ${policy.minSamples} are needed`
      : `${canary.runs} ended runs of the canary: the next look is at ${dueAt}`;
    return { verdict: looks === 0 ? 'waiting' : 'healthy', reason, ...figures, errorPValue: null, latencyPValue: null, level: null, looks };
  }
  // Two tests share the level of a look.
  const level = (1 - policy.confidence) / 2 ** (looks + 1) / 2;
  const errorPValue = fisherPValue(stable, canary);
  const latencyPValue = mannWhitneyPValue(stable.wallMs, canary.wallMs);
  const reason = worseBecause(figures, policy, { errorPValue, latencyPValue, level });
  return { verdict: reason === null ? 'healthy' : 'worse', reason: reason ?? 'no worse than the stable version', ...figures, errorPValue, latencyPValue, level, looks: looks + 1 };
}

type Figures = CanaryHealth['stable'];

function worseBecause(
  { stable, canary }: { stable: Figures; canary: Figures }, policy: CanaryPolicy,
  { errorPValue, latencyPValue, level }: { errorPValue: number; latencyPValue: number | null; level: number },
): string | null {
  const moreErrors = (canary.errorRatio ?? 0) - (stable.errorRatio ?? 0);
  if (moreErrors > policy.maxErrorIncrease && errorPValue < level) {
    return `${canary.failures} of ${canary.runs} runs of the canary failed, ${stable.failures} of ${stable.runs} of the stable version`;
  }
  const slower = (canary.p50Ms ?? 0) / Math.max(stable.p50Ms ?? Infinity, Number.EPSILON);
  if (slower > policy.maxLatencyRatio && latencyPValue !== null && latencyPValue < level) {
    return `the median run of the canary took ${canary.p50Ms} ms, that of the stable version ${stable.p50Ms} ms`;
  }
  return null;
}

function figuresOf({ runs, failures, wallMs }: VersionSample): Figures {
  const sorted = [...wallMs].sort((a, b) => a - b);
  const at = (q: number) => (sorted.length === 0 ? null : (sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? null));
  return { runs, failures, errorRatio: runs === 0 ? null : failures / runs, p50Ms: at(0.5), p95Ms: at(0.95) };
}

/** Chance of at least as many failures among the canary's runs, when the failures of both fall on runs by chance. */
function fisherPValue(stable: VersionSample, canary: VersionSample): number {
  const failures = stable.failures + canary.failures;
  const runs = stable.runs + canary.runs;
  const logWays = (n: number, k: number) => logFactorial(n) - logFactorial(k) - logFactorial(n - k);
  let chance = 0;
  for (let k = canary.failures; k <= Math.min(failures, canary.runs); k += 1) {
    if (failures - k > stable.runs) continue;
    chance += Math.exp(logWays(canary.runs, k) + logWays(stable.runs, failures - k) - logWays(runs, failures));
  }
  return Math.min(1, chance);
}

const LOG_FACTORIALS = [0];

function logFactorial(n: number): number {
  for (let i = LOG_FACTORIALS.length; i <= n; i += 1) LOG_FACTORIALS.push((LOG_FACTORIALS[i - 1] ?? 0) + Math.log(i));
  return LOG_FACTORIALS[n] ?? 0;
}

/** Too few for the normal approximation to hold. */
const FEWEST_TIMES = 8;

/** One-sided, by the normal approximation with correction for ties and continuity; null for too few times. */
function mannWhitneyPValue(stable: readonly number[], canary: readonly number[]): number | null {
  const [n, m] = [canary.length, stable.length];
  if (n < FEWEST_TIMES || m < FEWEST_TIMES) return null;
  const all = [...canary.map((ms) => ({ ms, isCanary: true })), ...stable.map((ms) => ({ ms, isCanary: false }))].sort((a, b) => a.ms - b.ms);
  let rankSum = 0;
  let ties = 0;
  for (let from = 0; from < all.length;) {
    let to = from;
    while (to < all.length && all[to]?.ms === all[from]?.ms) to += 1;
    const size = to - from;
    rankSum += all.slice(from, to).filter(({ isCanary }) => isCanary).length * (from + 1 + to) / 2;
    ties += size ** 3 - size;
    from = to;
  }
  const u = rankSum - (n * (n + 1)) / 2;
  const variance = (n * m / 12) * (n + m + 1 - ties / ((n + m) * (n + m - 1)));
  if (variance <= 0) return 1;
  return upperTail((u - (n * m) / 2 - 0.5) / Math.sqrt(variance));
}

/** P(Z > z) of the standard normal distribution, to 7.5e-8. Source: Abramowitz and Stegun, formula 26.2.17. */
function upperTail(z: number): number {
  if (z < 0) return 1 - upperTail(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const density = Math.exp(-(z * z) / 2) / Math.sqrt(2 * Math.PI);
  return density * t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
}
