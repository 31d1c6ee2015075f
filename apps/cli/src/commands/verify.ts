import type { CommandAction, Invocation } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { harmless } from '../output.ts';
import { showProgress } from '../progress.ts';
import { durationText, wrapped } from '../text-format.ts';
import type { CheckReport } from '../verify/findings.ts';
import { verify } from '../verify/verification.ts';

export interface VerifyCommandOptions {
  runs: number;
  figuresWithin: number;
}

/** As wide as the longest name of a check, and as room allows. */
const NAME_COLUMNS = 30;

/** `bullpen verify`: tries a running system, line by line with evidence; 0 where all holds, 1 where something does not. */
export const verifyCommand: CommandAction<VerifyCommandOptions> = async (invocation) => {
  const { deps, output, options, adminClient, adminConnection } = invocation;
  const beganMs = deps.nowMs();
  const progress = { check: '', done: 0, of: 1 };
  const show = (fraction: number): void => {
    const { check, done, of } = progress;
    showProgress(output, (done + fraction) / of, `${done + 1} of ${of}: ${check}`);
  };
  const interrupt = (): void => output.note('interrupted: cleaning up, once more Ctrl-C leaves it as it is');
  deps.interrupted.addEventListener('abort', interrupt, { once: true });
  try {
    const verification = await verify({ admin: adminClient(), connection: adminConnection(), connect: deps.connect, signal: deps.interrupted, nowMs: deps.nowMs, figuresWithinMs: options.figuresWithin * 1000 }, {
      runs: options.runs,
      onStart: (check, done, of) => { Object.assign(progress, { check, done, of }); show(0); },
      onProgress: show,
      onReport: (report) => { if (options.json !== true) for (const line of reportLines(report, invocation)) output.result(line); },
    });
    output.live(null);
    const { passed, interrupted, checks } = verification;
    if (options.json === true) output.json({ passed, interrupted, tookMs: deps.nowMs() - beganMs, apiUrl: adminConnection().baseUrl, checks });
    else output.result(summary(checks, deps.nowMs() - beganMs, output.paint));
    return interrupted ? EXIT.interrupted : passed ? EXIT.ok : EXIT.runFailed;
  } finally {
    deps.interrupted.removeEventListener('abort', interrupt);
  }
};

function reportLines({ check, status, said, runIds, tookMs }: CheckReport, { output: { paint, columns } }: Invocation): string[] {
  const mark = { passed: paint.green('✔'), failed: paint.red('✖'), not_tried: paint.yellow('-') }[status];
  const took = status === 'not_tried' ? '' : durationText(tookMs).padStart(8);
  const name = check.padEnd(NAME_COLUMNS);
  const head = `${mark} ${status === 'failed' ? paint.red(name) : name} ${paint.dim(took)}`;
  const evidence = wrapped(harmless(said), columns, '  ').map((line) => (status === 'failed' ? line : paint.dim(line)));
  return [head, ...evidence, ...wrapped(runIds.join('  '), columns, '  ').map((line) => paint.dim(line))];
}

function summary(checks: readonly CheckReport[], tookMs: number, paint: Invocation['output']['paint']): string {
  const count = (status: CheckReport['status']): number => checks.filter((one) => one.status === status).length;
  const parts = [`${count('passed')} passed`, `${count('failed')} failed`, ...(count('not_tried') === 0 ? [] : [`${count('not_tried')} not tried`])];
  const line = `${parts.join(', ')} in ${durationText(tookMs)}`;
  return count('passed') === checks.length ? paint.green(line) : paint.red(line);
}
