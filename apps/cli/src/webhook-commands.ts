import { DELIVERY_STATES, SIGNATURE_SCHEMES } from '@bullpen/core';
import { Option, type Command } from 'commander';

import {
  createTriggerCommand, deleteTriggerCommand, disableTriggerCommand, enableTriggerCommand, listTriggersCommand, rotateTriggerCommand,
} from './commands/triggers.ts';
import {
  createWebhookCommand, deleteWebhookCommand, deliveriesCommand, disableWebhookCommand, enableWebhookCommand, listWebhooksCommand, replayWebhookCommand,
  rotateWebhookCommand, testWebhookCommand,
} from './commands/webhooks.ts';
import type { Bind } from './command-groups.ts';
import { wholeNumber } from './option-parsers.ts';

/** `bullpen webhooks ...` and `bullpen triggers ...`. */
export function addWebhookCommands(program: Command, bind: Bind): void {
  const webhooks = program.command('webhooks').description('addresses that are told of events: list, create, test, deliveries, replay, rotate, enable, disable, delete');
  webhooks.command('list', { isDefault: true }).description('list them').action(bind(listWebhooksCommand));
  webhooks.command('create')
    .description('tell an address of events, and print the secret that they are signed with')
    .argument('<url>')
    .option('--on <type...>', 'what it is told of: types such as run.failed, or run.*, alert.*, deployment.*', ['run.*'])
    .option('--description <text>', 'for people')
    .action(bind(createWebhookCommand));
  webhooks.command('test').description('send an event of type webhook.test').argument('<id>').action(bind(testWebhookCommand));
  webhooks.command('deliveries')
    .description('show what became of telling it, newest first')
    .argument('<id>')
    .addOption(new Option('--state <state>', 'only in this state').choices([...DELIVERY_STATES]))
    .option('--limit <n>', 'how many, at most 200', wholeNumber, 20)
    .action(bind(deliveriesCommand));
  webhooks.command('replay')
    .description('send a delivery again; or with --since all that was given up since then')
    .argument('<id>')
    .argument('[deliveryId]')
    .option('--since <time>', 'ISO 8601, in UTC')
    .action(bind(replayWebhookCommand));
  webhooks.command('rotate')
    .description('put a new secret beside the old one and print it')
    .argument('<id>')
    .option('--overlap <ms>', 'how long deliveries are signed with both; a day where left out', wholeNumber)
    .action(bind(rotateWebhookCommand));
  webhooks.command('enable').description('tell it again').argument('<id>').action(bind(enableWebhookCommand));
  webhooks.command('disable').description('tell it nothing').argument('<id>').action(bind(disableWebhookCommand));
  webhooks.command('delete').description('delete it, with the log of its deliveries').argument('<id>').action(bind(deleteWebhookCommand));
  addTriggerCommands(program, bind);
}

function addTriggerCommands(program: Command, bind: Bind): void {
  const triggers = program.command('triggers').description('addresses at which events become runs: list, create, rotate, enable, disable, delete');
  triggers.command('list', { isDefault: true }).description('list them').action(bind(listTriggersCommand));
  triggers.command('create')
    .description('make an address, and print its URL and the secret that events are signed with')
    .argument('<name>')
    .argument('<agent>')
    .addOption(new Option('--scheme <scheme>', 'how events are signed').choices([...SIGNATURE_SCHEMES]).default('standard'))
    .option('--input <json>', 'template of the input; the whole body where left out')
    .option('--event-id <pointer>', 'JSON Pointer into the body where the id of the event is')
    .option('--secret <secret>', 'where the sender makes the secret, as Slack and Stripe do')
    .action(bind(createTriggerCommand));
  triggers.command('rotate')
    .description('put a new secret, or a new URL, beside the old one and print it')
    .argument('<name>')
    .addOption(new Option('--what <what>', 'secret or url').choices(['secret', 'url']))
    .option('--overlap <ms>', 'how long the old one is good beside it; a day where left out', wholeNumber)
    .action(bind(rotateTriggerCommand));
  triggers.command('enable').description('take events again').argument('<name>').action(bind(enableTriggerCommand));
  triggers.command('disable').description('take none').argument('<name>').action(bind(disableTriggerCommand));
  triggers.command('delete').description('delete it').argument('<name>').action(bind(deleteTriggerCommand));
}
