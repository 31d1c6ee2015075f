/** A fault that has one sentence to say and no stack worth showing. */
export class SetupError extends Error {}

/** One line to the person at the terminal. */
export function say(line) {
  process.stderr.write(`bullpen: ${line}\n`);
}
