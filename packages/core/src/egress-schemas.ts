import { z } from 'zod';

import { secretNameSchema } from './secret-schemas.ts';

/** Where a version may connect to, and what the egress proxy adds to its requests. */

export const EGRESS_BOUNDS = Object.freeze({
  rules: 64,
  /** Of an attempt whose run has no limit `egressRequests` of its own. */
  defaultRequests: 1000,
  /** Of an attempt whose run has no limit `egressBytes` of its own; in and out together. */
  defaultBytes: 64 * 1024 * 1024,
});

const LABEL = '(?:\\*|[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?)';
const NAME_PATTERN = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

/** `*` stands for one label, and never for one of the last two: `*.example.com` is not `example.com`, and `*.com` is nothing. */
export const egressHostSchema = z.string().max(253)
  .refine((host) => NAME_PATTERN.test(host) || isBracketed(host), 'a lower-case host name, an IPv4 address, or an IPv6 address in brackets; * may stand for one label')
  .refine((host) => isBracketed(host) || !host.split('.').slice(-2).includes('*'), '* may not stand for one of the last two labels');

function isBracketed(host: string): boolean {
  return /^\[[0-9a-f:.]+\]$/.test(host);
}

/** What HTTP itself needs, and what would make a request another one, is not for templates. */
const RESERVED_HEADERS = new Set([
  'host', 'connection', 'content-length', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'keep-alive', 'expect', 'proxy-authorization', 'proxy-connection',
]);
const headerNameSchema = z.string().max(64).regex(/^[a-z0-9!#$%&'*+.^_`|~-]+$/, 'a lower-case header name')
  .refine((name) => !RESERVED_HEADERS.has(name), 'HTTP keeps this header for itself');

const SECRET_IN_TEMPLATE = /\$\{([^}]*)\}/g;
const headerTemplateSchema = z.string().min(1).max(1000).regex(/^[\t\x20-\x7e]*$/, 'printable ASCII')
  .refine((template) => secretsOfTemplate(template).every((name) => secretNameSchema.safeParse(name).success), '${NAME} names a secret');

/** The names of the secrets in a header's template: `Bearer ${API_TOKEN}`. */
export function secretsOfTemplate(template: string): string[] {
  return [...template.matchAll(SECRET_IN_TEMPLATE)].map((match) => match[1] ?? '');
}

/** The header's value. */
export function fillTemplate(template: string, valueOf: (secretName: string) => string): string {
  return template.replace(SECRET_IN_TEMPLATE, (_, name: string) => valueOf(name));
}

export const egressRuleSchema = z.strictObject({
  host: egressHostSchema,
  ports: z.array(z.int().min(1).max(65_535)).min(1).max(16).default([443]),
  methods: z.array(z.string().regex(/^[A-Z]{1,20}$/, 'an upper-case method')).min(1).max(16).optional()
    .describe('every method where left out; with it, or with headers, no CONNECT tunnel is opened: nobody could look into it'),
  headers: z.record(headerNameSchema, headerTemplateSchema).optional()
    .describe('added to every request by the proxy; ${NAME} becomes the value of a secret, which the agent never holds'),
});
export type EgressRule = z.output<typeof egressRuleSchema>;

export const egressManifestSchema = z.strictObject({
  allow: z.array(egressRuleSchema).min(1).max(EGRESS_BOUNDS.rules),
});
export type EgressManifest = z.output<typeof egressManifestSchema>;
