import { BullpenError } from '@bullpen/core';

import type { CommandAction, Invocation } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';

/** `bullpen pause`: none of the organization's runs is started until `bullpen resume`. Needs an admin key. */
export const pauseCommand: CommandAction = (invocation) => setPaused(invocation, true);

/** `bullpen resume` */
export const resumeCommand: CommandAction = (invocation) => setPaused(invocation, false);

/** `bullpen drain`: cancels every run of the organization that waits. */
export const drainCommand: CommandAction = async (invocation) => {
  const { output, options, deps } = invocation;
  const client = invocation.client();
  const orgId = await organizationOf(invocation);
  const drained = await client.organizations.drain(orgId, { signal: deps.interrupted });
  if (options.json === true) output.json(drained);
  else output.result(`${drained.cancelled} waiting runs of ${orgId} are cancelled`);
  return EXIT.ok;
};

async function setPaused(invocation: Invocation, paused: boolean): Promise<number> {
  const { output, options, deps } = invocation;
  const orgId = await organizationOf(invocation);
  const { organizations } = invocation.adminClient();
  const organization = await (paused ? organizations.pause : organizations.resume)(orgId, { signal: deps.interrupted });
  if (options.json === true) output.json(organization);
  else output.result(`${organization.id} is ${paused ? 'paused: its runs wait' : 'resumed'}`);
  return EXIT.ok;
}

/** The one that is named, else the key's own. */
async function organizationOf({ client, options, deps }: Invocation): Promise<string> {
  const orgId = options.org ?? (await client().whoami({ signal: deps.interrupted })).orgId;
  if (orgId === null) throw new BullpenError('INVALID_REQUEST', 'an admin key has no organization of its own: choose one with --org');
  return orgId;
}
