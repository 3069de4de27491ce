// Copies the code after "#" in the address into the form. It stores nothing and sends nothing.
"use strict";
(() => {
  const box = document.getElementById("token");
  if (!box) return;
  // Some mail filters turn "#" into "%23"; the code then ends the path.
  const [path, late = ""] = decodeURIComponent(location.pathname).split("#");
  const [code, ...chosen] = (location.hash.slice(1) || late).split("&");
  const fill = () => {
    if (!box.value && /^[\w-]{24,64}$/.test(code)) box.value = code;
    document.getElementById("code").hidden = box.value && !box.hasAttribute("aria-invalid");
  };
  if (late) history.replaceState(null, "", path + "#" + late);
  fill();
  for (const pair of chosen) {
    const [name, value] = pair.split("=");
    for (const one of document.getElementsByName(name)) if (one.type === "radio" && one.value === value) one.checked = true;
  }
  for (const link of document.querySelectorAll("a[data-code]")) link.hash = code;
  // Back after Send must not show the last person's answers.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const one of box.form.elements) if (one.type === "radio") one.checked = false; else one.value = "";
    fill();
  });
})();
