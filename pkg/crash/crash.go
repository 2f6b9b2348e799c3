//go:build !crash

// Package crash names the points of a run at which a test ends the process, to
// prove that the next run finishes what this one began. In what is shipped it
// does nothing: only builds with the tag crash can end themselves, and only
// when PERPETUAL_CRASH says where.
package crash

import "time"

// Variables are the environment variables that this package reads: none in what is
// shipped.
var Variables []string

// Here is a point at which a run may be ended: between two things of which the
// second must not be lost, or be done twice, when the first has happened.
func Here(string) {}

// Scale gives the duration of a wait between two tries or two looks. Builds for
// tests divide it, so that they can go through thousands of runs.
func Scale(d time.Duration) time.Duration { return d }
