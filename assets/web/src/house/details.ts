// The details of an audit entry as names and words, one below the other.

export function flatDetails(details: unknown, under = ""): [string, string][] {
  if (typeof details !== "object" || details === null) return under ? [[under, words(details)]] : [];
  if (Array.isArray(details) && details.every((value) => typeof value !== "object")) return under ? [[under, details.map(words).join(", ")]] : [];
  return Object.entries(details).flatMap(([name, value]) => flatDetails(value, under ? `${under}.${name}` : name));
}

const words = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
