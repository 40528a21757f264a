// The live part of a page: one stream of what its topic says, and the chart that follows it.
"use strict";

const live = document.querySelector("#live[data-topic]");
const banner = document.querySelector("#connection");
let source = null;
let chart = null;

function open_stream() {
  if (!live || source) return;
  source = new EventSource(`${live.dataset.events}?topic=${encodeURIComponent(live.dataset.topic)}`);
  source.addEventListener("html", (event) => {
    banner.hidden = true;
    show(event.data);
  });
  source.addEventListener("open", () => { banner.hidden = true; });
  source.addEventListener("error", () => {
    banner.hidden = false;
    // A refusal closes the stream for good; a lost connection comes back by itself.
    if (source.readyState === EventSource.CLOSED) {
      source = null;
      setTimeout(open_stream, 5000);
    }
  });
}

function close_stream() {
  if (source) source.close();
  source = null;
}

// What is rendered on the server is escaped there. What somebody has opened stays open.
function show(html) {
  const opened = [...live.querySelectorAll("details[id][open]")].map((one) => one.id);
  live.innerHTML = html;
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  draw();
}

function draw() {
  const place = document.querySelector("#chart");
  const told = document.querySelector("#course");
  if (!place || !told) return;
  const course = JSON.parse(told.dataset.course);
  place.closest("figure").hidden = course.data[0].length < 2;
  if (course.data[0].length < 2) return;
  const colours = ["#3b82f6", "#16a34a", "#d97706", "#9333ea"];
  const ink = getComputedStyle(document.body).color;
  if (!chart || chart.series.length !== course.data.length) {
    chart?.destroy();
    const axis = { stroke: ink, grid: { stroke: "#8884", width: 1 } };
    chart = new uPlot({
      width: place.clientWidth, height: 220,
      series: [{}, ...course.names.map((label, i) => ({ label, stroke: colours[i % 4], width: 2 }))],
      axes: [axis, { ...axis, size: 70 }],
    }, course.data, place);
  } else {
    chart.setData(course.data);
  }
}

addEventListener("resize", () => {
  const place = document.querySelector("#chart");
  if (chart && place) chart.setSize({ width: place.clientWidth, height: 220 });
});
// Nobody looks: the gateway need not read for this page.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) close_stream(); else open_stream();
});
open_stream();
draw();
