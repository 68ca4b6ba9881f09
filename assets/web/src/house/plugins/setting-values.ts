// A plugin's settings between what the server keeps and what stands in a field.
import type { PluginSetting } from "../../lib/api/types";

export function textOf({ type, value }: PluginSetting): string {
  if (type === "list_of_strings") return Array.isArray(value) ? value.join("\n") : "";
  return value === undefined || value === null ? "" : String(value);
}

/** An empty field is the default again. */
export function valueOf({ type }: PluginSetting, text: string): unknown {
  if (type === "list_of_strings") return text.split("\n").map((line) => line.trim()).filter(Boolean);
  if (type === "boolean") return text === "true";
  if (type === "integer" || type === "number") return text.trim() === "" ? null : Number(text);
  return text;
}
