/** How strong the wall around a run is; from weakest to strongest. */
export const TIERS = ['basic', 'enhanced', 'strict'] as const;

export type Tier = (typeof TIERS)[number];

/**
 * Tiers that this version of the runtime can build. What asks for another one is refused, not weakened; so is a run on a
 * worker whose machine cannot build its tier.
 */
export const AVAILABLE_TIERS: readonly Tier[] = ['basic', 'enhanced', 'strict'];

/** The tier of a version that names none: the one that every machine can build. */
export const DEFAULT_TIER: Tier = 'basic';

/** True when `tier` is at least as strong as `minimum`. */
export function isAtLeast(tier: Tier, minimum: Tier): boolean {
  return TIERS.indexOf(tier) >= TIERS.indexOf(minimum);
}
