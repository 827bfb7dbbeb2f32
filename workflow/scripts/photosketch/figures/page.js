const divided = (stage, range) => {
  const over = stage.querySelector(".over");
  const cut = (percent) => {
    range.value = percent;
    over.style.clipPath = "inset(0 0 0 " + percent + "%)";
    stage.style.setProperty("--divide", percent + "%");
  };
  const follow = (event) => {
    if (event.pointerType !== "mouse" && event.type === "pointermove" && !event.buttons) return;
    const box = stage.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    cut(Math.round(100 * Math.min(1, Math.max(0, share))));
  };
  range.addEventListener("input", () => cut(Number(range.value)));
  stage.addEventListener("pointermove", follow);
  stage.addEventListener("pointerdown", follow);
  cut(50);
  return cut;
};
