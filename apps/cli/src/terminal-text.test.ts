import { describe, expect, it } from '@jest/globals';

import { createOutput, harmless, type TextSink } from './output.ts';
import { endText, eventText } from './run-text.ts';
import { renderTable } from './table.ts';
import { agoText, bytesText, durationText, prettyJson, progressBar, wrapped } from './text-format.ts';

function sink(isTTY = false): TextSink & { text: string } {
  return { text: '', isTTY, columns: 80, write(text) { this.text += text; } };
}

const plain = createOutput({ stdout: sink(), stderr: sink(), color: false }).paint;
const at = '2026-01-01T12:00:00.000Z';

describe('what stands in a terminal', () => {
  it('shows durations, sizes and ages in the unit that reads best', () => {
    expect([4.26, 812, 1500, 61_000, 3_720_000].map(durationText)).toEqual(['4.3 ms', '812 ms', '1.5 s', '1 min 1 s', '1 h 2 min']);
    expect([388, 2048, 3 * 1024 * 1024].map(bytesText)).toEqual(['388 B', '2.0 KB', '3.0 MB']);
    expect(agoText(at, Date.parse(at) + 90_000)).toBe('1 min ago');
    expect(agoText(at, Date.parse(at) - 5_000)).toBe('0 s ago');
    expect(progressBar(1.4, 4) + progressBar(0.5, 4)).toBe('━━━━━━──');
  });

  it('breaks text at blanks, and leaves it whole where nobody looks at it', () => {
    expect(wrapped('one two three', 9, '  ')).toEqual(['  one two', '  three']);
    expect(wrapped('a verylongword b', 6)).toEqual(['a', 'verylongword', 'b']);
    expect(wrapped('one two three', Number.POSITIVE_INFINITY, ' ')).toEqual([' one two three']);
    expect(wrapped('', 10)).toEqual([]);
  });

  it('opens up JSON where it does not fit on its line, and leaves it the same JSON', () => {
    const value = { words: 3, none: [], most: [{ word: 'a\u009B\n', times: 1 }], long: ['x'.repeat(60), 'y'.repeat(60)] };
    expect(prettyJson(value).split('\n')).toEqual([
      '{', '  "words": 3,', '  "none": [],', '  "most": [ { "word": "a\\u009b\\n", "times": 1 } ],',
      '  "long": [', `    "${'x'.repeat(60)}",`, `    "${'y'.repeat(60)}"`, '  ]', '}',
    ]);
    expect(JSON.parse(prettyJson(value))).toEqual(value);
    expect(['plain', null, 4, []].map((plain) => prettyJson(plain))).toEqual(['"plain"', 'null', '4', '[]']);
  });

  it('aligns a table by what is seen, not by its colour codes', () => {
    const red = (text: string): string => `\u001B[31m${text}\u001B[39m`;
    const columns = [{ heading: 'A', text: (row: string) => row, paint: red }, { heading: 'LEN', text: (row: string) => String(row.length), align: 'right' as const }];
    expect(renderTable(columns, ['x', 'longer'], (text) => text)).toEqual(['A       LEN', `${red('x     ')}    1`, `${red('longer')}    6`]);
  });

  it('never lets an agent write control characters to the terminal', () => {
    expect(harmless('\u001B]0;owned\u0007 a\tb\r')).toBe('\\x1b]0;owned\\x07 a\tb\\x0d');
    const line = eventText({ seq: 1, attempt: 1, at, event: { type: 'log', level: 'warn', message: '\u001B[2J', fields: { a: '\u009B' } } }, plain);
    expect(line).toContain('\\x1b[2J');
    expect([...line].every((char) => char >= ' ' && char < '\u007F')).toBe(true);
  });

  it('shows every kind of event on one line', () => {
    const show = (event: Parameters<typeof eventText>[0]['event']): string => eventText({ seq: 1, attempt: 1, at, event }, plain).slice(14);
    expect(show({ type: 'log', level: 'info', message: 'hello', fields: { a: 1 } })).toBe('info      hello  {"a":1}');
    expect(show({ type: 'emit', name: 'section', data: [1] })).toBe('emit      section [1]');
    expect(show({ type: 'progress', fraction: 0.5, message: 'half' })).toBe('progress  ━━━━━━━━━━──────────  50 %  half');
    expect(show({ type: 'dropped', count: 3 })).toContain('3 events');
  });

  it('says how a run ended, with its code and the agent\'s own frames', () => {
    const error = { code: 'AGENT_THREW', message: 'no', stack: 'Error: no\n    at run (agent.ts:1:1)' };
    expect(endText({ state: 'failed', attempt: 2, usage: null, error }, plain)).toEqual(['✖ failed on attempt 2', '  AGENT_THREW  no', '    at run (agent.ts:1:1)']);
    expect(endText({ state: 'succeeded', attempt: 2, usage: null, error }, plain)).toEqual(['✔ succeeded on attempt 2']);
  });
});

describe('the output', () => {
  it('sends results to stdout and what accompanies them to stderr', () => {
    const [stdout, stderr] = [sink(), sink()];
    const output = createOutput({ stdout, stderr, color: false });
    output.result('r');
    output.note('n');
    output.json({ a: 1 });
    expect([stdout.text, stderr.text]).toEqual(['r\n{"a":1}\n', 'n\n']);
  });

  it('keeps the live line below what is said on a terminal, and has none in a pipe', () => {
    const terminal = sink(true);
    let pipe = sink();
    const output = createOutput({ stdout: sink(true), stderr: terminal, color: false });
    output.live('50 %');
    output.note('n');
    output.live(null);
    expect(terminal.text).toBe('50 %\r\u001B[Jn\n50 %\r\u001B[J');
    createOutput({ stdout: sink(), stderr: pipe, color: true }).live('50 %');
    expect(pipe.text).toBe('');
    createOutput({ stdout: sink(true), stderr: pipe = sink(true), color: false }).live('x'.repeat(200));
    expect(pipe.text).toBe('x'.repeat(79));
  });

  it('leaves out and cuts columns of a table until it fits', () => {
    const columns = [
      { heading: 'ID', text: (row: string) => row },
      { heading: 'NAME', text: () => 'a rather long name', cutTo: 6 },
      { heading: 'LESS', text: () => 'less', leaveOut: 1 },
      { heading: 'LEAST', text: () => 'least', leaveOut: 2 },
    ];
    const at = (width?: number): string[] => renderTable(columns, ['run_1'], (text) => text, width);
    expect(at()[1]).toBe('run_1  a rather long name  less  least');
    expect(at(36)[1]).toBe('run_1  a rather long name  less');
    expect(at(20)[1]).toBe('run_1  a rather lon…');
    expect(at(8)[1]).toBe('run_1  a rat…');
  });

  it('takes several live lines away as one', () => {
    const [stdout, stderr] = [sink(true), sink(true)];
    const output = createOutput({ stdout, stderr, color: false });
    output.live(['one', 'two']);
    output.live(['three']);
    output.live(null);
    expect(stderr.text).toBe('one\ntwo\r\u001B[1A\u001B[Jthree\r\u001B[J');
    expect([output.columns, createOutput({ stdout: sink(), stderr: sink(), color: false }).columns]).toEqual([80, Number.POSITIVE_INFINITY]);
  });
});
