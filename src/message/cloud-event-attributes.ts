// The one mapping between an envelope and CloudEvents 1.0 attributes, whatever carries them: JSON
// members or HTTP headers. What comes in is foreign and checked strictly. Always true: a fault
// names the attribute, the value and what would be right; no attribute is dropped or changed in
// silence.
import { SpillwayError } from "../errors/spillway-error.ts";
import { isCanonicalUuid } from "../kernel/id.ts";
import { formatTime, parseTime } from "../kernel/timestamp.ts";
import { type Envelope, type MessageAttributes, priorities, type Priority } from "./envelope.ts";

/** A value of a CloudEvents attribute; a number is a 32-bit integer. */
export type AttributeValue = string | number | boolean;

/** Attributes of one event by their wire name, without its data. */
export type AttributeMap = ReadonlyMap<string, AttributeValue>;

/** Most attributes of one event. */
export const attributesMax = 64;
/** Most characters of an attribute that the specification or this library defines. */
export const attributeCharactersMax = 1_024;
/** Most characters of any other attribute. */
export const extensionCharactersMax = 4_096;
/** Most characters of an attribute's name. */
const nameCharactersMax = 64;
const versionMax = 65_535;
const schemaPrefix = "urn:spillway:contract:";

const attributeName = /^[a-z0-9]+$/;
/** Control characters, halves of surrogate pairs and noncharacters: no CloudEvents String. */
const forbidden = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u;
const uriReference = /^[\w!#$%&'()*+,\-./:;=?@[\]~]+$/;
const absoluteUri = /^[A-Za-z][A-Za-z0-9+.-]*:[\w!#$%&'()*+,\-./:;=?@[\]~]+$/;
const mediaType = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+\s*(;.*)?$/;

/** Attributes that have a place of their own in the envelope; all of them are text. */
const textNames = [
  "specversion",
  "id",
  "source",
  "type",
  "subject",
  "time",
  "datacontenttype",
  "dataschema",
  "correlationid",
  "causationid",
  "partitionkey",
  "sequence",
  "traceparent",
  "tracestate",
  "expirytime",
  "priority",
  "replyto",
  "tenant",
] as const;
type KnownText = Readonly<Partial<Record<(typeof textNames)[number], string>>>;
/** Any other name is an extension. */
const known: ReadonlySet<string> = new Set([...textNames, "data"]);

/** The attributes of an envelope, in the order in which they are written. */
export function toAttributes(envelope: Envelope): Map<string, AttributeValue> {
  const { attributes, type } = envelope;
  const { expiresAtMs } = attributes;
  const given: readonly (readonly [string, string | undefined])[] = [
    ["specversion", "1.0"],
    ["id", envelope.id],
    ["source", envelope.source],
    ["type", type],
    ["subject", attributes.subject],
    ["time", attributes.time ?? formatTime(envelope.timeMs)],
    ["datacontenttype", envelope.contentType],
    ["dataschema", envelope.dataSchema ?? schemaOf(type, envelope.version)],
    ["correlationid", attributes.correlationId],
    ["causationid", attributes.causationId],
    ["partitionkey", envelope.key],
    ["sequence", attributes.sequence],
    ["traceparent", attributes.traceparent],
    ["tracestate", attributes.tracestate],
    ["expirytime", expiresAtMs === undefined ? undefined : formatTime(expiresAtMs)],
    ["priority", envelope.priority === "normal" ? undefined : envelope.priority],
    ["replyto", attributes.replyTo],
    ["tenant", attributes.tenant],
  ];
  const result = new Map<string, AttributeValue>();
  for (const [name, value] of given) if (value !== undefined) result.set(name, value);
  for (const [name, value] of Object.entries(attributes.extensions ?? {})) {
    // CloudEvents has whole numbers of 32 bits only; any other number travels as text.
    const fits = typeof value !== "number" || value === (value | 0);
    if (!known.has(name)) result.set(name, fits ? value : String(value));
  }
  return result;
}

/**
 * The envelope that foreign attributes describe, still without data. `receivedAtMs` stands in for a
 * `time` that is absent, `contentType` for the content type. Throws INPUT_INVALID.
 */
export function fromAttributes(
  attributes: AttributeMap,
  receivedAtMs: number,
  contentType: string,
): Omit<Envelope, "payload"> {
  const { specversion, ...text } = readAll(attributes);
  if (specversion !== "1.0") throw invalidAttribute("specversion", specversion, "give 1.0");
  const type = required("type", text.type);
  const id = required("id", text.id);
  return {
    type,
    source: required("source", text.source),
    contentType: text.datacontenttype ?? contentType,
    ...readSchema(type, text.dataschema),
    id,
    timeMs: text.time === undefined ? receivedAtMs : readTime("time", text.time),
    key: text.partitionkey,
    priority: readPriority(text.priority),
    attributes: messageAttributes(id, text, readExtensions(attributes)),
  };
}

/** Throws INPUT_INVALID unless an attribute may have this name. */
export function assertAttributeName(name: string): void {
  if (attributeName.test(name) && name.length <= nameCharactersMax) return;
  throw new SpillwayError(
    "INPUT_INVALID",
    `CloudEvents attribute ${shown(name)} has a name that is not valid: ` +
      `use lower-case letters and digits, at most ${nameCharactersMax}`,
    { details: { attribute: name.slice(0, nameCharactersMax) } },
  );
}

/** The error for an attribute that cannot be used. */
export function invalidAttribute(name: string, value: unknown, remedy: string): SpillwayError {
  const what = value === undefined ? "is missing" : `is ${shown(value)}`;
  return new SpillwayError("INPUT_INVALID", `CloudEvents attribute '${name}' ${what}: ${remedy}`, {
    details: { attribute: name, value: shown(value) },
  });
}

const forms: Readonly<Record<string, readonly [RegExp, string]>> = {
  source: [uriReference, "give a URI reference such as /orders or https://example.org/orders"],
  dataschema: [absoluteUri, "give an absolute URI, or leave it out"],
  datacontenttype: [mediaType, "give a media type such as application/json"],
};

function readAll(attributes: AttributeMap): KnownText {
  if (attributes.size > attributesMax) {
    throw new SpillwayError(
      "INPUT_INVALID",
      `the event has ${attributes.size} attributes: send at most ${attributesMax}`,
    );
  }
  const text: Partial<Record<(typeof textNames)[number], string>> = {};
  for (const name of textNames) {
    const value = attributes.get(name);
    if (value !== undefined) text[name] = readText(name, value, attributeCharactersMax);
  }
  return text;
}

function readText(name: string, value: AttributeValue, charactersMax: number): string {
  if (typeof value !== "string" || value === "" || value.length > charactersMax) {
    throw invalidAttribute(name, value, `give text of 1 to ${charactersMax} characters`);
  }
  assertCharacters(name, value);
  const form = Object.hasOwn(forms, name) ? forms[name] : undefined;
  if (form !== undefined && !form[0].test(value)) throw invalidAttribute(name, value, form[1]);
  return value;
}

function readExtensions(attributes: AttributeMap): MessageAttributes["extensions"] {
  let extensions: Record<string, AttributeValue> | undefined;
  for (const [name, value] of attributes) {
    if (known.has(name)) continue;
    assertAttributeName(name);
    if (typeof value === "number" && value !== (value | 0)) {
      throw invalidAttribute(name, value, "give a whole number of 32 bits, or text");
    }
    if (typeof value === "string") {
      if (value.length > extensionCharactersMax) {
        throw invalidAttribute(name, value, `give at most ${extensionCharactersMax} characters`);
      }
      assertCharacters(name, value);
    }
    extensions ??= {};
    extensions[name] = value;
  }
  return extensions;
}

function messageAttributes(
  id: string,
  text: KnownText,
  extensions: MessageAttributes["extensions"],
): MessageAttributes {
  const { time, expirytime } = text;
  const isOwnForm = time === undefined || formatTime(readTime("time", time)) === time;
  return {
    ...(!isCanonicalUuid(id) && { id }),
    ...(text.subject !== undefined && { subject: text.subject }),
    ...(!isOwnForm && { time }),
    ...(text.correlationid !== undefined && { correlationId: text.correlationid }),
    ...(text.causationid !== undefined && { causationId: text.causationid }),
    ...(text.traceparent !== undefined && { traceparent: text.traceparent }),
    ...(text.tracestate !== undefined && { tracestate: text.tracestate }),
    ...(expirytime !== undefined && { expiresAtMs: readTime("expirytime", expirytime) }),
    ...(text.replyto !== undefined && { replyTo: text.replyto }),
    ...(text.tenant !== undefined && { tenant: text.tenant }),
    ...(text.sequence !== undefined && { sequence: text.sequence }),
    ...(extensions !== undefined && { extensions }),
  };
}

function schemaOf(type: string, version: number): string {
  return `${schemaPrefix}${encodeURIComponent(type)}:${version}`;
}

/** The version in a data schema of ours; any other data schema is kept, with version 1. */
function readSchema(
  type: string,
  dataSchema: string | undefined,
): { readonly version: number; readonly dataSchema?: string } {
  if (dataSchema === undefined) return { version: 1 };
  if (!dataSchema.startsWith(schemaPrefix)) return { version: 1, dataSchema };
  const text = dataSchema.slice(dataSchema.lastIndexOf(":") + 1);
  const version = Number(text);
  if (version >= 1 && version <= versionMax && dataSchema === schemaOf(type, version)) {
    return { version };
  }
  throw invalidAttribute(
    "dataschema",
    dataSchema,
    `give ${schemaOf(type, 1)} with the version at its end, 1 to ${versionMax}`,
  );
}

function readTime(name: string, text: string): number {
  const timeMs = parseTime(text);
  if (timeMs !== undefined) return timeMs;
  const remedy = "give an RFC 3339 timestamp such as 2030-01-31T12:00:00.000Z";
  throw invalidAttribute(name, text, remedy);
}

function readPriority(text: string | undefined): Priority {
  const priority = text ?? "normal";
  if ((priorities as readonly string[]).includes(priority)) return priority as Priority;
  throw invalidAttribute("priority", text, `give ${priorities.join(" or ")}, or leave it out`);
}

function required(name: string, value: string | undefined): string {
  if (value === undefined) throw invalidAttribute(name, undefined, "every event needs it");
  return value;
}

function assertCharacters(name: string, value: string): void {
  if (!forbidden.test(value)) return;
  throw invalidAttribute(name, value, "leave out control characters and incomplete surrogates");
}

function shown(value: unknown): string {
  if (typeof value === "object" && value !== null)
    return Array.isArray(value) ? "a list" : "an object";
  if (typeof value !== "string") return String(value);
  return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
}
