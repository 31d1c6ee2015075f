import type { ReactNode } from 'react';

import { useMetrics, useStatus, useWebhooks } from './api/polling.ts';
import { needsSignIn } from './api/request.ts';
import { BoardPage } from './board/board-page.tsx';
import { Loading, Unreachable } from './board/without-data.tsx';
import { ServerClock } from './clock/server-clock.tsx';
import { SignInForm } from './session/sign-in-form.tsx';
import { useSession } from './session/use-session.ts';

export function App({ keyOfLink }: { keyOfLink: string | null }): ReactNode {
  const session = useSession(keyOfLink);
  const assumed = session.phase === 'assumed';
  const status = useStatus(assumed);
  const signedIn = assumed && status.data !== undefined && !needsSignIn(status.error);
  const metrics = useMetrics(signedIn);
  const webhooks = useWebhooks(signedIn);
  if (!assumed || needsSignIn(status.error)) {
    const ended = assumed && status.data !== undefined ? { text: 'Your session has ended. Sign in again.', failed: true } : null;
    return <SignInForm busy={session.phase === 'opening'} notice={session.notice ?? ended} onKey={(key) => void session.signIn(key)} />;
  }
  if (status.data === undefined) {
    return status.error === null ? <Loading /> : <Unreachable reason={status.error.message} onRetry={() => void status.refetch()} />;
  }
  return (
    <ServerClock offsetMs={Date.parse(status.data.at) - status.dataUpdatedAt}>
      <BoardPage
        status={status.data} metrics={metrics.data} webhooks={webhooks.data} onSignOut={() => void session.signOut()}
        statusFeed={{ updatedAtMs: status.dataUpdatedAt, failure: status.error?.message ?? null }}
        metricsFeed={{ updatedAtMs: metrics.dataUpdatedAt, failure: metrics.error?.message ?? null }}
      />
    </ServerClock>
  );
}
