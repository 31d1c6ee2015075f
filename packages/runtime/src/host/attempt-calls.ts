import { BullpenError, SIZE_CAPS, errorCodeOf, messageOf } from '@bullpen/core';
import { z } from 'zod';

import type { AttemptHost } from '../container.ts';

/**
 * Calls of one attempt on their way from the container to its host, and the answers back; the other side is
 * container/host-calls.mjs, in the agent's hands. Guarantees: what does not have the shape of a call, or repeats a number
 * that is under way, is not heard; at most `callsInFlight` are under way and `callsPerAttempt`, `callBytesPerAttempt`
 * are taken in all, the rest is refused; every call that is heard is answered once, unless the attempt ends first:
 * `close` aborts what is under way, and no answer leaves after it.
 */

/** Resolves once the answer has left this process: an agent that reads no answers must not fill our memory with them. */
export type SendAnswer = (json: string) => void | Promise<void>;

type CallCaps = Readonly<Record<'callBytes' | 'callsInFlight' | 'callsPerAttempt' | 'callBytesPerAttempt', number>>;

const callSchema = z.strictObject({ id: z.int().positive(), method: z.string().min(1).max(64), params: z.unknown() });
type Call = z.output<typeof callSchema>;

export class AttemptCalls {
  readonly #caps: CallCaps;
  readonly #host: AttemptHost;
  readonly #send: SendAnswer;
  readonly #underWay = new Set<number>();
  /** Made with the first call: most attempts make none. */
  #over: AbortController | null = null;
  #isOver = false;
  #count = 0;
  #bytes = 0;

  constructor(host: AttemptHost, send: SendAnswer, caps: CallCaps = SIZE_CAPS) {
    this.#caps = caps;
    this.#host = host;
    this.#send = send;
  }

  /** The JSON text of a call. */
  takeText(json: string): void {
    if (json.length > this.#caps.callBytes + 1024) return;
    this.#bytes += json.length;
    try {
      this.take(JSON.parse(json));
    } catch {
      // Our side writes JSON: an agent wrote this itself, and waits for nothing.
    }
  }

  /** A call that was parsed already: its container bounds what it may say in all. */
  take(said: unknown): void {
    const call = callSchema.safeParse(said);
    if (!call.success || this.#isOver || this.#underWay.has(call.data.id)) return;
    this.#count += 1;
    void this.#answer(call.data);
  }

  /** The attempt is over. */
  close(): void {
    this.#isOver = true;
    this.#over?.abort();
    this.#underWay.clear();
  }

  async #answer(call: Call): Promise<void> {
    const { id } = call;
    this.#over ??= new AbortController();
    const { signal } = this.#over;
    try {
      this.#checkAllowance();
      this.#underWay.add(id);
      const value = await this.#host.call(call.method, call.params, signal);
      await this.#say({ id, ok: true, value });
    } catch (error) {
      await this.#say({ id, ok: false, ...tellable(error) });
    } finally {
      this.#underWay.delete(id);
    }
  }

  #checkAllowance(): void {
    const { callsInFlight, callsPerAttempt, callBytesPerAttempt } = this.#caps;
    if (this.#underWay.size >= callsInFlight) throw new BullpenError('CALL_REFUSED', `${callsInFlight} calls are under way already`);
    if (this.#count > callsPerAttempt) throw new BullpenError('CALL_REFUSED', `an attempt may make ${callsPerAttempt} calls`);
    if (this.#bytes > callBytesPerAttempt) throw new BullpenError('CALL_REFUSED', `the calls of an attempt may take ${callBytesPerAttempt} bytes`);
  }

  async #say(answer: object): Promise<void> {
    if (!this.#isOver) await this.#send(JSON.stringify(answer));
  }
}

/** What an agent may hear of an error: ours say why, the insides of a fault are not its business. */
function tellable(error: unknown): { code: string; message: string } {
  const code = errorCodeOf(error);
  return code === undefined ? { code: 'INTERNAL', message: 'a fault of Bullpen' } : { code, message: messageOf(error) };
}
