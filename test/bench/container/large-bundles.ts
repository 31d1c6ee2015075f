import { requestFor, sha256Of, startRig, type Rig } from '../../integration/runtime-rig.ts';

/** A bundle like one with its libraries in it: 1 MB, of which a run needs little. */
const FUNCTIONS = 4000;
const BUNDLES = 6;
const LOOKS = 40;

const largeBundle = (name: number): string => `import { existsSync } from 'node:fs';
${Array.from({ length: FUNCTIONS }, (_, i) => `export class Part${i} { constructor(options = {}) { this.options = { depth: ${i}, ...options }; }
  visit(node, path = []) { for (const [key, child] of Object.entries(node)) { if (typeof child === 'object') this.visit(child, [...path, key]); else this.note(path, child); } return path.length; }
  note(path, value) { return \`\${path.join('.')}=\${value}\`; } }`).join('\n')}
export default async () => [process.hrtime.bigint().toString(), existsSync('/bundle/bundle.cache'), ${name}];`;

/** From the hand-over to the first line of an agent of 1 MB, tier strict, in blank cells that are ready: without what V8 made of it before, and with it, ms. */
export async function largeBundlesMs(): Promise<{ without: number[]; withCode: number[] }> {
  const rig = await startRig({ tiers: ['strict'] });
  const found = { without: [] as number[], withCode: [] as number[] };
  try {
    for (let name = 0; name < BUNDLES; name += 1) {
      await once(rig, largeBundle(name)); // puts it on the shelf, which is no part of a start
      let given = 0;
      for (let look = 0; look < LOOKS && given < 4; look += 1) {
        const { tookMs, hasCode } = await once(rig, largeBundle(name));
        (hasCode ? found.withCode : found.without).push(tookMs);
        if (hasCode) given += 1;
      }
    }
    return found;
  } finally {
    await rig.stop();
  }
}

/** In a blank cell that has had the time to become ready. */
async function once(rig: Rig, bundle: string): Promise<{ tookMs: number; hasCode: boolean }> {
  await new Promise((done) => { setTimeout(done, 250); });
  rig.bundles.set(`acme/${sha256Of(bundle)}`, bundle);
  const request = requestFor(bundle, { tier: 'strict' });
  const admission = rig.manager.admit('acme', request.memoryMb);
  if (admission === null) throw new Error('there was no room for a run');
  const beganNs = process.hrtime.bigint();
  const outcome = await rig.manager.execute(admission, request, { started: () => undefined, event: () => undefined }, new AbortController().signal);
  if (outcome.kind !== 'succeeded') throw new Error(`a run came to ${JSON.stringify(outcome)}`);
  const [firstNs, hasCode] = JSON.parse(outcome.resultJson) as [string, boolean];
  return { tookMs: Number(BigInt(firstNs) - beganNs) / 1e6, hasCode };
}
