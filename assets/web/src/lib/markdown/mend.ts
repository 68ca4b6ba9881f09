// Closes what the end of a growing text leaves open, so that no bare marks flash by: bold words,
// code words and links whose second half has not come yet.

export function mend(source: string): string {
  if (/```|~~~/.test(source)) return source;
  const text = source.trimEnd();
  if (count(text, /`/g) % 2 === 1) return text.endsWith("`") ? text.slice(0, -1) : `${text}\``;
  const linked = text.replace(/!?\[([^\]\n]*)\]\([^)\n]*$/, "$1");
  if (count(linked.replace(/`[^`]*`/g, ""), /\*\*/g) % 2 === 0) return linked === text ? source : linked;
  return linked.endsWith("**") ? linked.slice(0, -2) : `${linked.replace(/\*$/, "")}**`;
}

function count(text: string, mark: RegExp): number {
  return text.match(mark)?.length ?? 0;
}
