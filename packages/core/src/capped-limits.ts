import { BullpenError } from './errors.ts';
import type { AgentManifest } from './agent-schemas.ts';
import type { LimitCaps } from './limit-schemas.ts';
import { DEFAULT_RUN_LIMITS } from './limits.ts';
import type { NewRun } from './new-run.ts';
import type { Organization } from './org-schemas.ts';
import type { CreateRun } from './run-schemas.ts';

type Limited = Pick<NewRun, 'timeoutMs' | 'memoryMb' | 'limits'>;
const LIMIT_NAMES = ['cpuMs', 'externalMb', 'resultBytes', 'logBytes', 'eventsPerSecond', 'egressBytes', 'egressRequests'] as const;

/**
 * What an attempt may use: each limit from the request, else the manifest, else the default. What was asked for beyond a
 * cap is refused; what nobody asked for is lowered to the cap.
 * @throws BullpenError LIMIT_EXCEEDED
 */
export function cappedLimits(request: CreateRun, manifest: AgentManifest, organization: Organization): Limited {
  const caps = { version: manifest.caps ?? {}, organization };
  const limits: NewRun['limits'] = {};
  for (const name of LIMIT_NAMES) {
    const value = limitOf(name, request.limits?.[name], manifest.limits?.[name], caps);
    if (value !== undefined) limits[name] = value;
  }
  const withDefault = (name: 'timeoutMs' | 'memoryMb'): number => {
    const limit = limitOf(name, request[name], manifest[name], caps);
    return Math.min(limit ?? Infinity, request[name] ?? manifest[name] ?? DEFAULT_RUN_LIMITS[name]);
  };
  return { timeoutMs: withDefault('timeoutMs'), memoryMb: withDefault('memoryMb'), limits };
}

interface Caps {
  readonly version: Partial<LimitCaps>;
  readonly organization: Organization;
}

/** A version's caps bind its runs; the organization's bind the version as well. */
function limitOf(name: keyof LimitCaps, asked: number | undefined, declared: number | undefined, { version, organization }: Caps): number | undefined {
  const ours = capOf(organization, name);
  checkCap(name, asked, version[name], 'version');
  checkCap(name, asked ?? declared, ours, 'organization');
  return asked ?? declared ?? least(version[name], ours);
}

function capOf({ caps, maxMemoryMb, poolMb }: Organization, name: keyof LimitCaps): number | undefined {
  return name === 'memoryMb' ? least(caps.memoryMb, Math.min(maxMemoryMb, poolMb)) : caps[name];
}

function checkCap(name: string, wanted: number | undefined, most: number | undefined, whose: 'version' | 'organization'): void {
  if (wanted === undefined || most === undefined || wanted <= most) return;
  throw new BullpenError('LIMIT_EXCEEDED', `${name} ${wanted} is beyond the ${whose}'s ${most}`, { limit: name, wanted, most });
}

function least(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}
