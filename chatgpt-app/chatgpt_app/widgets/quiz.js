let paper, answers, place;

function begin(quiz) {
  paper = quiz; answers = {}; place = 0;
  ask();
}
function choices(question) {
  if (question.type === "short-answer") {
    return h("textarea", { name: "answer", maxlength: 2000, "aria-label": "Your answer", rows: 4 }, answers[question.question_id] ?? "");
  }
  const options = question.type === "true-false" ? [{ id: "true", text: "True" }, { id: "false", text: "False" }] : question.options;
  return options.map((option) => h("label", { class: "choice" },
    h("input", { type: "radio", name: "answer", value: option.id, checked: String(answers[question.question_id]) === option.id }),
    h("span", {}, option.text)));
}
function chosen(question, form) {
  const value = new FormData(form).get("answer")?.trim();
  if (!value) throw new Error("Choose or write an answer first.");
  return question.type === "true-false" ? value === "true" : value;
}
function ask() {
  const question = paper.questions[place], total = paper.questions.length;
  const legend = h("legend", { tabindex: -1 }, question.text);
  const form = h("form", { onsubmit: (event) => { event.preventDefault(); onward.click(); } }, h("fieldset", {}, legend, choices(question)));
  const onward = button(place + 1 < total ? "Next" : "Hand in", () => next(question, form), { class: "main" });
  show(h("p", { class: "quiet" }, `Question ${place + 1} of ${total} · ${paper.title}`), bar(Math.round(100 * place / total), "Answered"), form,
    h("div", { class: "row" }, onward, place > 0 && button("Back", () => { place -= 1; ask(); })));
  if (place > 0) legend.focus();
  announce(`Question ${place + 1} of ${total}`);
  host.know({ quiz_id: paper.quiz_id, question: question.text, number: place + 1, of: total });
}
async function next(question, form) {
  answers[question.question_id] = chosen(question, form);
  const step = await host.call("answer_question", { quiz_id: paper.quiz_id, question_id: question.question_id, answers });
  if (step.result) return finish(step.result);
  place = place + 1 < paper.questions.length ? place + 1 : paper.questions.findIndex((one) => one.question_id === step.next_question);
  ask();
}
function verdict(one) {
  if (one.correct) return "Right";
  return one.score > 0 ? `Partly right: ${one.score} of ${counted(one.max_score, "point")}` : "Not right";
}
function finish(result) {
  const title = h("h1", { tabindex: -1 }, result.passed ? `Passed with ${percent(result.score)}` : `${percent(result.score)}: not passed yet`);
  const asked = new Map(paper.questions.map((question) => [question.question_id, question.text]));
  show(title, bar(result.score, "Score"),
    h("p", { class: "quiet" }, `${result.correct} of ${result.total} right · ${percent(result.passing_score)} to pass · best ${percent(result.best_score)}`),
    result.review.length > 0 && h("p", {}, `Read again: ${result.review.join("; ")}.`),
    h("ol", {}, result.questions.map((one) => h("li", {}, asked.get(one.question_id),
      h("div", { class: one.correct ? "good" : "bad" }, verdict(one)),
      h("p", { class: "quiet" }, [one.feedback, one.explanation].filter(Boolean).join(" ")),
      one.hints.length > 0 && h("ul", { class: "quiet", "aria-label": "Hints" }, one.hints.map((hint) => h("li", {}, hint)))))),
    h("div", { class: "row" },
      button("Talk it through", () => host.say(result.correct < result.total
        ? "Talk me through what I got wrong in this quiz." : "Talk me through what I should remember of this quiz."), { class: "main" }),
      button("Try again", () => begin(paper))));
  title.focus();
  announce(title.textContent);
  host.know({ quiz_id: result.quiz_id, score: result.score, passed: result.passed, read_again: result.review,
    wrong: result.questions.filter((one) => !one.correct).map((one) => asked.get(one.question_id)) });
}
host.start("quiz", begin);
