import type { OperatorDelivery } from '@bullpen/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';

import { replayDelivery } from '../api/admin-api.ts';

/** Sends it now: what the receiver has had already it knows by its id. */
export function ReplayDelivery({ delivery }: { delivery: OperatorDelivery }): ReactNode {
  const queries = useQueryClient();
  const replay = useMutation({
    mutationFn: () => replayDelivery(delivery.id),
    networkMode: 'always',
    onSettled: () => queries.invalidateQueries({ queryKey: ['webhooks'] }),
  });
  return (
    <>
      <button type="button" className="button quiet" disabled={replay.isPending} onClick={() => replay.mutate()} aria-label={`Send ${delivery.eventType} of ${delivery.orgId ?? 'the platform'} again`}>
        {replay.isSuccess ? 'Sent again' : 'Send again'}
      </button>
      {replay.error !== null && <span role="alert" className="marked">{replay.error.message}</span>}
    </>
  );
}
