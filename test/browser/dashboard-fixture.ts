/**
 * A stand-in for the API: serves the dashboard, freshly built, under the strict content security policy that the page
 * must live with, and answers its requests with canned data that core's schemas accept. It can be told to fail.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';

import { runtimeMetricsSchema, runtimeStatusSchema, toProblem, webhookBoardSchema, BullpenError, type ErrorCode } from '@bullpen/core';

import { sceneOf, type Scene, type SceneName } from './dashboard-fixture-data.ts';

export const CONTENT_SECURITY_POLICY = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const BASE = '/admin/runtime';

/** `refuse`: problem documents with 503. `drop`: the connection is cut. */
export type FailureMode = 'refuse' | 'drop';

export class DashboardFixture {
  readonly adminKey = `fixture+${randomBytes(16).toString('base64')}`;
  /** Organization and id of the runs that were asked to be cancelled. */
  readonly cancelled: string[] = [];
  /** The same of those whose container was to be killed. */
  readonly killed: string[] = [];
  /** Deliveries that were asked to be sent again. */
  readonly replayed: string[] = [];
  /** Answers of the status so far. */
  statusCount = 0;
  failure: FailureMode | null = null;
  /** Given: cancels are refused with this code. */
  cancelRefusal: ErrorCode | null = null;
  scene: Scene = sceneOf('empty', Date.now());

  readonly #distDir: string;
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  #sessions = new Set<string>();

  constructor(distDir: string) {
    this.#distDir = distDir;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${BASE}`;
  }

  /** The link that `npm start` prints. */
  get signInUrl(): string {
    return `${this.url}#key=${encodeURIComponent(this.adminKey)}`;
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Back to a healthy server with this much to see. Sessions stay open. */
  show(name: SceneName): void {
    this.scene = sceneOf(name, Date.now());
    this.failure = null;
    this.cancelRefusal = null;
    this.cancelled.length = 0;
    this.killed.length = 0;
    this.replayed.length = 0;
  }

  endSessions(): void {
    this.#sessions = new Set();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fixture');
    response.setHeader('content-security-policy', CONTENT_SECURITY_POLICY);
    response.setHeader('x-content-type-options', 'nosniff');
    if (url.pathname.startsWith('/api/')) await this.#answerApi(request, response, url.pathname);
    else if (url.pathname.startsWith(BASE)) await this.#serveFile(response, url.pathname.slice(BASE.length));
    else response.writeHead(404).end();
  }

  async #answerApi(request: IncomingMessage, response: ServerResponse, pathname: string): Promise<void> {
    if (this.failure === 'drop') return void request.socket.destroy();
    if (this.failure === 'refuse') return sendProblem(response, 'SERVICE_UNAVAILABLE', 'Postgres cannot be reached at the moment.');
    if (pathname === '/api/admin/session') return this.#answerSession(request, response);
    if (!this.#sessions.has(sessionOf(request))) return sendProblem(response, 'UNAUTHENTICATED', 'no session');
    if (pathname === '/api/admin/runtime/status') return sendJson(response, 200, this.#status());
    if (pathname === '/api/admin/runtime/metrics') return sendJson(response, 200, runtimeMetricsSchema.parse(this.scene.metrics));
    if (pathname === '/api/admin/webhooks') return sendJson(response, 200, webhookBoardSchema.parse(this.scene.webhooks));
    const replay = /^\/api\/admin\/webhooks\/deliveries\/([^/]+)\/replay$/.exec(pathname);
    if (replay !== null && request.method === 'POST') return this.#replay(response, replay[1] ?? '');
    const kill = /^\/api\/admin\/runtime\/runs\/([^/]+)\/([^/]+)\/kill$/.exec(pathname);
    if (kill !== null && request.method === 'POST') return this.#kill(response, kill[1] ?? '', kill[2] ?? '');
    const cancel = /^\/api\/admin\/runs\/([^/]+)\/([^/]+)\/cancel$/.exec(pathname);
    if (cancel !== null && request.method === 'POST') return this.#cancel(response, cancel[1] ?? '', cancel[2] ?? '');
    const acknowledge = /^\/api\/admin\/alerts\/([^/]+)\/acknowledge$/.exec(pathname);
    if (acknowledge !== null && request.method === 'POST') return this.#acknowledge(response, acknowledge[1] ?? '');
    return sendProblem(response, 'NOT_FOUND', `no ${pathname}`);
  }

  #acknowledge(response: ServerResponse, alertId: string): void {
    const alert = this.scene.status.alerts.find(({ id }) => id === alertId);
    if (alert === undefined) return sendProblem(response, 'NOT_FOUND', `no alert ${alertId}`);
    Object.assign(alert, { acknowledgedBy: 'operator', acknowledgedAt: new Date().toISOString() });
    return sendJson(response, 200, alert);
  }

  /** Fresh times in the snapshot, as a live system has them. */
  #status(): unknown {
    this.statusCount += 1;
    const at = new Date().toISOString();
    return runtimeStatusSchema.parse({ ...this.scene.status, at, workers: this.scene.status.workers.map((worker) => ({ ...worker, at })) });
  }

  async #answerSession(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const attributes = 'HttpOnly; SameSite=Strict; Path=/';
    if (request.method === 'DELETE') {
      this.#sessions.delete(sessionOf(request));
      return void response.writeHead(204, { 'set-cookie': `fixture_session=; Max-Age=0; ${attributes}` }).end();
    }
    const { key } = JSON.parse(await text(request)) as { key: string };
    if (key !== this.adminKey) return sendProblem(response, 'UNAUTHENTICATED', 'unknown key');
    const session = randomBytes(16).toString('hex');
    this.#sessions.add(session);
    return void response.writeHead(204, { 'set-cookie': `fixture_session=${session}; ${attributes}` }).end();
  }

  #replay(response: ServerResponse, deliveryId: string): void {
    this.replayed.push(deliveryId);
    this.scene.webhooks.deliveries = this.scene.webhooks.deliveries.filter(({ id }) => id !== deliveryId);
    return sendJson(response, 202, { id: deliveryId });
  }

  #kill(response: ServerResponse, orgId: string, runId: string): void {
    this.killed.push(`${orgId}/${runId}`);
    return sendJson(response, 202, { workerId: 'wkr_1', containerId: null, orgId, runId });
  }

  #cancel(response: ServerResponse, orgId: string, runId: string): void {
    this.cancelled.push(`${orgId}/${runId}`);
    const run = this.scene.status.recentRuns.find(({ id }) => id === runId);
    if (this.cancelRefusal !== null) return sendProblem(response, this.cancelRefusal, `run ${runId} has succeeded`);
    if (run === undefined) return sendProblem(response, 'NOT_FOUND', `no run ${runId}`);
    return sendJson(response, 202, { ...run, input: null, result: null });
  }

  async #serveFile(response: ServerResponse, relative: string): Promise<void> {
    const file = path.join(this.#distDir, path.extname(relative) === '' ? 'index.html' : path.normalize(relative));
    const body = await readFile(file).catch(() => null);
    if (body === null) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': TYPES[path.extname(file)] ?? 'application/octet-stream' }).end(body);
  }
}

function sessionOf(request: IncomingMessage): string {
  return /(?:^|; )fixture_session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
}

function sendJson(response: ServerResponse, status: number, body: unknown, type = 'application/json'): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(JSON.stringify(body));
}

function sendProblem(response: ServerResponse, code: ErrorCode, detail: string): void {
  const problem = toProblem(new BullpenError(code, detail));
  sendJson(response, problem.status, problem, 'application/problem+json');
}
