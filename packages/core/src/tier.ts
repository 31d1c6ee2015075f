import { BullpenError } from './errors.ts';

/** How strong the wall around a run is; from weakest to strongest. */
export const TIERS = ['basic', 'enhanced', 'strict'] as const;

export type Tier = (typeof TIERS)[number];

/**
 * Tiers that this version of the runtime can build. What asks for another one is refused, not weakened; so is a run on a
 * worker whose machine cannot build its tier.
 */
export const AVAILABLE_TIERS: readonly Tier[] = ['basic', 'enhanced', 'strict'];

/** The tier of a version that names none, where its organization's minimum is no stronger. */
export const DEFAULT_TIER: Tier = 'enhanced';

/** True when `tier` is at least as strong as `minimum`. */
export function isAtLeast(tier: Tier, minimum: Tier): boolean {
  return TIERS.indexOf(tier) >= TIERS.indexOf(minimum);
}

/**
 * Checks what a version or a run asks for; nothing asked passes.
 * @throws BullpenError TIER_BELOW_MINIMUM, TIER_UNAVAILABLE
 */
export function checkTier(asked: Tier | undefined, minimum: Tier): void {
  if (asked === undefined) return;
  if (!isAtLeast(asked, minimum)) throw new BullpenError('TIER_BELOW_MINIMUM', `tier ${asked} is weaker than ${minimum}, the least here`);
  if (AVAILABLE_TIERS.includes(asked)) return;
  throw new BullpenError('TIER_UNAVAILABLE', `tier ${asked} cannot be built here; available: ${AVAILABLE_TIERS.join(', ')}`);
}

/**
 * The tier of a run: the run's own, else its version's, else the default, and never weaker than the organization's
 * minimum. A run may ask for a stronger tier than its version names, not for a weaker one; a minimum that was raised after
 * a version was deployed raises the version's runs.
 * @throws BullpenError TIER_BELOW_MINIMUM, TIER_UNAVAILABLE
 */
export function chooseTier(asked: { run: Tier | undefined; version: Tier | undefined; minimum: Tier }): Tier {
  const floor = asked.version === undefined ? asked.minimum : strongerOf(asked.version, asked.minimum);
  checkTier(asked.run, floor);
  const tier = asked.run ?? strongerOf(asked.version ?? DEFAULT_TIER, asked.minimum);
  checkTier(tier, floor);
  return tier;
}

function strongerOf(one: Tier, other: Tier): Tier {
  return isAtLeast(one, other) ? one : other;
}
