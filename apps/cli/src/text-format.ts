import { harmlessJson } from './output.ts';

/** How durations, sizes, moments and values read in a terminal. */

const LINE_COLUMNS = 100;

/** @example durationText(812) // '812 ms', durationText(61_000) // '1 min 1 s' */
export function durationText(ms: number): string {
  if (ms < 10) return `${Math.round(ms * 10) / 10} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = Math.round((ms % 60_000) / 1000);
  return minutes < 60 ? `${minutes} min ${seconds} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1024 * 1024 ? `${(bytes / 1024).toFixed(1)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/** @example agoText('2026-01-01T00:00:00.000Z', Date.parse('2026-01-01T00:00:12.000Z')) // '12 s ago' */
export function agoText(at: string, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(at)) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86_400)} d ago`;
}

/** The local time of day with milliseconds. */
export function clockText(at: string): string {
  const date = new Date(at);
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** @example progressBar(0.42, 10) // '━━━━──────' */
export function progressBar(fraction: number, width: number): string {
  const done = Math.round(Math.min(1, Math.max(0, fraction)) * width);
  return '━'.repeat(done) + '─'.repeat(width - done);
}

/** JSON for people: an object or array that fits on its line stays on it; the outermost one is always opened up. */
export function prettyJson(value: unknown, indent = ''): string {
  const flat = JSON.stringify(value, null, 1).replace(/\n\s*/g, ' ');
  const fits = indent !== '' && indent.length + flat.length <= LINE_COLUMNS;
  if (value === null || typeof value !== 'object' || Object.keys(value).length === 0 || fits) return harmlessJson(flat);
  const inner = `${indent}  `;
  const [open, close, parts] = Array.isArray(value)
    ? ['[', ']', value.map((item) => prettyJson(item, inner))]
    : ['{', '}', Object.entries(value).map(([key, item]) => `${harmlessJson(JSON.stringify(key))}: ${prettyJson(item, inner)}`)];
  return `${open}\n${parts.map((part) => inner + part).join(',\n')}\n${indent}${close}`;
}

/** Text in lines of at most `columns`, each after `indent`, broken at blanks; a word that is longer stands alone. */
export function wrapped(text: string, columns: number, indent = ''): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > columns) {
      lines.push(indent + line.trimEnd());
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line.trim() === '' ? lines : [...lines, indent + line.trimEnd()];
}

export function oneLine(value: unknown, width: number): string {
  const text = JSON.stringify(value) ?? '';
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
