import { assertNever } from '@bullpen/core';
import type { BullpenClient } from '@bullpen/sdk';

/** Names that the API knows, for whoever completes a line or writes a loop. */
export const NAME_KINDS = ['agents', 'keys', 'orgs', 'runs', 'schedules', 'secrets', 'triggers', 'webhooks'] as const;
export type NameKind = (typeof NAME_KINDS)[number];

/** The newest where there are very many: nobody reads more of them behind a cursor. */
const MOST = 100;

/** What a value that is called so is the name of, in the command of these words; null: only its user knows. */
export function namedBy(called: string, path: readonly string[], isArgument: boolean): NameKind | null {
  if (called === 'agent') return 'agents';
  if (called === 'runId') return 'runs';
  // What is being created has no name yet.
  if (called === 'org') return path.at(-1) === 'create' ? null : 'orgs';
  if (!isArgument || (called !== 'name' && called !== 'id')) return null;
  if (path.join(' ') === 'kill') return 'runs';
  const [group] = path;
  return path.at(-1) === 'create' ? null : NAME_KINDS.find((kind) => kind === group) ?? null;
}

export interface NameReaders {
  client(): BullpenClient;
  ownerClient(): BullpenClient;
  adminClient(): BullpenClient;
  signal: AbortSignal;
}

/** @throws what the API refuses: names of organizations are the admin's, those of keys, secrets, triggers and webhooks an owner's */
export async function readNames(kind: NameKind, { client, ownerClient, adminClient, signal }: NameReaders): Promise<string[]> {
  switch (kind) {
    case 'agents': return (await client().agents.list({ limit: MOST, signal })).items.map(({ name }) => name);
    case 'runs': return (await client().runs.list({ limit: MOST, signal })).items.map(({ id }) => id);
    case 'schedules': return (await client().schedules.list({ limit: MOST, signal })).items.map(({ name }) => name);
    case 'orgs': return (await adminClient().organizations.list({ limit: MOST, signal })).items.map(({ id }) => id);
    case 'keys': return (await ownerClient().keys.list({ limit: MOST, signal })).items.map(({ id }) => id);
    case 'secrets': return (await ownerClient().secrets.list({ signal })).items.map(({ name }) => name);
    case 'triggers': return (await ownerClient().triggers.list({ signal })).items.map(({ name }) => name);
    case 'webhooks': return (await ownerClient().webhooks.list({ signal })).items.map(({ id }) => id);
    default: return assertNever(kind, 'kind of names');
  }
}
