import { BullpenError, type Secret } from '@bullpen/core';

import type { CommandAction } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { renderTable, type Column } from '../table.ts';
import { agoText } from '../text-format.ts';

/** `bullpen secrets set <name>`: the value from --value, else from stdin, less one line end at its end. */
export const setSecretCommand: CommandAction<{ value?: string }> = async (invocation, name) => {
  const { output, options, deps } = invocation;
  const value = options.value ?? (await deps.readStdin())?.replace(/\r?\n$/, '');
  if (value === undefined || value === '') {
    throw new BullpenError('INVALID_REQUEST', `no value: pipe it in (printf %s "$VALUE" | npx bullpen secrets set ${name}), or give --value, which others on this machine may see`);
  }
  const secret = await invocation.client().secrets.set(name!, value, { signal: deps.interrupted });
  if (options.json === true) output.json(secret);
  else output.result(`${secret.name} is set (version ${secret.version})`);
  return EXIT.ok;
};

/** `bullpen secrets list`: names and versions. */
export const listSecretsCommand: CommandAction = async (invocation) => {
  const { output, options, deps } = invocation;
  const list = await invocation.client().secrets.list({ signal: deps.interrupted });
  if (options.json === true) output.json(list);
  else if (list.items.length === 0) output.note('no secrets yet: set one with `npx bullpen secrets set <name>`');
  else {
    const columns: Column<Secret>[] = [
      { heading: 'NAME', text: ({ name }) => name },
      { heading: 'VERSION', text: ({ version }) => String(version), align: 'right' },
      { heading: 'SET', text: ({ updatedAt }) => agoText(updatedAt, deps.nowMs()), align: 'right' },
    ];
    for (const line of renderTable(columns, list.items, output.paint.dim, output.columns)) output.result(line);
  }
  return EXIT.ok;
};

/** `bullpen secrets rm <name>` */
export const removeSecretCommand: CommandAction = async (invocation, name) => {
  const { output, options, deps } = invocation;
  await invocation.client().secrets.delete(name!, { signal: deps.interrupted });
  if (options.json === true) output.json({ name, deleted: true });
  else output.result(`${name} is gone; runs that ask for it from now on fail with SECRET_NOT_FOUND`);
  return EXIT.ok;
};

/** `bullpen secrets rewrap`: after a new master key was put first; needs an admin key. */
export const rewrapSecretsCommand: CommandAction = async (invocation) => {
  const { output, options, deps } = invocation;
  const result = await invocation.adminClient().admin.rewrapSecrets({ signal: deps.interrupted });
  if (options.json === true) output.json(result);
  else output.result(`every secret is sealed under the master key ${result.keyId} (${result.rewrapped} were not); older ones are not needed any more`);
  return EXIT.ok;
};
