import { setFlagsFromString } from 'node:v8';

/**
 * V8 notes where objects are allocated that survive its first collections, and allocates what comes from there in the old generation
 * from then on. In a server whatever is made while requests are under way survives when the machine is slow for a moment; from
 * then on each request's objects are born old, keep all that they point to alive, and every collection of the young generation
 * copies it. Whether that happens is chance, and it lasts as long as the process (measured in the API: 10 KB of each request
 * grew old, collections took 15 to 30 ms every 160 ms, and marking kept a second core half busy; without, 2 ms).
 *
 * Read whenever V8 decides, so it may be set in a process that runs.
 */
export function allocateYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}
