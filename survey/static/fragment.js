// Copies the code after "#" in the address into the form, and makes every answer one size on the wire. It stores nothing.
"use strict";
(() => {
  const box = document.getElementById("token");
  if (!box) return;
  // Some mail filters turn "#" into "%23"; the code then ends the path.
  const [path, late = ""] = decodeURIComponent(location.pathname).split("#");
  const [code, ...chosen] = (location.hash.slice(1) || late).split("&");
  const fill = () => {
    if (!box.value && /^[\w.-]{24,200}$/.test(code)) box.value = code;
    document.getElementById("code").hidden = box.value && !box.hasAttribute("aria-invalid");
  };
  if (late) history.replaceState(null, "", path + "#" + late);
  fill();
  for (const pair of chosen) {
    const [name, value] = pair.split("=");
    for (const one of document.getElementsByName(name)) if (one.type === "radio" && one.value === value) one.checked = true;
  }
  for (const link of document.querySelectorAll("a[data-code]")) link.hash = code;
  // Whoever sees only the lengths of requests must not learn from them who wrote how much.
  const pad = document.getElementById("pad");
  const button = box.form.querySelector("button");
  const size = () => {
    const fields = [...new FormData(box.form)].map(([name, value]) => [name, value.replace(/\r\n?|\n/g, "\r\n")]);
    return new URLSearchParams(fields).toString().length;
  };
  if (pad) box.form.addEventListener("submit", () => {
    pad.value = "";
    pad.value = "x".repeat(Math.max(0, Number(pad.dataset.size) - size()));
    button.disabled = true;
  });
  // Back after Send must not show the last person's answers.
  addEventListener("pageshow", (event) => {
    button.disabled = false;
    if (!event.persisted) return;
    for (const one of box.form.elements) if (one.type === "radio") one.checked = false; else one.value = "";
    fill();
  });
})();
