import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

import { READY_SET_KEYS, readySetKey } from './keys.ts';

const SCRIPT_NAMES = [
  'mark-ready', 'schedule', 'claim', 'settle', 'reserve', 'adjust', 'set-limits', 'take-sweep-turn', 'forget', 'erase',
] as const;
type ScriptName = (typeof SCRIPT_NAMES)[number];

/** Runs one of the scripts in ./lua on the ready set's keys. */
export type RunScript = (name: ScriptName, args: readonly (string | number)[]) => Promise<unknown>;

type Command = (...args: (string | number)[]) => Promise<unknown>;

/** Registers the scripts on a client (sent once by EVAL, by their hash from then on). */
export function defineScripts(client: Redis, prefix: string): RunScript {
  const prelude = readScript('prelude');
  for (const name of SCRIPT_NAMES) {
    client.defineCommand(commandOf(name), { numberOfKeys: READY_SET_KEYS.length, lua: prelude + readScript(name) });
  }
  const keys = READY_SET_KEYS.map((key) => readySetKey(prefix, key));
  const commands = client as unknown as Record<string, Command>;
  return (name, args) => commands[commandOf(name)]!(...keys, ...args);
}

/** Registers a script of ./lua that has keys of its own. */
export function defineScript(client: Redis, name: 'extend-flows', numberOfKeys: number): (keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown> {
  client.defineCommand(commandOf(name), { numberOfKeys, lua: readScript(name) });
  const commands = client as unknown as Record<string, Command>;
  return (keys, args) => commands[commandOf(name)]!(...keys, ...args);
}

function commandOf(name: ScriptName | 'extend-flows'): string {
  return `bullpen:${name}`;
}

function readScript(name: ScriptName | 'extend-flows' | 'prelude'): string {
  return readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8');
}
