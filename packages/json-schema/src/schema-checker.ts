import { Worker } from 'node:worker_threads';

import { BullpenError, systemClock, type Clock, type Deadline, type Service } from '@bullpen/core';

import type { CheckAnswer, CheckRequest } from './checker-messages.ts';

export interface SchemaIssue {
  readonly path: string;
  readonly message: string;
}

export type SchemaVerdict = { readonly valid: true } | { readonly valid: false; readonly issues: readonly SchemaIssue[] };

/**
 * Checks values against schemas of strangers, in one thread that is started when it is first needed.
 *
 * - A check that takes more than `checkMs` of CPU time (a busy machine is nobody's fault), or ten seconds, ends the thread
 *   and rejects with SCHEMA_TOO_COSTLY; what waited behind it is checked by the next thread. The same schema is then refused at once for `refuseMs`: nobody can keep the others waiting.
 * - A schema that cannot be compiled rejects with SCHEMA_INVALID.
 */
export interface SchemaChecker extends Service {
  /** @throws BullpenError SCHEMA_INVALID, SCHEMA_TOO_COSTLY. */
  compile(schema: unknown): Promise<void>;
  /** @param valueJson - the value as JSON text. @throws BullpenError SCHEMA_INVALID, SCHEMA_TOO_COSTLY, SHUTTING_DOWN. */
  check(schema: unknown, valueJson: string): Promise<SchemaVerdict>;
}

export interface SchemaCheckerOptions {
  clock?: Clock;
  checkMs?: number;
  refuseMs?: number;
}

interface Job {
  readonly request: CheckRequest;
  resolve(answer: CheckAnswer): void;
  reject(error: unknown): void;
}

const DEFAULT_CHECK_MS = 250;
const DEFAULT_REFUSE_MS = 60_000;
const HEAP_MB = 128;
/** However little of a CPU it got. */
const LONGEST_MS = 10_000;

export function createSchemaChecker(options: SchemaCheckerOptions = {}): SchemaChecker {
  return new ThreadedChecker(options);
}

class ThreadedChecker implements SchemaChecker {
  readonly #clock: Clock;
  readonly #checkMs: number;
  readonly #refuseMs: number;
  readonly #waiting: Job[] = [];
  readonly #refusedUntilMs = new Map<string, number>();
  #running: Job | null = null;
  #timer: NodeJS.Timeout | null = null;
  #thread: Worker | null = null;
  #isLoaded = false;
  #isStopped = false;

  constructor({ clock = systemClock, checkMs = DEFAULT_CHECK_MS, refuseMs = DEFAULT_REFUSE_MS }: SchemaCheckerOptions) {
    this.#clock = clock;
    this.#checkMs = checkMs;
    this.#refuseMs = refuseMs;
  }

  async compile(schema: unknown): Promise<void> {
    await this.#ask({ schemaJson: JSON.stringify(schema), valueJson: null });
  }

  async check(schema: unknown, valueJson: string): Promise<SchemaVerdict> {
    const answer = await this.#ask({ schemaJson: JSON.stringify(schema), valueJson });
    return answer.kind === 'invalid' ? { valid: false, issues: answer.issues } : { valid: true };
  }

  async start(): Promise<void> {
    this.#isStopped = false;
  }

  async quiesce(): Promise<void> {
    // Requests and runs under way are still checked.
  }

  async stop(_by: Deadline): Promise<void> {
    this.#isStopped = true;
    for (const job of this.#waiting.splice(0)) job.reject(new BullpenError('SHUTTING_DOWN', 'the process is stopping'));
    this.#end(new BullpenError('SHUTTING_DOWN', 'the process is stopping'));
    await this.#dropThread();
  }

  async #ask(request: CheckRequest): Promise<CheckAnswer> {
    if (this.#isStopped) throw new BullpenError('SHUTTING_DOWN', 'the process is stopping');
    const until = this.#refusedUntilMs.get(request.schemaJson);
    if (until !== undefined && until > this.#clock.monotonicMs()) throw tooCostly(this.#checkMs);
    const answer = await new Promise<CheckAnswer>((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      this.#next();
    });
    if (answer.kind === 'bad_schema') throw new BullpenError('SCHEMA_INVALID', `the JSON schema cannot be used: ${answer.reason}`);
    return answer;
  }

  #next(): void {
    if (this.#running !== null) return;
    const [job] = this.#waiting;
    if (job === undefined) return;
    const thread = (this.#thread ??= this.#startThread());
    thread.ref();
    // The clock runs for the check, not for the loading of the thread, which calls this again.
    if (!this.#isLoaded) return;
    this.#waiting.shift();
    this.#running = job;
    this.#watch(job, thread);
    thread.postMessage(job.request);
  }

  /** After `checkMs` the clock of the thread's CPU time begins; who has used as much again is over the limit. */
  #watch(job: Job, thread: Worker): void {
    const untilMs = this.#clock.monotonicMs() + LONGEST_MS;
    let cpuAtMs: number | null = null;
    const look = async () => {
      const { user, system } = await thread.cpuUsage();
      if (this.#running !== job) return;
      const cpuMs = (user + system) / 1000;
      cpuAtMs ??= cpuMs;
      if (cpuMs - cpuAtMs >= this.#checkMs || this.#clock.monotonicMs() >= untilMs) this.#overdue(job);
      else this.#timer = setTimeout(() => void look().catch(() => this.#overdue(job)), this.#checkMs / 2);
    };
    this.#timer = setTimeout(() => void look().catch(() => this.#overdue(job)), this.#checkMs);
  }

  #startThread(): Worker {
    this.#isLoaded = false;
    const thread = new Worker(new URL('./checker-thread.ts', import.meta.url), { env: {}, resourceLimits: { maxOldGenerationSizeMb: HEAP_MB } });
    thread.on('message', (answer: CheckAnswer) => {
      if (this.#thread !== thread) return;
      // An idle thread must not keep the process.
      thread.unref();
      if (answer.kind === 'loaded') this.#isLoaded = true;
      else this.#end(answer);
      this.#next();
    });
    // It ran out of memory: the check at hand is at fault.
    thread.on('error', () => { if (this.#thread === thread && this.#running !== null) this.#overdue(this.#running); });
    return thread;
  }

  #overdue(job: Job): void {
    if (this.#running !== job) return;
    this.#refusedUntilMs.set(job.request.schemaJson, this.#clock.monotonicMs() + this.#refuseMs);
    if (this.#refusedUntilMs.size > 1000) this.#refusedUntilMs.clear();
    void this.#dropThread();
    this.#end(tooCostly(this.#checkMs));
    this.#next();
  }

  async #dropThread(): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    await thread?.terminate();
  }

  #end(how: CheckAnswer | BullpenError): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const job = this.#running;
    this.#running = null;
    if (how instanceof BullpenError) job?.reject(how);
    else job?.resolve(how);
  }
}

function tooCostly(checkMs: number): BullpenError {
  return new BullpenError('SCHEMA_TOO_COSTLY', `the value cannot be checked against the version's JSON schema within ${checkMs} ms of CPU time`);
}
