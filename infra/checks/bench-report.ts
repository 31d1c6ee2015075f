import { parseOrThrow } from '@bullpen/core';
import { z } from 'zod';

const figureSchema = z.strictObject({
  metric: z.string().regex(/^[a-z0-9_]+(\.[a-z0-9_]+)*$/i),
  value: z.number(),
  unit: z.string().min(1),
  against: z.number().optional(),
  ratio: z.number().optional(),
});

/** A figure as it is printed: rounded to six significant digits, beyond which nothing here is measured. */
export type BenchFigure = z.output<typeof figureSchema>;

/** @throws BullpenError INVALID_REQUEST when a benchmark returns something else than its contract, NaN included. */
export function readBenchOutcome(outcome: unknown): BenchFigure[] {
  const { results } = parseOrThrow(z.object({ results: z.array(figureSchema).min(1) }), outcome);
  const round = (value: number): number => Number(value.toPrecision(6));
  return results.map(({ metric, value, unit, against, ratio }) => ({
    metric,
    value: round(value),
    unit,
    ...(against === undefined ? {} : { against: round(against) }),
    ...(ratio === undefined ? {} : { ratio: round(ratio) }),
  }));
}
