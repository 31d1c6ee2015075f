import { ORGANIZATION_ROLES, TIERS } from '@bullpen/core';
import { Option, type Command } from 'commander';

import { TEMPLATES } from './agent-template.ts';
import type { CommandAction } from './cli.ts';
import { batchCommand } from './commands/batch.ts';
import { benchCommand } from './commands/bench.ts';
import { cancelCommand } from './commands/cancel.ts';
import { deployCommand } from './commands/deploy.ts';
import { doctorCommand } from './commands/doctor.ts';
import { initCommand } from './commands/init.ts';
import { createKeyCommand, listKeysCommand, revokeKeyCommand, rotateKeyCommand } from './commands/keys.ts';
import { killCommand } from './commands/kill.ts';
import { logsCommand } from './commands/logs.ts';
import { createOrgCommand, listOrgsCommand, orgsDeleteCommand, setOrgCommand, showOrgCommand } from './commands/orgs.ts';
import { drainCommand, pauseCommand, resumeCommand } from './commands/organization.ts';
import { replayCommand } from './commands/replay.ts';
import { rollbackCommand } from './commands/rollback.ts';
import { runCommand } from './commands/run.ts';
import { STATE_CHOICES, runsCommand } from './commands/runs.ts';
import {
  createScheduleCommand, deleteScheduleCommand, nextScheduleCommand, pauseScheduleCommand, resumeScheduleCommand, schedulesCommand,
} from './commands/schedules.ts';
import { listSecretsCommand, removeSecretCommand, rewrapSecretsCommand, setSecretCommand } from './commands/secrets.ts';
import { topCommand } from './commands/top.ts';
import { upCommand } from './commands/up.ts';
import { verifyCommand } from './commands/verify.ts';
import { whyCommand } from './commands/why.ts';
import { batchSize, percentage, positive, rate, wholeNumber } from './option-parsers.ts';

/** Turns a command's action into what commander calls. */
export type Bind = <Options extends object>(action: CommandAction<Options>) => (...args: unknown[]) => Promise<void>;

export function addAgentCommands(program: Command, bind: Bind): void {
  program.command('up')
    .description('bring the whole system up on this machine, as `npm start` does')
    .argument('[flags...]', 'passed on, for example --exit')
    .allowUnknownOption()
    .action(bind(upCommand));
  program.command('init')
    .description('write a small agent that deploys as it stands')
    .argument('[dir]', 'folder to write to; this one where left out')
    .option('--name <name>', 'name of the agent; the folder\'s where left out')
    .addOption(new Option('--template <template>', Object.entries(TEMPLATES).map(([name, about]) => `${name}: ${about}`).join('; ')).choices(Object.keys(TEMPLATES)).default('text'))
    .action(bind(initCommand));
  program.command('deploy')
    .description('bundle agents and upload each as a new version')
    .argument('[files...]', 'modules of agents, or their folders; where left out those that bullpen.config.ts names, else agent.ts of this folder')
    .option('--name <name>', 'deploy under another name than the agent gives itself')
    .option('--no-sourcemap', 'leave out the source map, by which stack traces point at your lines')
    .option('--to <deployment>', 'point a deployment, `production` say, at the new version')
    .addOption(new Option('--canary <percent>', 'with --to: let it take this share of the runs beside the stable version').argParser(percentage))
    .option('--canary-for <keys...>', 'with --to: and all runs with these fairness keys, chosen customers say')
    .action(bind(deployCommand));
  program.command('rollback')
    .description('go back in one call: out of a canary, else to the stable version before')
    .argument('<agent>')
    .option('--deployment <name>', 'which deployment', 'production')
    .option('--to <version>', 'to this version instead', wholeNumber)
    .action(bind(rollbackCommand));
}

export function addRunCommands(program: Command, bind: Bind): void {
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
  choosingRuns(program.command('cancel').description('stop a run, or all that are chosen')).action(bind(cancelCommand));
}

/** One run, or those that options choose. */
function choosingRuns(command: Command): Command {
  return command
    .argument('[runId]', 'one run; else choose some')
    .addOption(new Option('--state <state>', 'in this state').choices(STATE_CHOICES))
    .option('--agent <agent>', 'of this agent')
    .option('--tag <tag>', 'with this tag')
    .option('--error-code <code>', 'that ended with this code')
    .option('--before <time>', 'queued before: ISO 8601, in UTC')
    .option('--limit <n>', 'so many at most, the newest first', wholeNumber)
    .option('--dry-run', 'only count those that are chosen');
}

