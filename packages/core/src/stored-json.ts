import { SIZE_CAPS } from './limits.ts';

/** Why a value cannot be stored. */
export type StorableProblem = 'not_serializable' | 'not_storable' | 'too_large';

export type StorableJson =
  | { ok: true; json: string }
  | { ok: false; problem: StorableProblem; detail: string };

/**
 * Writes `value` as the JSON that Postgres' `jsonb` will accept, or says why it cannot. Never throws.
 * `undefined` at the top becomes `null`. Refused: what `JSON.stringify` throws on or drops as a whole, NUL characters
 * and lone surrogates (jsonb refuses both), nesting beyond `SIZE_CAPS.jsonDepth`, and more than `maxBytes` of UTF-8.
 */
export function toStorableJson(value: unknown, maxBytes: number): StorableJson {
  let json: string | undefined;
  try {
    json = value === undefined ? 'null' : JSON.stringify(value);
  } catch (thrown) {
    return { ok: false, problem: 'not_serializable', detail: describe(thrown) };
  }
  if (json === undefined) return { ok: false, problem: 'not_serializable', detail: `a ${typeof value} has no JSON` };
  return checkStorableText(json, maxBytes);
}

/** The same checks for text that is JSON already, as it arrives from a container. */
export function checkStorableText(json: string, maxBytes: number): StorableJson {
  const bytes = utf8Bytes(json);
  if (bytes > maxBytes) return { ok: false, problem: 'too_large', detail: `${bytes} bytes of ${maxBytes}` };
  // Cheap pre-checks first: nearly no text holds an escape of either kind.
  if (json.includes('\\u') && hasUnstorableEscape(json)) {
    return { ok: false, problem: 'not_storable', detail: 'it holds a NUL character or a lone surrogate' };
  }
  if (json.length > SIZE_CAPS.jsonDepth && depthOf(json) > SIZE_CAPS.jsonDepth) {
    return { ok: false, problem: 'not_storable', detail: `it is nested deeper than ${SIZE_CAPS.jsonDepth} levels` };
  }
  return { ok: true, json };
}

/** JSON.stringify writes NUL as \u0000 and a lone surrogate as \udXXX; an even run of backslashes before is text. */
function hasUnstorableEscape(json: string): boolean {
  return /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/i.test(json);
}

function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < json.length; i += 1) {
    const char = json.charCodeAt(i);
    if (inString) {
      if (char === 0x5c) i += 1;
      else if (char === 0x22) inString = false;
    } else if (char === 0x22) inString = true;
    else if (char === 0x5b || char === 0x7b) deepest = Math.max(deepest, (depth += 1));
    else if (char === 0x5d || char === 0x7d) depth -= 1;
  }
  return deepest;
}

function describe(thrown: unknown): string {
  try {
    return String((thrown as Error).message);
  } catch {
    return 'JSON.stringify threw';
  }
}

/** Node's own count is the faster one; where agents are tried out in another runtime there may be none. */
export function utf8Bytes(text: string): number {
  return typeof Buffer === 'undefined' ? new TextEncoder().encode(text).length : Buffer.byteLength(text);
}
