// Runs before anything is drawn: where nobody has chosen, the page follows the machine's theme.
(function () {
  var root = document.documentElement;
  if (root.dataset.themeWanted) return;
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function follow() { root.dataset.bsTheme = dark.matches ? "dark" : "light"; }
  dark.addEventListener("change", follow);
  follow();
})();
