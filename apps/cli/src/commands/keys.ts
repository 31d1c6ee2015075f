import { defined, type ApiKey, type CreatedKey, type OrganizationRole } from '@bullpen/core';

import type { CommandAction, Invocation } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { harmless } from '../output.ts';
import { renderTable, type Column } from '../table.ts';
import { agoText } from '../text-format.ts';

export interface CreateKeyOptions {
  role: OrganizationRole;
  expires?: string;
}

/** `bullpen keys`: the keys of the organization, newest first. */
export const listKeysCommand: CommandAction<{ limit: number }> = async (invocation) => {
  const { output, options, deps, ownerClient } = invocation;
  const page = await ownerClient().keys.list({ limit: options.limit, signal: deps.interrupted });
  if (options.json === true) output.json(page);
  else for (const line of renderTable(columnsOf(invocation), page.items, output.paint.dim, output.columns)) output.result(line);
  return EXIT.ok;
};

/** `bullpen keys create <name>`. */
export const createKeyCommand: CommandAction<CreateKeyOptions> = async (invocation, name = 'default') => {
  const { options: { role, expires }, deps, ownerClient } = invocation;
  const key = await ownerClient().keys.create({ name, role, ...(expires === undefined ? {} : { expiresAt: expires }) }, { signal: deps.interrupted });
  return showSecret(invocation, key);
};

/** `bullpen keys rotate <id>`: the old secret works beside the new one for a while. */
export const rotateKeyCommand: CommandAction<{ overlap?: number; expires?: string }> = async (invocation, id = '') => {
  const { options: { overlap, expires }, deps, ownerClient } = invocation;
  return showSecret(invocation, await ownerClient().keys.rotate(id, defined({ overlapMs: overlap, expiresAt: expires }), { signal: deps.interrupted }));
};

/** `bullpen keys revoke <id>`. */
export const revokeKeyCommand: CommandAction = async ({ deps, options, output, ownerClient }, id = '') => {
  const key = await ownerClient().keys.revoke(id, { signal: deps.interrupted });
  if (options.json === true) output.json(key);
  else output.result(`${output.paint.green('✔')} ${harmless(key.name)} (${key.id}) works no more; other API processes obey within five seconds`);
  return EXIT.ok;
};

function showSecret({ output, options }: Invocation, key: CreatedKey): number {
  if (options.json === true) output.json(key);
  else {
    output.result(key.secret);
    output.note(output.paint.dim(`${key.id}, role ${key.role}: the secret is shown this once`));
  }
  return EXIT.ok;
}

function columnsOf({ output: { paint }, deps }: Invocation): Column<ApiKey>[] {
  const stateOf = (key: ApiKey) => {
    if (key.revokedAt !== null) return 'revoked';
    if (key.expiresAt === null) return 'works';
    return Date.parse(key.expiresAt) <= deps.nowMs() ? 'expired' : `until ${key.expiresAt.slice(0, 16).replace('T', ' ')}`;
  };
  return [
    { heading: 'KEY', text: ({ id }) => id },
    { heading: 'NAME', text: ({ name }) => harmless(name), cutTo: 10 },
    { heading: 'ROLE', text: ({ role }) => role },
    { heading: 'BEGINS', text: ({ prefix }) => (prefix === '' ? '-' : `${prefix}...`), leaveOut: 2 },
    { heading: 'STATE', text: stateOf, paint: (text) => (text.startsWith('works') || text.startsWith('until') ? text : paint.red(text)) },
    { heading: 'USED', text: ({ lastUsedAt }) => (lastUsedAt === null ? 'never' : agoText(lastUsedAt, deps.nowMs())), align: 'right', leaveOut: 1 },
  ];
}
