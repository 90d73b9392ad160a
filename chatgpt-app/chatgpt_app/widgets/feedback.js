host.start("feedback", (graded) => {
  const list = (title, points) => points.length > 0 && [h("h2", {}, title), h("ul", {}, points.map((point) => h("li", {}, point)))];
  const earned = (one) => Math.round(100 * one.points / one.out_of);
  const before = graded.review?.original_score !== graded.score ? `; it was ${graded.review?.original_score} before` : "";
  const full = graded.score === 10;
  show(graded.question && h("p", { class: "quiet" }, graded.question), h("h1", {}, `${graded.score} of 10 points`), bar(Math.round(10 * graded.score), "Score"),
    graded.off_topic && h("p", { class: "bad" }, "This answered another question."),
    graded.review && h("p", { class: "box" }, `A person has looked at this grade${before}. ${graded.review.note ?? ""}`),
    h("p", {}, graded.summary), list("What was good", graded.strengths), list(full ? "To go further" : "What would make it better", graded.improvements),
    h("h2", {}, "By criterion"),
    h("ul", { class: "plain" }, graded.criteria.map((one) => h("li", { class: "box" },
      h("div", { class: "row ends" }, h("strong", {}, one.criterion), h("span", { class: "quiet" }, `${one.points} of ${counted(one.out_of, "point")}`)),
      bar(earned(one), one.criterion), one.quote && h("blockquote", {}, `“${one.quote}”`), h("p", { class: "quiet" }, one.why)))),
    full ? button("Go further with me", () => host.say("Talk me through what made this answer good, and what I could think about next."), { class: "main" })
      : button("Work on it with me", () => host.say("Help me improve this answer without writing it for me."), { class: "main" }));
  host.know({ question_id: graded.question_id, question: graded.question, score: graded.score, improvements: graded.improvements });
});
