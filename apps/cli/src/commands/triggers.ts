import { BullpenError, type CreateTriggerRequest, type SignatureScheme, type Trigger } from '@bullpen/core';

import type { CommandAction, Invocation } from '../cli.ts';
import { EXIT } from '../exit-codes.ts';
import { renderTable, type Column } from '../table.ts';
import { agoText } from '../text-format.ts';

/** `bullpen triggers`: a table. */
export const listTriggersCommand: CommandAction = async ({ output, options, deps, client }) => {
  const list = await client().triggers.list({ signal: deps.interrupted });
  if (options.json === true) output.json(list);
  else if (list.items.length === 0) output.note('no triggers yet: make one with `npx bullpen triggers create <name> <agent>`');
  else {
    const columns: Column<Trigger>[] = [
      { heading: 'TRIGGER', text: ({ name }) => name, cutTo: 16 },
      { heading: 'AGENT', text: ({ run }) => run.agent, leaveOut: 3 },
      { heading: 'SIGNED AS', text: ({ scheme }) => scheme, leaveOut: 2 },
      { heading: 'STATE', text: ({ enabled }) => (enabled ? 'takes events' : 'disabled') },
      { heading: 'LAST EVENT', text: ({ lastEventAt }) => (lastEventAt === null ? 'never' : agoText(lastEventAt, deps.nowMs())), align: 'right', leaveOut: 1 },
    ];
    for (const line of renderTable(columns, list.items, output.paint.dim, output.columns)) output.result(line);
  }
  return EXIT.ok;
};

/** `bullpen triggers create <name> <agent>`: shows URL and secret this once. */
export const createTriggerCommand: CommandAction<{ scheme: SignatureScheme; input?: string; eventId?: string; secret?: string }> = async (invocation, name = '', agent = '') => {
  const { options: { scheme, input, eventId, secret }, deps, client } = invocation;
  const request: CreateTriggerRequest = {
    name, run: { agent }, scheme, ...(input === undefined ? {} : { input: templateOf(input) }), ...(eventId === undefined ? {} : { eventIdAt: eventId }), ...(secret === undefined ? {} : { secret }),
  };
  return showOnce(invocation, await client().triggers.create(request, { signal: deps.interrupted }));
};

/** `bullpen triggers rotate <name>`: a new secret, or with --what url a new URL; the old one is good beside it for a while. */
export const rotateTriggerCommand: CommandAction<{ what?: 'secret' | 'url'; overlap?: number }> = async (invocation, name = '') => {
  const { options: { what, overlap }, deps, client } = invocation;
  const request = { ...(what === undefined ? {} : { what }), ...(overlap === undefined ? {} : { overlapMs: overlap }) };
  return showOnce(invocation, await client().triggers.rotate(name, request, { signal: deps.interrupted }));
};

/** `bullpen triggers enable|disable <name>`. */
export const enableTriggerCommand: CommandAction = async (invocation, name = '') =>
  say(invocation, await invocation.client().triggers.enable(name, { signal: invocation.deps.interrupted }));
export const disableTriggerCommand: CommandAction = async (invocation, name = '') =>
  say(invocation, await invocation.client().triggers.disable(name, { signal: invocation.deps.interrupted }));

/** `bullpen triggers delete <name>`. */
export const deleteTriggerCommand: CommandAction = async ({ output, options, deps, client }, name = '') => {
  await client().triggers.delete(name, { signal: deps.interrupted });
  if (options.json === true) output.json({ deleted: name });
  else output.result(`${name} is deleted; what is posted to its URL is answered with 404`);
  return EXIT.ok;
};

function templateOf(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new BullpenError('INVALID_JSON', '--input is no JSON: give a template such as \'{ "title": { "$event": "/body/issue/title" } }\'');
  }
}

function showOnce({ output, options }: Invocation, trigger: Trigger & { url: string | null; secret: string | null }): number {
  if (options.json === true) {
    output.json(trigger);
    return EXIT.ok;
  }
  if (trigger.url !== null) output.result(trigger.url);
  if (trigger.secret !== null) output.result(trigger.secret);
  output.note(output.paint.dim(`${trigger.name} runs ${trigger.run.agent}; ${trigger.secret === null ? 'whoever has the URL may start runs: it' : 'this'} is shown this once`));
  return EXIT.ok;
}

function say({ output, options }: Invocation, trigger: Trigger): number {
  if (options.json === true) output.json(trigger);
  else output.result(`${trigger.name} ${trigger.enabled ? 'takes events' : 'takes none: they are answered with 410'}`);
  return EXIT.ok;
}
