let paper, answers, place;

function begin(quiz) {
  paper = quiz; answers = {}; place = 0;
  return ask();
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
function said(question) {
  const answer = answers[question.question_id];
  if (question.type === "true-false") return answer ? "True" : "False";
  return question.options.find((option) => option.id === answer)?.text ?? answer;
}
// Draws the question and gives its heading, for the focus of a reader who came here by a button.
function ask() {
  const question = paper.questions[place], total = paper.questions.length;
  const legend = h("legend", { tabindex: -1 }, question.text);
  const form = h("form", { onsubmit: (event) => { event.preventDefault(); onward.click(); } }, h("fieldset", {}, legend, choices(question)));
  const onward = button(place + 1 < total ? "Next" : "Hand in", () => next(question, form), { class: "main" });
  show(h("p", { class: "quiet" }, `Question ${place + 1} of ${total} · ${paper.title}`), bar(Math.round(100 * place / total), "Answered"), form,
    h("div", { class: "row" }, onward, place > 0 && button("Back", () => { place -= 1; ask().focus(); })));
  announce(`Question ${place + 1} of ${total}`);
  host.know({ quiz_id: paper.quiz_id, question: question.text, number: place + 1, of: total });
  return legend;
}
async function next(question, form) {
  const given = { ...answers, [question.question_id]: chosen(question, form) };
  const step = await host.call("answer_question", { quiz_id: paper.quiz_id, question_id: question.question_id, answers: given });
  answers = given; // what was not taken is no answer: the next call must not hand it in
  if (step.result) return finish(step.result);
  place = place + 1 < paper.questions.length ? place + 1 : paper.questions.findIndex((one) => one.question_id === step.next_question);
  ask().focus();
}
function verdict(one) {
  if (one.correct) return "Right";
  return one.score > 0 ? `Partly right: ${one.score} of ${counted(one.max_score, "point")}` : "Not right";
}
function finish(result) {
  const title = h("h1", { tabindex: -1 }, result.passed ? `Passed with ${percent(result.score)}` : `${percent(result.score)}: not passed yet`);
  const questions = new Map(paper.questions.map((question) => [question.question_id, question]));
  const told = result.questions.map((one) => ({ ...one, question: questions.get(one.question_id).text, answered: said(questions.get(one.question_id)) }));
  show(title, bar(result.score, "Score"),
    h("p", { class: "quiet" }, `${result.correct} of ${result.total} right · ${percent(result.passing_score)} to pass · best ${percent(result.best_score)}`),
    result.review.length > 0 && h("p", {}, `Read again: ${result.review.join("; ")}.`),
    h("ol", {}, told.map((one) => h("li", {}, one.question, h("p", { class: "answered" }, `You answered: ${one.answered}`),
      h("div", { class: one.correct ? "good" : "bad" }, verdict(one)),
      h("p", { class: "quiet" }, [one.feedback, one.explanation].filter(Boolean).join(" ")),
      one.hints.length > 0 && h("ul", { class: "quiet", "aria-label": "Hints" }, one.hints.map((hint) => h("li", {}, hint)))))),
    h("div", { class: "row" },
      button("Talk it through", () => host.say(result.correct < result.total
        ? "Talk me through what I got wrong in this quiz." : "Talk me through what I should remember of this quiz."), { class: "main" }),
      button("Try again", () => begin(paper).focus())));
  title.focus();
  announce(title.textContent);
  host.know({ quiz_id: result.quiz_id, score: result.score, passed: result.passed, read_again: result.review,
    answers: told.map(({ question, answered, correct, explanation }) => ({ question, answered, correct, explanation })) });
}
host.start("quiz", begin);
