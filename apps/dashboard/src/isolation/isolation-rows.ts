import type { Tier, WorkerSnapshot } from '@bullpen/core';

import type { Tone } from '../runs/run-states.ts';

export type IsolationLevel = 'target' | 'weaker' | 'refused' | 'development';

export const LEVEL_VIEWS: Readonly<Record<IsolationLevel, { tone: Tone; label: string }>> = {
  target: { tone: 'good', label: 'at target' },
  weaker: { tone: 'warn', label: 'weaker' },
  refused: { tone: 'bad', label: 'refused' },
  development: { tone: 'warn', label: 'development only' },
};

export interface IsolationRow {
  workerId: string;
  host: string;
  platform: string;
  tier: Tier;
  level: IsolationLevel;
  target: string;
  achieved: string;
  at: string;
  cases: readonly { name: string; passed: boolean }[];
}

/** A row for each worker that has told of its walls, and tier. */
export function isolationRows(workers: readonly WorkerSnapshot[]): IsolationRow[] {
  return workers.flatMap(({ id, host, platform, isolation }) => (isolation?.tiers ?? []).map(({ tier, isBuilt, target, achieved, cases }) => ({
    workerId: id, host, platform, tier, target, achieved, cases, at: isolation?.at ?? '',
    level: levelOf({ platform, isBuilt, isAtTarget: achieved === target }),
  })));
}

function levelOf({ platform, isBuilt, isAtTarget }: { platform: string; isBuilt: boolean; isAtTarget: boolean }): IsolationLevel {
  if (!isBuilt) return 'refused';
  // No wall of these systems has been tried as one against hostile code.
  if (!platform.startsWith('linux')) return 'development';
  return isAtTarget ? 'target' : 'weaker';
}
