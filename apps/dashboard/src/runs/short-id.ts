/** `run_…k3v9q2x1`: ids begin with their time, so the end is what tells two of them apart. */
export function shortId(id: string): string {
  const [prefix, rest] = id.split('_');
  return rest === undefined || rest.length <= 10 ? id : `${prefix}_…${rest.slice(-8)}`;
}
