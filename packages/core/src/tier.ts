/** How strong the wall around a run is; from weakest to strongest. */
export const TIERS = ['basic', 'enhanced', 'strict'] as const;

export type Tier = (typeof TIERS)[number];

/** Tiers that this version of the runtime can build. A version that asks for another one is refused, not weakened. */
export const AVAILABLE_TIERS: readonly Tier[] = ['basic'];

/** The tier of a version that names none: the strongest that this version of the runtime can build. */
export const DEFAULT_TIER: Tier = 'basic';

/** True when `tier` is at least as strong as `minimum`. */
export function isAtLeast(tier: Tier, minimum: Tier): boolean {
  return TIERS.indexOf(tier) >= TIERS.indexOf(minimum);
}
