{% include "figures/page.js" %}
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const columns = ["photo", "true sketch"].concat(data.methods);
  const at = (id) => document.getElementById(id);
  const make = (tag, text, parent) => {
    const node = document.createElement(tag);
    node.textContent = text;
    if (parent) parent.append(node);
    return node;
  };

  /* Tables: a click on a column's name sorts by the column, a second click reverses the order. The
     largest value is first if higher is better. A group's name sorts by the group's first column. */
  const numeric = (text) => parseFloat(text.replace("\u2212", "-"));
  document.querySelectorAll("table.sortable").forEach((table) => {
    const body = table.tBodies[0];
    table.querySelectorAll("thead button").forEach((button) => {
      button.addEventListener("click", () => {
        const group = button.closest("th").dataset.sorts;
        const head = group ? table.querySelector(`[data-column="${group}"]`) : button.closest("th");
        const column = Number(head.dataset.column || head.cellIndex);
        const before = head.getAttribute("aria-sort");
        const down = before ? before === "ascending" : head.textContent.includes("\u2191");
        table.querySelectorAll("th[aria-sort]").forEach((th) => th.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const key = (row) => row.cells[column].textContent;
        const rows = Array.from(body.rows).sort((a, b) => {
          const x = numeric(key(a)), y = numeric(key(b));
          if (isNaN(x) && isNaN(y)) return key(a).localeCompare(key(b)) * (down ? -1 : 1);
          if (isNaN(x) || isNaN(y)) return isNaN(x) ? 1 : -1;
          return (x - y) * (down ? -1 : 1);
        });
        body.append(...rows);
      });
    });
  });

  /* A link to a closed section opens the section. */
  const reveal = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") { target.open = true; target.scrollIntoView(); }
  };
  window.addEventListener("hashchange", reveal);
  document.querySelectorAll("nav a").forEach((link) => link.addEventListener("click", () => {
    if (link.hash === location.hash) reveal();
  }));
  reveal();

  /* Gallery: which people, in which order. */
  const option = (select, value, text) => { make("option", text, select).value = value; };
  option(at("subset"), "", "all");
  data.subsets.forEach((name) => option(at("subset"), name, name));
  data.metrics.forEach((metric) => option(at("metric"), metric.key, metric.name));
  option(at("order"), "listed", "as listed");
  data.methods.forEach((name, index) => option(at("order"), String(index), name));
  option(at("order"), "mean", "mean of all");
  option(at("order"), "disagreement", "disagreement");

  let shown = [], drawn = 0, current = 0;
  const metric = () => data.metrics[at("metric").selectedIndex];
  /* A missing score is null. */
  const written = (value, digits) => value === null ? "\u2013" : value.toFixed(digits);
  /* The order if the best are first: highest merit first, null last. */
  const merit = (person) => {
    const all = person.scores[metric().key];
    const order = at("order").value;
    const values = all.filter((value) => value !== null);
    if (!values.length || all[Number(order)] === null) return null;
    if (order === "disagreement") return Math.max(...values) - Math.min(...values);
    const mean = values.reduce((sum, one) => sum + one, 0) / values.length;
    const value = order === "mean" ? mean : all[Number(order)];
    return metric().lower ? -value : value;
  };

  const picture = (source, description, parent) => {
    const image = make("img", "", parent);
    image.src = source;
    image.width = data.width;
    image.height = data.height;
    image.decoding = "async";
    image.alt = description;
    return image;
  };
  const card = (person, place) => {
    const article = document.createElement("article");
    article.className = "person";
    article.dataset.id = person.subset + "/" + person.id;
    const title = make("h3", person.id, article);
    make("small", person.subset, title);
    const strip = make("div", "", article);
    strip.className = "strip";
    columns.forEach((name, column) => {
      const button = make("button", "", strip);
      button.type = "button";
      const who = person.subset + " " + person.id;
      const image = picture(person.images[column], name + " of " + who, button);
      const caption = make("span", name + " ", button);
      if (column > 1) {
        const value = person.scores[metric().key][column - 2];
        make("small", metric().name + " " + written(value, 3), caption);
        /* Hovering over a drawing shows the true sketch and its caption. */
        const label = caption.firstChild;
        const swap = (shown) => {
          image.src = person.images[shown];
          label.data = columns[shown] + " ";
          button.classList.toggle("true", shown === 1);
        };
        button.addEventListener("pointerenter", (event) => {
          if (event.pointerType === "mouse") swap(1);
        });
        button.addEventListener("pointerleave", () => swap(column));
        const nearest = person.nearest[column - 2];
        if (nearest) {
          const figure = make("figure", "", strip);
          const text = "training sketch " + nearest.replace("/", " ");
          picture(data.training[nearest], text + ", nearest to " + name + " of " + who, figure);
          make("figcaption", text, figure);
        }
      }
      button.addEventListener("click", () => open(place, column));
    });
    return article;
  };
  const draw = () => {
    const end = Math.min(shown.length, drawn + 24);
    for (; drawn < end; drawn++) at("people").append(card(shown[drawn], drawn));
  };
  const arrange = () => {
    const subset = at("subset").value;
    shown = data.people.filter((person) => !subset || person.subset === subset);
    if (at("order").value !== "listed") {
      const merits = new Map(shown.map((person) => [person, merit(person)]));
      const worst = at("worst").getAttribute("aria-pressed") === "true";
      const turned = at("order").value !== "disagreement" && worst ? -1 : 1;
      shown.sort((a, b) => {
        const x = merits.get(a), y = merits.get(b);
        if (x === null || y === null) return (x === null) - (y === null);
        return (y - x) * turned;
      });
    }
    at("people").replaceChildren();
    drawn = 0;
    draw();
    at("count").textContent = shown.length + " of " + data.people.length + " faces";
  };
  ["subset", "metric", "order"].forEach((id) => at(id).addEventListener("change", arrange));
  at("worst").addEventListener("click", () => {
    const on = at("worst").getAttribute("aria-pressed") !== "true";
    at("worst").setAttribute("aria-pressed", String(on));
    if (on && ["listed", "disagreement"].includes(at("order").value)) at("order").value = "mean";
    arrange();
  });
  at("nearest").addEventListener("click", () => {
    const on = at("people").classList.toggle("nearest");
    at("nearest").setAttribute("aria-pressed", String(on));
  });
  at("nearest").hidden = !Object.keys(data.training).length;
  new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) draw();
  }, { rootMargin: "1500px" }).observe(at("more"));

  /* Comparing two images of a person: one over the other, cut at a divider. */
  ["left", "right"].forEach((side) => {
    columns.forEach((name, index) => option(at(side), String(index), name));
    at(side).addEventListener("change", () => show());
  });
  const cut = divided(at("stage"), at("divide"));
  const show = () => {
    const person = shown[current];
    const left = Number(at("left").value), right = Number(at("right").value);
    at("who").textContent = person.subset + " " + person.id;
    [["under", left], ["over", right]].forEach(([id, column]) => {
      at(id).src = person.images[column];
      at(id).alt = columns[column];
    });
    at("scores").replaceChildren();
    const head = make("tr", "", at("scores"));
    make("th", "", head);
    data.metrics.forEach((one) => make("th", one.name, head));
    [left, right].filter((column) => column > 1).forEach((column) => {
      const row = make("tr", "", at("scores"));
      make("th", columns[column], row);
      data.metrics.forEach((one) => {
        make("td", written(person.scores[one.key][column - 2], 4), row);
      });
    });
    at("scores").hidden = left < 2 && right < 2;
    at("previous").disabled = current === 0;
    at("next").disabled = current === shown.length - 1;
  };
  const open = (place, column) => {
    current = place;
    at("left").value = "1";
    at("right").value = String(column === 1 ? 0 : column);
    cut(50);
    show();
    at("compare").showModal();
    at("divide").focus();
  };
  const step = (by) => {
    const target = current + by;
    if (target < 0 || target >= shown.length) return;
    current = target;
    show();
  };
  at("previous").addEventListener("click", () => step(-1));
  at("next").addEventListener("click", () => step(1));
  at("close").addEventListener("click", () => at("compare").close());
  at("compare").addEventListener("keydown", (event) => {
    const by = { PageDown: 1, n: 1, PageUp: -1, p: -1 }[event.key];
    if (by) { event.preventDefault(); step(by); }
  });
  at("compare").addEventListener("click", (event) => {
    if (event.target === at("compare")) at("compare").close();
  });
  arrange();
})();
