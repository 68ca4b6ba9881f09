// Small choices kept in the browser. Storage may be full or forbidden; then the choice lasts for this page only.

export function readStored(storage: "local" | "session", key: string): string | null {
  try {
    return (storage === "local" ? localStorage : sessionStorage).getItem(key);
  } catch {
    return null;
  }
}

export function writeStored(storage: "local" | "session", key: string, value: string | null) {
  try {
    const place = storage === "local" ? localStorage : sessionStorage;
    if (value === null) place.removeItem(key);
    else place.setItem(key, value);
  } catch {
    // Kept in memory by the caller.
  }
}

export function clearStored(storage: "local" | "session") {
  try {
    (storage === "local" ? localStorage : sessionStorage).clear();
  } catch {
    // Nothing could be kept there either.
  }
}
