// What an agent says on its way to the host: events as JSON text, each with the number of its attempt. Guarantees: an
// event that cannot be kept throws in the agent and is told to the host as a fault of the attempt, caught or not;
// beyond the caps of an attempt events are dropped and counted in memory that the host reads, so that the count is
// known even when the thread is killed; an attempt that is over says nothing more.
import { SafeError, postMessage } from './primordials.mjs';
import { writeJson } from './storable-json.mjs';

/** @typedef {{ eventBytes: number, eventsPerAttempt: number, eventBytesPerAttempt: number, resultBytes: number, jsonDepth: number }} Caps */
/** @typedef {{ too_large: string, not_serializable: string, not_storable: string }} ProblemCodes */

const EVENT_CODES = /** @type {const} */ ({
  too_large: 'EVENT_TOO_LARGE',
  not_serializable: 'EVENT_NOT_SERIALIZABLE',
  not_storable: 'EVENT_NOT_STORABLE',
});

export class Voice {
  #port;
  #attemptNo;
  #caps;
  #dropped;
  #events = 0;
  #bytes = 0;
  #over = false;

  /**
   * @param {import('node:worker_threads').MessagePort} port
   * @param {number} attemptNo
   * @param {Caps} caps
   * @param {Float64Array} dropped one shared cell: events dropped in this attempt
   */
  constructor(port, attemptNo, caps, dropped) {
    this.#port = port;
    this.#attemptNo = attemptNo;
    this.#caps = caps;
    this.#dropped = dropped;
  }

  started() {
    postMessage(this.#port, `started ${this.#attemptNo}`);
  }

  /** @param {object} event */
  say(event) {
    if (this.#over) return;
    if (this.#events >= this.#caps.eventsPerAttempt || this.#bytes >= this.#caps.eventBytesPerAttempt) {
      this.#dropped[0] = (this.#dropped[0] ?? 0) + 1;
      return;
    }
    const written = writeJson(event, this.#caps.eventBytes, this.#caps.jsonDepth);
    if (!written.ok) this.refuse(written.problem, written.detail);
    else {
      this.#events += 1;
      this.#bytes += written.json.length;
      postMessage(this.#port, `event ${this.#attemptNo} ${written.json}`);
    }
  }

  /**
   * @param {keyof typeof EVENT_CODES} problem
   * @param {string} detail
   */
  refuse(problem, detail) {
    if (this.#over) return;
    const code = EVENT_CODES[problem];
    postMessage(this.#port, `fault ${this.#attemptNo} ${code} ${detail}`);
    const error = new SafeError(`this cannot be kept as an event: ${detail}`);
    /** @type {any} */ (error).code = code;
    throw error;
  }

  /** Of text that is not an event yet: refuses it before anything flattens or copies it. @param {number} chars */
  refuseBeyondCap(chars) {
    if (chars > this.#caps.eventBytes) this.refuse('too_large', `more than ${this.#caps.eventBytes} bytes`);
  }

  end() {
    this.#over = true;
  }
}
