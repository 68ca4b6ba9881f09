// Days as people choose them, where they are, and the times they begin and end at.

/** When this day (`2027-01-31`) begins; undefined where it is none. */
export function beginningOf(day: string): string | undefined {
  return at(day, 0);
}

/** When the day after begins. */
export function endOf(day: string): string | undefined {
  return at(day, 1);
}

function at(day: string, later: number): string | undefined {
  const time = new Date(`${day}T00:00`);
  time.setDate(time.getDate() + later);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}
