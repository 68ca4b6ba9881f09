// Numbers and sizes as the reader's language writes them.
import { getLocale } from "./paraglide/runtime";

export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(getLocale(), { maximumFractionDigits: digits }).format(value);
}

export function percent(share: number): string {
  return new Intl.NumberFormat(getLocale(), { style: "percent" }).format(share);
}

export function bytes(size: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  let step = 0;
  let value = size;
  while (value >= 1000 && step < units.length - 1) {
    value /= 1000;
    step += 1;
  }
  const digits = value < 10 && step > 1 ? 1 : 0;
  return new Intl.NumberFormat(getLocale(), { style: "unit", unit: units[step], unitDisplay: "short", maximumFractionDigits: digits }).format(value);
}

/** In seconds, and from two minutes on in minutes that are enough. */
export function duration(seconds: number): string {
  const [unit, value] = seconds < 120 ? ["second", seconds] : ["minute", Math.ceil(seconds / 60)];
  return new Intl.NumberFormat(getLocale(), { style: "unit", unit, unitDisplay: "long" }).format(value);
}

/** The reader's own variety of the page's language, e.g. en-GB: dates differ between them. */
function variety(): string {
  const language = getLocale();
  return navigator.languages.find((name) => name.split("-")[0] === language) ?? language;
}

export function day(time: string | Date): string {
  return new Intl.DateTimeFormat(variety(), { dateStyle: "medium" }).format(new Date(time));
}

export function dayAndTime(time: string | Date): string {
  return new Intl.DateTimeFormat(variety(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(time));
}

const SECONDS = { minute: 60, hour: 3_600, day: 86_400 };

/** How long ago, or how soon, no finer than is known; beyond a month, the day itself. */
export function distance(time: string | Date, finest: "minute" | "hour" = "minute", now = Date.now()): string {
  const seconds = (new Date(time).getTime() - now) / 1000;
  if (Math.abs(seconds) > 30 * 86_400) return day(time);
  const unit = (["day", "hour"] as const).find((unit) => Math.abs(seconds) >= SECONDS[unit]) ?? finest;
  return new Intl.RelativeTimeFormat(variety(), { numeric: "auto" }).format(Math.trunc(seconds / SECONDS[unit]), unit);
}
