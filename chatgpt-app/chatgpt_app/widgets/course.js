function medal(chapter) {
  const done = chapter.status === "completed";
  return svg("svg", { viewBox: "0 0 40 40", width: 40, height: 40, "aria-hidden": "true" },
    svg("circle", { cx: 20, cy: 20, r: 18, fill: done ? "var(--accent)" : "none", stroke: "var(--accent)", "stroke-width": 2 }),
    svg("text", { x: 20, y: 26, "text-anchor": "middle", "font-size": 17, "font-weight": 600, fill: done ? "var(--on-accent)" : "currentColor" }, String(chapter.number)));
}
function tile(chapter) {
  const score = chapter.quiz_score != null ? ` · best quiz ${percent(chapter.quiz_score)}` : "";
  const go = chapter.status === "in_progress" ? "Go on" : "Open";
  return h("li", { class: "box" }, medal(chapter), h("h2", {}, chapter.title),
    h("p", { class: "quiet" }, `${minutes(chapter.minutes)} · ${chapter.difficulty}`),
    h("p", { class: "quiet" }, chapter.open ? STATUS[chapter.status] + score : "Not in your current plan"),
    chapter.open && button(go, () => host.say(`Open chapter ${chapter.number}, “${chapter.title}”.`),
      { "aria-label": `${go}: chapter ${chapter.number}, ${chapter.title}` }));
}
host.start("course", ({ chapters }) => {
  const done = chapters.filter((chapter) => chapter.status === "completed").length;
  show(h("h1", {}, "The course"), h("p", { class: "quiet" }, `${done} of ${counted(chapters.length, "chapter")} completed`),
    h("ul", { class: "shelf plain", tabindex: 0, "aria-label": "Chapters" }, chapters.map(tile)));
});
