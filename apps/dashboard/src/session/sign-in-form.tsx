import { useEffect, useRef, useState, type FormEvent, type ReactNode } from 'react';

import { Mark } from '../board/mark.tsx';
import type { Notice } from './use-session.ts';

interface SignInFormProps {
  busy: boolean;
  notice: Notice | null;
  onKey: (key: string) => void;
}

export function SignInForm({ busy, notice, onKey }: SignInFormProps): ReactNode {
  const [key, setKey] = useState('');
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (key.trim() !== '') onKey(key.trim());
    else field.current?.focus();
  };
  return (
    <main className="sign-in">
      <form onSubmit={submit}>
        <h1><Mark /> Bullpen runtime</h1>
        <p>The operator's board. Sign in with an admin key of this server.</p>
        <label htmlFor="admin-key">Admin key</label>
        <input
          ref={field} id="admin-key" name="key" type="password" autoComplete="current-password" spellCheck={false} value={key}
          onChange={(event) => setKey(event.target.value)} aria-describedby="sign-in-notice sign-in-hint"
        />
        <p id="sign-in-notice" className={`sign-in-notice${notice?.failed ? ' marked' : ''}`} role="alert">{notice?.text}</p>
        <button type="submit" className="button primary" disabled={busy}>{busy ? 'Signing in…' : 'Sign in'}</button>
        <p id="sign-in-hint" className="hint">
          <code>npm start</code> prints a link that signs you in. Elsewhere it is the value of <code>BULLPEN_ADMIN_KEY</code>.
        </p>
      </form>
    </main>
  );
}
