import {
  BullpenError, KV_BOUNDS, toStorableJson, type AttemptOutcome, type Redactor, type RunUsage,
} from '@bullpen/core';

import type { AttemptHost, AttemptRequest, EgressAccess } from '../container.ts';
import type { EgressFetch } from '../egress/egress-fetch.ts';
import type { AttemptEgress } from '../egress/egress-gateway.ts';
import { CALL_SCHEMAS, type CallMethod, type CallParams } from './call-schemas.ts';
import type { HostServices, KvOwner } from './host-services.ts';

/**
 * What one attempt may ask of its supervisor, and what that is charged with. Guarantees: whose data it touches comes from
 * the attempt, never from the call; a secret is given to a version that declares it and to no other, and once it was read
 * it is taken out of every event and error of the attempt; nothing it opened outlives `close`.
 */
export class AttemptServices implements AttemptHost {
  readonly #attempt: AttemptRequest;
  readonly #services: HostServices | null;
  readonly #egress: AttemptEgress | null;
  readonly #owner: KvOwner;
  readonly #redactor: Redactor;

  constructor(options: { attempt: AttemptRequest; services: HostServices | null; egress: AttemptEgress | null; redactor: Redactor }) {
    this.#attempt = options.attempt;
    this.#services = options.services;
    this.#egress = options.egress;
    this.#redactor = options.redactor;
    this.#owner = { orgId: options.attempt.orgId, agent: options.attempt.agent };
  }

  get access(): EgressAccess | null {
    return this.#egress?.access ?? null;
  }

  onLimit(listener: (error: BullpenError) => void): void {
    this.#egress?.session.onLimit(listener);
  }

  async call(method: string, params: unknown, signal: AbortSignal): Promise<unknown> {
    switch (method) {
      case 'secrets.get': return { value: await this.#readSecret(parse(method, params).name) };
      case 'kv.get': return { entry: await this.#kv.get(this.#owner, parse(method, params).key) };
      case 'kv.set': return { revision: await this.#set(parse(method, params)) };
      case 'kv.delete': return { deleted: await this.#kv.delete(this.#owner, parse(method, params)) };
      case 'kv.list': return await this.#list(parse(method, params));
      case 'fetch.open': return await this.#fetch.open(parse(method, params), signal);
      case 'fetch.read': return await this.#fetch.read(parse(method, params).exchange);
      case 'fetch.cancel': return this.#fetch.cancel(parse(method, params).exchange);
      default: throw new BullpenError('CALL_REFUSED', 'there is no such call');
    }
  }

  /** The outcome as it may be kept, with what egress the attempt used. */
  conclude(outcome: AttemptOutcome): AttemptOutcome {
    const usage: RunUsage = this.#egress === null ? outcome.usage : { ...outcome.usage, ...this.#egress.session.usage };
    if (outcome.kind !== 'failed' || this.#redactor.isEmpty) return { ...outcome, usage };
    const { error } = outcome;
    const stack = error.stack === undefined ? {} : { stack: this.#redactor.text(error.stack) };
    return { ...outcome, usage, error: { ...error, message: this.#redactor.text(error.message), ...stack } };
  }

  close(): void {
    this.#egress?.session.close();
  }

  async #readSecret(name: string): Promise<string> {
    if (this.#attempt.secrets?.includes(name) !== true) {
      throw new BullpenError('SECRET_NOT_DECLARED', `the manifest of this version does not declare the secret ${name}`, { name });
    }
    const value = await this.#services?.secrets.read(this.#attempt.orgId, name) ?? null;
    if (value === null) throw new BullpenError('SECRET_NOT_FOUND', `the organization has no secret ${name}`, { name });
    this.#redactor.learn(name, value);
    return value;
  }

  get #kv(): HostServices['kv'] {
    if (this.#services === null) throw new BullpenError('CALL_REFUSED', 'there is no store of entries here');
    return this.#services.kv;
  }

  async #set({ key, value, ifRevision }: CallParams<'kv.set'>): Promise<number> {
    const stored = toStorableJson(value, KV_BOUNDS.valueBytes);
    if (!stored.ok) throw new BullpenError('KV_LIMIT', `the value of ${key} cannot be kept: ${stored.detail}`, { key });
    return await this.#kv.set(this.#owner, { key, valueJson: stored.json, ifRevision });
  }

  #list({ prefix, after, limit }: CallParams<'kv.list'>): ReturnType<HostServices['kv']['list']> {
    return this.#kv.list(this.#owner, { prefix, after: after ?? null, limit });
  }

  get #fetch(): EgressFetch {
    if (this.#egress === null) throw new BullpenError('EGRESS_DENIED', 'the manifest of this version allows no egress');
    return this.#egress.fetch;
  }
}

function parse<M extends CallMethod>(method: M, params: unknown): CallParams<M> {
  const parsed = CALL_SCHEMAS[method].safeParse(params);
  if (parsed.success) return parsed.data as CallParams<M>;
  const [issue] = parsed.error.issues;
  throw new BullpenError('CALL_REFUSED', `${method}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'has another shape'}`.trim());
}
