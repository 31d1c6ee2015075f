import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ERROR_REGISTRY, may, PERMISSIONS, type Permission } from '@bullpen/core';
import { createConfig, lintFromString } from '@redocly/openapi-core';

import { startSystem, type RunningSystem } from '../system/running-system.ts';

interface Operation {
  operationId: string;
  security: unknown[];
  responses: Record<string, { description: string; content?: Record<string, unknown> }>;
  parameters: { name: string; in: string }[];
  'x-bullpen-permission'?: Permission;
  'x-bullpen-scope': string;
}

describe('/openapi.json', () => {
  let system: RunningSystem;
  let text: string;
  let operations: [string, string, Operation][];

  beforeAll(async () => {
    system = await startSystem({ queue: 'redis', workers: 0 });
    text = await (await fetch(`${system.apis[0]?.url()}/openapi.json`)).text();
    const { paths } = JSON.parse(text) as { paths: Record<string, Record<string, Operation>> };
    operations = Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, one]) => [path, method, one] as [string, string, Operation]));
  });
  afterAll(async () => { await system.stop(); });

  it('is valid OpenAPI 3.1 by the recommended rules of a linter', async () => {
    const config = await createConfig({ extends: ['recommended-strict'], rules: { 'operation-4xx-response': 'off', 'no-server-example.com': 'off' } });
    const problems = await lintFromString({ source: text, config, absoluteRef: 'openapi.json' });
    expect(problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} at ${location[0]?.pointer}`)).toEqual([]);
  });

  it('names a permission of the one table for every route that needs a key, and none for those that do not', () => {
    expect(operations.length).toBeGreaterThan(20);
    for (const [path, method, one] of operations) {
      const permission = one['x-bullpen-permission'];
      const place = `${method} ${path}`;
      expect([place, permission === undefined]).toEqual([place, one.security.length === 0]);
      if (permission === undefined) continue;
      expect(Object.keys(PERMISSIONS)).toContain(permission);
      expect([place, may('admin', permission)]).toEqual([place, true]);
    }
  });

  it('gives every operation an id of its own and problem documents for its errors', () => {
    const ids = operations.map(([, , one]) => one.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const statuses = new Set(Object.values(ERROR_REGISTRY).map(({ status }) => String(status)));
    for (const [, , { responses }] of operations) {
      for (const [status, answer] of Object.entries(responses)) {
        if (Number(status) < 400) continue;
        expect(statuses).toContain(status);
        expect(Object.keys(answer.content ?? {})).toEqual(['application/problem+json']);
      }
    }
  });

  it('describes every parameter in a path, and nothing else as one', () => {
    for (const [path, , one] of operations) {
      const inPath = one.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
      expect(inPath.sort()).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort());
    }
  });

  it('is shown at /docs from this server alone', async () => {
    const at = (path: string) => fetch(`${system.apis[0]?.url()}/docs/${path}`);
    const page = await at('');
    const html = await page.text();
    expect([...html.matchAll(/(?:src|href)="([^"]+)"/g)].every(([, url]) => url?.startsWith('/docs/'))).toBe(true);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    for (const asset of ['swagger-ui-bundle.js', 'swagger-ui.css', 'start.js']) expect((await at(asset)).status).toBe(200);
    expect((await at('package.json')).status).toBe(404);
  });

  it('answers a method that a path does not take with 405 and what it takes', async () => {
    const answer = await fetch(`${system.apis[0]?.url()}/v1/agents`, { method: 'DELETE' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS']);
    expect(await answer.json()).toMatchObject({ code: 'METHOD_NOT_ALLOWED' });
  });
});
