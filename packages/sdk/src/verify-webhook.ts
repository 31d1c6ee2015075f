import { BullpenError, verifyStandardWebhook, type WebhookEvent } from '@bullpen/core';

/** As `fetch` has them, or as Node does. */
export type WebhookHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

export interface VerifyWebhookOptions {
  /** How far the message's time may be from now; 5 minutes where left out. */
  toleranceMs?: number;
  /** The time it is, ms since the epoch; `Date.now()` where left out. */
  nowMs?: number;
}

/**
 * Checks that a request was sent by Bullpen (or by anybody else who follows the Standard Webhooks specification) and gives the event. Works wherever
 * WebCrypto does: Node, Deno, Bun, browsers, workers. Remember the `webhook-id`: the same event may arrive more than once.
 *
 * @param body - as it arrived; what was parsed and written again has another signature
 * @param secret - `whsec_...`; a list while it is being rotated
 * @throws BullpenError SIGNATURE_INVALID; INVALID_JSON where what is signed is no JSON; CONFIG_INVALID where the secret is none
 * @example
 * const event = await verifyWebhook(request.headers, await request.text(), secret);
 * if (event.type === 'run.succeeded') console.log(event.data.runId);
 */
export async function verifyWebhook<Data = Record<string, unknown>>(
  headers: WebhookHeaders, body: string | Uint8Array, secret: string | readonly string[], { toleranceMs, nowMs = Date.now() }: VerifyWebhookOptions = {},
): Promise<WebhookEvent<Data>> {
  const of = (name: string): string | null => headerOf(headers, name);
  const signed = { id: of('webhook-id'), timestamp: of('webhook-timestamp'), signature: of('webhook-signature') };
  const secrets = typeof secret === 'string' ? [secret] : secret;
  await verifyStandardWebhook(signed, body, { secrets, nowMs, ...(toleranceMs === undefined ? {} : { toleranceMs }) });
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body);
  try {
    return JSON.parse(text) as WebhookEvent<Data>;
  } catch (cause) {
    throw new BullpenError('INVALID_JSON', 'the message is signed, but no JSON', {}, { cause });
  }
}

function headerOf(headers: WebhookHeaders, name: string): string | null {
  if (typeof (headers as Headers).get === 'function') return (headers as Headers).get(name);
  const found = Object.entries(headers as Record<string, string | readonly string[] | undefined>).find(([key]) => key.toLowerCase() === name)?.[1];
  return typeof found === 'string' ? found : (found?.[0] ?? null);
}
