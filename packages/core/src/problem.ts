import { z } from 'zod';

import { ERROR_REGISTRY } from './error-registry.ts';
import { BullpenError, errorCodeOf, messageOf } from './errors.ts';

/** RFC 9457 problem document, with our `code`. Source: https://www.rfc-editor.org/rfc/rfc9457 */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  retryable: z.boolean(),
  requestId: z.string().optional(),
  issues: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
}).meta({ id: 'Problem' });
export type Problem = z.output<typeof problemSchema>;

/** The problem document of anything that was thrown. An error that is not ours says nothing of its insides. */
export function toProblem(thrown: unknown, requestId?: string): Problem {
  const known = errorCodeOf(thrown);
  const code = known ?? 'INTERNAL';
  const { status, retryable, meaning } = ERROR_REGISTRY[code];
  const issues = thrown instanceof BullpenError ? thrown.facts['issues'] : undefined;
  return {
    type: `https://bullpen.dev/errors/${code}`,
    title: meaning,
    status,
    detail: known ? messageOf(thrown) : 'an unexpected fault; the request id finds its log',
    code,
    retryable,
    ...(requestId === undefined ? {} : { requestId }),
    ...(Array.isArray(issues) ? { issues: issues as NonNullable<Problem['issues']> } : {}),
  };
}

/** Parses with `schema`, or throws INVALID_REQUEST with an issue per field. */
export function parseOrThrow<S extends z.ZodType>(schema: S, value: unknown, what = 'request'): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => ({ path: issue.path.join('.'), message: issue.message }));
  const first = issues.map((issue) => (issue.path === '' ? issue.message : `${issue.path}: ${issue.message}`)).join('; ');
  throw new BullpenError('INVALID_REQUEST', `the ${what} is not valid: ${first}`, { issues });
}
