import type { IsolationReport } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

import type { Connection, Credentials, Environment, Flags } from './config.ts';
import type { Output } from './output.ts';
import type { FoundConfig } from './project-config.ts';

/** What the commands work with; `main.ts` puts it together from the process, a test from whatever it likes. */
export interface CliDeps {
  output: Output;
  env: Environment;
  /** Where relative paths begin. */
  cwd: string;
  findCredentials(): Credentials | null;
  /** `bullpen.config.ts` of the folder. @throws BullpenError CONFIG_INVALID */
  findProject(): Promise<FoundConfig | null>;
  connect(connection: Connection): BullpenClient;
  /** What is piped in, or null where nothing is. */
  readStdin(): Promise<string | null>;
  /** Aborted by Ctrl-C. */
  interrupted: AbortSignal;
  /** Runs `npm start` or `npm run bench` of the repository and gives its exit code. */
  inCheckout(entry: 'up' | 'bench', args: readonly string[]): Promise<number>;
  /** Has a worker of the checkout try what this machine can enforce. */
  probe(): Promise<IsolationReport>;
  nowMs(): number;
}

/** Options that every command takes. */
export interface GlobalOptions extends Flags {
  /** One value on stdout. True with `jsonLines` as well. */
  json?: boolean;
  /** What is followed comes as it happens, a value a line. */
  jsonLines?: boolean;
}

/** A command's own view: the dependencies, its options merged with the global ones, and a client when it asks for one. */
export interface Invocation<Options = object> {
  deps: CliDeps;
  output: Output;
  options: Options & GlobalOptions;
  client(): BullpenClient;
  /** A client for the organization with the strongest key that is known: keys of organizations are for owners. */
  ownerClient(): BullpenClient;
  /** A client with the key of the platform admin. */
  adminClient(): BullpenClient;
  /** Where that client sends its requests. */
  adminConnection(): Connection;
  /** @throws BullpenError CONFIG_INVALID */
  project(): FoundConfig | null;
}

/** A command that continues this one, as it can be typed: for the same organization where one was named. */
export function nextCommand(options: GlobalOptions, command: string): string {
  return `npx bullpen ${command}${options.org === undefined ? '' : ` --org ${options.org}`}`;
}

/** What a command does with its arguments; the number is the exit code. */
export type CommandAction<Options = object> = (invocation: Invocation<Options>, ...args: string[]) => Promise<number>;
