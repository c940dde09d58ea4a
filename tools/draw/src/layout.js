// Where panels stand. Collapsed rows are opened, so that every panel is drawn.

const bottom = (panels) => Math.max(0, ...panels.map((p) => p.gridPos.y + p.gridPos.h));

const moved = (panel, dy) => ({ ...panel, gridPos: { ...panel.gridPos, y: panel.gridPos.y + dy } });

function opened(row) {
  const top = row.gridPos.y + 1;
  const dy = row.panels.length ? top - Math.min(...row.panels.map((p) => p.gridPos.y)) : 0;
  return [{ ...row, collapsed: false, panels: [] }, ...row.panels.map((p) => moved(p, dy))];
}

// One list of rows and panels, in the order of the page.
export function flatten(panels) {
  const flat = [];
  let shift = 0;
  for (const panel of panels.map((p) => moved(p, 0))) {
    const placed = moved(panel, shift);
    if (panel.type !== 'row' || !panel.collapsed || !panel.panels?.length) flat.push(placed);
    else {
      const inner = opened(placed);
      flat.push(...inner);
      shift += bottom(inner) - (placed.gridPos.y + 1);
    }
  }
  return flat;
}

// Rows own the panels that follow them, as in Grafana's scenes.
export function sections(flat) {
  const top = [];
  let row;
  for (const panel of flat) {
    if (panel.type === 'row') top.push((row = { ...panel, children: [] }));
    else (row ? row.children : top).push(panel);
  }
  return top;
}

export function overlaps(flat) {
  const meet = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
  const wide = flat.filter((p) => p.gridPos.x + p.gridPos.w > 24).map((p) => `panel "${p.title}" is wider than the grid`);
  const pairs = flat.flatMap((a, i) => flat.slice(i + 1).filter((b) => meet(a.gridPos, b.gridPos)).map((b) => `panels "${a.title}" and "${b.title}" overlap`));
  return [...wide, ...pairs];
}
