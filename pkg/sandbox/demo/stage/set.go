package stage

import (
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/player"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
)

// The sets before and after: real versions of 2026.
var (
	Before = world.Set{Concourse: "8.2.4", BPM: "1.4.33", Postgres: "54.0.5", Stemcell: "1.1340", Perpetual: "1.2.0"}
	After  = world.Set{Concourse: "8.3.0", Stemcell: "1.1364", Perpetual: "1.3.0"}
)

// Patience bounds waits that take a quarter of a minute, on a machine that does much else.
const Patience = 10 * time.Minute

// VersionText is a version for people.
func VersionText(v player.Version) string {
	if task := v["task"]; task != "" {
		return "director task " + task
	}
	return Describe(v)
}

// Describe is a component set for people.
func Describe(v player.Version) string {
	var parts []string
	for _, name := range []string{"concourse", "bpm", "postgres", "stemcell", "perpetual"} {
		if v[name] != "" {
			parts = append(parts, name+" "+v[name])
		}
	}
	return strings.Join(parts, ", ")
}
