import type { Tier } from '@bullpen/core';

import type { Asked } from '../integration/runtime-rig.ts';

/**
 * What hostile and broken agents try, and what must come of it in each tier. Targets: K killed, with a typed terminal
 * state; D denied; N a normal error of the run; I inert to everybody else; X not defended, which docs/isolation.md says.
 */
export type Target = 'K' | 'D' | 'N' | 'I' | 'X';

/** One agent of a case. */
export interface Try {
  /** In test/security/agents, without its ending. */
  readonly file: string;
  /** What it comes to: `state/CODE`, or the JSON that it returned. */
  readonly comesTo: RegExp;
  /** Where one tier has another way to meet its target. */
  readonly inTier?: Partial<Record<Tier, RegExp>>;
  readonly asked?: Asked;
}

export interface AbuseCase {
  readonly no: number;
  readonly what: string;
  /** basic / enhanced / strict */
  readonly targets: Readonly<Record<Tier, Target>>;
  readonly tries: readonly Try[];
  /** Tries for tiers whose containers have another way out than the rest. */
  readonly triesIn?: Partial<Record<Tier, readonly Try[]>>;
}

const INERT = /^"inert"$/;
const DENIED = /^"denied"$/;
const DENIED_OR_INERT = /^"(denied|inert)"$/;
const TIMED_OUT = /^timed_out\/TIMED_OUT$/;
const OUT_OF_MEMORY = /^out_of_memory\/(OUT_OF_MEMORY|EXTERNAL_MEMORY_EXCEEDED)$/;
const EXITED = /^crashed\/AGENT_EXITED$/;
const CRASHED = /^crashed\/(CONTAINER_CRASHED|AGENT_EXITED)$/;
const THREW = /^failed\/AGENT_THREW$/;
const NO_JSON = /^failed\/RESULT_NOT_SERIALIZABLE$/;
const SHORT: Asked = { timeoutMs: 400 };

function targets(basic: Target, enhanced: Target, strict: Target): Record<Tier, Target> {
  return { basic, enhanced, strict };
}

const EVERY_K = targets('K', 'K', 'K');
const ESCAPES = targets('X', 'I', 'I');
const DENIALS = targets('X', 'D', 'D');

