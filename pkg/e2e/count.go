package main

import (
	"fmt"
	"time"
)

// counts are the builds of a scenario.
type counts struct {
	started, errored, failed int // builds of jobs, of all teams
	checks, checksErrored    int // builds of checks that were looked at
}

// count counts the site's builds.
func (s *stage) count() counts {
	var c counts
	for _, b := range s.record.all() {
		switch {
		case b.JobName == "":
			c.checks++
			if b.Status == "errored" {
				c.checksErrored++
			}
		case len(b.events) == 0: // still pending
		default:
			c.started++
			switch b.Status {
			case "errored":
				c.errored++
			case "failed":
				c.failed++
			}
		}
	}
	return c
}

// errored lists the builds of jobs since a time that errored, with what they said last.
func (s *stage) errored(since time.Time) []string {
	var bad []string
	for _, b := range s.record.all() {
		if b.JobName != "" && b.ended.After(since) && b.Status == "errored" {
			bad = append(bad, fmt.Sprintf("%s/%s on %s: %s", b.TeamName, b.name(), b.on(), b.lastEvents()))
		}
	}
	return bad
}
