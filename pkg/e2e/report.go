package main

import (
	"fmt"
	"os"
	"strings"
)

// writeReport writes what was seen, scenario by scenario.
func writeReport(path string, whole *timeline, all []*performance) error {
	var b strings.Builder
	b.WriteString("# End-to-end report\n\nReal Concourse web, workers and containers; director and upstreams are simulators.\n")
	b.WriteString("Concourse looks at things more often than by default, and the ten minutes between two checks of the pipeline are skipped.\n\n")
	b.WriteString("| scenario | | as it must be | builds of jobs started | errored | failed | checks looked at | errored | took |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, p := range all {
		mark, took := "yes", ""
		if p.err != nil || p.failed() > 0 {
			mark = "**no**"
		}
		if n := len(p.line.moments); n > 0 {
			took = fmt.Sprintf("%.0f s", p.line.moments[n-1].at.Sub(p.line.begin).Seconds())
		}
		c := p.counts
		fmt.Fprintf(&b, "| %d | %s | %s | %d | %d | %d | %d | %d | %s |\n", p.number, p.title, mark, c.started, c.errored, c.failed, c.checks, c.checksErrored, took)
	}
	for _, p := range all {
		p.report(&b)
	}
	b.WriteString("\n## The whole run\n\n```\n" + strings.Join(whole.lines(), "\n") + "\n```\n")
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// report writes one scenario's part.
func (p *performance) report(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %d. %s\n\n", p.number, p.title)
	if p.err != nil {
		fmt.Fprintf(b, "**It ended early: %v**\n\n", p.err)
	}
	if p.stage != nil {
		for _, e := range p.expectations {
			if e.ok {
				fmt.Fprintf(b, "- yes: %s\n", e.what)
			} else {
				fmt.Fprintf(b, "- **no**: %s (%s)\n", e.what, e.seen)
			}
		}
		if len(p.phases) > 0 {
			b.WriteString("\n| since the deploy was accepted | s |\n|---|---|\n")
		}
		for _, f := range p.phases {
			fmt.Fprintf(b, "| %s | %.1f |\n", f.name, f.at.Sub(p.phases[0].at).Seconds())
		}
	}
	b.WriteString("\n```\n" + strings.Join(p.line.lines(), "\n") + "\n```\n")
	if len(p.events) > 0 {
		b.WriteString("\nThe director's tasks:\n\n```\n" + strings.Join(p.events, "\n") + "\n```\n")
	}
}
