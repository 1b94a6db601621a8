// What makes the console smooth where scripts run. Every page works without it.
(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("js");

  function each(selector, within, fn) {
    Array.prototype.forEach.call((within || document).querySelectorAll(selector), fn);
  }

  // Menus close when somebody goes elsewhere.
  document.addEventListener("click", function (e) {
    each("details[data-menu][open]", document, function (d) { if (!d.contains(e.target)) d.open = false; });
  });
  document.addEventListener("keydown", function (e) {
    if (e.key !== "Escape") return;
    each("details[data-menu][open]", document, function (d) {
      d.open = false;
      d.querySelector("summary").focus();
    });
  });

  // Copy buttons.
  document.addEventListener("click", function (e) {
    var button = e.target.closest && e.target.closest("[data-copy]");
    if (!button) return;
    e.preventDefault();
    copy(button.dataset.copy).then(function () {
      button.classList.add("is-copied");
      say(document.body.dataset.copied);
      setTimeout(function () { button.classList.remove("is-copied"); }, 1500);
    }, function () {});
  });

  function copy(text) {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    return new Promise(function (done, failed) { // plain http: the way browsers had before
      var area = document.createElement("textarea");
      area.value = text;
      area.className = "visually-hidden";
      document.body.appendChild(area);
      area.select();
      var ok = document.execCommand("copy");
      area.remove();
      if (ok) done(); else failed();
    });
  }

  // A polite word to screen readers.
  var voice;
  function say(text) {
    if (!voice) {
      voice = document.createElement("div");
      voice.className = "visually-hidden";
      voice.setAttribute("role", "status");
      document.body.appendChild(voice);
    }
    voice.textContent = text;
  }

  // Forms that go off by themselves when a choice changes.
  document.addEventListener("change", function (e) {
    var form = e.target.form;
    if (form && form.hasAttribute("data-auto")) form.requestSubmit();
  });

  // A form that writes is sent once. The server would take it once anyway; this shows it.
  document.addEventListener("submit", function (e) {
    var form = e.target;
    if (e.defaultPrevented || form.method.toLowerCase() !== "post" || form.hasAttribute("data-file")) return; // a file leaves the page as it is
    if (form.dataset.sent) { e.preventDefault(); return; }
    form.dataset.sent = "1";
    form.setAttribute("aria-busy", "true");
  });
  window.addEventListener("pageshow", function (e) { // come back to: may be sent again
    if (e.persisted && document.querySelector("[data-countdown]")) { location.reload(); return; } // time has passed over it
    each("form[data-sent]", document, function (f) { delete f.dataset.sent; f.removeAttribute("aria-busy"); });
  });

  // Dialogs are plain <dialog open> without script; with it they are modal: focus stays inside, Escape closes.
  function modal(dialog) {
    if (dialog.dataset.modal) return;
    dialog.dataset.modal = "1";
    var opener = document.activeElement;
    dialog.removeAttribute("open");
    dialog.showModal();
    var first = dialog.querySelector("[autofocus]") || dialog.querySelector("input:checked") || dialog.querySelector("input:not([type=hidden]), select, button");
    if (first) first.focus();
    dialog.addEventListener("close", function () {
      var to = dialog.dataset.closeTo;
      if (dialog.hasAttribute("data-remove")) dialog.remove();
      if (to && location.search.indexOf("buy=") >= 0) history.replaceState(null, "", to);
      if (opener && document.contains(opener)) opener.focus();
    });
  }
  document.addEventListener("click", function (e) {
    var closer = e.target.closest && e.target.closest("[data-close]");
    if (!closer) return;
    var dialog = closer.closest("dialog");
    if (dialog && dialog.dataset.modal) { e.preventDefault(); dialog.close(); }
  });

  // A link whose text is shown in a dialog of its own, over the one that it stands in.
  document.addEventListener("click", function (e) {
    var link = e.target.closest && e.target.closest("[data-opens]");
    var dialog = link && document.getElementById(link.dataset.opens);
    if (!dialog || !dialog.showModal) return;
    e.preventDefault();
    dialog.dataset.modal = "1";
    dialog.showModal();
  });

  // Number fields with buttons of their own.
  document.addEventListener("click", function (e) {
    var button = e.target.closest && e.target.closest("[data-step]");
    if (!button) return;
    var input = document.getElementById(button.dataset.for);
    if (!input) return;
    var n = parseInt(input.value, 10);
    if (isNaN(n)) n = 0;
    n += parseInt(button.dataset.step, 10);
    if (input.min !== "") n = Math.max(n, +input.min);
    if (input.max !== "") n = Math.min(n, +input.max);
    input.value = n;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });

  // The submit button waits for a box to be ticked: data-needs names the box.
  function needs(within) {
    each("[data-needs]", within, function (button) {
      var box = document.getElementById(button.dataset.needs);
      if (box) button.disabled = !box.checked;
    });
  }
  document.addEventListener("change", function () { needs(document); });

  // A box with data-keeps stays as its user has it when its part of the page comes again: that answer was on its way before the tick. Not
  // where it stands for something else now, as another version of the agreement does.
  var kept = {};
  document.addEventListener("htmx:beforeSwap", function () {
    kept = {};
    each("[data-keeps]", document, function (box) { kept[box.id] = {value: box.value, checked: box.checked}; });
  });
  document.addEventListener("htmx:afterSwap", function () {
    each("[data-keeps]", document, function (box) {
      var before = kept[box.id];
      if (before && before.value === box.value) box.checked = before.checked;
    });
    needs(document);
  });

  // Countdowns: data-countdown is the number of seconds, data-then where to go at the end (none: reload).
  function countdown(el) {
    if (el.dataset.running) return;
    el.dataset.running = "1";
    var end = Date.now() + 1000 * parseInt(el.dataset.countdown, 10);
    var timer = setInterval(tick, 250);
    function tick() {
      if (!document.contains(el)) { clearInterval(timer); return; }
      var left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
      var text = el.dataset.form === "clock" ? clock(left) : String(left);
      each("[data-left]", el, function (x) { x.textContent = text; });
      if (left > 0) return;
      clearInterval(timer);
      if (el.dataset.then) location.assign(el.dataset.then); else location.reload();
    }
  }
  function clock(s) {
    function two(n) { return n < 10 ? "0" + n : String(n); }
    return two(Math.floor(s / 3600)) + ":" + two(Math.floor(s / 60) % 60) + ":" + two(s % 60);
  }

  // A searchable choice: a text field that narrows a list of radio buttons.
  document.addEventListener("input", function (e) {
    var list = e.target.dataset && e.target.dataset.narrows && document.getElementById(e.target.dataset.narrows);
    if (!list) return;
    var words = e.target.value.trim().toLowerCase();
    var shown = 0;
    each("[data-words]", list, function (row) {
      var hit = row.dataset.words.toLowerCase().indexOf(words) >= 0;
      row.hidden = !hit;
      if (hit) shown++;
    });
    var none = list.querySelector("[data-none]");
    if (none) none.hidden = shown > 0;
  });

  // What comes again as it stands is left alone: focus stays, and no click falls between two drawings.
  document.addEventListener("htmx:oobBeforeSwap", function (e) {
    var coming = document.createElement("template");
    coming.content.appendChild(e.detail.fragment.cloneNode(true));
    if (coming.innerHTML === e.detail.target.outerHTML || coming.innerHTML === e.detail.target.innerHTML) e.detail.shouldSwap = false;
  });

  // Live pages: the server says on /events that something has changed, and the parts whose hx-trigger is "live" ask for themselves
  // again. A browser keeps few connections to a server, so a page that nobody looks at gives its own up, and catches up when seen.
  var live, hiding;
  function listen() {
    if (live || document.hidden || !document.querySelector("[hx-trigger=live]")) return;
    live = new EventSource("/events");
    live.addEventListener("change", function () {
      each("[hx-trigger=live]", document, function (part) { htmx.trigger(part, "live"); });
    });
    live.onerror = function () { // a connection that breaks off is opened again by the browser, one that was refused by us
      if (live && live.readyState === EventSource.CLOSED) { live = null; setTimeout(listen, 5000); }
    };
  }
  function deafen() {
    if (live) live.close();
    live = null;
  }
  document.addEventListener("visibilitychange", function () {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(deafen, 10000); else listen();
  });
  window.addEventListener("pagehide", deafen);
  window.addEventListener("pageshow", listen);

  // On a narrow screen the menus scroll sideways: where one is has to be seen.
  function showCurrent() {
    each(".console-tabs .is-current, .console-side .is-current", document, function (link) {
      var menu = link.closest(".console-tabs, .console-side");
      var over = link.getBoundingClientRect().right - menu.getBoundingClientRect().right;
      if (over > 0) menu.scrollLeft += over + 16;
    });
  }

  function dress(within) {
    each("[data-scriptless]", within, function (b) { b.remove(); }); // hidden, it would still be the button that Enter presses
    each("dialog[open][data-dialog]", within, modal);
    each("[data-countdown]", within, countdown);
    needs(within);
  }
  document.addEventListener("htmx:load", function (e) { dress(e.detail.elt.parentNode || document); });
  function start() { dress(document); showCurrent(); }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start); else start();
})();
