/** Closes a switch over a tagged union: a new tag is a type error here, and a wrong one at run time is named. */
export function assertNever(value: never, what = 'value'): never {
  throw new Error(`unexpected ${what}: ${JSON.stringify(value)}`);
}
