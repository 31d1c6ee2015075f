import { BullpenError } from '@bullpen/core';

/** Which server a queue URL names. @throws BullpenError CONFIG_INVALID */
export function backendOf(url: string): 'redis' | 'postgres' {
  const protocol = /^[a-z+]+:(?=\/\/)/.exec(url)?.[0] ?? '';
  if (/^rediss?(?:\+sentinel|\+cluster)?:$/.test(protocol)) return 'redis';
  if (protocol === 'postgres:' || protocol === 'postgresql:') return 'postgres';
  // The URL itself may hold a password, so only its kind is told.
  throw new BullpenError('CONFIG_INVALID', `a queue URL is redis://, redis+cluster://, redis+sentinel:// or postgres://, not ${protocol || 'this'}`, { protocol });
}
