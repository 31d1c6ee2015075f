import { z } from 'zod';

import { parseConfig } from '@bullpen/core';

const schema = z.object({
  BULLPEN_BENCH_ROUNDS: z.coerce.number().int().min(1).max(100).default(5),
});

export interface ChecksConfig {
  /** How often a benchmark measures. */
  readonly benchRounds: number;
}

export function loadChecksConfig(env: Readonly<Record<string, string | undefined>> = process.env): ChecksConfig {
  return { benchRounds: parseConfig(schema, env).BULLPEN_BENCH_ROUNDS };
}

/** The environment of a tool that a check runs: ours, and nothing that calls home or waits for an answer. */
export function toolEnv(env: Readonly<Record<string, string | undefined>> = process.env): Record<string, string | undefined> {
  return {
    ...env,
    CI: 'true',
    DO_NOT_TRACK: '1',
    TURBO_TELEMETRY_DISABLED: '1',
    TURBO_NO_UPDATE_NOTIFIER: '1',
    npm_config_update_notifier: 'false',
    // Plain text: the output is read again, cut and printed in parts.
    NO_COLOR: '1',
    FORCE_COLOR: undefined,
  };
}
