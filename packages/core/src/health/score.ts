import { z } from 'zod';

/**
 * How a health score is made, for whatever has one: a container, an organization, a worker, the system. Pure.
 *
 * A score is 0 to 100 and never stands alone: it comes with the components it is made of, each with its value, its two
 * thresholds, its weight and a sentence. A component scores 100 up to `healthyAt`, 0 from `failedAt` on and falls in a
 * straight line in between; which of the two is larger says in which direction the value gets worse. The whole is the
 * weighted mean of its components, but never better than the worst of those that are `critical`. So it can only fall
 * when a component gets worse. A component whose value is not known counts neither way.
 */
export interface HealthCriterion {
  readonly name: string;
  /** Of the value, for people: `ms`, `ratio`, `1/min`. */
  readonly unit: string;
  readonly weight: number;
  readonly healthyAt: number;
  readonly failedAt: number;
  /** The whole is not healthier than this. */
  readonly critical?: boolean;
}

export const HEALTH_LEVELS = ['healthy', 'degraded', 'unhealthy'] as const;
export type HealthLevel = (typeof HEALTH_LEVELS)[number];

export const healthComponentSchema = z.strictObject({
  name: z.string(),
  value: z.number().nullable().describe('null: not known, and then it does not count'),
  unit: z.string(),
  weight: z.number(),
  healthyAt: z.number().describe('100 points up to here'),
  failedAt: z.number().describe('no points from here on'),
  score: z.number().min(0).max(100).nullable(),
  reason: z.string(),
});
export type HealthComponent = z.output<typeof healthComponentSchema>;

export const healthReportSchema = z.strictObject({
  score: z.number().min(0).max(100),
  level: z.enum(HEALTH_LEVELS),
  reason: z.string().describe('what costs most, in words'),
  components: z.array(healthComponentSchema),
});
export type HealthReport = z.output<typeof healthReportSchema>;

/** A value by the name of its criterion; null or left out: not known. */
export type HealthValues<C extends readonly HealthCriterion[]> = Readonly<Partial<Record<C[number]['name'], number | null>>>;

/**
 * @param previous - the level before, so that a score that wavers about a threshold does not change its level each time
 * @example scoreHealth(WORKER_HEALTH, { heartbeatAgeMs: 800, eventLoopDelayMs: 12 }, 'healthy')
 */
export function scoreHealth<C extends readonly HealthCriterion[]>(criteria: C, values: HealthValues<C>, previous?: HealthLevel): HealthReport {
  const known: Readonly<Record<string, number | null | undefined>> = values;
  const components = criteria.map((criterion) => component(criterion, known[criterion.name] ?? null));
  const counted = components.filter((one) => one.score !== null);
  const weight = counted.reduce((sum, one) => sum + one.weight, 0);
  const mean = weight === 0 ? 100 : counted.reduce((sum, one) => sum + one.weight * (one.score ?? 0), 0) / weight;
  const critical = components.filter((one, index) => criteria[index]?.critical === true && one.score !== null);
  const score = rounded(Math.min(mean, ...critical.map((one) => one.score ?? 100)));
  return { score, level: healthLevel(score, previous), reason: reasonOf(counted), components };
}

/** Below these a level is left for the worse; it is regained `REGAINED_ABOVE` points higher only. */
const DEGRADED_BELOW = 80;
const UNHEALTHY_BELOW = 50;
const REGAINED_ABOVE = 6;

/** The level of a score, with hysteresis about the level before. */
export function healthLevel(score: number, previous: HealthLevel = 'healthy'): HealthLevel {
  const bonus = (lost: boolean) => (lost ? REGAINED_ABOVE : 0);
  if (score < UNHEALTHY_BELOW + bonus(previous === 'unhealthy')) return 'unhealthy';
  return score < DEGRADED_BELOW + bonus(previous !== 'healthy') ? 'degraded' : 'healthy';
}

function component(criterion: HealthCriterion, given: number | null): HealthComponent {
  const { name, unit, weight, healthyAt, failedAt } = criterion;
  const value = given === null || Number.isNaN(given) ? null : given;
  const score = value === null ? null : rounded(pointsOf(value, healthyAt, failedAt));
  return { name, value, unit, weight, healthyAt, failedAt, score, reason: sentence(criterion, value, score) };
}

function pointsOf(value: number, healthyAt: number, failedAt: number): number {
  if (healthyAt === failedAt) return value <= healthyAt ? 100 : 0;
  const lost = (value - healthyAt) / (failedAt - healthyAt);
  return 100 * (1 - Math.min(1, Math.max(0, lost)));
}

function sentence({ name, unit, healthyAt, failedAt }: HealthCriterion, value: number | null, score: number | null): string {
  if (value === null || score === null) return `${wordsOf(name)} is not known`;
  const said = `${wordsOf(name)} is ${quantity(value, unit)}`;
  if (score === 100) return said;
  const bound = healthyAt < failedAt ? 'at most' : 'at least';
  return `${said}, healthy is ${bound} ${quantity(healthyAt, unit)}`;
}

/** The component that costs most comes first; with nothing lost there is nothing to name. */
function reasonOf(counted: readonly HealthComponent[]): string {
  if (counted.length === 0) return 'nothing is known yet';
  const lossOf = (one: HealthComponent) => one.weight * (100 - (one.score ?? 0));
  const losing = counted.filter((one) => lossOf(one) > 0).sort((a, b) => lossOf(b) - lossOf(a));
  return losing.length === 0 ? 'all components are healthy' : losing.slice(0, 2).map((one) => one.reason).join('; ');
}

/** `queueWaitP95Ms` -> `queue wait p95`: the unit stands with the value. */
function wordsOf(name: string): string {
  return name.replace(/(Ms|Mb|Ratio)$/, '').replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase();
}

function quantity(value: number, unit: string): string {
  if (!Number.isFinite(value)) return 'without bound';
  if (unit === 'ratio') return `${rounded(value * 100)} %`;
  return `${Number(value.toPrecision(3))} ${unit}`.trim();
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
