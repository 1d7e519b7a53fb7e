(function () {
  "use strict";
  var boxes = Array.prototype.slice.call(document.querySelectorAll("[data-figure]"));
  var options = { responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "", modeBarButtons: [["toImage"]] };
  boxes.forEach(function (box) {
    var figure = JSON.parse(document.getElementById(box.dataset.figure).textContent);
    Plotly.newPlot(box, figure.data, figure.layout, options);
  });
  // A link to a row inside a closed part opens it first.
  function open() {
    var target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (var part = target; part; part = part.parentElement) {
      if (part.tagName === "DETAILS") { part.open = true; }
    }
    if (target) { target.scrollIntoView({ block: "center" }); }
  }
  window.addEventListener("hashchange", open);
  open();
  // Paper is narrower than a screen: draw the figures at its width, then as before.
  function widths(width) {
    boxes.forEach(function (box) { Plotly.relayout(box, { width: width, autosize: width === null }); });
  }
  window.addEventListener("beforeprint", function () { widths(690); });
  window.addEventListener("afterprint", function () { widths(null); });
})();
