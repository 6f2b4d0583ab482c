/* The reading page: point at an equation, its number or its lines of code, and all that belongs to it lights up.
   What belongs together carries the same number in data-eq. Without this file the numbers are plain links. */
(() => {
  "use strict";

  const page = document.querySelector(".md-content");
  const parts = page ? [...page.querySelectorAll("[data-eq]")] : [];
  if (parts.length === 0) return;

  const numbersOf = (element) => element?.closest?.("[data-eq]")?.dataset.eq.split(" ") ?? [];
  let kept = []; // the equation whose link was followed stays lit until Escape or the next one

  // Where the lit lines are, if they are out of sight; it sticks to the lower edge of the code.
  const elsewhere = document.createElement("p");
  elsewhere.className = "pl-elsewhere";
  elsewhere.hidden = true;
  elsewhere.ariaHidden = "true";
  page.querySelector(".pl-code")?.append(elsewhere);

  const sayWhere = () => {
    const lines = parts.filter((part) => part.matches(".pl-line.pl-lit"));
    const above = (line) => line.getBoundingClientRect().bottom < 60; // under the header
    const below = (line) => line.getBoundingClientRect().top > window.innerHeight;
    elsewhere.hidden = !lines.length || !lines.every((line) => above(line) || below(line));
    if (!elsewhere.hidden) elsewhere.textContent = `${above(lines[0]) ? "↑" : "↓"} line ${lines[0].id.slice(1)}`;
  };
  const light = (numbers) => {
    for (const part of parts) {
      part.classList.toggle("pl-lit", numbersOf(part).some((number) => numbers.includes(number)));
    }
    sayWhere();
  };
  const pointAt = (event) => {
    const numbers = numbersOf(event.target);
    light(numbers.length ? numbers : kept);
  };
  const keep = () => {
    kept = numbersOf(document.getElementById(decodeURIComponent(location.hash.slice(1))));
    light(kept);
  };

  page.addEventListener("pointerover", pointAt);
  page.addEventListener("pointerleave", () => light(kept));
  page.addEventListener("focusin", pointAt);
  page.addEventListener("focusout", () => light(kept));
  window.addEventListener("hashchange", keep);
  window.addEventListener("scroll", sayWhere, { passive: true });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") light((kept = []));
  });
  keep();
})();
