import type { AgentVersion } from '../agent-schemas.ts';
import type { NewRun } from '../new-run.ts';
import type { Organization } from '../org-schemas.ts';
import { planRun } from '../plan-run.ts';
import { fillEventTemplate } from './event-template.ts';
import { sha256Hex, utf8 } from './hmac.ts';
import type { InboundEvent } from './inbound-event.ts';
import type { TriggeredRun } from './trigger-schemas.ts';

/** A trigger as far as its runs know it. */
export interface FiringTrigger {
  readonly id: string;
  readonly name: string;
  readonly run: TriggeredRun;
  readonly input: unknown;
}

const MOST_METADATA_CHARS = 200;

/**
 * The run that an event becomes. Its key is made of trigger and event, so that it is one run however often the event arrives; the
 * hash is of the key alone, since senders change what they send again (a counter of attempts, say).
 * @throws BullpenError EVENT_INVALID, and what `planRun` throws
 */
export async function planTriggeredRun(trigger: FiringTrigger, event: InboundEvent, version: AgentVersion, organization: Organization): Promise<NewRun> {
  const input = fillEventTemplate(trigger.input, event);
  const told = { trigger: trigger.name, ...(event.type === null ? {} : { event: cut(event.type) }), ...(event.id === null ? {} : { eventId: cut(event.id) }) };
  const key = event.id === null ? null : `trigger ${trigger.id} ${await sha256Hex(utf8(event.id))}`;
  const metadata = { ...trigger.run.metadata, ...told };
  return planRun({ ...trigger.run, input, metadata }, version, organization, key === null ? null : { key, requestHash: key });
}

function cut(text: string): string {
  return text.slice(0, MOST_METADATA_CHARS).toWellFormed();
}
