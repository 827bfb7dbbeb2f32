{% include "figures/page.js" %}
document.querySelectorAll("article .stage").forEach((stage) => {
  divided(stage, stage.nextElementSibling);
});
