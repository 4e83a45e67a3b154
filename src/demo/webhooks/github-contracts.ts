// The contracts of the demo: one event for each kind of GitHub delivery, keyed by repository, on
// four channels. Where a service relies on a field, its contract says so; the other kinds share one
// shape. Knows nothing of services.
import { defineChannel } from "../../contracts/channel.ts";
import { defineEvent, type EventContract } from "../../contracts/event.ts";
import type { StandardSchema } from "../../contracts/standard-schema.ts";
import {
  flag,
  listOf,
  object,
  optional,
  type Part,
  payloadSchema,
  text,
  wholeNumber,
} from "../stage/payload-schema.ts";

const person = object({ login: text });
const repository = object({ full_name: text, private: flag });
const anyDelivery = {
  action: optional(text),
  repository: optional(repository),
  organization: optional(person),
  sender: optional(person),
};
const inRepository = { ...anyDelivery, repository };

/** What is known of every delivery, whatever its kind. */
export interface AnyDelivery {
  readonly action?: string | null | undefined;
  readonly repository?: { readonly full_name: string } | null | undefined;
  readonly organization?: { readonly login: string } | null | undefined;
  readonly sender?: { readonly login: string } | null | undefined;
}

/** Whom a delivery is about: its repository, else its organization, else who caused it. */
export function subjectOf(delivery: AnyDelivery): string {
  return (
    delivery.repository?.full_name ??
    delivery.organization?.login ??
    delivery.sender?.login ??
    "github"
  );
}

type GithubEvent<Value> = EventContract<string, number, StandardSchema<Value>>;

function githubEvent<Value extends AnyDelivery>(
  name: string,
  part: Part<Value>,
): GithubEvent<Value> {
  return defineEvent(`com.github.${name}`, {
    data: payloadSchema(part),
    key: subjectOf,
    owner: "webhook-receiver",
  });
}

const pullRequest = object({ number: wholeNumber, title: text, state: text });
const issue = object({ number: wholeNumber, title: text });
const comment = object({ body: text, user: person });
const run = object({ id: wholeNumber, name: optional(text), conclusion: optional(text) });

const anyPart: Part<AnyDelivery> = object(anyDelivery);
const others = (names: readonly string[]): readonly GithubEvent<AnyDelivery>[] =>
  names.map((name) => githubEvent(name, anyPart));

const code = [
  githubEvent(
    "push",
    object({
      ...inRepository,
      ref: text,
      before: text,
      after: text,
      commits: listOf(object({ id: text, message: text })),
    }),
  ),
  githubEvent("pull_request", object({ ...inRepository, pull_request: pullRequest })),
  githubEvent(
    "pull_request_review",
    object({ ...inRepository, pull_request: object({ number: wholeNumber, title: text }) }),
  ),
  githubEvent("pull_request_review_comment", object({ ...inRepository, comment })),
  githubEvent("release", object({ ...inRepository, release: object({ tag_name: text }) })),
  githubEvent("create", object({ ...inRepository, ref: text, ref_type: text })),
  githubEvent("delete", object({ ...inRepository, ref: text, ref_type: text })),
  githubEvent("commit_comment", object({ ...inRepository, comment })),
  ...others([
    "pull_request_review_thread",
    "merge_group",
    "branch_protection_rule",
    "code_scanning_alert",
    "dependabot_alert",
    "repository_vulnerability_alert",
    "package",
  ]),
] as const;

const issues = [
  githubEvent("issues", object({ ...inRepository, issue })),
  githubEvent("issue_comment", object({ ...inRepository, issue, comment })),
  githubEvent(
    "discussion",
    object({ ...inRepository, discussion: object({ number: wholeNumber, title: text }) }),
  ),
  githubEvent("discussion_comment", object({ ...inRepository, comment })),
  githubEvent("label", object({ ...inRepository, label: object({ name: text }) })),
  githubEvent("milestone", object({ ...inRepository, milestone: object({ title: text }) })),
  ...others(["project", "project_card", "project_column", "projects_v2_item"]),
] as const;

const ci = [
  githubEvent("check_run", object({ ...inRepository, check_run: run })),
  githubEvent(
    "check_suite",
    object({ ...inRepository, check_suite: object({ id: wholeNumber, head_sha: text }) }),
  ),
  githubEvent("workflow_run", object({ ...inRepository, workflow_run: run })),
  githubEvent("workflow_job", object({ ...inRepository, workflow_job: run })),
  githubEvent("status", object({ ...inRepository, sha: text, state: text, context: text })),
  ...others([
    "deployment",
    "deployment_status",
    "deployment_review",
    "page_build",
    "repository_dispatch",
    "workflow_dispatch",
  ]),
] as const;

const other = others([
  "deploy_key",
  "fork",
  "github_app_authorization",
  "gollum",
  "installation",
  "installation_repositories",
  "marketplace_purchase",
  "member",
  "membership",
  "meta",
  "organization",
  "org_block",
  "ping",
  "public",
  "repository",
  "repository_import",
  "security_advisory",
  "sponsorship",
  "star",
  "team",
  "team_add",
  "watch",
]);

/** The channels that the receiver writes and the services read. */
export const deliveryChannels = {
  code: defineChannel("code", { messages: code }),
  issues: defineChannel("issues", { messages: issues }),
  ci: defineChannel("ci", { messages: ci }),
  other: defineChannel("other", { messages: other }),
} as const;

/** The name of one of these channels. */
export type DeliveryChannelName = keyof typeof deliveryChannels;

/** All of them. */
export const deliveryChannelNames = Object.keys(deliveryChannels) as readonly DeliveryChannelName[];

/** A kind of delivery, and the channel it goes to. */
export interface DeliveryContract {
  readonly contract: EventContract<string, number, StandardSchema<AnyDelivery>>;
  readonly channel: DeliveryChannelName;
}

/** The contract of a kind of delivery, by GitHub's name for it, with the channel it goes to. */
export const contractByEvent: ReadonlyMap<string, DeliveryContract> = new Map(
  deliveryChannelNames.flatMap((channel) => {
    const { messages } = deliveryChannels[channel];
    // Each contract takes more than is known of every delivery, and checks it when it is used.
    const contracts = messages as unknown as readonly DeliveryContract["contract"][];
    return contracts.map((contract) => [
      contract.type.slice("com.github.".length),
      { contract, channel },
    ]);
  }),
);
