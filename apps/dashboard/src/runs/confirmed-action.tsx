import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';

interface ConfirmedActionProps<T> {
  readonly act: () => Promise<T>;
  /** What came of it. */
  readonly told: (answer: T) => string;
  readonly button: string;
  readonly question: string;
  readonly yes: string;
  /** While it is under way. */
  readonly acting: string;
  readonly no: string;
  /** Goes before the error: `Not cancelled.` */
  readonly failed: string;
}

/** Something done to a run: asks once more before it does it, and says what came of it. */
export function ConfirmedAction<T>({ act, told, button, question, yes, acting, no, failed }: ConfirmedActionProps<T>): ReactNode {
  const [asking, setAsking] = useState(false);
  const queries = useQueryClient();
  const action = useMutation({ mutationFn: act, networkMode: 'always', onSettled: () => queries.invalidateQueries({ queryKey: ['status'] }) });
  if (action.isSuccess) return <p className="cancel" role="status">{told(action.data)}</p>;
  return (
    <div className="cancel">
      {asking
        ? (
          <>
            <span>{question}</span>
            <button type="button" className="button danger" disabled={action.isPending} onClick={() => action.mutate()}>{action.isPending ? acting : yes}</button>
            <button type="button" className="button" disabled={action.isPending} onClick={() => setAsking(false)}>{no}</button>
          </>
        )
        : <button type="button" className="button" onClick={() => setAsking(true)}>{button}</button>}
      {action.error !== null && <p role="alert" className="marked">{failed} {action.error.message}</p>}
    </div>
  );
}
