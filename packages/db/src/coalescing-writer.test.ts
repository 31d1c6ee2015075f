import { describe, expect, it } from '@jest/globals';

import { Deadline, silentLogger, systemClock } from '@bullpen/core';

import { CoalescingWriter, type CoalescingWriterOptions, type WriteContext } from './coalescing-writer.ts';

/** Statements that a test answers one by one, in place of Postgres. */
function rig(options: Partial<CoalescingWriterOptions<string, string>> = {}) {
  const statements: { items: readonly string[]; context: WriteContext; answer(): void; fail(code: string): void }[] = [];
  let heard = Promise.withResolvers<void>();
  const writer = new CoalescingWriter<string, string>({
    name: 'test', clock: systemClock, log: silentLogger, keyOf: (item) => item, bytesOf: (item) => item.length,
    write: (items, context) => new Promise((resolve, reject) => {
      statements.push({
        items, context,
        answer: () => resolve(items.map((item) => item.toUpperCase())),
        fail: (code) => reject(Object.assign(new Error(code), { code })),
      });
      heard.resolve();
      heard = Promise.withResolvers();
    }),
    ...options,
  });
  const statement = async (n: number) => {
    while (statements.length <= n) await heard.promise;
    return statements[n] as (typeof statements)[number];
  };
  return { writer, statements, statement };
}

const DATA_EXCEPTION = '22P02';
const UNDEFINED_TABLE = '42P01';

