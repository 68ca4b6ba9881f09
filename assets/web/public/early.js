// Sets theme and language on <html> before the first paint, so that nothing flashes.
// A file of its own because the page allows no inline script. lib/theme.svelte.ts takes over later.
(function () {
  var root = document.documentElement;
  var stored = function (key) {
    try {
      return localStorage.getItem(key);
    } catch (e) {
      return null;
    }
  };
  var theme = stored("chatelaine-theme");
  if (theme !== "light" && theme !== "dark") {
    theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
  root.dataset.theme = theme;
  var language = stored("chatelaine-language") || navigator.language.slice(0, 2);
  root.lang = language === "de" ? "de" : "en";
})();
