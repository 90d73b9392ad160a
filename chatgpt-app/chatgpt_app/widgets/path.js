const IMPACT = { high: "Helps most", medium: "Helps", low: "Good to have" };

host.start("path", (path) => {
  let done = path.completed_steps;
  const head = h("p", { class: "quiet" });
  const count = () => { head.textContent = `${done} of ${path.steps.length} steps done, ${minutes(path.total_minutes)} in all`; };
  const step = (one) => {
    const ticked = h("span", { class: "good" });
    const tick = button("Done", async () => {
      const after = await host.call("complete_recommendation", { chapter_id: one.chapter_id, section_id: one.section_id });
      done = after.completed_steps;
      count();
      tick.remove();
      ticked.textContent = "Done";
      announce(`${done} of ${path.steps.length} steps done`);
    }, { "aria-label": `Tick off: ${one.chapter_title}, ${one.section_id}` });
    return h("li", { class: "box" }, h("p", { class: "quiet" }, `${one.chapter_title}, ${minutes(one.minutes)}, ${IMPACT[one.impact]}`),
      h("p", {}, one.reason),
      h("div", { class: "row" }, button("Read", () => host.say(`Read the section ${one.section_id} of “${one.chapter_title}” with me.`),
        { "aria-label": `Read: ${one.chapter_title}, ${one.section_id}` }), path.status === "active" && tick, ticked));
  };
  count();
  show(h("h1", {}, "Your learning path"), head, path.reasoning && h("p", {}, path.reasoning), h("ol", { class: "plain" }, path.steps.map(step)));
});
