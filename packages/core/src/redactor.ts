import type { RunEvent } from './event-schemas.ts';

/**
 * Takes secrets out of what an attempt says. Guarantees: a value that was learned does not stay in any string of an event
 * or of an error message, as it is, in base64, percent-encoded, or line by line where it has lines. It keeps accidents out
 * of the log: an agent that was given a secret can always write it in another form.
 */

/** A shorter text would be found everywhere: `[secret]` in place of every "a" helps nobody. */
const SHORTEST = 4;
const SHORTEST_LINE = 12;

export class Redactor {
  /** What to look for, the longest first: one may hold another. */
  #needles: { readonly text: string; readonly name: string }[] = [];

  get isEmpty(): boolean {
    return this.#needles.length === 0;
  }

  learn(name: string, value: string): void {
    const known = new Set(this.#needles.map(({ text }) => text));
    const fresh = [...new Set(formsOf(value))].filter((text) => text.length >= SHORTEST && !known.has(text));
    this.#needles = [...this.#needles, ...fresh.map((text) => ({ text, name }))].sort((a, b) => b.text.length - a.text.length);
  }

  text(text: string): string {
    return this.#needles.reduce((left, needle) => left.includes(needle.text) ? left.replaceAll(needle.text, `[secret ${needle.name}]`) : left, text);
  }

  /** The event as it may be kept; itself where nothing was learned. */
  event(event: RunEvent): RunEvent {
    return this.isEmpty ? event : (this.#value(event) as RunEvent);
  }

  #value(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((item) => this.#value(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [this.text(key), this.#value(item)]));
  }
}

function formsOf(value: string): string[] {
  const base64 = base64Of(value).replace(/=+$/, '');
  const lines = value.split(/\r?\n/);
  return [
    value, value.trim(), encodeURIComponent(value), base64, base64.replaceAll('+', '-').replaceAll('/', '_'),
    ...(lines.length > 1 ? lines.filter((line) => line.length >= SHORTEST_LINE) : []),
  ];
}

/** Without Node's `Buffer`: agents are tried out in other runtimes too. */
function base64Of(text: string): string {
  let latin1 = '';
  for (const byte of new TextEncoder().encode(text)) latin1 += String.fromCharCode(byte);
  return btoa(latin1);
}
