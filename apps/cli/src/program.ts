import { BullpenError, errorCodeOf, messageOf } from '@bullpen/core';
import { Argument, Command, CommanderError } from 'commander';

import type { CliDeps, CommandAction, GlobalOptions } from './cli.ts';
import {
  addAgentCommands, addKeyCommands, addOperatorCommands, addOrganizationCommands, addQueueCommands, addRunCommands, addScheduleCommands, addSecretCommands,
  type Bind,
} from './command-groups.ts';
import { completionCommand } from './commands/completion.ts';
import { namesCommand } from './commands/names.ts';
import { SHELLS } from './completion/completion-script.ts';
import { resolveAdminConnection, resolveConnection, resolveOwnerConnection } from './config.ts';
import { EXIT, EXIT_CODES_HELP, exitCodeOf } from './exit-codes.ts';
import { NAME_KINDS } from './names.ts';
import { versionOfCommand } from './installation.ts';
import { harmless } from './output.ts';
import type { FoundConfig } from './project-config.ts';
import { addWebhookCommands } from './webhook-commands.ts';

/** Runs one command line (without `node` and the script) and gives the exit code. Never throws. */
export async function runCli(args: readonly string[], deps: CliDeps): Promise<number> {
  const outcome = { exitCode: EXIT.ok as number };
  const asJson = args.includes('--json') || args.includes('--json-lines');
  const program = buildProgram(deps, asJson, (exitCode) => {
    outcome.exitCode = exitCode;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return outcome.exitCode;
  } catch (error) {
    deps.output.live(null);
    if (error instanceof CommanderError) return endOfUsage(error, asJson, deps);
    if (deps.interrupted.aborted) return EXIT.interrupted;
    sayError(error, asJson, deps);
    return exitCodeOf(error);
  }
}

/** Help that was asked for, or arguments that are none: people were told by commander itself. */
function endOfUsage(error: CommanderError, asJson: boolean, deps: CliDeps): number {
  if (error.exitCode === 0) return EXIT.ok;
  const message = error.code === 'commander.help' ? 'no command is named: `bullpen help` lists them' : error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  if (asJson) sayError(new BullpenError('INVALID_REQUEST', message), asJson, deps);
  return EXIT.usage;
}

/** One sentence and the stable code; a fault of the command itself shows where it happened. */
function sayError(error: unknown, asJson: boolean, { output }: CliDeps): void {
  const code = errorCodeOf(error);
  const message = hinted(code, messageOf(error));
  if (asJson) output.note(JSON.stringify({ error: { code: code ?? 'INTERNAL', message } }));
  else output.note(`${output.paint.red('bullpen:')} ${harmless(message)} ${output.paint.dim(`(${code ?? 'INTERNAL'})`)}`);
  if (code === undefined && !asJson && error instanceof Error) output.note(output.paint.dim(harmless(error.stack ?? '')));
}

/** What to do about a refusal, where its sentence cannot know that it is read in a terminal. */
const HINTS: Readonly<Partial<Record<string, string>>> = {
  API_UNREACHABLE: 'start it with `npm start`, or say where it is with --url',
  AGENT_NOT_FOUND: 'deploy it with `npx bullpen deploy`, or choose another --org',
  UNAUTHENTICATED: 'give a key that works with --key or BULLPEN_API_KEY',
  FORBIDDEN: 'give a key that may do this (`npx bullpen keys create --role ...` makes one), or the admin\'s',
  RATE_LIMITED: 'wait a little, or use fewer requests at once',
  SECRETS_UNAVAILABLE: 'give API and workers BULLPEN_SECRETS_KEY',
};

function hinted(code: string | undefined, message: string): string {
  const hint = HINTS[code ?? ''];
  // A sentence that says what to give has it already.
  return hint === undefined || message.includes('--key') ? message : `${message}; ${hint}`;
}

/** All commands, bound to nothing: what help, completion and docs/cli.md are made of. */
export function describeProgram(): Command {
  return addCommands(new Command('bullpen'), () => () => Promise.resolve());
}

/** Every command that does something, by its words: `runs`, `keys create`, ... */
export function commandPaths(): string[] {
  const walk = (command: Command, path: readonly string[]): string[] => {
    const children = command.commands.filter((child) => child.name() !== 'help');
    return children.length === 0 ? [path.join(' ')] : children.flatMap((child) => walk(child, [...path, child.name()]));
  };
  return walk(describeProgram(), []);
}

function buildProgram(deps: CliDeps, asJson: boolean, done: (exitCode: number) => void): Command {
  const { output } = deps;
  const program = new Command('bullpen').exitOverride().configureOutput({
    writeOut: (text) => output.result(text.trimEnd()),
    writeErr: (text) => { if (!asJson) output.note(text.trimEnd().replace(/^error: /, 'bullpen: ')); },
    getOutHasColors: () => output.paint.isColorSupported,
    getErrHasColors: () => output.paint.isColorSupported,
    getOutHelpWidth: () => Math.min(output.columns, WIDEST_HELP),
    getErrHelpWidth: () => Math.min(output.columns, WIDEST_HELP),
  });
  return addCommands(program, binder(deps, done));
}

/** Longer lines are hard to read. */
const WIDEST_HELP = 120;

function addCommands(program: Command, bind: Bind): Command {
  program
    .description('Deploys agents to Bullpen, runs them, and looks after the system that they run on.')
    .version(versionOfCommand(), '-V, --version', 'print the version of this command')
    .option('--url <url>', 'address of the API (BULLPEN_API_URL)')
    .option('--key <key>', 'API key (BULLPEN_API_KEY)')
    .option('--org <org>', 'organization (BULLPEN_ORG); the first of the credentials file where left out')
    .option('--json', 'print one JSON value for machines')
    .option('--json-lines', 'the same, and what is followed (run, logs, top) as it comes, a value a line')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('`bullpen help` lists all commands, `bullpen help COMMAND` its options')
    .addHelpText('after', `\n${WHERE_FROM}\n\n${EXIT_CODES_HELP}`);
  addAgentCommands(program.commandsGroup('Agents:'), bind);
  addRunCommands(program.commandsGroup('Runs:'), bind);
  addQueueCommands(program, bind);
  addScheduleCommands(program.commandsGroup('Organization:'), bind);
  addKeyCommands(program, bind);
  addSecretCommands(program, bind);
  addWebhookCommands(program, bind);
  addOrganizationCommands(program.commandsGroup('Operation:'), bind);
  addOperatorCommands(program, bind);
  program.commandsGroup('Shell:');
  program.command('names')
    .description('print the names that there are, one a line: what completion asks for')
    .addArgument(new Argument('<kind>', 'the newest hundred of these').choices([...NAME_KINDS]))
    .action(bind(namesCommand));
  program.command('completion')
    .description('print the script that teaches a shell these commands: source <(bullpen completion bash)')
    .addArgument(new Argument('<shell>').choices([...SHELLS]))
    .action(bind(completionCommand(describeProgram)));
  return program;
}

const WHERE_FROM = `Keys and address come from the flags, else the environment, else bullpen.config.ts, else
.bullpen/credentials.json (of this folder, the folders above it, or the checkout), which
\`npm start\` writes.`;

/** Turns a command's action into what commander calls: its arguments, then its options, then the command. */
const binder = (deps: CliDeps, done: (exitCode: number) => void): Bind => <Options extends object>(action: CommandAction<Options>) =>
  async (...given) => {
    const command = given.at(-1) as Command;
    const options = withJson(command.optsWithGlobals<Options & GlobalOptions>());
    const args = given.slice(0, -2).flat().filter((arg): arg is string => arg !== undefined);
    const project = await projectOf(deps);
    const credentials = () => (hasKey(options, deps) ? null : deps.findCredentials());
    // What the folder's config says stands behind what the environment says.
    const env = () => ({ ...deps.env, apiUrl: deps.env.apiUrl ?? project()?.apiUrl, org: deps.env.org ?? project()?.org });
    const client = () => deps.connect(resolveConnection(options, env(), credentials()));
    const ownerClient = () => deps.connect(resolveOwnerConnection(options, env(), credentials()));
    const adminConnection = () => resolveAdminConnection(options, env(), credentials());
    const adminClient = () => deps.connect(adminConnection());
    done(await action({ deps, output: deps.output, options, client, ownerClient, adminClient, adminConnection, project }, ...args));
  };

/** A config that is broken stops the commands that need it, and no other. */
async function projectOf(deps: CliDeps): Promise<() => FoundConfig | null> {
  try {
    const found = await deps.findProject();
    return () => found;
  } catch (error) {
    return () => { throw error; };
  }
}

/** Lines of JSON are JSON. */
const withJson = <Options extends GlobalOptions>(options: Options): Options => (options.jsonLines === true ? { ...options, json: true } : options);

const hasKey = (options: GlobalOptions, deps: CliDeps): boolean => (options.key ?? deps.env.apiKey) !== undefined;

