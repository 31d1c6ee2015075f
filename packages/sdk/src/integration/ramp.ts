import type { ExecutionContext } from './execution.ts';

/** Which share of the calls the runtime executes; the existing engine executes the rest. */
export interface RampOptions {
  /** 0 to 100, to a hundredth; a function is asked at each call, so that a share can be changed while the product runs. */
  percent: number | (() => number);
  /** Calls with the same key always go the same way; `context.orgId` where left out, and then the agent. */
  keyOf?: (context: ExecutionContext) => string;
  /** Another salt, another order in which organizations come over. */
  salt?: string;
}

const BUCKETS = 10_000;

/** Whether a key is within the share. Stable, and growing: who is in at 10 % is in at 20 %. */
export function isRamped({ percent, salt = '' }: Pick<RampOptions, 'percent' | 'salt'>, key: string): boolean {
  const share = typeof percent === 'function' ? percent() : percent;
  return hash(`${salt}\u0000${key}`) % BUCKETS < Math.round((share / 100) * BUCKETS);
}

/** FNV-1a of the UTF-8, then the finalizer of MurmurHash3, so that keys that differ in one digit land far apart. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
