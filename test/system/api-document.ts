import type { Permission } from '@bullpen/core';

/** An operation as /openapi.json describes it. */
export interface DocumentedOperation {
  path: string;
  method: string;
  operationId: string;
  security: unknown[];
  responses: Record<string, { description: string; content?: Record<string, unknown> }>;
  parameters: { name: string; in: string; schema: Record<string, unknown> }[];
  requestBody?: { content: { 'application/json': { schema: Record<string, unknown> } } };
  'x-bullpen-permission'?: Permission;
  'x-bullpen-scope': 'public' | 'key' | 'organization' | 'platform' | 'operator';
  'x-bullpen-audited'?: boolean;
}

/** Every operation of the document that the API at `url` serves. */
export async function documentedOperations(url: string): Promise<DocumentedOperation[]> {
  const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: Record<string, Record<string, Omit<DocumentedOperation, 'path' | 'method'>>> };
  return Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, one]) => ({ ...one, path, method: method.toUpperCase() })));
}

/** The path with a value for each parameter. */
export function pathWith({ path }: DocumentedOperation, values: Readonly<Record<string, string>>): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? 'x'));
}
