import type { RunState } from '@bullpen/core';

/** How a state is meant: the badge's colour and sign. */
export type Tone = 'good' | 'busy' | 'waiting' | 'warn' | 'bad' | 'idle';

interface StateView {
  label: string;
  tone: Tone;
  terminal: boolean;
}

/** Every state of core's table in words; a state that core adds is a type error here. */
export const STATE_VIEWS: Readonly<Record<RunState, StateView>> = {
  scheduled: { label: 'scheduled', tone: 'waiting', terminal: false },
  queued: { label: 'queued', tone: 'waiting', terminal: false },
  running: { label: 'running', tone: 'busy', terminal: false },
  retrying: { label: 'retrying', tone: 'warn', terminal: false },
  succeeded: { label: 'succeeded', tone: 'good', terminal: true },
  failed: { label: 'failed', tone: 'bad', terminal: true },
  timed_out: { label: 'timed out', tone: 'bad', terminal: true },
  out_of_memory: { label: 'out of memory', tone: 'bad', terminal: true },
  cpu_exceeded: { label: 'CPU exceeded', tone: 'bad', terminal: true },
  crashed: { label: 'crashed', tone: 'bad', terminal: true },
  cancelled: { label: 'cancelled', tone: 'idle', terminal: true },
  expired: { label: 'expired', tone: 'idle', terminal: true },
};
