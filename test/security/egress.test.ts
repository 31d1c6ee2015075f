import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { egressManifestSchema, type EgressManifest, type Tier } from '@bullpen/core';

import { memoryServices } from '../integration/memory-services.ts';
import { agent, endingOf, startRig, valueOf, type Answer, type Asked, type Rig } from '../integration/runtime-rig.ts';
import { requireProgram } from '../services/programs.ts';
import { TEST_CERTIFICATE } from '../system/test-certificate.ts';
import { startUpstream, type Upstream } from '../system/upstream.ts';

jest.setTimeout(120_000);

const sourceOf = (file: string): string => readFileSync(join(import.meta.dirname, 'egress-agents', `${file}.mjs`), 'utf8');
/** The limits that a run was warned of. */
const warningsOf = ({ events }: Answer) => events.flatMap((event) => (event.type === 'log' && event.level === 'warn' ? [(event.fields as { limit: string }).limit] : []));
const SECRET = 'sk-very-secret-0123456789';

/** Names that the tests' resolver knows. `rebind` is public when it is asked first, and loopback from then on. */
function resolverOf() {
  const asked: string[] = [];
  const addresses: Record<string, readonly string[]> = {
    'api.upstream.test': ['127.0.0.1'], 'other.upstream.test': ['127.0.0.1'],
    'private.upstream.test': ['10.0.0.1'], 'mixed.upstream.test': ['127.0.0.1', '10.0.0.1'], 'mapped.upstream.test': ['::ffff:127.0.0.1'],
    'metadata.upstream.test': ['169.254.169.254'],
  };
  const resolve = async (host: string): Promise<readonly string[]> => {
    const isFirst = !asked.includes(host);
    asked.push(host);
    if (host === 'rebind.upstream.test') return isFirst ? ['127.0.0.1'] : ['127.0.0.2'];
    return addresses[host] ?? [];
  };
  return { asked, resolve };
}

