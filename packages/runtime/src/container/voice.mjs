// What an agent says on its way to the host: events as JSON text. Guarantees: an event that cannot be kept throws in
// the agent and is told to the host as a fault of the attempt, caught or not; beyond the caps of an attempt events are
// dropped, and every drop is counted where the host can learn of it even when the container is killed; an attempt that
// is over says nothing more.
import { SafeError } from './primordials.mjs';
import { writeJson } from './storable-json.mjs';

/** @typedef {{ eventBytes: number, eventsPerAttempt: number, eventBytesPerAttempt: number, resultBytes: number, jsonDepth: number, callBytes: number, callsInFlight: number }} Caps */
/** @typedef {{ too_large: string, not_serializable: string, not_storable: string }} ProblemCodes */
/**
 * The way to the host: a port out of a thread, a pipe out of a cell.
 * @typedef {{ started: () => void, event: (json: string) => void, fault: (code: string, detail: string) => void, dropped: (count: number) => void,
 *   call: (json: string) => void }} Line
 */

const EVENT_CODES = /** @type {const} */ ({
  too_large: 'EVENT_TOO_LARGE',
  not_serializable: 'EVENT_NOT_SERIALIZABLE',
  not_storable: 'EVENT_NOT_STORABLE',
});

export class Voice {
  #line;
  #caps;
  #events = 0;
  #bytes = 0;
  #dropped = 0;
  #over = false;

  /**
   * @param {Line} line
   * @param {Caps} caps
   */
  constructor(line, caps) {
    this.#line = line;
    this.#caps = caps;
  }

  /** Events that were not kept so far. */
  get droppedCount() {
    return this.#dropped;
  }

  started() {
    this.#line.started();
  }

  /** @param {object} event */
  say(event) {
    if (this.#over) return;
    if (this.#events >= this.#caps.eventsPerAttempt || this.#bytes >= this.#caps.eventBytesPerAttempt) {
      this.#dropped += 1;
      this.#line.dropped(this.#dropped);
      return;
    }
    const written = writeJson(event, this.#caps.eventBytes, this.#caps.jsonDepth);
    if (!written.ok) this.refuse(written.problem, written.detail);
    else {
      this.#events += 1;
      this.#bytes += written.json.length;
      this.#line.event(written.json);
    }
  }

  /**
   * @param {keyof typeof EVENT_CODES} problem
   * @param {string} detail
   */
  refuse(problem, detail) {
    if (this.#over) return;
    const code = EVENT_CODES[problem];
    this.#line.fault(code, detail);
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
