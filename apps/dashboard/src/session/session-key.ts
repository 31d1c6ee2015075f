/** The admin key that a link carries as `#key=...`; the fragment never reaches a server or its logs. */
export function keyOfFragment(hash: string): string | null {
  const key = new URLSearchParams(hash.replace(/^#/, '')).get('key');
  return key === null || key.trim() === '' ? null : key.trim();
}

/** Takes the key out of the address, and the fragment out of the address bar and the history entry. */
export function takeKeyFromAddress(target: Pick<Window, 'location' | 'history'>): string | null {
  const key = keyOfFragment(target.location.hash);
  if (key !== null) target.history.replaceState(null, '', target.location.pathname + target.location.search);
  return key;
}