describe.each(['basic', 'enhanced', 'strict'] satisfies Tier[])('egress of tier %s', (tier) => {
  let rig: Rig;
  let upstream: Upstream;
  const names = resolverOf();
  beforeAll(async () => {
    if (tier !== 'basic') requireProgram('bubblewrap');
    upstream = await startUpstream();
    const services = memoryServices();
    services.secretValues.set('acme/API_TOKEN', SECRET);
    services.secretValues.set('acme/BROKEN', 'two\r\nlines: here');
    rig = await startRig({ tiers: [tier], services, egress: { privateRanges: ['127.0.0.1/32'], resolve: names.resolve, ca: TEST_CERTIFICATE, silenceMs: 400 } });
  });
  afterAll(async () => {
    await rig.stop();
    await upstream.stop();
  });
  beforeEach(() => { upstream.heard.length = 0; });

  const https = (path: string, host = 'api.upstream.test') => `https://${host}:${upstream.httpsPort}${path}`;
  const http = (path: string, host = 'api.upstream.test') => `http://${host}:${upstream.httpPort}${path}`;
  const allowing = (...rules: object[]): EgressManifest => egressManifestSchema.parse({ allow: rules.map((rule) => ({ ports: [upstream.httpPort, upstream.httpsPort, 80, 443], ...rule })) });
  const everything = () => allowing({ host: '*.upstream.test' }, { host: '127.0.0.1' }, { host: '169.254.169.254' }, { host: '[::1]' }, { host: 'localhost' }, { host: '10.0.0.1' });
  const run = (body: string, asked: Asked = {}) => rig.run(agent(body), { tier, egress: everything(), ...asked });
  const fetchOf = (url: string, init = '{}') => `const r = await ctx.fetch(${JSON.stringify(url)}, ${init});`;

  it('is an ordinary Response, from HTTPS and from HTTP, counted on the run', async () => {
    for (const url of [https('/echo?x=1'), http('/echo?x=1')]) {
      const answer = await run(`${fetchOf(url, '{ method: "POST", body: "hello", headers: { "x-mine": "1" } }')} const said = await r.json();
        return [r instanceof Response, r.ok, r.status, r.url, r.redirected, r.headers.getSetCookie(), said.method, said.body, said.headers["x-mine"]]`);
      expect(valueOf(answer)).toEqual([true, true, 200, url, false, ['a=1', 'b=2'], 'POST', 'hello', '1']);
      expect(answer.outcome.usage.egressRequests).toBe(1);
      expect(answer.outcome.usage.egressBytesIn).toBeGreaterThan(100);
      expect(answer.outcome.usage.egressBytesOut).toBeGreaterThan(5);
    }
  });

  it('streams a body of any size, and decodes a compressed one', async () => {
    expect(valueOf(await run(`${fetchOf(https('/bytes?n=5000000'))} let n = 0; for await (const chunk of r.body) n += chunk.length; return n`))).toBe(5_000_000);
    expect(valueOf(await run(`${fetchOf(https('/gzip'))} return (await r.text()).length`))).toBe(110_000);
  });

  it('sends what the manifest adds, and the agent never sees the secret in it', async () => {
    const egress = allowing({ host: 'api.upstream.test', headers: { authorization: 'Bearer ${API_TOKEN}' } });
    const answer = await run(`${fetchOf(https('/echo'), '{ headers: { authorization: "mine" } }')} const { headers } = await r.json(); ctx.log(headers.authorization);
      return [headers.authorization.length, await ctx.secrets.get("API_TOKEN").catch((error) => error.code)]`, { egress });
    expect(valueOf(answer)).toEqual([`Bearer ${SECRET}`.length, 'SECRET_NOT_DECLARED']);
    expect(answer.events).toMatchObject([{ type: 'log', message: 'Bearer [secret API_TOKEN]' }]);
  });

  it('sends no secret that would break out of its header, or that is not there', async () => {
    const egress = allowing({ host: 'api.upstream.test', headers: { 'x-key': '${BROKEN}' } }, { host: 'other.upstream.test', headers: { 'x-key': '${NONE}' } });
    const answer = await rig.run(sourceOf('fetch'), { tier, egress, input: { urls: [https('/echo'), https('/echo', 'other.upstream.test')] } });
    expect(valueOf(answer)).toEqual(['CALL_REFUSED', 'SECRET_NOT_FOUND']);
    expect(JSON.stringify(answer)).not.toContain('lines: here');
    expect(upstream.heard).toEqual([]);
  });

  it('is denied where the allowlist does not name it, or it is no public address', async () => {
    const urls = [
      https('/x', 'evil.test'), 'https://169.254.169.254/latest/meta-data/', https('/x', 'private.upstream.test'), https('/x', 'mixed.upstream.test'),
      https('/x', 'mapped.upstream.test'), https('/x', 'metadata.upstream.test'), 'http://[::1]/', 'http://10.0.0.1/', 'http://2130706433:1/', 'https://unknown.upstream.test/',
    ];
    const answer = await rig.run(sourceOf('fetch'), { tier, egress: everything(), input: { urls } });
    expect(valueOf(answer)).toEqual([...Array.from({ length: 9 }, () => 'EGRESS_DENIED'), 'EGRESS_FAILED']);
    expect(upstream.heard).toEqual([]);
  });

  it('goes to the address that was checked, and is checked again at the next request: a rebinding name is denied', async () => {
    names.asked.length = 0;
    const answer = await run(`const url = ${JSON.stringify(https('/echo', 'rebind.upstream.test'))}; const ask = () => ctx.fetch(url).then((r) => r.status, (error) => error.code); return [await ask(), await ask()]`);
    expect(valueOf(answer)).toEqual([200, 'EGRESS_DENIED']);
    expect([upstream.heard.length, names.asked.length]).toEqual([1, 2]);
  });

  it('checks each redirect like a request', async () => {
    const to = (target: string, status = 302) => https(`/redirect?status=${status}&to=${encodeURIComponent(target)}`);
    const urls = [to(https('/echo')), to('http://169.254.169.254/'), to('https://evil.test/'), to(https('/x', 'private.upstream.test')), to('file:///etc/passwd'), to('gopher://x/'), to(to('http://127.0.0.2/'))];
    const egress = everything();
    expect(valueOf(await rig.run(sourceOf('fetch'), { tier, egress, input: { urls } })))
      .toEqual([200, 'EGRESS_DENIED', 'EGRESS_DENIED', 'EGRESS_DENIED', 'EGRESS_FAILED', 'EGRESS_FAILED', 'EGRESS_DENIED']);
    const loop = await run(`return await ctx.fetch(${JSON.stringify(https('/redirect?to=/redirect%3Fto=/echo'))}, { redirect: "manual" }).then((r) => [r.status, r.headers.get("location")])`);
    expect(valueOf(loop)).toEqual([302, '/redirect?to=/echo']);
  });

  it('gives a redirect to another origin no credentials, and no body where it becomes a GET', async () => {
    const body = `${fetchOf(https(`/redirect?status=303&to=${encodeURIComponent(https('/echo', 'other.upstream.test'))}`), '{ method: "POST", body: "secret", headers: { authorization: "mine", cookie: "a=1", "x-kept": "1" } }')}
      const said = await r.json(); return [said.method, said.body, said.headers.authorization ?? null, said.headers.cookie ?? null, said.headers["x-kept"], r.redirected]`;
    expect(valueOf(await run(body))).toEqual(['GET', '', null, null, '1', true]);
  });

  it.each([['nothing is said', '/silent'], ['nothing more is said', '/half'], ['it breaks off', '/cut']])('fails where %s', async (_, path) => {
    expect(valueOf(await run(`try { ${fetchOf(https(path))} return await r.text() } catch (error) { return error.code }`))).toBe('EGRESS_FAILED');
  });

  it('ends the run with a code of its own at the limit of requests and at that of bytes', async () => {
    const many = await run(`for (let i = 0; i < 10; i += 1) await ctx.fetch(${JSON.stringify(https('/echo'))}).catch(() => undefined); return "went on"`, { limits: { egressRequests: 3 } });
    expect([endingOf(many), many.outcome.usage.egressRequests, upstream.heard.length]).toEqual(['failed/EGRESS_REQUESTS_EXCEEDED', 4, 3]);
    expect(warningsOf(many)).toEqual(['egressRequests']);
    const much = await run(`${fetchOf(https('/bytes?n=3000000'))} await r.text(); return "went on"`, { limits: { egressBytes: 1_000_000 } });
    expect(endingOf(much)).toBe('failed/EGRESS_BYTES_EXCEEDED');
    expect(much.outcome.usage.egressBytesIn).toBeLessThan(1_200_000);
    expect(warningsOf(much)).toEqual(['egressBytes']);
  });

  it('is the agent\'s to abort', async () => {
    // Not before it was heard: what is on its way when it is aborted may still arrive, during the next test.
    const body = `const abort = new AbortController(); const asked = ctx.fetch(${JSON.stringify(https('/silent'))}, { signal: abort.signal }).catch((error) => error.name);
      const heard = async () => (await (await ctx.fetch(${JSON.stringify(https('/heard'))})).json()).some((line) => line.endsWith("/silent"));
      while (!(await heard())); abort.abort(); return await asked`;
    expect(valueOf(await run(body))).toBe('AbortError');
  });

  it('takes no header that would be two', async () => {
    const raw = `new Headers({ "x-a": "b" })`;
    expect(valueOf(await run(`try { await ctx.fetch(${JSON.stringify(https('/echo'))}, { headers: { "x-a": "b\\r\\nx-evil: 1" } }); return ${raw} } catch (error) { return error instanceof TypeError }`))).toBe(true);
    expect(upstream.heard).toEqual([]);
  });

  it('is open to a client of the agent\'s own with the run\'s token, to nobody without, and by the same rules', async () => {
    const targets = [
      `api.upstream.test:${upstream.httpsPort}`, http('/echo'), https('/echo'),
      '169.254.169.254:80', '127.0.0.2:80', `private.upstream.test:${upstream.httpsPort}`, `mixed.upstream.test:443`, 'evil.test:443', 'api.upstream.test:22', 'http://169.254.169.254/', 'ftp://api.upstream.test/', 'nonsense',
    ];
    const answer = await rig.run(sourceOf('proxy'), { tier, egress: everything(), input: { targets } });
    const said = valueOf(answer) as { authorized: number[]; strangers: number[] };
    expect(said.authorized).toEqual([200, 200, 200, 403, 403, 403, 403, 403, 403, 403, 400, 400]);
    expect(new Set(said.strangers)).toEqual(new Set([407]));
    expect(upstream.heard).toEqual([`GET api.upstream.test /echo`, `GET api.upstream.test /echo`]);
    expect(answer.outcome.usage.egressRequests).toBe(7); // those that the allowlist names: addresses are looked at after that
  });

  it('passes no second request on in the body of a first one', async () => {
    const egress = allowing({ host: 'api.upstream.test', methods: ['GET'] });
    const answer = await rig.run(sourceOf('smuggle'), { tier, egress, input: { url: http('/bytes?n=1') } });
    expect((valueOf(answer) as string[])[0]).toBe('200');
    expect(upstream.heard.filter((line) => !line.startsWith('GET '))).toEqual([]);
  });

  it('makes no request that is about the connection', async () => {
    const bundle = `export default async (input, ctx) => Promise.all(["TRACE", "CONNECT"].map((method) => ctx.fetch(input.url, { method }).catch((error) => error instanceof TypeError || error.code)));`;
    expect(valueOf(await rig.run(bundle, { tier, egress: everything(), input: { url: http('/echo') } }))).toEqual([true, true]);
    expect(upstream.heard).toEqual([]);
  });

  it('ends with its run: the token is worth nothing to the next one', async () => {
    const first = valueOf(await run('return ctx.egress')) as { socketPath: string; token: string };
    const body = `const { request } = await import("node:http"); const { promise, resolve } = Promise.withResolvers();
      request({ socketPath: ctx.egress.socketPath, path: ${JSON.stringify(http('/echo'))}, headers: { "proxy-authorization": "Bearer ${first.token}" } }, (r) => resolve(r.statusCode)).end(); return await promise`;
    expect(valueOf(await run(body))).toBe(407);
    expect(valueOf(await rig.run(agent('return ctx.egress ?? null'), { tier }))).toBeNull();
  });

  it('stays open to others while somebody keeps many connections to the proxy and says nothing', async () => {
    const crowded = Promise.withResolvers<void>();
    const crowd = rig.run(sourceOf('crowd'), { tier, orgId: 'crowd', egress: everything(), input: { count: tier === 'basic' ? 400 : 80 }, onEvent: () => crowded.resolve() });
    await crowded.promise;
    const answer = await rig.run(sourceOf('proxy'), { tier, egress: everything(), input: { targets: [http('/echo')] } });
    expect(valueOf(answer)).toEqual({ authorized: [200], strangers: [407, 407] });
    expect(valueOf(await crowd)).toBe('stayed');
  });

  it('ends a run that asks the proxy again and again for what it is refused', async () => {
    const ask = (count: number) => rig.run(sourceOf('refused'), { tier, egress: everything(), input: { target: 'http://evil.test/', count } });
    expect(valueOf(await ask(1000))).toBe('went on');
    expect(endingOf(await ask(20_000))).toBe('failed/EGRESS_REQUESTS_EXCEEDED');
    expect(upstream.heard).toEqual([]);
  });

  it('hears of a stranger one request, and lets a holder of a token keep its connection for the next one', async () => {
    const body = `const { connect } = await import("node:net"); const { Agent, request } = await import("node:http");
      const stranger = Promise.withResolvers(); let said = "";
      connect(ctx.egress.socketPath).on("data", (chunk) => { said += chunk; }).on("close", () => stranger.resolve(said.split("HTTP/1.1 407").length - 1)).write("GET http://x/ HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n".repeat(500));
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const ask = () => new Promise((resolve, reject) => { const asked = request({ agent, socketPath: ctx.egress.socketPath, path: ${JSON.stringify(http('/echo'))}, headers: { "proxy-authorization": "Bearer " + ctx.egress.token } },
        (r) => r.resume().on("end", () => resolve([r.statusCode, asked.reusedSocket]))).on("error", reject).end(); });
      const answers = [await ask(), await ask()]; agent.destroy(); return [await stranger.promise, ...answers]`;
    expect(valueOf(await run(body))).toEqual([1, [200, false], [200, true]]);
  });

  it('goes through node:http and a tunnel with TLS of the agent\'s own', async () => {
    const body = `const { request } = await import("node:http"); const { connect } = await import("node:tls"); const { promise, resolve, reject } = Promise.withResolvers();
      request({ socketPath: ctx.egress.socketPath, method: "CONNECT", path: "api.upstream.test:${upstream.httpsPort}", headers: { "proxy-authorization": "Basic " + btoa("run:" + ctx.egress.token) } })
        .on("connect", (head, socket) => { const tls = connect({ socket, servername: "api.upstream.test", ca: input.ca }, () => tls.write("GET /bytes?n=10 HTTP/1.0\\r\\nhost: api.upstream.test\\r\\n\\r\\n"));
          let said = ""; tls.on("data", (chunk) => { said += chunk; }).on("end", () => resolve(said.slice(-10))).on("error", reject); }).on("error", reject).end();
      return await promise`;
    const answer = await run(body, { input: { ca: TEST_CERTIFICATE } });
    expect(valueOf(answer)).toBe('xxxxxxxxxx');
    expect(answer.outcome.usage).toMatchObject({ egressRequests: 1 });
    expect(answer.outcome.usage.egressBytesIn).toBeGreaterThan(500);
  });
});

