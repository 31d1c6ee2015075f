import { BullpenError, Redactor } from '@bullpen/core';

import type { AttemptRequest, AttemptSink } from '../container.ts';
import { EgressGateway, type AttemptEgress, type EgressOptions } from '../egress/egress-gateway.ts';
import { AttemptServices } from './attempt-services.ts';
import type { HostServices } from './host-services.ts';

/** Where attempts get what they may ask for: it opens the services of each, and holds the way out that they share. */
export class AttemptDesk {
  readonly egress: EgressGateway;
  readonly #services: HostServices | null;

  constructor(options: { services?: HostServices | undefined; egress?: EgressOptions | undefined }) {
    this.egress = new EgressGateway(options.egress);
    this.#services = options.services ?? null;
  }

  /** The services of one attempt, and the sink that its container speaks to; the caller closes the services. */
  open(attempt: AttemptRequest, sink: AttemptSink): { services: AttemptServices; sink: AttemptSink } {
    const redactor = new Redactor();
    const redacting: AttemptSink = { started: (atMs) => sink.started(atMs), event: (event) => sink.event(redactor.event(event)) };
    const services = new AttemptServices({ attempt, services: this.#services, egress: this.#egressOf(attempt, redacting, redactor), redactor });
    return { services, sink: redacting };
  }

  #egressOf(attempt: AttemptRequest, sink: AttemptSink, redactor: Redactor): AttemptEgress | null {
    if (attempt.egress === undefined) return null;
    const read = new Map<string, Promise<string>>();
    const secretOf = (name: string): Promise<string> => {
      const value = read.get(name) ?? this.#readSecret(attempt.orgId, name, redactor);
      read.set(name, value);
      return value;
    };
    return this.egress.admit({ manifest: attempt.egress, limits: attempt.limits, secretOf, say: (event) => sink.event(event), traceparent: attempt.traceparent });
  }

  /** For a header's template: naming it there declares it, for the proxy and not for the agent. */
  async #readSecret(orgId: string, name: string, redactor: Redactor): Promise<string> {
    const value = await this.#services?.secrets.read(orgId, name) ?? null;
    if (value === null) throw new BullpenError('SECRET_NOT_FOUND', `the organization has no secret ${name}`, { name });
    redactor.learn(name, value);
    return value;
  }
}
