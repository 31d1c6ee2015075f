import { setFlagsFromString } from 'node:v8';

/**
 * V8 notes where objects are allocated that survive its first collections, and allocates what comes from there in the old generation
 * from then on. In a server whatever is made while requests are under way survives when the machine is slow for a moment; from
 * then on each request's objects are born old, keep all that they point to alive, and every collection of the young generation
 * copies it. Whether that happens is chance, and it lasts as long as the process (seen in the API: 10 KB of each request
 * grew old, a collection took 15 to 30 ms instead of 2 to 6, six times a second, and V8's other threads 20 to 40 us of a core per request instead of 5).
 *
 * Read whenever V8 decides, so it may be set in a process that runs.
 */
export function allocateYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}
