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
  const version = manifest.caps ?? {};
  const ours = { ...organization.caps, memoryMb: least([organization.caps.memoryMb, organization.maxMemoryMb, organization.poolMb]) };
  // A version's caps bind its runs; the organization's bind the version as well.
  const limitOf = (name: keyof LimitCaps, asked: number | undefined, declared: number | undefined): number | undefined => {
    checkCap(name, asked, version[name], 'version');
    checkCap(name, asked ?? declared, ours[name], 'organization');
    return asked ?? declared ?? least([version[name], ours[name]]);
  };
  const withDefault = (name: 'timeoutMs' | 'memoryMb'): number =>
    least([limitOf(name, request[name], manifest[name]) ?? Infinity, request[name] ?? manifest[name] ?? DEFAULT_RUN_LIMITS[name]]) as number;
  const limits = LIMIT_NAMES.flatMap((name) => {
    const value = limitOf(name, request.limits?.[name], manifest.limits?.[name]);
    return value === undefined ? [] : [[name, value]];
  });
  return { timeoutMs: withDefault('timeoutMs'), memoryMb: withDefault('memoryMb'), limits: Object.fromEntries(limits) as NewRun['limits'] };
}

function checkCap(name: string, wanted: number | undefined, most: number | undefined, whose: 'version' | 'organization'): void {
  if (wanted === undefined || most === undefined || wanted <= most) return;
  throw new BullpenError('LIMIT_EXCEEDED', `${name} ${wanted} is beyond the ${whose}'s ${most}`, { limit: name, wanted, most });
}

function least(values: readonly (number | undefined)[]): number | undefined {
  const given = values.filter((value) => value !== undefined);
  return given.length === 0 ? undefined : Math.min(...given);
}
