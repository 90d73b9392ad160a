const IMPACT = { high: "Helps most", medium: "Helps", low: "Good to have" };

host.start("path", (path) => {
  let done = path.completed_steps;
  const head = h("p", { class: "quiet" });
  const standing = () => `${done} of ${counted(path.steps.length, "step")} done`;
  const count = () => { head.textContent = `${standing()} · ${minutes(path.total_minutes)} in all`; };
  const step = (one) => {
    const ticked = h("span", { class: "good", tabindex: -1 }, one.done && "Done");
    const tick = button("Mark as done", async () => {
      await host.call("complete_recommendation", { chapter_id: one.chapter_id, section_id: one.section_id });
      done += 1; // of this card's steps: the answer counts those of the newest path, which may be another
      count();
      tick.remove();
      ticked.textContent = "Done";
      ticked.focus(); // the button that had the focus is gone
      announce(standing());
    }, { "aria-label": `Mark as done: ${one.section_title}` });
    return h("li", { class: "box" }, h("h2", {}, one.section_title),
      h("p", { class: "quiet" }, `${IMPACT[one.impact]} · ${minutes(one.minutes)} · ${one.chapter_title}`), h("p", {}, one.reason),
      h("div", { class: "row" }, button("Read", () => host.say(`Read the section “${one.section_title}” of “${one.chapter_title}” with me.`),
        { "aria-label": `Read: ${one.section_title}` }), path.status === "active" && !one.done && tick, ticked));
  };
  count();
  show(h("h1", {}, "Your learning path"), path.note && h("p", { class: "box" }, path.note), head, path.reasoning && h("p", {}, path.reasoning), h("ol", { class: "plain" }, path.steps.map(step)));
});
