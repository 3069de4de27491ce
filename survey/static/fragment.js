// Copies the code after "#" in the address into the form. It stores nothing and sends nothing.
"use strict";
(() => {
  const box = document.getElementById("token");
  if (!box) return;
  // Some mail filters turn "#" into "%23"; the code then arrives at the end of the path.
  const [path, fromPath = ""] = decodeURIComponent(location.pathname).split("#");
  const [code, ...chosen] = (location.hash.slice(1) || fromPath).split("&");
  const isCode = /^[\w-]{24,64}$/.test(code);
  const fill = () => {
    if (!box.value && isCode) box.value = code;
    document.getElementById("code").hidden = box.value !== "" && !box.hasAttribute("aria-invalid");
  };
  const choose = (pair) => {
    const [name, value] = pair.split("=");
    for (const one of document.getElementsByName(name)) if (one.type === "radio" && one.value === value) one.checked = true;
  };
  if (fromPath) history.replaceState(null, "", path + "#" + fromPath);
  fill();
  chosen.forEach(choose);
  if (isCode) for (const link of document.querySelectorAll("a[data-code]")) link.hash = code;
  // Back after sending: the browser may bring the page back with the last person's answers on it.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const one of box.form.elements) if (one.type === "radio") one.checked = false; else one.value = "";
    fill();
  });
})();
