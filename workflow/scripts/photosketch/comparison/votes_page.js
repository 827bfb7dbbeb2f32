const element = (id) => document.getElementById(id);
const data = JSON.parse(element("data").textContent);
let voter = "", trials = [], votes = [];
let isShown = false, wasShown = false; // the true sketch: at present, and in this choice
let isKept = true;

// Random numbers in [0, 1) that follow from a text: FNV-1a gives the state of an xorshift.
function randomOf(text) {
  let state = 2166136261;
  for (const letter of text) state = Math.imul(state ^ letter.codePointAt(0), 16777619);
  const next = () => {
    state ^= state << 13; state ^= state >>> 17; state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 20; i++) next(); // similar names have similar states at first
  return next;
}

// All pairs of sketches of all people; order and sides depend on the voter's name.
function shuffledTrials() {
  const random = randomOf(`${data.seed} ${voter}`), listed = [];
  for (const { photo, trueSketch, sketches } of data.faces)
    for (let i = 0; i < sketches.length; i++)
      for (let j = 0; j < i; j++) {
        const [left, right] = random() < .5 ? [sketches[i], sketches[j]] : [sketches[j], sketches[i]];
        listed.push({ photo, trueSketch, left, right });
      }
  for (let i = listed.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [listed[i], listed[j]] = [listed[j], listed[i]];
  }
  return listed;
}

function keep() {
  try {
    localStorage.setItem(`${data.key} ${voter}`, JSON.stringify(votes));
    isKept = true;
  } catch {
    isKept = false;
    element("message").textContent = "This browser cannot keep votes: save them before you leave.";
  }
}

function kept() {
  try {
    return JSON.parse(localStorage.getItem(`${data.key} ${voter}`)) ?? [];
  } catch {
    return [];
  }
}

function show() {
  const trial = trials[votes.length], isDone = !trial;
  element("progress").textContent = `${votes.length} of ${trials.length} votes`;
  element("save").disabled = !votes.length;
  element("back").disabled = !votes.length;
  element("above").hidden = element("choices").hidden = element("truth").hidden = isDone;
  element("done").hidden = !isDone;
  element("true-sketch").hidden = !isShown;
  element("truth").setAttribute("aria-pressed", isShown);
  wasShown = isShown;
  if (isDone) return element("save").focus();
  element("photo").src = trial.photo;
  element("true-sketch").src = trial.trueSketch;
  for (const side of ["left", "right"]) element(side).querySelector("img").src = trial[side][1];
}

function vote(choice) {
  const trial = trials[votes.length];
  if (!trial) return;
  votes.push([trial.left[0], trial.right[0], choice, wasShown ? "yes" : "no"]);
  element("message").textContent = "";
  keep();
  show();
}

function back() {
  votes.pop();
  keep();
  show();
}

function toggleTruth() {
  isShown = !isShown;
  element("true-sketch").hidden = !isShown;
  element("truth").setAttribute("aria-pressed", isShown);
  wasShown ||= isShown;
}

function save() {
  const rows = [data.columns, ...votes.map((cells) => [voter, ...cells])];
  const address = URL.createObjectURL(
    new Blob([rows.map((row) => row.join(",") + "\n").join("")], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `votes_${voter}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
  isKept = true;
  element("message").textContent = `Saved ${link.download} with ${votes.length} votes.`;
}

element("welcome").addEventListener("submit", (event) => {
  event.preventDefault();
  voter = element("name").value;
  trials = shuffledTrials();
  votes = kept();
  element("welcome").hidden = true;
  element("voting").hidden = false;
  element("voting").focus();
  show();
});
for (const choice of ["left", "tie", "right"])
  element(choice).addEventListener("click", () => vote(choice));
element("truth").addEventListener("click", toggleTruth);
element("back").addEventListener("click", back);
element("save").addEventListener("click", save);
const keys = { arrowleft: () => vote("left"), arrowdown: () => vote("tie"),
  arrowright: () => vote("right"), t: toggleTruth, z: () => element("back").click() };
document.addEventListener("keydown", (event) => {
  const act = keys[event.key.toLowerCase()];
  if (!act || !voter || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  if (!event.repeat) act(); // a key held down is one vote
});
window.addEventListener("beforeunload", (event) => {
  if (!isKept) event.preventDefault();
});
