import { describe, expect, it, jest } from '@jest/globals';

import { SlotGate } from './slot-gate.ts';

const uninterrupted = new AbortController().signal;

function quickGate(slots: number, nowMs: () => number = () => 0): SlotGate {
  const gate = new SlotGate(slots, nowMs);
  for (let i = 0; i < 20; i += 1) {
    void gate.enter(uninterrupted);
    gate.leave(1);
  }
  return gate;
}

describe('the slots of a worker', () => {
  it('admits as many as there are until attempts have proved to be short, and then twice as many again', () => {
    expect(new SlotGate(4, () => 0).mayAdmit).toBe(4);
    const gate = quickGate(4);
    expect(gate.mayAdmit).toBe(12);
    for (let i = 0; i < 3; i += 1) {
      void gate.enter(uninterrupted);
      gate.leave(1000);
    }
    expect(gate.mayAdmit).toBe(4);
  });

  it('fetches for each free slot, and ahead of them several at once', () => {
    const gate = quickGate(4);
    expect([0, 3, 4, 10, 11, 12].map((admitted) => gate.worthTaking(admitted))).toEqual([12, 9, 8, 2, 0, 0]);
    expect([0, 3, 4].map((admitted) => new SlotGate(4, () => 0).worthTaking(admitted))).toEqual([4, 1, 0]);
  });

  it('lets in no more than there are slots, in their order', async () => {
    const gate = quickGate(2);
    expect([gate.enter(uninterrupted), gate.enter(uninterrupted)]).toEqual([true, true]);
    const order: string[] = [];
    const third = Promise.resolve(gate.enter(uninterrupted)).then((hasSlot) => order.push(`third ${hasSlot}`));
    const fourth = Promise.resolve(gate.enter(uninterrupted)).then((hasSlot) => order.push(`fourth ${hasSlot}`));
    gate.leave(1);
    await third;
    expect(order).toEqual(['third true']);
    gate.leave(1);
    await fourth;
    expect(order).toEqual(['third true', 'fourth true']);
    gate.leave(1);
    gate.leave(1);
    expect(gate.enter(uninterrupted)).toBe(true);
  });

  it('turns away who waits too long, and admits nobody ahead any more', async () => {
    jest.useFakeTimers();
    try {
      let nowMs = 0;
      const gate = quickGate(1, () => nowMs);
      expect(gate.enter(uninterrupted)).toBe(true);
      const second = gate.enter(uninterrupted);
      nowMs = 200;
      await jest.advanceTimersByTimeAsync(200);
      expect(await second).toBe(false);
      expect(gate.mayAdmit).toBe(1);
    } finally {
      jest.useRealTimers();
    }
  });

  it('turns away who is interrupted at once, and keeps the others\' order', async () => {
    const gate = quickGate(1);
    void gate.enter(uninterrupted);
    const interrupt = new AbortController();
    const leaving = gate.enter(interrupt.signal);
    const staying = gate.enter(uninterrupted);
    interrupt.abort();
    expect(await leaving).toBe(false);
    gate.leave(1);
    expect(await staying).toBe(true);
    expect(await gate.enter(AbortSignal.abort())).toBe(false);
  });

  it('turns away all who wait when it is cleared', async () => {
    const gate = quickGate(1);
    void gate.enter(uninterrupted);
    const waiting = [gate.enter(uninterrupted), gate.enter(uninterrupted)];
    gate.clear();
    expect(await Promise.all(waiting.map((entering) => Promise.resolve(entering)))).toEqual([false, false]);
  });
});
