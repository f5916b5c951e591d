import { isObject, read } from "../../overload/inspection.ts";
import type { MintedEvent } from "../../delivery/event.ts";
import type { ConsumedMessage } from "./message.ts";
import type { DeadLetterReason } from "./runner-events.ts";

/** No header of a megabyte for a stack trace that somebody put into a message. */
const longestText = 1000;

/** The message as it was, its headers included, with others that say where it was and why it is here. @internal */
export function deadLetter(
  message: ConsumedMessage,
  topic: string,
  reason: DeadLetterReason,
  attempts: number,
  error: unknown,
  date: number,
): MintedEvent {
  const code = isObject(error) ? read(error, "code") : undefined;
  const name = isObject(error) ? read(error, "name") : undefined;
  const said = isObject(error) ? read(error, "message") : error;
  const why = {
    dead_letter_reason: reason,
    dead_letter_error: typeof name === "string" ? name : "",
    dead_letter_code: typeof code === "string" || typeof code === "number" ? String(code) : "",
    dead_letter_message: typeof said === "string" ? said : "",
    dead_letter_attempts: String(attempts),
    dead_letter_topic: message.topic,
    dead_letter_partition: String(message.partition),
    dead_letter_offset: String(message.offset),
    dead_letter_time: new Date(date).toISOString(),
  };
  const headers = new Map(message.headers);
  for (const [header, text] of Object.entries(why)) headers.set(header, Buffer.from(text.slice(0, longestText)));
  return { topic, key: message.key, value: message.value, headers };
}
