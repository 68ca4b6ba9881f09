// One message on the screen. It keeps its place (and its key) when the server gives it an id.
import type { ApiError } from "../lib/api/error";
import type { Message } from "../lib/api/types";
import { randomId } from "../lib/ids";

const LOCAL = "local-";

export class Turn {
  readonly key = randomId();
  message: Message = $state.raw()!;
  /** Set when what was asked for did not get through: why, and what asks for it again. */
  unsent: { problem: ApiError; again(): void } | undefined = $state.raw();

  constructor(message: Message) {
    this.message = message;
  }

  /** Whether the server has it. */
  get taken(): boolean {
    return !this.message.id.startsWith(LOCAL);
  }

  /** The same place with what the server says now. */
  showing(message: Message): this {
    this.message = message;
    this.unsent = undefined;
    return this;
  }
}

/** A message of the reader's that is on its way; a new version of `old` when there is one. */
export function draftOf(content: string, old?: Message): Message {
  return { ...blank(old), role: "user", status: "complete", content };
}

/** The place of a reply that is not there yet; beside `old` when it is another try. */
export function hollowReply(old?: Message): Message {
  return { ...blank(old), role: "assistant", status: "running", content: "" };
}

function blank(old: Message | undefined) {
  const id = LOCAL + randomId();
  return { id, conversation_id: "", parent_id: old?.parent_id, created_at: new Date().toISOString(), sibling_ids: [...(old?.sibling_ids ?? []), id] };
}
