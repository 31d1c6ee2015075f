import { BullpenError, isTerminal, type StoredRunEvent } from '@bullpen/core';

import { createClient } from '../client.ts';
import type { BullpenClient, RunOf } from '../client-types.ts';
import type { Fetch } from '../http.ts';
import type { LocalRun } from '../local/local-run.ts';
import type { ReadAgent } from './agent-source.ts';
import type { BackendCall, RuntimeBackend } from './backend.ts';

export interface HttpBackendOptions {
  /** Where the API listens. */
  baseUrl: string;
  /** One key for all, or the key of an organization. Inline agents need a key of role developer: they are deployed. */
  apiKey: string | ((orgId: string | undefined) => string | Promise<string>);
  fetch?: Fetch;
  /** How long one request may take; 30 s where left out. */
  timeoutMs?: number;
  /** How often a request that is safe to repeat is repeated; 3 where left out. A fallback comes after these. */
  retries?: number;
}

const MOST_REMEMBERED = 1000;

/** Runs over the API. A definition that comes with the call is deployed under its name first, once in the life of this object. */
export function httpBackend(options: HttpBackendOptions): RuntimeBackend {
  const clients = new Map<string, Promise<BullpenClient>>();
  const versions = new Map<string, Promise<number>>();

  const clientOf = (orgId: string | undefined): Promise<BullpenClient> => remembered(clients, orgId ?? '', async () => {
    const { apiKey: keyOf, ...rest } = options;
    if (typeof keyOf === 'function') return createClient({ ...rest, apiKey: await keyOf(orgId) });
    return createClient({ ...rest, apiKey: keyOf, ...(orgId === undefined ? {} : { org: orgId }) });
  });

  const targetOf = async (client: BullpenClient, agent: ReadAgent, { orgId, signal }: BackendCall) => {
    if (agent.kind === 'deployed') {
      const { kind: _, ...target } = agent;
      return target;
    }
    const { agent: name, module: bundle, manifest } = agent;
    const version = await remembered(versions, JSON.stringify([orgId, name, manifest, bundle]), async () =>
      (await client.agents.deploy(name, { bundle, manifest }, { signal })).version.version);
    return { agent: name, version };
  };

  return {
    async execute(agent, call) {
      call.signal?.throwIfAborted();
      const client = await clientOf(call.orgId);
      const request = { ...call.request, ...await targetOf(client, agent, call) };
      const isFollowed = call.onEvent !== undefined || call.signal !== undefined;
      // Who may call it off must know the run's id before it ends; everybody else is answered in one round trip less.
      const run = await client.runs.create(request, { wait: isFollowed ? undefined : '30s', idempotencyKey: call.idempotencyKey });
      return finish(client, run, call);
    },
  };
}

async function finish(client: BullpenClient, run: RunOf<unknown>, { signal, onEvent }: BackendCall): Promise<LocalRun> {
  const events: StoredRunEvent[] = [];
  try {
    for await (const item of client.runs.events(run.id, { follow: !isTerminal(run.state), signal })) {
      if (item.kind !== 'event') continue;
      const { kind: _, ...event } = item;
      events.push(event);
      onEvent?.(event);
    }
  } catch (error) {
    if (signal?.aborted === true) await client.runs.cancel(run.id).catch(() => undefined); // it may have ended meanwhile
    throw error;
  }
  const ended = isTerminal(run.state) ? run : await client.runs.get(run.id, { signal });
  if (!isTerminal(ended.state)) throw new BullpenError('INTERNAL', `the events of ${run.id} ended, but its state is ${ended.state}`);
  return { ...ended, events };
}

/** What failed is not remembered; the oldest is forgotten. */
async function remembered<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const found = known.get(key);
  if (found !== undefined) return found;
  const making = make();
  known.set(key, making);
  const [oldest] = known.keys();
  if (known.size > MOST_REMEMBERED && oldest !== undefined) known.delete(oldest);
  making.catch(() => known.delete(key));
  return making;
}
