import { useLayoutEffect, useRef, useState, type RefObject } from 'react';

/** The width of an element in px, kept up to date: charts are drawn in real pixels, so that their text stays text-sized. */
export function useWidth<T extends HTMLElement>(initialPx: number): { ref: RefObject<T | null>; widthPx: number } {
  const ref = useRef<T>(null);
  const [widthPx, setWidthPx] = useState(initialPx);
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    const measure = (): void => setWidthPx(Math.max(1, Math.floor(element.clientWidth)));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return { ref, widthPx };
}
