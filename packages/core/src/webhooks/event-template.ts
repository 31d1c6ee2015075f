import { BullpenError } from '../errors.ts';

/**
 * How an event becomes the input of a run, without running anything: a template is JSON in which
 *
 * - `{ "$event": "/body/issue/number" }` stands for the value at that JSON Pointer (RFC 6901) of the event, and
 *   `{ "$event": "/body/label", "default": "none" }` for another value where there is none (null where left out);
 * - `{{/body/issue/title}}` within a text stands for the value there as text, nothing where there is none.
 *
 * Everything else stands for itself. Only an object's own keys and an array's own elements are looked at.
 */
export const TEMPLATE_BOUNDS = Object.freeze({ depth: 32, nodes: 2000, pointerChars: 512, textChars: 256 * 1024 });

const POINTER = /^(?:\/(?:[^~/]|~[01])*)*$/;
const IN_TEXT = /\{\{\s*(\/[^{}]*)\}\}/g;

/** The input of the run. @throws BullpenError EVENT_INVALID where it grows beyond its bounds. */
export function fillEventTemplate(template: unknown, event: unknown): unknown {
  let chars = 0;
  const fill = (node: unknown): unknown => {
    if (typeof node === 'string') {
      const text = node.replace(IN_TEXT, (_, pointer: string) => textOf(valueAt(event, pointer.trim())));
      chars += text.length;
      if (chars > TEMPLATE_BOUNDS.textChars) throw new BullpenError('EVENT_INVALID', `the texts of the input are longer than ${TEMPLATE_BOUNDS.textChars} characters together`);
      return text;
    }
    if (Array.isArray(node)) return node.map(fill);
    if (node === null || typeof node !== 'object') return node;
    const reference = referenceOf(node);
    if (reference !== null) return valueAt(event, reference.pointer) ?? reference.otherwise;
    // defineProperty and not assignment: a key named __proto__ is a key.
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, fill(value)]));
  };
  return fill(template);
}

/** What is wrong with a template, in words; null where nothing is. */
export function templateFault(template: unknown): string | null {
  let nodes = 0;
  const look = (node: unknown, depth: number): string | null => {
    nodes += 1;
    if (depth > TEMPLATE_BOUNDS.depth) return `it is nested deeper than ${TEMPLATE_BOUNDS.depth}`;
    if (nodes > TEMPLATE_BOUNDS.nodes) return `it has more than ${TEMPLATE_BOUNDS.nodes} parts`;
    if (node === null || typeof node !== 'object') return null;
    if (!Array.isArray(node) && Object.hasOwn(node, '$event')) return referenceOf(node) === null ? '{ "$event": "/body/..." } takes a JSON Pointer, and beside it only "default"' : null;
    for (const child of Object.values(node)) {
      const fault = look(child, depth + 1);
      if (fault !== null) return fault;
    }
    return null;
  };
  return look(template, 0);
}

export function isJsonPointer(text: string): boolean {
  return text.length <= TEMPLATE_BOUNDS.pointerChars && POINTER.test(text);
}

/** The value there, or undefined. Source: RFC 6901 */
export function valueAt(event: unknown, pointer: string): unknown {
  let value = event;
  for (const part of pointer.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key) || (Array.isArray(value) && !/^(?:0|[1-9]\d*)$/.test(key))) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

function referenceOf(node: object): { pointer: string; otherwise: unknown } | null {
  const { $event: pointer, default: otherwise = null, ...rest } = node as Record<string, unknown>;
  if (!Object.hasOwn(node, '$event') || Object.keys(rest).length > 0 || typeof pointer !== 'string' || !isJsonPointer(pointer)) return null;
  return { pointer, otherwise };
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
