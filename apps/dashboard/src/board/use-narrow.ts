import { useSyncExternalStore } from 'react';

/** The width below which a drawer covers the whole page; the same as in styles/drawer.css. */
const NARROW = '(max-width: 819px)';

function subscribe(onChange: () => void): () => void {
  const query = window.matchMedia(NARROW);
  query.addEventListener('change', onChange);
  return () => query.removeEventListener('change', onChange);
}

export function useNarrow(): boolean {
  return useSyncExternalStore(subscribe, () => window.matchMedia(NARROW).matches);
}
