import { ORGANIZATION_ROLES, errorCodeOf, messageOf } from '@bullpen/core';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';

import type { CliDeps, CommandAction, GlobalOptions } from './cli.ts';
import { batchCommand } from './commands/batch.ts';
import { cancelCommand } from './commands/cancel.ts';
import { deployCommand } from './commands/deploy.ts';
import { doctorCommand } from './commands/doctor.ts';
import { initCommand } from './commands/init.ts';
import { createKeyCommand, listKeysCommand, revokeKeyCommand, rotateKeyCommand } from './commands/keys.ts';
import { killCommand } from './commands/kill.ts';
import { logsCommand } from './commands/logs.ts';
import { orgsDeleteCommand } from './commands/orgs.ts';
import { drainCommand, pauseCommand, resumeCommand } from './commands/organization.ts';
import { replayCommand } from './commands/replay.ts';
import { rollbackCommand } from './commands/rollback.ts';
import { runCommand } from './commands/run.ts';
import { STATE_CHOICES, runsCommand } from './commands/runs.ts';
import {
  createScheduleCommand, deleteScheduleCommand, nextScheduleCommand, pauseScheduleCommand, resumeScheduleCommand, schedulesCommand,
} from './commands/schedules.ts';
import { listSecretsCommand, removeSecretCommand, rewrapSecretsCommand, setSecretCommand } from './commands/secrets.ts';
import { upCommand } from './commands/up.ts';
import { verifyCommand } from './commands/verify.ts';
import { whyCommand } from './commands/why.ts';
import { resolveAdminConnection, resolveConnection } from './config.ts';
import { EXIT, EXIT_CODES_HELP, exitCodeOf } from './exit-codes.ts';
import { harmless } from './output.ts';

/** Runs one command line (without `node` and the script) and gives the exit code. Never throws. */
export async function runCli(args: readonly string[], deps: CliDeps): Promise<number> {
  const outcome = { exitCode: EXIT.ok as number };
  const program = buildProgram(deps, (exitCode) => {
    outcome.exitCode = exitCode;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return outcome.exitCode;
  } catch (error) {
    deps.output.live(null);
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (deps.interrupted.aborted) return EXIT.interrupted;
    sayError(error, args.includes('--json'), deps);
    return exitCodeOf(error);
  }
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
function hinted(code: string | undefined, message: string): string {
  if (code === 'API_UNREACHABLE') return `${message}; start it with \`npm start\`, or say where it is with --url`;
  if (code === 'AGENT_NOT_FOUND') return `${message}; deploy it with \`npx bullpen deploy\`, or choose another --org`;
  return message;
}

function buildProgram(deps: CliDeps, done: (exitCode: number) => void): Command {
  const { output } = deps;
  const program = new Command('bullpen')
    .description('Deploys agents to Bullpen and runs them.')
    .option('--url <url>', 'address of the API (BULLPEN_API_URL)')
    .option('--key <key>', 'API key (BULLPEN_API_KEY)')
    .option('--org <org>', 'organization (BULLPEN_ORG); the first of the credentials file where left out')
    .option('--json', 'print JSON for machines')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', `\nKeys and address come from the flags, else the environment, else .bullpen/credentials.json\n(of this folder, the folders above it, or the checkout), which \`npm start\` writes.\n\n${EXIT_CODES_HELP}`)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.result(text.trimEnd()),
      writeErr: (text) => output.note(text.trimEnd().replace(/^error: /, 'bullpen: ')),
      getOutHasColors: () => output.paint.isColorSupported,
      getErrHasColors: () => output.paint.isColorSupported,
    });
  addAgentCommands(program, binder(deps, done));
  addRunCommands(program, binder(deps, done));
  addOrganizationCommands(program, binder(deps, done));
  addKeyCommands(program, binder(deps, done));
  addQueueCommands(program, binder(deps, done));
  addScheduleCommands(program.command('schedules').description('runs at times: list, create, pause, resume, next, delete'), binder(deps, done));
  addOperatorCommands(program, binder(deps, done));
  addSecretCommands(program, binder(deps, done));
  return program;
}

type Bind = <Options extends object>(action: CommandAction<Options>) => (...args: unknown[]) => Promise<void>;

