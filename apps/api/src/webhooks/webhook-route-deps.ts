import type { Clock } from '@bullpen/core';
import type { Database, SigningSecrets } from '@bullpen/db';

export interface WebhookRouteDeps {
  db: Database;
  signing: SigningSecrets;
  clock: Clock;
}
