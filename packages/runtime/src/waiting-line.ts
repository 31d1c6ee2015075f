/** Somebody in a line, those who came first at its head. */
export interface Waiter<Answer> {
  readonly sinceMs: number;
  readonly resolve: (answer: Answer) => void;
}

/**
 * Joins the end of `line`, which is changed in place. Who is taken out of it is answered by whoever does that, once; who is
 * interrupted leaves by himself, with `turnedAway`.
 */
export function joinLine<Answer, About extends { readonly sinceMs: number }>(
  line: (About & Waiter<Answer>)[], about: About, { interrupt, turnedAway }: { interrupt: AbortSignal; turnedAway: Answer },
): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  const leave = (): void => {
    const at = line.indexOf(waiter);
    if (at >= 0) line.splice(at, 1);
    resolve(turnedAway);
  };
  const waiter: About & Waiter<Answer> = {
    ...about,
    resolve: (answer) => {
      interrupt.removeEventListener('abort', leave);
      resolve(answer);
    },
  };
  line.push(waiter);
  interrupt.addEventListener('abort', leave, { once: true });
  if (interrupt.aborted) leave();
  return promise;
}
