import type { CallOptions } from './call-options.ts';
import type { Http } from './http.ts';

/** The kinds of call there are, by what repeating one does. */

/** Everything in the options but the signal becomes the query. */
export const getter = (http: Http) => async <T>(path: string, options: CallOptions = {}): Promise<T> => {
  const { signal, ...query } = options;
  const { body } = await http.send<T>({ method: 'GET', path, query, signal, idempotent: true });
  return body;
};

/** A POST that may have had its effect although no answer came: never repeated by itself. */
export const poster = (http: Http) => async <T>(path: string, body: unknown, call: CallOptions = {}): Promise<T> => {
  const answer = await http.send<T>({ method: 'POST', path, body, signal: call.signal, idempotent: false });
  return answer.body;
};

/** A change to what is named: doing it twice is doing it once. */
export const patcher = (http: Http) => async <T>(path: string, body: unknown, call: CallOptions = {}): Promise<T> => {
  const answer = await http.send<T>({ method: 'PATCH', path, body, signal: call.signal, idempotent: true });
  return answer.body;
};

/** A POST that the API carries out once however often it arrives: it may be repeated when nobody knows whether it did. */
export const creator = (http: Http) => async <T>(path: string, body: unknown, call: CallOptions = {}): Promise<T> => {
  const answer = await http.send<T>({ method: 'POST', path, body, headers: { 'idempotency-key': madeUpKey() }, signal: call.signal, idempotent: true });
  return answer.body;
};

/** Taking away: not repeated by itself, since the second time there would be nothing. */
export const remover = (http: Http) => async (path: string, call: CallOptions = {}): Promise<void> => {
  await http.send({ method: 'DELETE', path, signal: call.signal, idempotent: false });
};

/** 128 random bits. Not `randomUUID`, which browsers keep for pages served over TLS. */
export function madeUpKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `sdk_${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
