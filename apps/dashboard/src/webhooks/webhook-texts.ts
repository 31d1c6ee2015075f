import type { OperatorDelivery, WebhookHealth } from '@bullpen/core';

import type { Tone } from '../runs/run-states.ts';

/** How an endpoint stands, in a word or two. */
export function endpointState({ disabledAt, disabledReason, failingSince }: WebhookHealth): { tone: Tone; words: string } {
  if (disabledAt !== null) return disabledReason === 'by its owner' ? { tone: 'idle', words: 'disabled by its owner' } : { tone: 'bad', words: 'disabled' };
  return failingSince === null ? { tone: 'good', words: 'works' } : { tone: 'warn', words: 'failing' };
}

/** Whether a delivery that has not arrived is tried again. */
export function deliveryState({ state, last }: Pick<OperatorDelivery, 'state' | 'last'>): { tone: Tone; words: string } {
  if (state === 'failed') return { tone: 'bad', words: 'given up' };
  return { tone: 'waiting', words: last === null ? 'waits' : 'tried again' };
}
