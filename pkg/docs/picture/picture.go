// Package main draws the picture of the loop: go run ./pkg/docs/picture FILE, or
// go generate ./pkg/docs.
package main

import (
	"fmt"
	"html"
	"os"
	"strings"
)

// Sizes, in pixels.
const (
	width, height = 840, 428
	laneWidth     = 256
	laneGap       = 20
	margin        = 16
	boxHeight     = 44
	rowHeight     = 58
	top           = 56 // of the first row
)

// lanes are who acts, from left to right.
var lanes = []string{"build of job upgrade", "BOSH director", "build of job verify"}

// box is a step: who does it, how far down it stands, and what it is, in two lines at
// most.
type box struct {
	lane, row int
	text      []string
}

var boxes = []box{
	{0, 0, []string{"check finds a newer", "Concourse, stemcell, …"}},
	{0, 1, []string{"1. set the pipeline"}},
	{0, 2, []string{"2. bring stemcell and", "releases to the director"}},
	{0, 3, []string{"3. start the deploy,", "which the director accepts"}},
	{0, 4, []string{"the build ends,", "and its worker can drain"}},
	{1, 3, []string{"task 42 begins"}},
	{1, 4, []string{"web and workers are", "replaced, in the order that fits"}},
	{1, 5, []string{"task 42 has ended"}},
	{2, 5, []string{"check finds task 42"}},
	{2, 4, []string{"instances, web, workers:", "are they as wanted?"}},
	{2, 3, []string{"green, or red with", "the stage and the instance"}},
}

// arrow leads from one box to another, by their places in boxes.
type arrow struct{ from, to int }

var arrows = []arrow{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {3, 5}, {5, 6}, {6, 7}, {7, 8}, {8, 9}, {9, 10}}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: picture FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], []byte(draw()), 0o644); err != nil { //nolint:gosec // a picture that everybody may read
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// left and upper are the corner of a box.
func (b box) left() int  { return margin + b.lane*(laneWidth+laneGap) + 10 }
func (b box) upper() int { return top + b.row*rowHeight }

// boxWidth is that of every box.
const boxWidth = laneWidth - 20

// draw gives the picture as SVG.
func draw() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="title" font-family="Helvetica, Arial, sans-serif" font-size="14" text-anchor="middle">
<title id="title">A build sets the pipeline, brings what is new to the director, starts the deploy and ends; the director replaces web and workers; another build verifies the result.</title>
<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="#333"/></marker></defs>
<rect width="%[1]d" height="%[2]d" rx="8" fill="#fff"/>
`, width, height)
	for i, name := range lanes {
		x := margin + i*(laneWidth+laneGap)
		fmt.Fprintf(&b, `<rect x="%d" y="12" width="%d" height="%d" rx="6" fill="#f2f5f8"/><text x="%d" y="36" font-weight="bold" fill="#223">%s</text>`+"\n",
			x, laneWidth, height-24, x+laneWidth/2, html.EscapeString(name))
	}
	for _, a := range arrows {
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="#333" stroke-width="1.5" marker-end="url(#head)"/>`+"\n", path(boxes[a.from], boxes[a.to]))
	}
	first, last := boxes[0], boxes[len(boxes)-1]
	fmt.Fprintf(&b, `<path d="M%d %dV%dH%d" fill="none" stroke="#333" stroke-width="1.5" stroke-dasharray="5 4" marker-end="url(#head)"/><text x="%d" y="%d" fill="#333">until something newer is there</text>`+"\n",
		last.left()+boxWidth/2, last.upper(), first.upper()+boxHeight/2, first.left()+boxWidth+1, boxes[5].left()+boxWidth/2, first.upper()+boxHeight/2-8)
	for _, box := range boxes {
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" rx="5" fill="#fff" stroke="#2b6cb0" stroke-width="1.5"/>`, box.left(), box.upper(), boxWidth, boxHeight)
		y := box.upper() + boxHeight/2 + 5 - 9*(len(box.text)-1)
		for i, line := range box.text {
			fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#111">%s</text>`, box.left()+boxWidth/2, y+18*i, html.EscapeString(line))
		}
		b.WriteString("\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// path is the line of an arrow: straight down or up in a lane, across between lanes.
func path(from, to box) string {
	middle := boxWidth / 2
	switch {
	case from.lane != to.lane:
		return fmt.Sprintf("M%d %dH%d", from.left()+boxWidth, from.upper()+boxHeight/2, to.left()-1)
	case from.row < to.row:
		return fmt.Sprintf("M%d %dV%d", from.left()+middle, from.upper()+boxHeight, to.upper()-1)
	default:
		return fmt.Sprintf("M%d %dV%d", from.left()+middle, from.upper(), to.upper()+boxHeight+1)
	}
}