describe('a coalescing writer', () => {
  it('sends what is submitted in one tick in one statement, and answers each', async () => {
    const { writer, statements, statement } = rig();
    const writes = ['c', 'a', 'b'].map((item) => writer.submit(item));
    (await statement(0)).answer();
    expect(await Promise.all(writes)).toEqual(['C', 'A', 'B']);
    expect(statements.map(({ items }) => items)).toEqual([['a', 'b', 'c']]);
  });

  it('lets what nobody waits for linger, until there is a statement full of it, the time is over, or the writer stops', async () => {
    const { writer, statements, statement } = rig({ maxItems: 2, lingerMs: 50 });
    const inTime = writer.submit('a');
    await new Promise((resolve) => { setImmediate(resolve); });
    expect(statements).toEqual([]);
    (await statement(0)).answer();
    await inTime;
    const long = rig({ maxItems: 2, lingerMs: 3_600_000 });
    const full = ['a', 'b', 'c'].map((item) => long.writer.submit(item));
    (await long.statement(0)).answer();
    await Promise.all(full.slice(0, 2));
    const drained = long.writer.drain(Deadline.in(5000));
    (await long.statement(1)).answer();
    await drained;
    expect(await full[2]).toBe('C');
    expect(long.statements.map(({ items }) => items)).toEqual([['a', 'b'], ['c']]);
  });

  it('gathers what arrives while a statement is under way, in the order of arrival, within its caps', async () => {
    const { writer, statement } = rig({ maxItems: 2 });
    const first = writer.submit('a');
    const one = await statement(0);
    const rest = ['d', 'c', 'b'].map((item) => writer.submit(item));
    one.answer();
    (await statement(1)).answer();
    (await statement(2)).answer();
    expect(await Promise.all([first, ...rest])).toEqual(['A', 'D', 'C', 'B']);
    expect([(await statement(1)).items, (await statement(2)).items]).toEqual([['c', 'd'], ['b']]);
  });

  it('has as many statements under way as it may, and none beyond', async () => {
    const { writer, statements, statement } = rig({ maxItems: 1, parallel: 2 });
    const writes = ['a', 'b', 'c', 'd'].map((item) => writer.submit(item));
    await statement(1);
    expect(statements.map(({ items }) => items)).toEqual([['a'], ['b']]);
    (await statement(1)).answer();
    expect((await statement(2)).items).toEqual(['c']);
    for (const n of [0, 2, 3]) (await statement(n)).answer();
    expect(await Promise.all(writes)).toEqual(['A', 'B', 'C', 'D']);
    const last = writer.submit('e');
    (await statement(4)).answer();
    expect(await last).toBe('E');
  });

  it('takes what is submitted when the last statement is being answered', async () => {
    const { writer, statement } = rig({ parallel: 2 });
    const next = Promise.all(['a', 'b'].map((item) => writer.submit(item))).then(() => Promise.all(['c', 'd'].map((item) => writer.submit(item))));
    (await statement(0)).answer();
    (await statement(1)).answer();
    expect(await next).toEqual(['C', 'D']);
  });

  it('fills a statement up to its bytes, and sends what is larger than that alone', async () => {
    const { writer, statement } = rig({ maxBytes: 4 });
    const writes = ['aa', 'bb', 'ccccccc', 'd'].map((item) => writer.submit(item));
    for (let n = 0; n < 3; n += 1) (await statement(n)).answer();
    await Promise.all(writes);
    expect([(await statement(0)).items, (await statement(1)).items, (await statement(2)).items]).toEqual([['aa', 'bb'], ['ccccccc'], ['d']]);
  });

  it('never puts two items of one key in one statement', async () => {
    const { writer, statement } = rig({ keyOf: (item) => item.slice(0, 1) });
    const writes = ['x1', 'x2', 'y1'].map((item) => writer.submit(item));
    (await statement(0)).answer();
    (await statement(1)).answer();
    expect(await Promise.all(writes)).toEqual(['X1', 'X2', 'Y1']);
    expect([(await statement(0)).items, (await statement(1)).items]).toEqual([['x1', 'y1'], ['x2']]);
  });

  it('splits a refused statement until the bad row is alone', async () => {
    const { writer, statements, statement } = rig();
    const writes = ['a', 'b', 'bad', 'c'].map((item) => writer.submit(item));
    const settled = Promise.allSettled(writes);
    for (let n = 0; n < 5; n += 1) {
      const sent = await statement(n);
      if (sent.items.includes('bad')) sent.fail(DATA_EXCEPTION);
      else sent.answer();
    }
    expect((await settled).map((one) => one.status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    await expect(writes[2]).rejects.toMatchObject({ code: 'RECORD_FAILED' });
    expect(statements).toHaveLength(5);
  });

  it('rejects all of a statement that is itself at fault, without splitting it', async () => {
    const { writer, statements, statement } = rig();
    const settled = Promise.allSettled(['a', 'b'].map((item) => writer.submit(item)));
    (await statement(0)).fail(UNDEFINED_TABLE);
    expect(await settled).toMatchObject([{ reason: { code: 'INTERNAL' } }, { reason: { code: 'INTERNAL' } }]);
    expect(statements).toHaveLength(1);
  });

  it('repeats a statement whose connection was lost, and says that it may have been applied', async () => {
    const { writer, statement } = rig();
    const write = writer.submit('a');
    (await statement(0)).fail('CONNECTION_CLOSED');
    const again = await statement(1);
    again.answer();
    expect(await write).toBe('A');
    expect([(await statement(0)).context, again.context]).toEqual([{ repeated: false }, { repeated: true }]);
  });

  it('remembers that a statement was repeated when it has to be split', async () => {
    const { writer, statement } = rig();
    const settled = Promise.allSettled(['a', 'b'].map((item) => writer.submit(item)));
    (await statement(0)).fail('CONNECTION_CLOSED');
    (await statement(1)).fail(DATA_EXCEPTION);
    (await statement(2)).answer();
    (await statement(3)).answer();
    await settled;
    expect([(await statement(2)).context, (await statement(3)).context]).toEqual([{ repeated: true }, { repeated: true }]);
  });

  it('gives up on Postgres after its time, and tries for the next ones anew', async () => {
    let nowMs = 0;
    const { writer, statement } = rig({ clock: { nowMs: () => 0, monotonicMs: () => nowMs }, retryForMs: 100 });
    const write = writer.submit('a');
    const sent = await statement(0);
    nowMs = 101;
    sent.fail('ECONNREFUSED');
    await expect(write).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE', retryable: true });
    const next = writer.submit('b');
    (await statement(1)).answer();
    expect(await next).toBe('B');
  });

  it('refuses at once what would not fit in memory', async () => {
    const { writer, statement } = rig({ maxQueuedBytes: 4 });
    const first = writer.submit('a');
    const one = await statement(0);
    const second = writer.submit('1234');
    await expect(writer.submit('5')).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    one.answer();
    (await statement(1)).answer();
    expect(await Promise.all([first, second])).toEqual(['A', '1234']);
  });

  it('writes what it holds before it is drained, and refuses the rest until it is opened again', async () => {
    const { writer, statement } = rig();
    const held = writer.submit('a');
    const drained = writer.drain(Deadline.in(10_000));
    await expect(writer.submit('late')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    (await statement(0)).answer();
    await drained;
    expect(await held).toBe('A');
    writer.open();
    const next = writer.submit('b');
    (await statement(1)).answer();
    expect(await next).toBe('B');
  });

  it('lets go at its deadline of what has not gone out', async () => {
    const { writer, statement } = rig();
    const under = writer.submit('a');
    const sent = await statement(0);
    const waiting = writer.submit('b');
    const settled = Promise.allSettled([waiting]);
    await writer.drain(Deadline.in(0));
    expect(await settled).toMatchObject([{ reason: { code: 'SHUTTING_DOWN' } }]);
    sent.answer();
    expect(await under).toBe('A');
  });
});
