host.start("lesson", (chapter) => {
  const read = (section) => host.say(`Read the section “${section.title}” of chapter ${chapter.number} with me.`);
  show(h("p", { class: "quiet" }, [`Chapter ${chapter.number}`, minutes(chapter.minutes), STATUS[chapter.status]].filter(Boolean).join(" · ")),
    h("h1", {}, chapter.title), h("p", {}, chapter.subtitle),
    h("h2", {}, "You will learn to"), h("ul", {}, chapter.learning_objectives.map((goal) => h("li", {}, goal))),
    h("h2", {}, "Sections"),
    h("ol", {}, chapter.sections.map((section) => h("li", {}, section.title, " ", h("span", { class: "quiet" }, minutes(section.minutes))))),
    h("div", { class: "row" },
      button(chapter.status === "in_progress" ? "Go on reading" : "Start reading", () => chapter.status === "in_progress"
        ? host.say(`Go on with chapter ${chapter.number} where I stopped.`) : read(chapter.sections[0]), { class: "main" }),
      button("Take the quiz", () => host.say(`Give me the quiz of chapter ${chapter.number}.`))));
  host.know({ open_chapter: chapter.chapter_id, title: chapter.title });
});