/** Turns a command's action into what commander calls: its arguments, then its options, then the command. */
const binder = (deps: CliDeps, done: (exitCode: number) => void): Bind => <Options extends object>(action: CommandAction<Options>) =>
  async (...given) => {
    const command = given.at(-1) as Command;
    const options = command.optsWithGlobals<Options & GlobalOptions>();
    const args = given.slice(0, -2).flat().filter((arg): arg is string => arg !== undefined);
    const client = () => deps.connect(resolveConnection(options, deps.env, hasKey(options, deps) ? null : deps.findCredentials()));
    const adminConnection = () => resolveAdminConnection(options, deps.env, hasKey(options, deps) ? null : deps.findCredentials());
    const adminClient = () => deps.connect(adminConnection());
    done(await action({ deps, output: deps.output, options, client, adminClient, adminConnection }, ...args));
  };

const hasKey = (options: GlobalOptions, deps: CliDeps): boolean => (options.key ?? deps.env.apiKey) !== undefined;

function addAgentCommands(program: Command, bind: Bind): void {
  program.command('up')
    .description('bring the whole system up on this machine, as `npm start` does')
    .argument('[flags...]', 'passed on, for example --exit')
    .allowUnknownOption()
    .action(bind(upCommand));
  program.command('init')
    .description('write a small agent that deploys as it stands')
    .argument('[dir]', 'folder to write to; this one where left out')
    .option('--name <name>', 'name of the agent; the folder\'s where left out')
    .action(bind(initCommand));
  program.command('deploy')
    .description('bundle an agent and upload it as a new version')
    .argument('[file]', 'the agent\'s module, or its folder; agent.ts of this one where left out')
    .option('--name <name>', 'deploy under another name than the agent gives itself')
    .option('--no-sourcemap', 'leave out the source map, by which stack traces point at your lines')
    .option('--to <deployment>', 'point a deployment, `production` say, at the new version')
    .addOption(new Option('--canary <percent>', 'with --to: let it take this share of the runs beside the stable version').argParser(percentage))
    .action(bind(deployCommand));
  program.command('rollback')
    .description('go back in one call: out of a canary, else to the stable version before')
    .argument('<agent>')
    .option('--deployment <name>', 'which deployment', 'production')
    .option('--to <version>', 'to this version instead', wholeNumber)
    .action(bind(rollbackCommand));
}

function addRunCommands(program: Command, bind: Bind): void {
  program.command('run')
    .description('run an agent and show what it says until it is over')
    .argument('<agent>', 'name of a deployed agent')
    .option('--input <json>', 'input as JSON')
    .option('--input-file <file>', 'input from a file of JSON; - is stdin, which is also read when piped in')
    .addOption(new Option('--wait', 'show only how it ended').conflicts('detach'))
    .option('--detach', 'print the run\'s id and do not wait')
    .option('--agent-version <n>', 'a version other than the newest', wholeNumber)
    .option('--timeout <ms>', 'limit of one attempt, ms', wholeNumber)
    .option('--memory <mb>', 'memory limit, MB', wholeNumber)
    .option('--attempts <n>', 'attempts in all', wholeNumber)
    .action(bind(runCommand));
  program.command('runs')
    .description('list the newest runs')
    .addOption(new Option('--state <state>', 'only in this state').choices(STATE_CHOICES))
    .option('--agent <agent>', 'only of this agent')
    .option('--limit <n>', 'how many, at most 200', wholeNumber, 20)
    .action(bind(runsCommand));
  program.command('logs')
    .description('show what a run said')
    .argument('<runId>')
    .option('-f, --follow', 'go on until the run is over')
    .action(bind(logsCommand));
  program.command('cancel')
    .description('stop a run')
    .argument('<runId>')
    .action(bind(cancelCommand));
}

function addOrganizationCommands(program: Command, bind: Bind): void {
  program.command('orgs').description('organizations (with the key of the platform admin)').command('delete')
    .description('delete an organization: its rows, keys and queue, after writing all it has to a file')
    .argument('<org>')
    .option('--export <file>', 'where to write it; <org>.ndjson where left out')
    .option('--yes', 'yes, delete it')
    .action(bind(orgsDeleteCommand));
}

function addKeyCommands(program: Command, bind: Bind): void {
  const keys = program.command('keys').description('see, make, rotate and revoke keys of the organization');
  keys.command('list', { isDefault: true })
    .description('list keys, without their secrets')
    .option('--limit <n>', 'how many, at most 200', wholeNumber, 50)
    .action(bind(listKeysCommand));
  keys.command('create')
    .description('make a key and print its secret')
    .argument('[name]', 'lower-case letters, digits and dashes', 'default')
    .addOption(new Option('--role <role>', 'what it may do').choices([...ORGANIZATION_ROLES]).default('developer'))
    .option('--expires <time>', 'it works until then: ISO 8601, in UTC')
    .action(bind(createKeyCommand));
  keys.command('rotate')
    .description('put a new secret in the place of a key and print it')
    .argument('<id>')
    .option('--overlap <ms>', 'how long the old secret works beside it; a day where left out', wholeNumber)
    .action(bind(rotateKeyCommand));
  keys.command('revoke')
    .description('take a key away')
    .argument('<id>')
    .action(bind(revokeKeyCommand));
}

