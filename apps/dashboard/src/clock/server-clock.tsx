import { createContext, useContext, useEffect, useState, type ReactNode } from 'react';

interface Now {
  /** This machine's clock. */
  clientMs: number;
  /** The server's clock: every time in the data is its own, and the reader's clock may be wrong. */
  serverMs: number;
}

const NowContext = createContext<Now>({ clientMs: 0, serverMs: 0 });

const TICK_MS = 1000;

/** Ticks once a second; only what reads the clock renders again. */
export function ServerClock({ offsetMs, children }: { offsetMs: number; children: ReactNode }): ReactNode {
  const [clientMs, setClientMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setClientMs(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return <NowContext value={{ clientMs, serverMs: clientMs + offsetMs }}>{children}</NowContext>;
}

export function useNow(): Now {
  return useContext(NowContext);
}