export const ABUSE_CASES: readonly AbuseCase[] = [
  { no: 1, what: 'the function constructor', targets: ESCAPES, tries: [{ file: '01-constructor-escape', comesTo: INERT }] },
  { no: 2, what: 'objects of the host', targets: ESCAPES, tries: [{ file: '02-host-objects', comesTo: INERT }] },
  { no: 3, what: 'a rejected import()', targets: ESCAPES, tries: [{ file: '03-import-rejection', comesTo: INERT }] },
  { no: 4, what: 'prepareStackTrace, getThis', targets: ESCAPES, tries: [{ file: '04-prepare-stack-trace', comesTo: INERT }] },
  { no: 5, what: 'proxies and inspect hooks', targets: ESCAPES, tries: [{ file: '05-inspect-hooks', comesTo: INERT }] },
  { no: 6, what: 'async generators', targets: ESCAPES, tries: [{ file: '06-async-generator', comesTo: INERT }] },
  { no: 7, what: 'a code cache of its own', targets: targets('D', 'D', 'D'), tries: [{ file: '07-code-cache', comesTo: DENIED }] },
  {
    no: 8, what: 'process.exit, reallyExit', targets: targets('N', 'N', 'K'),
    tries: [{ file: '08-process-exit', comesTo: EXITED }, { file: '08-process-really-exit', comesTo: EXITED }],
  },
  {
    no: 9, what: 'abort, kill or stop itself', targets: targets('X', 'K', 'K'),
    tries: [
      { file: '09-process-abort', comesTo: CRASHED, inTier: { enhanced: /^(crashed|failed)\// } }, { file: '09-process-kill-self', comesTo: CRASHED },
      { file: '09-process-stop-self', comesTo: TIMED_OUT, asked: SHORT }, { file: '09-system-break', comesTo: CRASHED },
    ],
  },
  { no: 10, what: 'signal parent and siblings', targets: DENIALS, tries: [{ file: '10-kill-others', comesTo: DENIED }] },
  {
    no: 11, what: 'chdir, umask, setuid', targets: targets('D', 'I', 'I'),
    tries: [{ file: '11-chdir-umask', comesTo: DENIED_OR_INERT, inTier: { basic: DENIED } }],
  },
  { no: 12, what: 'bindings, native addons', targets: DENIALS, tries: [{ file: '12-bindings-addons', comesTo: DENIED }] },
  { no: 13, what: 'read process.env', targets: targets('I', 'I', 'I'), tries: [{ file: '13-environment', comesTo: INERT }] },
  { no: 14, what: 'read /proc', targets: DENIALS, tries: [{ file: '14-proc', comesTo: DENIED }] },
  { no: 15, what: 'poison prototypes and JSON', targets: targets('I', 'I', 'I'), tries: [{ file: '15-poison', comesTo: INERT }] },
  { no: 16, what: 'while (true)', targets: EVERY_K, tries: [{ file: '16-endless-loop', comesTo: TIMED_OUT, asked: SHORT }] },
  {
    no: 17, what: 'endless microtasks, promises', targets: EVERY_K,
    tries: [{ file: '17-microtasks', comesTo: TIMED_OUT, asked: SHORT }, { file: '17-promise-flood', comesTo: /^(timed_out|out_of_memory)\//, asked: SHORT }],
  },
  { no: 18, what: 'a regular expression', targets: EVERY_K, tries: [{ file: '18-regular-expression', comesTo: TIMED_OUT, asked: SHORT }] },
  { no: 19, what: 'Atomics.wait', targets: EVERY_K, tries: [{ file: '19-atomics-wait', comesTo: TIMED_OUT, asked: SHORT }] },
  { no: 20, what: 'pbkdf2Sync', targets: targets('X', 'K', 'K'), tries: [{ file: '20-native-call', comesTo: TIMED_OUT, asked: SHORT }] },
  { no: 21, what: 'a heap bomb', targets: EVERY_K, tries: [{ file: '21-heap', comesTo: OUT_OF_MEMORY }] },
  { no: 22, what: 'new Array(1e8).fill()', targets: targets('X', 'K', 'K'), tries: [{ file: '22-large-array', comesTo: OUT_OF_MEMORY }] },
  {
    no: 23, what: 'Buffer bombs', targets: EVERY_K,
    tries: [{ file: '23-buffers', comesTo: OUT_OF_MEMORY }, { file: '23-one-buffer', comesTo: OUT_OF_MEMORY }],
    // Best effort: what is polled is seen when the thread lets the event loop turn.
    triesIn: { basic: [{ file: '23-buffers-in-turns', comesTo: OUT_OF_MEMORY }] },
  },
  {
    no: 24, what: 'shared, WebAssembly, resizable', targets: targets('X', 'K', 'K'),
    tries: [
      { file: '24-shared-memory', comesTo: OUT_OF_MEMORY }, { file: '24-webassembly', comesTo: OUT_OF_MEMORY }, { file: '24-resizable', comesTo: OUT_OF_MEMORY },
    ],
  },
  { no: 25, what: 'string doubling', targets: targets('N', 'N', 'N'), tries: [{ file: '25-string-doubling', comesTo: THREW }] },
  { no: 26, what: 'unbounded recursion', targets: targets('N', 'N', 'N'), tries: [{ file: '26-recursion', comesTo: THREW }] },
  {
    no: 27, what: 'nested threads', targets: DENIALS,
    // A cell of an organization has threads; a second one of a run is more memory than the run has, or may do no more than the first.
    tries: [{ file: '27-nested-threads', comesTo: DENIED, inTier: { enhanced: /^("(denied|inert)"|out_of_memory\/OUT_OF_MEMORY)$/ } }],
  },
  { no: 28, what: 'a fork bomb', targets: DENIALS, tries: [{ file: '28-fork-bomb', comesTo: DENIED }] },
  { no: 29, what: 'connect to what is inside', targets: DENIALS, tries: [{ file: '29-connect', comesTo: DENIED }] },
  { no: 30, what: 'UDP and DNS', targets: DENIALS, tries: [{ file: '30-udp-dns', comesTo: DENIED }] },
  { no: 31, what: 'a symbolic link out', targets: DENIALS, tries: [{ file: '31-symlink', comesTo: DENIED }] },
  {
    no: 32, what: 'a result, a log line of 500 MB', targets: targets('N', 'K', 'K'),
    tries: [{ file: '32-large-result', comesTo: /^failed\/RESULT_TOO_LARGE$/ }, { file: '32-large-log', comesTo: /^failed\/EVENT_TOO_LARGE$/ }],
    triesIn: { strict: [{ file: '32-large-frame', comesTo: CRASHED }] },
  },
  {
    no: 33, what: 'results without JSON', targets: targets('N', 'N', 'N'),
    tries: [{ file: '33-cyclic-result', comesTo: NO_JSON }, { file: '33-function-result', comesTo: NO_JSON }, { file: '33-bigint-result', comesTo: NO_JSON }],
  },
  {
    no: 34, what: 'throw null, a throwing stack', targets: targets('N', 'N', 'N'),
    tries: [{ file: '34-throw-null', comesTo: THREW }, { file: '34-throw-undefined', comesTo: THREW }, { file: '34-throwing-stack', comesTo: THREW }],
  },
  {
    no: 35, what: 'a flood of log lines', targets: targets('N', 'N', 'N'),
    tries: [{ file: '35-flood', comesTo: /^"flooded"$/ }],
    // In basic stderr is the worker's own.
    triesIn: { enhanced: [{ file: '35-stderr-flood', comesTo: /^"held"$/ }], strict: [{ file: '35-stderr-flood', comesTo: /^"held"$/ }] },
  },
  { no: 36, what: 'timers and rejections left', targets: targets('I', 'I', 'I'), tries: [{ file: '36-leftovers', comesTo: INERT }] },
  { no: 37, what: 'a thenable that never settles', targets: EVERY_K, tries: [{ file: '37-thenable', comesTo: TIMED_OUT, asked: SHORT }] },
  {
    no: 38, what: 'forged frames and messages', targets: targets('I', 'I', 'I'),
    tries: [{ file: '38-forged-message', comesTo: /^(crashed\/CONTAINER_CRASHED|"inert")$/ }],
    triesIn: {
      enhanced: [{ file: '38-backflow', comesTo: CRASHED }],
      strict: [{ file: '38-forged-frame', comesTo: CRASHED }, { file: '38-garbage', comesTo: CRASHED }, { file: '38-backflow', comesTo: CRASHED }],
    },
  },
];

/** What runs for a case in a tier: nothing where the tier does not defend against it. */
export function triesOf({ targets: of, tries, triesIn }: AbuseCase, tier: Tier): readonly Try[] {
  if (of[tier] === 'X') return [];
  const own = triesIn?.[tier] ?? [];
  // In basic the files of another way take the place of those that would hurt the process of the tests.
  return tier === 'basic' && own.length > 0 ? own : [...tries, ...own];
}
