/** Tells somebody else's function: what it throws, or its promise rejects with, is nobody's concern here. */
export function quietly(tell: () => unknown): void {
  (async () => tell())().catch(() => undefined);
}
