// What an agent asks of its supervisor, and the answers: calls as JSON text with a number, each answered once. The other
// side is the host's attempt-calls.ts, which trusts none of this. Guarantees: at most `callsInFlight` are on their way,
// the rest wait here; a refusal throws in the agent, with a stable `code`; an answer to a number that nobody waits for is
// dropped; once the attempt is over nothing is asked or answered any more, and what still waits is forgotten.
import { SafeError, SafePromise, indexOf, jsonParse, jsonStringify, slice } from './primordials.mjs';
import { writeJson } from './storable-json.mjs';

/** @typedef {import('./voice.mjs').Caps} Caps */
/** @typedef {import('./voice.mjs').Line} Line */
/** `asked` is where the agent asked: from its stack the author sees the line. @typedef {{ resolve: (value: any) => void, reject: (error: unknown) => void, asked: Error }} Waiting */
/** @typedef {{ id: number, ok: true, value: unknown } | { id: number, ok: false, code: string, message: string }} Answer */

/** Numbers that no caller of an attempt before can have used: an answer is for one attempt of one container. */
let lastId = 0;

export class HostCalls {
  #line;
  #caps;
  #underWay = 0;
  #isOver = false;
  /** @type {Record<number, Waiting>} */
  #asked = /** @type {any} */ ({ __proto__: null });
  /** Calls that wait for their turn, from `#first` on. @type {Record<number, string>} */
  #queue = /** @type {any} */ ({ __proto__: null });
  #first = 0;
  #last = 0;

  /** @param {Line} line @param {Caps} caps */
  constructor(line, caps) {
    this.#line = line;
    this.#caps = caps;
  }

  /**
   * Rejects with an error whose `code` says why.
   * @param {string} method @param {object} params @returns {Promise<any>}
   */
  call(method, params) {
    return new SafePromise((resolve, reject) => {
      if (this.#isOver) return;
      const id = lastId += 1;
      const written = writeJson(params, this.#caps.callBytes, this.#caps.jsonDepth);
      if (!written.ok) {
        reject(errorOf('CALL_REFUSED', `ctx cannot pass this on: ${written.detail}`));
        return;
      }
      this.#asked[id] = { resolve, reject, asked: new SafeError() };
      const json = `{"id":${id},"method":${jsonStringify(method)},"params":${written.json}}`;
      if (this.#underWay < this.#caps.callsInFlight) this.#send(json);
      else this.#queue[this.#last++] = json;
    });
  }

  /** @param {string} json an `Answer` */
  answer(json) {
    /** @type {Answer} */
    const answer = jsonParse(json);
    const waiting = this.#asked[answer.id];
    if (waiting === undefined) return;
    delete this.#asked[answer.id];
    this.#underWay -= 1;
    this.#sendNext();
    if (answer.ok) waiting.resolve(answer.value);
    else waiting.reject(errorOf(answer.code, answer.message, waiting.asked));
  }

  end() {
    this.#isOver = true;
    this.#asked = /** @type {any} */ ({ __proto__: null });
    this.#queue = /** @type {any} */ ({ __proto__: null });
    this.#last = this.#first = 0;
  }

  /** @param {string} json */
  #send(json) {
    this.#underWay += 1;
    this.#line.call(json);
  }

  #sendNext() {
    if (this.#first === this.#last) return;
    const next = /** @type {string} */ (this.#queue[this.#first]);
    delete this.#queue[this.#first++];
    this.#send(next);
  }
}

/** @param {string} code @param {string} message @param {Error} [asked] */
function errorOf(code, message, asked = new SafeError()) {
  const error = new SafeError(message);
  error.name = 'BullpenError';
  const stack = asked.stack;
  if (typeof stack === 'string') error.stack = `BullpenError: ${message}${slice(stack, indexOf(stack, '\n'))}`;
  /** @type {any} */ (error).code = code;
  return error;
}
