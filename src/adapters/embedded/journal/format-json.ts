// The JSON parts of a batch: its dictionary of templates and the attributes of a record. Always
// true: text that no writer wrote gives JOURNAL_DAMAGED; what is remembered of dictionaries is
// bounded.
import type { MessageAttributes, MessageTemplate } from "../../../message/envelope.ts";
import { damaged } from "./format-layout.ts";

const parsedDictionaries = new Map<string, readonly MessageTemplate[]>();
const parsedDictionariesMax = 256;

/** The templates of a batch's dictionary; the same text gives the same objects. */
export function parseDictionary(text: string): readonly MessageTemplate[] {
  const known = parsedDictionaries.get(text);
  if (known !== undefined) return known;
  const templates = parseJson(text, "dictionary");
  if (!Array.isArray(templates)) throw damaged("a batch's dictionary is not a list");
  const parsed = templates.map(toTemplate);
  // Most batches of a journal repeat a few dictionaries: shared templates compare by identity.
  if (parsedDictionaries.size >= parsedDictionariesMax) parsedDictionaries.clear();
  parsedDictionaries.set(text, parsed);
  return parsed;
}

function toTemplate(entry: unknown): MessageTemplate {
  const [type, version, source, contentType, dataSchema] = Array.isArray(entry)
    ? (entry as unknown[])
    : [];
  const valid =
    typeof type === "string" &&
    typeof version === "number" &&
    typeof source === "string" &&
    typeof contentType === "string" &&
    (dataSchema === undefined || typeof dataSchema === "string");
  if (!valid) throw damaged("an entry of a batch's dictionary is not a message template");
  const template = { type, version, source, contentType };
  return Object.freeze(dataSchema === undefined ? template : { ...template, dataSchema });
}

/** The attributes of one record. */
export function parseAttributes(text: string, index: number): MessageAttributes {
  const attributes = parseJson(text, `attributes of record ${index}`);
  if (typeof attributes === "object" && attributes !== null && !Array.isArray(attributes)) {
    return attributes;
  }
  throw damaged(`the attributes of record ${index} are not an object`);
}

/** The attributes of `count` records from a JSON array of them; empty where it is not that. */
export function parseAttributesTogether(
  text: string,
  count: number,
): (MessageAttributes | undefined)[] {
  try {
    const all = JSON.parse(text) as unknown;
    return isListOfObjects(all) && all.length === count ? all : [];
  } catch {
    // Each is parsed by itself then, which finds the one that is no JSON.
    return [];
  }
}

function isListOfObjects(all: unknown): all is object[] {
  if (!Array.isArray(all)) return false;
  return all.every((each) => typeof each === "object" && each !== null && !Array.isArray(each));
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw damaged(`the ${what} of a batch are not JSON`);
  }
}
