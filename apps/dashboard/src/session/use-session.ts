import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useRef, useState } from 'react';

import { closeSession, openSession } from '../api/admin-api.ts';
import { RequestFailure } from '../api/request.ts';
import { takeKeyFromAddress } from './session-key.ts';

/**
 * `assumed`: the cookie may still hold, the first answer tells. `opening`: a key is being traded for a cookie.
 * `closed`: the reader signed out, or a key was refused; nothing is asked of the server until the next key.
 */
export type SessionPhase = 'assumed' | 'opening' | 'closed';

export interface Notice {
  text: string;
  /** False: news without harm, such as a sign-out. */
  failed: boolean;
}

export interface Session {
  phase: SessionPhase;
  /** What the sign-in form says first, in words. */
  notice: Notice | null;
  signIn(key: string): Promise<void>;
  signOut(): Promise<void>;
}

export function useSession(keyOfLink: string | null): Session {
  const queries = useQueryClient();
  const [phase, setPhase] = useState<SessionPhase>(keyOfLink === null ? 'assumed' : 'opening');
  const [notice, setNotice] = useState<Notice | null>(null);

  const signIn = useCallback(async (key: string) => {
    setPhase('opening');
    setNotice(null);
    try {
      await openSession(key);
      await queries.resetQueries();
      setPhase('assumed');
    } catch (thrown) {
      setNotice({ text: describeRefusal(thrown), failed: true });
      setPhase('closed');
    }
  }, [queries]);

  const signOut = useCallback(async () => {
    try {
      await closeSession();
      setNotice({ text: 'You are signed out.', failed: false });
    } catch (thrown) {
      setNotice({ text: `${messageOf(thrown)} Your session may still be open: sign out again when the server is back.`, failed: true });
    }
    setPhase('closed');
    queries.clear();
  }, [queries]);

  useKeyInAddress(keyOfLink, signIn);
  return { phase, notice, signIn, signOut };
}

/** Signs in with the key the page was opened with, and with one that is pasted into the address later. */
function useKeyInAddress(keyOfLink: string | null, signIn: (key: string) => Promise<void>): void {
  const pending = useRef(keyOfLink);
  useEffect(() => {
    const useKey = (key: string | null): void => { if (key !== null) void signIn(key); };
    const onHashChange = (): void => useKey(takeKeyFromAddress(window));
    useKey(pending.current);
    pending.current = null;
    window.addEventListener('hashchange', onHashChange);
    return () => window.removeEventListener('hashchange', onHashChange);
  }, [signIn]);
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Why a key was not taken. A status of 0 means that it was never judged. */
export function describeRefusal(thrown: unknown): string {
  if (!(thrown instanceof RequestFailure)) return messageOf(thrown);
  if (thrown.status === 401) return 'This key is unknown, expired or revoked.';
  if (thrown.status === 403) return 'This key belongs to an organization. The board needs an admin key.';
  if (thrown.status === 429) return 'Too many attempts. Wait a minute, then try again.';
  return `${thrown.message} Your key was not checked.`;
}
