/**
 * `npm start`: the whole system on this machine, on real parts. Brings up Postgres, the queue, the API and a worker, runs
 * the examples on them, says where everything is and stays up until it is asked to stop. With `--exit` it ends after
 * the examples; its last line is then a report in JSON, and its exit code says whether they ended as they should.
 */
import { Deadline, errorCodeOf, messageOf } from '@bullpen/core';
import { runExamples, type ExamplesReport } from '@bullpen/examples';

import { loadUpConfig, type UpConfig } from './config.ts';
import { saveCredentials } from './credentials.ts';
import { createLaunch, type Launch } from './launch.ts';
import { takeLaunchLock } from './launch-lock.ts';
import { bringUp, type LaunchReport, type LocalSystem } from './local-system.ts';
import { printError, printHeading, printLine, printStep, printTable } from './output.ts';
import { awaitStopRequest } from './stop-signal.ts';

/** From a Ctrl-C until everything has ended; what has not is killed. */
const STOP_MS = 15_000;

/** How a launch ended: asked to stop, or with its examples done. */
type Ending = { readonly kind: 'stopped' } | { readonly kind: 'done'; readonly report: object; readonly ok: boolean };

async function main(config: UpConfig): Promise<number> {
  const launch = createLaunch();
  const stopRequest = awaitStopRequest(() => {
    launch.kill();
    process.exit(130);
  });
  let died: (what: string) => void = () => undefined;
  const death = new Promise<never>((_, reject) => (died = (what) => reject(new Error(what))));
  const stopped = stopRequest.then((): Ending => ({ kind: 'stopped' }));
  try {
    const ending = await Promise.race([runAll(config, launch, reportTo(died)), stopped, death]);
    if (ending.kind === 'stopped' || !config.exit) printLine('\n  stopping ...');
    await launch.stop(Deadline.in(STOP_MS));
    if (ending.kind === 'stopped') {
      printLine('  stopped');
      return config.exit ? 130 : 0;
    }
    printLine(JSON.stringify(ending.report));
    return ending.ok ? 0 : 1;
  } catch (error) {
    printFailure(error);
    await launch.stop(Deadline.in(STOP_MS));
    return 1;
  }
}

/** Resolves only with `--exit`: otherwise the system stays up. */
async function runAll(config: UpConfig, launch: Launch, report: LaunchReport): Promise<Ending> {
  printHeading('Bullpen');
  const sinceStartMs = (): number => Date.now() - config.startedAtMs;
  report.step('set-up', `Node ${process.versions.node}, dependencies as locked`, sinceStartMs());
  const system = await bringUp(config, launch, report);
  const setupMs = sinceStartMs();
  const examples = config.examples ? await tryExamples(config, system) : null;
  printWhere(config, system);
  if (!config.exit || !examples) {
    printLine('\n  Ctrl-C stops everything.');
    return new Promise<never>(() => undefined);
  }
  const { runs, succeeded, expectedFailures, unexpected, firstRunMs } = examples;
  const dashboardUrl = `${system.apiUrl}/admin/runtime`;
  const line = { runs, succeeded, expectedFailures, unexpected, apiUrl: system.apiUrl, dashboardUrl, queue: system.queue.backend, setupMs, firstRunMs };
  return { kind: 'done', report: line, ok: unexpected === 0 && runs > 0 };
}

async function tryExamples(config: UpConfig, system: LocalSystem): Promise<ExamplesReport> {
  printHeading('\nExamples');
  const { apiUrl, credentials } = system;
  const onProgress = (line: string): void => printLine(`  ${line}`);
  const report = await runExamples({ apiUrl, adminKey: credentials.adminKey, onProgress });
  Object.assign(credentials.orgs, report.orgKeys);
  saveCredentials(config.credentialDirs, credentials);
  const odd = report.unexpected === 0 ? '' : `, ${report.unexpected} NOT as they should`;
  printLine(`\n  ${report.runs} runs: ${report.succeeded} succeeded, ${report.expectedFailures} ended otherwise, as their example says${odd}`);
  return report;
}

function printWhere(config: UpConfig, { apiUrl, credentials, postgres, queue }: LocalSystem): void {
  printHeading('\nWhere everything is');
  printTable([
    ['dashboard', `${apiUrl}/admin/runtime#key=${credentials.adminKey}`],
    ['API', `${apiUrl}/v1`],
    ['queues', `${apiUrl}/admin/queues`],
    ['Postgres', postgres.said],
    ['queue', queue.said],
    ['keys', `${config.credentialDirs.at(-1)}/credentials.json (${['admin', ...Object.keys(credentials.orgs)].join(', ')})`],
    ['logs', config.logDir],
  ]);
}

function reportTo(died: (what: string) => void): LaunchReport {
  return {
    step: printStep,
    restart: (name, ended, waitMs) => printError(`  the ${name} ended ${ended}; it is started again in ${waitMs / 1000} s`),
    death: died,
  };
}

/** A fault that we can name is one sentence; one that we cannot keeps its stack. */
function printFailure(error: unknown): void {
  const named = errorCodeOf(error) !== undefined || !(error instanceof Error);
  printError(`\nbullpen: ${named ? messageOf(error) : (error.stack ?? error.message)}`);
}

async function run(): Promise<number> {
  try {
    const config = loadUpConfig(process.argv.slice(2));
    const giveBack = takeLaunchLock(config.dataDir);
    try {
      return await main(config);
    } finally {
      giveBack();
    }
  } catch (error) {
    printFailure(error);
    return 1;
  }
}

process.exit(await run());