export function addOrganizationCommands(program: Command, bind: Bind): void {
  const orgs = program.command('orgs').description('organizations: list, create, show, set, delete (admin key)');
  orgs.command('list', { isDefault: true })
    .description('list them')
    .option('--limit <n>', 'how many, at most 200', wholeNumber, 50)
    .action(bind(listOrgsCommand));
  withSettings(orgs.command('create').description('make an organization').argument('<org>', 'lower-case letters, digits and dashes')).action(bind(createOrgCommand));
  orgs.command('show').description('show what it may have').argument('<org>').action(bind(showOrgCommand));
  withSettings(orgs.command('set').description('change what it may have; workers obey within a second').argument('<org>')).action(bind(setOrgCommand));
  orgs.command('delete')
    .description('delete an organization: its rows, keys and queue, after writing all it has to a file')
    .argument('<org>')
    .option('--export <file>', 'where to write it; <org>.ndjson where left out')
    .option('--yes', 'yes, delete it')
    .action(bind(orgsDeleteCommand));
}

function withSettings(command: Command): Command {
  return command
    .option('--name <name>', 'what people call it')
    .option('--pool <mb>', 'container memory on one worker at once, MB', wholeNumber)
    .option('--max-memory <mb>', 'the most that one run may ask for, MB', wholeNumber)
    .addOption(new Option('--minimum-tier <tier>', 'its runs are never of a weaker one').choices(TIERS))
    .option('--weight <n>', 'its share relative to others', positive)
    .option('--concurrency <n>', 'runs at once', wholeNumber)
    .option('--rate <runs/ms>', 'starts in a window, such as 100/1000', rate);
}

export function addKeyCommands(program: Command, bind: Bind): void {
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
    .option('--expires <time>', 'the new one works until then: ISO 8601, in UTC; as long as the old one would have where left out')
    .action(bind(rotateKeyCommand));
  keys.command('revoke')
    .description('take a key away')
    .argument('<id>')
    .action(bind(revokeKeyCommand));
}

export function addQueueCommands(program: Command, bind: Bind): void {
  program.command('batch')
    .description('start up to 1,000 runs, all or none')
    .argument('[file]', 'a JSON list of requests; - (or nothing) is stdin')
    .option('--wait', 'until all have ended; ends with 1 where one did not succeed')
    .option('--idempotency-key <key>', 'make this batch once, however often it is sent')
    .action(bind(batchCommand));
  choosingRuns(program.command('replay').description('run again, with the same input, a run that has ended, or all that are chosen, each once'))
    .option('--again', 'with a choice: also runs that were replayed before')
    .action(bind(replayCommand));
  program.command('why')
    .description('tell what a waiting run waits for')
    .argument('<runId>')
    .action(bind(whyCommand));
  program.command('pause').description('start none of the organization\'s runs until resume (admin key)').action(bind(pauseCommand));
  program.command('resume').description('start them again (admin key)').action(bind(resumeCommand));
  program.command('drain').description('cancel all runs of the organization that wait').action(bind(drainCommand));
}

export function addScheduleCommands(program: Command, bind: Bind): void {
  const schedules = program.command('schedules').description('runs at times: list, create, pause, resume, next, delete');
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
  schedules.command('pause').description('make no runs until resume').argument('<name>').action(bind(pauseScheduleCommand));
  schedules.command('resume').description('make runs again').argument('<name>').action(bind(resumeScheduleCommand));
  schedules.command('delete').description('take it away; runs that it made stay').argument('<name>').action(bind(deleteScheduleCommand));
  schedules.command('next')
    .description('show its next times')
    .argument('<name>')
    .option('--count <n>', 'how many', wholeNumber, 5)
    .action(bind(nextScheduleCommand));
}

export function addOperatorCommands(program: Command, bind: Bind): void {
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
  program.command('top')
    .description('watch workers, organizations and runs, live (admin key)')
    .option('--every <s>', 'seconds between two looks', positive, 1)
    .option('--once', 'look once')
    .action(bind(topCommand));
  program.command('bench')
    .description('measure a running system (admin key); with a name, one of the checkout\'s benchmarks (`bench list`)')
    .argument('[name...]', 'of a benchmark, which starts what it needs by itself')
    .addOption(new Option('--runs <n>', 'runs to measure').default(500).argParser(wholeNumber))
    .addOption(new Option('--at-once <n>', 'requests that wait at the same time').default(8).argParser(wholeNumber))
    .addOption(new Option('--tier <tier>', 'of the runs').choices(TIERS).default('enhanced'))
    .action(bind(benchCommand));
  program.command('kill')
    .description('kill a container, or the container of a run, at once (admin key)')
    .argument('<id>', 'run_... or ctr_...')
    .option('--yes', 'do not ask')
    .action(bind(killCommand));
}

export function addSecretCommands(program: Command, bind: Bind): void {
  const secrets = program.command('secrets').description('secrets of the organization: written, never read back');
  secrets.command('set')
    .description('set a secret, or give it a new value')
    .argument('<name>', 'letters, digits and _')
    .option('--value <value>', 'the value; stdin where left out')
    .action(bind(setSecretCommand));
  secrets.command('list', { isDefault: true }).description('names and versions').action(bind(listSecretsCommand));
  secrets.command('rm').description('delete a secret').argument('<name>').action(bind(removeSecretCommand));
  secrets.command('rewrap').description('seal every secret under the newest master key (admin key)').action(bind(rewrapSecretsCommand));
}

