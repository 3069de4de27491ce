// Copies the code after "#" in the address into the form. It stores nothing and sends nothing.
"use strict";
(() => {
  const box = document.getElementById("token");
  const wrapper = document.getElementById("code");
  if (!box) return;
  // Some mail filters turn "#" into "%23"; the code then arrives at the end of the path.
  const [path, fromPath = ""] = decodeURIComponent(location.pathname).split("#");
  const [code, ...chosen] = (location.hash.slice(1) || fromPath).split("&");
  const fill = () => {
    if (!box.value && /^[0-9A-Za-z_-]{24,64}$/.test(code)) box.value = code;
    wrapper.hidden = box.value !== "" && !box.hasAttribute("aria-invalid");
    for (const [name, value] of chosen.map((pair) => pair.split("="))) {
      for (const radio of document.getElementsByName(name)) if (radio.type === "radio" && radio.value === value) radio.checked = true;
    }
  };
  if (fromPath) history.replaceState(null, "", path + "#" + fromPath);
  fill();
  // A link to another language takes the code along.
  for (const link of document.querySelectorAll("a[data-code]")) link.hash = code;
  // Back after sending: the browser may bring the page back with the last person's answers on it.
  addEventListener("pageshow", (event) => {
    if (event.persisted) { box.form.reset(); box.value = ""; fill(); }
  });
})();
