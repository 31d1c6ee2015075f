import { assertNever } from '../assert-never.ts';
import { bytesOfHex, isSignedByOneOf, joined, utf8, type Bytes } from './hmac.ts';
import { checkTimestamp, invalid, verifyStandardWebhook } from './standard-signature.ts';

/** How an event that comes in shows who sent it. `none`: by nothing but the secret in the trigger's URL. */
export const SIGNATURE_SCHEMES = ['standard', 'github', 'stripe', 'slack', 'none'] as const;
export type SignatureScheme = (typeof SIGNATURE_SCHEMES)[number];

/** An HTTP request as far as signatures know it. Names of headers are in lower case. */
export interface InboundRequest {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Bytes;
}

interface Check {
  /** While a secret is rotated: both. */
  readonly secrets: readonly string[];
  readonly nowMs: number;
}

const MOST_SIGNATURES = 16;

/**
 * Whether a request was sent by who holds the secret and, where the scheme signs a time, within five minutes. The sources:
 * - `standard`: the Standard Webhooks specification;
 * - `github`: https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
 * - `stripe`: https://docs.stripe.com/webhooks#verify-manually
 * - `slack`: https://docs.slack.dev/authentication/verifying-requests-from-slack
 * @throws BullpenError SIGNATURE_INVALID
 */
export async function verifyInbound(scheme: SignatureScheme, request: InboundRequest, check: Check): Promise<void> {
  const { headers, body } = request;
  switch (scheme) {
    case 'standard': {
      const [id, timestamp, signature] = [headers['webhook-id'] ?? null, headers['webhook-timestamp'] ?? null, headers['webhook-signature'] ?? null];
      return verifyStandardWebhook({ id, timestamp, signature }, body, check);
    }
    case 'github': return verifyHex(check, [afterPrefix(headers['x-hub-signature-256'], 'sha256=')], body);
    case 'stripe': return verifyStripe(request, check);
    case 'slack': {
      const timestamp = headers['x-slack-request-timestamp'] ?? '';
      checkTimestamp(timestamp, check);
      return verifyHex(check, [afterPrefix(headers['x-slack-signature'], 'v0=')], joined(`v0:${timestamp}:`, body));
    }
    case 'none': return;
    default: return assertNever(scheme, 'signature scheme');
  }
}

/** `t=1614265330,v1=hex,v1=hex`: several while a secret is rotated. */
function verifyStripe({ headers, body }: InboundRequest, check: Check): Promise<void> {
  const pairs = (headers['stripe-signature'] ?? '').split(',').map((pair) => pair.trim().split('='));
  const timestamp = pairs.find(([name]) => name === 't')?.[1] ?? '';
  checkTimestamp(timestamp, check);
  const signatures = pairs.filter(([name]) => name === 'v1').slice(0, MOST_SIGNATURES).map(([, value]) => value ?? null);
  return verifyHex(check, signatures, joined(`${timestamp}.`, body));
}

async function verifyHex({ secrets }: Check, signatures: readonly (string | null)[], message: Bytes): Promise<void> {
  const given = signatures.map((text) => (text === null ? null : bytesOfHex(text))).filter((bytes) => bytes !== null);
  if (given.length === 0) throw invalid('there is no signature');
  if (!await isSignedByOneOf(secrets.map(utf8), given, message)) throw invalid('the signature does not match');
}

function afterPrefix(header: string | undefined, prefix: string): string | null {
  return header?.startsWith(prefix) === true ? header.slice(prefix.length) : null;
}
