// Runs once, in the browser: where something is clicked, the component that holds it is told.
(() => {
  const of = (event, selector) => event.target.closest ? event.target.closest(selector) : null;
  // A list of options that is open has a name, too.
  new MutationObserver(() => {
    document.querySelectorAll("[role=listbox]:not([aria-label])").forEach((list) => {
      list.setAttribute("aria-label", "choices");
    });
  }).observe(document, { childList: true, subtree: true });
  window.loopynet = {
    listen(element, trigger) {
      const choose = (event) => {
        const layer = of(event, "[data-layer]"), image = of(event, "[data-image]");
        const sheet = of(event, ".sheet");
        if (layer) trigger("select", { layer: layer.dataset.layer });
        else if (image) {
          element.querySelectorAll("[data-image]").forEach((other) => {
            other.setAttribute("aria-pressed", String(other === image));
          });
          trigger("select", { image: Number(image.dataset.image) });
        }
        else if (sheet && event.type === "click") {
          const box = sheet.getBoundingClientRect(), { columns, rows, filters } = sheet.dataset;
          const column = Math.floor((event.clientX - box.left) / box.width * columns);
          const row = Math.floor((event.clientY - box.top) / box.height * rows);
          const filter = row * columns + column;
          if (filter >= 0 && filter < filters) trigger("select", { filter });
        } else return;
        event.preventDefault();
      };
      element.addEventListener("click", choose);
      element.addEventListener("keydown", (event) => {
        if ((event.key === "Enter" || event.key === " ") && of(event, "rect[data-layer]")) choose(event);
      });
    },
    mark(layer) {  // shows on every drawing which layer is chosen
      document.querySelectorAll("rect[data-layer]").forEach((rect) => {
        rect.setAttribute("aria-pressed", String(rect.dataset.layer === layer));
      });
    },
    pad(element, trigger, side) {
      const canvas = element.querySelector("canvas"), pen = canvas.getContext("2d", { willReadFrequently: true });
      const small = document.createElement("canvas");
      small.width = small.height = side;
      let last = null, at = [canvas.width / 2, canvas.height / 2];
      const clear = () => { pen.fillStyle = "#000"; pen.fillRect(0, 0, canvas.width, canvas.height); };
      const line = (from, to) => {
        pen.strokeStyle = "#fff"; pen.lineWidth = canvas.width / 13; pen.lineCap = "round";
        pen.beginPath(); pen.moveTo(...from); pen.lineTo(...to); pen.stroke();
      };
      const send = () => {
        const to = small.getContext("2d", { willReadFrequently: true });
        to.drawImage(canvas, 0, 0, side, side);
        const bytes = to.getImageData(0, 0, side, side).data;
        trigger("submit", { pixels: Array.from({ length: side * side }, (_, i) => bytes[4 * i]) });
      };
      const where = (event) => {
        const box = canvas.getBoundingClientRect(), scale = canvas.width / box.width;
        return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
      };
      canvas.addEventListener("pointerdown", (event) => {
        canvas.setPointerCapture(event.pointerId); last = where(event); line(last, last);
      });
      canvas.addEventListener("pointermove", (event) => {
        if (last) { const now = where(event); line(last, now); last = now; }
      });
      const up = () => { if (last) { at = last; last = null; send(); } };
      canvas.addEventListener("pointerup", up);
      canvas.addEventListener("pointercancel", up);
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      canvas.addEventListener("keydown", (event) => {
        const step = steps[event.key];
        if (!step) return;
        event.preventDefault();
        const limit = (x) => Math.max(0, Math.min(canvas.width, x));
        const next = at.map((x, i) => limit(x + step[i] * canvas.width / 28));
        if (!event.shiftKey) line(at, next);
        at = next;
      });
      canvas.addEventListener("keyup", (event) => { if (steps[event.key] && !event.shiftKey) send(); });
      element.querySelector("button").addEventListener("click", () => { clear(); send(); });
      clear();
    },
  };
})();
