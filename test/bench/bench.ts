/** The contract of a benchmark: one file here, one question, `export default` one function of this type. */

/** One figure. `metric` and `unit` are stable names that targets are written against. */
export interface BenchResult {
  readonly metric: string;
  readonly value: number;
  /** `ms`, `MB`, `1/s`, or `ratio` for a plain number. */
  readonly unit: string;
  /** The yardstick's figure, measured in the same run and the same unit. */
  readonly against?: number;
  /** Ours over the yardstick's: the median of the rounds' ratios. */
  readonly ratio?: number;
}

export interface BenchOutcome {
  readonly results: readonly BenchResult[];
}

export interface BenchContext {
  /** A line about progress; goes to stderr. */
  log(line: string): void;
  /** How often to measure, ours and the yardstick in turns; figures are medians of the rounds. */
  readonly rounds: number;
  /** What to measure, of a benchmark that has parts: all of them where empty. */
  readonly parts: readonly string[];
  /** Started for this benchmark alone: Postgres as it runs in production (fsync on), a migrated empty database; Redis. */
  readonly services: { readonly postgresUrl: string; readonly redisUrl: string };
}

export type Bench = (context: BenchContext) => Promise<BenchOutcome>;
