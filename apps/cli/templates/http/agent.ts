import { defineAgent } from '@bullpen/sdk';

interface Output {
  url: string;
  isUp: boolean;
  status: number | null;
  tookMs: number;
  why: string | null;
}

/** Where this version may connect to, and nowhere else; see docs/egress.md. */
const HOSTS = ['example.com', 'www.iana.org'];

export default defineAgent<{ url?: string } | null, Output>({
  name: 'my-agent',
  description: 'Asks a site whether it is up.',
  timeoutMs: 15_000,
  memoryMb: 64,
  maxAttempts: 2,
  egress: { allow: HOSTS.map((host) => ({ host })) },

  async run(input, ctx) {
    const url = input?.url ?? `https://${HOSTS[0]}/`;
    const beganMs = performance.now();
    const end = (status: number | null, why: string | null): Output => {
      const answer = { url, isUp: status !== null && status < 500, status, tookMs: Math.round(performance.now() - beganMs), why };
      ctx.log(answer.isUp ? 'it is up' : 'it is down', { status, why });
      return answer;
    };
    try {
      const response = await ctx.fetch(url, { method: 'HEAD', signal: ctx.signal });
      return end(response.status, null);
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      // A host that the version does not name is this agent's fault, not the site's.
      if (code === 'EGRESS_DENIED') throw error;
      return end(null, message);
    }
  },
});
