// Zoom and move the two faces of a likeness together, by wheel, drag, buttons or keys. Knows nobody, keeps nothing, sends nothing.
const [LEAST, MOST, STEP] = [1, 8, 24];

function together(faces) {
  const panes = [...faces.querySelectorAll(".pane")].filter((pane) => pane.querySelector("img"));
  const view = { scale: 1, x: 0, y: 0 };
  const draw = () => {
    for (const pane of panes) {
      const room = ((view.scale - 1) * pane.clientWidth) / 2;
      view.x = Math.min(room, Math.max(-room, view.x));
      view.y = Math.min(room, Math.max(-room, view.y));
      pane.firstElementChild.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    }
    faces.dataset.scale = view.scale.toFixed(2);
  };
  const zoom = (by) => {
    view.scale = by === 0 ? 1 : Math.min(MOST, Math.max(LEAST, view.scale * by));
    if (by === 0) view.x = view.y = 0;
    draw();
  };
  const move = (x, y) => {
    view.x += x;
    view.y += y;
    draw();
  };
  const keys = {
    "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), "0": () => zoom(0),
    ArrowLeft: () => move(STEP, 0), ArrowRight: () => move(-STEP, 0), ArrowUp: () => move(0, STEP), ArrowDown: () => move(0, -STEP),
  };
  for (const pane of panes) {
    pane.tabIndex = 0;
    pane.setAttribute("role", "group");
    pane.setAttribute("aria-label", pane.firstElementChild.alt);
    pane.addEventListener("keydown", (event) => {
      const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
    // Only when zoomed or in focus: whoever scrolls the page past the faces must not be caught by them.
    pane.addEventListener("wheel", (event) => {
      if (view.scale === 1 && document.activeElement !== pane) return;
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.1 : 1 / 1.1);
    }, { passive: false });
    pane.addEventListener("pointerdown", (event) => pane.setPointerCapture(event.pointerId));
    pane.addEventListener("pointermove", (event) => {
      if (event.buttons & 1 && view.scale > 1) move(event.movementX, event.movementY);
    });
    pane.firstElementChild.draggable = false;
  }
  const bar = faces.querySelector(".zoom");
  bar.hidden = panes.length === 0;
  for (const button of bar.querySelectorAll("button")) button.addEventListener("click", () => zoom(Number(button.dataset.by)));
  draw();
}

for (const faces of document.querySelectorAll("[data-zoom]")) together(faces);
