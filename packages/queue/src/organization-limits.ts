import { DEFAULT_ORGANIZATION_LIMITS, type OrganizationLimits } from '@bullpen/core';

/**
 * How limits are kept: JSON of those that are not the default.
 * @returns the change to what is kept: null for a limit that is back at its default
 */
export function patchOf(patch: Partial<OrganizationLimits>): string {
  const names = (Object.keys(patch) as (keyof OrganizationLimits)[]).filter((name) => patch[name] !== undefined);
  return JSON.stringify(Object.fromEntries(names.map((name) => [name, patch[name] === DEFAULT_ORGANIZATION_LIMITS[name] ? null : patch[name]])));
}

export function withDefaults(kept: Partial<OrganizationLimits>): OrganizationLimits {
  return { ...DEFAULT_ORGANIZATION_LIMITS, ...kept };
}
