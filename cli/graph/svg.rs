//! Draws a graph as SVG: states in rows by their distance from the start, nested machines inside their state's box.

use super::{Graph, Node};
use crate::ui::text;

const BOX_WIDTH: usize = 220;
const BOX_HEIGHT: usize = 36;
/// A cell of bold text at size 13 takes at most this width on average.
const CELL_WIDTH: usize = 8;
const GAP: usize = 40;
const MARGIN: usize = 20;

/// A graph with the layout of its nodes.
struct Laid {
    width: usize,
    height: usize,
    /// Left, top, width and height of each node.
    boxes: Vec<(usize, usize, usize, usize)>,
    inner: Vec<Vec<Laid>>,
}

/// The drawing as SVG text.
pub fn svg(graph: &Graph) -> String {
    let laid = lay(graph);
    let (width, height) = (laid.width + 2 * MARGIN, laid.height + 2 * MARGIN);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<defs><marker id=\"to\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" \
         markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 z\"/></marker></defs>\n"
    );
    draw(graph, &laid, MARGIN, MARGIN, &mut text);
    text.push_str("</svg>\n");
    text
}

/// The states by their distance from the start. Unreachable states come last.
fn rows(graph: &Graph) -> Vec<Vec<usize>> {
    let mut row_of = vec![usize::MAX; graph.nodes.len()];
    let mut now: Vec<usize> = graph.start.into_iter().collect();
    let mut row = 0;
    while !now.is_empty() {
        now.iter().for_each(|node| row_of[*node] = row);
        let next = graph.edges.iter().filter(|(from, ..)| now.contains(from)).map(|(_, to, _)| *to);
        let mut next: Vec<usize> = next.filter(|to| row_of[*to] == usize::MAX).collect();
        next.sort_unstable();
        next.dedup();
        (now, row) = (next, row + 1);
    }
    let mut rows = vec![Vec::new(); row + 1];
    row_of.iter().enumerate().for_each(|(node, at)| rows[(*at).min(row)].push(node));
    rows.retain(|row| !row.is_empty());
    rows
}

/// The width of a box that contains the name and the type of a state.
fn text_width(node: &Node) -> usize {
    (text::width(&node.name) + 1 + text::width(&node.kind)) * CELL_WIDTH + MARGIN
}

fn lay(graph: &Graph) -> Laid {
    let inner: Vec<Vec<Laid>> = graph.nodes.iter().map(|node| node.inner.iter().map(lay).collect()).collect();
    let size = |node: usize| {
        let within = &inner[node];
        let width: usize = within.iter().map(|laid| laid.width + GAP).sum();
        let width = width.max(text_width(&graph.nodes[node]));
        let height = within.iter().map(|laid| laid.height + GAP).max().unwrap_or(0);
        (BOX_WIDTH.max(width), BOX_HEIGHT + height)
    };
    let mut boxes = vec![(0, 0, 0, 0); graph.nodes.len()];
    let (mut top, mut width) = (0, 0);
    for row in rows(graph) {
        let (mut left, mut height) = (0, 0);
        for node in row {
            let (node_width, node_height) = size(node);
            boxes[node] = (left, top, node_width, node_height);
            left += node_width + GAP;
            height = height.max(node_height);
        }
        top += height + GAP;
        width = width.max(left.saturating_sub(GAP));
    }
    Laid { width, height: top.saturating_sub(GAP), boxes, inner }
}

fn draw(graph: &Graph, laid: &Laid, x: usize, y: usize, text: &mut String) {
    for (index, node) in graph.nodes.iter().enumerate() {
        let (left, top, width, height) = laid.boxes[index];
        let (left, top) = (x + left, y + top);
        let colour = if node.kind == "Choice" { "#fff4d6" } else { "#ffffff" };
        text.push_str(&format!(
            "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"{colour}\" stroke=\"#445\"/>\n\
             <text x=\"{}\" y=\"{}\"><tspan font-weight=\"bold\">{}</tspan> {}</text>\n",
            left + 10,
            top + 23,
            escaped(&node.name),
            escaped(&node.kind)
        ));
        let mut inner_left = left + GAP / 2;
        for (inner, inner_laid) in node.inner.iter().zip(&laid.inner[index]) {
            draw(inner, inner_laid, inner_left, top + BOX_HEIGHT + GAP / 2, text);
            inner_left += inner_laid.width + GAP;
        }
    }
    for (from, to, label) in &graph.edges {
        let ((from_x, from_y, from_width, from_height), (to_x, to_y, to_width, _)) =
            (laid.boxes[*from], laid.boxes[*to]);
        let (x1, y1) = (x + from_x + from_width / 2, y + from_y + from_height);
        let (x2, y2) = (x + to_x + to_width / 2, y + to_y);
        let (middle_x, middle_y) = ((x1 + x2) / 2 + 4, (y1 + y2) / 2);
        text.push_str(&format!(
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"#445\" marker-end=\"url(#to)\"/>\n\
             <text x=\"{middle_x}\" y=\"{middle_y}\" fill=\"#667\" font-size=\"11\">{}</text>\n",
            escaped(label)
        ));
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
