import { BullpenError } from '@bullpen/core';

import type { CommandAction } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';

export interface KillOptions {
  yes?: boolean;
}

/** `bullpen kill <id>`: at once and without the grace of a cancel. The receipt appears on the run. */
export const killCommand: CommandAction<KillOptions> = async ({ output, options, deps, client, adminClient }, id = '') => {
  if (!/^(run|ctr)_/.test(id)) throw new BullpenError('INVALID_REQUEST', `${id} is neither a run (run_...) nor a container (ctr_...)`);
  if (options.yes !== true) throw new BullpenError('INVALID_REQUEST', `this ends ${id} at once, whatever it does: say --yes; a run is asked to stop by \`bullpen cancel\``);
  const call = { signal: deps.interrupted };
  const order = id.startsWith('ctr_')
    ? await adminClient().admin.killContainer(id, call)
    : await adminClient().admin.killRun(options.org ?? (await client().runs.get(id, call)).orgId, id, call);
  if (options.json === true) output.json(order);
  else output.result(`${order.workerId} was told to kill ${order.containerId ?? 'the container'} of ${order.orgId}${order.runId === null ? ', which runs nothing' : `, which runs ${order.runId}`}`);
  return EXIT.ok;
};
