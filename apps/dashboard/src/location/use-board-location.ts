import { useMemo, useSyncExternalStore } from 'react';

import { formatLocation, parseLocation, type BoardLocation } from './board-location.ts';

/** `history.pushState` tells nobody, so the page tells itself. */
const MOVED = 'bullpen:moved';

function subscribe(onMove: () => void): () => void {
  window.addEventListener('popstate', onMove);
  window.addEventListener(MOVED, onMove);
  return () => {
    window.removeEventListener('popstate', onMove);
    window.removeEventListener(MOVED, onMove);
  };
}

export function useBoardLocation(): BoardLocation {
  const search = useSyncExternalStore(subscribe, () => window.location.search);
  return useMemo(() => parseLocation(search), [search]);
}

/** The address with `patch` applied. */
export function hrefOf(patch: Partial<BoardLocation>): string {
  return window.location.pathname + formatLocation({ ...parseLocation(window.location.search), ...patch });
}

/** Opening something is a step that "back" undoes; typing in a filter is not. */
export function moveTo(patch: Partial<BoardLocation>, how: 'push' | 'replace' = 'push'): void {
  const href = hrefOf(patch);
  if (href === window.location.pathname + window.location.search) return;
  if (how === 'push') window.history.pushState(null, '', href);
  else window.history.replaceState(null, '', href);
  window.dispatchEvent(new Event(MOVED));
}
