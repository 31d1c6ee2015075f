/** What `npm start` prints: plain lines on stdout, colour only where a terminal reads them. */
const dim = (text: string): string => (process.stdout.isTTY ? `\u001b[2m${text}\u001b[0m` : text);
const bold = (text: string): string => (process.stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text);

const NAME_WIDTH = 12;

export function printLine(line = ''): void {
  console.log(line);
}

export function printError(line: string): void {
  console.error(line);
}

export function printHeading(text: string): void {
  console.log(bold(text));
}

/** One step that is done: what it is, what came of it, how long it took. */
export function printStep(name: string, outcome: string, tookMs: number): void {
  console.log(`  ${name.padEnd(NAME_WIDTH)}${outcome}  ${dim(`${(tookMs / 1000).toFixed(1)} s`)}`);
}

/** Where everything is. */
export function printTable(rows: readonly (readonly [name: string, value: string])[]): void {
  for (const [name, value] of rows) console.log(`  ${name.padEnd(NAME_WIDTH)}${value}`);
}

/** An address without what is secret in it. */
export function withoutSecrets(url: string): string {
  const shown = new URL(url);
  if (shown.password) shown.password = '***';
  shown.search = '';
  return shown.href;
}
