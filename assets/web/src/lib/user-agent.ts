// What a browser calls itself, as a person would: "Firefox, Linux". Order matters, since most
// browsers also claim to be those before them.

const BROWSERS: [RegExp, string][] = [
  [/\bEdgA?\/|\bEdgiOS\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\bFirefox\/|\bFxiOS\//, "Firefox"],
  [/\bChrome\/|\bCriOS\/|\bHeadlessChrome\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];

const SYSTEMS: [RegExp, string][] = [
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bAndroid\b/, "Android"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b|\bMacintosh\b/, "macOS"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b/, "Linux"],
];

/** Empty when it called itself nothing. */
export function deviceOf(userAgent: string): string {
  const named = (names: [RegExp, string][]) => names.find(([mark]) => mark.test(userAgent))?.[1];
  const known = [named(BROWSERS), named(SYSTEMS)].filter(Boolean).join(", ");
  return known || userAgent.slice(0, 60);
}
