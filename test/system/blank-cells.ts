import { startRig } from '../integration/runtime-rig.ts';

/** A process that holds blank cells of both kinds, and does nothing until it is ended. */
await startRig({ tiers: ['enhanced', 'strict'] });
process.stdout.write(`${JSON.stringify({ msg: 'cells.ready' })}\n`);
process.stdin.resume();
