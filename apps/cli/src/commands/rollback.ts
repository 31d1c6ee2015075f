import type { CommandAction } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';

export interface RollbackOptions {
  deployment: string;
  to?: number;
}

/** `bullpen rollback <agent>`: the version before, in one call. */
export const rollbackCommand: CommandAction<RollbackOptions> = async ({ deps, options, output, client }, agent = '') => {
  const { deployment: name, to } = options;
  const deployment = await client().deployments.rollBack(agent, name, to === undefined ? {} : { version: to }, { signal: deps.interrupted });
  const { version, lastRollback } = deployment;
  if (options.json === true) output.json(deployment);
  else output.result(`${output.paint.green('✔')} ${name} of ${agent} is back at ${output.paint.bold(`v${version}`)}${lastRollback === null ? '' : ` from v${lastRollback.from}`}`);
  return EXIT.ok;
};
