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
