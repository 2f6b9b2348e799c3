// Package report is what the verbs of an installation print: each result as data for
// --output json, as text for people, or as a script for a shell. It asks nobody.
package report

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
	"github.com/perpetual-ci/perpetual/pkg/price"
)

// Plan is the result of plan with --output json.
type Plan struct {
	Name    string     `json:"name"`    // "ci"
	Changes bool       `json:"changes"` // whether deploy would change anything
	Steps   []PlanStep `json:"steps"`
	Month   *Month     `json:"month,omitempty"` // absent without aws
}

// PlanStep is what deploy would do in one step.
type PlanStep struct {
	Step    string   `json:"step"`            // "infrastructure"
	Changes bool     `json:"changes"`         //
	Summary string   `json:"summary"`         // "would be created"
	Lines   []string `json:"lines,omitempty"` // "+ Vpc (AWS::EC2::VPC)"
}

// Month is what an installation costs in a month of 730 hours.
type Month struct {
	USD     float64     `json:"usd"`               // with the assumed price of spot instances, 189.84
	Most    float64     `json:"most"`              // when no spot instances are to be had, 292.30
	Lines   []MonthLine `json:"lines"`             // what it is made of
	Unknown []string    `json:"unknown,omitempty"` // what the table has no price for: "web: x9.large in eu-central-1"
	Date    string      `json:"date"`              // of the price table, "2026-01"
	Source  string      `json:"source"`            // of the price table, in a sentence
}

// MonthLine is the price of one item.
type MonthLine struct {
	Item string  `json:"item"`           // "workers"
	USD  float64 `json:"usd"`            // 51.10
	Note string  `json:"note,omitempty"` // "1 × m6a.xlarge, spot at an assumed 45 % of on-demand"
}

// NewPlan is the plan for an installation, with what it costs.
func NewPlan(name string, p bootstrap.Plan) Plan {
	out := Plan{Name: name, Changes: p.Changes(), Steps: []PlanStep{}}
	for _, s := range p.Steps {
		out.Steps = append(out.Steps, PlanStep(s))
	}
	c := p.Config
	if c == nil || c.AWS == nil {
		return out
	}
	e := price.Month(price.Items(c, p.InstanceTypes), c.AWS.Region)
	out.Month = &Month{USD: cents(e.Total), Most: cents(e.Most), Unknown: e.Unknown, Date: e.Date, Source: e.Source, Lines: []MonthLine{}}
	for _, l := range e.Lines {
		out.Month.Lines = append(out.Month.Lines, MonthLine{l.Item, cents(l.USD), l.Note})
	}
	return out
}

// cents rounds an amount.
func cents(usd float64) float64 { return math.Round(usd*100) / 100 }

// Text is the plan for people.
func (p Plan) Text() string {
	var b strings.Builder
	for _, s := range p.Steps {
		sign := "·"
		if s.Changes {
			sign = "~"
		}
		summary := s.Summary
		if !s.Changes {
			summary = string(step.UpToDate) + ": " + summary
		}
		fmt.Fprintf(&b, "%s %-14s  %s\n", sign, s.Step, summary)
		for _, line := range s.Lines {
			b.WriteString(indent + line + "\n")
		}
	}
	if p.Month != nil {
		b.WriteString(p.Month.text())
	}
	if p.Changes {
		fmt.Fprintf(&b, "\ndeploy would make these changes to %s.\n", p.Name)
	} else {
		fmt.Fprintf(&b, "\n%s is up to date: deploy would change nothing.\n", p.Name)
	}
	return b.String()
}

// indent stands before the lines of a step.
const indent = "    "

// Paint colours a line of a plan's text that is one of a difference, for a terminal.
func Paint(line string) string {
	color, body := "", strings.TrimPrefix(line, indent)
	switch {
	case body == line || body == "":
		return line
	case body[0] == '+':
		color = "\x1b[32m"
	case body[0] == '-':
		color = "\x1b[31m"
	case body[0] == '~':
		color = "\x1b[33m"
	default:
		return line
	}
	return indent + color + body + "\x1b[0m"
}

// text is the estimate as a table.
func (m Month) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nestimated cost a month, in USD, without traffic; prices of %s\n", m.Date)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, l := range m.Lines {
		_, _ = fmt.Fprintf(w, "    %s\t%8.2f\t%s\n", l.Item, l.USD, l.Note)
	}
	without := ""
	if m.Most > m.USD {
		without = fmt.Sprintf("%.2f when no spot instances are to be had", m.Most)
	}
	_, _ = fmt.Fprintf(w, "    total\t%8.2f\t%s\n", m.USD, without)
	_ = w.Flush()
	for _, item := range m.Unknown {
		fmt.Fprintf(&b, "    not in it: %s\n", item)
	}
	return trimmed(b.String()) + wrapped("prices: "+m.Source, "    ")
}
