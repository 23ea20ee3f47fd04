/** Which model a name leads to and why, said by the function that routes requests. */
import { GatewayError } from '../errors.ts';
import { type Html, html } from '../http/html.ts';
import { type Backends, chooseRoute } from '../routing/choose-route.ts';
import type { Route, RouteReason, RouteRule, RouteTarget, Tier } from '../types.ts';

export const REASONS: Readonly<Record<RouteReason, string>> = {
  'as-requested': 'as you ask for it',
  'tier-rule': 'a rule of the tier',
  'backend-not-configured': 'the backend before it is not configured',
  'backend-unavailable': 'the backend before it does not answer',
  'context-overflow': 'the prompt is too long for the one before',
  'quota-used-up': 'an allowance is used up',
};

/** A name and where it leads, or the sentence that refuses it. */
export interface Explained {
  readonly model: string;
  readonly route: Route | null;
  readonly refusal: string | null;
  /** The rules that were looked at, and whether they are about the model. */
  readonly steps: readonly { readonly rule: RouteRule; readonly fits: boolean }[];
}

export function explainRoute(tier: Tier, model: string, backends: Backends): Explained {
  const steps: { rule: RouteRule; fits: boolean }[] = [];
  try {
    const route = chooseRoute(tier, model, backends, (rule, fits) => steps.push({ rule, fits }));
    return { model, route, refusal: null, steps };
  } catch (error) {
    if (error instanceof GatewayError) return { model, route: null, refusal: error.message, steps };
    throw error;
  }
}

export const toTarget = ({ backend, model }: RouteTarget): string =>
  model === undefined ? backend : `${backend}/${model}`;

/** Rule by rule, as they are looked at. */
export function toSteps({ route, refusal, steps }: Explained): Html {
  const items = steps.map(({ rule, fits }, index) => {
    const isLast = index === steps.length - 1;
    return html`<li><code>${rule.match}</code> → ${rule.to.map(toTarget).join(', then ')}: ${toVerdict(fits, isLast && (route !== null || refusal !== null))}</li>
`;
  });
  return html`<ol class="steps">${items}</ol>${route === null ? html`<p class="said bad">${refusal}</p>` : toDecision(route)}`;
}

function toVerdict(fits: boolean, isLast: boolean): Html {
  if (!fits) return html`<span class="note">is about other models</span>`;
  return isLast
    ? html`<strong>decides</strong>`
    : html`<span class="warm">fits, but none of its backends is configured</span>`;
}

function toDecision({ requested, served, reason, candidates }: Route): Html {
  const targets = [...new Set(candidates.map(({ backend, model }) => `${model} at ${backend}`))];
  const [first, ...further] = targets;
  const then = further.length === 0 ? '' : ` Where that cannot serve: ${further.join(', then ')}.`;
  return html`<p class="said"><code>${requested}</code> is served by <strong>${served}</strong> (${REASONS[reason]}): ${first ?? ''}.${then}</p>`;
}
