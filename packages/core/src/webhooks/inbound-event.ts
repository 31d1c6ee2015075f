import { BullpenError } from '../errors.ts';
import { isJsonPointer, valueAt } from './event-template.ts';
import { sha256Hex } from './hmac.ts';
import type { InboundRequest, SignatureScheme } from './inbound-signature.ts';

/** An event as templates see it. */
export interface InboundEvent {
  /** Null where the sender gave none: then every request is an event of its own. */
  readonly id: string | null;
  readonly type: string | null;
  /** Parsed: JSON, or the fields of a form (whose field `payload` is parsed as well, where it is JSON). */
  readonly body: unknown;
  /** Names in lower case; without those that are about the connection, or prove who sent it. */
  readonly headers: Readonly<Record<string, string>>;
}

const MOST_ID_CHARS = 255;
const HIDDEN_HEADERS = /^(?:authorization|cookie|proxy-.*|x-api-key|.*signature.*|connection|transfer-encoding|content-length|host)$/;

/**
 * Reads a request whose signature was checked. What makes two requests the same event is, as far as the scheme has it, something
 * signed: GitHub does not sign its delivery's id, so there it is the body itself.
 * @param eventIdAt - pointer into the body where the id is, for senders that sign nothing of their own
 * @throws BullpenError EVENT_INVALID
 */
export async function readInboundEvent(scheme: SignatureScheme, request: InboundRequest, eventIdAt: string | null): Promise<InboundEvent> {
  const body = readBody(request);
  const headers = Object.fromEntries(Object.entries(request.headers).filter((pair): pair is [string, string] => pair[1] !== undefined && !HIDDEN_HEADERS.test(pair[0])));
  const at = (pointer: string) => textAt(body, pointer);
  const id = eventIdAt === null ? await eventIdOf(scheme, request, at) : at(eventIdAt);
  return { id, type: request.headers['x-github-event'] ?? (scheme === 'slack' ? at('/event/type') : null) ?? at('/type'), body, headers };
}

async function eventIdOf(scheme: SignatureScheme, { headers, body }: InboundRequest, at: (pointer: string) => string | null): Promise<string | null> {
  switch (scheme) {
    case 'standard': return bounded(headers['webhook-id']);
    case 'github': return sha256Hex(body);
    case 'stripe': return at('/id');
    case 'slack': return at('/event_id') ?? at('/trigger_id');
    case 'none': return bounded(headers['webhook-id']) ?? bounded(headers['idempotency-key']);
  }
}

/** The text to answer Slack with, where it asks whether somebody is there. Source: https://docs.slack.dev/reference/events/url_verification */
export function slackChallengeOf(scheme: SignatureScheme, { body }: InboundEvent): string | null {
  if (scheme !== 'slack' || valueAt(body, '/type') !== 'url_verification') return null;
  return textAt(body, '/challenge');
}

/** What is wrong with a pointer to an event's id; null where nothing is. */
export function eventIdFault(pointer: string): string | null {
  return isJsonPointer(pointer) && pointer !== '' ? null : 'a JSON Pointer into the body, such as /id';
}

function readBody({ headers, body }: InboundRequest): unknown {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? 'application/json';
  try {
    if (type === 'application/x-www-form-urlencoded') return readForm(text.decode(body));
    return body.length === 0 ? null : (JSON.parse(text.decode(body)) as unknown);
  } catch (cause) {
    throw new BullpenError('EVENT_INVALID', 'the body is neither JSON nor a form, in UTF-8', { contentType: type }, { cause });
  }
}

function readForm(text: string): Record<string, unknown> {
  const fields: Record<string, unknown> = Object.fromEntries(new URLSearchParams(text));
  const { payload } = fields;
  if (typeof payload !== 'string' || !payload.startsWith('{')) return fields;
  return { ...fields, payload: JSON.parse(payload) as unknown };
}

function textAt(body: unknown, pointer: string): string | null {
  const value = valueAt(body, pointer);
  return bounded(typeof value === 'number' ? String(value) : value);
}

function bounded(value: unknown): string | null {
  return typeof value === 'string' && value !== '' && value.length <= MOST_ID_CHARS && !value.includes('\u0000') && value.isWellFormed() ? value : null;
}
