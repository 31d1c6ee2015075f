import { BullpenError, type CreatedWebhook, type DeliveryState, type Webhook, type WebhookDelivery, type WebhookEventFilter } from '@bullpen/core';

import type { CommandAction, Invocation } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { harmless } from '../output.ts';
import { renderTable, type Column } from '../table.ts';
import { agoText, durationText } from '../text-format.ts';

/** `bullpen webhooks`: a table. */
export const listWebhooksCommand: CommandAction = async (invocation) => {
  const { output, options, deps, client } = invocation;
  const list = await client().webhooks.list({ signal: deps.interrupted });
  if (options.json === true) output.json(list);
  else if (list.items.length === 0) output.note('no webhooks yet: make one with `npx bullpen webhooks create <url> --on run.failed`');
  else for (const line of renderTable(webhookColumns(invocation), list.items, output.paint.dim, output.columns)) output.result(line);
  return EXIT.ok;
};

/** `bullpen webhooks create <url> --on <type>...`: shows the secret this once. */
export const createWebhookCommand: CommandAction<{ on: string[]; description?: string }> = async (invocation, url = '') => {
  const { options, deps, client } = invocation;
  const request = { url, eventTypes: options.on as WebhookEventFilter[], ...(options.description === undefined ? {} : { description: options.description }) };
  return showSecret(invocation, await client().webhooks.create(request, { signal: deps.interrupted }));
};

/** `bullpen webhooks rotate <id>`: deliveries are signed with both secrets for a while. */
export const rotateWebhookCommand: CommandAction<{ overlap?: number }> = async (invocation, id = '') => {
  const { options: { overlap }, deps, client } = invocation;
  return showSecret(invocation, await client().webhooks.rotate(id, overlap === undefined ? {} : { overlapMs: overlap }, { signal: deps.interrupted }));
};

/** `bullpen webhooks test <id>`: sends an event of type webhook.test. */
export const testWebhookCommand: CommandAction = async (invocation, id = '') =>
  sayDelivery(invocation, await invocation.client().webhooks.test(id, { signal: invocation.deps.interrupted }), 'is on its way');

/** `bullpen webhooks deliveries <id>`: what became of telling it, newest first. */
export const deliveriesCommand: CommandAction<{ state?: DeliveryState; limit: number }> = async (invocation, id = '') => {
  const { output, options, deps, client } = invocation;
  const page = await client().webhooks.deliveries(id, { state: options.state, limit: options.limit, signal: deps.interrupted });
  if (options.json === true) output.json(page);
  else if (page.items.length === 0) output.note('no deliveries');
  else for (const line of renderTable(deliveryColumns(invocation), page.items, output.paint.dim, output.columns)) output.result(line);
  return EXIT.ok;
};

/** `bullpen webhooks replay <id> [deliveryId]`: one, or with --since all that was given up since then. */
export const replayWebhookCommand: CommandAction<{ since?: string }> = async (invocation, id = '', deliveryId = '') => {
  const { output, options, deps, client } = invocation;
  if ((deliveryId === '') === (options.since === undefined)) throw new BullpenError('INVALID_REQUEST', 'give either a delivery or --since');
  if (options.since === undefined) return sayDelivery(invocation, await client().webhooks.replay(id, deliveryId, { signal: deps.interrupted }), 'is sent again');
  const result = await client().webhooks.replayFailed(id, options.since, { signal: deps.interrupted });
  if (options.json === true) output.json(result);
  else output.result(`${result.replayed} deliveries are sent again`);
  return EXIT.ok;
};

/** `bullpen webhooks enable|disable <id>`. */
export const enableWebhookCommand: CommandAction = (invocation, id = '') => setEnabled(invocation, id, true);
export const disableWebhookCommand: CommandAction = (invocation, id = '') => setEnabled(invocation, id, false);

/** `bullpen webhooks delete <id>`. */
export const deleteWebhookCommand: CommandAction = async ({ output, options, deps, client }, id = '') => {
  await client().webhooks.delete(id, { signal: deps.interrupted });
  if (options.json === true) output.json({ deleted: id });
  else output.result(`${id} is deleted, with the log of its deliveries`);
  return EXIT.ok;
};

async function setEnabled({ output, options, deps, client }: Invocation, id: string, enabled: boolean): Promise<number> {
  const webhook = await client().webhooks.update(id, { enabled }, { signal: deps.interrupted });
  if (options.json === true) output.json(webhook);
  else output.result(`${webhook.id} ${enabled ? 'is told of events again' : 'is told of nothing; what waited was given up'}`);
  return EXIT.ok;
}

function showSecret({ output, options }: Invocation, webhook: CreatedWebhook): number {
  if (options.json === true) output.json(webhook);
  else {
    output.result(webhook.secret);
    output.note(output.paint.dim(`${webhook.id}, told of ${webhook.eventTypes.join(', ')} at ${harmless(webhook.url)}: the secret is shown this once`));
  }
  return EXIT.ok;
}

function sayDelivery({ output, options }: Invocation, delivery: WebhookDelivery, what: string): number {
  if (options.json === true) output.json(delivery);
  else output.result(`${delivery.id} (${delivery.eventType}) ${what}`);
  return EXIT.ok;
}

function webhookColumns({ output: { paint }, deps }: Invocation): Column<Webhook>[] {
  const stateOf = ({ disabledAt, disabledReason, failingSince }: Webhook): string => {
    if (disabledAt !== null) return `disabled: ${harmless(disabledReason ?? '')}`;
    return failingSince === null ? 'works' : `failing for ${durationText(Math.max(0, deps.nowMs() - Date.parse(failingSince)))}`;
  };
  return [
    { heading: 'WEBHOOK', text: ({ id }) => id },
    { heading: 'URL', text: ({ url }) => harmless(url), cutTo: 16 },
    { heading: 'TOLD OF', text: ({ eventTypes, alertRuleId }) => (alertRuleId === null ? eventTypes.join(', ') : `alerts of ${alertRuleId}`), leaveOut: 1 },
    { heading: 'STATE', text: stateOf, paint: (text, { disabledAt, failingSince }) => (disabledAt === null && failingSince === null ? text : paint.red(text)), cutTo: 8 },
  ];
}

function deliveryColumns({ output: { paint }, deps }: Invocation): Column<WebhookDelivery>[] {
  const nowMs = deps.nowMs();
  return [
    { heading: 'DELIVERY', text: ({ id }) => id },
    { heading: 'EVENT', text: ({ eventType }) => eventType, leaveOut: 1 },
    { heading: 'STATE', text: ({ state }) => state, paint: (text, { state }) => (state === 'failed' ? paint.red(text) : text) },
    { heading: 'ATTEMPTS', text: ({ attempts }) => String(attempts), align: 'right', leaveOut: 3 },
    { heading: 'LAST', text: ({ last }) => (last === null ? '' : `${last.status ?? harmless(last.error ?? '')} in ${durationText(last.durationMs)}`), cutTo: 12 },
    { heading: 'NEXT', text: ({ nextAt }) => (nextAt === null ? '' : `in ${durationText(Math.max(0, Date.parse(nextAt) - nowMs))}`), leaveOut: 2 },
    { heading: 'HAPPENED', text: ({ createdAt }) => agoText(createdAt, nowMs), align: 'right', leaveOut: 4 },
  ];
}
