function calendar(days) {
  const weeks = Math.ceil(days.length / 7), active = days.filter(Boolean).length;
  return svg("svg", { viewBox: `0 0 ${7 * 16} ${weeks * 16}`, width: 7 * 22, height: weeks * 22, role: "img",
    "aria-label": `Learning days: ${active} of the last ${days.length}; today ${days.at(-1) ? "is one" : "not yet"}.` },
  days.map((on, day) => svg("rect", { x: (day % 7) * 16 + 1, y: Math.floor(day / 7) * 16 + 1, width: 14, height: 14, rx: 3,
    fill: on ? "var(--accent)" : "var(--tint)", stroke: day === days.length - 1 ? "var(--ink)" : "var(--line)" })));
}
host.start("progress", (page) => {
  const { streak } = page;
  const goal = streak.next_goal;
  show(h("h1", {}, `${percent(page.percent)} of the course`), bar(page.percent, "Course"),
    h("p", { class: "quiet" }, `${page.completed_chapters} of ${counted(page.total_chapters, "chapter")} completed`),
    h("ul", { class: "plain" }, page.chapters.map((chapter) => h("li", {},
      h("div", { class: "row ends" }, h("span", {}, chapter.title),
        h("span", { class: "quiet" }, chapter.quiz_score != null ? `${percent(chapter.percent)} · quiz ${percent(chapter.quiz_score)}` : percent(chapter.percent))),
      bar(chapter.percent, chapter.title)))),
    h("div", { class: "box row" }, h("div", {}, calendar(streak.calendar), h("p", { class: "quiet" }, `The last ${counted(streak.calendar.length, "day")}`)),
      h("div", { style: "flex: 1 1 14rem" }, h("h2", {}, `Streak: ${counted(streak.current, "day")}`),
        h("p", { class: "quiet" }, `Longest: ${counted(streak.longest, "day")}`), h("p", {}, streak.encouragement),
        goal && h("p", { class: "quiet" }, `Next: ${goal.description.replace(/\.$/, "")} (${goal.current} of ${goal.target})`))),
    page.go_on_chapter && button("Go on where I stopped", () => host.say("Go on where I stopped."), { class: "main" }));
});