function addQueueCommands(program: Command, bind: Bind): void {
  program.command('batch')
    .description('start up to 1,000 runs, all or none')
    .argument('[file]', 'a JSON list of requests; - (or nothing) is stdin')
    .option('--idempotency-key <key>', 'make this batch once, however often it is sent')
    .action(bind(batchCommand));
  program.command('replay')
    .description('run again, with the same input, a run that has ended')
    .argument('<runId>')
    .action(bind(replayCommand));
  program.command('why')
    .description('tell what a waiting run waits for')
    .argument('<runId>')
    .action(bind(whyCommand));
  program.command('pause').description('start none of the organization\'s runs until resume (admin)').action(bind(pauseCommand));
  program.command('resume').description('start them again (admin)').action(bind(resumeCommand));
  program.command('drain').description('cancel all runs of the organization that wait').action(bind(drainCommand));
}

function addScheduleCommands(schedules: Command, bind: Bind): void {
  schedules.command('list', { isDefault: true })
    .description('list them')
    .option('--limit <n>', 'how many, at most 200', wholeNumber, 50)
    .action(bind(schedulesCommand));
  schedules.command('create')
    .description('run an agent at times')
    .argument('<name>')
    .argument('<agent>')
    .option('--cron <expression>', 'five fields: minute hour day month weekday')
    .option('--time-zone <zone>', 'of the cron expression, for example Europe/Berlin; UTC where left out')
    .option('--every <ms>', 'instead: every so many ms', wholeNumber)
    .option('--input <json>', 'input as JSON')
    .option('--input-file <file>', 'input from a file of JSON; - is stdin')
    .action(bind(createScheduleCommand));
  schedules.command('pause').argument('<name>').action(bind(pauseScheduleCommand));
  schedules.command('resume').argument('<name>').action(bind(resumeScheduleCommand));
  schedules.command('delete').argument('<name>').action(bind(deleteScheduleCommand));
  schedules.command('next')
    .description('show its next times')
    .argument('<name>')
    .option('--count <n>', 'how many', wholeNumber, 5)
    .action(bind(nextScheduleCommand));
}

function addOperatorCommands(program: Command, bind: Bind): void {
  program.command('doctor')
    .description('prove that no run is lost, duplicated or leaked between queue and Postgres, and repair (admin key)')
    .option('--check-only', 'only look; ends with 1 where something was found')
    .option('--isolation', 'instead: what each worker\'s machine can enforce of each tier, and the cases tried')
    .option('--here', 'with --isolation: try this machine')
    .action(bind(doctorCommand));
  program.command('verify')
    .description('try a running system: organizations, walls, limits, load, metrics, health, with evidence (admin key)')
    .addOption(new Option('--runs <n>', 'runs of one organization at once').default(100).argParser(batchSize))
    .option('--figures-within <s>', 'how long metrics and scores may take to show what has run', wholeNumber, 45)
    .action(bind(verifyCommand));
  program.command('kill')
    .description('kill a container, or the container of a run, at once (admin key)')
    .argument('<id>', 'run_... or ctr_...')
    .option('--yes', 'do not ask')
    .action(bind(killCommand));
}

function addSecretCommands(program: Command, bind: Bind): void {
  const secrets = program.command('secrets').description('secrets of the organization: written, never read back');
  secrets.command('set')
    .description('set a secret, or give it a new value')
    .argument('<name>', 'letters, digits and _')
    .option('--value <value>', 'the value; stdin where left out')
    .action(bind(setSecretCommand));
  secrets.command('list').description('names and versions').action(bind(listSecretsCommand));
  secrets.command('rm').description('delete a secret').argument('<name>').action(bind(removeSecretCommand));
  secrets.command('rewrap').description('seal every secret under the newest master key (with --key of the platform admin)').action(bind(rewrapSecretsCommand));
}

function percentage(text: string): number {
  const percent = Number(text);
  if (text === '' || !(percent > 0 && percent <= 100)) throw new InvalidArgumentError('it must be a number above 0, at most 100.');
  return percent;
}

function batchSize(text: string): number {
  const runs = wholeNumber(text);
  if (runs < 1 || runs > 1000) throw new InvalidArgumentError('it must be from 1 to 1000.');
  return runs;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('it must be a whole number.');
  return Number(text);
}
