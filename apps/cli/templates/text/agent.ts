import { defineAgent } from '@bullpen/sdk';

interface Input {
  text: string;
}

interface Output {
  words: number;
  readingMinutes: number;
  mostUsed: { word: string; times: number }[];
}

const DEFAULT_TEXT = 'A bullpen is where the relief pitchers are kept warm: warm pitchers, one bullpen for each team.';

export default defineAgent<Input | null, Output>({
  name: 'my-agent',
  description: 'Counts the words of a text and finds the ones it uses most.',
  timeoutMs: 10_000, // one attempt is killed after this long
  memoryMb: 64, //      and when it takes more memory than this

  async run(input, ctx) {
    const words = (input?.text ?? DEFAULT_TEXT).toLowerCase().match(/\p{L}+/gu) ?? [];
    ctx.log('counting', { words: words.length });

    const times = new Map<string, number>();
    for (const [i, word] of words.entries()) {
      ctx.signal.throwIfAborted(); // `npx bullpen cancel` aborts it
      times.set(word, (times.get(word) ?? 0) + 1);
      if (i % 1000 === 0) ctx.progress(i / words.length);
    }
    ctx.progress(1);

    const mostUsed = [...times].sort((a, b) => b[1] - a[1]).slice(0, 5);
    return {
      words: words.length,
      readingMinutes: Math.ceil(words.length / 230),
      mostUsed: mostUsed.map(([word, count]) => ({ word, times: count })),
    };
  },
});
