import { createHash } from 'node:crypto';

import { BullpenError, checkTier, SIZE_CAPS, type AgentManifest, type Organization } from '@bullpen/core';

/** Its sha256. @throws BullpenError INPUT_TOO_LARGE, BUNDLE_INVALID, BUNDLE_HASH_MISMATCH */
export function checkBundle(bundle: string, declared: string | undefined): string {
  const bytes = Buffer.byteLength(bundle);
  if (bytes > SIZE_CAPS.bundleBytes) throw new BullpenError('INPUT_TOO_LARGE', `the bundle has ${bytes} bytes, the cap is ${SIZE_CAPS.bundleBytes}`);
  if (bundle.includes('\u0000') || !bundle.isWellFormed()) {
    throw new BullpenError('BUNDLE_INVALID', 'the bundle holds a NUL character or a lone surrogate');
  }
  const sha256 = createHash('sha256').update(bundle).digest('hex');
  if (declared !== undefined && declared !== sha256) {
    throw new BullpenError('BUNDLE_HASH_MISMATCH', `the bundle has sha256 ${sha256}, the request declares ${declared}`, { sha256, declared });
  }
  return sha256;
}

/** @throws BullpenError TIER_UNAVAILABLE, LIMIT_EXCEEDED */
export function checkManifest(manifest: AgentManifest, organization: Organization): void {
  checkTier(manifest.tier, organization.minimumTier);
  if (manifest.memoryMb !== undefined && manifest.memoryMb > organization.maxMemoryMb) {
    throw new BullpenError('LIMIT_EXCEEDED', `memoryMb ${manifest.memoryMb} is beyond the organization's ${organization.maxMemoryMb}`);
  }
}