describe('secrets in headers', () => {
  it('are not sent without TLS to an address that is not the operator\'s own', async () => {
    const services = memoryServices();
    services.secretValues.set('acme/API_TOKEN', SECRET);
    const rig = await startRig({ services, egress: { resolve: async () => ['93.184.215.14'], silenceMs: 200 } });
    const egress = egressManifestSchema.parse({ allow: [{ host: 'plain.example.com', ports: [80], headers: { 'x-key': '${API_TOKEN}' } }] });
    expect(valueOf(await rig.run(sourceOf('fetch'), { egress, input: { urls: ['http://plain.example.com/'] } }))).toEqual(['EGRESS_DENIED']);
    await rig.stop();
  });
});

describe('calls that our code in a cell would not make', () => {
  it('reach nothing of anybody else, and leave the supervisor as it was', async () => {
    requireProgram('bubblewrap');
    const services = memoryServices();
    const rig = await startRig({ tiers: ['strict'], services });
    await rig.run(agent('await ctx.kv.set("canary", "sings")'), { tier: 'strict', orgId: 'canary' });
    const answer = await rig.run(sourceOf('forged-calls'), { tier: 'strict' });
    expect(valueOf(answer)).toBe('inert');
    expect(JSON.stringify(answer)).not.toContain('sings');
    expect(valueOf(await rig.run(agent('return await ctx.kv.get("canary")'), { tier: 'strict', orgId: 'canary' }))).toBe('sings');
    await rig.stop();
  });
});
