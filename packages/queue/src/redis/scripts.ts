import { readFileSync } from 'node:fs';

import { READY_SET_KEYS, queueAffixes, readySetKey } from './keys.ts';
import type { RedisClient } from './new-client.ts';

/** Scripts on the ready set alone. */
const READY_SCRIPTS = ['mark-ready', 'schedule', 'adjust', 'set-limits', 'take-sweep-turn', 'look', 'level', 'erase'] as const;
/** Scripts that look into the queues as well, with the layout of BullMQ's queues before them. */
const RUN_SCRIPTS = ['enqueue', 'turn', 'suspects', 'forget'] as const;
type ScriptName = (typeof READY_SCRIPTS)[number] | (typeof RUN_SCRIPTS)[number];

/** Runs one of the scripts in ./lua on the ready set's keys, and on the queues beside it where it looks into them. */
export type RunScript = (name: ScriptName, args: readonly (string | number)[]) => Promise<unknown>;

type Command = (...args: (string | number)[]) => Promise<unknown>;

/** The first arguments of the scripts that look into the queues, as lua/bull.lua names them; they follow from the prefix. */
const QUEUE_ARGUMENTS = 'local QUEUE_HEAD, QUEUE_TAIL = ARGV[1], ARGV[2]\n';

/**
 * Registers the scripts on a client (sent once by EVAL, by their hash from then on).
 * @returns what runs them on the ready set of a prefix
 */
export function defineScripts(client: RedisClient): (prefix: string) => RunScript {
  const prelude = readScript('prelude');
  const bull = prelude + QUEUE_ARGUMENTS + readScript('bull');
  const define = (name: ScriptName, before: string): void => {
    client.defineCommand(commandOf(name), { numberOfKeys: READY_SET_KEYS.length, lua: before + readScript(name) });
  };
  for (const name of READY_SCRIPTS) define(name, prelude);
  for (const name of RUN_SCRIPTS) define(name, bull);
  const commands = client as unknown as Record<string, Command>;
  return (prefix) => {
    const keys = READY_SET_KEYS.map((key) => readySetKey(prefix, key));
    const { head, tail } = queueAffixes(prefix);
    const first = new Map<ScriptName, readonly (string | number)[]>([
      ...READY_SCRIPTS.map((name) => [name, keys] as const), ...RUN_SCRIPTS.map((name) => [name, [...keys, head, tail]] as const),
    ]);
    return (name, args) => commands[commandOf(name)]!(...first.get(name)!, ...args);
  };
}

/** Registers a script of ./lua that has keys of its own. */
export function defineScript(client: RedisClient, name: 'extend-flows', numberOfKeys: number): (keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown> {
  client.defineCommand(commandOf(name), { numberOfKeys, lua: readScript(name) });
  const commands = client as unknown as Record<string, Command>;
  return (keys, args) => commands[commandOf(name)]!(...keys, ...args);
}

function commandOf(name: ScriptName | 'extend-flows'): string {
  return `bullpen:${name}`;
}

function readScript(name: ScriptName | 'extend-flows' | 'prelude' | 'bull'): string {
  return readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8');
}
