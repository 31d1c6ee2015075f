/**
 * The one table of a run's life. Every write of a state names the state it leaves, and both come from here; the
 * diagram in docs/run-states.md is generated from it, and a test fails when they drift apart.
 */

export const RUN_STATES = [
  'scheduled', 'queued', 'running', 'retrying',
  'succeeded', 'failed', 'timed_out', 'out_of_memory', 'cpu_exceeded', 'crashed', 'cancelled', 'expired',
] as const;

export type RunState = (typeof RUN_STATES)[number];

/**
 * From each state, the states it may move to.
 *
 * `scheduled` and `retrying` move to `running` directly as well: the queue hands a run over when its delay ends, and
 * no writer has to be awake at that moment only to rename the state. `running` moves back to `queued` when its worker
 * was stopped or lost (the attempt is given back, not counted).
 */
export const RUN_TRANSITIONS = {
  scheduled: ['queued', 'running', 'cancelled', 'expired'],
  queued: ['running', 'cancelled', 'expired'],
  running: [
    'succeeded', 'failed', 'timed_out', 'out_of_memory', 'cpu_exceeded', 'crashed', 'cancelled', 'retrying', 'queued',
  ],
  retrying: ['queued', 'running', 'cancelled', 'expired'],
  succeeded: [],
  failed: [],
  timed_out: [],
  out_of_memory: [],
  cpu_exceeded: [],
  crashed: [],
  cancelled: [],
  expired: [],
} as const satisfies Record<RunState, readonly RunState[]>;

/** The state table read as `from -> to`, for code that holds plain `RunState` values. */
const nextStates: Record<RunState, readonly RunState[]> = RUN_TRANSITIONS;

export type TerminalRunState = {
  [S in RunState]: (typeof RUN_TRANSITIONS)[S] extends readonly [] ? S : never;
}[RunState];

/** True for a state that nothing leaves. */
export function isTerminal(state: RunState): state is TerminalRunState {
  return nextStates[state].length === 0;
}

export const TERMINAL_RUN_STATES: readonly TerminalRunState[] = RUN_STATES.filter(isTerminal);

/** States in which a run waits for a worker. */
export const WAITING_RUN_STATES = ['scheduled', 'queued', 'retrying'] as const satisfies readonly RunState[];

export function canMove(from: RunState, to: RunState): boolean {
  return nextStates[from].includes(to);
}

/** The states that may move to `to`: what a write that sets `to` puts in its WHERE clause. */
export function statesLeadingTo(to: RunState): RunState[] {
  return RUN_STATES.filter((from) => canMove(from, to));
}

/** A Mermaid state diagram of the table. */
export function renderRunStateDiagram(): string {
  const arrows = RUN_STATES.flatMap((from) => nextStates[from].map((to) => `  ${from} --> ${to}`));
  const ends = TERMINAL_RUN_STATES.map((state) => `  ${state} --> [*]`);
  return ['stateDiagram-v2', '  [*] --> scheduled', '  [*] --> queued', ...arrows, ...ends].join('\n');
}
